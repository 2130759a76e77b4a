//! A bottleneck: a wire that takes its time for each bit, and the queue before it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Drops what comes while the queue is full: tail drop, as plain routers do.
#[derive(Debug)]
pub struct Bottleneck {
    /// Bits a second.
    rate: f64,
    /// How many datagrams may wait while one is being sent.
    room: usize,
    /// When the last bit of each has left, oldest first.
    leaving: VecDeque<Instant>,
}

impl Bottleneck {
    pub fn new(rate: f64, room: usize) -> Bottleneck {
        Bottleneck { rate, room, leaving: VecDeque::new() }
    }

    /// A datagram comes in, `bytes` long with its headers: how long it
    /// takes until its last bit has left; `None` if the queue is full.
    pub fn enter(&mut self, now: Instant, bytes: usize) -> Option<Duration> {
        while self.leaving.front().is_some_and(|left| *left <= now) {
            self.leaving.pop_front();
        }
        if self.leaving.len() > self.room {
            return None;
        }
        let begins = self.leaving.back().copied().unwrap_or(now);
        let left = begins + Duration::from_secs_f64(8.0 * bytes as f64 / self.rate);
        self.leaving.push_back(left);
        Some(left - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_fills_delays_and_drops_and_empties_again() {
        // 1,000 bytes take 125 ms at 64 kbit/s.
        let mut bottleneck = Bottleneck::new(64_000.0, 2);
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut enter = |at: u64| bottleneck.enter(start + ms(at), 1000);
        assert_eq!(enter(0), Some(ms(125)));
        assert_eq!(enter(0), Some(ms(250)));
        assert_eq!(enter(25), Some(ms(350)));
        // One is being sent, two wait.
        assert_eq!(enter(100), None);
        assert_eq!(enter(125), Some(ms(375)));
        assert_eq!(enter(130), None);
        // It has been idle since 500.
        assert_eq!(enter(10_000), Some(ms(125)));
    }

    #[test]
    fn without_a_queue_only_a_free_wire_takes_a_datagram() {
        let mut bottleneck = Bottleneck::new(8000.0, 0);
        let start = Instant::now();
        assert_eq!(bottleneck.enter(start, 1000), Some(Duration::from_secs(1)));
        assert_eq!(bottleneck.enter(start, 1000), None);
        let later = start + Duration::from_secs(1);
        assert_eq!(bottleneck.enter(later, 500), Some(Duration::from_millis(500)));
    }
}
