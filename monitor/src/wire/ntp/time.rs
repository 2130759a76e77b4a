//! Stamps without an era, and what four of them say.

use std::time::{Duration, SystemTime};

/// From NTP's epoch, 1900, to Unix's, 1970 (RFC 5905, figure 4).
const SECONDS_1900_TO_1970: i128 = 2_208_988_800;

/// A moment, in 2^-32 s since the beginning of 1900, or of 2036, or of any
/// other era of 2^32 s: which, a packet does not say. 0 stands for "unknown".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    pub const UNKNOWN: Timestamp = Timestamp(0);

    /// The stamp of a moment, rounded to 2^-32 s, in whatever era it lies.
    pub fn from_system(time: SystemTime) -> Timestamp {
        let nanos = match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => after.as_nanos() as i128,
            Err(before) => -(before.duration().as_nanos() as i128),
        };
        let nanos = nanos + SECONDS_1900_TO_1970 * 1_000_000_000;
        // What does not fit is the era.
        Timestamp(divide_rounding(nanos << 32, 1_000_000_000) as u64)
    }

    /// The moment that this stamp means to somebody for whom it is about
    /// `near`: the one within 68 years of it, to the nanosecond. None if the
    /// operating system cannot express it.
    pub fn to_system(self, near: SystemTime) -> Option<SystemTime> {
        let nanos = self.minus(Timestamp::from_system(near)).as_nanos();
        let distance = Duration::from_nanos(u64::try_from(nanos.unsigned_abs()).ok()?);
        if nanos < 0 { near.checked_sub(distance) } else { near.checked_add(distance) }
    }

    /// The time from `earlier` to this, at most 68 years in either direction
    /// (RFC 5905, section 6: the difference is right also across an era's end).
    pub fn minus(self, earlier: Timestamp) -> Interval {
        Interval(2 * i128::from(self.0.wrapping_sub(earlier.0) as i64))
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Timestamp {
        Timestamp(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }
}

/// A difference of stamps, in 2^-33 s: half of what a stamp can tell, so that
/// the mean of two differences is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Interval(pub i128);

impl Interval {
    /// Rounded to the nearest nanosecond.
    pub fn as_nanos(self) -> i128 {
        divide_rounding(self.0 * 1_000_000_000, 1 << 33)
    }

    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / (1u64 << 33) as f64
    }
}

/// To the nearest whole number, halves upward.
fn divide_rounding(number: i128, by: i128) -> i128 {
    (number + by / 2).div_euclid(by)
}

/// How far the server's clock is ahead of the client's, supposing that both
/// ways took the same time; it is off by at most half of [`delay`].
pub fn offset(stamps: [Timestamp; 4]) -> Interval {
    let [t1, t2, t3, t4] = stamps;
    // Each is even: both are differences of whole stamps.
    Interval((t2.minus(t1).0 + t3.minus(t4).0) / 2)
}

/// How long request and reply were under way together. Negative if a clock was
/// set in the meantime, or if a server lies.
pub fn delay(stamps: [Timestamp; 4]) -> Interval {
    let [t1, t2, t3, t4] = stamps;
    Interval(t4.minus(t1).0 - t3.minus(t2).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unix(seconds: i64, nanos: u32) -> SystemTime {
        let part = Duration::from_nanos(u64::from(nanos));
        let whole = Duration::from_secs(seconds.unsigned_abs());
        let epoch = SystemTime::UNIX_EPOCH;
        if seconds < 0 { epoch - whole + part } else { epoch + whole + part }
    }

    #[test]
    fn the_dates_of_the_rfc_have_the_stamps_of_the_rfc() {
        // RFC 5905, figure 4: the first day of NTP, of UTC as it is now, of
        // Unix, and the first of the next era.
        for (seconds, stamp) in [
            (-2_208_988_800, 0),
            (63_072_000, 2_272_060_800),
            (0, 2_208_988_800),
            (2_085_978_496, 0),
            (2_085_978_496 + 7, 7),
        ] {
            assert_eq!(Timestamp::from_system(unix(seconds, 0)), Timestamp(stamp << 32));
        }
        assert_eq!(Timestamp::from_system(unix(0, 500_000_000)).0 as u32, 1 << 31);
    }

    #[test]
    fn a_stamp_means_the_moment_of_its_era_that_is_nearest() {
        let in_2036 = unix(2_085_978_496, 0);
        let stamp = Timestamp(7 << 32);
        assert_eq!(stamp.to_system(in_2036), Some(unix(2_085_978_496 + 7, 0)));
        // Somebody just before the era's end hears from a server just after it.
        let before = in_2036 - Duration::from_secs(5);
        assert_eq!(stamp.to_system(before), Some(unix(2_085_978_496 + 7, 0)));
        let last = Timestamp::from_system(before);
        assert_eq!(stamp.minus(last).as_secs_f64(), 12.0);
        assert_eq!(last.minus(stamp).as_secs_f64(), -12.0);
    }

    #[test]
    fn offset_and_delay_are_those_of_a_worked_example() {
        // The server is 3 s ahead; a request of 10 ms, 1 ms of work, a reply of 20 ms.
        let ms = |ms: i128| Timestamp(((ms << 32) / 1000) as u64 + (100 << 32));
        let stamps = [ms(0), ms(3010), ms(3011), ms(31)];
        let near = |interval: Interval, nanos: i128| (interval.as_nanos() - nanos).abs() <= 1;
        // Half of the difference between the two ways stays unseen.
        assert!(near(offset(stamps), 2_995_000_000), "{:?}", offset(stamps));
        assert!(near(delay(stamps), 30_000_000), "{:?}", delay(stamps));
        // A server behind the client, and an era's end between the two.
        let stamps = [5 << 32, u64::MAX << 32, u64::MAX << 32, 6 << 32].map(Timestamp);
        assert_eq!(offset(stamps).as_secs_f64(), -6.5);
        assert_eq!(delay(stamps).as_secs_f64(), 1.0);
    }

    #[test]
    fn the_half_of_an_odd_sum_is_not_rounded() {
        let stamps = [0, 1, 1, 1].map(|stamp| Timestamp(stamp + 9));
        assert_eq!(offset(stamps), Interval(1), "half of 2^-32 s");
        assert_eq!(delay(stamps), Interval(2));
    }

    proptest! {
        #[test]
        fn a_moment_comes_back_to_the_nanosecond(
            seconds in -2_000_000_000i64..8_000_000_000,
            nanos in 0u32..1_000_000_000,
            away in -2_000_000_000i64..2_000_000_000,
        ) {
            let time = unix(seconds, nanos);
            let stamp = Timestamp::from_system(time);
            prop_assert_eq!(stamp.to_system(unix(seconds + away, 1)), Some(time));
        }

        #[test]
        fn no_stamps_make_the_arithmetic_overflow(stamps: [u64; 4]) {
            let stamps = stamps.map(Timestamp);
            let (offset, delay) = (offset(stamps), delay(stamps));
            prop_assert!(offset.as_secs_f64().abs() <= 2f64.powi(31));
            prop_assert!(delay.as_secs_f64().abs() <= 2f64.powi(32));
            prop_assert!(offset.as_nanos().abs() < 1 << 62 && delay.as_nanos().abs() < 1 << 62);
        }
    }
}
