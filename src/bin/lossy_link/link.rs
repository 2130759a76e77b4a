//! What the threads of a link over TCP share.

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logic::impair::Impairment;
use socklab::clock::At;
use socklab::event::Reporter;

use crate::args::Way as Flags;
use crate::tcp_event::Streams;

/// Of a thread; otherwise it would be 2 MiB.
pub const STACK: usize = 256 * 1024;

/// What all threads share.
pub struct Link {
    pub server: SocketAddr,
    /// Up, and down.
    pub plans: [(Impairment, Flags); 2],
    pub reporter: Reporter,
    totals: Mutex<Streams>,
}

impl Link {
    pub fn new(
        server: SocketAddr,
        plans: [(Impairment, Flags); 2],
        reporter: Reporter,
        totals: Streams,
    ) -> Link {
        Link { server, plans, reporter, totals: Mutex::new(totals) }
    }

    pub fn totals(&self) -> MutexGuard<'_, Streams> {
        // The sums are whole even if a thread panicked while it held the lock.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of a connection that came in, from 1.
    pub fn accepted(&self) -> u64 {
        let mut totals = self.totals();
        totals.connections += 1;
        totals.connections
    }

    /// Tells the sums.
    pub fn close(&self) {
        let mut totals = self.totals();
        totals.at_ns = At::now();
        self.reporter.tell_always(&*totals);
    }
}
