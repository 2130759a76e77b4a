//! How times are written: for people in local time and in units that fit, in
//! JSON in UTC to the microsecond and in milliseconds.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// `2024-04-20 21:14:31`, in local time.
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `16.6 ms`, `0.04 ms`.
pub fn ms(took: Duration) -> String {
    match millis(took) {
        short if short < 1.0 => format!("{short:.2} ms"),
        long => format!("{long:.1} ms"),
    }
}

/// Milliseconds with a fraction, to the microsecond.
pub fn millis(took: Duration) -> f64 {
    took.as_micros() as f64 / 1e3
}

/// A long time in its two largest units: `45s`, `3m 20s`, `2h 3m`, `4d 1h`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// `2026-11-21T08:18:28.123456Z`, for `#[serde(with)]`.
pub mod utc {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use socklab::clock;

    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&clock::stamp(*time))
    }

    /// # Errors
    /// It is no time as of RFC 3339.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// Milliseconds with a fraction, to the microsecond, or null; for `#[serde(with)]`.
pub mod as_millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::millis;

    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(time: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
        time.map(millis).serialize(to)
    }

    /// # Errors
    /// It is no number.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
        let ms: Option<f64> = Option::deserialize(from)?;
        Ok(ms.and_then(|ms| Duration::try_from_secs_f64(ms / 1e3).ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_times_are_said_in_their_two_largest_units() {
        let said = [45, 200, 7380, 349_200].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(said, ["45s", "3m 20s", "2h 3m", "4d 1h"]);
    }
}
