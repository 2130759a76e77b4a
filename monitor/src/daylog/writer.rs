//! Writing results by a thread of its own: a disk that stands still, or is
//! full, does not make the watching stand still.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use socklab::errors::cause;
use socklab::threads;

use super::{DayLog, day};

/// At most this many results wait for a slow disk; any more are lost, and told.
const ROOM: usize = 10_000;

/// At most this many bytes are written at once.
const PIECE: usize = 1 << 18;

/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_millis(300);

enum Job {
    Keep(Timestamp, String),
    Reopen,
    End(Sender<()>),
}

/// The entrance of the thread that writes.
pub struct Writer {
    queue: SyncSender<Job>,
    /// Results that found no room in the queue.
    lost: u64,
}

impl Writer {
    /// Starts the thread, which says what it has to say with `tell`.
    ///
    /// # Errors
    /// One line: the operating system gave no thread.
    pub fn start(log: DayLog, tell: impl Fn(String) + Send + 'static) -> Result<Writer, String> {
        let (queue, jobs) = mpsc::sync_channel(ROOM);
        let pen = Pen { log, lost: 0 };
        threads::start("results", move || work(pen, &jobs, &tell))?;
        Ok(Writer { queue, lost: 0 })
    }

    /// Keeps a line; how many were lost before it because the disk was too
    /// slow, if this is to be told now.
    pub fn keep(&mut self, time: Timestamp, line: String) -> Option<u64> {
        if self.queue.try_send(Job::Keep(time, line)).is_err() {
            self.lost += 1;
            return None;
        }
        (self.lost > 0).then(|| std::mem::take(&mut self.lost))
    }

    /// Has the file opened anew before the next line.
    pub fn reopen(&self) {
        // A full queue is waiting for a disk that gives no answer.
        let _ = self.queue.try_send(Job::Reopen);
    }

    /// Waits until all lines so far are written, but not for long.
    pub fn flush(&self) {
        let (done, written) = mpsc::channel();
        if self.queue.try_send(Job::End(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

fn work(mut pen: Pen, jobs: &Receiver<Job>, tell: &impl Fn(String)) {
    let mut next = jobs.recv().ok();
    while let Some(job) = next {
        match job {
            Job::End(done) => drop(done.send(())),
            Job::Reopen => pen.log.reopen(),
            Job::Keep(time, line) => {
                let (text, lines, other) = gather(line, day(time), jobs);
                pen.write(day(time), &text, lines).into_iter().for_each(tell);
                if other.is_some() {
                    next = other;
                    continue;
                }
            }
        }
        next = jobs.recv().ok();
    }
}

/// All lines that wait for the same file are written at once: how many they
/// are, and the job behind them, if one is there.
fn gather(line: String, date: Date, jobs: &Receiver<Job>) -> (String, u64, Option<Job>) {
    let (mut text, mut lines) = (line + "\n", 1);
    while text.len() < PIECE {
        match jobs.try_recv() {
            Ok(Job::Keep(time, line)) if day(time) == date => {
                text = text + &line + "\n";
                lines += 1;
            }
            other => return (text, lines, other.ok()),
        }
    }
    (text, lines, None)
}

/// Writes lines, and counts those that could not be written.
pub(super) struct Pen {
    pub(super) log: DayLog,
    /// Results lost since the last that could be written.
    pub(super) lost: u64,
}

impl Pen {
    /// What is to be told, if this is the first that fails, or that no longer fails.
    pub(super) fn write(&mut self, date: Date, text: &str, lines: u64) -> Option<String> {
        match self.log.append(date, text.as_bytes()) {
            Ok(()) if self.lost > 0 => {
                let lost = std::mem::take(&mut self.lost);
                Some(format!("results are kept again; {lost} were lost"))
            }
            Ok(()) => None,
            Err(why) => {
                let first = self.lost == 0;
                self.lost += lines;
                let path = self.log.path(date);
                first.then(|| {
                    format!(
                        "cannot write {}: {}; results are not kept until it can be written again",
                        path.display(),
                        cause(&why)
                    )
                })
            }
        }
    }
}
