//! What the program tells: its first lines, and a line for each finding.

use std::net::IpAddr;

use packets::icmp::{HEADER, Version};
use packets::ipv4;
use serde_json::json;
use socklab::icmp_socket::{IcmpSocket, Kind, Received};
use socklab::output::Colour;
use socklab::probes::Answer;
use socklab::report::{Event, Reporter};

use crate::NAME;
use crate::args::Args;
use crate::replies::Finding;

pub fn start(reporter: &Reporter, args: &Args, icmp: &IcmpSocket) {
    let (host, target, size) = (&args.host, &reporter.target, args.size);
    let first = match icmp.version {
        Version::V4 => {
            let packet = ipv4::HEADER + HEADER + size;
            format!("PING {host} ({target}) {size}({packet}) bytes of data.")
        }
        Version::V6 => format!("PING {host} ({target}) {size} data bytes"),
    };
    let (kind, name) = match icmp.kind {
        Kind::Raw => ("raw socket", "raw"),
        Kind::Datagram => ("datagram socket, as a raw one is not allowed", "datagram"),
    };
    // Where an RTT ends: when the kernel receives the reply, or only when the
    // program has been woken up and reads it.
    let clock = if icmp.kernel_stamps { "kernel" } else { "program" };
    let identifier = icmp.identifier;
    let text = format!("{first}\n{kind}; id {identifier}; RTT to the {clock}'s receive time");
    let event = json!({
        "event": "start",
        "program": NAME,
        "host": host.to_string(),
        "address": target,
        "count": args.count,
        "interval_ms": args.interval.as_secs_f64() * 1e3,
        "timeout_ms": args.timeout.as_secs_f64() * 1e3,
        "bytes": size,
        "socket": name,
        "identifier": identifier,
        "rtt_ends_at": clock,
    });
    reporter.start(&text, &event);
}

/// Tells a finding, of which `from` sent the message.
pub fn finding(reporter: &Reporter, finding: &Finding, received: &Received, from: IpAddr) {
    // What is not shown need not be put into words, fifty thousand times.
    if reporter.quiet {
        return;
    }
    let (bytes, ttl) = (received.message.len(), received.packet.ttl);
    match finding {
        &Finding::Answer { seq, answer } => {
            reporter.event(&Event::Answer { seq, answer, bytes, ttl });
        }
        Finding::Spoilt { seq, answer: Answer::Corrupt(rtt), what } => {
            reporter.event(&Event::Corrupt { seq: *seq, rtt: *rtt, bytes, ttl, what });
        }
        &Finding::Spoilt { seq, answer, .. } => {
            reporter.event(&Event::Answer { seq, answer, bytes, ttl });
        }
        Finding::Foreign(why) => {
            let text = format!("{bytes} bytes from {from} that answer no request: {why}");
            let event = json!({
                "event": "foreign",
                "seq": null,
                "bytes": bytes,
                "from": from.to_string(),
                "why": why,
            });
            reporter.tell(Some(Colour::Dim), &text, &event);
        }
        Finding::Failed { .. } | Finding::Redirected { .. } => error(reporter, finding, Some(from)),
        Finding::NotOurs => {}
    }
}

/// Tells an ICMP error, which `from` sent.
pub fn error(reporter: &Reporter, finding: &Finding, from: Option<IpAddr>) {
    match finding {
        Finding::Failed { seq, problem } => {
            reporter.event(&Event::IcmpError { seq: *seq, problem: *problem, from });
        }
        Finding::Redirected { seq, problem } => {
            let from = from.map(|from| from.to_string());
            let router = from.as_deref().unwrap_or("somebody");
            let (kind, code) = (problem.kind, problem.code);
            let text = format!("From {router} icmp_seq={seq} {problem} (type {kind}, code {code})");
            let event = json!({
                "event": "redirect",
                "seq": seq,
                "type": kind,
                "code": code,
                "meaning": problem.to_string(),
                "from": from,
            });
            reporter.tell(Some(Colour::Yellow), &text, &event);
        }
        _ => {}
    }
}
