//! Writing to a person's terminal: lines that never panic, colour where it helps, bytes made harmless.

use std::fmt::Write as _;
use std::io::{self, Write};

pub use packets::paint::{Colour, Painter};

/// Writes `text` and a newline to stdout at once, in one piece.
///
/// When nobody reads any more (`| head -1`), the program ends with status 0:
/// there is nobody left to tell. When the disk is full it says so and ends
/// with status 2.
pub fn line(text: &str) {
    bytes(format!("{text}\n").as_bytes());
}

/// Writes bytes to stdout as they are, and ends as [`line()`] does when it cannot.
pub fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    let written = out.write_all(bytes).and_then(|()| out.flush());
    match written {
        Ok(()) => {}
        Err(why) if why.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        Err(why) => {
            complain("stdout", &format!("cannot write: {why}"));
            std::process::exit(2)
        }
    }
}

/// Writes `who: what` to stderr, on one line. If stderr is gone as well there
/// is no place left to say so.
pub fn complain(who: &str, what: &str) {
    let _ = io::stderr().write_all(format!("{who}: {what}\n").as_bytes());
}

/// Shows a packet's bytes in quotes, so that whatever they are they cannot
/// move the cursor, change the colours or forge a line: control characters
/// and invisible ones are escaped as in Rust (`\n`, `\u{1b}`), bytes that are
/// not UTF-8 as `\xff`. At most `most` characters are shown.
///
/// ```
/// use socklab::output::printable;
/// assert_eq!(printable(b"Ping 1\x1b[2J\xff", 60), r#""Ping 1\u{1b}[2J\xff""#);
/// assert_eq!(printable(b"abcdef", 3), r#""abc"..."#);
/// ```
pub fn printable(bytes: &[u8], most: usize) -> String {
    // Only so much is looked at: a datagram may have 65,507 bytes.
    let cut = bytes.len() > 4 * most;
    let head = &bytes[..bytes.len().min(4 * most)];
    let mut text = String::from("\"");
    let mut shown = 0;
    let mut all = !cut;
    'chunks: for chunk in head.utf8_chunks() {
        for c in chunk.valid().chars() {
            if shown == most {
                all = false;
                break 'chunks;
            }
            shown += 1;
            if c == '\'' {
                text.push(c);
            } else {
                text.extend(c.escape_debug());
            }
        }
        for byte in chunk.invalid() {
            if shown == most {
                all = false;
                break 'chunks;
            }
            shown += 1;
            // Writing to a String cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    if !all {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn control_bytes_and_quotes_are_escaped() {
        assert_eq!(printable(b"a\"b\\c\r\n\x07", 60), r#""a\"b\\c\r\n\u{7}""#);
        assert_eq!(printable("h\u{e9} it's".as_bytes(), 60), "\"h\u{e9} it's\"");
        assert_eq!(printable("\u{202e}".as_bytes(), 60), "\"\\u{202e}\"");
        assert_eq!(printable(b"", 60), "\"\"");
    }

    proptest! {
        #[test]
        fn nothing_that_a_packet_holds_reaches_the_terminal_raw(bytes: Vec<u8>, most in 0usize..80) {
            let shown = printable(&bytes, most);
            prop_assert!(!shown.chars().any(|c| c.is_control()));
            prop_assert!(shown.starts_with('"'));
        }
    }
}
