//! Comparing what came back with what was sent: two messages, or a stream while it flows.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use socklab::output::plural;

/// The first byte that did not come back as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Difference {
    /// Its number, counted from 1, as `cmp` does.
    pub byte: u64,
    /// What was sent; `None` where more came back than that.
    pub sent: Option<u8>,
    /// What came back; `None` where less did.
    pub got: Option<u8>,
}

impl Difference {
    /// For a person; `came` bytes came back in all.
    pub fn in_words(&self, came: u64) -> String {
        let Difference { byte, sent, got } = self;
        match (sent, got) {
            (Some(sent), Some(got)) => {
                format!("byte {byte} was sent as 0x{sent:02x} and came back as 0x{got:02x}")
            }
            (Some(_), None) => format!("only {} came back", plural(came, "byte")),
            _ => format!("more came back than the {} sent", plural(byte - 1, "byte")),
        }
    }
}

/// Where an answer first differs from its message, if it does.
pub fn difference(sent: &[u8], got: &[u8]) -> Option<Difference> {
    if sent == got {
        return None;
    }
    let alike = sent.iter().zip(got).take_while(|(sent, got)| sent == got).count();
    Some(Difference {
        byte: alike as u64 + 1,
        sent: sent.get(alike).copied(),
        got: got.get(alike).copied(),
    })
}

/// So many bytes may be under way at once, sent and not yet back. The kernels
/// of both sides hold a few megabytes at most; only a server that swallows
/// everything comes near this.
pub const MOST: usize = 16 << 20;

/// The bytes of a stream that were sent and have not come back. One thread
/// enters what it sends, another what it receives.
#[derive(Debug, Default)]
pub struct InFlight {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Debug, Default)]
struct State {
    bytes: VecDeque<u8>,
    flow: Flow,
}

/// How far a stream has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flow {
    pub sent: u64,
    /// Came back, and as they were sent.
    pub returned: u64,
    /// Since when nothing has come although something is due: bytes, or the
    /// end after the last of them. `None` where nothing is due.
    pub waiting_since: Option<Instant>,
    /// All was sent: nothing further will be.
    pub finished: bool,
}

impl InFlight {
    pub fn new() -> InFlight {
        InFlight::default()
    }

    /// Enters what is sent next. To be called before the bytes are, since
    /// they may be back sooner than this thread runs on. Waits while too much
    /// is under way already.
    pub fn sending(&self, bytes: &[u8]) {
        let state = self.lock();
        let full = |state: &mut State| state.bytes.len() >= MOST;
        let mut state = self.room.wait_while(state, full).unwrap_or_else(PoisonError::into_inner);
        if state.bytes.is_empty() {
            state.flow.waiting_since = Some(Instant::now());
        }
        state.bytes.extend(bytes);
        state.flow.sent += bytes.len() as u64;
    }

    /// Nothing further will be sent.
    pub fn finish(&self) {
        let mut state = self.lock();
        state.flow.finished = true;
        state.flow.waiting_since.get_or_insert_with(Instant::now);
    }

    /// Enters what came back.
    ///
    /// # Errors
    /// It is not what was sent.
    pub fn returned(&self, got: &[u8]) -> Result<(), Difference> {
        let mut state = self.lock();
        let length = got.len().min(state.bytes.len());
        let (first, second) = state.bytes.as_slices();
        let split = length.min(first.len());
        let expected = [&first[..split], &second[..length - split]];
        if got[..split] != *expected[0] || got[split..] != *expected[1] {
            let found = difference(&expected.concat(), got);
            let before = state.flow.returned;
            return match found {
                Some(found) => Err(Difference { byte: before + found.byte, ..found }),
                None => Ok(()),
            };
        }
        state.bytes.drain(..length);
        state.flow.returned += length as u64;
        let due = !state.bytes.is_empty() || state.flow.finished;
        state.flow.waiting_since = due.then(Instant::now);
        self.room.notify_one();
        Ok(())
    }

    pub fn flow(&self) -> Flow {
        self.lock().flow
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics with the lock held; and if it did, bytes are bytes.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(byte: u64, sent: Option<u8>, got: Option<u8>) -> Option<Difference> {
        Some(Difference { byte, sent, got })
    }

    #[test]
    fn a_difference_is_told_as_cmp_tells_it() {
        assert_eq!(difference(b"", b""), None);
        assert_eq!(difference(b"abc", b"abX"), found(3, Some(b'c'), Some(b'X')));
        assert_eq!(difference(b"abc", b"ab"), found(3, Some(b'c'), None));
        assert_eq!(difference(b"ab", b"abc"), found(3, None, Some(b'c')));
        assert_eq!(difference(b"", b"x"), found(1, None, Some(b'x')));
    }

    #[test]
    fn a_difference_is_put_into_words() {
        let words = |sent, got| Difference { byte: 5, sent, got }.in_words(4);
        let changed = "byte 5 was sent as 0x61 and came back as 0x41";
        assert_eq!(words(Some(b'a'), Some(b'A')), changed);
        assert_eq!(words(Some(b'a'), None), "only 4 bytes came back");
        assert_eq!(words(None, Some(b'a')), "more came back than the 4 bytes sent");
    }

    #[test]
    fn a_stream_waits_only_while_something_is_due() {
        let stream = InFlight::new();
        assert_eq!(stream.flow(), Flow::default());
        stream.sending(b"abcd");
        assert!(stream.flow().waiting_since.is_some());
        assert_eq!(stream.returned(b"ab"), Ok(()));
        assert!(stream.flow().waiting_since.is_some());
        assert_eq!(stream.returned(b"cd"), Ok(()));
        assert_eq!(stream.flow().waiting_since, None);
        stream.finish();
        let flow = stream.flow();
        assert_eq!((flow.sent, flow.returned, flow.finished), (4, 4, true));
        assert!(flow.waiting_since.is_some(), "for the end");
        assert_eq!(stream.returned(b"!").err(), found(5, None, Some(b'!')));
    }

    #[test]
    fn a_sender_waits_while_too_much_is_under_way() {
        let stream = InFlight::new();
        let (megabyte, total) = (vec![7; 1 << 20], 3 * MOST);
        std::thread::scope(|scope| {
            scope.spawn(|| (0..total >> 20).for_each(|_| stream.sending(&megabyte)));
            let mut back = 0;
            while back < total {
                let flow = stream.flow();
                let under_way = (flow.sent - flow.returned) as usize;
                assert!(under_way < MOST + megabyte.len());
                assert_eq!(stream.returned(&vec![7; under_way.min(300_000)]), Ok(()));
                back = stream.flow().returned as usize;
            }
        });
    }

    proptest! {
        #[test]
        fn however_a_stream_is_cut_up_its_first_difference_is_found(
            sent: Vec<u8>,
            spoilt in prop::option::of(0usize..100),
            pieces in prop::collection::vec(1usize..9, 1..40),
        ) {
            let mut got = sent.clone();
            if let Some(place) = spoilt.filter(|_| !got.is_empty()) {
                let place = place % got.len();
                got[place] ^= 1;
            }
            let stream = InFlight::new();
            let mut outcome = Ok(());
            let (mut to_send, mut to_return) = (&sent[..], &got[..]);
            for length in pieces.iter().cycle() {
                let (now, later) = to_send.split_at(to_send.len().min(*length));
                stream.sending(now);
                to_send = later;
                // What is under way, less one byte so that the ends do not meet.
                let flow = stream.flow();
                let most = (flow.sent - flow.returned) as usize;
                let most = if to_send.is_empty() { most } else { most.saturating_sub(1) };
                let (now, later) = to_return.split_at(most);
                outcome = stream.returned(now);
                to_return = later;
                if outcome.is_err() || (to_send.is_empty() && to_return.is_empty()) {
                    break;
                }
            }
            prop_assert_eq!(outcome.err(), difference(&sent, &got));
        }
    }
}
