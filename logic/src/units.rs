//! Durations, rates and counts: how a person types them, and how they are shown.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// The longest duration a command line takes, so that no sum of an instant
/// and a duration overflows.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Parses `250ms`, `1s`, `1.5s`, `2m`; a bare number is seconds.
///
/// ```
/// use std::time::Duration;
/// use logic::units::duration;
/// assert_eq!(duration("1.5"), Ok(Duration::from_millis(1500)));
/// assert_eq!(duration("200us"), Ok(Duration::from_micros(200)));
/// assert!(duration("soon").is_err());
/// ```
pub fn duration(text: &str) -> Result<Duration, String> {
    let spellings = "a duration is written 250ms, 1s, 1.5s or 2m; a bare number is seconds";
    if text.starts_with('-') {
        return Err(format!("{spellings}; none is negative"));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().map_err(|_| spellings.to_string())?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" | "" => number,
        "m" => number * 60.0,
        "h" => number * 3600.0,
        _ => return Err(spellings.to_string()),
    };
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration <= LONGEST => Ok(duration),
        _ => Err("the longest duration is 8760h, a year".to_string()),
    }
}

/// As [`duration`], but 0 is refused: for a timeout, where 0 would mean that
/// no reply can ever be in time.
pub fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it must be longer than 0, for example 1s".to_string()),
        duration => Ok(duration),
    }
}

/// Parses a number of requests: a whole number, where 0 means "until Ctrl-C".
pub fn count(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|_| "a count is a whole number such as 10; 0 goes on until Ctrl-C".to_string())
}

/// A duration as a person would type it: `1s`, `1.5s`, `250ms`, `0.2ms`.
pub fn show_duration(duration: Duration) -> String {
    if duration >= Duration::from_secs(1) || duration.is_zero() {
        format!("{}s", duration.as_secs_f64())
    } else {
        format!("{}ms", duration.as_nanos() as f64 / 1e6)
    }
}

/// A probability, from 0 to 1, typed as `30%`, `0.3` or `3/10`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

impl Rate {
    pub const ZERO: Rate = Rate(0.0);

    /// `percent` per cent, for the defaults of a program.
    pub const fn percent(percent: u8) -> Rate {
        assert!(percent <= 100);
        Rate(percent as f64 / 100.0)
    }

    /// The probability, from 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Rate, String> {
        let number = |text: &str| -> Option<f64> {
            let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
            if plain { text.parse().ok() } else { None }
        };
        let rate = if let Some(percent) = text.strip_suffix('%') {
            number(percent).map(|percent| percent / 100.0)
        } else if let Some((part, whole)) = text.split_once('/') {
            number(part).zip(number(whole)).map(|(part, whole)| part / whole)
        } else {
            number(text)
        };
        match rate {
            // 0/0 is not a number, and falls outside as well.
            Some(rate) if (0.0..=1.0).contains(&rate) => Ok(Rate(rate)),
            _ => Err("a rate is written 30%, 0.3 or 3/10, and lies between 0 and 1".to_string()),
        }
    }
}

/// In per cent, with as many decimals as it has but at most two: `30%`,
/// `36.36%`; a very small one with two digits that say something: `0.0001%`.
impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let percent = self.0 * 100.0;
        let decimals = match percent {
            small if small > 0.0 && small < 0.1 => 1 + (-small.log10()).ceil() as usize,
            _ => 2,
        };
        let text = format!("{percent:.decimals$}");
        let short = text.trim_end_matches('0').trim_end_matches('.');
        write!(f, "{short}%")
    }
}

/// A share as per cent, with one decimal where it has one: `30%`, `36.4%`; a
/// very small one with two digits that say something: `0.038%`.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = match percent {
        small if small > 0.0 && small < 0.1 => 1 + (-small.log10()).ceil() as usize,
        _ => 1,
    };
    let text = format!("{percent:.decimals$}");
    format!("{}%", text.trim_end_matches(".0"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_are_read_in_every_spelling() {
        for (text, micros) in [
            ("250ms", 250_000),
            ("1s", 1_000_000),
            ("1.5s", 1_500_000),
            ("2m", 120_000_000),
            ("3", 3_000_000),
            ("0.2ms", 200),
            ("7us", 7),
            ("0", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_micros(micros)), "{text}");
        }
    }

    #[test]
    fn wrong_durations_are_refused() {
        for text in ["", "-1", "1 s", "s", "1.2.3s", "inf", "nan", "1e3", "9999h", "1d"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(positive_duration("0").is_err());
        assert!(positive_duration("0ms").is_err());
        assert_eq!(positive_duration("1ms"), Ok(Duration::from_millis(1)));
        assert_eq!(duration("8760h"), Ok(LONGEST));
    }

    #[test]
    fn a_count_is_a_whole_number() {
        assert_eq!([count("0"), count("10")], [Ok(0), Ok(10)]);
        for text in ["", "-1", "1.5", "ten", "1e3"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_shown_as_they_are_typed() {
        for text in ["250ms", "1s", "1.5s", "0.2ms", "90s", "0s"] {
            assert_eq!(show_duration(duration(text).unwrap()), text);
        }
    }

    #[test]
    fn rates_are_read_in_their_three_spellings_and_shown_in_per_cent() {
        for (text, rate, shown) in [
            ("30%", 0.3, "30%"),
            ("0.3", 0.3, "30%"),
            ("3/10", 0.3, "30%"),
            ("4/11", 4.0 / 11.0, "36.36%"),
            ("0", 0.0, "0%"),
            ("1", 1.0, "100%"),
            ("100%", 1.0, "100%"),
            ("0.5%", 0.005, "0.5%"),
            ("1/30000", 1.0 / 30_000.0, "0.0033%"),
            ("0.0001%", 1e-6, "0.0001%"),
        ] {
            let read: Rate = text.parse().unwrap();
            assert!((read.get() - rate).abs() < 1e-15, "{text}");
            assert_eq!(read.to_string(), shown);
        }
    }

    #[test]
    fn wrong_rates_are_refused_with_the_three_spellings() {
        for text in ["130%", "abc", "", "%", "1.1", "-0.1", "0/0", "3/0", "4/3", "nan", "1e-1"] {
            let why = text.parse::<Rate>().unwrap_err();
            assert!(["30%", "0.3", "3/10"].iter().all(|s| why.contains(s)), "{text}");
        }
    }

    #[test]
    fn a_small_share_is_not_shown_as_none() {
        let shares = [(0.0, "0%"), (0.3, "30%"), (4.0 / 11.0, "36.4%"), (1.0, "100%")];
        let small = [(0.000384, "0.038%"), (0.001, "0.1%"), (0.0000071, "0.00071%")];
        for (share, text) in shares.into_iter().chain(small) {
            assert_eq!(percent(share), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_a_parser_panic(text in "\\PC*") {
            let _ = duration(&text);
            let _ = text.parse::<Rate>();
            let _ = count(&text);
        }
    }
}
