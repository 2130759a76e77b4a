//! Runs checks when they are due, for the monitor and for an agent alike.
//!
//! | part | what it holds |
//! | --- | --- |
//! | [`schedule`] | when each service is due |
//! | [`plan`] | which checks may begin, and which are not run |
//! | [`pool`] | threads for checks that block |
//! | [`Engine`] | the plan carried out: by two clocks, on the pool's threads |
//!
//! The first two are pure. Whoever owns an engine waits for [`Engine::wait`],
//! or for a result, and then calls [`Engine::begin`] again.

pub mod plan;
pub mod pool;
pub mod schedule;

use std::panic::{self, AssertUnwindSafe};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use socklab::clock::{self, At};
use socklab::output;

use crate::outcome::{Deadline, Outcome};
use plan::{NotRun, Plan, Skipped, Start};
use pool::{Pool, Refused};

/// How long an engine with nothing to do waits.
const LONG: Duration = Duration::from_secs(3600);

/// A moment by two clocks. Everything is decided by the first; the second is a label.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Since the program began, by the monotonic clock.
    pub mono: Duration,
    /// What the clock on the wall says. It may be set at any time.
    pub wall: Timestamp,
    /// The first as events have it, in `at_ns`.
    pub at: At,
}

/// Reads the two clocks.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// From now on.
    pub fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    pub fn now(&self) -> Now {
        let now = Instant::now();
        Now { mono: now.duration_since(self.began), wall: clock::now(), at: now.into() }
    }
}

/// A check that has ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub start: Start,
    pub began: Now,
    pub ended: Now,
    pub outcome: Outcome,
}

/// Is told of each check that ends, on the thread that ran it.
type OnEnd = Arc<dyn Fn(Ended) + Send + Sync>;

pub struct Engine {
    pub pool: Pool,
    pub clock: Clock,
    report: OnEnd,
}

impl Engine {
    /// At most `threads` checks at once, each of which is told with `report`.
    pub fn new(threads: usize, report: impl Fn(Ended) + Send + Sync + 'static) -> Engine {
        Engine { pool: Pool::new(threads), clock: Clock::start(), report: Arc::new(report) }
    }

    /// Begins every check that is due. What was due and is not run is returned.
    pub fn begin(&self, plan: &mut Plan) -> Vec<Skipped> {
        let mut skipped = Vec::new();
        while let Some(start) = plan.next_start(self.clock.now().mono, &mut skipped) {
            let (id, clock, report) = (start.id, self.clock, Arc::clone(&self.report));
            let Err(refused) = self.pool.begin(move || report(run(start, clock))) else { continue };
            plan.refused(id);
            let why = match refused {
                Refused::Busy(threads) => NotRun::Busy(threads),
                Refused::NoThread { running, why } => {
                    NotRun::NoThread(format!("{} ({running} are running)", why.kind()))
                }
            };
            skipped.push(Skipped { id, why });
        }
        skipped
    }

    /// How long until a check is due.
    pub fn wait(&self, plan: &Plan) -> Duration {
        let due = plan.next_due().map(|due| due.saturating_sub(self.clock.now().mono));
        due.unwrap_or(LONG).min(LONG)
    }
}

/// One check, on a thread of the pool.
fn run(start: Start, clock: Clock) -> Ended {
    let began = clock.now();
    let service = Arc::clone(&start.service);
    let deadline = Deadline::of(service.timeout);
    let outcome = guarded(&service.name, || service.check.run(&deadline));
    Ended { start, began, ended: clock.now(), outcome }
}

/// What a check found. One that panics is a fault of ours, and not the
/// service's, of which nothing was found out.
fn guarded(service: &str, check: impl FnOnce() -> Outcome) -> Outcome {
    panic::catch_unwind(AssertUnwindSafe(check)).unwrap_or_else(|_| {
        output::complain("monitor", &format!("the check of {service:?} panicked"));
        Outcome::unverified("the check itself failed; this is a fault of the monitor")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use crate::verdict::Verdict;
    use std::sync::mpsc;

    #[test]
    fn a_check_that_panics_says_nothing_of_the_service() {
        let outcome = guarded("web", || panic!("a fault"));
        assert_eq!(outcome.verdict, Verdict::Unverified);
        assert!(outcome.reason.contains("fault of the monitor"), "{}", outcome.reason);
        assert_eq!(guarded("web", || Outcome::up("fine")), Outcome::up("fine"));
    }

    #[test]
    fn what_is_due_is_begun_and_its_end_told() {
        let (ends, told) = mpsc::channel();
        let engine = Engine::new(4, move |ended| drop(ends.send(ended)));
        let mut plan = Plan::default();
        let id = plan.add(example::at_port("closed", 1).into(), Duration::ZERO, 1);
        for _ in 0..2 {
            while plan.next_due().is_some_and(|due| due > engine.clock.now().mono) {
                std::thread::sleep(engine.wait(&plan));
            }
            assert_eq!(engine.begin(&mut plan), []);
            let ended = told.recv_timeout(Duration::from_secs(60)).unwrap();
            assert_eq!((ended.start.id, ended.outcome.verdict), (id, Verdict::Down));
            assert!(ended.began.mono >= ended.start.due && ended.ended.mono >= ended.began.mono);
            assert_eq!(plan.ended(&ended.start, ended.ended.mono), None);
        }
    }
}
