//! The client's side: connect, write, read until the reply is whole.
//!
//! ```text
//! cargo run -q --bin tcp_ping -- client
//! cargo run -q --bin tcp_ping -- client 192.0.2.7:12001 --keep-open -n 0 -i 1s
//! ```
//!
//! You see for each ping how long the connection took, SYN to SYN-ACK, and how
//! long the request; or which of the many ways there are in which a connection
//! fails. Read `run`, which counts pings, then `Pinger::ping`.

use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use packets::icmp::Version;
use packets::tcp_ping::{self, Received};
use socklab::cli::{self, Exit, LOOK_UP};
use socklab::clock::{self, Arrival};
use socklab::endpoint::{Endpoint, FamilyArgs, cause};
use socklab::sys::{self, NotConnected};

use crate::account::{Account, Fate, Pinged};

/// Ping a server over TCP, with a connection for each ping or one for all
#[derive(clap::Args)]
pub struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(default_value = "127.0.0.1:12001")]
    server: Endpoint,
    /// Send so many requests; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, default_value = "10", value_parser = cli::count, allow_negative_numbers = true)]
    pub count: u64,
    /// Start a ping every so often, but never before the last one is over
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = cli::duration, allow_negative_numbers = true)]
    pub interval: Duration,
    /// Wait so long for connection and reply together
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = cli::positive_duration, allow_negative_numbers = true)]
    pub timeout: Duration,
    /// Send all pings over one connection; a new one is made only when it is lost
    #[arg(long)]
    pub keep_open: bool,
    /// TCP_NODELAY: on sends small segments at once, off may gather them (Nagle)
    #[arg(long, value_enum, default_value = "off")]
    no_delay: Switch,
    /// Show only the summary
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    pub json: bool,
    /// Draw the distribution of the RTTs
    #[arg(long)]
    pub histogram: bool,
    #[command(flatten)]
    family: FamilyArgs,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Switch {
    On,
    Off,
}

pub fn run(args: &Args) -> Result<Exit, String> {
    let server = args.server.resolve(12001, args.family.wanted())?;
    if server.port() == 0 {
        return Err(format!(
            "{server} cannot be reached: no server has port 0; see its first line"
        ));
    }
    cli::stop_on_ctrl_c()?;

    let mut account = Account::new(args, server);
    let mut pinger = Pinger {
        server,
        timeout: args.timeout,
        no_delay: args.no_delay == Switch::On,
        keep_open: args.keep_open,
        kept: None,
    };
    let mut next = Instant::now();
    while !cli::stopping() && (args.count == 0 || account.sent() < args.count) {
        let now = Instant::now();
        if now < next {
            thread::sleep((next - now).min(LOOK_UP));
            continue;
        }
        // Ticks that were missed are not made up for.
        let missed = now - next >= args.interval;
        next = if missed { now } else { next } + args.interval;

        let pinged = pinger.ping(account.next_seq(), &account);
        if let Fate::NotSent(_) = pinged.fate {
            // What fails at once would fail a million times a second.
            next = next.max(now + LOOK_UP);
        }
        account.enter(&pinged);
    }
    account.summary(args.histogram);
    Ok(if account.answered() { Exit::Ok } else { Exit::NoReply })
}

struct Pinger {
    server: SocketAddr,
    timeout: Duration,
    no_delay: bool,
    keep_open: bool,
    /// The connection of the last ping, if it is still good.
    kept: Option<TcpStream>,
}

impl Pinger {
    /// One ping, from the connection to the reply.
    fn ping(&mut self, seq: u64, account: &Account) -> Pinged {
        let mut pinged = Pinged::new(seq);
        let began = Instant::now();
        let deadline = began + self.timeout;

        let mut stream = match self.kept.take() {
            Some(stream) => stream,
            None => match self.connect() {
                Ok(stream) => {
                    // The handshake is one round trip: SYN there, SYN-ACK back.
                    pinged.connect = Some(began.elapsed());
                    stream
                }
                Err(NotConnected { icmp: Some((problem, from)), .. }) => {
                    pinged.fate = Fate::IcmpError { problem, from };
                    return pinged;
                }
                Err(NotConnected { why, .. }) => {
                    pinged.fate = connect_failed(&why);
                    return pinged;
                }
            },
        };
        // A kept connection has a past.
        let resent_before = match pinged.connect {
            Some(_) => Some(0),
            None => sys::retransmits(&stream),
        };

        let request = tcp_ping::request(seq, &clock::stamp(clock::now()));
        pinged.bytes = request.len();
        let mut received = Vec::new();
        let mut hint = None;
        let mut is_hint = |why: &io::Error| {
            let icmp = sys::icmp_errors_behind(why, Version::of(self.server.ip()));
            if !icmp.is_empty() {
                account.hint(seq, why, icmp);
                hint = Some(cause(why));
            }
            !icmp.is_empty()
        };
        let sent = Instant::now();
        let outcome = write_request(&mut stream, &request, deadline, &mut is_hint)
            .and_then(|()| read_reply(&stream, &request, &mut received, deadline, &mut is_hint));
        pinged.fate = match (outcome, hint) {
            (Ok((fate, arrival)), _) => {
                pinged.request = Some(arrival.since(sent));
                // What came in time is in time, however late it was read.
                let late = fate == Fate::Reply && arrival.since(began) > self.timeout;
                if late { Fate::Late } else { fate }
            }
            // TCP itself ends so: when it gives up, it does not say "timed out"
            // if it has heard of a better reason.
            (Err(why), Some(hint)) if request_failed(&why) == Fate::TimedOut => Fate::Hinted(hint),
            (Err(why), _) => request_failed(&why),
        };
        pinged.received = received;
        pinged.retransmits = sys::retransmits(&stream)
            .zip(resent_before)
            .map(|(resent, before)| resent.saturating_sub(before));

        // After anything but a reply, nobody knows what is still to come on this
        // connection: the next ping had better not be taken in by it.
        if self.keep_open && pinged.fate == Fate::Reply {
            self.kept = Some(stream);
        }
        pinged
    }

    fn connect(&self) -> Result<TcpStream, NotConnected> {
        let stream = sys::connect_tcp(self.server, self.timeout, cli::stopping)?;
        // On its own, TCP keeps ICMP errors to itself, and goes on. So it does
        // with this, but each error fails the next call (ip(7), IP_RECVERR).
        sys::queue_errors(&stream, Version::of(self.server.ip()));
        stream.set_nodelay(self.no_delay)?;
        stream.set_write_timeout(Some(LOOK_UP))?;
        sys::stamp_arrivals(&stream);
        Ok(stream)
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
        let arrival = Arrival::new(stamp);
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

/// What the error of a connect says about the ping.
fn connect_failed(why: &io::Error) -> Fate {
    match why.kind() {
        // A reset in answer to the SYN.
        ErrorKind::ConnectionRefused => Fate::Refused,
        // Nothing in answer to it.
        ErrorKind::TimedOut => Fate::NotConnected,
        // An ICMP error in answer to it, or no way to send it at all.
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Fate::Unreachable(cause(why)),
        ErrorKind::Interrupted => Fate::Stopped,
        // Accepted and reset before we looked.
        ErrorKind::ConnectionReset => Fate::Reset,
        _ => Fate::NotSent(cause(why)),
    }
}

/// What the error of a write or a read says about the ping.
fn request_failed(why: &io::Error) -> Fate {
    match why.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Fate::TimedOut,
        ErrorKind::Interrupted => Fate::Stopped,
        ErrorKind::ConnectionReset => Fate::Reset,
        // Our bytes came to a connection that was closed before.
        ErrorKind::BrokenPipe => Fate::Closed,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Fate::Unreachable(cause(why)),
        _ => Fate::NotSent(cause(why)),
    }
}
