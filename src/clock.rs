//! Two clocks: wall-clock stamps for people, monotonic time for measuring.
//!
//! The wall clock may be set, by a person or by NTP, and then an RTT taken
//! from it is wrong, even negative. [`Instant`] never jumps, but means
//! nothing to anybody else. So a packet carries a wall-clock stamp for its
//! reader, and its RTT comes from an `Instant` that never left this machine.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use logic::arrival::Arrival;
use serde::{Serialize, Serializer};

/// What `at_ns` is read from, for the `start` events: `CLOCK_MONOTONIC` on
/// Linux, where all programs of the machine share it.
pub const NAME: &str = sys::CLOCK;

/// The moment at which something happened. In an event it is `at_ns`: so many
/// nanoseconds by the clock called [`NAME`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(Instant);

impl At {
    pub fn now() -> At {
        At(Instant::now())
    }

    /// The time since an earlier moment; 0 if it is a later one.
    pub fn since(self, earlier: At) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }

    /// Nanoseconds by the clock called [`NAME`].
    pub fn ns(self) -> u64 {
        // On Linux the two are the same clock, so one pair serves for the whole run.
        static PAIR: OnceLock<Pair<u64>> = OnceLock::new();
        let &Pair { instant, other: ns, .. } = PAIR.get_or_init(|| Pair::read(sys::monotonic_ns));
        let after = self.0.saturating_duration_since(instant).as_nanos() as u64;
        let before = instant.saturating_duration_since(self.0).as_nanos() as u64;
        (ns + after).saturating_sub(before)
    }
}

impl From<Instant> for At {
    fn from(instant: Instant) -> At {
        At(instant)
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.ns())
    }
}

/// One moment by two clocks: an [`Instant`], which keeps its figure to itself,
/// and another.
#[derive(Debug, Clone, Copy)]
pub struct Pair<T> {
    pub instant: Instant,
    pub other: T,
    /// By how much the two moments may be apart.
    pub within: Duration,
}

impl<T> Pair<T> {
    /// The program may be put aside between the readings: of several pairs, the
    /// one that was read in the shortest time is the closest.
    pub fn read(other: impl Fn() -> T) -> Pair<T> {
        let once = || {
            let before = Instant::now();
            let other = other();
            let half = before.elapsed() / 2 + Duration::from_nanos(1);
            Pair { instant: before + half, other, within: half }
        };
        (1..10).fold(once(), |best, _| {
            let next = once();
            if next.within < best.within { next } else { best }
        })
    }
}

/// The time now, to the microsecond, in UTC.
pub fn now() -> Timestamp {
    timestamp(SystemTime::now())
}

fn timestamp(time: SystemTime) -> Timestamp {
    let nanos = time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let micros = i64::try_from(nanos / 1000).unwrap_or(0);
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The time of day, in UTC, to the microsecond: `08:18:28.123456`.
pub fn time_of_day(time: SystemTime) -> String {
    timestamp(time).strftime("%H:%M:%S.%6f").to_string()
}

/// A stamp as it stands in a packet, always 27 bytes: `2026-11-21T08:18:28.123456Z`
/// (RFC 3339).
pub fn stamp(time: Timestamp) -> String {
    format!("{time:.6}")
}

/// The arrival of a packet that was read just now, with the kernel's stamp
/// where there is one.
pub fn arrival(stamp: Option<SystemTime>) -> Arrival {
    let (wall, seen) = (SystemTime::now(), Instant::now());
    match stamp {
        Some(stamp) => Arrival::stamped(seen, wall, stamp),
        None => Arrival::new(seen),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_has_27_bytes_whatever_the_time() {
        assert_eq!(stamp(Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000000Z");
        assert_eq!(stamp(now()).len(), 27);
        let time = SystemTime::UNIX_EPOCH + Duration::from_micros(86_400_000_000 + 3_661_000_007);
        assert_eq!(time_of_day(time), "01:01:01.000007");
    }

    #[test]
    fn of_two_clocks_the_closest_of_several_readings_counts() {
        let slow = Duration::from_millis(20);
        let first = std::cell::Cell::new(true);
        let pair = Pair::read(|| {
            if first.replace(false) {
                std::thread::sleep(slow);
            }
            Instant::now()
        });
        assert!(pair.within < slow / 2, "{pair:?}");
        // And what it says of itself is so, even where all were slow.
        for slow in [Duration::ZERO, Duration::from_millis(2)] {
            let pair = Pair::read(|| {
                std::thread::sleep(slow);
                Instant::now()
            });
            assert!(pair.within >= slow / 2, "{pair:?}");
            assert!(pair.other <= pair.instant + pair.within, "{pair:?}");
            assert!(pair.instant <= pair.other + pair.within, "{pair:?}");
        }
    }

    #[test]
    fn a_moment_has_the_same_figure_as_the_clock_that_all_programs_share() {
        for _ in 0..100 {
            let before = sys::monotonic_ns();
            let at = At::now().ns();
            let after = sys::monotonic_ns();
            // The figures are worked out from a pair of readings that may lie
            // some microseconds apart.
            let slack = 100_000;
            assert!(before < at + slack && at < after + slack, "{before} {at} {after}");
        }
        let (earlier, now) = (Instant::now(), Instant::now() + Duration::from_secs(7));
        assert_eq!(At(now).ns() - At(earlier).ns(), (now - earlier).as_nanos() as u64);
    }

    #[test]
    fn an_arrival_happened_when_the_kernel_says_and_not_when_the_program_woke_up() {
        let arrival = arrival(Some(SystemTime::now() - Duration::from_millis(500)));
        let ago = At::now().ns() - At::from(arrival.at()).ns();
        assert!((400_000_000..60_000_000_000).contains(&ago), "{ago} ns ago");
    }
}
