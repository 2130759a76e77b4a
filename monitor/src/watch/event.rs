//! What happens to a service: checks that begin, end, or do not run, and changes of its state.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use socklab::clock::At;
use socklab::output::harmless;

use crate::engine::plan::NotRun;
use crate::outcome::Outcome;
use crate::service::Service;
use crate::stamp::{self, millis, ms, span};
use crate::state::Change;
use crate::verdict::Verdict;

/// What happened to a service, to be told.
#[derive(Debug, Clone)]
pub struct Occurrence {
    pub at: At,
    pub wall: Timestamp,
    pub service: Arc<Service>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// A check ended.
    Result {
        outcome: Arc<Outcome>,
        /// How long after its time it began.
        late: Duration,
        /// A person asked for it, and is to see it.
        asked: bool,
    },
    /// Its state became another, with this result.
    Change { change: Change, reason: Arc<str> },
    /// The way there is another one: the hops before, and now.
    Path { before: Value, now: Value },
    /// A check was not run; `first` says whether the one before it was.
    NotRun { why: NotRun, first: bool },
}

/// As JSON has it; `time` is in UTC.
impl Serialize for Occurrence {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let line = Line {
            event: self.what.name(),
            at_ns: self.at,
            time: self.wall,
            service: &self.service.name,
            kind: self.service.check.kind(),
            what: self.what.fields(),
        };
        line.serialize(to)
    }
}

/// The fields of an event.
#[derive(Serialize)]
struct Line<'a> {
    event: &'static str,
    at_ns: At,
    #[serde(with = "stamp::utc")]
    time: Timestamp,
    service: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(flatten)]
    what: Fields<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Fields<'a> {
    Result {
        verdict: Verdict,
        reason: &'a str,
        took_ms: Option<f64>,
        late_ms: f64,
        detail: &'a Map<String, Value>,
    },
    Change {
        from: Option<Verdict>,
        to: Verdict,
        lasted_s: Option<f64>,
        results: usize,
        reason: &'a str,
    },
    Path {
        before: &'a Value,
        path: &'a Value,
    },
    NotRun {
        why: &'static str,
        reason: String,
        checks: u64,
    },
}

impl What {
    /// The name of the event in JSON.
    fn name(&self) -> &'static str {
        match self {
            What::Result { .. } => "result",
            What::Change { .. } => "change",
            What::Path { .. } => "path",
            What::NotRun { .. } => "skipped",
        }
    }

    fn fields(&self) -> Fields<'_> {
        match self {
            What::Result { outcome, late, .. } => Fields::Result {
                verdict: outcome.verdict,
                reason: &outcome.reason,
                took_ms: outcome.took.map(millis),
                late_ms: millis(*late),
                detail: &outcome.detail,
            },
            What::Change { change, reason } => Fields::Change {
                from: change.from,
                to: change.to,
                lasted_s: change.lasted.map(|lasted| lasted.as_secs_f64()),
                results: change.results,
                reason,
            },
            What::Path { before, now } => Fields::Path { before, path: now },
            What::NotRun { why, .. } => {
                let (reason, checks) = (why.to_string(), why.checks());
                Fields::NotRun { why: why.word(), reason, checks }
            }
        }
    }
}

/// For people, behind the name of the service; harmless, whoever said it.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            What::Result { outcome, .. } => {
                f.write_str(&harmless(&outcome.reason))?;
                outcome.took.map_or(Ok(()), |took| write!(f, "   {}", ms(took)))
            }
            What::Change { change, reason } => {
                match (change.from, change.lasted) {
                    (Some(from), Some(lasted)) => write!(f, "was {from} for {}", span(lasted))?,
                    _ => f.write_str("was not known")?,
                }
                write!(f, "; now: {}", harmless(reason))
            }
            What::Path { before, now } => write!(f, "now {}; was {}", hops(now), hops(before)),
            What::NotRun { why, .. } => why.fmt(f),
        }
    }
}

fn hops(path: &Value) -> String {
    let hop = |hop: &Value| match hop {
        Value::String(text) => harmless(text),
        Value::Null => "*".to_string(),
        other => harmless(&other.to_string()),
    };
    match path {
        Value::Array(hops) => hops.iter().map(hop).collect::<Vec<_>>().join(" "),
        other => hop(other),
    }
}

/// What was counted of a service since the monitor began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Checks that ended, by verdict, in the order of [`crate::verdict::Verdict::ALL`].
    pub checks: [u64; 4],
    pub changes: u64,
    pub not_run: u64,
}

impl Counts {
    pub fn all_checks(&self) -> u64 {
        self.checks.iter().sum()
    }

    pub fn add(&mut self, other: &Counts) {
        for (sum, more) in self.checks.iter_mut().zip(other.checks) {
            *sum += more;
        }
        self.changes += other.changes;
        self.not_run += other.not_run;
    }
}
