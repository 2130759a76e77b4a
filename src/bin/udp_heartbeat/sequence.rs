//! What a receiver learns from sequence numbers: beats lost, doubled and overtaken on their way to it.

/// A number further ahead than this is a new beginning, and not a gap
/// (RFC 3550, appendix A.1, MAX_DROPOUT).
const FURTHEST_AHEAD: u64 = 3000;

/// A number further behind than this is a new beginning, and not a straggler
/// (RFC 3550, appendix A.1, MAX_MISORDER).
const FURTHEST_BEHIND: u64 = 100;

/// Where a number stands among those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The first one, or the first of a new beginning.
    First,
    Next,
    /// So many are missing before it.
    After(u64),
    /// It was overtaken: it had been counted as lost.
    Reordered,
    Duplicate,
}

impl Place {
    /// One word, for JSON.
    pub fn word(&self) -> &'static str {
        match self {
            Place::First => "first",
            Place::Next => "next",
            Place::After(_) => "after_a_gap",
            Place::Reordered => "reordered",
            Place::Duplicate => "duplicate",
        }
    }

    /// A few words for a person, where there is something to tell.
    pub fn note(&self) -> Option<String> {
        match self {
            Place::First | Place::Next => None,
            Place::After(missing) => Some(format!("{missing} missing before it")),
            Place::Reordered => Some("overtaken on its way".to_string()),
            Place::Duplicate => Some("duplicate".to_string()),
        }
    }
}

/// The numbers that came in, in constant memory.
#[derive(Debug, Clone, Default)]
pub struct Sequence {
    highest: u64,
    /// Bit i: whether `highest - i` came in, as far as it is remembered.
    seen: u128,
    any: bool,
    lost: u64,
    duplicates: u64,
    reordered: u64,
}

impl Sequence {
    /// Enters a number as it comes in.
    pub fn add(&mut self, number: u64) -> Place {
        let ahead = number.checked_sub(self.highest);
        let behind = self.highest.saturating_sub(number);
        match ahead {
            _ if !self.any => self.begin(number),
            Some(ahead) if ahead > FURTHEST_AHEAD => self.begin(number),
            None if behind > FURTHEST_BEHIND => self.begin(number),
            Some(0) => self.duplicate(),
            Some(ahead) => {
                // A shift by the whole width is not defined; nothing remains.
                self.seen = self.seen.checked_shl(ahead as u32).unwrap_or(0) | 1;
                self.highest = number;
                self.lost += ahead - 1;
                if ahead == 1 { Place::Next } else { Place::After(ahead - 1) }
            }
            None if self.seen >> behind & 1 == 1 => self.duplicate(),
            None => {
                self.seen |= 1 << behind;
                self.reordered += 1;
                // It may be older than the beginning, and never counted as lost.
                self.lost = self.lost.saturating_sub(1);
                Place::Reordered
            }
        }
    }

    fn begin(&mut self, number: u64) -> Place {
        (self.highest, self.seen, self.any) = (number, 1, true);
        Place::First
    }

    fn duplicate(&mut self) -> Place {
        self.duplicates += 1;
        Place::Duplicate
    }

    /// The highest number since the last beginning.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Numbers that have not come in, or not yet.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    pub fn duplicates(&self) -> u64 {
        self.duplicates
    }

    pub fn reordered(&self) -> u64 {
        self.reordered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(numbers: &[u64]) -> (Vec<Place>, Sequence) {
        let mut sequence = Sequence::default();
        let places = numbers.iter().map(|&number| sequence.add(number)).collect();
        (places, sequence)
    }

    #[test]
    fn gaps_duplicates_and_stragglers_are_told_apart() {
        use Place::{After, Duplicate, First, Next, Reordered};
        let (places, sequence) = places(&[1, 2, 2, 5, 3, 3, 6]);
        assert_eq!(places, [First, Next, Duplicate, After(2), Reordered, Duplicate, Next]);
        assert_eq!((sequence.lost, sequence.duplicates, sequence.reordered), (1, 2, 1));
        assert_eq!(sequence.highest(), 6);
    }

    #[test]
    fn a_large_jump_is_a_new_beginning() {
        let (places, sequence) = places(&[5000, 1, 2, 9000, u64::MAX, 0]);
        assert_eq!(places[1], Place::First);
        assert_eq!(places[3..], [Place::First; 3]);
        assert_eq!(sequence.lost, 0);
    }

    #[test]
    fn what_is_too_old_to_be_remembered_is_not_called_a_duplicate() {
        let (places, _) = places(&[1, 200, 150]);
        assert_eq!(places[1..], [Place::After(198), Place::Reordered]);
    }

    proptest! {
        #[test]
        fn whatever_the_order_what_is_missing_is_what_did_not_come(
            mut numbers in prop::collection::vec(2u64..90, 1..200)
        ) {
            numbers.insert(0, 1);
            let (_, sequence) = places(&numbers);
            let distinct: std::collections::BTreeSet<u64> = numbers.iter().copied().collect();
            let highest = *distinct.last().unwrap();
            prop_assert_eq!(sequence.highest(), highest);
            prop_assert_eq!(sequence.lost(), highest - distinct.len() as u64);
            prop_assert_eq!(sequence.duplicates(), (numbers.len() - distinct.len()) as u64);
        }

        #[test]
        fn no_numbers_make_it_panic(numbers: Vec<u64>) {
            places(&numbers);
        }
    }
}
