//! What happens to a service: checks that begin, end, or do not run, and changes of its state.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::engine::plan::NotRun;
use crate::outcome::Outcome;
use crate::service::Service;
use crate::state::Change;

/// What happened to a service, to be told.
#[derive(Debug, Clone)]
pub struct Event {
    pub wall: Timestamp,
    pub service: Arc<Service>,
    pub what: What,
}

#[derive(Debug, Clone)]
pub enum What {
    /// A check ended.
    Result {
        outcome: Arc<Outcome>,
        /// How long after its time it began.
        late: Duration,
        /// A person asked for it, and is to see it.
        asked: bool,
    },
    /// Its state became another, with this result.
    Change { change: Change, reason: Arc<str> },
    /// The way there is another one: the hops before, and now.
    Path { before: Value, now: Value },
    /// A check was not run; `first` says whether the one before it was.
    NotRun { why: NotRun, first: bool },
}

/// What was counted of a service since the monitor began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Checks that ended, by verdict, in the order of [`crate::verdict::Verdict::ALL`].
    pub checks: [u64; 4],
    pub changes: u64,
    pub not_run: u64,
}

impl Counts {
    pub fn all_checks(&self) -> u64 {
        self.checks.iter().sum()
    }

    pub fn add(&mut self, other: &Counts) {
        for (sum, more) in self.checks.iter_mut().zip(other.checks) {
            *sum += more;
        }
        self.changes += other.changes;
        self.not_run += other.not_run;
    }
}
