//! What the server keeps of a client: its beats' way up, and whether it has fallen silent.

use std::net::SocketAddr;
use std::ops::AddAssign;
use std::time::{Duration, Instant};

use logic::pace::LOOK_UP;
use serde::Serialize;
use socklab::clock::At;
use socklab::event::Reporter;
use socklab::service::Service;

use crate::sequence::{Place, Sequence};
use crate::server_told::{Returned, Stopped};

#[derive(Debug, Default)]
pub struct Client {
    pub sequence: Sequence,
    last_heard: Option<At>,
    stopped: bool,
}

/// What became of beats before they reached the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Ways {
    pub lost: u64,
    pub duplicates: u64,
    pub reordered: u64,
}

impl AddAssign for Ways {
    fn add_assign(&mut self, other: Ways) {
        self.lost += other.lost;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
    }
}

impl Client {
    /// A beat came in. Tells if the client had stopped.
    pub fn beat(&mut self, client: SocketAddr, seq: u64, at_ns: At, reporter: &Reporter) -> Place {
        if let (true, Some(last_heard)) = (self.stopped, self.last_heard) {
            let silent_s = at_ns.since(last_heard).as_secs_f64();
            reporter.tell_always(&Returned { at_ns, client, seq, silent_s });
        }
        self.stopped = false;
        self.last_heard = Some(at_ns);
        self.sequence.add(seq)
    }

    /// Tells of each client from which nothing came for so long, once. Looks at
    /// them all, so it does so only from the moment `due` on; returns the next one.
    pub fn tell_the_silent(
        service: &mut Service<Client>,
        silence: Duration,
        due: Instant,
        reporter: &Reporter,
    ) -> Instant {
        let now = Instant::now();
        if now < due {
            return due;
        }
        for (client, known) in service.each_mut() {
            let at_ns = At::from(now);
            let silent = known.last_heard.map_or(Duration::ZERO, |last| at_ns.since(last));
            if silent > silence && !known.stopped {
                known.stopped = true;
                let (seq, silent_s) = (known.sequence.highest(), silent.as_secs_f64());
                reporter.tell_always(&Stopped { at_ns, client, seq, silent_s });
            }
        }
        now + LOOK_UP
    }

    pub fn ways(&self) -> Ways {
        Ways {
            lost: self.sequence.lost(),
            duplicates: self.sequence.duplicates(),
            reordered: self.sequence.reordered(),
        }
    }
}
