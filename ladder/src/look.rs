//! How a packet looks, and what is said of it, in every kind of drawing.

use std::fmt::Write as _;

use crate::model::{Fate, Kind, Packet, Run};
use crate::scale::length;

/// The look of a packet.
pub fn class(packet: &Packet) -> &'static str {
    match (packet.fate, packet.kind) {
        (Fate::Arrived, Kind::Error | Kind::End) => "refused",
        (Fate::Arrived, _) => "arrived",
        (Fate::Reordered, _) => "reordered",
        (Fate::Duplicate, _) => "duplicate",
        (Fate::Late, _) => "late",
        (Fate::Corrupt, _) => "corrupt",
        (Fate::SaidLost | Fate::Dropped | Fate::Lost, _) => "lost",
        (Fate::Refused | Fate::NotSent, _) => "refused",
        (Fate::Unanswered | Fate::Unknown, _) => "unknown",
    }
}

/// A packet in a sentence.
pub fn words(packet: &Packet) -> String {
    let kind = match packet.kind {
        Kind::Request => "request",
        Kind::Reply => "reply",
        Kind::Error => "ICMP error for",
        Kind::Syn => "connection",
        Kind::End => "end of connection",
    };
    let mut words = format!("{kind} {}: {}", packet.label, packet.fate.words());
    if let Some(why) = &packet.why {
        let _ = write!(words, " ({why})");
    }
    if packet.left.known && packet.came.known && !packet.fate.is_cross() {
        let _ = write!(words, ", {} under way", length(packet.came.at - packet.left.at));
    }
    words
}

/// A packet of each look that occurs, and what it means.
pub fn looks(run: &Run) -> Vec<(&Packet, &'static str)> {
    let of = |fate: Fate, kinds: &[Kind]| {
        run.packets.iter().find(|packet| packet.fate == fate && kinds.contains(&packet.kind))
    };
    let plain = [Kind::Request, Kind::Reply, Kind::Syn];
    let mut looks: Vec<_> =
        Fate::ALL.iter().filter_map(|fate| Some((of(*fate, &plain)?, fate.words()))).collect();
    looks.extend(of(Fate::Arrived, &[Kind::Error]).map(|packet| (packet, "ICMP error")));
    let end = "end of the connection, in place of a reply";
    looks.extend(of(Fate::Arrived, &[Kind::End]).map(|packet| (packet, end)));
    // An arrow that arrived explains itself.
    if looks.len() == 1 {
        looks.retain(|(packet, _)| packet.fate != Fate::Arrived);
    }
    looks
}

/// Text for SVG and HTML.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            // What XML does not allow at all.
            control if control.is_control() => escaped.push('\u{fffd}'),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}
