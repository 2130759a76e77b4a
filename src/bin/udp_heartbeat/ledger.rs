//! The watcher's books: each beat's fate, entered, judged and told.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use logic::arrival::Arrival;
use logic::probes::{self, Probes};
use packets::heartbeat::{Beat, Reply};
use socklab::clock::At;
use socklab::ears::IcmpError;
use socklab::event::{ErrorSeen, ProbeEvent, Reporter, Summary};

use crate::told::{Answered, ClientSummary, MalformedAnswer};
use crate::watch::{Clocks, Watch};

pub struct Ledger<'a> {
    pub probes: Probes,
    pub watch: Watch,
    pub clocks: Clocks,
    pub reporter: &'a Reporter,
    /// The server, as it is shown.
    pub server: String,
}

impl Ledger<'_> {
    /// A beat of so many bytes was sent at `sent`; `stamp` is the time in it.
    pub fn sent(&mut self, bytes: usize, sent: Instant, stamp: Timestamp) {
        let (at_ns, seq) = (At::from(sent), self.probes.next_seq());
        self.probes.sent(sent, stamp);
        self.reporter.tell_json(&ProbeEvent::Sent { at_ns, seq, bytes, local: None });
    }

    /// The operating system would not send the beat.
    pub fn not_sent(&mut self, why: &str, sent: Instant, stamp: Timestamp) {
        let seq = self.probes.not_sent(sent, stamp);
        self.reporter.tell(&ProbeEvent::not_sent(seq, sent, why));
        self.missed(seq, At::from(sent));
    }

    /// A datagram: an answer, the first to its beat or a further one, in time
    /// or late; or none at all.
    pub fn came(&mut self, packet: &[u8], arrival: &Arrival) {
        let (at_ns, from) = (arrival.at().into(), self.server.as_str());
        let Some(Reply { seq, diff }) = Reply::parse(packet) else {
            self.probes.counts.foreign += 1;
            return self.reporter.tell(&MalformedAnswer { at_ns, from, text: packet });
        };
        let answer = self.probes.answered(seq, arrival);
        if let probes::Answer::Reply(rtt) = answer {
            self.clocks.compare(rtt, diff);
            self.reporter.tell(&Answered::new(at_ns, seq, rtt, diff, packet.len(), from));
        } else {
            self.reporter.tell(&ProbeEvent::of_answer(answer, at_ns, seq, packet, from));
        }
        // Late as it may be, a dead server did not send it.
        if answer != probes::Answer::Foreign
            && let Some(recovered) = self.watch.alive(seq, at_ns)
        {
            self.reporter.tell_always(&recovered);
        }
    }

    /// An ICMP error, for the beat that it quotes; or, where it does not quote
    /// that far, for the one that its time speaks for.
    pub fn refused(&mut self, error: &IcmpError) {
        let seq = match Beat::parse(&error.request) {
            Some(beat) => self.probes.failed(beat.seq).then_some(beat.seq),
            None => self.probes.refused(&error.arrival),
        };
        if let Some(seq) = seq {
            let (at_ns, target) = (error.arrival.at().into(), self.server.as_str());
            let error = ErrorSeen { problem: error.problem, from: error.from };
            self.reporter.tell(&ProbeEvent::IcmpError { at_ns, seq, error, target });
            self.missed(seq, at_ns);
        }
    }

    /// Nothing was left to read at `then`: what was due by then did not come.
    pub fn silence(&mut self, then: Instant) {
        while let Some((seq, due)) = self.probes.timed_out(then) {
            self.reporter.tell(&ProbeEvent::timeout(seq, due, self.probes.timeout()));
            self.missed(seq, At::from(due));
        }
    }

    fn missed(&mut self, seq: u64, at: At) {
        if let Some(down) = self.watch.missed(seq, at) {
            self.reporter.tell_always(&down);
        }
    }

    pub fn summary(&self, took: Duration, histogram: bool) {
        let (counts, rtts) = (&self.probes.counts, &self.probes.rtts);
        let summary = Summary::new(&self.server, "heartbeat", counts, rtts, took);
        let offset = self.clocks.offset();
        self.reporter.tell_always(&ClientSummary {
            summary: Summary { histogram, ..summary },
            offset_ms: offset.map(|(offset, _)| offset),
            offset_bound_ms: offset.map(|(_, bound)| bound),
            negative: self.clocks.negative,
        });
    }
}
