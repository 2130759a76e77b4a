//! The way to a host, hop by hop; a way that changed can so be told.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use logic::pace::Step;
use logic::trace::{self, Probe, ProbeState, Settings, Tracer};
use logic::units::show_duration;
use serde_json::Value as Json;
use socklab::icmp_prober::Heard;
use socklab::icmp_prober::IcmpProber;

use crate::outcome::{Deadline, Outcome};

use super::icmp;
use super::lack;
use super::parameter::Parameter;
use super::reach::{NoAnswer, first_answer};
use super::resolve::resolve;
use super::value::Value;

/// Whether a host can be reached, and over whom.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub host: String,
    pub max_hops: u8,
}

const MAX_HOPS: u8 = 30;
const PER_HOP: u8 = 3;
/// Bytes behind the ICMP header.
const SIZE: usize = 32;
/// No answer is waited for longer, so that silent routers do not use up the time.
const PATIENCE: Duration = Duration::from_secs(1);

impl Trace {
    pub const USAGE: &str = "trace HOST [max_hops=N] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Trace>] = &[
        Parameter {
            name: "host",
            help: "to whom; a way that changed since the last check is told",
            sample: "\"8.8.8.8\"",
            set: |trace, value| icmp::set_host(&mut trace.host, value),
            show: |trace| Some(Value::of(&trace.host)),
        },
        Parameter {
            name: "max_hops",
            help: "down if the host is further away; default 30",
            sample: "20",
            set: |trace, value| value.whole(1, 255).map(|number| trace.max_hops = number as u8),
            show: |trace| {
                (trace.max_hops != MAX_HOPS).then_some(Value::Integer(trace.max_hops.into()))
            },
        },
    ];

    pub fn draft() -> Trace {
        Trace { host: String::new(), max_hops: MAX_HOPS }
    }

    pub fn run(&self, deadline: &Deadline) -> Outcome {
        let addresses = match resolve(&self.host, 0, deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let answer = first_answer(&addresses, deadline, |target, _| {
            lack::socket_to(target)?;
            self.to(target, deadline)
        });
        answer.unwrap_or_else(|outcome| outcome)
    }

    fn to(&self, target: SocketAddr, deadline: &Deadline) -> Result<Outcome, NoAnswer> {
        let mut prober = IcmpProber::open(target, trace::payload(SIZE), false)
            .map_err(|why| NoAnswer::Lack(Outcome::unverified(why)))?;
        let settings = Settings {
            first_hop: 1,
            max_hops: self.max_hops,
            per_hop: PER_HOP,
            timeout: PATIENCE.min(deadline.timeout / 2),
            interval: Duration::ZERO,
        };
        let began = Instant::now();
        let mut tracer = Tracer::new(target.ip(), settings, began);
        let mut hops: Vec<Hop> = Vec::new();
        while !tracer.finished() {
            let on = match deadline.left() {
                Some(_) => go_on(&mut tracer, &mut prober).map(|()| true),
                // If this program stood still, answers may have come meanwhile.
                None => take_waiting(&mut tracer, &mut prober).map(|()| false),
            };
            let on = on.map_err(|why| NoAnswer::Lack(lack::not_asked(&why)))?;
            while let Some(probes) = tracer.next_hop() {
                hops.push(Hop::of(probes));
            }
            if !on {
                break;
            }
        }
        hops.extend(tracer.untold().map(Hop::of));
        let took = began.elapsed();
        let path: Vec<Json> = hops.iter().map(Hop::json).collect();
        let outcome = match (tracer.reached(), tracer.ended()) {
            (Some(hop), _) => {
                let rtt = hops.last().and_then(|hop| hop.rtt);
                let hops = if hop == 1 { "1 hop".to_string() } else { format!("{hop} hops") };
                Outcome::up(format!("{} in {hops}", target.ip())).after(rtt.unwrap_or(took))
            }
            (None, Some(hop)) => {
                Outcome::down(format!("the way ends at hop {hop}: {}", last(&hops)))
            }
            (None, None) if !tracer.finished() => Outcome::down(format!(
                "not reached within {}, only as far as {}",
                show_duration(deadline.timeout),
                last(&hops)
            )),
            (None, None) => Outcome::down(format!(
                "not reached within {} hops, only as far as {}",
                self.max_hops,
                last(&hops)
            )),
        };
        let outcome = outcome
            .with("address", target.ip().to_string())
            .with("hops", tracer.ended())
            .with("path", path);
        match (tracer.reached(), tracer.ended()) {
            (None, Some(_)) => Err(NoAnswer::Refused(outcome)),
            _ => Ok(outcome),
        }
    }
}

/// Does what is next: sends a probe, or listens for what comes of those under way.
fn go_on(tracer: &mut Tracer, prober: &mut IcmpProber) -> io::Result<()> {
    let now = Instant::now();
    match tracer.step(now) {
        Step::Done => {}
        Step::Send => {
            let (seq, ttl) = tracer.next_probe();
            prober.send(seq, ttl)?;
            tracer.sent(now);
        }
        Step::Wait(time) => match prober.listen(time)? {
            Heard::Response(response) => drop(tracer.heard(&response)),
            Heard::Silence => while tracer.timed_out(now).is_some() {},
            Heard::Other => {}
        },
    }
    Ok(())
}

/// Takes what has come in, but no more than the probes of one trace could bring.
fn take_waiting(tracer: &mut Tracer, prober: &mut IcmpProber) -> io::Result<()> {
    for _ in 0..1000 {
        match prober.listen(Duration::ZERO)? {
            Heard::Response(response) => drop(tracer.heard(&response)),
            Heard::Silence => break,
            Heard::Other => {}
        }
    }
    Ok(())
}

/// Who answered at one distance; several where the way forks.
#[derive(Debug)]
struct Hop {
    from: Vec<IpAddr>,
    rtt: Option<Duration>,
}

impl Hop {
    fn of(probes: &[Probe]) -> Hop {
        let mut hop = Hop { from: Vec::new(), rtt: None };
        for probe in probes {
            if let ProbeState::Answered { from, rtt, .. } = probe.state {
                hop.from.push(from);
                hop.rtt = hop.rtt.into_iter().chain([rtt]).min();
            }
        }
        hop.from.sort();
        hop.from.dedup();
        hop
    }

    /// A hop as it stands in `path`: who answered, or null for a silent one.
    fn json(&self) -> Json {
        match &self.from[..] {
            [] => Json::Null,
            from => from.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ").into(),
        }
    }
}

fn last(hops: &[Hop]) -> String {
    match hops.iter().rev().find_map(|hop| hop.from.first()) {
        Some(address) => address.to_string(),
        None => "nobody".to_string(),
    }
}

/// How the `path` of one check differs from that of the one before, in words;
/// None if it does not. A hop that is silent may be anybody, and one at which
/// the way forks is the same as long as one of its routers is.
pub fn path_change(before: &Json, after: &Json) -> Option<String> {
    let (before, after) = (before.as_array()?, after.as_array()?);
    let routers = |hop: &Json| -> Vec<String> {
        hop.as_str().unwrap_or_default().split_whitespace().map(str::to_string).collect()
    };
    for (place, (old, new)) in before.iter().zip(after).enumerate() {
        let (old, new) = (routers(old), routers(new));
        let known = !old.is_empty() && !new.is_empty();
        if known && !old.iter().any(|router| new.contains(router)) {
            let (old, new) = (old.join(" or "), new.join(" or "));
            return Some(format!("the way changed: hop {} is {new}, and was {old}", place + 1));
        }
    }
    let (old, new) = (before.len(), after.len());
    (old != new).then(|| format!("the way changed: {new} hops, and it was {old}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_way_is_the_same_unless_another_router_answers() {
        let before = json!(["192.0.2.1", null, "192.0.2.3 192.0.2.4", "192.0.2.9"]);
        assert_eq!(path_change(&before, &before), None);
        let silent = json!([null, "192.0.2.2", "192.0.2.4 192.0.2.5", "192.0.2.9"]);
        assert_eq!(path_change(&before, &silent), None);
        let other = json!(["192.0.2.1", null, "192.0.2.7", "192.0.2.9"]);
        let words = path_change(&before, &other).unwrap();
        assert_eq!(words, "the way changed: hop 3 is 192.0.2.7, and was 192.0.2.3 or 192.0.2.4");
        let shorter = json!(["192.0.2.1", "192.0.2.9"]);
        assert!(path_change(&before, &shorter).unwrap().contains("2 hops, and it was 4"));
        assert_eq!(path_change(&json!(null), &before), None);
    }
}
