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

mod args;
mod check;
mod explain;
mod run;
mod sample;
mod told;

const NAME: &str = "monitor";

/// Check network services, and claim no more about each than was observed
#[derive(Parser)]
#[command(version, name = NAME, args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    run: args::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Watch services until told to stop; the default without a subcommand
    ///
    /// Each service is checked at its own interval, on its own thread for as
    /// long as the check takes. There are at most --threads of them: a check that
    /// falls due while all are busy is skipped, and so is one whose service is
    /// still being checked. Skipped checks are reported and counted.
    Run(args::Args),
    Check(check::Args),
    /// Print a configuration file that shows every type and every parameter
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
