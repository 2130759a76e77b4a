//! A checksum worked step by step, word by word, as one would with a pencil (RFC 1071).

use std::ops::Range;

use super::hex::character;
use crate::checksum::{self, add};

/// Where more words than this stand behind the header, those in the middle
/// are shown as a subtotal.
const MOST: usize = 20;
/// So many of them are shown in front of the subtotal.
const FIRST: usize = 12;

/// One line of the sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    pub from: Origin,
    /// The word that is added; of a subtotal the sum of its words.
    pub word: u16,
    /// What the word is.
    pub what: String,
}

/// Where a step's word comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the pseudo-header, which is not in the packet.
    Pseudo,
    /// From this offset in the packet.
    Offset(usize),
    /// Of so many words that are not shown.
    Subtotal(usize),
}

/// What the receiver makes of a checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SumVerdict {
    /// All adds up to ffff.
    Right,
    /// It does not, and the receiver drops the packet.
    Wrong,
    /// UDP over IPv4: 0 means that the sender worked none out.
    None,
    /// UDP over IPv6: 0 is not allowed.
    Forbidden,
    /// UDP: the field holds the pseudo-header's sum, and the network card was
    /// to do the rest. What was captured has not met a network card.
    LeftToTheCard,
}

impl SumVerdict {
    /// One word, as JSON has it.
    pub fn name(self) -> &'static str {
        match self {
            SumVerdict::Right => "right",
            SumVerdict::Wrong => "wrong",
            SumVerdict::None => "none",
            SumVerdict::Forbidden => "forbidden",
            SumVerdict::LeftToTheCard => "left_to_the_card",
        }
    }
}

/// A checksum that has been worked out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Whose checksum: `IPv4 header`, `ICMP`, `UDP`.
    pub of: &'static str,
    pub steps: Vec<Step>,
    /// The sum of all of them.
    pub sum: u16,
    /// The checksum in the packet.
    pub found: u16,
    /// The checksum that should be there.
    pub expected: u16,
    pub verdict: SumVerdict,
}

/// What a checksum covers.
pub(super) struct Cover<'a> {
    pub of: &'static str,
    /// Words in front that are not in the packet, and what they are.
    pub pseudo: Vec<(u16, String)>,
    pub packet: &'a [u8],
    /// The bytes of the packet that are added up.
    pub range: Range<usize>,
    /// How many of them are header, whose words are all shown.
    pub header: usize,
    /// Where the checksum stands: counted from the packet's first byte.
    pub field: usize,
    /// UDP's two exceptions, about 0, hold.
    pub udp: bool,
    pub ipv6: bool,
}

impl Sum {
    /// Works a checksum out. `name` tells what stands at an offset of the packet.
    pub(super) fn of(cover: &Cover, name: impl Fn(usize) -> String) -> Sum {
        let bytes = &cover.packet[cover.range.clone()];
        let mut steps: Vec<Step> = Vec::new();
        for (word, what) in &cover.pseudo {
            steps.push(Step { from: Origin::Pseudo, word: *word, what: what.clone() });
        }
        let pseudo = steps.iter().fold(0, |sum, step| add(sum, step.word).0);

        let behind = bytes.len().saturating_sub(cover.header).div_ceil(2);
        let header = cover.header.div_ceil(2);
        // All words are shown, or all but those from here to there.
        let hidden = if behind > MOST { header + FIRST..header + behind - 1 } else { 0..0 };
        let mut found = 0;
        for (index, word) in checksum::words(bytes).enumerate() {
            let offset = cover.range.start + 2 * index;
            if hidden.contains(&index) {
                match steps.last_mut() {
                    Some(Step { from: Origin::Subtotal(count), word: subtotal, .. }) => {
                        *count += 1;
                        *subtotal = add(*subtotal, word).0;
                    }
                    _ => steps.push(Step { from: Origin::Subtotal(1), word, what: String::new() }),
                }
                continue;
            }
            let mut what = name(offset);
            let mut word = word;
            if offset == cover.field {
                found = word;
                word = 0;
                what = "checksum, taken as 0".to_string();
            } else if 2 * index + 1 == bytes.len() {
                what.push_str(": the odd byte, and a byte of 0");
            } else if index >= header {
                let characters = [bytes[2 * index], bytes[2 * index + 1]].map(character);
                what.push_str(&format!(" \"{}{}\"", characters[0], characters[1]));
            }
            steps.push(Step { from: Origin::Offset(offset), word, what });
        }
        for step in &mut steps {
            if let Origin::Subtotal(count) = step.from {
                step.what = format!("the sum of {count} words more");
            }
        }

        let sum = steps.iter().fold(0, |sum, step| add(sum, step.word).0);
        let expected = if cover.udp && !sum == 0 { 0xffff } else { !sum };
        let verdict = match (cover.udp, cover.ipv6, found) {
            (true, false, 0) => SumVerdict::None,
            (true, true, 0) => SumVerdict::Forbidden,
            _ if add(sum, found).0 == 0xffff => SumVerdict::Right,
            (true, _, _) if found == pseudo => SumVerdict::LeftToTheCard,
            _ => SumVerdict::Wrong,
        };
        Sum { of: cover.of, steps, sum, found, expected, verdict }
    }
}

#[cfg(test)]
mod tests {
    use super::super::hex::WIDTH;
    use super::*;
    use crate::paint::Painter;
    use proptest::prelude::*;

    fn cover(packet: &[u8]) -> Cover<'_> {
        let range = 0..packet.len();
        Cover {
            of: "ICMP",
            pseudo: Vec::new(),
            packet,
            range,
            header: 8,
            field: 2,
            udp: false,
            ipv6: false,
        }
    }

    #[test]
    fn the_example_of_rfc_1071_is_worked_as_on_paper() {
        let packet = [0x00, 0x01, 0, 0, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        let sum = Sum::of(&cover(&packet), |offset| format!("word {offset}"));
        let expected = "ICMP checksum
  bytes   word    sum   carry    what
  0000    0001    0001           word 0
  0002    0000    0001           checksum, taken as 0
  0004    f203    f204           word 4
  0006    f4f5  1 e6f9  +1=e6fa  word 6
  0008    f6f7  1 ddf1  +1=ddf2  word 8 \"..\"
  complement, every bit turned over: ddf2 becomes 220d
  in the packet: 0000, WRONG
  The receiver adds up all words, the checksum too: ddf2 + 0000 = ddf2, and not
  ffff. It drops the packet, counts it, and tells nobody.";
        assert_eq!(sum.lines(Painter::plain()).join("\n"), expected);
    }

    #[test]
    fn a_udp_checksum_that_comes_to_0_is_sent_as_all_ones_and_no_other_is() {
        let of = |udp| {
            let packet = [0xff, 0xff, 0xff, 0xff];
            Sum::of(&Cover { udp, header: 4, ..cover(&packet) }, |_| String::new())
        };
        let note = "0 would mean \"none worked out\", so it is sent as ffff.";
        for (udp, expected) in [(true, 0xffff), (false, 0)] {
            let sum = of(udp);
            assert_eq!(sum.expected, expected);
            let said = sum.lines(Painter::plain()).join("\n").contains(note);
            assert_eq!(said, udp);
        }
    }

    proptest! {
        #[test]
        fn the_pencil_ends_where_the_codec_ends(
            mut packet in prop::collection::vec(any::<u8>(), 4..400),
            pseudo: Vec<u16>,
            right: bool,
        ) {
            let mut front = Vec::new();
            pseudo.iter().for_each(|word| front.extend(word.to_be_bytes()));
            packet[2..4].fill(0);
            let expected = checksum::checksum(&[&front, &packet]);
            let found = if right { expected } else { 7 };
            packet[2..4].copy_from_slice(&found.to_be_bytes());
            let pseudo = pseudo.into_iter().map(|word| (word, "pseudo".to_string())).collect();
            let sum = Sum::of(&Cover { pseudo, ..cover(&packet) }, |_| String::new());
            prop_assert_eq!(sum.expected, expected);
            prop_assert_eq!(sum.found, found);
            let arrives = checksum::is_right(&[&front, &packet]);
            prop_assert_eq!(sum.verdict, if arrives { SumVerdict::Right } else { SumVerdict::Wrong });
            for line in sum.lines(Painter::plain()) {
                prop_assert!(line.chars().count() <= WIDTH, "{line:?}");
            }
        }
    }
}
