//! Which checks are to begin, and which are not run though they were due. Pure:
//! the time is passed in, so that a test can set it.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::schedule::{Id, Schedule};
use crate::service::Service;

/// A check that takes exactly as long as its interval, because its timeout is
/// as long, ends a moment after the next one is due. That one begins late by
/// this at most, and by a tenth of the interval; after that it is not run.
const GRACE: Duration = Duration::from_millis(100);

/// A check that is to begin now.
#[derive(Debug, Clone)]
pub struct Start {
    pub id: Id,
    pub service: Arc<Service>,
    /// When it should have begun.
    pub due: Duration,
}

/// A check that was due and is not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    pub id: Id,
    pub why: NotRun,
}

/// Why a check was not run when it was due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotRun {
    /// All threads were busy: so many.
    Busy(usize),
    /// The operating system gave no further thread, for this reason.
    NoThread(String),
    /// The service's check before was not over.
    Running,
    /// The program itself did not get to it, on a machine asleep or overloaded:
    /// so many ticks.
    Missed(u64),
}

impl NotRun {
    /// How many checks were not run.
    pub fn checks(&self) -> u64 {
        match self {
            NotRun::Missed(ticks) => *ticks,
            _ => 1,
        }
    }

    /// The word for it in JSON.
    pub fn word(&self) -> &'static str {
        match self {
            NotRun::Busy(_) => "busy",
            NotRun::NoThread(_) => "no thread",
            NotRun::Running => "still running",
            NotRun::Missed(_) => "missed",
        }
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            NotRun::Busy(threads) => write!(f, "all {threads} threads busy; see --threads"),
            NotRun::NoThread(why) => write!(f, "no further thread: {why}"),
            NotRun::Running => f.write_str("its last check is still running"),
            NotRun::Missed(1) => f.write_str("this program did not get to it in time"),
            NotRun::Missed(ticks) => {
                write!(f, "this program did not get to it in time, {ticks} times")
            }
        }
    }
}

#[derive(Debug)]
struct Job {
    service: Arc<Service>,
    running: bool,
    /// A check that came due while the one before was still under way.
    owed: Option<Duration>,
}

/// The checks of all services.
#[derive(Debug, Default)]
pub struct Plan {
    schedule: Schedule,
    jobs: HashMap<Id, Job>,
    given: u64,
    /// Checks to begin beside the schedule.
    extra: VecDeque<(Id, Duration)>,
}

impl Plan {
    /// Adds a service, one of `among` that are added together: their first
    /// checks are spread out.
    pub fn add(&mut self, service: Arc<Service>, now: Duration, among: usize) -> Id {
        let id = Id(self.given);
        self.given += 1;
        self.schedule.add(id, service.interval, now, among);
        self.jobs.insert(id, Job { service, running: false, owed: None });
        id
    }

    /// Puts a service in the place of another. With the same interval it keeps
    /// its ticks.
    pub fn replace(&mut self, id: Id, service: Arc<Service>, now: Duration) {
        self.schedule.set_interval(id, service.interval, now);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.service = service;
        }
    }

    /// Takes a service away. Its check under way goes on to its end.
    pub fn remove(&mut self, id: Id) {
        self.schedule.remove(id);
        self.jobs.remove(&id);
    }

    pub fn pause(&mut self, id: Id) {
        self.schedule.pause(id);
        if let Some(job) = self.jobs.get_mut(&id) {
            job.owed = None;
        }
    }

    pub fn resume(&mut self, id: Id, now: Duration) {
        self.schedule.resume(id, now);
    }

    /// Asks for a check beside the schedule. False if one is under way, whose
    /// result will do.
    pub fn check_now(&mut self, id: Id, now: Duration) -> bool {
        let idle = !self.is_running(id);
        if idle {
            self.extra.push_back((id, now));
        }
        idle
    }

    pub fn is_running(&self, id: Id) -> bool {
        self.jobs.get(&id).is_some_and(|job| job.running)
    }

    /// When something is to begin next.
    pub fn next_due(&self) -> Option<Duration> {
        match self.extra.front() {
            Some((_, due)) => Some(*due),
            None => self.schedule.next_due(),
        }
    }

    /// The next check that is to begin by now. What was due and is not run is
    /// added to `skipped`.
    pub fn next_start(&mut self, now: Duration, skipped: &mut Vec<Skipped>) -> Option<Start> {
        loop {
            let (id, due, missed) = match self.extra.pop_front() {
                Some((id, due)) => (id, due, 0),
                None => {
                    let tick = self.schedule.take_due(now)?;
                    (tick.id, tick.due, tick.missed)
                }
            };
            let Some(job) = self.jobs.get_mut(&id) else { continue };
            if missed > 0 {
                skipped.push(Skipped { id, why: NotRun::Missed(missed) });
            }
            if job.running {
                // This one may still begin; the one that waited for it may not.
                if job.owed.replace(due).is_some() {
                    skipped.push(Skipped { id, why: NotRun::Running });
                }
                continue;
            }
            job.running = true;
            return Some(Start { id, service: Arc::clone(&job.service), due });
        }
    }

    /// A check that was to begin could not.
    pub fn refused(&mut self, id: Id) {
        if let Some(job) = self.jobs.get_mut(&id) {
            job.running = false;
        }
    }

    /// A check ended; what came due meanwhile begins now, or is returned.
    pub fn ended(&mut self, start: &Start, now: Duration) -> Option<Skipped> {
        let job = self.jobs.get_mut(&start.id)?;
        job.running = false;
        let due = job.owed.take()?;
        if now.saturating_sub(due) > GRACE.min(job.service.interval / 10) {
            return Some(Skipped { id: start.id, why: NotRun::Running });
        }
        self.extra.push_back((start.id, due));
        None
    }
}
