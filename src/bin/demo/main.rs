//! The toolkit's main job in one command: a server that loses 30%, pinged ten times.
//!
//! ```text
//! cargo run --bin demo
//! ```
//!
//! It starts `udp_ping_server` and `udp_ping_client`, as you would in two
//! terminals. You see what the client prints, and then what the server printed
//! all the while. Sheet: labs/01-udp-ping.md.
//!
//! New here: a program that starts others. It learns the server's port from the
//! server's first line, as a person would, and ends it as Ctrl-C does.

use std::env;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

use clap::Parser;
use socklab::cli::{self, Exit};
use socklab::output;

const NAME: &str = "demo";
const SERVER: &str = "udp_ping_server";
const CLIENT: &str = "udp_ping_client";

/// Ping a server that loses 30%, ten times
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {}

fn main() -> ExitCode {
    let Args {} = cli::parse(NAME);
    cli::finish(NAME, run())
}

fn run() -> Result<Exit, String> {
    let folder = own_folder()?;
    build(&folder)?;
    // Ctrl-C reaches all three programs. The other two end by it; this one
    // stays, and shows what the server said.
    cli::stop_on_ctrl_c()?;

    let mut server = Command::new(program(&folder, SERVER));
    // Port 0: any free one.
    server.args(["--bind", "127.0.0.1:0", "--loss", "30%"]).stdout(Stdio::piped());
    sys::in_its_own_group(&mut server);
    let mut server = server.spawn().map_err(|why| cannot_start(&folder, SERVER, &why))?;
    let pinged = ping(&folder, &mut server);
    // Nothing is to be left running, whatever went wrong.
    let interrupted = sys::interrupt(&server).or_else(|_| server.kill());
    let ended = server.wait();
    interrupted.and(ended).map_err(|why| format!("cannot end {SERVER}: {why}"))?;

    let told = pinged?;
    output::line(&format!("\n== {SERVER} --loss 30%, all the while =="));
    output::bytes(&told);
    Ok(Exit::Ok)
}

/// Runs the client against this server, to its end; gives what the server prints
/// meanwhile and after Ctrl-C.
fn ping(folder: &Path, server: &mut Child) -> Result<Vec<u8>, String> {
    let Some(said) = server.stdout.take() else { return Err(format!("{SERVER} says nothing")) };
    let (mut said, mut first) = (BufReader::new(said), String::new());
    said.read_line(&mut first).map_err(|why| format!("cannot read from {SERVER}: {why}"))?;
    // What went wrong there is on stderr already.
    let address = address(&first).ok_or_else(|| format!("{SERVER} does not listen"))?;

    // Not `output::line`, which ends this program where nobody reads: the
    // server would go on alone.
    let _ = writeln!(io::stdout(), "== {CLIENT} {address} ==");
    // All ten may be lost, six times in a million: that is no failure of the demo.
    let client = Command::new(program(folder, CLIENT)).arg(address).status();
    // Whether or not it ran, the server is to end, and is heard to its end.
    sys::interrupt(server).map_err(|why| format!("cannot end {SERVER}: {why}"))?;

    let mut all = first.into_bytes();
    said.read_to_end(&mut all).map_err(|why| format!("cannot read from {SERVER}: {why}"))?;
    client.map_err(|why| cannot_start(folder, CLIENT, &why))?;
    Ok(all)
}

/// Where a server listens, from its first line.
fn address(first: &str) -> Option<&str> {
    let (_, after) = first.split_once("listening on ")?;
    after.split([',', '\n']).next()
}

/// The folder of this program: the other two are beside it.
fn own_folder() -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|why| format!("cannot tell where I am: {why}"))?;
    Ok(this.parent().map(Path::to_path_buf).unwrap_or_default())
}

fn program(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}{}", env::consts::EXE_SUFFIX))
}

/// `cargo run --bin demo` builds this program alone, so the other two are built
/// here. In an archive, where there is no Cargo, they are ready.
fn build(folder: &Path) -> Result<(), String> {
    let Some(mut cargo) = cargo(folder, env::var_os("CARGO")) else { return Ok(()) };
    match cargo.args(["--bin", SERVER, "--bin", CLIENT]).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("cannot build {SERVER} and {CLIENT}; Cargo says above why")),
        Err(why) => Err(format!("cannot start Cargo, to build {SERVER} and {CLIENT}: {why}")),
    }
}

/// `cargo build` into this folder, where Cargo started this program (it says so
/// by a variable) and has built it there: its folders have a `deps`.
fn cargo(folder: &Path, cargo: Option<OsString>) -> Option<Command> {
    let mut command = Command::new(cargo.filter(|_| folder.join("deps").is_dir())?);
    command.args(["build", "--quiet"]);
    match folder.file_name()?.to_str()? {
        "debug" => {}
        profile => drop(command.args(["--profile", profile])),
    }
    Some(command)
}

fn cannot_start(folder: &Path, name: &str, why: &io::Error) -> String {
    format!("cannot start {}: {why}; build it first: cargo build", program(folder, name).display())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn the_servers_first_line_tells_where_it_listens() {
        let line = "udp_ping_server: listening on 127.0.0.1:40001, loss 30%, seed 3\n";
        assert_eq!(address(line), Some("127.0.0.1:40001"));
        assert_eq!(address("udp_ping_server: listening on [::1]:7\n"), Some("[::1]:7"));
        assert_eq!(address(""), None);
    }
}
