//! Does jobs side by side, in the order in which they are given.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;

use crate::job::{Job, Outcome};

/// Runs them, at most `at_once` at a time, and hands over each as it ends.
pub fn run(
    jobs: &[Job],
    at_once: usize,
    stopped: &AtomicBool,
    mut ended: impl FnMut(&Job, Outcome),
) {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..at_once.max(1) {
            let sender = sender.clone();
            scope.spawn(|| {
                let sender = sender;
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let outcome = job.run(stopped);
                    if stopped.load(Ordering::SeqCst) || sender.send((job, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (job, outcome) in receiver {
            ended(job, outcome);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_job_is_done_once_and_nothing_is_begun_after_a_stop() {
        // Neither ends well: there is no such program.
        let jobs: Vec<Job> =
            (0..20).map(|number| Job::missing(&format!("test_{number}"))).collect();
        let done = |stopped: bool| {
            let mut done = Vec::new();
            let stopped = AtomicBool::new(stopped);
            run(&jobs, 3, &stopped, |job, outcome| {
                assert_eq!(outcome.failed, 1);
                done.push(job.name());
            });
            done.sort();
            done
        };
        let mut all: Vec<String> = jobs.iter().map(Job::name).collect();
        all.sort();
        assert_eq!(done(false), all);
        assert_eq!(done(true), Vec::<String>::new());
    }
}
