//! The client's events.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use logic::units::show_duration;
use serde::{Serialize, Serializer};
use socklab::clock::{self, At};
use socklab::event::{ErrorSeen, Event, Ms, icmp_error_text};
use socklab::output::{Colour, plural};

use crate::NAME;
use crate::compare::{Difference, difference};

/// The first line.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    protocol: &'static str,
    server: SocketAddr,
    /// Null over UDP, where each message has a port of its own, which its event tells.
    local: Option<SocketAddr>,
    /// The length of a message, where it is known.
    bytes: Option<usize>,
    timeout_ms: Ms,
}

impl Start {
    pub fn new(
        protocol: &'static str,
        server: SocketAddr,
        local: Option<SocketAddr>,
        bytes: Option<usize>,
        timeout: Duration,
    ) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            protocol,
            server,
            local,
            bytes,
            timeout_ms: Ms(timeout),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ECHO {}: ", self.protocol, self.server)?;
        match self.bytes {
            Some(bytes) => {
                let timeout = show_duration(self.timeout_ms.0);
                write!(f, "{}, timeout {timeout}", plural(bytes as u64, "byte"))
            }
            None => f.write_str("type lines to send; Ctrl-D ends"),
        }
    }
}

impl Event for Start {}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Fate {
    /// The same bytes came back in time.
    Reply { rtt_ms: Ms },
    /// They came back after the timeout.
    Late { rtt_ms: Ms },
    /// Something else came back.
    Corrupt {
        #[serde(rename = "first_difference", serialize_with = "its_number")]
        first: Difference,
    },
    /// Nothing, or not all of it, came back in time.
    Timeout { timeout_ms: Ms },
    /// An ICMP error came in its place.
    IcmpError(ErrorSeen),
    /// The server ended the connection before all had come back.
    Closed { why: String },
    /// It could not be sent.
    NotSent { why: String },
    /// Ctrl-C came first: nothing is known of this one.
    Stopped,
}

fn its_number<S: Serializer>(first: &Difference, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(first.byte)
}

impl Fate {
    /// Compares what came back with what was sent, and its time with the timeout.
    pub fn of(sent: &[u8], got: &[u8], rtt: Duration, timeout: Duration) -> Fate {
        match difference(sent, got) {
            None if rtt > timeout => Fate::Late { rtt_ms: Ms(rtt) },
            None => Fate::Reply { rtt_ms: Ms(rtt) },
            Some(first) => Fate::Corrupt { first },
        }
    }

    /// Its event.
    fn name(&self) -> &'static str {
        match self {
            Fate::Reply { .. } => "reply",
            Fate::Late { .. } => "late",
            Fate::Corrupt { .. } => "corrupt",
            Fate::Timeout { .. } => "timeout",
            Fate::IcmpError(_) => "icmp_error",
            Fate::Closed { .. } => "closed",
            Fate::NotSent { .. } => "not_sent",
            Fate::Stopped => "stopped",
        }
    }

    pub fn timeout(after: Duration) -> Fate {
        Fate::Timeout { timeout_ms: Ms(after) }
    }
}

/// The end of a message, under the name of its fate.
#[derive(Debug, Serialize)]
pub struct Ended {
    pub event: &'static str,
    pub at_ns: At,
    pub seq: u64,
    #[serde(flatten)]
    pub fate: Fate,
    /// How many came back.
    pub bytes: usize,
    /// Who answered; an ICMP error has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<SocketAddr>,
    pub local: Option<SocketAddr>,
    #[serde(skip)]
    pub server: SocketAddr,
}

impl Ended {
    pub fn new(fate: Fate, at_ns: At, seq: u64, server: SocketAddr) -> Ended {
        let answered =
            matches!(fate, Fate::Reply { .. } | Fate::Late { .. } | Fate::Corrupt { .. });
        let from = answered.then_some(server);
        Ended { event: fate.name(), at_ns, seq, fate, bytes: 0, from, local: None, server }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Ended { seq, server, .. } = self;
        let bytes = plural(self.bytes as u64, "byte");
        let head = format!("{bytes} from {server}: seq={seq}");
        match &self.fate {
            Fate::Reply { rtt_ms } => write!(f, "{head} equal, time={:.3} ms", rtt_ms.get()),
            Fate::Late { rtt_ms } => {
                write!(f, "{head} equal, time={:.3} ms (late: after its timeout)", rtt_ms.get())
            }
            Fate::Corrupt { first } => {
                write!(f, "{head} different: {}", first.in_words(self.bytes as u64))
            }
            Fate::Timeout { timeout_ms } => {
                write!(f, "no answer to seq={seq} within {}", show_duration(timeout_ms.0))?;
                if self.bytes > 0 { write!(f, ", only {bytes}") } else { Ok(()) }
            }
            Fate::IcmpError(error) => {
                let from = error.from.map_or(server.to_string(), |from| from.to_string());
                write!(f, "from {from}: seq={seq} {}", icmp_error_text(error.problem))
            }
            Fate::Closed { why } => {
                write!(f, "from {server}: seq={seq} broken off after {bytes}: {why}")
            }
            Fate::NotSent { why } => write!(f, "seq={seq} could not be sent: {why}"),
            Fate::Stopped => write!(f, "seq={seq} was still under way at Ctrl-C"),
        }
    }
}

impl Event for Ended {
    fn colour(&self) -> Option<Colour> {
        match self.fate {
            Fate::Reply { .. } => Some(Colour::Green),
            Fate::Stopped => None,
            Fate::Late { .. } | Fate::Timeout { .. } => Some(Colour::Yellow),
            _ => Some(Colour::Red),
        }
    }
}

/// The sum of all messages.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary<'a> {
    pub at_ns: At,
    #[serde(flatten)]
    pub counts: Counts,
    /// Sent, and nothing is known of them: Ctrl-C came first.
    pub waiting: u64,
    /// The line above it, where there is one.
    #[serde(skip)]
    pub title: Option<&'a str>,
}

/// Messages by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub sent: u64,
    /// Came back equal, in time.
    pub received: u64,
    pub late: u64,
    pub corrupt: u64,
    /// Unanswered.
    pub lost: u64,
    /// Refused, closed, or not sent.
    pub errors: u64,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Counts { sent, received, late, corrupt, lost, errors } = self.counts;
        if let Some(title) = self.title {
            write!(f, "\n--- {title} ---\n")?;
        }
        write!(f, "{sent} sent, {received} equal, {corrupt} different, {lost} without an answer")?;
        for (count, text) in [
            (late, format!("{late} late")),
            (errors, plural(errors, "error")),
            (self.waiting, format!("{} still under way", self.waiting)),
        ] {
            if count > 0 {
                write!(f, ", {text}")?;
            }
        }
        Ok(())
    }
}

impl Event for Summary<'_> {}

/// The sum of a stream.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct StreamSummary {
    pub at_ns: At,
    pub bytes_sent: u64,
    pub bytes_equal: u64,
    #[serde(serialize_with = "its_number_if_any")]
    pub first_difference: Option<Difference>,
    /// Why it ended early, if it did.
    pub trouble: Option<String>,
}

fn its_number_if_any<S: Serializer>(
    first: &Option<Difference>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    first.map(|first| first.byte).serialize(serializer)
}

impl fmt::Display for StreamSummary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let equal = self.bytes_equal;
        write!(f, "{} sent, ", plural(self.bytes_sent, "byte"))?;
        match (self.first_difference, self.bytes_sent - equal) {
            (Some(first), _) => write!(f, "different: {}", first.in_words(equal)),
            (None, 0) => f.write_str("all came back equal"),
            (None, missing) => write!(f, "{equal} came back equal, {missing} did not come"),
        }
    }
}

impl Event for StreamSummary {}
