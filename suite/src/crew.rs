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
