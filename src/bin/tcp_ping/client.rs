//! The client's side: connect, write, read until the reply is whole.
//!
//! ```text
//! cargo run -q --bin tcp_ping -- client
//! cargo run -q --bin tcp_ping -- client 192.0.2.7:12001 --keep-open -n 0 -i 1s
//! ```
//!
//! You see for each ping how long the connection took, SYN to SYN-ACK, and how
//! long the request; or which of the many ways there are in which a connection
//! fails. Read `run` and `ping_address`, which count pings, then `Pinger::ping`,
//! which is one of them: connect, write, read.

mod event;
mod fate;
mod ledger;

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use clap::ValueEnum;
use logic::arrival::Arrival;
use logic::pace::LOOK_UP;
use logic::pace::{Pace, Step};
use packets::icmp::Version;
use packets::icmp_error::Problem;
use packets::tcp_ping::{self, Received};
use socklab::cli::{self, Exit};
use socklab::clock::{self, At};
use socklab::endpoint::Endpoint;
use socklab::errors::cause;
use socklab::event::{ErrorSeen, Ms, ProbeEvent, Reporter};
use socklab::ping_args::PingArgs;
use socklab::ports;
use socklab::servers::{Attempt, ask_each};
use sys::NotConnected;

use event::{Ended, Error, Hint, Opening, Start};
use fate::{Fate, Ping};
use ledger::Ledger;

/// Ping a server over TCP, with a connection for each ping or one for all
#[derive(clap::Args)]
#[command(mut_arg("timeout", |flag| flag.help("Wait this long for connection and reply together")))]
#[command(mut_arg("interval", |flag| flag.help("Start a ping every TIME, but not before the last one is over")))]
pub struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`; a port alone is one on 127.0.0.1
    #[arg(default_value_t = Endpoint::on_loopback(ports::TCP_PING))]
    server: Endpoint,
    /// Send all pings over one connection; a new one is made only when it is lost
    #[arg(long)]
    keep_open: bool,
    /// TCP_NODELAY: on sends small segments at once, off may gather them (Nagle)
    #[arg(long, value_enum, default_value = "off")]
    no_delay: Switch,
    #[command(flatten)]
    pings: PingArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

pub fn run(args: &Args) -> Result<Exit, String> {
    let servers = args.server.servers(ports::TCP_PING, args.pings.family.wanted())?;
    cli::stop_on_ctrl_c()?;
    let reporter = Reporter::new(args.pings.json, args.pings.quiet);
    // A name may have several addresses; the server is at one of them.
    ask_each(&servers, &reporter, |server, more| Ok(ping_address(args, server, more, &reporter)))
}

/// Pings one address. Gives way to the name's next one, if there are `more`,
/// when nobody answers at this one.
fn ping_address(args: &Args, server: SocketAddr, more: bool, reporter: &Reporter) -> Attempt<Exit> {
    let PingArgs { count, interval, timeout, histogram, .. } = args.pings;
    reporter.tell_always(&Start::new(args, server, request(1).len()));
    let mut ledger = Ledger::new();
    let mut pinger = Pinger { args, server, reporter, kept: None };
    let mut pace = Pace::new(count, interval, Instant::now());

    while !cli::stopping() {
        let now = Instant::now();
        match pace.step_alone(now, ledger.counts.sent) {
            Step::Done => break,
            Step::Wait(time) => thread::sleep(time),
            Step::Send => {
                pace.sent(now);
                let ping = pinger.ping(ledger.counts.sent + 1);
                let ended = Ended::new(&ping, server, timeout);
                if more && !ledger.connected() && ping.fate.leaves_hope() {
                    return Attempt::NextAddress(ended.to_string());
                }
                if let Fate::NotSent(_) = ping.fate {
                    // What fails at once would fail a million times a second.
                    pace.hold_off(Instant::now(), LOOK_UP);
                }
                if ping.fate != Fate::Stopped {
                    reporter.tell(&ended);
                }
                ledger.enter(&ping);
            }
        }
    }

    reporter.tell_always(&ledger.summary(&server.to_string(), histogram));
    Attempt::Done(Exit::of(&ledger.counts))
}

fn request(seq: u64) -> Vec<u8> {
    tcp_ping::request(seq, &clock::stamp(clock::now()))
}

struct Pinger<'a> {
    args: &'a Args,
    server: SocketAddr,
    reporter: &'a Reporter,
    /// The connection of the last ping, if it is still good.
    kept: Option<TcpStream>,
}

impl Pinger<'_> {
    /// One ping, from the connection to the reply.
    fn ping(&mut self, seq: u64) -> Ping {
        let mut ping = Ping::new(seq);
        let (began, timeout) = (Instant::now(), self.args.pings.timeout);
        let deadline = began + timeout;

        let mut stream = match self.kept.take() {
            Some(stream) => stream,
            // Sends a SYN, and waits for the SYN-ACK: the handshake is one round trip.
            None => {
                let connected = sys::connect_tcp(self.server, timeout, cli::stopping);
                let took = began.elapsed();
                // Told afterwards, so that the telling takes no part of that time.
                self.reporter.tell_json(&Opening::Connecting { at_ns: began.into(), seq });
                match connected {
                    Ok(stream) => {
                        ping.connect = Some(took);
                        stream
                    }
                    Err(failed) => return ping.ended(Fate::of_connect(&failed)),
                }
            }
        };
        if let Err(failed) = self.prepare(&stream) {
            return ping.ended(Fate::of_connect(&failed));
        }
        ping.local = stream.local_addr().ok();
        // A kept connection has a past.
        let new = ping.connect.is_some();
        if let Some(took) = ping.connect {
            let (at_ns, local) = ((began + took).into(), ping.local);
            let connect_ms = Ms(took);
            self.reporter.tell_json(&Opening::Connected { at_ns, seq, local, connect_ms });
        }
        let resent_before = if new { Some(0) } else { sys::retransmits(&stream) };

        let request = request(seq);
        ping.bytes = request.len();
        let mut hint = None;
        let mut is_hint = |why: &io::Error| self.is_hint(seq, why, &mut hint);
        let sent = Instant::now();
        let (at_ns, bytes, local) = (sent.into(), ping.bytes, ping.local);
        self.reporter.tell_json(&ProbeEvent::Sent { at_ns, seq, bytes, local });
        let outcome = write_request(&mut stream, &request, deadline, &mut is_hint).and_then(|()| {
            read_reply(&stream, &request, &mut ping.received, deadline, &mut is_hint)
        });
        (ping.fate, ping.at) = match outcome {
            // What came in time is in time, however late it was read.
            Ok((fate, arrival)) => {
                ping.request = Some(arrival.since(sent));
                let late = fate == Fate::Reply && arrival.since(began) > timeout;
                (if late { Fate::Late } else { fate }, arrival.at().into())
            }
            Err(why) if why.kind() == ErrorKind::TimedOut => {
                (Fate::of_request(&why, hint), deadline.into())
            }
            Err(why) => (Fate::of_request(&why, hint), At::now()),
        };
        let resent = sys::retransmits(&stream).zip(resent_before);
        ping.retransmits = resent.map(|(resent, before)| resent.saturating_sub(before));

        // After anything but a reply, nobody knows what is still to come on this
        // connection: the next ping had better not be taken in by it.
        if self.args.keep_open && ping.fate == Fate::Reply {
            self.kept = Some(stream);
        }
        ping
    }

    /// How the connection is to behave.
    fn prepare(&self, stream: &TcpStream) -> Result<(), NotConnected> {
        // On its own, TCP keeps ICMP errors to itself, and goes on. So it does
        // with this, but each error fails the next call (ip(7), IP_RECVERR).
        sys::queue_errors(stream, Version::of(self.server.ip()));
        sys::stamp_arrivals(stream);
        stream.set_nodelay(self.args.no_delay == Switch::On)?;
        // A write that cannot go on has to look at Ctrl-C now and then.
        stream.set_write_timeout(Some(LOOK_UP))?;
        Ok(())
    }

    /// Whether a call failed because of an ICMP error, which is told. To a
    /// connection that has come about it is a hint, be it hard or soft, and the
    /// call is made again.
    fn is_hint(&self, seq: u64, why: &io::Error, hint: &mut Option<String>) -> bool {
        let version = Version::of(self.server.ip());
        let icmp = sys::icmp_errors_behind(why, version);
        if icmp.is_empty() {
            return false;
        }
        let meaning = cause(why);
        let error = match *icmp {
            [(kind, code)] => {
                let problem = Problem { version, kind, code, rest: 0 };
                Error::Known(ErrorSeen { problem, from: None })
            }
            // Several errors share this one errno.
            _ => {
                Error::Unknown { kind: None, code: None, meaning: &meaning, hard: None, from: None }
            }
        };
        self.reporter.tell(&Hint { at_ns: At::now(), seq, error, stage: "request" });
        *hint = Some(meaning);
        true
    }
}

/// Writes the request. `is_hint` takes an error that is an ICMP error's, and
/// says so: to a connection that has come about it is a hint, be it hard or
/// soft, and the call is made again.
fn write_request(
    stream: &mut TcpStream,
    mut request: &[u8],
    deadline: Instant,
    is_hint: &mut impl FnMut(&io::Error) -> bool,
) -> io::Result<()> {
    while !request.is_empty() {
        match stream.write(request) {
            Ok(written) => request = &request[written..],
            Err(_) if cli::stopping() => return Err(ErrorKind::Interrupted.into()),
            Err(why) if is_no_event(&why) && Instant::now() < deadline => {}
            // Of the ping before, on a connection that was kept open.
            Err(why) if is_hint(&why) => {}
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// Reads until what came is more than a part of the reply: a stream keeps the
/// order of the bytes, but not the pieces in which they were written. Returns
/// what it is, and when the last of it arrived.
fn read_reply(
    stream: &TcpStream,
    request: &[u8],
    received: &mut Vec<u8>,
    deadline: Instant,
    is_hint: &mut impl FnMut(&io::Error) -> bool,
) -> io::Result<(Fate, Arrival)> {
    let mut buffer = [0; 4096];
    // However small the pieces are: the signal and the deadline are looked at
    // after each.
    while !cli::stopping() {
        let left = deadline.saturating_duration_since(Instant::now());
        // At the deadline it looks once more: if this program was stopped for a
        // while, the reply may have been there in time.
        let (length, stamp) = match sys::read(stream, &mut buffer, left.min(LOOK_UP)) {
            Ok(read) => read,
            Err(why) if is_no_event(&why) && left.is_zero() => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(why) if is_no_event(&why) || is_hint(&why) => continue,
            Err(why) => return Err(why),
        };
        let arrival = clock::arrival(stamp);
        received.extend_from_slice(&buffer[..length]);
        let fate = match tcp_ping::judge(received, request) {
            Received::Reply => Fate::Reply,
            Received::Lost => Fate::Lost,
            Received::Wrong => Fate::Corrupt,
            Received::Part if length > 0 => continue,
            // The server has closed its side: no more will come.
            Received::Part if tcp_ping::is_beginning(received, request) => Fate::Closed,
            Received::Part => Fate::Corrupt,
        };
        return Ok((fate, arrival));
    }
    Err(ErrorKind::Interrupted.into())
}

/// Whether a read came back with nothing: its time was over, or a signal came.
fn is_no_event(why: &io::Error) -> bool {
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
