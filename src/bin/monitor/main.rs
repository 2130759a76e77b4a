//! The monitor: checks services, and says of each no more than was seen.
//!
//! ```text
//! cargo run -q --bin monitor -- check dns 127.0.0.1:10053 www.lab.test A --explain
//! cargo run -q --bin monitor -- check https example.com
//! cargo run -q --bin monitor -- sample-config
//! ```
//!
//! You see a verdict, up, degraded, down or unverified, with its reason and a
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

const NAME: &str = "monitor";

/// Check services, and say of each no more than was seen
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Args),
    /// Print a configuration file in which every type and every parameter stands
    SampleConfig,
}

fn main() -> ExitCode {
    let args: Args = cli::parse(NAME);
    let status = match args.command {
        Command::Check(args) => check::run(&args),
        Command::SampleConfig => {
            output::bytes(sample().as_bytes());
            Ok(ExitCode::SUCCESS)
        }
    };
    status.unwrap_or_else(|why| {
        output::complain(NAME, &why);
        cli::Exit::Error.into()
    })
}
