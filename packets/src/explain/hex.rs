//! Bytes, bits and words as text: what the lines of a page are made of.

use std::ops::Range;

use crate::paint::{Colour, Painter};

/// No line of a page is longer.
pub const WIDTH: usize = 80;

/// A dump without fields, sixteen bytes a line with their characters beside
/// them; at most `most` lines, and then how much is left out.
pub fn plain_dump(
    packet: &[u8],
    range: Range<usize>,
    most: usize,
    painter: Painter,
) -> Vec<String> {
    let range = range.start.min(packet.len())..range.end.min(packet.len());
    let bytes = packet.get(range.clone()).unwrap_or_default();
    let mut lines = Vec::new();
    for (index, row) in bytes.chunks(16).take(most).enumerate() {
        let offset = painter.paint(Colour::Dim, &format!("{:04x}", range.start + 16 * index));
        let (left, right) = row.split_at(row.len().min(8));
        let text: String = row.iter().map(|byte| character(*byte)).collect();
        lines.push(format!("  {offset}  {:23}  {:23}  |{text}|", hex(left), hex(right)));
    }
    if bytes.len() > 16 * most {
        let left_out = bytes.len() - 16 * most;
        lines.push(format!("  ...   {left_out} bytes more, up to {:04x}", range.end - 1));
    }
    lines
}

/// Bytes as `7f 00 00 01`.
pub fn hex(bytes: &[u8]) -> String {
    let pairs: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    pairs.join(" ")
}

/// A byte as a character, or a full stop where it is none that can be printed.
pub(super) fn character(byte: u8) -> char {
    if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '.' }
}

/// `0100 ....`: those bits of a byte that belong to a field; `first` is the
/// number of its highest bit.
pub(super) fn pattern(byte: u8, first: usize, bits: &Range<usize>) -> String {
    let mut text = String::new();
    for index in 0..8 {
        if index == 4 {
            text.push(' ');
        }
        let bit = if byte & (0x80 >> index) == 0 { '0' } else { '1' };
        text.push(if bits.contains(&(first + index)) { bit } else { '.' });
    }
    text
}

/// Text in lines of at most `width` characters, broken between words where it can be.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let characters: Vec<char> = word.chars().collect();
        for piece in characters.chunks(width) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + 1 + piece.len() <= width => {
                    line.push(' ');
                    line.extend(piece);
                }
                _ => lines.push(piece.iter().collect()),
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_dump_says_what_it_leaves_out() {
        let lines = plain_dump(&[b'a'; 70], 1..70, 2, Painter::plain());
        let row = "61 61 61 61 61 61 61 61  61 61 61 61 61 61 61 61  |aaaaaaaaaaaaaaaa|";
        let expected = [
            format!("  0001  {row}"),
            format!("  0011  {row}"),
            "  ...   37 bytes more, up to 0045".into(),
        ];
        assert_eq!(lines, expected);
        assert_eq!(plain_dump(&[b'a'; 32], 0..32, 2, Painter::plain()).len(), 2);
    }
}
