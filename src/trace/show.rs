//! A hop as a line like traceroute's, and what happened as JSON.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Value, json};

use super::mark::mark;
use super::plan::{Outcome, Probe, Verdict};
use super::{Answer, Event};
use crate::output::Colour;

/// ` 2  10.0.2.2 (10.0.2.2)  0.051 ms * 10.0.2.3 (10.0.2.3)  0.049 ms !H`: an
/// address stands before the first time that it gave, a star for silence.
/// `shown` says how an address is to be shown.
pub fn hop_text(probes: &[Probe], mut shown: impl FnMut(IpAddr) -> String) -> String {
    let ttl = probes.first().map_or(0, |probe| probe.ttl);
    let mut line = format!("{ttl:2} ");
    let mut last = None;
    for probe in probes {
        // Writing to a String cannot fail.
        let _ = match probe.outcome {
            Outcome::Answered { from, rtt, .. } => {
                if last != Some(from) {
                    last = Some(from);
                    let _ = write!(line, " {}", shown(from));
                }
                let mark = mark(probe).map_or(String::new(), |mark| format!(" {mark}"));
                write!(line, "  {:.3} ms{mark}", rtt.as_nanos() as f64 / 1e6)
            }
            Outcome::Waiting | Outcome::Lost | Outcome::Late => write!(line, " *"),
        };
    }
    line
}

/// Silence is yellow, an error other than that of a used-up TTL red.
pub fn hop_colour(probes: &[Probe]) -> Option<Colour> {
    if probes.iter().any(|probe| mark(probe).is_some()) {
        return Some(Colour::Red);
    }
    let answered = |probe: &Probe| matches!(probe.outcome, Outcome::Answered { .. });
    (!probes.iter().any(answered)).then_some(Colour::Yellow)
}

/// An event as JSON. `name` says what an address is called, if anything.
pub fn event_json(event: &Event, mut name: impl FnMut(IpAddr) -> Option<String>) -> Value {
    match event {
        Event::Timeout { probe } => {
            json!({"event": "timeout", "seq": probe.seq, "ttl": probe.ttl})
        }
        Event::Heard { probe, heard, verdict } => {
            let (kind, rtt) = match (verdict, heard.answer) {
                (Verdict::InTime(rtt), Answer::Reply) => ("reply", Some(rtt)),
                (Verdict::InTime(rtt), Answer::Error(_)) => ("icmp_error", Some(rtt)),
                (Verdict::Late(rtt), _) => ("late", Some(rtt)),
                (Verdict::Duplicate(rtt), _) => ("duplicate", Some(rtt)),
                (Verdict::Foreign, _) => ("foreign", None),
            };
            let mut event = json!({
                "event": kind,
                "seq": probe.seq,
                "ttl": probe.ttl,
                "from": heard.from.to_string(),
                "rtt_ms": rtt.map(|rtt| rtt.as_nanos() as f64 / 1e6),
                "reply_ttl": heard.ttl,
            });
            if let Answer::Error(problem) = heard.answer {
                event["type"] = json!(problem.kind);
                event["code"] = json!(problem.code);
                event["meaning"] = json!(problem.to_string());
            }
            event
        }
        Event::Hop { probes } => {
            let shown = probes.iter().map(|probe| {
                let (from, rtt) = match probe.outcome {
                    Outcome::Answered { from, rtt, .. } => (Some(from), Some(rtt)),
                    _ => (None, None),
                };
                json!({
                    "seq": probe.seq,
                    "from": from.map(|from| from.to_string()),
                    "name": from.and_then(&mut name),
                    "rtt_ms": rtt.map(|rtt| rtt.as_nanos() as f64 / 1e6),
                    "mark": mark(probe),
                })
            });
            let probes_shown: Vec<Value> = shown.collect();
            let ttl = probes.first().map(|probe| probe.ttl);
            json!({"event": "hop", "ttl": ttl, "probes": probes_shown})
        }
    }
}
