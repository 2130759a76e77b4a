//! A checksum's sum as a table, and what follows from it.

use super::hex::{WIDTH, wrap};
use super::sum::{Origin, Step, Sum, SumVerdict};
use crate::checksum::add;
use crate::paint::{Colour, Painter};

impl Sum {
    /// The sum as a page shows it: a heading, a table, and what follows.
    pub fn lines(&self, painter: Painter) -> Vec<String> {
        let mut lines = vec![painter.paint(Colour::Bold, &format!("{} checksum", self.of))];
        lines.push(painter.paint(Colour::Dim, "  bytes   word    sum   carry    what"));
        let mut sum = 0;
        for step in &self.steps {
            let (raw, _) = sum_before_folding(sum, step.word);
            let (next, carried) = add(sum, step.word);
            lines.push(step.line(raw, next, carried, painter));
            sum = next;
        }
        lines
            .push(format!("  complement, every bit turned over: {:04x} becomes {:04x}", sum, !sum));
        if !sum == 0 && self.expected != 0 {
            lines.extend(indented("0 would mean \"none worked out\", so it is sent as ffff."));
        }
        lines.extend(self.conclusion(painter));
        lines
    }

    /// What is in the packet, and what the receiver does.
    fn conclusion(&self, painter: Painter) -> Vec<String> {
        let (found, sum) = (self.found, self.sum);
        let (total, carried) = add(sum, found);
        let fold = if carried {
            let (raw, _) = sum_before_folding(sum, found);
            format!("1 {raw:04x}, +1 = ")
        } else {
            String::new()
        };
        let check = format!("{sum:04x} + {found:04x} = {fold}{total:04x}");
        let (colour, word, text) = match self.verdict {
            SumVerdict::Right => (
                Colour::Green,
                "right",
                format!("The receiver adds up all words, the checksum too: {check}. That is all ones: no damage is seen."),
            ),
            SumVerdict::Wrong => (
                Colour::Red,
                "WRONG",
                format!(
                    "The receiver adds up all words, the checksum too: {check}, and not ffff. \
                     It drops the packet, counts it, and tells nobody."
                ),
            ),
            SumVerdict::None => (
                Colour::Yellow,
                "none",
                "0 says that the sender worked none out, which UDP over IPv4 allows. The receiver \
                 believes every byte."
                    .to_string(),
            ),
            SumVerdict::Forbidden => (
                Colour::Red,
                "WRONG",
                "0 says that the sender worked none out, which is not allowed over IPv6: its header has \
                 no checksum either. The receiver drops the packet and tells nobody."
                    .to_string(),
            ),
            SumVerdict::LeftToTheCard => (
                Colour::Yellow,
                "unfinished",
                format!(
                    "It is the sum of the pseudo-header's words alone: the kernel left the rest to \
                     the network card, which would put in {:04x}. Where there is none, as on \
                     loopback, nobody does; the receiving kernel knows, and takes the packet.",
                    self.expected
                ),
            ),
        };
        let mut lines = vec![format!(
            "  in the packet: {}, {}",
            painter.paint(Colour::Bold, &format!("{found:04x}")),
            painter.paint(colour, word)
        )];
        lines.extend(indented(&text));
        lines
    }
}

impl Step {
    fn line(&self, raw: u16, sum: u16, carried: bool, painter: Painter) -> String {
        let from = match self.from {
            Origin::Pseudo => "pseudo".to_string(),
            Origin::Offset(offset) => format!("{offset:04x}"),
            Origin::Subtotal(_) => "...".to_string(),
        };
        let from = painter.paint(Colour::Dim, &format!("{from:6}"));
        let carry = if carried {
            format!("1 {raw:04x}  +1={sum:04x}")
        } else {
            format!("  {sum:04x}         ")
        };
        let carry = if carried { painter.paint(Colour::Bold, &carry) } else { carry };
        // What is left of the line: two spaces, the columns, and what is between them.
        let what: String = self.what.chars().take(WIDTH - 33).collect();
        format!("  {from}  {:04x}  {carry}  {what}", self.word).trim_end().to_string()
    }
}

/// The lower 16 bits of a sum, and what is carried out of them.
fn sum_before_folding(sum: u16, word: u16) -> (u16, bool) {
    sum.overflowing_add(word)
}

pub(super) fn indented(text: &str) -> Vec<String> {
    wrap(text, WIDTH - 2).into_iter().map(|line| format!("  {line}")).collect()
}
