//! The monitor: checks services, and says of each no more than was seen.
//!
//! ```text
//! cargo run -q --bin monitor
//! cargo run -q --bin monitor -- check dns 127.0.0.1:10053 www.lab.test A --explain
//! cargo run -q --bin monitor -- check https example.com
//! cargo run -q --bin monitor -- sample-config
//! ```
//!
//! Without a subcommand it is `monitor run`, which watches services until told
//! to stop; without a file, some that it starts itself. Of each check
//! you see a verdict, up, degraded, down or unverified, with its reason and a
//! measured time; then what else was found out. Exit status: 0 up, 1 down, 3
//! degraded or unverified, 2 wrong usage. Sheet: labs/08-monitor.md.
//!
//! New here: many protocols behind one question, "does it work?", and the four
//! answers to it that can be defended.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use monitor::config::sample::sample;
use socklab::cli;
use socklab::output;

mod check;
mod explain;
mod run;
mod sample;

const NAME: &str = "monitor";

/// Check services, and say of each no more than was seen
#[derive(Parser)]
#[command(version, name = NAME, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: run::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Watch services until told to stop; this is also what no subcommand means
    ///
    /// Each service is checked at its own interval, on a thread of its own for
    /// as long as the check lasts. There are --threads of them at most: a check
    /// that is due while all are busy is not run, and that is told and counted.
    /// So is one that is due while the service's last one is still running.
    Run(run::Args),
    Check(check::Args),
    /// Print a configuration file in which every type and every parameter stands
    SampleConfig,
}

fn main() -> ExitCode {
    let args: Args = cli::parse(NAME);
    let status = match args.command {
        None => run::run(&args.run).map(ExitCode::from),
        Some(Command::Run(args)) => run::run(&args).map(ExitCode::from),
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::SampleConfig) => {
            output::bytes(sample().as_bytes());
            Ok(ExitCode::SUCCESS)
        }
    };
    status.unwrap_or_else(|why| {
        output::complain(NAME, &why);
        cli::Exit::Error.into()
    })
}
