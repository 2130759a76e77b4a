//! The speed of icmp_ping, beside iputils' `ping`.
//!
//! ```text
//! make bench
//! ```
//!
//! You see the average RTT that each finds on loopback, and how long each
//! takes for a flood; at the end what was wanted. It takes half a minute, and
//! needs Linux, `ping` and `taskset`, and root, as `ping -f` does.
//!
//! An RTT on loopback is the work of the kernel, and of the processor that has
//! to do it after a sleep: who sends sooner after waking up sees a longer one.
//! So the two take turns, held on one processor.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::Value;

const ROUNDS: usize = 5;
const FLOOD: u32 = 50_000;

/// How much longer our average RTT may be, in microseconds.
const LONGER: f64 = 1.5;
/// How many times ping's time our flood may take.
const SLOWER: f64 = 1.3;

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
    println!("icmp_ping, beside iputils ping, on loopback; medians of {ROUNDS} rounds\n");
    println!("                                          ping       ours    wanted");
    // Below 10 ms neither sleeps between two requests; above, both do.
    for (interval, count) in [("0.002", 1000), ("0.1", 20)] {
        let count = count.to_string();
        let mut differences = Vec::new();
        let mut columns = [Vec::new(), Vec::new()];
        for round in 0..ROUNDS {
            let theirs = || average(&["-q", "-i", interval, "-c", &count, "127.0.0.1"]);
            let ours = || summary(&["-q", "--json", "-i", interval, "-n", &count, "127.0.0.1"]);
            let (theirs, ours) = in_turn(round, theirs, ours)?;
            columns[0].push(theirs);
            columns[1].push(ours);
            differences.push(ours - theirs);
        }
        let difference = median(differences);
        let [theirs, ours] = columns.map(median);
        println!(
            "average RTT, one every {:>3} ms         {theirs:>6.1} µs  {ours:>6.1} µs    at most {LONGER} µs \
             more: {difference:+.1} µs  {}",
            interval.parse::<f64>().unwrap_or(f64::NAN) * 1e3,
            word(difference <= LONGER)
        );
    }

    let count = FLOOD.to_string();
    let mut ratios = Vec::new();
    let mut columns = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        let theirs = || timed(|| average(&["-f", "-q", "-c", &count, "127.0.0.1"]));
        let ours = || timed(|| summary(&["-q", "--json", "-i", "0", "-n", &count, "127.0.0.1"]));
        let (theirs, ours) = in_turn(round, theirs, ours)?;
        columns[0].push(theirs);
        columns[1].push(ours);
        ratios.push(ours / theirs);
    }
    let ratio = median(ratios);
    let [theirs, ours] = columns.map(median);
    println!(
        "{FLOOD} pings, each on the last's reply {theirs:>6.0} ms  {ours:>6.0} ms    at most {SLOWER} \
         times: {ratio:.2}  {}",
        word(ratio <= SLOWER)
    );
    Ok(())
}

/// Both, in an order that changes every round.
fn in_turn(
    round: usize,
    theirs: impl Fn() -> Result<f64, String>,
    ours: impl Fn() -> Result<f64, String>,
) -> Result<(f64, f64), String> {
    if round.is_multiple_of(2) {
        let theirs = theirs()?;
        Ok((theirs, ours()?))
    } else {
        let ours = ours()?;
        Ok((theirs()?, ours))
    }
}

/// What ping finds for its average RTT, in microseconds.
fn average(args: &[&str]) -> Result<f64, String> {
    let said = said(Path::new("ping"), args)?;
    // rtt min/avg/max/mdev = 0.004/0.005/0.016/0.001 ms
    let found = said.split(" = ").nth(1).and_then(|figures| figures.split('/').nth(1));
    let average = found.and_then(|average| average.parse::<f64>().ok());
    average.map(|ms| ms * 1e3).ok_or(format!("ping said: {said:?}"))
}

/// The same of ours, of a run in which every request was answered.
fn summary(args: &[&str]) -> Result<f64, String> {
    let said = said(Path::new(env!("CARGO_BIN_EXE_icmp_ping")), args)?;
    let last = said.lines().last().unwrap_or_default();
    let summary: Value = serde_json::from_str(last).map_err(|why| format!("{why}: {said:?}"))?;
    let all = summary["received"] == summary["sent"];
    let average = summary["rtt_avg_ms"].as_f64().filter(|_| all);
    average.map(|ms| ms * 1e3).ok_or(format!("icmp_ping said: {said:?}"))
}

/// How long it takes, in milliseconds.
fn timed(run: impl Fn() -> Result<f64, String>) -> Result<f64, String> {
    let began = Instant::now();
    run()?;
    Ok(began.elapsed().as_secs_f64() * 1e3)
}

/// Runs a program to its end, held on one processor: what it said on stdout.
fn said(program: &Path, args: &[&str]) -> Result<String, String> {
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(program)
        .args(args)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|why| format!("cannot start taskset: {why}; on Debian it is in util-linux"))?;
    if !output.status.success() {
        return Err(format!("{} failed: {}", program.display(), output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn word(kept: bool) -> &'static str {
    if kept { "ok" } else { "MISSED" }
}
