//! TCP ping: a server that hangs up on some of its clients, and a client.
//!
//! ```text
//! cargo run -q --bin tcp_ping -- server
//! cargo run -q --bin tcp_ping -- client -n 10
//! ```
//!
//! The server answers each message with the same bytes, letters upper-cased;
//! two in ten get `LOST`, and the connection is closed. The client times the
//! connection and the request apart. Sheet: labs/03-tcp-ping.md.
//!
//! New over UDP ping: a connection has to be made before the first byte, has a
//! socket of its own on either side, and carries a stream in which nothing
//! says where a message ends. `server.rs` shows one side, `client.rs` the other.

mod client;
mod server;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use socklab::cli;

const NAME: &str = "tcp_ping";

/// Ping over TCP: the server, or the client
#[derive(Parser)]
#[command(version, name = NAME, arg_required_else_help = false)]
struct Args {
    #[command(subcommand)]
    side: Side,
}

#[derive(Subcommand)]
enum Side {
    Server(server::Args),
    Client(client::Args),
}

fn main() -> ExitCode {
    let args: Args = cli::parse(NAME);
    let result = match &args.side {
        Side::Server(args) => server::run(args),
        Side::Client(args) => client::run(args),
    };
    cli::finish(NAME, result)
}
