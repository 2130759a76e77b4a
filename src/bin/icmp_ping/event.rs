//! The events that only this program has.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use socklab::clock::At;
use socklab::event::{ErrorSeen, Event};
use socklab::output::{Colour, plural};

/// A router knows a better way. It has sent the request on all the same.
#[derive(Serialize)]
#[serde(tag = "event", rename = "redirect")]
pub struct Redirect {
    pub at_ns: At,
    pub seq: u64,
    #[serde(flatten)]
    pub error: ErrorSeen,
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let ErrorSeen { problem, from } = self.error;
        let router = from.map_or("somebody".to_string(), |from| from.to_string());
        let (seq, kind, code) = (self.seq, problem.kind, problem.code);
        write!(f, "From {router} icmp_seq={seq} {problem} (type {kind}, code {code})")
    }
}

impl Event for Redirect {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Yellow)
    }
}

/// A message that looks like ours, and is not.
#[derive(Serialize)]
#[serde(tag = "event", rename = "foreign")]
pub struct Foreign {
    pub at_ns: At,
    /// Always null: it belongs to no request.
    pub seq: Option<u64>,
    pub bytes: usize,
    pub from: IpAddr,
    pub why: String,
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Foreign { bytes, from, why, .. } = self;
        let bytes = plural(*bytes as u64, "byte");
        write!(f, "{bytes} from {from}, no reply to any request: {why}")
    }
}

impl Event for Foreign {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Dim)
    }
}
