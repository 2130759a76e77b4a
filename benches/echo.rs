//! The throughput of the echo server over UDP, beside a minimal loop in C.
//!
//! ```text
//! cargo bench --bench echo
//! ```
//!
//! You see how many datagrams a second each server echoes when more come than
//! it can take, what it needs of its processor for one, and the ratios, each
//! with its bound. It takes about 20 seconds, and needs Linux, `cc`,
//! `taskset` and two processors: one for the server, one for the load.
//!
//! The two take turns, and each ratio is of two runs one right after the
//! other, because the machine is not the same a minute later.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

const ROUNDS: usize = 9;
const LOAD_MS: u32 = 1000;
/// What ours must reach of C's.
const BOUND: f64 = 0.90;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<(), String> {
    let tools = Tools::compile()?;
    let ours = Path::new(env!("CARGO_BIN_EXE_echo_server"));
    let ours_args = ["--udp", "-q", "--bind", "127.0.0.1:0"];
    let mut rounds: Vec<[Figures; 2]> = Vec::new();
    for round in 0..ROUNDS {
        let in_c = || measure(&tools, &tools.path("echo_udp"), &[]);
        let in_rust = || measure(&tools, ours, &ours_args);
        // Each second round backwards, so that neither always comes first.
        rounds.push(if round.is_multiple_of(2) {
            let first = in_c()?;
            [first, in_rust()?]
        } else {
            let first = in_rust()?;
            [in_c()?, first]
        });
    }

    println!("echo_server --udp -q beside a minimal loop in C, medians of {ROUNDS} rounds");
    println!("datagrams of 34 bytes from 4 sockets of another processor, {LOAD_MS} ms a round\n");
    println!("  server   echoes/s   processor time an echo");
    for (index, name) in ["C", "ours"].iter().enumerate() {
        let echoes = median(rounds.iter().map(|round| round[index].echoes));
        let micros = median(rounds.iter().map(|round| round[index].micros));
        println!("  {name:<6} {echoes:>10.0}   {micros:>19.2} µs");
    }
    println!();
    let ratios: [(&str, Vec<f64>); 2] = [
        (
            "echoes a second, ours to C's",
            rounds.iter().map(|[c, us]| us.echoes / c.echoes).collect(),
        ),
        (
            "processor time, C's to ours",
            rounds.iter().map(|[c, us]| c.micros / us.micros).collect(),
        ),
    ];
    for (what, ratios) in ratios {
        let ratio = median(ratios.iter().copied());
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let word = if ratio >= BOUND { "ok" } else { "MISSED" };
        println!(
            "  {what:<30} {ratio:.2}  ({least:.2} to {most:.2})  required >= {BOUND:.2}  {word}"
        );
    }
    Ok(())
}

struct Figures {
    /// Datagrams that came back, a second.
    echoes: f64,
    /// What the server took of its processor for each, in microseconds.
    micros: f64,
}

fn measure(tools: &Tools, server: &Path, args: &[&str]) -> Result<Figures, String> {
    let server = Server::start(server, args)?;
    let before = server.processor_seconds()?;
    let load = tools.path("udp_pair");
    let output = on(0, &load, &["load", &server.port, &LOAD_MS.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| format!("cannot start the load: {why}"))?;
    let used = server.processor_seconds()? - before;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let echoed = said.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    let echoed: f64 = echoed.ok_or(format!("the load said {said:?}"))?;
    Ok(Figures { echoes: echoed * 1e3 / f64::from(LOAD_MS), micros: used * 1e6 / echoed })
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// A command held on the first processor, or the second.
fn on(processor: u32, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program).args(args);
    command
}

/// A running server, killed on drop.
struct Server {
    process: Child,
    port: String,
}

impl Server {
    fn start(program: &Path, args: &[&str]) -> Result<Server, String> {
        let failed = |why: io::Error| format!("cannot start {}: {why}", program.display());
        let process = on(1, program, args).stdout(Stdio::piped()).spawn().map_err(failed)?;
        let mut server = Server { process, port: String::new() };
        let mut first = String::new();
        if let Some(stdout) = &mut server.process.stdout {
            BufReader::new(stdout).read_line(&mut first).map_err(failed)?;
        }
        let port = first.split("127.0.0.1:").nth(1).and_then(|rest| rest.split([',', '\n']).next());
        server.port = port.ok_or(format!("a server said {first:?}"))?.to_string();
        Ok(server)
    }

    /// What all its threads had of a processor so far.
    fn processor_seconds(&self) -> Result<f64, String> {
        let folder = format!("/proc/{}/task", self.process.id());
        let failed = |why: io::Error| format!("cannot read {folder}: {why}");
        let mut nanos = 0.0;
        for thread in fs::read_dir(&folder).map_err(failed)? {
            let file = thread.map_err(failed)?.path().join("schedstat");
            let text = fs::read_to_string(file).map_err(failed)?;
            nanos += text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0.0);
        }
        Ok(nanos / 1e9)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The C programs, compiled into a folder that is removed on drop.
struct Tools(PathBuf);

impl Tools {
    fn compile() -> Result<Tools, String> {
        let folder = std::env::temp_dir().join(format!("socklab-echo-{}", std::process::id()));
        fs::create_dir(&folder)
            .map_err(|why| format!("cannot make {}: {why}", folder.display()))?;
        let tools = Tools(folder);
        for name in ["echo_udp", "udp_pair"] {
            let source = format!("{}/benches/c/{name}.c", env!("CARGO_MANIFEST_DIR"));
            let status = Command::new("cc")
                .args(["-O2", "-o"])
                .arg(tools.path(name))
                .arg(&source)
                .status()
                .map_err(|why| format!("cannot start cc: {why}; on Debian it is in gcc"))?;
            if !status.success() {
                return Err(format!("cc does not compile {source}"));
            }
        }
        Ok(tools)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
