//! Threads for checks that block: started as they are needed, never more than
//! so many, and ended when they have been idle for a while.
//!
//! There is no queue. A job is begun at once, or it is refused: what waits in
//! a queue would be checked at another time than the one it is told with.

use std::io;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How many threads there are at most, unless it is set.
pub const THREADS: usize = 512;

/// A thread that had nothing to do for so long ends.
const IDLE_FOR: Duration = Duration::from_secs(10);

/// Of each thread. This is address space; memory is taken only as far as it is used.
const STACK: usize = 512 * 1024;

/// What a thread is to do.
type Job = Box<dyn FnOnce() + Send>;

/// Why a job was not begun.
#[derive(Debug)]
pub enum Refused {
    /// All threads are busy: so many.
    Busy(usize),
    /// There are `running`, and the operating system gave no further one.
    NoThread { running: usize, why: io::Error },
}

/// The threads, handed over to whoever wants something done.
pub struct Pool {
    workers: Arc<Mutex<Workers>>,
    most: usize,
    idle_for: Duration,
}

#[derive(Default)]
struct Workers {
    /// Where the idle ones take their next job, the one that was busy last at
    /// the end. It has the next job: so those at the beginning stay idle, and end.
    idle: Vec<(u64, Sender<Job>)>,
    threads: usize,
    started: u64,
}

impl Pool {
    /// At most `most` threads, of which none is started yet.
    pub fn new(most: usize) -> Pool {
        Pool { workers: Arc::default(), most: most.max(1), idle_for: IDLE_FOR }
    }

    /// How many threads there are at most.
    pub fn most(&self) -> usize {
        self.most
    }

    /// How many threads there are now, and how many of them are busy.
    pub fn threads(&self) -> (usize, usize) {
        let workers = lock(&self.workers);
        (workers.threads, workers.threads - workers.idle.len())
    }

    /// Begins a job at once, or not at all.
    pub fn begin(&self, job: impl FnOnce() + Send + 'static) -> Result<(), Refused> {
        let mut job: Job = Box::new(job);
        let mut workers = lock(&self.workers);
        while let Some((_, thread)) = workers.idle.pop() {
            match thread.send(job) {
                Ok(()) => return Ok(()),
                // It is gone, which no thread is that stands in the list.
                Err(mpsc::SendError(back)) => job = back,
            }
        }
        if workers.threads >= self.most {
            return Err(Refused::Busy(workers.threads));
        }
        let number = workers.started;
        let shared = Arc::clone(&self.workers);
        let (sender, jobs) = mpsc::channel();
        let me = Worker { number, sender, jobs, idle_for: self.idle_for };
        let thread = thread::Builder::new().name(format!("check {number}")).stack_size(STACK);
        match thread.spawn(move || work(job, &me, &shared)) {
            Ok(_) => {
                workers.threads += 1;
                workers.started += 1;
                Ok(())
            }
            Err(why) => Err(Refused::NoThread { running: workers.threads, why }),
        }
    }
}

struct Worker {
    number: u64,
    sender: Sender<Job>,
    jobs: Receiver<Job>,
    idle_for: Duration,
}

/// A thread's life: one job after the other.
fn work(first: Job, me: &Worker, workers: &Mutex<Workers>) {
    let mut job = first;
    loop {
        // One that panics must not take its thread's place in the count with it.
        let _ = panic::catch_unwind(AssertUnwindSafe(job));
        lock(workers).idle.push((me.number, me.sender.clone()));
        job = match me.jobs.recv_timeout(me.idle_for) {
            Ok(next) => next,
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let mut workers = lock(workers);
                if let Some(place) = workers.idle.iter().position(|(other, _)| *other == me.number)
                {
                    workers.idle.remove(place);
                    workers.threads -= 1;
                    return;
                }
                // Not in the list: a job was given to it at this very moment.
                drop(workers);
                match me.jobs.recv() {
                    Ok(next) => next,
                    Err(_) => return,
                }
            }
        };
    }
}

/// No job runs under the lock, so nothing can be half done in there.
fn lock(workers: &Mutex<Workers>) -> MutexGuard<'_, Workers> {
    workers.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEADLINE: Duration = Duration::from_secs(300);

    /// Jobs that say that they run, and wait until they may end.
    fn hold(pool: &Pool, count: usize) -> Vec<Sender<()>> {
        let (running, runs) = mpsc::channel();
        let held = (0..count).map(|_| {
            let (end, ended) = mpsc::channel::<()>();
            let running = running.clone();
            pool.begin(move || {
                running.send(()).unwrap();
                let _ = ended.recv_timeout(DEADLINE);
            })
            .unwrap();
            end
        });
        let held = held.collect();
        for _ in 0..count {
            runs.recv_timeout(DEADLINE).unwrap();
        }
        held
    }

    fn wait_until(condition: impl Fn() -> bool) {
        let began = std::time::Instant::now();
        while !condition() {
            assert!(began.elapsed() < DEADLINE);
            thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn so_many_run_at_once_and_one_more_is_refused() {
        let pool = Pool::new(20);
        let held = hold(&pool, 20);
        assert_eq!(pool.threads(), (20, 20));
        assert!(matches!(pool.begin(|| ()), Err(Refused::Busy(20))));
        drop(held);
        wait_until(|| pool.threads() == (20, 0));
        drop(hold(&pool, 20));
    }

    #[test]
    fn a_thread_that_is_idle_has_the_next_job() {
        let pool = Pool::new(20);
        for _ in 0..1000 {
            drop(hold(&pool, 1));
            wait_until(|| pool.threads().1 == 0);
        }
        assert_eq!(pool.threads(), (1, 0));
    }

    #[test]
    fn idle_threads_end() {
        let pool = Pool { idle_for: Duration::from_millis(20), ..Pool::new(20) };
        drop(hold(&pool, 20));
        wait_until(|| pool.threads() == (0, 0));
        drop(hold(&pool, 1));
    }

    #[test]
    fn a_job_that_panics_leaves_its_thread_for_the_next() {
        let pool = Pool::new(1);
        for _ in 0..5 {
            pool.begin(|| panic!("on purpose")).unwrap();
            wait_until(|| pool.threads() == (1, 0));
        }
        drop(hold(&pool, 1));
    }

    #[test]
    fn every_job_is_done_once() {
        let pool = Pool::new(4);
        let (done, dones) = mpsc::channel();
        let mut begun = 0;
        while begun < 10_000 {
            let done = done.clone();
            match pool.begin(move || done.send(begun).unwrap()) {
                Ok(()) => begun += 1,
                Err(_) => thread::yield_now(),
            }
        }
        let mut numbers: Vec<i32> =
            (0..10_000).map(|_| dones.recv_timeout(DEADLINE).unwrap()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..10_000).collect::<Vec<_>>());
    }
}
