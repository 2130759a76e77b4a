//! An annotated dump: bytes on the left, and what they mean on the right.

use std::ops::Range;

use super::hex::{WIDTH, hex, pattern, wrap};
use crate::paint::{Colour, Painter};

/// So many bytes of a field stand on one line.
const BYTES_A_LINE: usize = 4;
/// Their width in characters: `7f 00 00 01`.
const HEX_WIDTH: usize = 3 * BYTES_A_LINE - 1;
/// Names have a column of this width, or of that of the longest, up to a limit.
const NAME_WIDTH: usize = 16;
const WIDEST_NAME: usize = 26;
/// Where the name begins: two spaces, the offset, two, the bytes, two.
const NAME_AT: usize = 2 + 4 + 2 + HEX_WIDTH + 2;
/// A value that is no longer has its meaning behind it, in one column.
const VALUE_WIDTH: usize = 7;

/// One field of a packet: where it stands, what it is called, what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its bytes, counted from the packet's first.
    pub range: Range<usize>,
    /// Where it is a part of these bytes only: its bits, counted from the
    /// highest bit of the first one. It belongs to the whole field before it.
    pub bits: Option<Range<usize>>,
    pub name: String,
    /// The value as a person writes it, in decimal where it is a number.
    /// Neither it nor the meaning has control characters.
    pub value: String,
    /// What follows from it, in a few words.
    pub meaning: String,
}

impl Field {
    pub fn new(
        range: Range<usize>,
        name: impl Into<String>,
        value: impl ToString,
        meaning: impl Into<String>,
    ) -> Field {
        let (name, value, meaning) = (name.into(), value.to_string(), meaning.into());
        Field { range, bits: None, name, value, meaning }
    }

    /// A field that has only some of the bits of its bytes.
    pub fn of_bits(
        range: Range<usize>,
        bits: Range<usize>,
        name: impl Into<String>,
        value: impl ToString,
        meaning: impl Into<String>,
    ) -> Field {
        Field { bits: Some(bits), ..Field::new(range, name, value, meaning) }
    }

    /// The left-hand column: the bytes, four a line, or the bits, a byte a line.
    fn picture(&self, packet: &[u8]) -> Vec<String> {
        let end = self.range.end.min(packet.len());
        let bytes = packet.get(self.range.start..end).unwrap_or_default();
        match &self.bits {
            None => bytes.chunks(BYTES_A_LINE).map(hex).collect(),
            Some(bits) => {
                let octets = bytes.iter().enumerate();
                let shown = octets.map(|(index, byte)| pattern(*byte, 8 * index, bits)).collect();
                // A byte of which it has no bit says nothing about it.
                let has_bit = |line: &String| line.contains(['0', '1']);
                let shown: Vec<String> = shown;
                shown.into_iter().filter(has_bit).collect()
            }
        }
    }

    /// The lines of a page for this field.
    fn lines(&self, packet: &[u8], name_width: usize, painter: Painter) -> Vec<String> {
        let left = self.picture(packet);
        let names = wrap(&self.name, name_width);
        let right = self.explanation(WIDTH - NAME_AT - name_width - 1);
        let mut lines = Vec::new();
        for index in 0..left.len().max(right.len()).max(names.len()).max(1) {
            let bytes = left.get(index).map_or("", String::as_str);
            let offset = match self.bits {
                None if !bytes.is_empty() => {
                    format!("{:04x}", self.range.start + index * BYTES_A_LINE)
                }
                _ => String::new(),
            };
            let offset = painter.paint(Colour::Dim, &format!("{offset:4}"));
            let name = names.get(index).map_or("", String::as_str);
            let text = right.get(index).map_or("", String::as_str);
            // A checksum is what the page is about.
            let text = if self.name.ends_with("checksum") && index == 0 {
                painter.paint(Colour::Bold, text)
            } else {
                text.to_string()
            };
            let line = format!("  {offset}  {bytes:HEX_WIDTH$}  {name:name_width$} {text}");
            lines.push(line.trim_end().to_string());
        }
        lines
    }

    /// The right-hand column: value and meaning, side by side where there is room.
    fn explanation(&self, room: usize) -> Vec<String> {
        let value = &self.value;
        let length = value.chars().count();
        if length > VALUE_WIDTH {
            let both = format!("{value}  {}", self.meaning);
            if both.chars().count() <= room {
                return vec![both.trim_end().to_string()];
            }
            let mut lines = wrap(value, room);
            lines.extend(wrap(&self.meaning, room));
            return lines;
        }
        let mut lines = wrap(&self.meaning, room - VALUE_WIDTH - 1);
        if lines.is_empty() {
            lines.push(String::new());
        }
        for (index, line) in lines.iter_mut().enumerate() {
            let value = if index == 0 { value.as_str() } else { "" };
            *line = format!("{value:VALUE_WIDTH$} {line}").trim_end().to_string();
        }
        lines
    }
}

/// The dump of these fields, no line longer than [`WIDTH`]. Fields that reach
/// beyond the packet are shown as far as it goes; of fields with the same
/// bytes the first alone shows them.
pub fn dump(packet: &[u8], fields: &[Field], painter: Painter) -> Vec<String> {
    let longest = fields.iter().map(|field| field.name.chars().count()).max().unwrap_or(0);
    let name_width = longest.clamp(NAME_WIDTH, WIDEST_NAME);
    let mut lines = Vec::new();
    let mut before = None;
    for field in fields {
        let again = field.bits.is_none() && before == Some(&field.range);
        let packet = if again { &[] } else { packet };
        lines.extend(field.lines(packet, name_width, painter));
        before = Some(&field.range);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_bits_value_and_meaning_stand_in_columns() {
        let packet = [0x45, 0, 0x7f, 0, 0, 1];
        let fields = [
            Field::new(0..1, "first byte", "", ""),
            Field::of_bits(0..1, 0..4, "version", 4, "IPv4"),
            Field::of_bits(0..2, 6..10, "across", 4, "bits of two bytes, and a long meaning"),
            Field::new(2..6, "source", "127.0.0.1", "who sent it"),
            Field::new(1..2, "of seven", "1234567", "a value as wide as its column, and two lines"),
        ];
        let expected = "
  0000  45           first byte
        0100 ....    version          4       IPv4
        .... ..01    across           4       bits of two bytes, and a long
        00.. ....                             meaning
  0002  7f 00 00 01  source           127.0.0.1  who sent it
  0001  00           of seven         1234567 a value as wide as its column, and
                                              two lines";
        let lines = dump(&packet, &fields, Painter::plain());
        assert_eq!(lines.join("\n"), expected.trim_start_matches('\n'));
    }

    #[test]
    fn a_meaning_fills_the_line_and_no_more() {
        let field = Field::new(0..1, "name", 7, "x".repeat(99));
        let lines = dump(&[0], &[field], Painter::plain());
        assert_eq!(lines[0].len(), WIDTH);
    }

    #[test]
    fn a_checksum_is_bold_on_its_first_line() {
        let long = "x ".repeat(40);
        let fields = ["checksum", "length"].map(|name| Field::new(0..2, name, "abcd", &long));
        let lines = dump(&[0, 0], &fields, Painter::colourful());
        let bold: Vec<bool> = lines.iter().map(|line| line.contains("\x1b[1m")).collect();
        assert_eq!(bold, [true, false, false, false, false, false]);
    }

    proptest! {
        #[test]
        fn no_field_makes_a_line_too_long(
            packet: Vec<u8>,
            start in 0usize..40,
            length in 0usize..40,
            bits in prop::option::of(0usize..99),
            texts: (String, String),
        ) {
            let bits = bits.map(|first| first..first + 7);
            let (value, meaning) = texts;
            let field = Field { range: start..start + length, bits, ..Field::new(0..0, "destination port", value, meaning) };
            for line in dump(&packet, &[field], Painter::plain()) {
                prop_assert!(line.chars().count() <= WIDTH, "{line:?}");
            }
        }
    }
}
