//! What the program tells: each event with its JSON and its line for people.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use logic::trace::{Probe, Response, Timing, Tracer};
use logic::units::show_duration;
use packets::{ipv4, ipv6, udp};
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::{ErrorSeen, Event, Ms};
use socklab::output::{Colour, plural};

use crate::NAME;
use crate::args::Args;
use crate::hop;
use crate::names::Names;
use crate::prober::Prober;

/// The first line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    /// As it was typed.
    host: String,
    address: IpAddr,
    /// Our own address, and the port from which UDP probes go.
    local: Option<String>,
    /// `icmp` or `udp`.
    by: &'static str,
    first_hop: u8,
    max_hops: u8,
    /// Probes a hop.
    count: u8,
    timeout_ms: Ms,
    /// The length of a probe with its IP header.
    packet_bytes: usize,
    #[serde(skip)]
    prober: &'static str,
}

impl Start {
    pub fn new(args: &Args, target: SocketAddr, prober: &Prober) -> Start {
        let headers = udp::HEADER + if target.is_ipv4() { ipv4::HEADER } else { ipv6::HEADER };
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            host: args.host.to_string(),
            address: target.ip(),
            local: prober.local(target),
            by: if args.udp { "udp" } else { "icmp" },
            first_hop: args.first_hop,
            max_hops: args.max_hops,
            count: args.count,
            timeout_ms: Ms(args.timeout),
            packet_bytes: args.size + headers,
            prober: prober.name(),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Start { host, address, prober, max_hops, packet_bytes, .. } = self;
        write!(
            f,
            "trace to {host} ({address}) by {prober}, {max_hops} hops max, {packet_bytes} byte packets"
        )
    }
}

impl Event for Start {}

/// What became of a probe: in JSON only, as for people it stands in its hop's line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProbeEvent {
    /// A probe is being sent: `at_ns` is just before the call.
    Sent {
        at_ns: At,
        seq: u16,
        ttl: u8,
    },
    Reply(Came),
    IcmpError(Came),
    /// A response after the timeout, an ICMP error or not.
    Late(Came),
    /// A further response.
    Duplicate(Came),
    /// No response came in time.
    Timeout {
        at_ns: At,
        seq: u16,
        ttl: u8,
        timeout_ms: Ms,
    },
}

/// A response, and the probe that it answers.
#[derive(Debug, Serialize)]
pub struct Came {
    at_ns: At,
    seq: u16,
    /// With which the probe was sent.
    ttl: u8,
    rtt_ms: Ms,
    /// What the response's own TTL had left, where it is known.
    reply_ttl: Option<u8>,
    #[serde(flatten)]
    error: Option<ErrorSeen>,
    /// Where it is no ICMP error, which has it already.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<IpAddr>,
}

impl ProbeEvent {
    /// Nothing came in answer to the probe within the timeout.
    pub fn timeout(probe: &Probe, timeout: Duration) -> ProbeEvent {
        let Probe { sent, seq, ttl, .. } = *probe;
        let (at_ns, timeout_ms) = (At::from(sent + timeout), Ms(timeout));
        ProbeEvent::Timeout { at_ns, seq, ttl, timeout_ms }
    }

    pub fn of(probe: &Probe, response: &Response, timing: Timing) -> ProbeEvent {
        let from = Some(response.from);
        let came = |rtt| Came {
            at_ns: response.arrival.at().into(),
            seq: probe.seq,
            ttl: probe.ttl,
            rtt_ms: Ms(rtt),
            reply_ttl: response.ttl,
            error: response.error.map(|problem| ErrorSeen { problem, from }),
            from: from.filter(|_| response.error.is_none()),
        };
        match timing {
            Timing::InTime(rtt) if response.error.is_none() => ProbeEvent::Reply(came(rtt)),
            Timing::InTime(rtt) => ProbeEvent::IcmpError(came(rtt)),
            Timing::Late(rtt) => ProbeEvent::Late(came(rtt)),
            Timing::Duplicate(rtt) => ProbeEvent::Duplicate(came(rtt)),
        }
    }
}

/// `tell_json` never shows it to people.
impl fmt::Display for ProbeEvent {
    fn fmt(&self, _: &mut fmt::Formatter) -> fmt::Result {
        Ok(())
    }
}

impl Event for ProbeEvent {}

/// A hop, once all its probes are decided, or as it is at an early end.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "hop")]
pub struct HopLine {
    at_ns: At,
    ttl: u8,
    probes: Vec<hop::Entry>,
    #[serde(skip)]
    numeric: bool,
}

impl HopLine {
    pub fn of(probes: &[Probe], names: &mut Names) -> HopLine {
        HopLine {
            at_ns: At::now(),
            ttl: probes.first().map_or(0, |probe| probe.ttl),
            probes: probes.iter().map(|probe| hop::Entry::of(probe, names)).collect(),
            numeric: names.numeric,
        }
    }
}

impl fmt::Display for HopLine {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        hop::write(f, self.ttl, &self.probes, self.numeric)
    }
}

impl Event for HopLine {
    fn colour(&self) -> Option<Colour> {
        hop::colour(&self.probes)
    }
}

/// The last line.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary {
    at_ns: At,
    reached: bool,
    /// The hop at which the way ended, be it at the target or not.
    hops: Option<u8>,
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    waiting: u64,
    duplicates: u64,
    /// How the way ended, for people.
    #[serde(skip)]
    end: String,
    #[serde(skip)]
    timeout: String,
}

impl Summary {
    pub fn of(tracer: &Tracer, args: &Args, target: IpAddr) -> Summary {
        let end = match (tracer.reached(), tracer.ended()) {
            (Some(hop), _) => format!("{target} answered at hop {hop}"),
            (None, Some(hop)) => format!("{target} was not reached: the way ends at hop {hop}"),
            (None, None) if !tracer.finished() => format!("{target} was not reached yet"),
            (None, None) => format!("{target} did not answer within {} hops", args.max_hops),
        };
        let counts = tracer.counts;
        Summary {
            at_ns: At::now(),
            reached: tracer.reached().is_some(),
            hops: tracer.ended(),
            sent: counts.sent,
            received: counts.received,
            lost: counts.lost,
            late: counts.late,
            waiting: counts.waiting(),
            duplicates: counts.duplicates,
            end,
            timeout: show_duration(args.timeout),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { end, timeout, sent, received, late, .. } = self;
        write!(f, "{end}; {} sent, {received} answered", plural(*sent, "probe"))?;
        // What was sent beyond the target before it answered is not waited for.
        for (count, name) in [(self.lost, "lost"), (self.waiting, "still under way")] {
            if count > 0 {
                write!(f, ", {count} {name}")?;
            }
        }
        if *late > 0 {
            write!(f, ", {late} late (after {timeout}, and shown as *: a longer -W would wait)")?;
        }
        Ok(())
    }
}

impl Event for Summary {}
