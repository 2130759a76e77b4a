//! Domain names: labels on the wire, dots on the screen.
//!
//! ```text
//! www.lab.test.   3 w w w 3 l a b 4 t e s t 0
//! mail, then "lab.test. as at byte 16"   4 m a i l 0xc0 0x10
//! ```
//!
//! A label may hold any byte, even a dot. As text such a byte is written `\.`
//! or `\046` (RFC 1035, section 5.1), so that no name is shown as another's.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use super::error::{Error, Fault};
use super::reader::{HEADER, Reader};

/// The longest label, in bytes (RFC 1035, section 2.3.4).
pub const LONGEST_LABEL: usize = 63;
/// The longest name on the wire, in bytes, with the lengths and the final 0.
pub const LONGEST_NAME: usize = 255;
/// So many labels fit into a name, and a pointer for each is the most that
/// makes sense. Without a bound, a packet of pointers to pointers is cheap to
/// send and dear to read.
const MOST_POINTERS: usize = 127;

/// An absolute domain name. Equal names may differ in the case of their
/// letters (RFC 4343).
#[derive(Debug, Clone)]
pub struct Name {
    /// As on the wire, uncompressed, the final 0 included.
    wire: Box<[u8]>,
}

impl Name {
    /// `.`, which has no labels.
    pub fn root() -> Name {
        Name { wire: Box::new([0]) }
    }

    /// As on the wire, uncompressed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.wire
    }

    pub fn is_root(&self) -> bool {
        self.wire.len() == 1
    }

    /// The labels, the rightmost last.
    pub fn labels(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.wire[..];
        std::iter::from_fn(move || {
            let (&length, after) = rest.split_first()?;
            let (label, after) = after.split_at(usize::from(length));
            rest = after;
            (length > 0).then_some(label)
        })
    }

    /// The name without its first label; none above the root.
    pub fn parent(&self) -> Option<Name> {
        let first = usize::from(self.wire[0]);
        (first > 0).then(|| Name { wire: self.wire[1 + first..].into() })
    }

    /// True if this is `zone`, or stands below it.
    pub fn is_within(&self, zone: &Name) -> bool {
        let mut rest = &self.wire[..];
        while rest.len() > zone.wire.len() {
            rest = &rest[1 + usize::from(rest[0])..];
        }
        rest.eq_ignore_ascii_case(&zone.wire)
    }

    /// Reads a name and follows its pointers, of which each has to lead further
    /// back than the one before: so there is an end to it.
    pub(super) fn read(reader: &mut Reader) -> Result<Name, Error> {
        let mut wire = Vec::new();
        // The part that is read now, and where it began.
        let mut part = reader.clone();
        let mut began = part.at;
        let mut jumps = 0;
        loop {
            let here = part.at;
            let fault = |fault| Err(Error { offset: here, fault });
            let length = part.u8("a label")?;
            match length >> 6 {
                0b00 => {
                    let label = part.bytes(usize::from(length), "a label")?;
                    wire.push(length);
                    wire.extend_from_slice(label);
                    // The final 0 has to fit as well.
                    if wire.len() + usize::from(length > 0) > LONGEST_NAME {
                        return fault(Fault::NameTooLong);
                    }
                }
                0b11 => {
                    let low = part.u8("a compression pointer")?;
                    let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if to >= began {
                        return fault(Fault::PointerNotBackward { to });
                    }
                    if to < HEADER {
                        return fault(Fault::PointerIntoHeader { to });
                    }
                    if jumps == 0 {
                        reader.at = part.at;
                    }
                    jumps += 1;
                    if jumps > MOST_POINTERS {
                        return fault(Fault::TooManyPointers);
                    }
                    part = Reader { message: part.message, at: to, end: part.message.len() };
                    began = to;
                    continue;
                }
                _ => return fault(Fault::LabelType(length)),
            }
            if length == 0 {
                break;
            }
        }
        if jumps == 0 {
            reader.at = part.at;
        }
        Ok(Name { wire: wire.into() })
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Name) -> bool {
        // A length is at most 63, and so never mistaken for a letter.
        self.wire.eq_ignore_ascii_case(&other.wire)
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.wire.to_ascii_lowercase().hash(state);
    }
}

/// With the final dot, as `dig` shows it.
impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.is_root() {
            return f.pad(".");
        }
        let mut text = String::new();
        for label in self.labels() {
            for &byte in label {
                match byte {
                    b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                        text.push('\\');
                        text.push(char::from(byte));
                    }
                    b'!'..=b'~' => text.push(char::from(byte)),
                    _ => text += &format!("\\{byte:03}"),
                }
            }
            text.push('.');
        }
        f.pad(&text)
    }
}

/// From text, with or without the final dot.
impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Name, String> {
        if text == "." {
            return Ok(Name::root());
        }
        let mut wire = Vec::new();
        let mut label = Vec::new();
        let mut bytes = text.bytes();
        loop {
            let byte = bytes.next();
            match byte {
                None if label.is_empty() && !wire.is_empty() => break,
                None | Some(b'.') => {
                    end_of_label(&mut label, &mut wire, text)?;
                    if byte.is_none() {
                        break;
                    }
                }
                Some(b'\\') => label.push(escaped(&mut bytes).ok_or_else(|| {
                    format!("{text:?} is no name: after \\ comes a character or three digits, at most 255")
                })?),
                Some(byte @ b'!'..=b'~') => label.push(byte),
                Some(0x80..) => {
                    return Err(format!(
                        "{text:?} is no name: write it in its ASCII form, which begins with xn--"
                    ));
                }
                Some(byte) => {
                    return Err(format!(
                        "{text:?} is no name: write the byte {byte} as \\{byte:03}"
                    ));
                }
            }
        }
        wire.push(0);
        if wire.len() > LONGEST_NAME {
            return Err(format!(
                "a name has at most {LONGEST_NAME} bytes, and this one {}",
                wire.len()
            ));
        }
        Ok(Name { wire: wire.into() })
    }
}

fn end_of_label(label: &mut Vec<u8>, wire: &mut Vec<u8>, text: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err(format!("{text:?} is no name: there is nothing between its dots"));
    }
    let length = u8::try_from(label.len()).ok().filter(|&l| usize::from(l) <= LONGEST_LABEL);
    let Some(length) = length else {
        return Err(format!(
            "{text:?} is no name: between two dots stand at most {LONGEST_LABEL} bytes"
        ));
    };
    wire.push(length);
    wire.append(label);
    Ok(())
}

/// What follows a backslash: `\.` or `\046`.
fn escaped(bytes: &mut std::str::Bytes) -> Option<u8> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    match bytes.next()? {
        first @ b'0'..=b'9' => {
            let tens = digit(bytes.next()?)?;
            let ones = digit(bytes.next()?)?;
            u8::try_from(digit(first)? * 100 + tens * 10 + ones).ok()
        }
        byte @ b'!'..=b'~' => Some(byte),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn text_is_read_with_and_without_its_final_dot_and_shown_with_it() {
        for (text, shown) in [
            ("www.lab.test", "www.lab.test."),
            ("www.lab.test.", "www.lab.test."),
            ("WwW.Lab.Test", "WwW.Lab.Test."),
            (".", "."),
            (r"a\.b.c", r"a\.b.c."),
            (r"a\046b.c", r"a\.b.c."),
            (r"\000\255\032.x", r"\000\255\032.x."),
            ("_sip._tcp.lab.test", "_sip._tcp.lab.test."),
            (r"a\\b", r"a\\b."),
        ] {
            assert_eq!(name(text).to_string(), shown, "{text}");
        }
        let long = "x".repeat(63);
        assert_eq!(name(&long).to_string(), format!("{long}."));
    }

    #[test]
    fn what_is_no_name_is_refused_in_words() {
        let long = "x".repeat(64);
        let longest = format!("{}.{}", vec!["x".repeat(63); 3].join("."), "x".repeat(62));
        for (text, words) in [
            ("", "nothing between"),
            ("..", "nothing between"),
            (".x", "nothing between"),
            ("x..y", "nothing between"),
            (&long, "at most 63"),
            (&longest, "at most 255"),
            ("b\u{fc}cher.example", "xn--"),
            ("a b", r"\032"),
            (r"a\", "three digits"),
            (r"a\25", "three digits"),
            (r"a\256", "three digits"),
        ] {
            let why = text.parse::<Name>().unwrap_err();
            assert!(why.contains(words), "{text}: {why}");
        }
        assert_eq!(name(&longest[..longest.len() - 1]).as_bytes().len(), LONGEST_NAME);
    }

    #[test]
    fn names_are_equal_whatever_their_case_but_only_in_ascii() {
        assert_eq!(name("WWW.lab.TEST"), name("www.LAB.test."));
        assert_ne!(name(r"\196"), name(r"\228"));
        // A dot within a label ends none.
        assert_ne!(name(r"a\.b"), name("a.b"));
        let mut names = std::collections::HashSet::new();
        assert!(names.insert(name("LAB.test")) && !names.insert(name("lab.TEST")));
    }

    #[test]
    fn a_name_stands_within_its_zone_only_at_a_dot() {
        let zone = name("Lab.test");
        for (text, within) in [
            ("lab.test", true),
            ("www.lab.test", true),
            ("xlab.test", false),
            (r"x\.lab.test", false),
            ("test", false),
            (r"www\.lab.test", false),
        ] {
            assert_eq!(name(text).is_within(&zone), within, "{text}");
        }
        assert!(zone.is_within(&Name::root()));
        assert_eq!(name("www.lab.test").parent(), Some(zone));
        assert_eq!(Name::root().parent(), None);
        assert_eq!(name("a.bc").labels().collect::<Vec<_>>(), [&b"a"[..], b"bc"]);
    }
}
