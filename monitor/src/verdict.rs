//! What a check can say of a service.

use std::fmt;

use serde::{Deserialize, Serialize};
use socklab::output::Colour;

/// The four things that a check may say. There is no "probably up": a service
/// that was not seen to answer is not up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It answered, as it should.
    Up,
    /// It answered, but not as well as it should: too late, or with a
    /// certificate that is about to expire.
    Degraded,
    /// It answered wrongly, or said that it is not there, or should have
    /// answered and did not.
    Down,
    /// Nothing can be said: it need not answer (a UDP port that is silent may
    /// be open or filtered), or the check itself was not allowed to run.
    Unverified,
}

impl Verdict {
    pub const ALL: [Verdict; 4] =
        [Verdict::Up, Verdict::Degraded, Verdict::Down, Verdict::Unverified];

    /// The exit status of a program that ran this one check: 0 up, 1 down, 3
    /// degraded or unverified. (2 is for wrong usage, as everywhere.)
    pub fn exit_status(self) -> u8 {
        match self {
            Verdict::Up => 0,
            Verdict::Down => 1,
            Verdict::Degraded | Verdict::Unverified => 3,
        }
    }

    /// What it looks like on a terminal.
    pub fn colour(self) -> Colour {
        match self {
            Verdict::Up => Colour::Green,
            Verdict::Degraded | Verdict::Unverified => Colour::Yellow,
            Verdict::Down => Colour::Red,
        }
    }

    /// The word for it, as it stands in every line of text and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Up => "up",
            Verdict::Degraded => "degraded",
            Verdict::Down => "down",
            Verdict::Unverified => "unverified",
        }
    }
}

impl fmt::Display for Verdict {
    /// Honours a width, so that verdicts stand in a column.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_up_is_a_success() {
        let statuses = Verdict::ALL.map(Verdict::exit_status);
        assert_eq!(statuses, [0, 3, 1, 3]);
    }

    #[test]
    fn every_verdict_is_its_word_in_json_and_no_other_word_is_one() {
        for verdict in Verdict::ALL {
            let json = format!("\"{verdict}\"");
            assert_eq!(serde_json::to_string(&verdict).unwrap(), json);
            assert_eq!(serde_json::from_str::<Verdict>(&json).unwrap(), verdict);
        }
        assert!(serde_json::from_str::<Verdict>("\"Up\"").is_err());
    }

    #[test]
    fn verdicts_stand_in_a_column() {
        assert_eq!(format!("{:10}|", Verdict::Up), "up        |");
    }
}
