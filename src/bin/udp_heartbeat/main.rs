//! A heartbeat over UDP: a client that tells whether its server is alive.
//!
//! ```text
//! cargo run -q --bin udp_heartbeat -- server
//! cargo run -q --bin udp_heartbeat -- client -n 30
//! cargo run -q --bin udp_heartbeat -- predict --loss 30% --misses 3
//! ```
//!
//! The client sends beats and counts how many in a row went unanswered; after
//! three it takes the server for dead. The server keeps an eye on its clients
//! in turn. `predict` works out how often such a verdict is wrong. Sheet:
//! labs/02-heartbeat.md.
//!
//! New here: silence is judged. And two clocks meet in one packet, which is
//! enough to tell by how much they differ, but not exactly.

mod args;
mod client;
mod clients;
mod ledger;
mod predict;
mod runs;
mod sequence;
mod server;
mod server_told;
mod told;
mod watch;
mod way_up;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use socklab::cli;
use socklab::impair_args::ImpairArgs;

const NAME: &str = "udp_heartbeat";

/// Watch over a server by UDP, and learn how often the watch is wrong
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Answer beats, some of them, and watch over the clients
    Server(args::ServerArgs),
    /// Send beats until the server seems to be down; exit status 3 if so
    Client(args::ClientArgs),
    /// Work out how often a healthy server is declared down
    Predict(predict::Args),
}

fn main() -> ExitCode {
    let args = cli::parse_client::<Args, ImpairArgs>(NAME, "udp_heartbeat server");
    cli::finish(
        NAME,
        match &args.part {
            Part::Server(args) => server::run(args),
            Part::Client(args) => client::run(args),
            Part::Predict(args) => predict::run(args),
        },
    )
}
