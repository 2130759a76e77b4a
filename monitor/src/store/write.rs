//! Writing results, by a thread of its own: a disk that stands still, or is
//! full, does not make the watching stand still.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use socklab::endpoint::cause;

use super::{day, path};

/// So many results may wait for a slow disk; further ones are lost, and told.
const ROOM: usize = 10_000;

/// How long the end waits for the disk.
const PATIENCE: Duration = Duration::from_millis(300);

enum Order {
    Keep(Timestamp, String),
    /// Open the file anew: the one that is open may have been moved away.
    Reopen,
    End(Sender<()>),
}

/// The entrance of the thread that writes.
pub struct Store {
    queue: SyncSender<Order>,
    /// Results that found no room in the queue.
    lost: u64,
}

impl Store {
    /// Starts the thread, which says what it has to say with `tell`.
    pub fn start(folder: PathBuf, tell: impl Fn(String) + Send + 'static) -> io::Result<Store> {
        let (queue, orders) = mpsc::sync_channel(ROOM);
        let writer = Writer { folder, file: None, lost: 0 };
        let thread = thread::Builder::new().name("store".to_string());
        thread.spawn(move || write_orders(writer, &orders, &tell))?;
        Ok(Store { queue, lost: 0 })
    }

    /// Keeps a line; how many were lost before it because the disk was too
    /// slow, if this is to be told now.
    pub fn keep(&mut self, time: Timestamp, line: String) -> Option<u64> {
        if self.queue.try_send(Order::Keep(time, line)).is_err() {
            self.lost += 1;
            return None;
        }
        (self.lost > 0).then(|| std::mem::take(&mut self.lost))
    }

    /// Has the file opened anew before the next line.
    pub fn reopen(&self) {
        // A full queue is waiting for a disk that gives no answer.
        let _ = self.queue.try_send(Order::Reopen);
    }

    /// Waits until all lines so far are written, but not for long.
    pub fn flush(&self) {
        let (done, written) = mpsc::channel();
        if self.queue.try_send(Order::End(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }
}

fn write_orders(mut writer: Writer, orders: &Receiver<Order>, tell: &impl Fn(String)) {
    let mut next = orders.recv().ok();
    while let Some(order) = next {
        let (time, mut text) = match order {
            Order::End(done) => {
                let _ = done.send(());
                next = orders.recv().ok();
                continue;
            }
            Order::Reopen => {
                writer.file = None;
                next = orders.recv().ok();
                continue;
            }
            Order::Keep(time, line) => (time, line + "\n"),
        };
        // All lines that wait for the same file are written at once.
        let mut lines = 1;
        next = orders.try_recv().ok();
        while let Some(Order::Keep(later, line)) = &next
            && day(*later) == day(time)
            && text.len() < 1 << 18
        {
            text = text + line + "\n";
            lines += 1;
            next = orders.try_recv().ok();
        }
        if let Some(note) = writer.write(day(time), &text, lines) {
            tell(note);
        }
        if next.is_none() {
            next = orders.recv().ok();
        }
    }
}

/// Writes lines, and when that fails leaves no half of one behind.
pub(super) struct Writer {
    pub(super) folder: PathBuf,
    /// Of which day it is, and how long while all its lines are whole.
    pub(super) file: Option<(Date, File, u64)>,
    /// Results lost since the last that could be written.
    pub(super) lost: u64,
}

impl Writer {
    /// What is to be told, if this is the first that fails, or that no longer fails.
    pub(super) fn write(&mut self, day: Date, text: &str, lines: u64) -> Option<String> {
        match self.try_write(day, text) {
            Ok(()) if self.lost > 0 => {
                let lost = std::mem::take(&mut self.lost);
                Some(format!("results are kept again; {lost} were lost"))
            }
            Ok(()) => None,
            Err(why) => {
                let first = self.lost == 0;
                self.lost += lines;
                let path = path(&self.folder, day);
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

    fn try_write(&mut self, day: Date, text: &str) -> io::Result<()> {
        if self.file.as_ref().is_none_or(|(of, ..)| *of != day) {
            let path = path(&self.folder, day);
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            let length = file.metadata()?.len();
            self.file = Some((day, file, length));
        }
        let Some((_, file, whole)) = &mut self.file else { return Ok(()) };
        match file.write_all(text.as_bytes()) {
            Ok(()) => {
                *whole += text.len() as u64;
                Ok(())
            }
            Err(why) => {
                // A part may have been written. If it cannot be cut off now,
                // then the next start does.
                let _ = file.set_len(*whole);
                self.file = None;
                Err(why)
            }
        }
    }
}
