//! What the server counts and tells: one ledger for all its threads.
//!
//! Whoever holds the lock may count and write a line, so that lines and totals
//! agree; and when the totals are out, nobody gets it any more.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use socklab::clock::At;
use socklab::event::Reporter;

use crate::event::{Connection, Datagram, End, Fate, Start, Summary, Totals};

#[derive(Debug)]
pub struct Ledger {
    address: SocketAddr,
    reporter: Reporter,
    totals: Mutex<Totals>,
}

impl Ledger {
    pub fn new(address: SocketAddr, reporter: Reporter) -> Ledger {
        Ledger { address, reporter, totals: Mutex::default() }
    }

    pub fn start(&self, start: &Start) {
        self.reporter.tell_always(start);
    }

    /// A datagram that came in at `at_ns`, and was answered at `sending` if it was.
    pub fn datagram(&self, client: SocketAddr, at_ns: At, sending: At, message: &[u8], fate: Fate) {
        let sent_ns = (fate == Fate::Echoed).then_some(sending);
        let bytes = message.len();
        let mut totals = self.lock();
        totals.received += 1;
        match fate {
            Fate::Echoed => {
                totals.replied += 1;
                totals.datagram_bytes += bytes as u64;
            }
            Fate::Ignored => totals.ignored += 1,
            Fate::Failed => totals.failed += 1,
        }
        self.reporter.tell(&Datagram { at_ns, client, bytes, text: message, fate, sent_ns });
    }

    pub fn connected(&self, client: SocketAddr) {
        let mut totals = self.lock();
        totals.connections += 1;
        totals.open += 1;
        self.reporter.tell(&Connection::Connected { at_ns: At::now(), client });
    }

    /// A connection that is one too many.
    pub fn turned_away(&self, client: SocketAddr) {
        let mut totals = self.lock();
        totals.turned_away += 1;
        let open = totals.open;
        self.reporter.tell(&Connection::TurnedAway { at_ns: At::now(), client, open });
    }

    /// The end of a connection: what was echoed, and why it ended.
    pub fn closed(&self, client: SocketAddr, bytes: u64, why: &End) {
        let mut totals = self.lock();
        totals.open -= 1;
        totals.stream_bytes += bytes;
        self.reporter.tell(&Connection::Closed { at_ns: At::now(), client, bytes, why });
    }

    /// A client has said the stop word.
    pub fn stopped_by(&self, client: SocketAddr) {
        let _held = self.lock();
        self.reporter.tell(&Connection::StopWord { at_ns: At::now(), client });
    }

    /// Prints the totals, and keeps the lock for good: a thread that would count
    /// or tell anything after them waits for the end of the process.
    pub fn close(&self) {
        let totals = self.lock();
        self.reporter.tell_always(&Summary {
            at_ns: At::now(),
            totals: *totals,
            address: self.address,
        });
        std::mem::forget(totals);
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        // A thread that panicked with the lock left at worst one count wrong.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
