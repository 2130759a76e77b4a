//! A UDP ping client: sends numbered requests and times the replies.
//!
//! ```text
//! cargo run -q --bin udp_ping_client -- -n 10
//! cargo run -q --bin udp_ping_client -- 192.0.2.7:12000 -n 0 -i 200ms
//! sudo target/debug/udp_ping_client -n 1 --explain
//! ```
//!
//! You see each request's fate, one of reply, late, lost, refused or corrupt,
//! and at the end the RTT and loss statistics. Sheet: labs/01-udp-ping.md.
//!
//! New here: UDP promises nothing, so the client has to do the work itself.
//! It numbers its requests, waits only so long for a reply, and believes that
//! a reply belongs to a request only because of what the reply says.

mod dissect;
mod extras;
mod ledger;

mod spoil;
mod start;

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use logic::pace::LOOK_UP;
use logic::pace::{Pace, Step};
use logic::probes::Probes;
use packets::ping::{self, Request};
use socklab::cli::{self, Exit};
use socklab::clock;
use socklab::ears::{Ears, Heard};
use socklab::endpoint::Endpoint;
use socklab::errors::{cannot_reach, cause, no_socket};
use socklab::event::{Reporter, Summary, icmp_error_text};
use socklab::explain::Explain;
use socklab::ping_args::PingArgs;
use socklab::ports;
use socklab::reject::ServerFlags;
use socklab::servers::{Attempt, ask_each};
use socklab::sockets::{any_port, not_itself};

use extras::Extras;
use ledger::Ledger;
use start::Start;

const NAME: &str = "udp_ping_client";

/// Ping a server over UDP
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`; a port alone is one on 127.0.0.1
    #[arg(default_value_t = Endpoint::on_loopback(ports::UDP_PING))]
    server: Endpoint,
    /// Pad requests to this many bytes
    #[arg(short, long, value_name = "BYTES", allow_hyphen_values = true)]
    size: Option<usize>,
    #[command(flatten)]
    ping: PingArgs,
    /// Explain the first datagram sent and the first received, byte by byte; `=all` every one
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "first")]
    explain: Option<Explain>,
    /// Spoil this bit of every request, counted from 0, the first bit of the UDP header
    #[arg(long, value_name = "BIT", allow_hyphen_values = true)]
    flip_bit: Option<usize>,
}

fn main() -> ExitCode {
    let args = cli::parse_client::<Args, ServerFlags>(NAME, "udp_ping_server");
    cli::finish(NAME, run(&args))
}

fn run(args: &Args) -> Result<Exit, String> {
    let size = request_size(args)?;
    let servers = args.server.servers(ports::UDP_PING, args.ping.family.wanted())?;
    cli::stop_on_ctrl_c()?;
    let reporter = Reporter::new(args.ping.json, args.ping.quiet);
    // A name may have several addresses; the server is at one of them.
    ask_each(&servers, &reporter, |server, more| {
        // A socket on any free port of ours.
        let socket = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
        sys::whole_datagrams(&socket); // macOS would send no more than 9216 bytes.
        // Sends nothing: the kernel now knows whose replies, and whose errors, are for us.
        match socket.connect(server) {
            Ok(()) => ping(args, size, &not_itself(socket)?, server, more, &reporter),
            Err(why) if more => Ok(Attempt::NextAddress(cannot_reach(server, &why))),
            Err(why) => Err(cannot_reach(server, &why)),
        }
    })
}

/// Pings one address. Gives way to the name's next one, if there are `more`,
/// when this one refuses before anything came back from it.
fn ping(
    args: &Args,
    size: usize,
    socket: &UdpSocket,
    server: SocketAddr,
    more: bool,
    reporter: &Reporter,
) -> Result<Attempt<Exit>, String> {
    let PingArgs { count, interval, timeout, histogram, .. } = args.ping;
    let mut ears = Ears::of(socket, server.ip());
    let extras = Extras::new(args, socket, server, size)?;
    reporter.tell_always(&Start::new(args, socket, server, size, ears.kernel_stamps)?);
    let (probes, server) = (Probes::new(timeout), server.to_string());
    let mut ledger = Ledger { probes, extras, reporter, server, size };
    let began = Instant::now();
    let mut pace = Pace::new(count, interval, began);
    let (mut request, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let mut trouble = None;

    while !cli::stopping() && trouble.is_none() {
        let now = Instant::now();
        match pace.step(now, &ledger.probes) {
            Step::Done => break,
            Step::Send => {
                let (seq, stamp) = (ledger.probes.next_seq(), clock::now());
                Request { seq, time: &clock::stamp(stamp), size }.emit(&mut request);
                let sent = Instant::now();
                match ledger.extras.send(&request).unwrap_or_else(|| socket.send(&request)) {
                    Ok(_) => {
                        ledger.sent(&request, sent, stamp);
                        pace.sent(now);
                    }
                    // An earlier request's error, which the ears tell next.
                    // This one was not sent, and has its turn again.
                    Err(why) if ears.excuse(&why) => {}
                    Err(why) => {
                        ledger.not_sent(&cause(&why), sent, stamp);
                        pace.hold_off(now, LOOK_UP);
                    }
                }
            }
            Step::Wait(time) => match ears.receive(&mut buffer, time) {
                Ok(Heard::Datagram(length, arrival)) => ledger.came(&buffer[..length], &arrival),
                Ok(Heard::Error(error)) if more && !ledger.probes.counts.any_sign_of_life() => {
                    return Ok(Attempt::NextAddress(icmp_error_text(error.problem)));
                }
                Ok(Heard::Error(error)) => ledger.refused(&error),
                Ok(Heard::Silence(then)) => ledger.silence(then),
                Ok(Heard::Interrupted) => {}
                Err(why) => trouble = Some(format!("cannot receive: {}", cause(&why))),
            },
        }
    }

    let Ledger { probes, server, .. } = &ledger;
    let summary = Summary::new(server, "UDP ping", &probes.counts, &probes.rtts, began.elapsed());
    reporter.tell_always(&Summary { histogram, ..summary });
    trouble.map_or(Ok(Attempt::Done(Exit::of(&probes.counts))), Err)
}

/// The size of a request in bytes; 0 is as short as it gets.
///
/// # Errors
/// One line: the size does not hold the message, or no datagram holds it.
fn request_size(args: &Args) -> Result<usize, String> {
    let longest_seq = if args.ping.count == 0 { u64::MAX } else { args.ping.count };
    let least = Request::unpadded(longest_seq, &clock::stamp(clock::now()));
    match args.size {
        None => Ok(0),
        Some(size) if size > ping::LARGEST => Err(format!(
            "--size {size} is too large: a UDP datagram over IPv4 carries at most {} bytes",
            ping::LARGEST
        )),
        Some(size) if size < least => Err(format!(
            "--size {size} is too small: \"Ping {longest_seq} TIME\" takes {least} bytes; \
             give --size {least} or more"
        )),
        Some(size) => Ok(size),
    }
}
