//! What a message that came in is to us: whose reply, whose error, or nobody's.
//!
//! Three things have to be right: the identifier, by which programs on one
//! host tell their replies apart; the sequence number, which names the request;
//! and the payload, which nobody can know who has not seen the request. The
//! time of sending stands in a table of our own and in no packet, where it
//! could be forged.

use std::net::{IpAddr, SocketAddr};

use logic::arrival::Arrival;
use logic::probes::{Answer, Probes};
use packets::icmp::{self, Body, Echo, Message, Version};
use packets::icmp_error::{IcmpError, Problem};
use packets::quoted::{Quoted, Transport};
use socklab::icmp_socket::Received;

use crate::args::Args;
use crate::payload::Payload;

/// What was found.
#[derive(Debug)]
pub enum Finding {
    /// A reply to request `seq`.
    Answer { seq: u64, answer: Answer },
    /// A reply to it that was damaged on the way, and in what.
    Spoilt { seq: u64, answer: Answer, what: String },
    /// An ICMP error that it met with.
    Failed { seq: u64, problem: Problem },
    /// A router knows a better way, and has sent the request on.
    Redirected { seq: u64, problem: Problem },
    /// It looks like ours, and is not; why.
    Foreign(String),
    /// Another program's.
    NotOurs,
}

/// What we sent, as far as it takes to know the replies.
pub struct Replies {
    pub target: SocketAddr,
    identifier: u16,
    pub probes: Probes,
    payload: Payload,
}

impl Replies {
    /// # Errors
    /// One line: the system has no random numbers.
    pub fn new(args: &Args, target: SocketAddr, identifier: u16) -> Result<Replies, String> {
        let pattern = args.pattern.as_ref().map(|pattern| pattern.0.as_slice());
        let payload = Payload::new(args.size, pattern)?;
        Ok(Replies { target, identifier, probes: Probes::new(args.ping.timeout), payload })
    }

    pub fn version(&self) -> Version {
        Version::of(self.target.ip())
    }

    /// The number of the next request, and what it carries.
    pub fn next_payload(&mut self) -> (u64, &[u8]) {
        let seq = self.probes.next_seq();
        (seq, self.payload.of(seq))
    }

    /// Finds out what a message is, and enters it in the table.
    pub fn find(&mut self, received: &Received, from: IpAddr, arrival: &Arrival) -> Finding {
        let version = self.version();
        let Ok(message) = Message::parse(version, received.message) else {
            return Finding::NotOurs;
        };
        // The kernel has looked at ICMPv6's, which covers the addresses too; a
        // raw IPv4 socket gets messages that nobody has looked at yet.
        let undamaged = version == Version::V6 || icmp::is_right(from, from, received.message);
        match message.body {
            Body::EchoReply(echo) if echo.identifier == self.identifier => {
                self.reply(&echo, undamaged, from, arrival)
            }
            Body::Error(error) => self.error(&error, undamaged),
            _ => Finding::NotOurs,
        }
    }

    fn reply(&mut self, echo: &Echo, undamaged: bool, from: IpAddr, arrival: &Arrival) -> Finding {
        // The host that was asked answers from the address at which it was
        // asked (RFC 1122, section 3.2.2.6), unless that was 0.0.0.0 or ::.
        let asked = self.target.ip();
        if from != asked && !asked.is_unspecified() {
            return self.foreign("from a host that was not asked".to_string());
        }
        // Where the number in the header is what was damaged, or is the same
        // again after 65,536 more, that in the payload helps.
        let by_header = self.latest(echo.sequence);
        let by_payload = self.payload.number(echo.payload);
        for seq in [by_header, by_payload].into_iter().flatten() {
            if self.payload.difference(seq, echo.payload).is_none() {
                return self.right_payload(seq, echo.sequence, undamaged, arrival);
            }
        }
        let Some(seq) = by_header else {
            return self.foreign(format!("no request had the number {}", echo.sequence));
        };
        match self.payload.difference(seq, echo.payload) {
            Some(difference) if difference.is_small() => {
                let what = match undamaged {
                    true => difference.to_string(),
                    false => format!("bad checksum; {difference}"),
                };
                self.spoilt(seq, what, arrival)
            }
            _ => self.foreign(format!("not what request {seq} carried")),
        }
    }

    fn right_payload(
        &mut self,
        seq: u64,
        sequence: u16,
        undamaged: bool,
        arrival: &Arrival,
    ) -> Finding {
        if !undamaged {
            return self.spoilt(seq, "bad checksum".to_string(), arrival);
        }
        if seq as u16 != sequence {
            return self.spoilt(seq, format!("the number {sequence} in its header"), arrival);
        }
        match self.probes.answered(seq, arrival) {
            Answer::Foreign => Finding::Foreign(format!("no request has the number {seq}")),
            answer => Finding::Answer { seq, answer },
        }
    }

    fn spoilt(&mut self, seq: u64, what: String, arrival: &Arrival) -> Finding {
        match self.probes.answered_wrongly(seq, arrival) {
            Answer::Foreign => Finding::Foreign(format!("no request has the number {seq}")),
            answer => Finding::Spoilt { seq, answer, what },
        }
    }

    fn error(&mut self, error: &IcmpError, undamaged: bool) -> Finding {
        let version = error.problem.version;
        let Ok(quoted) = Quoted::parse(version, error.quoted) else {
            return Finding::NotOurs;
        };
        let Transport::Echo { identifier, sequence } = quoted.transport else {
            return Finding::NotOurs;
        };
        if identifier != self.identifier || quoted.destination != self.target.ip() {
            return Finding::NotOurs;
        }
        if !undamaged {
            return self.foreign("an ICMP error with a bad checksum".to_string());
        }
        let payload = quoted.bytes.get(icmp::HEADER..).unwrap_or_default();
        self.failed(sequence, payload, error.problem)
    }

    /// Enters an error about the request with this number, of whose payload
    /// the beginning is quoted.
    pub fn failed(&mut self, sequence: u16, quoted: &[u8], problem: Problem) -> Finding {
        let by_payload = self.payload.number(quoted);
        let Some(seq) = by_payload.or_else(|| self.latest(sequence)) else {
            return self.foreign(format!("an ICMP error about a request {sequence} never sent"));
        };
        let sent = self.payload.of(seq);
        // Routers quote no more than they like; some fill up with zeros.
        let compared = quoted.len().min(sent.len()).min(16);
        if quoted[..compared] != sent[..compared] {
            return self.foreign(format!("an ICMP error that quotes no request {seq} of ours"));
        }
        if problem.is_redirect() {
            return Finding::Redirected { seq, problem };
        }
        if self.probes.failed(seq) {
            Finding::Failed { seq, problem }
        } else {
            self.foreign(format!("an ICMP error about request {seq}, whose fate was known"))
        }
    }

    fn foreign(&mut self, why: String) -> Finding {
        self.probes.counts.foreign += 1;
        Finding::Foreign(why)
    }

    /// The latest request whose number ends in these 16 bits.
    fn latest(&self, sequence: u16) -> Option<u64> {
        let last = self.probes.next_seq() - 1;
        let ago = u64::from((last as u16).wrapping_sub(sequence));
        last.checked_sub(ago).filter(|seq| *seq > 0)
    }
}
