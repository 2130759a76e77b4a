//! `--data DIR`: every result as a JSON line, in one file a day, so that the
//! uptime survives a restart.
//!
//! A file is called `results-2024-04-20.jsonl`. The days are those of UTC: a
//! local day may have 23 hours or 25, and name one hour twice. Lines are
//! handed to the operating system as results come, so a crash of the monitor
//! loses none; after a power cut the last seconds may be missing. Nothing is
//! ever deleted.

mod read;
mod write;

pub use read::{READ_AT_MOST, restore};
pub use write::Store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use socklab::clock;

use crate::outcome::Outcome;
use crate::service::Service;
use crate::tell::millis;
use crate::verdict::Verdict;

/// A result as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    pub time: Timestamp,
    pub service: String,
    pub kind: String,
    pub verdict: Verdict,
    pub took: Option<Duration>,
    pub reason: String,
}

/// The line of a result, without the newline.
pub fn line(wall: Timestamp, service: &Service, outcome: &Outcome) -> String {
    json!({
        "time": clock::stamp(wall),
        "service": service.name,
        "type": service.check.kind(),
        "verdict": outcome.verdict.word(),
        "took_ms": outcome.took.map(millis),
        "reason": outcome.reason,
    })
    .to_string()
}

/// What a line says, if it is one of ours.
fn record(line: &str) -> Option<Record> {
    let json: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| Some(json.get(name)?.as_str()?.to_string());
    let took = json.get("took_ms").and_then(Value::as_f64);
    Some(Record {
        time: text("time")?.parse().ok()?,
        service: text("service")?,
        kind: text("type")?,
        verdict: Verdict::from_word(&text("verdict")?)?,
        took: took.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()),
        reason: text("reason")?,
    })
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

fn path(folder: &Path, day: Date) -> PathBuf {
    folder.join(format!("results-{day}.jsonl"))
}

#[cfg(test)]
mod tests;
