//! What a link between client and server says of packets.

use std::collections::HashMap;

use super::{Key, Number, Seen, Way, ends};
use crate::ledger::{Event, Ledger};
use crate::model::{Fate, Kind, Role};

/// Where the messages of each connection end in its stream, by the client's
/// address: a link above TCP sees bytes, and no messages.
#[derive(Debug, Default)]
pub struct Streams {
    /// For each way, up first: the end of each message, and its number.
    ends: HashMap<String, [Vec<(u64, u64)>; 2]>,
}

impl Streams {
    pub fn of(ledgers: &[Ledger]) -> Streams {
        let mut streams = Streams::default();
        for ledger in ledgers.iter().filter(|ledger| ledger.role == Role::Client) {
            let ends = ends(ledger);
            let common = ledger.end();
            for event in &ledger.events {
                let (Some(seq), Some(bytes)) = (event.number("seq"), event.number("bytes")) else {
                    continue;
                };
                let way = match event.name.as_str() {
                    "sent" => 0,
                    "reply" | "late" | "corrupt" | "lost" => 1,
                    _ => continue,
                };
                let Some(near) = ends.get(&seq).or(common.as_ref()) else { continue };
                let messages = &mut streams.ends.entry(near.clone()).or_default()[way];
                let before = messages.last().map_or(0, |(end, _)| *end);
                messages.push((before.saturating_add(bytes), seq));
            }
        }
        streams
    }

    /// The messages of which the last byte is in a piece; of a client that tells
    /// nothing, the piece itself.
    fn ended_by(&self, client: &str, up: bool, piece: &Event) -> Vec<Number> {
        let Some(messages) = self.ends.get(client) else {
            return piece.number("number").map(Number::Place).into_iter().collect();
        };
        let begin = piece.number("offset").unwrap_or(0);
        let end = begin.saturating_add(piece.number("bytes").unwrap_or(0));
        let messages = messages[usize::from(!up)].iter();
        messages
            .filter(|(last, _)| begin < *last && *last <= end)
            .map(|(_, seq)| Number::Seq(*seq))
            .collect()
    }
}

/// Each datagram of a link is two: it came on one side, and left on the other.
pub(super) fn link(ledger: &Ledger, streams: &Streams, seen: &mut Seen) {
    for (index, event) in ledger.events.iter().enumerate() {
        let (Some(way), Some(client)) = (event.text("way"), event.text("client")) else { continue };
        let near = event.text("near").or(ledger.started("local")).unwrap_or("");
        let Some(far) = event.text("far") else { continue };
        let server = event.text("server").or(ledger.started("server")).unwrap_or("");
        let up = way == "up";
        let kind = if up { Kind::Request } else { Kind::Reply };
        let place = event.number("number");
        let numbers = match (event.name.as_str(), event.number("ping"), place) {
            ("piece", ..) => streams.ended_by(client, up, event),
            (_, Some(ping), _) => vec![Number::Seq(ping)],
            (_, None, Some(place)) => vec![Number::Place(place)],
            (_, None, None) => continue,
        };
        for number in numbers {
            let outside = Key { near: client.to_string(), kind, number };
            let inside = Key { near: far.to_string(), kind, number };
            let (came, left) = match up {
                true => ((outside, near), (inside, server)),
                false => ((inside, server), (outside, near)),
            };
            passed_on(index, event, came, left, seen);
        }
    }
}

/// One packet of a link, by its key and far address on the side where it came and on that where it left.
fn passed_on(index: usize, event: &Event, came: (Key, &str), left: (Key, &str), seen: &mut Seen) {
    let word = event.text("fate").unwrap_or("");
    let fate = if matches!(word, "dropped" | "queue_full") { Fate::Dropped } else { Fate::Arrived };
    let sighting = seen.add(index, came.0, came.1, event.at, Way::Came, fate);
    sighting.why = (word == "queue_full").then(|| "the queue was full".to_string());
    let (at, failed) = match (event.time("left_ns"), word) {
        (_, "failed") => (event.at, true),
        (Some(at), _) => (at, false),
        (None, _) => return,
    };
    let fate = if failed { Fate::NotSent } else { Fate::Arrived };
    for _ in 0..event.number("copies").unwrap_or(1).clamp(u64::from(failed), 2) {
        let sighting = seen.add(index, left.0.clone(), left.1, at, Way::Left, fate);
        sighting.why = event.text("why").map(str::to_string);
    }
}
