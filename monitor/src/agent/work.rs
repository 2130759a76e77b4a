//! Running the tasks: the engine checks them when they are due, and every result goes into the spool.

use std::collections::HashMap;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use socklab::clock;

use super::accept::Accepted;
use super::storage::Storage;
use crate::engine::plan::{Plan, Skipped};
use crate::engine::schedule::Id;
use crate::engine::{Ended, Engine};
use crate::guard::lock;
use crate::outcome::Outcome;
use crate::protocol::{Delivery, Report};

/// A reason is cut to so many characters, and figures are left out that take
/// more bytes than this: a result must fit on a line.
const LONGEST_REASON: usize = 1000;
const LONGEST_DETAIL: usize = 32 * 1024;

/// What the thread that runs the tasks is told.
pub enum Order {
    /// These in place of those before.
    Tasks(Vec<Accepted>),
    Ended(Box<Ended>),
}

/// Runs tasks for as long as the process lives.
pub struct Work {
    engine: Engine,
    plan: Plan,
    tasks: HashMap<Id, Running>,
    spooler: Spooler,
    orders: (Sender<Order>, Receiver<Order>),
}

struct Running {
    accepted: Accepted,
    /// What it was when its check under way began, if it is another now.
    began_as: Option<Accepted>,
}

/// Numbers the results, and puts them into the spool.
pub struct Spooler {
    storage: Arc<Mutex<Storage>>,
    boot_id: String,
    next_seq: u64,
}

impl Spooler {
    pub fn new(storage: Arc<Mutex<Storage>>, boot_id: String) -> Spooler {
        Spooler { storage, boot_id, next_seq: 1 }
    }

    /// Enters one. Numbers and spool have the same order.
    fn enter(&mut self, task: &Accepted, began: Timestamp, took: Duration, outcome: Outcome) {
        let detail = match serde_json::to_string(&outcome.detail).map_or(0, |text| text.len()) {
            ..=LONGEST_DETAIL => outcome.detail,
            _ => serde_json::Map::new(),
        };
        let report = Report {
            boot_id: self.boot_id.clone(),
            seq: self.next_seq,
            task: task.task.clone(),
            rev: task.rev,
            started_at: clock::stamp(began),
            duration_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            verdict: outcome.verdict,
            reason: outcome.reason.chars().take(LONGEST_REASON).collect(),
            detail,
        };
        self.next_seq += 1;
        lock(&self.storage).push(Delivery::Result(report));
    }
}

impl Work {
    pub fn new(threads: usize, spooler: Spooler) -> Work {
        let orders = mpsc::channel();
        let ends: Sender<Order> = orders.0.clone();
        // When nobody listens the agent is at its end.
        let report = move |ended| drop(ends.send(Order::Ended(Box::new(ended))));
        Work {
            engine: Engine::new(threads, report),
            plan: Plan::default(),
            tasks: HashMap::new(),
            spooler,
            orders,
        }
    }

    /// Where orders go.
    pub fn outbox(&self) -> Sender<Order> {
        self.orders.0.clone()
    }

    /// Runs the tasks. Checks under way end with the process, and have no result.
    pub fn run(mut self) -> ! {
        loop {
            self.begin();
            match self.orders.1.recv_timeout(self.engine.wait(&self.plan)) {
                Ok(Order::Tasks(tasks)) => self.replace(tasks),
                Ok(Order::Ended(ended)) => self.ended(*ended),
                // Something is due. Closed the queue never is: a sender of it is here.
                Err(_) => {}
            }
        }
    }

    /// Takes on a new list. A task that is in both lists keeps its rhythm.
    fn replace(&mut self, tasks: Vec<Accepted>) {
        let now = self.engine.clock.now().mono;
        let mut old: HashMap<String, Id> =
            self.tasks.iter().map(|(id, task)| (task.accepted.task.clone(), *id)).collect();
        let among = tasks.len();
        for accepted in tasks {
            let service = Arc::clone(&accepted.service);
            let known = old.remove(&accepted.task);
            if let Some(id) = known
                && let Some(task) = self.tasks.get_mut(&id)
            {
                let before = std::mem::replace(&mut task.accepted, accepted);
                if self.plan.is_running(id) {
                    task.began_as.get_or_insert(before);
                }
                self.plan.replace(id, service, now);
            } else {
                let id = self.plan.add(service, now, among);
                self.tasks.insert(id, Running { accepted, began_as: None });
            }
        }
        for id in old.into_values() {
            self.plan.remove(id);
            self.tasks.remove(&id);
        }
    }

    fn begin(&mut self) {
        let skipped = self.engine.begin(&mut self.plan);
        self.not_run(skipped);
    }

    fn ended(&mut self, check: Ended) {
        let Ended { start, began, ended, outcome } = check;
        let skipped = self.plan.ended(&start, ended.mono);
        // Of a task that was taken away nobody wants to know.
        let Some(task) = self.tasks.get_mut(&start.id) else { return };
        let accepted = task.began_as.take().unwrap_or_else(|| task.accepted.clone());
        self.spooler.enter(&accepted, began.wall, ended.mono - began.mono, outcome);
        self.not_run(skipped.into_iter().collect());
    }

    /// Told, and not hidden: a result says that there is none.
    fn not_run(&mut self, skipped: Vec<Skipped>) {
        for Skipped { id, why } in skipped {
            if let Some(task) = self.tasks.get(&id) {
                let outcome = Outcome::unverified(format!("not run: {why}"));
                self.spooler.enter(&task.accepted, clock::now(), Duration::ZERO, outcome);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::accept::judge;
    use super::*;
    use crate::protocol::{Config, Task};
    use crate::verdict::Verdict;
    use std::io::Write;
    use std::net::TcpListener;
    use std::thread;
    use std::time::Instant;

    /// Tasks under way, and where their results go.
    struct Agent {
        storage: Arc<Mutex<Storage>>,
        orders: Sender<Order>,
    }

    impl Agent {
        fn start(threads: usize) -> Agent {
            let storage = Arc::new(Mutex::new(Storage::open(None, 1000).unwrap().0));
            let work = Work::new(threads, Spooler::new(Arc::clone(&storage), "b".into()));
            let orders = work.outbox();
            thread::spawn(move || work.run());
            Agent { storage, orders }
        }

        /// Gives it these tasks, named 1, 2, ...
        fn configure(&self, rev: u64, checks: &[String], interval_ms: u64) {
            let tasks = checks.iter().zip(1..).map(|(check, number)| Task {
                task: number.to_string(),
                check: check.clone(),
                interval_ms,
            });
            let config = Config { rev, tasks: tasks.collect() };
            self.orders.send(Order::Tasks(judge(&config, &[]).0)).unwrap();
        }

        /// Waits for `count` results.
        fn results(&self, count: usize) -> Vec<Report> {
            let deadline = Instant::now() + Duration::from_secs(60);
            while self.storage.lock().unwrap().spool().results() < count {
                assert!(Instant::now() < deadline, "no results");
                thread::sleep(Duration::from_millis(10));
            }
            let storage = self.storage.lock().unwrap();
            let reports = storage.spool().items().map(|item| match item {
                Delivery::Result(report) => report.clone(),
                Delivery::Dropped(_) => panic!("there is room"),
            });
            reports.collect()
        }
    }

    fn listener() -> (TcpListener, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let check = format!("tcp {}", listener.local_addr().unwrap());
        (listener, check)
    }

    #[test]
    fn every_task_has_its_results_numbered_without_gaps() {
        let (_listener, check) = listener();
        let agent = Agent::start(8);
        agent.configure(4, &[check.clone(), check], 1000);
        let reports = agent.results(6);
        assert!(reports.iter().zip(1..).all(|(report, seq)| report.seq == seq));
        assert!(reports.iter().all(|report| report.verdict == Verdict::Up && report.rev == 4));
        for name in ["1", "2"] {
            assert!(reports.iter().filter(|report| report.task == name).count() >= 2);
        }
    }

    #[test]
    fn a_result_names_the_revision_by_which_its_check_began() {
        let (listener, check) = listener();
        let checks = [format!("{check} expect=OK timeout=30s")];
        let agent = Agent::start(8);
        agent.configure(4, &checks, 60_000);
        let (mut client, _) = listener.accept().unwrap();
        agent.configure(5, &checks, 60_000);
        agent.configure(6, &checks, 60_000);
        client.write_all(b"OK").unwrap();
        let reports = agent.results(1);
        assert_eq!((reports[0].rev, reports[0].verdict), (4, Verdict::Up), "{reports:?}");
    }

    #[test]
    fn a_check_that_is_not_run_has_a_result_that_says_so() {
        let (_silent, check) = listener();
        let check = format!("{check} expect=OK timeout=30s");
        let agent = Agent::start(1);
        agent.configure(1, &[check.clone(), check], 60_000);
        let reports = agent.results(1);
        let said = (reports[0].verdict.word(), reports[0].reason.as_str());
        assert_eq!(said, ("unverified", "not run: all 1 threads busy; see --threads"));
    }
}
