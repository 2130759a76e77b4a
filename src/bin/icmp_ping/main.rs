//! Ping: sends ICMP echo requests made by hand, and times the replies.
//!
//! ```text
//! sudo cargo run -q --bin icmp_ping -- 192.0.2.7
//! cargo build -q && unshare -rn sh -c 'ip link set lo up; target/debug/icmp_ping 127.0.0.1'
//! ```
//!
//! You see what `ping` shows, and each request's fate: reply, late, lost,
//! corrupt, or an ICMP error, which one, and from whom. Sheet: labs/05-icmp-ping.md.
//!
//! New here: no port and no server of ours. The program writes the ICMP header
//! itself, checksum and all, and gives it to a raw socket, which also receives
//! what was meant for others; so it needs a privilege, and a good look at every
//! message before it takes it for its own.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use packets::icmp::{Body, Message, Version};
use socklab::cli::{self, Exit, LOOK_UP};
use socklab::clock::Arrival;
use socklab::endpoint::cause;
use socklab::icmp_socket::{Heard, IcmpSocket};
use socklab::probes::Probes;
use socklab::report::{Event, Reporter};
use socklab::sys;

use crate::args::{Args, Interface};
use crate::dissect::Dissector;
use crate::outgoing::Outgoing;
use crate::payload::Payload;
use crate::replies::{Finding, Sent};

mod args;
mod dissect;
mod outgoing;
mod path;
mod payload;
mod replies;
mod tell;

const NAME: &str = "icmp_ping";

/// A time for people stands in no request.
const NO_STAMP: Timestamp = Timestamp::UNIX_EPOCH;

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let target = args.target()?;
    args.check(target)?;
    let version = Version::of(target.ip());
    let route = path::route(target, args.interface.as_ref())?;
    let mut own = match args.interface {
        Some(Interface::Address(own)) => own,
        _ => version.unspecified(),
    };
    own.set_port(args.identifier.unwrap_or(0));
    let mut icmp = IcmpSocket::raw(own).or_else(|why| IcmpSocket::datagram(own, &why))?;
    path::set_options(&icmp.socket, version, args)?;
    let pattern = args.pattern.as_ref().map(|pattern| pattern.0.as_slice());
    let mut sent = Sent {
        target,
        identifier: icmp.identifier,
        probes: Probes::new(args.timeout),
        payload: Payload::new(args.size, pattern)?,
    };
    let mut outgoing = Outgoing::new(args, &icmp, &route, target)?;
    cli::stop_on_ctrl_c()?;

    let host = args.host.to_string();
    let reporter = Reporter::in_pings_words(args.json, args.quiet, &host, &shown(target, &host));
    tell::start(&reporter, args, &icmp);
    let mut dissector = Dissector::new(&reporter, args.explain);
    let mut buffer = vec![0; 65_536];
    let began = Instant::now();
    let mut next_send = began;
    let mut trouble = None;
    // So little sleep is not worth it; see there.
    icmp.awake = !args.interval.is_zero() && args.interval < Duration::from_millis(10);

    while !cli::stopping() {
        let now = Instant::now();
        let all_sent = args.count != 0 && sent.probes.counts.sent == args.count;
        let waiting = sent.probes.next_timeout().is_some();
        if all_sent && !waiting {
            break;
        }

        // Without an interval, the next one goes out when none is waiting.
        let free = !waiting || !args.interval.is_zero();
        if free && now >= next_send && !all_sent {
            let seq = sent.probes.next_seq();
            let request = outgoing.request(seq, sent.payload.of(seq))?;
            let sending = Instant::now();
            match icmp.socket.send_to(request, target) {
                Ok(_) => {
                    sent.probes.sent(sending, NO_STAMP);
                    dissector.sent(seq, &outgoing);
                }
                // The error of an earlier request; this one was not sent, and
                // has its turn again.
                Err(why) if icmp.errors.excuses(&icmp.socket, &why) => continue,
                Err(why) => {
                    let seq = sent.probes.not_sent(sending, NO_STAMP);
                    let why = not_sent(&why, &route, version);
                    reporter.event(&Event::NotSent { seq, why: &why });
                    // What fails at once would fail a million times a second.
                    next_send = now + LOOK_UP;
                }
            }
            // Ticks that were missed, by a laptop asleep, are not made up for.
            next_send = (next_send + args.interval).max(now);
        }

        // Wait for a message, but not beyond the next thing to do.
        let mut until = now + LOOK_UP;
        if let Some(timeout) = sent.probes.next_timeout() {
            until = until.min(timeout);
        }
        if !all_sent && next_send > now {
            until = until.min(next_send);
        }
        let asked = Instant::now();
        let patience = until.saturating_duration_since(asked);
        match icmp.listen(&mut buffer, patience) {
            Ok(Heard::Message(received)) => {
                let arrival = Arrival::new(received.packet.stamp);
                let from = received.packet.from.map_or(target.ip(), |from| from.ip());
                let finding = sent.find(&received, from, &arrival);
                if !matches!(finding, Finding::NotOurs) {
                    dissector.received(&received, from, outgoing.own);
                }
                tell::finding(&reporter, &finding, &received, from);
            }
            Ok(Heard::Error(error, request)) => {
                if let Some(problem) = error.problem
                    && let Ok(request) = Message::parse(version, &request)
                    && let Body::EchoRequest(echo) = request.body
                {
                    let finding = sent.failed(echo.sequence, echo.payload, problem);
                    tell::error(&reporter, &finding, error.from);
                }
            }
            // Nothing is left to read: what is due by now did not come.
            Ok(Heard::Silence) => {
                while let Some((seq, _)) = sent.probes.timed_out(asked) {
                    reporter.event(&Event::Timeout { seq, after: args.timeout });
                }
            }
            Ok(Heard::Interrupted) => {}
            Err(why) => {
                trouble = Some(format!("cannot receive from {host}: {}", cause(&why)));
                break;
            }
        }
    }

    let probes = &sent.probes;
    reporter.summary("ping", &probes.counts, &probes.rtts, began.elapsed(), args.histogram);
    let answered = probes.counts.received + probes.counts.late;
    match trouble {
        Some(why) => Err(why),
        None if answered > 0 => Ok(Exit::Ok),
        None => Ok(Exit::NoReply),
    }
}

/// Why a request was not sent, in a few words.
fn not_sent(why: &io::Error, route: &UdpSocket, version: Version) -> String {
    // The socket goes by the route that it was given when it was connected, and
    // a router may have told of a smaller MTU since: connecting asks anew.
    let asked_anew = route.peer_addr().and_then(|peer| route.connect(peer));
    match asked_anew.ok().and_then(|()| sys::path_mtu(route, version)) {
        Some(mtu) if sys::is_too_long(why) => format!("{}, mtu={mtu}", cause(why)),
        _ => cause(why),
    }
}

/// An address without its port, which ICMP does not have, but with the name of
/// its interface where one was typed.
fn shown(target: SocketAddr, host: &str) -> String {
    match host.split_once('%') {
        Some((_, interface)) => format!("{}%{interface}", target.ip()),
        None => target.ip().to_string(),
    }
}
