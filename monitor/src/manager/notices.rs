//! The queue from the connections to whoever tells their notices: bounded in bytes.
//!
//! A connection never waits for a terminal. Where notices come faster than
//! they are told, some are left out, and how many is told in their place.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use socklab::clock::At;

use super::tell::Notice;

/// The most bytes that may wait. A result's figures take some twenty times
/// their length as text.
const ROOM: usize = 1024 * 1024;

/// What a notice takes beside the texts in it.
const BASE: usize = 256;

/// Where notices go.
#[derive(Debug, Clone)]
pub struct Notices {
    queue: Sender<(At, Notice, usize)>,
    state: Arc<State>,
}

/// Where they come out.
#[derive(Debug)]
pub struct Inbox {
    queue: Receiver<(At, Notice, usize)>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    bytes: AtomicUsize,
    left_out: AtomicU64,
}

/// A queue.
pub fn queue() -> (Notices, Inbox) {
    let (sender, receiver) = mpsc::channel();
    let state = Arc::new(State::default());
    (Notices { queue: sender, state: Arc::clone(&state) }, Inbox { queue: receiver, state })
}

impl Notices {
    /// Puts a notice in, or counts it as left out.
    pub fn put(&self, notice: Notice) {
        let size = size(&notice);
        let before = self.state.bytes.fetch_add(size, Ordering::Relaxed);
        if before.saturating_add(size) > ROOM {
            self.state.bytes.fetch_sub(size, Ordering::Relaxed);
            self.state.left_out.fetch_add(1, Ordering::Relaxed);
            return;
        }
        // At the end nobody listens any more.
        let _ = self.queue.send((At::now(), notice, size));
    }
}

impl Inbox {
    /// The next notice, in the order in which they were put in, and when that was.
    ///
    /// # Errors
    /// None came in time, or none will come any more.
    pub fn next(&self, timeout: Duration) -> Result<(At, Notice), RecvTimeoutError> {
        let left_out = self.state.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            return Ok((At::now(), Notice::LeftOut { notices: left_out }));
        }
        let (at, notice, size) = self.queue.recv_timeout(timeout)?;
        self.state.bytes.fetch_sub(size, Ordering::Relaxed);
        Ok((at, notice))
    }

    /// Those that are there now.
    pub fn drain(&self) -> impl Iterator<Item = Notice> {
        std::iter::from_fn(|| self.next(Duration::ZERO).ok().map(|(_, notice)| notice))
    }
}

/// About how many bytes of text a notice holds.
fn size(notice: &Notice) -> usize {
    BASE + match notice {
        Notice::Result { check, report, .. } => {
            let detail = serde_json::to_string(&report.detail).map_or(0, |text| text.len());
            check.len() + report.reason.len() + detail
        }
        Notice::Configured { refused, .. } => refused
            .iter()
            .map(|task| BASE + task.task.len() + task.reason.as_ref().map_or(0, String::len))
            .sum(),
        Notice::Lost { reason, .. } | Notice::Refused { reason, .. } => reason.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_out_is_counted_and_told() {
        let (notices, inbox) = queue();
        let lost = || Notice::Lost { agent: 1, reason: "x".repeat(ROOM / 4) };
        (0..5).for_each(|_| notices.put(lost()));
        assert_eq!(
            inbox.next(Duration::ZERO).map(|(_, notice)| notice),
            Ok(Notice::LeftOut { notices: 2 })
        );
        assert_eq!(inbox.drain().count(), 3);
        // There is room again.
        notices.put(lost());
        assert_eq!(inbox.next(Duration::ZERO).map(|(_, notice)| notice), Ok(lost()));
        assert_eq!(inbox.next(Duration::ZERO), Err(RecvTimeoutError::Timeout));
    }
}
