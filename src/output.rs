//! Writing to a person's terminal: lines that never panic, colour where it helps, bytes made harmless.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub use packets::paint::{Colour, Painter};

/// Writes `text` and a newline to stdout at once, in one piece.
///
/// When nobody reads any more (`| head -1`), the program ends with status 0:
/// there is nobody left to tell. When the disk is full it says so and ends
/// with status 2. A program that is to run for ever chooses otherwise with
/// [`for_ever`].
pub fn line(text: &str) {
    bytes(format!("{text}\n").as_bytes());
}

/// Writes bytes to stdout as they are, and ends as [`line()`] does when it cannot.
pub fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(why) = out.write_all(bytes).and_then(|()| out.flush()) {
        cannot_write(&why);
    }
}

/// The program that runs for ever, and what it still does without a reader.
static FOR_EVER: OnceLock<(&str, Option<&str>)> = OnceLock::new();

/// Tells what becomes of a program that is to run for ever when its stdout
/// cannot be written any more. One that has another `duty` than to print goes
/// on with it, and says so once on stderr; one that has none ends with status 2.
///
/// The duty ends a sentence: "going on: clients are answered".
pub fn for_ever(program: &'static str, duty: Option<&'static str>) {
    // Whoever was first stays.
    let _ = FOR_EVER.set((program, duty));
}

fn cannot_write(why: &io::Error) {
    static TOLD: AtomicBool = AtomicBool::new(false);
    let gone = why.kind() == io::ErrorKind::BrokenPipe;
    let what = if gone {
        "nobody reads stdout any more".to_string()
    } else {
        format!("cannot write stdout: {why}")
    };
    match FOR_EVER.get() {
        Some((program, Some(duty))) => {
            if !TOLD.swap(true, Ordering::SeqCst) {
                complain(program, &format!("{what}; going on: {duty}"));
            }
        }
        Some((program, None)) => {
            complain(program, &format!("{what}; ending, as there is nothing else to do"));
            std::process::exit(2)
        }
        None if gone => std::process::exit(0),
        None => {
            complain("stdout", &format!("cannot write: {why}"));
            std::process::exit(2)
        }
    }
}

/// Writes `who: what` to stderr, on one line, whatever a peer or a file put
/// into it; on a terminal the line is broken between words where it is too long.
/// If stderr is gone as well there is no place left to say so.
pub fn complain(who: &str, what: &str) {
    let line = format!("{who}: {}", harmless(what));
    let line = match terminal_size::terminal_size_of(io::stderr()) {
        Some((width, _)) => wrapped(&line, usize::from(width.0)),
        None => line,
    };
    let _ = io::stderr().write_all(format!("{line}\n").as_bytes());
}

/// A line in lines of at most `width` characters, broken at spaces; all but the
/// first are indented. A word that is longer than that stays in one piece.
fn wrapped(line: &str, width: usize) -> String {
    const INDENT: &str = "  ";
    let (mut text, mut used) = (String::new(), 0);
    for word in line.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            text.push('\n');
            text.push_str(INDENT);
            used = INDENT.len();
        } else if !text.is_empty() {
            text.push(' ');
            used += 1;
        }
        text.push_str(word);
        used += length;
    }
    text
}

/// Appends a character, or what is written for it: the one place that decides
/// which characters a terminal may be given as they are.
///
/// Escaped as in Rust (`\n`, `\u{1b}`) are the control characters (C0, DEL and
/// C1), the ends of lines and paragraphs, those that turn the direction of
/// writing, and all that cannot be seen: spaces but for the common one, zero
/// width, combining marks, fillers.
fn push_harmless(text: &mut String, c: char) {
    match c {
        // Visible, and meant.
        '"' | '\'' | '\\' => text.push(c),
        // Letters and a symbol to Unicode, and blank: Hangul's fillers, and Braille without a dot.
        '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}' | '\u{2800}' => {
            text.extend(c.escape_unicode());
        }
        _ => text.extend(c.escape_debug()),
    }
}

/// Anybody's text as one line that can neither move the cursor nor change
/// colours, and reads in the order of its characters. Harmless text stays as it is.
///
/// ```
/// use socklab::output::harmless;
/// assert_eq!(harmless("it's \"up\"\n\x1b[2J"), r#"it's "up"\n\u{1b}[2J"#);
/// ```
pub fn harmless(text: &str) -> String {
    // Nearly all text is of this kind, and need not be looked up in Unicode's tables.
    if text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return text.to_string();
    }
    let mut shown = String::with_capacity(text.len());
    text.chars().for_each(|c| push_harmless(&mut shown, c));
    shown
}

/// As [`harmless`], but of a text longer than `most` characters the beginning alone, and `...`.
pub fn harmless_up_to(most: usize, text: &str) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => harmless(&text[..end]) + "...",
        None => harmless(text),
    }
}

/// JSON for a terminal: the same values, with every character that
/// [`harmless`] would escape written as `\u001b`. JSON itself demands that
/// only of C0.
pub fn harmless_json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    let mut escaped = String::new();
    for c in json.chars() {
        escaped.clear();
        push_harmless(&mut escaped, c);
        if escaped.chars().eq([c]) {
            shown.push(c);
        } else {
            // Beyond 16 bits, JSON writes two halves.
            for half in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{half:04x}");
            }
        }
    }
    shown
}

/// Bytes on a terminal: text, tabs and ends of lines as they are, and the rest
/// escaped, as [`harmless`] does; bytes that are not UTF-8 as `\xff`. A
/// character that the end cuts off is left in the second value.
pub fn harmless_bytes(bytes: &[u8]) -> (String, &[u8]) {
    let mut text = String::new();
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        for c in chunk.valid().chars() {
            match c {
                '\n' | '\t' => text.push(c),
                _ => push_harmless(&mut text, c),
            }
        }
        let invalid = chunk.invalid();
        let unfinished =
            std::str::from_utf8(invalid).is_err_and(|error| error.error_len().is_none());
        if unfinished && chunks.peek().is_none() {
            return (text, invalid);
        }
        invalid.iter().for_each(|byte| push_byte(&mut text, *byte));
    }
    (text, &[])
}

/// A number and what it counts: `1 byte`, `2 bytes`. Only for nouns that take an s.
pub fn plural(count: u64, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// Shows a packet's bytes in quotes, escaped as [`harmless`] does, quotes and
/// backslashes too; bytes that are not UTF-8 as `\xff`. At most `most`
/// characters are shown.
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
            if ['"', '\\'].contains(&c) {
                text.push('\\');
            }
            push_harmless(&mut text, c);
        }
        for byte in chunk.invalid() {
            if shown == most {
                all = false;
                break 'chunks;
            }
            shown += 1;
            push_byte(&mut text, *byte);
        }
    }
    text.push('"');
    if !all {
        text.push_str("...");
    }
    text
}

fn push_byte(text: &mut String, byte: u8) {
    // Writing to a String cannot fail.
    let _ = write!(text, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{hostile, is_harmful};
    use proptest::prelude::*;

    #[test]
    fn control_bytes_and_quotes_are_escaped() {
        assert_eq!(printable(b"a\"b\\c\r\n\x07", 60), r#""a\"b\\c\r\n\u{7}""#);
        assert_eq!(printable("h\u{e9} it's".as_bytes(), 60), "\"h\u{e9} it's\"");
        assert_eq!(printable("\u{202e}".as_bytes(), 60), "\"\\u{202e}\"");
        assert_eq!(printable(b"", 60), "\"\"");
    }

    #[test]
    fn every_character_is_looked_at_wherever_it_stands() {
        // Longer than any cut, and as long as its quoted beginning would be.
        let text = format!("\x1b[2J{}", "A".repeat(204));
        assert_eq!(harmless(&text), format!("\\u{{1b}}[2J{}", "A".repeat(204)));
        for c in ('\0'..=char::MAX).filter(|c| is_harmful(*c)) {
            assert!(harmless(&c.to_string()).is_ascii(), "{c:?}");
        }
        for text in ["plain, it's \"so\" \\ here", "h\u{e9} \u{20ac} \u{4e2d}\u{6587}"] {
            assert_eq!(harmless(text), text);
            assert_eq!(harmless_json(text), text);
        }
    }

    #[test]
    fn a_long_line_is_broken_between_words_and_a_short_one_is_left_alone() {
        let line = "echo_client: cannot reach 127.0.0.1:7: refused; is it there?";
        assert_eq!(wrapped(line, 80), line);
        let broken = "echo_client: cannot\n  reach 127.0.0.1:7:\n  refused; is it\n  there?";
        assert_eq!(wrapped(line, 20), broken);
        assert_eq!(wrapped("a longer-than-the-line b", 5), "a\n  longer-than-the-line\n  b");
        assert_eq!(wrapped("two  spaces", 80), "two  spaces");
    }

    proptest! {
        #[test]
        fn breaking_a_line_changes_nothing_but_its_spaces(line in "[a-z ]{0,200}", width in 1usize..50) {
            let text = wrapped(&line, width);
            let words = |text: &str| text.split_whitespace().map(str::to_string).collect::<Vec<_>>();
            prop_assert_eq!(words(&text), words(&line));
        }

        #[test]
        fn no_text_has_anything_harmful_left(text in hostile()) {
            let shown = harmless(&text);
            prop_assert!(!shown.chars().any(is_harmful), "{shown:?}");
            prop_assert_eq!(harmless(&shown), &*shown);
        }

        #[test]
        fn json_stays_the_same_json(key in hostile(), value in hostile()) {
            let json = serde_json::json!({ key: [value] });
            let shown = harmless_json(&json.to_string());
            prop_assert!(!shown.chars().any(is_harmful), "{shown:?}");
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), json);
        }

        #[test]
        fn nothing_that_a_packet_holds_reaches_the_terminal_raw(bytes: Vec<u8>, most in 0usize..80) {
            let shown = printable(&bytes, most);
            prop_assert!(!shown.chars().any(is_harmful));
            prop_assert!(shown.starts_with('"'));
            let (shown, rest) = harmless_bytes(&bytes);
            prop_assert!(!shown.chars().any(|c| is_harmful(c) && !['\n', '\t'].contains(&c)));
            prop_assert!(rest.len() < 4);
        }
    }
}
