//! What was sent and what came in: enters what happens, and tells it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Instant;

use jiff::Timestamp;

use packets::icmp::{Body, Message};
use socklab::clock::{self, At};
use socklab::error_queue::IcmpError;
use socklab::event::{ErrorSeen, InPingsWords, ProbeEvent, Reporter};
use socklab::icmp_socket::{IcmpSocket, Received};

use crate::args::Args;
use crate::event::{Foreign, Redirect};
use crate::extras::Extras;
use crate::replies::{Finding, Replies};

/// A time for people stands in no request.
const NO_STAMP: Timestamp = Timestamp::UNIX_EPOCH;

pub struct Ledger<'a> {
    pub replies: Replies,
    pub extras: Extras,
    reporter: &'a Reporter,
    /// Whom we ping, as it is shown.
    target: String,
}

impl Ledger<'_> {
    /// For requests that leave through `icmp` on the way that `route` knows.
    ///
    /// # Errors
    /// One line: what the flags ask for cannot be had here.
    pub fn new<'a>(
        args: &Args,
        icmp: &IcmpSocket,
        route: &UdpSocket,
        target: SocketAddr,
        reporter: &'a Reporter,
    ) -> Result<Ledger<'a>, String> {
        let replies = Replies::new(args, target, icmp.identifier)?;
        let extras = Extras::new(args, icmp, route, target)?;
        Ok(Ledger { replies, extras, reporter, target: args.shown(target) })
    }

    /// The request that was sent at `sent`.
    pub fn sent(&mut self, request: &[u8], sent: Instant) {
        let (seq, bytes) = (self.replies.probes.next_seq(), request.len());
        self.replies.probes.sent(sent, NO_STAMP);
        self.reporter.tell_json(&ProbeEvent::Sent { at_ns: sent.into(), seq, bytes, local: None });
        self.extras.sent(seq, request);
    }

    /// The request that the operating system would not send.
    pub fn not_sent(&mut self, why: &str, sent: Instant) {
        let seq = self.replies.probes.not_sent(sent, NO_STAMP);
        self.tell(&ProbeEvent::not_sent(seq, sent, why));
    }

    /// A message, whoever may have sent it.
    pub fn came(&mut self, received: &Received) {
        let arrival = clock::arrival(received.packet.stamp);
        let (at_ns, message, ttl) = (arrival.at().into(), received.message, received.packet.ttl);
        let from = received.packet.from.map_or(self.replies.target.ip(), |from| from.ip());
        let finding = self.replies.find(received, from, &arrival);
        if !matches!(finding, Finding::NotOurs) {
            self.extras.received(message, from);
        }
        match finding {
            Finding::Answer { seq, answer } => {
                let event = ProbeEvent::of_answer(answer, at_ns, seq, message, &self.target);
                self.tell(&event.with_ttl(ttl));
            }
            Finding::Spoilt { seq, answer, what } => {
                let event = ProbeEvent::of_answer(answer, at_ns, seq, message, &self.target);
                self.tell(&event.with_ttl(ttl).with_what(what));
            }
            Finding::Foreign(why) => {
                let bytes = message.len();
                self.reporter.tell(&Foreign { at_ns, seq: None, bytes, from, why });
            }
            finding => self.error(&finding, at_ns, Some(from)),
        }
    }

    /// An error that the kernel has kept for a datagram socket, and the request
    /// that met with it.
    pub fn refused(&mut self, error: &IcmpError) {
        if let Ok(request) = Message::parse(self.replies.version(), &error.request)
            && let Body::EchoRequest(echo) = request.body
        {
            let finding = self.replies.failed(echo.sequence, echo.payload, error.problem);
            self.error(&finding, error.arrival.at().into(), error.from);
        }
    }

    /// Nothing was left to read at `then`: what was due by then did not come.
    pub fn silence(&mut self, then: Instant) {
        while let Some((seq, due)) = self.replies.probes.timed_out(then) {
            self.tell(&ProbeEvent::timeout(seq, due, self.replies.probes.timeout()));
        }
    }

    /// An ICMP error, if that is what was found.
    fn error(&self, finding: &Finding, at_ns: At, from: Option<IpAddr>) {
        match *finding {
            Finding::Failed { seq, problem } => {
                let error = ErrorSeen { problem, from };
                self.tell(&ProbeEvent::IcmpError { at_ns, seq, error, target: &self.target });
            }
            Finding::Redirected { seq, problem } => {
                self.reporter.tell(&Redirect { at_ns, seq, error: ErrorSeen { problem, from } });
            }
            _ => {}
        }
    }

    fn tell(&self, event: &ProbeEvent) {
        self.reporter.tell(&InPingsWords(event));
    }
}
