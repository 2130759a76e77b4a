//! An echo client: sends something, and compares what comes back byte for byte.
//!
//! ```text
//! cargo run -q --bin echo_client -- --message hello
//! seq 100000 | cargo run -q --bin echo_client -- --tcp | tail -1
//! ```
//!
//! With --message you see for each message whether its echo is equal,
//! different, or missing. Without, every line that you type is sent, and what
//! comes back is shown; in a pipe the same bytes come out that went in.
//! Sheet: labs/04-echo.md.
//!
//! `run` chooses one of three: `datagrams.rs` sends each message over UDP,
//! `messages.rs` does the same over TCP, and `stream.rs` has no messages at all.
//!
//! New here: a stream is sent by one thread and received by another. Who sends
//! all of it before he receives, sooner or later waits for a server that waits
//! for him. And `shutdown` ends one direction only: "that was all, go on".

mod compare;
mod connect;
mod datagrams;
mod event;
mod input;
mod ledger;
mod messages;
mod screen;
mod stream;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use logic::units;
use socklab::cli::{self, Exit};
use socklab::endpoint::{Endpoint, FamilyArgs};
use socklab::event::Reporter;
use socklab::output;
use socklab::ports;
use socklab::servers::{Attempt, ask_each};

use input::Messages;
use ledger::Ledger;

const NAME: &str = "echo_client";

/// Send something to an echo server, and compare what comes back
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`; a port alone is one on 127.0.0.1
    #[arg(default_value_t = Endpoint::on_loopback(ports::ECHO))]
    server: Endpoint,
    /// Send over one TCP connection, not in UDP datagrams
    #[arg(long)]
    tcp: bool,
    /// Send this, not the lines that are typed
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// Send the message N times; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, value_name = "N", default_value = "1", requires = "message", value_parser = units::count, allow_hyphen_values = true)]
    count: u64,
    /// Wait this long for an answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = units::positive_duration, allow_hyphen_values = true)]
    timeout: Duration,
    /// Show no single messages; without --message, only the answers
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    family: FamilyArgs,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    if args.tcp && args.message.as_deref() == Some("") {
        return Err("an empty message is nothing at all in a stream; leave out --tcp".into());
    }
    let servers = args.server.servers(ports::ECHO, args.family.wanted())?;
    cli::stop_on_ctrl_c()?;
    let mut messages = args.message.as_ref().map(|text| Messages::repeated(text, args.count));
    if !args.tcp && messages.is_none() {
        messages = Some(Messages::typed());
    }
    // What is typed comes back on stdout, and all else has to stay away from there.
    let typed = args.message.is_none();
    let reporter = Reporter::new(args.json, args.quiet || typed && !args.json);
    // A name may have several addresses; the server is at one of them.
    ask_each(&servers, &reporter, |server, more| {
        let attempt = match &mut messages {
            Some(messages) if args.tcp => messages::exchange(args, server, messages),
            Some(messages) => datagrams::exchange(args, server, more, messages),
            None => stream::exchange(args, server),
        };
        match attempt {
            Ok(Attempt::NextAddress(why)) if more && typed && !args.json && !args.quiet => {
                output::complain(NAME, &format!("{why}; trying the name's next address"));
                Ok(Attempt::NextAddress(why))
            }
            attempt => attempt,
        }
    })
}

/// Whether a read or write came back with nothing: its time was over, or a signal came.
fn is_no_event(why: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// The ledger of an exchange with this server.
fn ledger(args: &Args, protocol: &'static str, server: SocketAddr) -> Ledger {
    Ledger::new(protocol, server, args.message.is_none(), args.json, args.quiet)
}
