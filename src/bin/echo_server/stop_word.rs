//! The word with which a client ends the server.

use std::fmt;
use std::str::FromStr;

use socklab::output::printable;

/// A word that a server ends for, where it is all of a datagram, or a line of
/// its own in a stream. The end of a line may belong to it or not, since some
/// programs send it (nc) and others do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopWord(String);

/// The longest stop word, in bytes: so much is kept of a line.
const LONGEST: usize = 100;

impl FromStr for StopWord {
    type Err = String;

    fn from_str(text: &str) -> Result<StopWord, String> {
        if text.is_empty() || text.len() > LONGEST || text.contains(['\n', '\r']) {
            return Err(format!("a stop word is 1 to {LONGEST} bytes on one line"));
        }
        Ok(StopWord(text.to_string()))
    }
}

/// In quotes, and harmless.
impl fmt::Display for StopWord {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&printable(self.0.as_bytes(), LONGEST))
    }
}

impl StopWord {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if a datagram is just the word.
    pub fn is(&self, message: &[u8]) -> bool {
        let line = message.strip_suffix(b"\n").unwrap_or(message);
        line.strip_suffix(b"\r").unwrap_or(line) == self.0.as_bytes()
    }

    /// Looks for the word in a stream.
    pub fn watch(&self) -> Watch<'_> {
        Watch { word: self, line: Vec::new() }
    }
}

/// Reads a stream along, in whatever pieces it comes.
#[derive(Debug)]
pub struct Watch<'a> {
    word: &'a StopWord,
    /// The line so far, or so much of it that it is too long to be the word.
    line: Vec<u8>,
}

impl Watch<'_> {
    /// True if the word ends in this piece, as a line of its own.
    pub fn found_in(&mut self, piece: &[u8]) -> bool {
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            // The word, \r and \n, and one byte more that gives a longer line away.
            let room = (self.word.0.len() + 3).saturating_sub(self.line.len());
            self.line.extend(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let whole = self.line.ends_with(b"\n");
                if whole && self.word.is(&self.line) {
                    return true;
                }
                self.line.clear();
            }
        }
        false
    }

    /// True if the stream ends with the word, without an end of line.
    pub fn found_at_end(&self) -> bool {
        self.word.is(&self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn word() -> StopWord {
        "Goodbye".parse().unwrap()
    }

    #[test]
    fn only_the_whole_word_counts() {
        for message in ["Goodbye", "Goodbye\n", "Goodbye\r\n"] {
            assert!(word().is(message.as_bytes()), "{message:?}");
        }
        for message in ["", "\n", "goodbye", "Goodbye ", " Goodbye", "Goodbye!", "Goodbye\n\n"] {
            assert!(!word().is(message.as_bytes()), "{message:?}");
        }
    }

    #[test]
    fn a_word_that_could_come_by_accident_is_refused() {
        for text in ["", "a\nb", "\r", &"x".repeat(101)] {
            assert!(text.parse::<StopWord>().is_err(), "{text:?}");
        }
        assert_eq!("\u{1b}x".parse::<StopWord>().unwrap().to_string(), "\"\\u{1b}x\"");
    }

    proptest! {
        #[test]
        fn a_line_is_found_however_the_stream_is_cut_up(
            lines in prop::collection::vec(
                prop::sample::select(vec!["Goodbye", "Good", "bye", "", "Goodbye\r", "xGoodbye",
                                          "Goodbye, Goodbye", "Goodbye\r\r\r"]),
                0..6,
            ),
            ended: bool,
            size in 1usize..12,
        ) {
            let mut stream = lines.join("\n");
            if ended && !lines.is_empty() {
                stream.push('\n');
            }
            let word = word();
            let mut watch = word.watch();
            let inside = stream.as_bytes().chunks(size).any(|piece| watch.found_in(piece));
            let found = inside || watch.found_at_end();
            let there = lines.iter().any(|line| ["Goodbye", "Goodbye\r"].contains(line));
            prop_assert_eq!(found, there, "{:?}", stream);
            prop_assert!(watch.line.len() <= LONGEST + 3);
        }
    }
}
