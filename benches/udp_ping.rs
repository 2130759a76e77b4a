//! The speed of the UDP ping programs, beside a minimal pair in C.
//!
//! ```text
//! make bench
//! ```
//!
//! You see what a ping takes, for each client with each server, and how many
//! requests a second each server answers when more come than it can take; at
//! the end the ratios, each with its bound. It takes about a minute, and needs
//! Linux, `cc` and `taskset`.
//!
//! Every figure is of whole processes, and every ratio of two of them that ran
//! one right after the other, because the machine is not the same a minute
//! later. Where a program runs matters more than what it does (a processor
//! that has to be woken up takes ten times as long as a ping), so each is held
//! on one processor.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const ROUNDS: usize = 7;
const LOAD: Duration = Duration::from_secs(1);
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/c/udp_pair.c");

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
    let pair = Pair::compile()?;
    let (near, far) = processors()?;
    println!("udp_ping_client and udp_ping_server, beside a minimal pair in C");
    println!("Medians of {ROUNDS} rounds, in each of which every contestant has its turn.\n");

    let mut verdicts = Vec::new();
    let one = Place {
        name: "one processor",
        shows: "the programs' own work: nobody is waited for",
        client: near,
        server: near,
        pings: 50_000,
    };
    verdicts.extend(round_trips(&pair, &one)?);
    if near == far {
        println!("Only one processor may be used: no round trips between two, and no load.\n");
    } else {
        let two = Place {
            name: "two processors",
            shows: "mostly the waking up of the other processor, each way",
            client: near,
            server: far,
            pings: 10_000,
        };
        verdicts.extend(round_trips(&pair, &two)?);
        verdicts.extend(throughput(&pair, near, far)?);
    }

    println!("Where both clients print an RTT, ours flatters itself: it ends at the kernel's");
    println!("receive stamp, C's later, when recv returns. So RTTs are compared by C's client.\n");
    println!("Ours to C's, in the same round                  median  all rounds    required");
    verdicts.iter().for_each(Verdict::print);
    Ok(())
}

/// Whose program.
#[derive(Clone, Copy, PartialEq)]
enum Whose {
    C,
    Ours,
}
use Whose::{C, Ours};

impl Whose {
    fn name(self) -> &'static str {
        match self {
            C => "C",
            Ours => "ours",
        }
    }
}

/// Where client and server run, and how often one pings the other.
struct Place {
    name: &'static str,
    /// What its figures are made of.
    shows: &'static str,
    client: u32,
    server: u32,
    pings: u32,
}

/// What a client's run showed, in microseconds.
#[derive(Clone, Copy)]
struct Pinged {
    /// The process's whole life, by the number of pings.
    process: f64,
    /// By the client's own clock.
    median_rtt: f64,
}

/// Each client with each server.
fn round_trips(pair: &Pair, place: &Place) -> Result<Vec<Verdict>, String> {
    let contests = [(C, C), (C, Ours), (Ours, C), (Ours, Ours)];
    let rounds = rounds(&contests, |&(client, server)| {
        let server = Server::start(pair, server, place.server)?;
        ping(pair, client, &server, place)
    })?;

    println!("Round trips on {}, {} pings a round", place.name, place.pings);
    println!("({})", place.shows);
    println!("  client  server   whole process, a ping   client's own median RTT");
    for (index, (client, server)) in contests.iter().enumerate() {
        let figure = |of: fn(&Pinged) -> f64| median(rounds.iter().map(|round| of(&round[index])));
        println!(
            "  {:<6}  {:<6}  {:>19.2} µs  {:>21.2} µs",
            client.name(),
            server.name(),
            figure(|pinged| pinged.process),
            figure(|pinged| pinged.median_rtt)
        );
    }
    println!();

    let verdict = |what: &str, bound, of: fn(&[Pinged]) -> f64| Verdict {
        what: format!("{what}, {}", place.name),
        ratios: rounds.iter().map(|round| of(round)).collect(),
        bound,
    };
    let bound = Some(Bound::AtMost(1.10));
    // Our client does more than C's for a ping: it keeps a table of all that
    // are under way, reads the kernel's stamp, compares every byte.
    Ok(vec![
        verdict("median RTT by C's client", bound, |round| {
            round[1].median_rtt / round[0].median_rtt
        }),
        verdict("whole process, a ping", None, |round| round[3].process / round[0].process),
    ])
}

/// Runs a client to its end.
fn ping(pair: &Pair, whose: Whose, server: &Server, place: &Place) -> Result<Pinged, String> {
    let (port, count) = (server.port.to_string(), place.pings.to_string());
    let address = format!("127.0.0.1:{port}");
    let mut command = match whose {
        C => on(place.client, &pair.program, &["client", &port, &count]),
        Ours => on(
            place.client,
            Path::new(env!("CARGO_BIN_EXE_udp_ping_client")),
            &["-q", "--json", "-n", &count, &address],
        ),
    };
    let began = Instant::now();
    let said = said(&mut command)?;
    let process = began.elapsed().as_secs_f64() * 1e6 / f64::from(place.pings);
    let median_rtt = match whose {
        C => said.trim().parse().ok().map(|ns: f64| ns / 1e3),
        Ours => summary_of_all(&said, place.pings).map(|ms| ms * 1e3),
    };
    let median_rtt = median_rtt.ok_or(format!("a client lost pings, or said: {said:?}"))?;
    Ok(Pinged { process, median_rtt })
}

/// The median RTT in our client's summary, if every ping was answered.
fn summary_of_all(said: &str, pings: u32) -> Option<f64> {
    let summary: Value = serde_json::from_str(said.lines().last()?).ok()?;
    (summary["received"] == pings).then(|| summary["rtt_p50_ms"].as_f64())?
}

/// What a server did under load.
#[derive(Clone, Copy)]
struct Loaded {
    /// Requests sent to it, and replies that came back, a second.
    requests: f64,
    replies: f64,
    /// The share of the time in which it had its processor, from 0 to 1.
    busy: f64,
    /// What it took of its processor for a reply, in microseconds.
    time: f64,
}

/// Each server, with more requests than it can answer.
fn throughput(pair: &Pair, near: u32, far: u32) -> Result<Vec<Verdict>, String> {
    let contests = [C, Ours];
    let rounds = rounds(&contests, |&whose| load(pair, &Server::start(pair, whose, far)?, near))?;

    println!(
        "Load from another processor, more than can be answered, {} s a round",
        LOAD.as_secs()
    );
    println!("  server  requests/s  replies/s  server's share of its processor  its time a reply");
    for (index, whose) in contests.iter().enumerate() {
        let figure = |of: fn(&Loaded) -> f64| median(rounds.iter().map(|round| of(&round[index])));
        println!(
            "  {:<6}  {:>10.0}  {:>9.0}  {:>29.0} %  {:>13.2} µs",
            whose.name(),
            figure(|loaded| loaded.requests),
            figure(|loaded| loaded.replies),
            100.0 * figure(|loaded| loaded.busy),
            figure(|loaded| loaded.time)
        );
    }
    println!("  With a share below 95 %, something else had the processor, or too few requests");
    println!("  came: then trust the time a reply more than the replies a second.\n");

    let verdict = |what: &str, bound, of: fn(&[Loaded]) -> f64| Verdict {
        what: what.to_string(),
        ratios: rounds.iter().map(|round| of(round)).collect(),
        bound: Some(bound),
    };
    Ok(vec![
        verdict("replies a second under load", Bound::AtLeast(0.90), |round| {
            round[1].replies / round[0].replies
        }),
        verdict("server's time a reply under load", Bound::AtMost(1.0 / 0.90), |round| {
            round[1].time / round[0].time
        }),
    ])
}

fn load(pair: &Pair, server: &Server, processor: u32) -> Result<Loaded, String> {
    let (port, ms) = (server.port.to_string(), LOAD.as_millis().to_string());
    let before = server.processor_time()?;
    let said = said(&mut on(processor, &pair.program, &["load", &port, &ms]))?;
    let used = server.processor_time()? - before;
    let mut numbers = said.split_whitespace().filter_map(|word| word.parse().ok());
    let (Some(sent), Some(answered)) = (numbers.next(), numbers.next()) else {
        return Err(format!("the load said: {said:?}"));
    };
    let (sent, answered): (f64, f64) = (sent, answered);
    let seconds = LOAD.as_secs_f64();
    Ok(Loaded {
        requests: sent / seconds,
        replies: answered / seconds,
        busy: used.as_secs_f64() / seconds,
        time: used.as_secs_f64() * 1e6 / answered,
    })
}

/// Measures every contestant in every round, each second round backwards, so
/// that none is always the one that comes after the same other.
fn rounds<Contestant, Figures: Copy>(
    contestants: &[Contestant],
    measure: impl Fn(&Contestant) -> Result<Figures, String>,
) -> Result<Vec<Vec<Figures>>, String> {
    let round = |number: usize| {
        if number.is_multiple_of(2) {
            contestants.iter().map(&measure).collect()
        } else {
            let backwards: Result<Vec<Figures>, _> =
                contestants.iter().rev().map(&measure).collect();
            backwards.map(|figures| figures.into_iter().rev().collect())
        }
    };
    (0..ROUNDS).map(round).collect()
}

fn median(figures: impl IntoIterator<Item = f64>) -> f64 {
    let mut figures: Vec<f64> = figures.into_iter().collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[derive(Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

/// What a ratio has to be, and what it was in each round.
struct Verdict {
    what: String,
    ratios: Vec<f64>,
    /// None where the two do not do the same work.
    bound: Option<Bound>,
}

impl Verdict {
    fn print(&self) {
        let ratio = median(self.ratios.iter().copied());
        let least = self.ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.ratios.iter().copied().fold(0.0, f64::max);
        let word = |kept| if kept { "ok" } else { "MISSED" };
        let (required, word) = match self.bound {
            Some(Bound::AtMost(bound)) => (format!("<= {bound:.2}"), word(ratio <= bound)),
            Some(Bound::AtLeast(bound)) => (format!(">= {bound:.2}"), word(ratio >= bound)),
            None => ("      -".to_string(), ""),
        };
        let rounds = format!("{least:.2} to {most:.2}");
        println!("  {:<46}{ratio:>6.2}  {rounds:<12}  {required}  {word}", self.what);
    }
}

/// The pair in C, compiled into a folder that is removed on drop.
struct Pair {
    folder: PathBuf,
    program: PathBuf,
}

impl Pair {
    fn compile() -> Result<Pair, String> {
        let folder = std::env::temp_dir().join(format!("socklab-bench-{}", std::process::id()));
        fs::create_dir(&folder)
            .map_err(|why| format!("cannot make {}: {why}", folder.display()))?;
        let pair = Pair { program: folder.join("udp_pair"), folder };
        let mut compiler = Command::new("cc");
        compiler.args(["-O2", "-o"]).arg(&pair.program).arg(SOURCE);
        let status =
            compiler.status().map_err(|why| not_started("cc", "gcc and libc6-dev", &why))?;
        if status.success() { Ok(pair) } else { Err(format!("cc does not compile {SOURCE}")) }
    }
}

impl Drop for Pair {
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
    fn start(pair: &Pair, whose: Whose, processor: u32) -> Result<Server, String> {
        let mut command = match whose {
            C => on(processor, &pair.program, &["server"]),
            Ours => on(
                processor,
                Path::new(env!("CARGO_BIN_EXE_udp_ping_server")),
                &["-q", "--loss", "0", "--bind", "127.0.0.1:0"],
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
        server.port = port(&first).ok_or(format!("a server does not start; it said {first:?}"))?;
        Ok(server)
    }

    /// What its main thread, which does the work, had of a processor so far.
    fn processor_time(&self) -> Result<Duration, String> {
        let file = format!("/proc/{}/schedstat", self.process.id());
        let stat = fs::read_to_string(&file).map_err(|why| format!("cannot read {file}: {why}"))?;
        let nanos = stat.split(' ').next().and_then(|nanos| nanos.parse().ok());
        nanos.map(Duration::from_nanos).ok_or(format!("{file} does not begin with a time"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The port in `... listening on 127.0.0.1:PORT`, whatever follows.
fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
    rest.split([',', '\n']).next()?.parse().ok()
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
    let ends = numbers.first().copied().zip(numbers.last().copied());
    ends.ok_or(format!("{file} does not tell the processors"))
}

/// A command held on one processor.
fn on(processor: u32, program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &processor.to_string()]).arg(program).args(args);
    command
}

/// Runs a command to its end: what it said on stdout.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| not_started("taskset", "util-linux", &why))?;
    if !output.status.success() {
        return Err(format!("{command:?} failed: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn not_started(tool: &str, packages: &str, why: &io::Error) -> String {
    format!("cannot start {tool}: {why}; on Debian it is in {packages}")
}
