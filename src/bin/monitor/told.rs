//! What the program tells beside what its watching finds.

use std::fmt;
use std::net::SocketAddr;

use jiff::Timestamp;
use monitor::outcome::Outcome;
use monitor::service::Service;
use monitor::stamp;
use monitor::verdict::Verdict;
use serde::Serialize;
use serde_json::{Map, Value};
use socklab::clock::{self, At};
use socklab::event::{Event, Ms};
use socklab::output::harmless;

use crate::NAME;
use crate::args::Args;

/// The first line: what is watched, and how many checks there can be at once.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    services: usize,
    config: Option<String>,
    threads: usize,
    metrics: Option<SocketAddr>,
    /// The same, under the name that it has in every program's start: a check
    /// has an address of its own each time.
    local: Option<SocketAddr>,
    data: Option<String>,
}

impl Start {
    pub fn new(args: &Args, services: usize, metrics: Option<SocketAddr>) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            services,
            config: args.config.as_deref().map(|path| path.display().to_string()),
            threads: args.threads,
            metrics,
            local: metrics,
            data: args.data.as_deref().map(|folder| folder.display().to_string()),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{NAME}: watching {} services ", self.services)?;
        match &self.config {
            Some(path) => write!(f, "of {}", harmless(path))?,
            None => f.write_str("of its own (no file was given)")?,
        }
        write!(f, ", at most {} checks at once", self.threads)?;
        if let Some(folder) = &self.data {
            write!(f, ", results kept in {}", harmless(folder))?;
        }
        match self.metrics {
            Some(address) => write!(f, ", metrics at http://{address}/metrics"),
            None => Ok(()),
        }
    }
}

impl Event for Start {}

/// `--check-config` found no errors.
#[derive(Serialize)]
#[serde(tag = "event", rename = "config")]
pub struct FileIsRight {
    at_ns: At,
    config: String,
    services: usize,
}

impl FileIsRight {
    pub fn new(config: String, services: usize) -> FileIsRight {
        FileIsRight { at_ns: At::now(), config, services }
    }
}

impl fmt::Display for FileIsRight {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {} services, no errors", harmless(&self.config), self.services)
    }
}

impl Event for FileIsRight {}

/// What `monitor check` found, as JSON; for people it is several lines.
#[derive(Serialize)]
#[serde(tag = "event", rename = "result")]
pub struct Checked<'a> {
    at_ns: At,
    #[serde(with = "stamp::utc")]
    time: Timestamp,
    service: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    verdict: Verdict,
    reason: &'a str,
    took_ms: Option<Ms>,
    detail: &'a Map<String, Value>,
}

impl<'a> Checked<'a> {
    pub fn new(service: &'a Service, outcome: &'a Outcome) -> Checked<'a> {
        Checked {
            at_ns: At::now(),
            time: clock::now(),
            service: &service.name,
            kind: service.check.kind(),
            verdict: outcome.verdict,
            reason: &outcome.reason,
            took_ms: outcome.took.map(Ms),
            detail: &outcome.detail,
        }
    }
}
