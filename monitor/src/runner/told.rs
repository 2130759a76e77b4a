//! What the runner tells beside the results: a file that was read again, and the end.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use socklab::clock::At;
use socklab::event::Event;

use crate::engine::Now;
use crate::stamp::{self, local, span};
use crate::verdict::Verdict;
use crate::watch::{Counts, Reload};

/// The file was read again, and what that changed.
#[derive(Serialize)]
#[serde(tag = "event", rename = "reload")]
pub struct Reloaded<'a> {
    at_ns: At,
    #[serde(with = "stamp::utc")]
    time: Timestamp,
    #[serde(flatten)]
    reload: Reload,
    #[serde(skip)]
    file: &'a str,
    #[serde(skip)]
    zone: TimeZone,
}

impl<'a> Reloaded<'a> {
    pub fn new(now: Now, reload: Reload, file: &'a str, zone: TimeZone) -> Reloaded<'a> {
        Reloaded { at_ns: now.at, time: now.wall, reload, file, zone }
    }
}

impl fmt::Display for Reloaded<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Reload { added, changed, removed, unchanged } = self.reload;
        let (time, file) = (local(self.time, &self.zone), self.file);
        write!(f, "{time}  reloaded {file}: {added} added, {changed} changed, ")?;
        write!(f, "{removed} removed, {unchanged} unchanged")
    }
}

impl Event for Reloaded<'_> {}

/// The end: what was done.
#[derive(Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary {
    at_ns: At,
    ran_s: f64,
    services: usize,
    checks: u64,
    up: u64,
    degraded: u64,
    down: u64,
    unverified: u64,
    changes: u64,
    skipped: u64,
    threads: usize,
    #[serde(skip)]
    text: String,
}

impl Summary {
    pub fn new(
        program: &str,
        now: Now,
        services: usize,
        totals: &Counts,
        threads: usize,
    ) -> Summary {
        let by_verdict = Verdict::ALL.iter().zip(totals.checks);
        let by_verdict: Vec<String> =
            by_verdict.map(|(verdict, count)| format!("{count} {verdict}")).collect();
        let text = format!(
            "{program}: ran for {}: {} checks ({}), {} changes of state, {} checks not run",
            span(now.mono),
            totals.all_checks(),
            by_verdict.join(", "),
            totals.changes,
            totals.not_run
        );
        let [up, degraded, down, unverified] = totals.checks;
        Summary {
            at_ns: now.at,
            ran_s: now.mono.as_secs_f64(),
            services,
            checks: totals.all_checks(),
            up,
            degraded,
            down,
            unverified,
            changes: totals.changes,
            skipped: totals.not_run,
            threads,
            text,
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Event for Summary {}
