//! Services to watch, on loopback, each of which can be broken while you watch.
//!
//! ```text
//! cargo run -q --bin lab_services
//! cargo run -q --bin lab_services -- --port-base 20000 --break 'dns truncated'
//! ```
//!
//! You see each service with its address and a command that talks to it, and a
//! prompt: `stop http`, `slow dns 3s`, `https expired`, `heal`, `help`. It runs
//! until `exit` or Ctrl-C; where stdin is no terminal, until Ctrl-C or SIGTERM.
//! Sheet: labs/08-monitor.md.
//!
//! New here: seven protocols at once, and none of them in this file. The
//! sockets are in `monitor/src/lab`, since the monitor starts the same services
//! within itself; here is the prompt.

mod event;

use std::io::{self, BufRead, IsTerminal};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;

use clap::Parser;
use logic::pace::LOOK_UP;
use monitor::lab::Lab;
use monitor::lab::ca_file::CaFile;
use monitor::lab::commands::Command;
use socklab::cli::{self, Exit};
use socklab::errors::cause;
use socklab::event::Reporter;
use socklab::output;

use event::{Changed, Help, Start, Status};

const NAME: &str = "lab_services";

/// Serve HTTP, HTTPS, DNS, NTP, TCP, echo and silence, and break each on request
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Listen on this address
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// Add this to each well-known port: 10000 puts HTTP on 10080 and DNS on
    /// 10053; 0 takes ports that are free
    #[arg(
        long,
        value_name = "PORT",
        default_value = "10000",
        value_parser = port_base,
        allow_negative_numbers = true
    )]
    port_base: u16,
    /// Write the certificate of the lab's authority to this file
    /// [default: lab-ca-PORT.pem in the folder for temporary files, where PORT
    /// is the port of https]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Start with this fault, written as at the prompt: 'dns wrong-question';
    /// may be given more than once
    #[arg(long = "break", value_name = "COMMAND")]
    breaks: Vec<Command>,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
}

fn port_base(text: &str) -> Result<u16, String> {
    let base = text.parse().ok().filter(|base| *base <= 65_535 - 443);
    base.ok_or_else(|| "a port base is a number from 0 to 65092; 10000 puts HTTP on 10080".into())
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("the services answer"));
    let lab = Lab::start(args.bind, args.port_base)?;
    let ca_file = CaFile::write(&lab, args.ca_file.as_deref())?;
    for &command in &args.breaks {
        lab.obey(command)?;
    }
    let reporter = Reporter::new(args.json, false);
    reporter.tell_always(&Start::new(&lab, args.bind, &ca_file.path));

    let prompting = io::stdin().is_terminal() && !args.json;
    let (sender, lines) = mpsc::channel();
    // Where nobody types, the end of stdin is not the end: then this keeps the
    // channel open.
    let _open = (!prompting).then(|| sender.clone());
    thread::Builder::new()
        .spawn(move || read_lines(&sender))
        .map_err(|why| format!("cannot start a thread: {}", cause(&why)))?;

    let prompt = || {
        if prompting {
            output::bytes(b"lab> ");
        }
    };
    prompt();
    while !cli::stopping() {
        match lines.recv_timeout(LOOK_UP) {
            Ok(line) if !obey(&lab, &reporter, &line) => return Ok(Exit::Ok),
            Ok(_) => prompt(),
            Err(RecvTimeoutError::Timeout) => {}
            // Ctrl-D at the prompt.
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    if prompting {
        // What comes next is not to stand behind the prompt.
        output::line("");
    }
    Ok(Exit::Ok)
}

/// Reads stdin, in a thread of its own that ends with the process: a read of a
/// terminal cannot be made to return.
fn read_lines(lines: &Sender<String>) {
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    while matches!(stdin.read_until(b'\n', &mut line), Ok(1..)) {
        if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
            return;
        }
        line.clear();
    }
}

/// Does what was typed; false if it was the word that ends the program.
fn obey(lab: &Lab, reporter: &Reporter, line: &str) -> bool {
    match line.trim().to_lowercase().as_str() {
        "" => {}
        "exit" | "quit" => return false,
        "status" => reporter.tell_always(&Status::of(lab)),
        "help" => reporter.tell_always(&Help::new()),
        _ => {
            let done = line.trim().parse().and_then(|command| {
                lab.obey(command)?;
                Ok(command.service())
            });
            match done {
                Ok(Some(service)) => reporter.tell_always(&Changed::of(lab, service)),
                Ok(None) => reporter.tell_always(&Status::of(lab)),
                Err(why) => output::complain(NAME, &why),
            }
        }
    }
    true
}
