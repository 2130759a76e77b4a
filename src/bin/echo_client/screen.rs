//! Showing what came back: as it is to a file or a pipe, made harmless on a terminal.

use std::io::{self, IsTerminal};

use socklab::output;

/// Where the answers go. A pipe gets the very bytes. On a terminal a byte can
/// move the cursor or change the title, and whoever runs the server chooses
/// the bytes: there, all but text, tabs and ends of lines is escaped.
#[derive(Debug)]
pub struct Screen {
    terminal: bool,
    /// The beginning of a character whose other bytes have not come yet.
    rest: Vec<u8>,
}

impl Screen {
    pub fn for_stdout() -> Screen {
        Screen { terminal: io::stdout().is_terminal(), rest: Vec::new() }
    }

    /// Shows a piece; a character may be cut in two between it and the next.
    pub fn show(&mut self, piece: &[u8]) {
        if self.terminal {
            let text = self.harmless(piece);
            output::bytes(text.as_bytes());
        } else {
            output::bytes(piece);
        }
    }

    fn harmless(&mut self, piece: &[u8]) -> String {
        let bytes = [&self.rest, piece].concat();
        let (text, rest) = output::harmless_bytes(&bytes);
        self.rest = rest.to_vec();
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn screen() -> Screen {
        Screen { terminal: true, rest: Vec::new() }
    }

    #[test]
    fn text_is_shown_as_it_is_and_the_rest_escaped() {
        let shown = screen().harmless(b"it's \"so\"\\\tx\n\x1b[2J\x07\r\xff.");
        assert_eq!(shown, "it's \"so\"\\\tx\n\\u{1b}[2J\\u{7}\\r\\xff.");
    }

    #[test]
    fn a_character_cut_in_two_is_put_together() {
        let mut screen = screen();
        let euro = "\u{20ac}".as_bytes();
        assert_eq!(screen.harmless(&euro[..2]), "");
        assert_eq!(screen.harmless(&euro[2..]), "\u{20ac}");
        assert_eq!(screen.harmless(&euro[..1]), "");
        assert_eq!(screen.harmless(b"x"), "\\xe2x");
    }

    proptest! {
        #[test]
        fn nothing_reaches_the_terminal_raw(pieces: Vec<Vec<u8>>) {
            let mut screen = screen();
            for piece in pieces {
                let shown = screen.harmless(&piece);
                prop_assert!(!shown.chars().any(|c| c.is_control() && c != '\n' && c != '\t'));
                prop_assert!(screen.rest.len() < 4);
            }
        }
    }
}
