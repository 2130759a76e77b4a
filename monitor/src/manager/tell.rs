//! What the manager tells while it runs: results as they come, and what is out of order.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use socklab::cli::show_duration;
use socklab::output::{Colour, harmless_up_to};

use crate::protocol::{Dropped, Report, TaskAck};
use crate::verdict::Verdict;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Notice {
    /// An agent came for the first time since the start.
    Connected {
        agent: u64,
        address: SocketAddr,
        name: Option<String>,
    },
    /// It came back, after so long.
    Reconnected {
        agent: u64,
        address: SocketAddr,
        after: Duration,
    },
    /// A second connection of the same identifier: the first was ended.
    TakenOver {
        agent: u64,
        address: SocketAddr,
        before: Option<SocketAddr>,
    },
    /// Its connection ended.
    Lost {
        agent: u64,
        reason: String,
    },
    /// It did not come back in time.
    Silent {
        agent: u64,
        after: Duration,
    },
    /// Its clock differs from the manager's by so many seconds; positive: it is ahead.
    Skewed {
        agent: u64,
        seconds: f64,
    },
    Result {
        agent: u64,
        address: Option<SocketAddr>,
        check: String,
        report: Box<Report>,
    },
    /// It had no room for these.
    Dropped {
        agent: u64,
        dropped: Dropped,
    },
    /// It confirmed a configuration, of which it refused some tasks.
    Configured {
        agent: u64,
        rev: u64,
        tasks: usize,
        refused: Vec<TaskAck>,
    },
    /// Somebody was not let in.
    Refused {
        address: SocketAddr,
        reason: String,
    },
    /// So many could not be told: they came faster than they were read.
    LeftOut {
        notices: u64,
    },
    /// A result could not be stored, and was not acknowledged.
    NotStored {
        why: String,
    },
}

impl Notice {
    /// The line for a person, and its colour. What peers say is made harmless.
    pub fn text(&self) -> (Option<Colour>, String) {
        match self {
            Notice::Connected { agent, address, name } => {
                let name = name.as_ref().map_or(String::new(), |name| format!(" {}", said(name)));
                (Some(Colour::Green), format!("agent {agent}{name} connected from {address}"))
            }
            Notice::Reconnected { agent, address, after } => {
                let after = show_duration(Duration::from_secs(after.as_secs()));
                (
                    Some(Colour::Green),
                    format!("agent {agent} reconnected from {address}, after {after}"),
                )
            }
            Notice::TakenOver { agent, address, before } => {
                let before = before.map_or("another".to_string(), |before| before.to_string());
                let text = format!(
                    "agent {agent} connected from {address} while connected from {before}: \
                     the new connection takes over"
                );
                (Some(Colour::Yellow), text)
            }
            Notice::Lost { agent, reason } => {
                (Some(Colour::Red), format!("agent {agent} lost: {}", said(reason)))
            }
            Notice::Silent { agent, after } => {
                let after = show_duration(Duration::from_secs(after.as_secs()));
                (Some(Colour::Red), format!("agent {agent} silent for {after}"))
            }
            Notice::Skewed { agent, seconds } => {
                let side = if *seconds > 0.0 { "ahead of" } else { "behind" };
                let text =
                    format!("agent {agent}'s clock is {:.1} s {side} this one's", seconds.abs());
                (Some(Colour::Yellow), text)
            }
            Notice::Result { agent, address, check, report } => {
                let address = address.map_or(String::new(), |address| format!(" {address}"));
                let colour = match report.verdict {
                    Verdict::Up => None,
                    Verdict::Down => Some(Colour::Red),
                    Verdict::Degraded | Verdict::Unverified => Some(Colour::Yellow),
                };
                let took = report.duration_us as f64 / 1e3;
                let text = format!(
                    "{}  agent {agent}{address}  {:10}  {}  {}  {took:.1} ms",
                    said(&report.started_at),
                    report.verdict,
                    said(check),
                    said(&report.reason),
                );
                (colour, text)
            }
            Notice::Dropped { agent, dropped } => {
                let Dropped { first, last, .. } = dropped;
                let count = last.saturating_sub(*first).saturating_add(1);
                let text = format!(
                    "agent {agent} dropped {count} results, {first} to {last}, for lack of room"
                );
                (Some(Colour::Red), text)
            }
            Notice::Configured { agent, rev, tasks, refused } if refused.is_empty() => {
                (None, format!("agent {agent} confirmed revision {rev}, {tasks} tasks"))
            }
            Notice::Configured { agent, rev, refused, .. } => {
                let refused: Vec<String> = refused
                    .iter()
                    .map(|task| {
                        let reason = task.reason.as_deref().unwrap_or("no reason given");
                        format!("task {}: {}", said(&task.task), said(reason))
                    })
                    .collect();
                let text =
                    format!("agent {agent} refuses part of revision {rev}: {}", refused.join("; "));
                (Some(Colour::Red), text)
            }
            Notice::Refused { address, reason } => {
                (Some(Colour::Yellow), format!("{address} not let in: {}", said(reason)))
            }
            Notice::LeftOut { notices } => {
                let text = format!("{notices} lines not shown: they came too fast");
                (Some(Colour::Yellow), text)
            }
            Notice::NotStored { why } => (
                Some(Colour::Red),
                format!(
                    "a result could not be stored: {}; the agent will send it again",
                    said(why)
                ),
            ),
        }
    }

    pub fn json(&self) -> Value {
        match self {
            Notice::Connected { agent, address, name } => {
                json!({"event": "connected", "agent_id": agent, "address": address, "name": name})
            }
            Notice::Reconnected { agent, address, after } => {
                json!({"event": "reconnected", "agent_id": agent, "address": address,
                       "after_s": after.as_secs_f64()})
            }
            Notice::TakenOver { agent, address, before } => {
                json!({"event": "taken_over", "agent_id": agent, "address": address,
                       "before": before})
            }
            Notice::Lost { agent, reason } => {
                json!({"event": "lost", "agent_id": agent, "reason": reason})
            }
            Notice::Silent { agent, after } => {
                json!({"event": "silent", "agent_id": agent, "after_s": after.as_secs_f64()})
            }
            Notice::Skewed { agent, seconds } => {
                json!({"event": "skewed", "agent_id": agent, "seconds": seconds})
            }
            Notice::Result { agent, address, check, report } => {
                let mut event = json!({"event": "result", "agent_id": agent, "address": address,
                                       "check": check});
                if let (Some(event), Ok(Value::Object(report))) =
                    (event.as_object_mut(), serde_json::to_value(report.as_ref()))
                {
                    event.extend(report);
                }
                event
            }
            Notice::Dropped { agent, dropped } => {
                json!({"event": "dropped", "agent_id": agent, "boot_id": dropped.boot_id,
                       "first": dropped.first, "last": dropped.last})
            }
            Notice::Configured { agent, rev, tasks, refused } => {
                json!({"event": "configured", "agent_id": agent, "rev": rev, "tasks": tasks,
                       "refused": refused})
            }
            Notice::Refused { address, reason } => {
                json!({"event": "refused", "address": address, "reason": reason})
            }
            Notice::LeftOut { notices } => json!({"event": "left_out", "notices": notices}),
            Notice::NotStored { why } => json!({"event": "not_stored", "why": why}),
        }
    }
}

/// The longest text of a peer's that is shown, in characters.
const LONGEST: usize = 200;

/// A peer's text as a person is shown it: harmless, and not too long.
pub fn said(text: &str) -> String {
    harmless_up_to(LONGEST, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{hostile, is_harmful};
    use proptest::prelude::*;

    /// Every notice that has a peer's text in it, with this one.
    fn notices(evil: &str) -> Vec<Notice> {
        let report = Report {
            boot_id: evil.into(),
            seq: 1,
            task: evil.into(),
            rev: 1,
            started_at: evil.into(),
            duration_us: 1,
            verdict: Verdict::Down,
            reason: evil.into(),
            detail: serde_json::Map::from_iter([(evil.to_string(), evil.into())]),
        };
        let refused = TaskAck { task: evil.into(), accepted: false, reason: Some(evil.into()) };
        let address: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let dropped = Dropped { boot_id: evil.into(), first: 1, last: 2 };
        let (check, report) = (evil.into(), Box::new(report));
        vec![
            Notice::Connected { agent: 1, address, name: Some(evil.into()) },
            Notice::Lost { agent: 1, reason: evil.into() },
            Notice::Result { agent: 1, address: None, check, report },
            Notice::Dropped { agent: 1, dropped },
            Notice::Configured { agent: 1, rev: 1, tasks: 1, refused: vec![refused] },
            Notice::Refused { address, reason: evil.into() },
            Notice::NotStored { why: evil.into() },
        ]
    }

    proptest! {
        #[test]
        fn nothing_that_a_peer_says_reaches_the_terminal_raw(evil in hostile()) {
            for notice in notices(&evil) {
                let (_, text) = notice.text();
                prop_assert!(!text.chars().any(is_harmful), "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_of_a_length_that_hides_its_escapes_is_escaped_too() {
        // Quoted and cut, it is as long as it was before.
        let evil = format!("\u{1b}[2J{}", "A".repeat(204));
        for notice in notices(&evil) {
            assert!(!notice.text().1.contains('\u{1b}'), "{notice:?}");
        }
    }
}
