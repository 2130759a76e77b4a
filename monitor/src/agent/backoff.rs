//! How long to wait before the next attempt to connect.
//!
//! Each failure doubles the longest wait, from 1 s to 60 s; the wait itself is
//! drawn between 0 and that. Without the draw, all agents that lost their
//! manager at one moment would come back at one moment, each time.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

/// Counts the failures since the last success.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure; `draw` is a random number from 0 to 1.
    pub fn failed(&mut self, draw: f64) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        longest.mul_f64(draw.clamp(0.0, 1.0))
    }

    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_doubles_up_to_a_minute_and_begins_anew() {
        let mut backoff = Backoff::default();
        let mut longest = || (0..8).map(|_| backoff.failed(1.0).as_secs()).collect::<Vec<_>>();
        assert_eq!(longest(), [1, 2, 4, 8, 16, 32, 60, 60]);
        backoff.succeeded();
        assert_eq!(backoff.failed(0.5), Duration::from_millis(500));
        for _ in 0..1000 {
            backoff.failed(7.0);
        }
        assert_eq!(backoff.failed(0.0), Duration::ZERO);
    }
}
