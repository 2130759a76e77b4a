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
            let shown: Vec<Value> = shown.collect();
            let ttl = probes.first().map(|probe| probe.ttl);
            json!({"event": "hop", "ttl": ttl, "probes": shown})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Heard;
    use super::super::plan::{Plan, Settings};
    use super::*;
    use crate::clock::Arrival;
    use packets::icmp::Version;
    use packets::icmp_error::Problem;
    use std::time::{Duration, Instant};

    /// A hop of five probes with these answers: who, and type and code.
    fn with_hop(answers: &[(u16, u8, (u8, u8))], look: impl FnOnce(&[Probe], &Plan, &Heard)) {
        let settings = Settings {
            first_hop: 1,
            max_hops: 1,
            per_hop: 5,
            timeout: Duration::from_secs(1000),
            interval: Duration::ZERO,
        };
        let mut plan = Plan::new([10, 0, 3, 2].into(), settings);
        (0..5).for_each(|_| plan.sent(Instant::now()));
        let mut last = None;
        for &(seq, host, (kind, code)) in answers {
            let problem = Problem { version: Version::V4, kind, code, rest: 0 };
            let heard = Heard {
                seq,
                answer: Answer::Error(problem),
                from: [10, 0, 1, host].into(),
                ttl: Some(64),
                arrival: Arrival::new(None),
            };
            plan.heard(&heard);
            last = Some(heard);
        }
        let probes = plan.untold().next().unwrap();
        look(probes, &plan, &last.unwrap());
    }

    fn without_times(line: &str) -> String {
        regex::Regex::new(r"\d+\.\d{3} ms").unwrap().replace_all(line, "T").into_owned()
    }

    #[test]
    fn an_address_stands_where_it_first_answered_and_where_it_is_another() {
        let expired = (11, 0);
        let answers = [(1, 1, expired), (2, 1, expired), (4, 1, expired), (5, 2, expired)];
        with_hop(&answers, |probes, _, _| {
            let line = hop_text(probes, |address| address.to_string());
            assert_eq!(without_times(&line), " 1  10.0.1.1  T  T *  T 10.0.1.2  T");
            assert_eq!(hop_colour(probes), None);
        });
    }

    #[test]
    fn a_mark_stands_behind_the_time_and_silence_in_front() {
        with_hop(&[(2, 9, (3, 1)), (5, 9, (3, 13))], |probes, _, _| {
            let line = hop_text(probes, |_| "bob (10.0.1.9)".to_string());
            assert_eq!(without_times(&line), " 1  * bob (10.0.1.9)  T !H * *  T !X");
            assert_eq!(hop_colour(probes), Some(Colour::Red));
        });
    }

    #[test]
    fn json_has_null_for_what_does_not_exist() {
        with_hop(&[(5, 9, (3, 1))], |probes, plan, heard| {
            let probe = plan.probe(5).unwrap();
            let verdict = Verdict::InTime(Duration::from_micros(1500));
            let event = event_json(&Event::Heard { probe, heard, verdict }, |_| None);
            let expected = json!({
                "event": "icmp_error", "seq": 5, "ttl": 1, "from": "10.0.1.9", "rtt_ms": 1.5,
                "reply_ttl": 64, "type": 3, "code": 1, "meaning": "Destination Host Unreachable",
            });
            assert_eq!(event, expected);
            let hop = event_json(&Event::Hop { probes }, |_| Some("bob".to_string()));
            assert_eq!(hop["probes"][4]["name"], "bob");
            assert_eq!(hop["probes"][4]["mark"], "!H");
            let silent =
                json!({"seq": 1, "from": null, "name": null, "rtt_ms": null, "mark": null});
            assert_eq!(hop["probes"][0], silent);
        });
    }
}
