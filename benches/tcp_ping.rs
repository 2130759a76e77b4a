//! The speed of the TCP ping server, beside minimal threaded ones in C and Python.
//!
//! ```text
//! cargo bench --bench tcp_ping
//! ```
//!
//! You see how many requests a second each server answers, over connections that
//! are kept and over a new one for each request; at the end the ratios, each
//! with its bound. It takes about half a minute, and needs Linux, `cc`,
//! `taskset` and `python3`.
//!
//! The load is a program in C with 32 connections at a time. It has one
//! processor, and the server another, because what is compared is the server's
//! work. Every ratio is of two servers that ran in the same round.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

const ROUNDS: usize = 7;
/// A new connection a request uses up ports, of which there are 28,000.
const LOAD_MS: u32 = 500;
const CLIENTS: u32 = 32;
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(2)
        }
    }
}

#[derive(Clone, Copy)]
enum Whose {
    Ours,
    C,
    Python,
}
use Whose::{C, Ours, Python};

impl Whose {
    fn name(self) -> &'static str {
        match self {
            Ours => "ours",
            C => "C",
            Python => "Python",
        }
    }
}

fn run() -> Result<(), String> {
    let yardstick = Yardstick::compile()?;
    let (near, far) = processors()?;
    println!("tcp_ping server, beside minimal threaded servers in C and in Python");
    println!(
        "{CLIENTS} connections at a time from one processor, the server on another, {LOAD_MS} ms a round."
    );
    println!("Medians of {ROUNDS} rounds, in each of which every server has its turn.\n");
    if near == far {
        println!("This machine has one processor: load and server share it.\n");
    }

    let mut verdicts = Vec::new();
    for (mode, name) in [("keep", "connections kept"), ("new", "a connection a request")] {
        let contests = [Ours, C, Python];
        let mut rounds: Vec<[Loaded; 3]> = Vec::new();
        for round in 0..ROUNDS {
            let mut figures = [Loaded::default(); 3];
            // Each second round backwards, so that none always follows the same.
            for step in 0..3 {
                let turn = if round % 2 == 0 { step } else { 2 - step };
                let server = Server::start(&yardstick, contests[turn], far)?;
                figures[turn] = load(&yardstick, &server, near, mode)?;
            }
            rounds.push(figures);
        }
        println!("{name}");
        println!("  server  requests/s  server's share of its processor  its time a request");
        for (index, whose) in contests.iter().enumerate() {
            let figure =
                |of: fn(&Loaded) -> f64| median(rounds.iter().map(|round| of(&round[index])));
            println!(
                "  {:<6}  {:>10.0}  {:>29.0} %  {:>15.2} µs",
                whose.name(),
                figure(|loaded| loaded.requests),
                100.0 * figure(|loaded| loaded.busy),
                figure(|loaded| 1e6 * loaded.busy / loaded.requests)
            );
        }
        println!();
        // Over kept connections nearly all the time goes to the kernel, which is
        // the same for all: there is no twice as fast.
        let to_python = (mode == "new").then_some(2.0);
        for (other, bound) in [(1, Some(0.9)), (2, to_python)] {
            let ratios: Vec<f64> =
                rounds.iter().map(|round| round[0].requests / round[other].requests).collect();
            verdicts.push((format!("ours to {}, {name}", contests[other].name()), ratios, bound));
        }
    }

    println!("In the same round                           median  all rounds    required");
    for (what, ratios, bound) in &verdicts {
        let ratio = median(ratios.iter().copied());
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let rounds = format!("{least:.2} to {most:.2}");
        let required = match *bound {
            Some(bound) if ratio >= bound => format!(">= {bound:.2}  ok"),
            Some(bound) => format!(">= {bound:.2}  MISSED"),
            None => "-".to_string(),
        };
        println!("  {what:<40}{ratio:>8.2}  {rounds:<12}  {required}");
    }
    Ok(())
}

/// What a server did under load.
#[derive(Clone, Copy, Default)]
struct Loaded {
    /// Answered, a second.
    requests: f64,
    /// The share of the time in which it had its processor, from 0 to 1. Well
    /// below 1, the load was the slower of the two.
    busy: f64,
}

fn load(
    yardstick: &Yardstick,
    server: &Server,
    processor: u32,
    mode: &str,
) -> Result<Loaded, String> {
    let (port, ms, clients) = (server.port.to_string(), LOAD_MS.to_string(), CLIENTS.to_string());
    let mut command = on(processor, &yardstick.program, &["load", &port, &ms, &clients, mode]);
    let before = server.processor_time()?;
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| not_started("taskset", "util-linux", &why))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let answered: f64 =
        said.trim().parse().map_err(|_| format!("the load failed, and said {said:?}"))?;
    let seconds = f64::from(LOAD_MS) / 1e3;
    let busy = (server.processor_time()? - before) / seconds;
    Ok(Loaded { requests: answered / seconds, busy })
}

fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// The program in C, compiled into a folder that is removed on drop.
struct Yardstick {
    folder: PathBuf,
    program: PathBuf,
}

impl Yardstick {
    fn compile() -> Result<Yardstick, String> {
        let folder = std::env::temp_dir().join(format!("socklab-bench-tcp-{}", std::process::id()));
        fs::create_dir(&folder)
            .map_err(|why| format!("cannot make {}: {why}", folder.display()))?;
        let yardstick = Yardstick { program: folder.join("tcp_server"), folder };
        let source = format!("{ROOT}/benches/c/tcp_server.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-pthread", "-o"]).arg(&yardstick.program).arg(&source);
        let status =
            compiler.status().map_err(|why| not_started("cc", "gcc and libc6-dev", &why))?;
        if status.success() { Ok(yardstick) } else { Err(format!("cc does not compile {source}")) }
    }
}

impl Drop for Yardstick {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A running server, killed on drop.
struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start(yardstick: &Yardstick, whose: Whose, processor: u32) -> Result<Server, String> {
        let script = format!("{ROOT}/benches/python/tcp_server.py");
        let mut command = match whose {
            C => on(processor, &yardstick.program, &["server"]),
            Python => on(processor, Path::new("python3"), &[&script]),
            Ours => on(
                processor,
                Path::new(env!("CARGO_BIN_EXE_tcp_ping")),
                &["server", "-q", "--loss", "0", "--bind", "127.0.0.1:0"],
            ),
        };
        let process = command
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|why| not_started("taskset", "util-linux", &why))?;
        let mut server = Server { process, port: 0 };
        let mut first = String::new();
        if let Some(stdout) = &mut server.process.stdout {
            let read = BufReader::new(stdout).read_line(&mut first);
            read.map_err(|why| format!("cannot read what a server says: {why}"))?;
        }
        let port = first.split_once("listening on 127.0.0.1:").and_then(|(_, rest)| {
            rest.split([',', '\n']).next().and_then(|port| port.parse().ok())
        });
        server.port = port.ok_or(format!("a server does not start; it said {first:?}"))?;
        Ok(server)
    }

    /// What all its threads, also those that have ended, had of a processor so
    /// far, in seconds (proc(5), /proc/pid/stat: utime and stime, in hundredths).
    fn processor_time(&self) -> Result<f64, String> {
        let file = format!("/proc/{}/stat", self.process.id());
        let stat = fs::read_to_string(&file).map_err(|why| format!("cannot read {file}: {why}"))?;
        // Behind the name, which may hold anything, fields 3 and on.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let times: Vec<f64> =
            fields.skip(11).take(2).filter_map(|ticks| ticks.parse().ok()).collect();
        match times[..] {
            [user, system] => Ok((user + system) / 100.0),
            _ => Err(format!("{file} does not tell the time used")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The first and the last of the processors that we may use. Neighbours in
/// number may be two halves of one.
fn processors() -> Result<(u32, u32), String> {
    let file = "/proc/self/status";
    let status = fs::read_to_string(file)
        .map_err(|why| format!("cannot read {file}: {why}; this benchmark needs Linux"))?;
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    // Such as 0-3,8.
    let numbers: Vec<u32> = list
        .unwrap_or_default()
        .trim()
        .split([',', '-'])
        .filter_map(|number| number.parse().ok())
        .collect();
    let first = numbers.first().zip(numbers.last()).map(|(&first, &last)| (first, last));
    first.ok_or(format!("{file} does not tell the processors"))
}

/// A command held on one processor.
fn on(processor: u32, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program).args(args);
    command
}

fn not_started(tool: &str, packages: &str, why: &io::Error) -> String {
    format!("cannot start {tool}: {why}; on Debian it is in {packages}")
}
