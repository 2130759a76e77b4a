//! Runs every test of the workspace, many at a time, each in a process of its own.
//!
//! `cargo test` runs one test binary after the other, and most of the tests
//! wait: for timeouts, for the next beat, for a lost packet. So this asks Cargo
//! to build ([`build`]), and each binary for its tests; starts them, those that
//! took longest last time first ([`times`]), several per processor ([`crew`],
//! [`job`]); and tells what `cargo test` would tell ([`report`]).
//!
//! Arguments go to `cargo test`; those after `--` to each binary, to choose
//! among its tests: `scripts/test -p monitor -- agents`. From the environment:
//!
//! - `SUITE_JOBS`: how many tests run at a time
//! - `SUITE_AGAIN`: if no more tests than this fail, each has a second chance,
//!   alone; if it passes then, the run does, and says so at its end

mod build;
mod crew;
mod job;
mod processes;
mod report;
mod times;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use report::Report;
use times::Times;

/// The tests wait more than they compute.
const JOBS_PER_PROCESSOR: usize = 3;

fn main() -> ExitCode {
    match run() {
        Ok(status) => status,
        Err(why) => {
            eprintln!("suite: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let stopped = Arc::new(AtomicBool::new(false));
    // What a shell starts in the background (`make test &`) ignores Ctrl-C, and so
    // would all that is tested. A signal that is listened to here is not ignored
    // by the processes that are started from here (execve(2)).
    for signal in processes::SIGNALS {
        signal_hook::flag::register(signal, Arc::clone(&stopped))
            .map_err(|why| format!("cannot listen for signals: {why}"))?;
    }
    processes::adopt_orphans();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (cargo, choice) = match arguments.iter().position(|argument| argument == "--") {
        Some(end) => (&arguments[..end], &arguments[end + 1..]),
        None => (&arguments[..], &[][..]),
    };

    let built = build::build(cargo, choice, &stopped)?;
    let mut times = Times::read(&built.target);
    let mut jobs = built.jobs;
    jobs.sort_by_key(|job| times.rank(job));
    // Cargo's own time is not the tests'.
    let (began, built_in) = (Instant::now(), processes::computed());
    let mut report = Report::of(&jobs);
    crew::run(
        &jobs,
        number("SUITE_JOBS").unwrap_or_else(default_jobs),
        &stopped,
        |job, outcome| {
            times.took(job, outcome.took);
            report.enter(job, outcome);
        },
    );

    let chances = number("SUITE_AGAIN").unwrap_or(0);
    if report.failed.len() <= chances {
        for (job, first) in std::mem::take(&mut report.failed) {
            println!("once more, alone: {}", job.name());
            let second = job.run(&stopped);
            report.again(job, first, &second);
        }
    }
    processes::end_children();
    if stopped.load(Ordering::SeqCst) {
        return Ok(ExitCode::from(130));
    }
    times.write();
    let computed = processes::computed().zip(built_in).map(|(all, build)| all - build);
    report.close(began.elapsed(), computed);
    Ok(if report.failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A whole number from the environment.
fn number(variable: &str) -> Option<usize> {
    std::env::var(variable).ok()?.parse().ok()
}

fn default_jobs() -> usize {
    JOBS_PER_PROCESSOR * std::thread::available_parallelism().map_or(1, usize::from)
}
