//! When a packet came in, by the kernel's stamp where there is one.

use std::time::{Duration, Instant, SystemTime};

/// When a packet came in.
///
/// The kernel can note the moment at which it received a packet. That is
/// earlier than the moment at which the program sees it: between the two lies
/// the time in which the program was woken up, tens of microseconds, which no
/// network can be blamed for. But the kernel's stamp is in wall-clock time.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    seen: Instant,
    stamped: Option<Instant>,
}

impl Arrival {
    /// A packet that was read at `seen`, and that the kernel has not stamped.
    pub fn new(seen: Instant) -> Arrival {
        Arrival { seen, stamped: None }
    }

    /// A packet that was read at `seen`, when the wall clock showed `wall`, and
    /// that the kernel received at `stamp` by the wall clock.
    pub fn stamped(seen: Instant, wall: SystemTime, stamp: SystemTime) -> Arrival {
        // How long ago the kernel received it. The clock may have been set
        // back in the meantime: then this is negative, and worth nothing.
        let age = wall.duration_since(stamp).ok();
        Arrival { seen, stamped: age.and_then(|age| seen.checked_sub(age)) }
    }

    /// The moment: the kernel's, where it has stamped the packet.
    pub fn at(&self) -> Instant {
        self.stamped.unwrap_or(self.seen)
    }

    /// The time since `sent`: by the kernel's stamp, unless it would have the
    /// packet arrive before it was sent, as it does when the clock was set
    /// forward in the meantime.
    pub fn since(&self, sent: Instant) -> Duration {
        self.stamped
            .and_then(|stamped| stamped.checked_duration_since(sent))
            .unwrap_or_else(|| self.seen.saturating_duration_since(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn the_kernels_stamp_takes_the_waking_up_off_the_rtt() {
        let (sent, wall) = (Instant::now(), SystemTime::now());
        let seen = sent + 20 * MS;
        assert_eq!(Arrival::new(seen).since(sent), 20 * MS);
        // Ten milliseconds before, in the middle of the wait.
        let arrival = Arrival::stamped(seen, wall, wall - 10 * MS);
        assert_eq!(arrival.since(sent), 10 * MS);
        assert_eq!(arrival.at(), sent + 10 * MS);
    }

    #[test]
    fn a_clock_that_was_set_does_not_spoil_the_rtt() {
        let (sent, wall) = (Instant::now(), SystemTime::now());
        let seen = sent + 20 * MS;
        for stamp in [wall - HOUR, wall + HOUR] {
            assert_eq!(Arrival::stamped(seen, wall, stamp).since(sent), 20 * MS, "{stamp:?}");
        }
    }
}
