//! What was sent and what came in: which request a reply belongs to, and what becomes of each.

use std::time::Instant;

use jiff::Timestamp;
use logic::arrival::Arrival;
use logic::probes::Probes;
use packets::ping::{self, Request};
use socklab::clock;
use socklab::ears::IcmpError;
use socklab::event::{ErrorSeen, ProbeEvent, Reporter};

use crate::extras::Extras;

/// Enters what happens, and tells it.
pub struct Ledger<'a> {
    pub probes: Probes,
    pub extras: Extras,
    pub reporter: &'a Reporter,
    /// The server, as it is shown.
    pub server: String,
    /// The size of a request.
    pub size: usize,
}

impl Ledger<'_> {
    /// The request that was sent at `sent`; `stamp` is the time that stands in it.
    pub fn sent(&mut self, request: &[u8], sent: Instant, stamp: Timestamp) {
        let (seq, bytes) = (self.probes.next_seq(), request.len());
        self.probes.sent(sent, stamp);
        self.reporter.tell_json(&ProbeEvent::Sent { at_ns: sent.into(), seq, bytes, local: None });
        self.extras.sent(seq, request);
    }

    /// The request that the operating system would not send.
    pub fn not_sent(&mut self, why: &str, sent: Instant, stamp: Timestamp) {
        let seq = self.probes.not_sent(sent, stamp);
        self.reporter.tell(&ProbeEvent::not_sent(seq, sent, why));
    }

    /// A datagram: the reply to a request, the first or a further one, in time
    /// or late, right or spoilt; or nothing of ours.
    pub fn came(&mut self, reply: &[u8], arrival: &Arrival) {
        self.extras.received(reply);
        let (at_ns, from, bytes) = (arrival.at().into(), &self.server, reply.len());
        let numbered = ping::sequence(reply);
        let event = match numbered.filter(|&seq| self.differing(reply, seq) == Some(0)) {
            Some(seq) => {
                let answer = self.probes.answered(seq, arrival);
                ProbeEvent::of_answer(answer, at_ns, seq, reply, from)
            }
            // Not the bytes that were asked for. Whose reply was it? Not simply
            // that of the number in it, which may itself be what is corrupt.
            None => match self.closest(reply, numbered) {
                Some(seq) => {
                    let what = wrong_byte(reply, &self.reply_to(seq).unwrap_or_default());
                    let answer = self.probes.answered_wrongly(seq, arrival);
                    ProbeEvent::of_answer(answer, at_ns, seq, reply, from).with_what(what)
                }
                None => {
                    self.probes.counts.foreign += 1;
                    ProbeEvent::Foreign { at_ns, seq: None, bytes, from, text: reply }
                }
            },
        };
        self.reporter.tell(&event);
    }

    /// An ICMP error, for the request that it quotes; or, where it does not
    /// quote that far, for the one that its time speaks for.
    pub fn refused(&mut self, error: &IcmpError) {
        let seq = match ping::sequence_of_request(&error.request) {
            Some(seq) => self.probes.failed(seq).then_some(seq),
            None => self.probes.refused(&error.arrival),
        };
        if let Some(seq) = seq {
            let (at_ns, target) = (error.arrival.at().into(), self.server.as_str());
            let error = ErrorSeen { problem: error.problem, from: error.from };
            self.reporter.tell(&ProbeEvent::IcmpError { at_ns, seq, error, target });
        }
    }

    /// Nothing was left to read at `then`: what was due by then did not come.
    pub fn silence(&mut self, then: Instant) {
        while let Some((seq, due)) = self.probes.timed_out(then) {
            self.reporter.tell(&ProbeEvent::timeout(seq, due, self.probes.timeout()));
        }
    }

    /// The request, among the latest, those under way, and the one whose number
    /// the reply carries, whose reply differs from this one in the fewest bytes.
    /// None if more than an eighth differ even then: so much is no accident.
    fn closest(&self, reply: &[u8], numbered: Option<u64>) -> Option<u64> {
        let (differing, seq) = self
            .probes
            .candidates()
            .chain(numbered)
            .filter_map(|seq| Some((self.differing(reply, seq)?, seq)))
            .min()?;
        (8 * differing <= reply.len()).then_some(seq)
    }

    /// In how many bytes a packet differs from the reply to request `seq`; `None`
    /// if it has another length, or there is no such request. Letters in the wrong
    /// case count as one byte together: a server that does not upper-case makes
    /// one mistake, and not a mistake a letter.
    fn differing(&self, packet: &[u8], seq: u64) -> Option<usize> {
        let reply = self.reply_to(seq)?;
        let pairs = || packet.iter().zip(&reply).filter(|(got, expected)| got != expected);
        let wrong_case =
            pairs().filter(|(got, expected)| got.eq_ignore_ascii_case(expected)).count();
        let wrong = pairs().count() - wrong_case + wrong_case.min(1);
        (packet.len() == reply.len()).then_some(wrong)
    }

    /// The reply that request `seq` is to have, if it was sent.
    fn reply_to(&self, seq: u64) -> Option<Vec<u8>> {
        let mut reply = Vec::new();
        let time = clock::stamp(self.probes.stamp(seq)?);
        Request { seq, time: &time, size: self.size }.emit(&mut reply);
        ping::reply_to(&mut reply);
        Some(reply)
    }
}

/// The first wrong byte, counted from 1, as `cmp` counts.
fn wrong_byte(got: &[u8], expected: &[u8]) -> String {
    let pairs = got.iter().zip(expected).zip(1..);
    let case = if got.eq_ignore_ascii_case(expected) { "not upper-cased, " } else { "" };
    match pairs.into_iter().find(|((got, expected), _)| got != expected) {
        Some(((got, expected), byte)) => {
            format!("{case}byte {byte} came back as 0x{got:02x}, not 0x{expected:02x}")
        }
        None => "wrong bytes".to_string(),
    }
}
