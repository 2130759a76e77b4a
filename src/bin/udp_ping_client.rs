//! A UDP ping client: sends numbered requests and times the replies.
//!
//! ```text
//! cargo run -q --bin udp_ping_client -- -n 10
//! cargo run -q --bin udp_ping_client -- 192.0.2.7:12000 -n 0 -i 200ms
//! sudo cargo run -q --bin udp_ping_client -- -n 1 --explain
//! ```
//!
//! You see each request's fate, one of reply, late, lost, refused or corrupt,
//! and at the end the RTT and loss statistics. Sheet: labs/01-udp-ping.md.
//!
//! New here: UDP promises nothing, so the client has to do the work itself.
//! It numbers its requests, waits only so long for a reply, and believes that
//! a reply belongs to a request only because of what the reply says.

#[path = "udp_ping_client/dissect.rs"]
mod dissect;
#[path = "udp_ping_client/spoil.rs"]
mod spoil;

use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Parser;
use dissect::Dissector;
use packets::ping::{self, Request};
use serde_json::json;
use socklab::cli::{self, Exit, LOOK_UP, show_duration};
use socklab::clock::{self, Arrival};
use socklab::endpoint::{Endpoint, FamilyArgs, cause, connect_udp};
use socklab::explain::Explain;
use socklab::icmp_errors::{IcmpError, IcmpErrors};
use socklab::probes::Probes;
use socklab::report::{Event, Reporter};
use socklab::sys;
use spoil::Spoiler;

const NAME: &str = "udp_ping_client";

/// Ping a server over UDP
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(default_value = "127.0.0.1:12000")]
    server: Endpoint,
    /// Send so many requests; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, default_value = "10", value_parser = cli::count, allow_negative_numbers = true)]
    count: u64,
    /// Send one every so often; 0 sends each when the last is answered or timed out
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = cli::duration, allow_negative_numbers = true)]
    interval: Duration,
    /// Wait so long for a reply
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = cli::positive_duration, allow_negative_numbers = true)]
    timeout: Duration,
    /// Pad requests to this many bytes
    #[arg(short, long, value_name = "BYTES", allow_negative_numbers = true)]
    size: Option<usize>,
    /// Show only the summary
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// Draw the distribution of the RTTs
    #[arg(long)]
    histogram: bool,
    /// Explain the first datagram sent and the first received, byte by byte; `=all` every one
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "first")]
    explain: Option<Explain>,
    /// Spoil this bit of every request, counted from 0, the first bit of the UDP header
    #[arg(long, value_name = "BIT", allow_negative_numbers = true)]
    flip_bit: Option<usize>,
    #[command(flatten)]
    family: FamilyArgs,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let size = request_size(args)?;
    let server = args.server.resolve(12000, args.family.wanted())?;
    let socket = connect_udp(server)?;
    let kernel_stamps = sys::stamp_arrivals(&socket);
    let mut spoiler = Spoiler::asked_for(args.flip_bit, &socket, server, size)?;
    let mut errors = IcmpErrors::of(&socket, server.ip());
    cli::stop_on_ctrl_c()?;

    let reporter = Reporter::new(args.json, args.quiet, &server.to_string());
    start(&reporter, args, size, kernel_stamps);
    let mut dissector = Dissector::new(&reporter, args.explain, &socket, server)?;
    let mut probes = Probes::new(args.timeout);
    let mut request = Vec::new();
    let mut buffer = vec![0; 65_536];
    let began = Instant::now();
    let mut next_send = began;
    let mut trouble = None;

    while !cli::stopping() {
        let now = Instant::now();
        let all_sent = args.count != 0 && probes.counts.sent == args.count;
        let waiting = probes.next_timeout().is_some();
        if all_sent && !waiting {
            break;
        }

        // Without an interval, the next one goes out when none is waiting.
        let free = !waiting || !args.interval.is_zero();
        if free && now >= next_send && !all_sent {
            let (seq, stamp) = (probes.next_seq(), clock::now());
            Request { seq, time: &clock::stamp(stamp), size }.emit(&mut request);
            let sent = Instant::now();
            let outcome = match &mut spoiler {
                None => socket.send(&request),
                Some(spoiler) => spoiler.send(&request),
            };
            let tell = |error: &IcmpError| failed(error, &mut probes, &reporter);
            match outcome {
                Ok(_) => {
                    probes.sent(sent, stamp);
                    dissector.sent(seq, &request, spoiler.as_ref());
                }
                // The error of an earlier request; this one was not sent, and
                // has its turn again.
                Err(why) if errors.take(&socket, &why, tell) => continue,
                Err(why) => {
                    let seq = probes.not_sent(sent, stamp);
                    reporter.event(&Event::NotSent { seq, why: &cause(&why) });
                    // What fails at once would fail a million times a second.
                    next_send = now + LOOK_UP;
                }
            }
            // Ticks that were missed, by a laptop asleep, are not made up for.
            next_send = (next_send + args.interval).max(now);
        }

        // Wait for a reply, but not beyond the next thing to do.
        let mut until = now + LOOK_UP;
        if let Some(timeout) = probes.next_timeout() {
            until = until.min(timeout);
        }
        if !all_sent && next_send > now {
            until = until.min(next_send);
        }
        let asked = Instant::now();
        let patience = until.saturating_duration_since(asked);
        match sys::receive(&socket, &mut buffer, patience) {
            Ok((length, stamp)) => {
                let arrival = Arrival::new(stamp);
                let reply = &buffer[..length];
                dissector.received(reply);
                let event = match_reply(reply, &arrival, &mut probes, size);
                reporter.event(&event);
            }
            Err(why) => {
                let tell = |error: &IcmpError| failed(error, &mut probes, &reporter);
                let icmp = errors.take(&socket, &why, tell);
                match why.kind() {
                    // Nothing is left to read: what is due by now did not come.
                    ErrorKind::WouldBlock => {
                        while let Some(seq) = probes.timed_out(asked) {
                            reporter.event(&Event::Timeout { seq, after: args.timeout });
                        }
                    }
                    ErrorKind::Interrupted => {}
                    _ if icmp => {}
                    _ => {
                        trouble = Some(format!("cannot receive from {server}: {}", cause(&why)));
                        break;
                    }
                }
            }
        }
    }

    reporter.summary("UDP ping", &probes.counts, &probes.rtts, began.elapsed(), args.histogram);
    let answered = probes.counts.received + probes.counts.late;
    match trouble {
        Some(why) => Err(why),
        None if answered > 0 => Ok(Exit::Ok),
        None => Ok(Exit::NoReply),
    }
}

/// The size of a request in bytes.
///
/// # Errors
/// One line: the size does not hold the message, or no datagram holds it.
fn request_size(args: &Args) -> Result<usize, String> {
    let longest_seq = if args.count == 0 { u64::MAX } else { args.count };
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

fn start(reporter: &Reporter, args: &Args, size: usize, kernel_stamps: bool) {
    let bytes = size.max(Request::unpadded(1, &clock::stamp(clock::now())));
    let timeout = show_duration(args.timeout);
    // Where an RTT ends: when the kernel receives the reply, or only when the
    // program has been woken up and reads it.
    let clock = if kernel_stamps { "kernel" } else { "program" };
    let text = format!(
        "UDP PING {}: {bytes} bytes, timeout {timeout}, RTT to the {clock}'s receive time",
        reporter.target
    );
    let event = json!({
        "event": "start",
        "program": NAME,
        "server": reporter.target,
        "count": args.count,
        "interval_ms": args.interval.as_secs_f64() * 1e3,
        "timeout_ms": args.timeout.as_secs_f64() * 1e3,
        "bytes": bytes,
        "rtt_ends_at": clock,
    });
    reporter.start(&text, &event);
}

/// Enters an ICMP error for the request that it quotes; or, where it does not
/// quote that far, for the oldest one, because errors come in their order.
fn failed(error: &IcmpError, probes: &mut Probes, reporter: &Reporter) {
    let seq = match ping::sequence_of_request(error.request) {
        Some(seq) => probes.failed(seq).then_some(seq),
        None => probes.refused(),
    };
    if let Some(seq) = seq {
        reporter.event(&Event::IcmpError { seq, problem: error.problem, from: error.from });
    }
}

/// Finds the request that a reply belongs to, and enters it.
fn match_reply<'a>(
    reply: &'a [u8],
    arrival: &Arrival,
    probes: &mut Probes,
    size: usize,
) -> Event<'a> {
    let bytes = reply.len();
    let numbered = ping::sequence(reply);
    let (seq, answer) = match numbered {
        Some(seq) if differing(reply, seq, probes, size) == Some(0) => {
            (seq, probes.answered(seq, arrival))
        }
        // Not the bytes that were asked for. Whose reply was it? Not simply
        // that of the number in it, which may itself be what is corrupt.
        _ => match closest(reply, numbered, probes, size) {
            Some(seq) => (seq, probes.answered_wrongly(seq, arrival)),
            None => {
                probes.counts.foreign += 1;
                return Event::Foreign { packet: reply };
            }
        },
    };
    Event::Answer { seq, answer, bytes, ttl: None }
}

/// The request, among the latest, those under way, and the one whose number the
/// reply carries, whose reply differs from this one in the fewest bytes. None
/// if more than an eighth differ even then: so much is no accident.
fn closest(reply: &[u8], numbered: Option<u64>, probes: &Probes, size: usize) -> Option<u64> {
    let (differing, seq) = probes
        .candidates()
        .chain(numbered)
        .filter_map(|seq| Some((differing(reply, seq, probes, size)?, seq)))
        .min()?;
    (8 * differing <= reply.len()).then_some(seq)
}

/// In how many bytes a packet differs from the reply to request `seq`; `None`
/// if it has another length, or there is no such request. Letters in the wrong
/// case count as one byte together: a server that does not upper-case makes
/// one mistake, and not a mistake a letter.
fn differing(packet: &[u8], seq: u64, probes: &Probes, size: usize) -> Option<usize> {
    let mut reply = Vec::new();
    Request { seq, time: &clock::stamp(probes.stamp(seq)?), size }.emit(&mut reply);
    ping::reply_to(&mut reply);
    let pairs = || packet.iter().zip(&reply).filter(|(got, expected)| got != expected);
    let wrong_case = pairs().filter(|(got, expected)| got.eq_ignore_ascii_case(expected)).count();
    let wrong = pairs().count() - wrong_case + wrong_case.min(1);
    (packet.len() == reply.len()).then_some(wrong)
}
