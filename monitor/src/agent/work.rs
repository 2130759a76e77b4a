//! Running the tasks: each at its own interval, on threads of their own, and every result into the spool.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use socklab::clock;

use super::accept::Accepted;
use super::spool::Item;
use super::storage::Storage;
use crate::engine::guarded;
use crate::guard::lock;
use crate::outcome::{Deadline, Outcome};
use crate::pool::{Pool, Refused};
use crate::protocol::Report;
use crate::schedule::{Id, Schedule, Tick};

/// A reason is cut to so many characters, and figures are left out that take
/// more bytes than this: a result must fit on a line.
const LONGEST_REASON: usize = 1000;
const LONGEST_DETAIL: usize = 32 * 1024;

/// What the thread that runs the tasks is told.
pub enum Order {
    /// These in place of those before.
    Tasks(Vec<Accepted>),
    Done(Id),
    Stop,
}

/// Runs tasks until it is told to stop.
pub struct Work {
    schedule: Schedule,
    tasks: HashMap<Id, Running>,
    next_id: u64,
    pool: Pool,
    began: Instant,
    results: Arc<Results>,
    orders: (Sender<Order>, Receiver<Order>),
}

struct Running {
    accepted: Accepted,
    busy: bool,
}

/// Numbers the results, and puts them into the spool.
pub struct Results {
    keep: Arc<Mutex<Storage>>,
    boot_id: String,
    next_seq: Mutex<u64>,
}

impl Results {
    pub fn new(keep: Arc<Mutex<Storage>>, boot_id: String) -> Results {
        Results { keep, boot_id, next_seq: Mutex::new(1) }
    }

    /// Enters one. Numbers and spool have the same order.
    fn enter(&self, task: &Accepted, started_at: String, took: Duration, outcome: Outcome) {
        let mut next = lock(&self.next_seq);
        let detail = match json!(outcome.detail).to_string().len() {
            ..=LONGEST_DETAIL => outcome.detail,
            _ => serde_json::Map::new(),
        };
        let report = Report {
            boot_id: self.boot_id.clone(),
            seq: *next,
            task: task.task.clone(),
            rev: task.rev,
            started_at,
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            verdict: outcome.verdict.word().to_string(),
            reason: outcome.reason.chars().take(LONGEST_REASON).collect(),
            detail,
        };
        *next += 1;
        lock(&self.keep).push(Item::Result(report));
    }
}

impl Work {
    pub fn new(threads: usize, results: Results) -> Work {
        Work {
            schedule: Schedule::default(),
            tasks: HashMap::new(),
            next_id: 1,
            pool: Pool::new(threads),
            began: Instant::now(),
            results: Arc::new(results),
            orders: mpsc::channel(),
        }
    }

    /// Where orders go.
    pub fn outbox(&self) -> Sender<Order> {
        self.orders.0.clone()
    }

    /// Runs the tasks until it is told to stop. Checks under way then end with
    /// the process, and have no result.
    pub fn run(mut self) {
        loop {
            let now = self.began.elapsed();
            while let Some(tick) = self.schedule.take_due(now) {
                self.begin(tick);
            }
            let wait = match self.schedule.next_due() {
                Some(due) => due.saturating_sub(self.began.elapsed()),
                None => Duration::from_secs(3600),
            };
            match self.orders.1.recv_timeout(wait) {
                Ok(Order::Tasks(tasks)) => self.replace(tasks),
                Ok(Order::Done(id)) => {
                    if let Some(task) = self.tasks.get_mut(&id) {
                        task.busy = false;
                    }
                }
                Ok(Order::Stop) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {}
            }
        }
    }

    /// Takes on a new list. A task that is in both keeps its rhythm.
    fn replace(&mut self, tasks: Vec<Accepted>) {
        let now = self.began.elapsed();
        let mut old: HashMap<String, Id> =
            self.tasks.iter().map(|(id, task)| (task.accepted.task.clone(), *id)).collect();
        let new = tasks.len();
        for accepted in tasks {
            let interval = accepted.service.interval;
            match old.remove(&accepted.task) {
                Some(id) => {
                    self.schedule.set_interval(id, interval, now);
                    if let Some(task) = self.tasks.get_mut(&id) {
                        task.accepted = accepted;
                    }
                }
                None => {
                    let id = Id(self.next_id);
                    self.next_id += 1;
                    self.schedule.add(id, interval, now, new);
                    self.tasks.insert(id, Running { accepted, busy: false });
                }
            }
        }
        for id in old.into_values() {
            self.schedule.remove(id);
            self.tasks.remove(&id);
        }
    }

    fn begin(&mut self, tick: Tick) {
        let Some(task) = self.tasks.get_mut(&tick.id) else { return };
        let accepted = task.accepted.clone();
        if task.busy {
            // Told, and not hidden: a result says that there is none.
            let why = "not run: the check before it was still under way";
            let now = clock::stamp(clock::now());
            return self.results.enter(&accepted, now, Duration::ZERO, Outcome::unverified(why));
        }
        task.busy = true;
        let (results, done) = (Arc::clone(&self.results), self.orders.0.clone());
        let job = {
            let accepted = accepted.clone();
            move || {
                let started_at = clock::stamp(clock::now());
                let deadline = Deadline::of(accepted.service.timeout);
                let service = &accepted.service;
                let outcome = guarded(&service.name, || service.check.run(&deadline));
                results.enter(&accepted, started_at, deadline.began.elapsed(), outcome);
                // When nobody listens the agent is at its end.
                let _ = done.send(Order::Done(tick.id));
            }
        };
        if let Err(refused) = self.pool.begin(job) {
            task.busy = false;
            let why = match refused {
                Refused::Busy(threads) => format!("not run: all {threads} threads were busy"),
                Refused::NoThread { why, .. } => format!("not run: no thread for it: {why}"),
            };
            let now = clock::stamp(clock::now());
            self.results.enter(&accepted, now, Duration::ZERO, Outcome::unverified(why));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::accept::judge;
    use super::*;
    use crate::protocol::{Config, Task};
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn every_task_has_its_results_numbered_without_gaps() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (keep, _) = Storage::open(None, 1000).unwrap();
        let keep = Arc::new(Mutex::new(keep));
        let work = Work::new(8, Results::new(Arc::clone(&keep), "b".into()));
        let outbox = work.outbox();
        let thread = thread::spawn(move || work.run());
        let task = |name: &str| Task {
            task: name.into(),
            check: format!("tcp 127.0.0.1 {port}"),
            interval_ms: 1000,
        };
        let config = Config { rev: 4, tasks: vec![task("1"), task("2")] };
        outbox.send(Order::Tasks(judge(&config, &[]).0)).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while keep.lock().unwrap().spool().results() < 6 {
            assert!(Instant::now() < deadline, "no results");
            thread::sleep(Duration::from_millis(10));
        }
        outbox.send(Order::Stop).unwrap();
        thread.join().unwrap();
        let keep = keep.lock().unwrap();
        let reports: Vec<&Report> = keep
            .spool()
            .items()
            .map(|item| match item {
                Item::Result(report) => report,
                Item::Dropped(_) => panic!("there is room"),
            })
            .collect();
        assert!(reports.iter().zip(1..).all(|(report, seq)| report.seq == seq));
        assert!(reports.iter().all(|report| report.verdict == "up" && report.rev == 4));
        for name in ["1", "2"] {
            assert!(reports.iter().filter(|report| report.task == name).count() >= 2);
        }
    }
}
