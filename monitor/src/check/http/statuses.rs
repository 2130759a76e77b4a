//! Which statuses are right: `200-204,301`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The statuses that are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(Vec<RangeInclusive<u16>>);

impl Statuses {
    pub fn contains(&self, status: u16) -> bool {
        self.0.iter().any(|range| range.contains(&status))
    }
}

impl Default for Statuses {
    fn default() -> Statuses {
        Statuses(vec![200..=299])
    }
}

impl FromStr for Statuses {
    type Err = String;

    fn from_str(text: &str) -> Result<Statuses, String> {
        let status = |text: &str| -> Option<u16> {
            let number = text.trim().parse().ok()?;
            (100..=599).contains(&number).then_some(number)
        };
        let range = |text: &str| -> Option<RangeInclusive<u16>> {
            let (low, high) = text.split_once('-').unwrap_or((text, text));
            let (low, high) = (status(low)?, status(high)?);
            (low <= high).then_some(low..=high)
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(Statuses).ok_or_else(|| {
            format!("must be statuses from 100 to 599, as in 200 or \"200-299,401\", not {text:?}")
        })
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let show = |range: &RangeInclusive<u16>| match (range.start(), range.end()) {
            (low, high) if low == high => low.to_string(),
            (low, high) => format!("{low}-{high}"),
        };
        f.write_str(&self.0.iter().map(show).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_lists_and_ranges() {
        let statuses: Statuses = "200-204,301".parse().unwrap();
        assert!(statuses.contains(200) && statuses.contains(301) && !statuses.contains(205));
        assert_eq!(statuses.to_string(), "200-204,301");
        for wrong in ["", "20", "300-200", "200-", "2xx", "600"] {
            assert!(wrong.parse::<Statuses>().is_err(), "{wrong}");
        }
    }
}
