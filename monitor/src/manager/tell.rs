//! What the manager tells while it runs: results as they come, and what is out of order.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use logic::units::show_duration;
use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::Value;
use socklab::clock::At;
use socklab::event::Event;
use socklab::output::{Colour, harmless_up_to, plural};

use crate::protocol::{Dropped, Report, TaskAck};
use crate::verdict::Verdict;

/// A notice, and when it happened: an event.
#[derive(Debug)]
pub struct Told {
    pub at: At,
    pub notice: Notice,
}

impl Serialize for Told {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut event = serde_json::to_value(&self.notice).map_err(S::Error::custom)?;
        if let Value::Object(fields) = &mut event {
            // The name is the first one.
            fields.shift_insert(1, "at_ns".to_string(), self.at.ns().into());
        }
        event.serialize(to)
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // What is out of order stands out, also without colour.
        f.write_str(if self.notice.is_result() { "" } else { "*** " })?;
        self.notice.fmt(f)
    }
}

impl Event for Told {
    fn colour(&self) -> Option<Colour> {
        self.notice.colour()
    }
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Notice {
    /// An agent came for the first time since the start.
    Connected {
        #[serde(rename = "agent_id")]
        agent: u64,
        address: SocketAddr,
        name: Option<String>,
    },
    /// It came back, after so long.
    Reconnected {
        #[serde(rename = "agent_id")]
        agent: u64,
        address: SocketAddr,
        #[serde(rename = "after_s", serialize_with = "seconds")]
        after: Duration,
    },
    /// A second connection of the same identifier: the first was ended.
    TakenOver {
        #[serde(rename = "agent_id")]
        agent: u64,
        address: SocketAddr,
        before: Option<SocketAddr>,
    },
    /// Its connection ended.
    Lost {
        #[serde(rename = "agent_id")]
        agent: u64,
        reason: String,
    },
    /// It did not come back in time.
    Silent {
        #[serde(rename = "agent_id")]
        agent: u64,
        #[serde(rename = "after_s", serialize_with = "seconds")]
        after: Duration,
    },
    /// Its clock differs from the manager's by so many seconds; positive: it is ahead.
    Skewed {
        #[serde(rename = "agent_id")]
        agent: u64,
        seconds: f64,
    },
    Result {
        #[serde(rename = "agent_id")]
        agent: u64,
        address: Option<SocketAddr>,
        check: String,
        #[serde(flatten)]
        report: Box<Report>,
    },
    /// It had no room for these.
    Dropped {
        #[serde(rename = "agent_id")]
        agent: u64,
        #[serde(flatten)]
        dropped: Dropped,
    },
    /// It confirmed a configuration, of which it refused some tasks.
    Configured {
        #[serde(rename = "agent_id")]
        agent: u64,
        rev: u64,
        tasks: usize,
        refused: Vec<TaskAck>,
    },
    /// Somebody was not let in.
    Refused { address: SocketAddr, reason: String },
    /// So many could not be told: they came faster than they were read.
    LeftOut { notices: u64 },
    /// A result could not be stored, and was not acknowledged.
    NotStored { why: String },
}

impl Notice {
    pub fn is_result(&self) -> bool {
        matches!(self, Notice::Result { .. })
    }

    /// The colour of its line.
    fn colour(&self) -> Option<Colour> {
        match self {
            Notice::Connected { .. } | Notice::Reconnected { .. } => Some(Colour::Green),
            Notice::TakenOver { .. }
            | Notice::Skewed { .. }
            | Notice::Refused { .. }
            | Notice::LeftOut { .. } => Some(Colour::Yellow),
            Notice::Lost { .. }
            | Notice::Silent { .. }
            | Notice::Dropped { .. }
            | Notice::NotStored { .. } => Some(Colour::Red),
            Notice::Configured { refused, .. } => (!refused.is_empty()).then_some(Colour::Red),
            Notice::Result { report, .. } => {
                let verdict = report.verdict;
                (verdict != Verdict::Up).then(|| verdict.colour())
            }
        }
    }
}

fn seconds<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(time.as_secs_f64())
}

/// The line for a person. What peers say is made harmless.
impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Notice::Connected { agent, address, name } => {
                let name = name.as_ref().map_or(String::new(), |name| format!(" {}", said(name)));
                write!(f, "agent {agent}{name} connected from {address}")
            }
            Notice::Reconnected { agent, address, after } => {
                write!(f, "agent {agent} reconnected from {address}, after {}", whole(*after))
            }
            Notice::TakenOver { agent, address, before } => {
                let before = before.map_or("another".to_string(), |before| before.to_string());
                write!(
                    f,
                    "agent {agent} connected from {address} while connected from {before}: \
                     the new connection takes over"
                )
            }
            Notice::Lost { agent, reason } => write!(f, "agent {agent} lost: {}", said(reason)),
            Notice::Silent { agent, after } => {
                write!(f, "agent {agent} silent for {}", whole(*after))
            }
            Notice::Skewed { agent, seconds } => {
                let side = if *seconds > 0.0 { "ahead of" } else { "behind" };
                write!(f, "agent {agent}'s clock is {:.1} s {side} this one's", seconds.abs())
            }
            Notice::Result { agent, address, check, report } => {
                let address = address.map_or(String::new(), |address| format!(" {address}"));
                write!(
                    f,
                    "{}  agent {agent}{address}  {:10}  {}  {}  {:.1} ms",
                    said(&report.started_at),
                    report.verdict,
                    said(check),
                    said(&report.reason),
                    report.duration_us as f64 / 1e3,
                )
            }
            Notice::Dropped { agent, dropped } => {
                let Dropped { first, last, .. } = dropped;
                let count = last.saturating_sub(*first).saturating_add(1);
                let count = plural(count, "result");
                write!(f, "agent {agent} dropped {count}, {first} to {last}, for lack of room")
            }
            Notice::Configured { agent, rev, tasks, refused } if refused.is_empty() => {
                let tasks = plural(*tasks as u64, "task");
                write!(f, "agent {agent} confirmed revision {rev}, {tasks}")
            }
            Notice::Configured { agent, rev, refused, .. } => {
                write!(f, "agent {agent} refuses part of revision {rev}: {}", reasons(refused))
            }
            Notice::Refused { address, reason } => {
                write!(f, "{address} not let in: {}", said(reason))
            }
            Notice::LeftOut { notices } => {
                write!(f, "{notices} lines not shown: they came too fast")
            }
            Notice::NotStored { why } => write!(
                f,
                "a result could not be stored: {}; the agent will send it again",
                said(why)
            ),
        }
    }
}

/// In whole seconds.
fn whole(time: Duration) -> String {
    show_duration(Duration::from_secs(time.as_secs()))
}

/// Which tasks were refused, and why.
fn reasons(refused: &[TaskAck]) -> String {
    let one = |task: &TaskAck| {
        let reason = task.reason.as_deref().unwrap_or("no reason given");
        format!("task {}: {}", said(&task.task), said(reason))
    };
    refused.iter().map(one).collect::<Vec<_>>().join("; ")
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
                let text = notice.to_string();
                prop_assert!(!text.chars().any(is_harmful), "{text:?}");
            }
        }
    }

    #[test]
    fn a_text_of_a_length_that_hides_its_escapes_is_escaped_too() {
        // Quoted and cut, it is as long as it was before.
        let evil = format!("\u{1b}[2J{}", "A".repeat(204));
        for notice in notices(&evil) {
            assert!(!notice.to_string().contains('\u{1b}'), "{notice:?}");
        }
    }

    #[test]
    fn json_begins_with_the_name_and_the_moment() {
        let at = At::now();
        let event =
            |notice: Notice| -> Value { serde_json::to_value(Told { at, notice }).unwrap() };
        for notice in notices("x") {
            let event = event(notice);
            let first: Vec<&String> = event.as_object().unwrap().keys().take(2).collect();
            assert_eq!(first, ["event", "at_ns"], "{event}");
            assert_eq!(event["at_ns"], at.ns());
        }
        let silent = event(Notice::Silent { agent: 7, after: Duration::from_millis(1500) });
        assert_eq!((&silent["agent_id"], &silent["after_s"]), (&7.into(), &1.5.into()));
        let result = event(notices("x").swap_remove(2));
        assert_eq!((&result["event"], &result["verdict"]), (&"result".into(), &"down".into()));
    }
}
