//! What a request carries, so that its reply can be known, and what came back in its place.
//!
//! ```text
//! | token, 8 bytes | number, 8 bytes | filling ...
//!   |                |                 the pattern, or each byte its own place
//!   |                the sequence number before it is cut to 16 bits
//!   drawn at random for this run: nobody guesses it
//! ```
//!
//! A payload that is shorter has as much of this as fits in; or, for somebody
//! who wants to see a packet that he knows, the pattern alone.

use std::fmt;

use rand::TryRng;
use rand::rngs::SysRng;

const TOKEN: usize = 8;
const NUMBERED: usize = TOKEN + 8;

/// The payload of every request of a run: they differ in their number alone.
#[derive(Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    /// Whether it holds nothing but a short pattern.
    bare: bool,
}

impl Payload {
    /// # Errors
    /// One line: the system has no random numbers.
    pub fn new(size: usize, pattern: Option<&[u8]>) -> Result<Payload, String> {
        let mut token = [0; TOKEN];
        SysRng.try_fill_bytes(&mut token).map_err(|why| format!("no random numbers: {why}"))?;
        let mut bytes: Vec<u8> = match pattern {
            Some(pattern) => pattern.iter().copied().cycle().take(size).collect(),
            None => (0..size).map(|place| place as u8).collect(),
        };
        let bare = pattern.is_some() && size < NUMBERED;
        if !bare {
            bytes.iter_mut().zip(token).for_each(|(byte, token)| *byte = token);
        }
        Ok(Payload { bytes, bare })
    }

    /// The payload of request `seq`.
    pub fn of(&mut self, seq: u64) -> &[u8] {
        if let Some(place) = self.bytes.get_mut(TOKEN..).filter(|_| !self.bare) {
            place.iter_mut().zip(seq.to_be_bytes()).for_each(|(byte, number)| *byte = number);
        }
        &self.bytes
    }

    /// The number in a payload, if it bears the token of this run.
    pub fn number(&self, payload: &[u8]) -> Option<u64> {
        let ours = payload.get(..TOKEN)? == self.bytes.get(..TOKEN)?;
        let number = payload.get(TOKEN..NUMBERED)?.try_into().ok()?;
        ours.then(|| u64::from_be_bytes(number))
    }

    /// In what a payload differs from that of request `seq`, if in anything.
    pub fn difference(&mut self, seq: u64, payload: &[u8]) -> Option<Difference> {
        let expected = self.of(seq);
        if payload == expected {
            return None;
        }
        let mut wrong =
            payload.iter().zip(expected).enumerate().filter(|(_, (got, sent))| got != sent);
        let first = wrong.next().map(|(place, (&got, &sent))| (place, sent, got));
        Some(Difference {
            wrong: usize::from(first.is_some()) + wrong.count(),
            first,
            length: payload.len(),
            expected: expected.len(),
        })
    }
}

/// What is wrong with a payload.
#[derive(Debug, Clone, Copy)]
pub struct Difference {
    /// How many bytes, of those that are there.
    wrong: usize,
    /// The first of them: its place, what was sent, what came back.
    first: Option<(usize, u8, u8)>,
    length: usize,
    expected: usize,
}

impl Difference {
    /// Whether so little is wrong that it may be an accident: at most an
    /// eighth of the bytes. Who wrote something else knew nothing of ours.
    pub fn is_small(self) -> bool {
        // A payload of few bytes may have one that is wrong.
        8 * self.wrong <= self.length.min(self.expected).max(8)
    }
}

/// `byte 20 is 0x15, was 0x14`; `cut off at 20 bytes of 56`.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some((place, sent, got)) = self.first {
            write!(f, "byte {place} is 0x{got:02x}, was 0x{sent:02x}")?;
            if self.wrong > 1 {
                write!(f, ", and {} more are wrong", self.wrong - 1)?;
            }
        }
        let between = if self.first.is_some() { "; " } else { "" };
        if self.length < self.expected {
            write!(f, "{between}cut off at {} bytes of {}", self.length, self.expected)?;
        } else if self.length > self.expected {
            write!(f, "{between}{} bytes where {} were sent", self.length, self.expected)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_what_fits_and_is_known_again() {
        for size in 0..100 {
            let mut payload = Payload::new(size, Some(&[0xab])).unwrap();
            let bytes = payload.of(70_000).to_vec();
            assert_eq!(bytes.len(), size);
            assert!(size >= NUMBERED || bytes.iter().all(|byte| *byte == 0xab));
            assert!(payload.difference(70_000, &bytes).is_none());
            let number = (size >= NUMBERED).then_some(70_000);
            assert_eq!(payload.number(&bytes), number);
            assert!(bytes.iter().skip(NUMBERED).all(|byte| *byte == 0xab));
        }
    }

    #[test]
    fn what_came_back_wrong_is_told_and_what_is_all_wrong_is_nobodys_accident() {
        let mut payload = Payload::new(56, None).unwrap();
        let right = payload.of(1).to_vec();
        let mut spoilt = right.clone();
        spoilt[20] ^= 1;
        let difference = payload.difference(1, &spoilt).unwrap();
        assert_eq!(difference.to_string(), "byte 20 is 0x15, was 0x14");
        assert!(difference.is_small());
        let difference = payload.difference(1, &right[..20]).unwrap();
        assert_eq!(difference.to_string(), "cut off at 20 bytes of 56");
        assert!(difference.is_small());
        spoilt.fill(0xee);
        assert!(!payload.difference(1, &spoilt).unwrap().is_small());
        assert_eq!(payload.number(&spoilt), None);
    }
}
