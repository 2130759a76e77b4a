//! The events of a probe: what became of it.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use packets::icmp_error::Problem;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::{Event, Ms};
use crate::clock::At;
use crate::errors::REFUSED;
use crate::output::{Colour, plural, printable};
use logic::probes::Answer;
use logic::units::show_duration;

/// Something that happened to a probe.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum ProbeEvent<'a> {
    /// A request is being sent: `at_ns` is just before the call.
    Sent {
        at_ns: At,
        seq: u64,
        bytes: usize,
        /// From where, if that is another address for each.
        #[serde(skip_serializing_if = "Option::is_none")]
        local: Option<SocketAddr>,
    },
    /// The first reply, in time.
    Reply(Answered<'a>),
    /// The first reply, after the timeout.
    Late(Answered<'a>),
    /// A further reply.
    Duplicate(Answered<'a>),
    /// The first reply, with the wrong bytes; `what` is wrong with them.
    Corrupt {
        #[serde(flatten)]
        answered: Answered<'a>,
        what: Cow<'a, str>,
    },
    /// No reply came within the timeout, which was over at `at_ns`.
    Timeout { at_ns: At, seq: u64, timeout_ms: Ms },
    /// An ICMP error came in place of a reply.
    IcmpError {
        at_ns: At,
        seq: u64,
        #[serde(flatten)]
        error: ErrorSeen,
        /// Whom the probe was for: for a person, where it is not known who sent the error.
        #[serde(skip)]
        target: &'a str,
    },
    /// The operating system would not send the probe, and said why.
    NotSent { at_ns: At, seq: u64, why: &'a str },
    /// A packet came that answers nothing of ours; `seq` is the number in it, if there is one.
    Foreign {
        at_ns: At,
        seq: Option<u64>,
        bytes: usize,
        from: &'a str,
        #[serde(serialize_with = "as_text")]
        text: &'a [u8],
    },
}

/// A reply: from whom, how large, and after how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Answered<'a> {
    pub at_ns: At,
    pub seq: u64,
    pub rtt_ms: Ms,
    /// The length of the payload; of an ICMP message, with its header.
    pub bytes: usize,
    pub from: &'a str,
    /// With which it arrived, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u8>,
}

/// An ICMP error, and who sent it, where that is known.
///
/// In an event: `type`, `code`, `meaning`, `hard`, `from`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorSeen {
    pub problem: Problem,
    pub from: Option<IpAddr>,
}

impl Serialize for ErrorSeen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ErrorSeen", 5)?;
        fields.serialize_field("type", &self.problem.kind)?;
        fields.serialize_field("code", &self.problem.code)?;
        fields.serialize_field("meaning", &self.problem.to_string())?;
        fields.serialize_field("hard", &self.problem.is_hard())?;
        fields.serialize_field("from", &self.from)?;
        fields.end()
    }
}

/// The first bytes of a packet, made harmless.
fn as_text<S: Serializer>(packet: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable(packet, 200))
}

impl<'a> ProbeEvent<'a> {
    /// The event of a packet that [`Probes`](logic::probes::Probes) has called
    /// an `answer`; `packet` are its bytes.
    pub fn of_answer(
        answer: Answer,
        at_ns: At,
        seq: u64,
        packet: &'a [u8],
        from: &'a str,
    ) -> ProbeEvent<'a> {
        let bytes = packet.len();
        let answered =
            |rtt: Duration| Answered { at_ns, seq, rtt_ms: Ms(rtt), bytes, from, ttl: None };
        match answer {
            Answer::Reply(rtt) => ProbeEvent::Reply(answered(rtt)),
            Answer::Late(rtt) => ProbeEvent::Late(answered(rtt)),
            Answer::Duplicate(rtt) => ProbeEvent::Duplicate(answered(rtt)),
            Answer::Corrupt(rtt) => {
                ProbeEvent::Corrupt { answered: answered(rtt), what: "wrong bytes".into() }
            }
            Answer::Foreign => {
                ProbeEvent::Foreign { at_ns, seq: Some(seq), bytes, from, text: packet }
            }
        }
    }

    /// The event of a probe whose timeout was over at `due`.
    pub fn timeout(seq: u64, due: Instant, timeout: Duration) -> ProbeEvent<'a> {
        ProbeEvent::Timeout { at_ns: due.into(), seq, timeout_ms: Ms(timeout) }
    }

    /// The event of a probe that was to be sent at `at`.
    pub fn not_sent(seq: u64, at: Instant, why: &'a str) -> ProbeEvent<'a> {
        ProbeEvent::NotSent { at_ns: at.into(), seq, why }
    }

    /// The same, with the TTL of the packet.
    pub fn with_ttl(mut self, value: Option<u8>) -> ProbeEvent<'a> {
        use ProbeEvent::{Corrupt, Duplicate, Late, Reply};
        if let Reply(answered) | Late(answered) | Duplicate(answered) | Corrupt { answered, .. } =
            &mut self
        {
            answered.ttl = value;
        }
        self
    }

    /// The same, but a corrupt reply says what is wrong with it.
    pub fn with_what(mut self, words: impl Into<Cow<'a, str>>) -> ProbeEvent<'a> {
        if let ProbeEvent::Corrupt { what, .. } = &mut self {
            *what = words.into();
        }
        self
    }

    /// Writes the line for a person. `number` is what the sequence number is called.
    pub(super) fn write(&self, f: &mut fmt::Formatter, number: &str) -> fmt::Result {
        match self {
            ProbeEvent::Sent { seq, bytes, .. } => {
                write!(f, "{number}={seq}: sending {}", plural(*bytes as u64, "byte"))
            }
            ProbeEvent::Reply(answered) => answered.write(f, number),
            ProbeEvent::Late(answered) => {
                answered.write(f, number)?;
                f.write_str(" (late: after its timeout)")
            }
            ProbeEvent::Duplicate(answered) => {
                answered.write(f, number)?;
                f.write_str(" (DUP!)")
            }
            ProbeEvent::Corrupt { answered, what } => {
                answered.write(f, number)?;
                write!(f, " (corrupt: {what})")
            }
            ProbeEvent::Timeout { seq, timeout_ms, .. } => {
                write!(f, "no reply to {number}={seq} within {}", show_duration(timeout_ms.0))
            }
            ProbeEvent::IcmpError { seq, error, target, .. } => {
                let from = error.from.map_or(target.to_string(), |from| from.to_string());
                write!(f, "from {from}: {number}={seq} {}", icmp_error_text(error.problem))
            }
            ProbeEvent::NotSent { seq, why, .. } => {
                write!(f, "{number}={seq} could not be sent: {why}")
            }
            ProbeEvent::Foreign { seq: Some(seq), bytes, from, .. } => {
                let bytes = plural(*bytes as u64, "byte");
                write!(f, "{bytes} from {from}: {number}={seq} (no such request)")
            }
            ProbeEvent::Foreign { seq: None, bytes, from, text, .. } => {
                let (bytes, text) = (plural(*bytes as u64, "byte"), printable(text, 40));
                write!(f, "{bytes} from {from}, no reply to any request: {text}")
            }
        }
    }
}

impl Answered<'_> {
    fn write(&self, f: &mut fmt::Formatter, number: &str) -> fmt::Result {
        let (bytes, rtt) = (plural(self.bytes as u64, "byte"), self.rtt_ms.get());
        write!(f, "{bytes} from {}: {number}={}", self.from, self.seq)?;
        if let Some(ttl) = self.ttl {
            write!(f, " ttl={ttl}")?;
        }
        write!(f, " time={rtt:.3} ms")
    }
}

impl fmt::Display for ProbeEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.write(f, "seq")
    }
}

impl Event for ProbeEvent<'_> {
    fn colour(&self) -> Option<Colour> {
        match self {
            ProbeEvent::Sent { .. } | ProbeEvent::Reply(_) => None,
            ProbeEvent::Late(_) | ProbeEvent::Duplicate(_) | ProbeEvent::Timeout { .. } => {
                Some(Colour::Yellow)
            }
            ProbeEvent::Corrupt { .. }
            | ProbeEvent::IcmpError { .. }
            | ProbeEvent::NotSent { .. } => Some(Colour::Red),
            ProbeEvent::Foreign { .. } => Some(Colour::Dim),
        }
    }
}

/// An ICMP error for a person: `Destination Host Unreachable (ICMP type 3, code 1), soft`.
/// Of a soft one the sender hopes that it passes (RFC 1122, section 4.2.3.9).
pub fn icmp_error_text(problem: Problem) -> String {
    let hint = if problem.is_port_unreachable() { format!(": {REFUSED}") } else { String::new() };
    let soft = if problem.is_hard() { "" } else { ", soft" };
    format!("{problem}{hint} (ICMP type {}, code {}){soft}", problem.kind, problem.code)
}

/// A name has several addresses, and the one that was asked is not to be
/// reached: the next one is asked in its place, from the first probe on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename = "next_address")]
pub struct NextAddress {
    pub at_ns: At,
    /// The address that was asked.
    pub asked: SocketAddr,
    /// What came of it.
    pub why: String,
    /// The address that is asked now.
    pub next: SocketAddr,
}

impl fmt::Display for NextAddress {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let NextAddress { asked, why, next, .. } = self;
        write!(f, "{asked}: {why}; trying the name's next address, {next}")
    }
}

impl Event for NextAddress {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Yellow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp::Version;
    use serde_json::{Value, json};

    /// The event's JSON without the moment, which must be its second field.
    fn fields(event: &ProbeEvent) -> Value {
        let mut value = serde_json::to_value(event).unwrap();
        let object = value.as_object_mut().unwrap();
        let names: Vec<&String> = object.keys().take(2).collect();
        assert_eq!(names, ["event", "at_ns"]);
        assert!(object.shift_remove("at_ns").unwrap().is_u64());
        value
    }

    #[test]
    fn an_event_says_the_same_in_text_and_in_json() {
        let rtt = Duration::from_micros(1234);
        let at_ns = At::now();
        let target = "127.0.0.1:12000";
        let answer = |answer| ProbeEvent::of_answer(answer, at_ns, 7, &[b'x'; 34], target);
        let port = Problem::port_unreachable(Version::V4);
        let host = Problem { code: 1, ..port };
        let error = |problem, from| ProbeEvent::IcmpError {
            at_ns,
            seq: 7,
            error: ErrorSeen { problem, from },
            target,
        };
        let cases = [
            (
                answer(Answer::Reply(rtt)),
                "34 bytes from 127.0.0.1:12000: seq=7 time=1.234 ms",
                json!({"event": "reply", "seq": 7, "rtt_ms": 1.234, "bytes": 34, "from": target}),
            ),
            (
                answer(Answer::Late(rtt)).with_ttl(Some(63)),
                "34 bytes from 127.0.0.1:12000: seq=7 ttl=63 time=1.234 ms (late: after its timeout)",
                json!({"event": "late", "seq": 7, "rtt_ms": 1.234, "bytes": 34, "from": target,
                       "ttl": 63}),
            ),
            (
                answer(Answer::Corrupt(rtt)).with_what("cut off"),
                "34 bytes from 127.0.0.1:12000: seq=7 time=1.234 ms (corrupt: cut off)",
                json!({"event": "corrupt", "seq": 7, "rtt_ms": 1.234, "bytes": 34, "from": target,
                       "what": "cut off"}),
            ),
            (
                ProbeEvent::of_answer(Answer::Foreign, at_ns, 7, b"?", target),
                "1 byte from 127.0.0.1:12000: seq=7 (no such request)",
                json!({"event": "foreign", "seq": 7, "bytes": 1, "from": target, "text": "\"?\""}),
            ),
            (
                ProbeEvent::Timeout { at_ns, seq: 7, timeout_ms: Ms(Duration::from_secs(1)) },
                "no reply to seq=7 within 1s",
                json!({"event": "timeout", "seq": 7, "timeout_ms": 1000.0}),
            ),
            (
                error(port, None),
                "from 127.0.0.1:12000: seq=7 Destination Port Unreachable: no program listens \
                 there, or a firewall answers for it (ICMP type 3, code 3)",
                json!({"event": "icmp_error", "seq": 7, "type": 3, "code": 3,
                       "meaning": "Destination Port Unreachable", "hard": true, "from": null}),
            ),
            (
                error(host, Some([10, 0, 2, 1].into())),
                "from 10.0.2.1: seq=7 Destination Host Unreachable (ICMP type 3, code 1), soft",
                json!({"event": "icmp_error", "seq": 7, "type": 3, "code": 1,
                       "meaning": "Destination Host Unreachable", "hard": false,
                       "from": "10.0.2.1"}),
            ),
        ];
        for (event, text, json) in cases {
            assert_eq!(event.to_string(), text);
            assert_eq!(fields(&event), json);
        }
    }
}
