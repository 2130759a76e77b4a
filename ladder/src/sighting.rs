//! Sightings: each event as what it says of one packet, that it left here or came here.
//!
//! A packet is known by the address of its client's end, its kind, and the
//! number in it; never by the order of the lines, nor by their times.

mod link;

use std::collections::HashMap;

use crate::ledger::{Event, Ledger};
use crate::model::{Fate, Kind, Role, Time};
pub use link::Streams;

/// Which packet: what both its ends know of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The address and port of the end that is nearer to the client. Of ICMP, the identifier
    /// takes the port's place.
    pub near: String,
    pub kind: Kind,
    pub number: Number,
}

/// The number of a request, which its replies share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Number {
    /// It stands in the packet.
    Seq(u64),
    /// None stands in it: its place among those from this address. An echo
    /// client has an address for each message, so that there it is always 1.
    Place(u64),
}

impl Number {
    pub fn label(self) -> String {
        match self {
            Number::Seq(seq) => seq.to_string(),
            Number::Place(place) => format!("#{place}"),
        }
    }
}

/// A packet, seen at one of its ends.
#[derive(Debug, Clone)]
pub struct Sighting {
    pub ledger: usize,
    /// Index of the event in the ledger.
    pub event: usize,
    pub key: Key,
    /// The address of the end that is nearer to the server.
    pub far: String,
    pub at: Time,
    pub way: Way,
    /// What this end says of its fate.
    pub fate: Fate,
    pub why: Option<String>,
    /// The number by which the client's own ledger calls it, where that is another.
    pub label: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Left,
    Came,
}

/// All that a ledger says of packets. `index` is its place among the ledgers;
/// `streams` are the messages on the clients' connections.
pub fn of(index: usize, ledger: &Ledger, streams: &Streams) -> Vec<Sighting> {
    let mut seen = Seen { index, all: Vec::new() };
    match ledger.role {
        Role::Client => client(ledger, &mut seen),
        Role::Server => server(ledger, &mut seen),
        Role::Link => link::link(ledger, streams, &mut seen),
    }
    seen.all
}

struct Seen {
    index: usize,
    all: Vec<Sighting>,
}

impl Seen {
    fn add(
        &mut self,
        event: usize,
        key: Key,
        far: &str,
        at: Time,
        way: Way,
        fate: Fate,
    ) -> &mut Sighting {
        let (ledger, far) = (self.index, far.to_string());
        self.all.push(Sighting { ledger, event, key, far, at, way, fate, why: None, label: None });
        let last = self.all.len() - 1;
        &mut self.all[last]
    }
}

/// Where the client's end of each of its messages was: at one address for the
/// whole run, or at one for each message or connection.
fn ends(ledger: &Ledger) -> HashMap<u64, String> {
    let seq_and_local =
        |event: &Event| Some((event.number("seq")?, event.text("local")?.to_string()));
    ledger.events.iter().filter_map(seq_and_local).collect()
}

/// How often TCP sent the segments of each request again, where it did. When, nobody tells.
fn repeats(ledger: &Ledger) -> HashMap<u64, u64> {
    let times = |event: &Event| event.number("retransmits").filter(|times| *times > 0);
    let repeats =
        ledger.events.iter().filter_map(|event| Some((event.number("seq")?, times(event)?)));
    repeats.collect()
}

fn client(ledger: &Ledger, seen: &mut Seen) {
    let (ends, repeats) = (ends(ledger), repeats(ledger));
    let common = ledger.end();
    let far =
        ["server", "address", "host"].iter().find_map(|name| ledger.started(name)).unwrap_or("");
    let datagrams = ledger.program == "echo_client" && ledger.started("protocol") != Some("TCP");
    for (index, event) in ledger.events.iter().enumerate() {
        let Some(seq) = event.number("seq") else { continue };
        let Some(near) = ends.get(&seq).or(common.as_ref()) else { continue };
        let number = if datagrams { Number::Place(1) } else { Number::Seq(seq) };
        let key = |kind| Key { near: near.clone(), kind, number };
        let (kind, way, fate) = match event.name.as_str() {
            "sent" => (Kind::Request, Way::Left, Fate::Arrived),
            "not_sent" => (Kind::Request, Way::Left, Fate::NotSent),
            "reply" => (Kind::Reply, Way::Came, Fate::Arrived),
            "late" => (Kind::Reply, Way::Came, Fate::Late),
            "duplicate" => (Kind::Reply, Way::Came, Fate::Duplicate),
            "corrupt" => (Kind::Reply, Way::Came, Fate::Corrupt),
            "lost" => (Kind::Reply, Way::Came, Fate::SaidLost),
            // A hint, to a connection that goes on, and an answer to a SYN are no replies.
            "icmp_error" if event.text("stage").is_none() => {
                (Kind::Error, Way::Came, Fate::Arrived)
            }
            "closed" | "reset" => (Kind::End, Way::Came, Fate::Arrived),
            _ => continue,
        };
        let sighting = seen.add(index, key(kind), far, event.at, way, fate);
        sighting.label = Some(seq.to_string());
        sighting.why = match event.name.as_str() {
            "icmp_error" => event.text("meaning").map(|meaning| match event.text("from") {
                Some(from) => format!("{meaning}, from {from}"),
                None => meaning.to_string(),
            }),
            "closed" => Some("closed by the server".to_string()),
            "reset" => Some("reset by the server".to_string()),
            "corrupt" => event.text("what").map(str::to_string),
            "sent" => repeats.get(&seq).map(|times| match times {
                1 => "sent again once by TCP".to_string(),
                times => format!("sent again {times} times by TCP"),
            }),
            _ => event.text("why").map(str::to_string),
        };
    }
}

/// The number that a request begins with, after a word at most: `Ping 7 ...` and
/// `7 1764277797.5` both have 7. `text` is as servers show it, in quotes.
fn number_in(text: &str) -> Option<u64> {
    let mut words = text.trim_matches('"').split(' ');
    let first = words.next()?;
    match first.parse() {
        Ok(number) => Some(number),
        Err(_) if first.eq_ignore_ascii_case("ping") => words.next()?.parse().ok(),
        Err(_) => None,
    }
}

fn server(ledger: &Ledger, seen: &mut Seen) {
    let far = ledger.started("local").unwrap_or("");
    // The number in each request, by the client and the server's own count of them.
    let mut numbers: HashMap<(&str, u64), Number> = HashMap::new();
    let mut places: HashMap<&str, u64> = HashMap::new();
    let arrivals = ledger.events.iter().filter(|event| is_request(event));
    for event in arrivals {
        let Some(client) = event.text("client") else { continue };
        let place = places.entry(client).or_default();
        *place += 1;
        let number = event.number("seq").or_else(|| event.text("text").and_then(number_in));
        let place = event.number("request").unwrap_or(*place);
        numbers.insert((client, place), number.map_or(Number::Place(place), Number::Seq));
    }
    places.clear();
    for (index, event) in ledger.events.iter().enumerate() {
        let Some(client) = event.text("client") else { continue };
        let place = event.number("request").unwrap_or_else(|| {
            let place = places.entry(client).or_default();
            *place += u64::from(is_request(event));
            *place
        });
        let Some(&number) = numbers.get(&(client, place)) else { continue };
        let key = |kind| Key { near: client.to_string(), kind, number };
        match event.name.as_str() {
            "request" | "beat" => request(index, event, key, far, seen),
            "sent" => {
                // A server sends a reply twice at most.
                for _ in 0..event.number("copies").unwrap_or(1).min(2) {
                    seen.add(index, key(Kind::Reply), far, event.at, Way::Left, Fate::Arrived);
                }
            }
            "not_sent" => {
                let why = event.text("why").map(str::to_string);
                seen.add(index, key(Kind::Reply), far, event.at, Way::Left, Fate::NotSent).why =
                    why;
            }
            _ => {}
        }
    }
}

fn is_request(event: &Event) -> bool {
    matches!(event.name.as_str(), "request" | "beat")
}

/// A request at its server, and what left in its place where no `sent` tells that.
fn request(index: usize, event: &Event, key: impl Fn(Kind) -> Key, far: &str, seen: &mut Seen) {
    let word = event.text("fate").unwrap_or("");
    let fate = match word {
        "dropped" | "ignored" => Fate::Dropped,
        "rejected" => Fate::Refused,
        _ => Fate::Arrived,
    };
    // Over TCP the line is of the answer, and names the moment of the reading beside it.
    let came = event.time("read_ns").unwrap_or(event.at);
    let sighting = seen.add(index, key(Kind::Request), far, came, Way::Came, fate);
    sighting.why = match word {
        "rejected" => event.text("error").map(str::to_string),
        "ignored" => Some("from another echo service".to_string()),
        _ => None,
    };
    let over_tcp = event.number("connection").is_some();
    let left = event.time("sent_ns").or(over_tcp.then_some(event.at));
    match (word, left) {
        ("rejected", _) => {
            seen.add(index, key(Kind::Error), far, event.at, Way::Left, Fate::Arrived);
        }
        ("replied" | "lost" | "echoed", Some(left)) => {
            seen.add(index, key(Kind::Reply), far, left, Way::Left, Fate::Arrived);
        }
        ("failed", _) => {
            seen.add(index, key(Kind::Reply), far, event.at, Way::Left, Fate::NotSent);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_known_by_the_number_that_it_begins_with() {
        for (text, number) in [
            ("\"Ping 7 2026-11-21T08:18:28.123456Z\"", Some(7)),
            ("\"ping 12\"", Some(12)),
            ("\"3 1764277797.5\"", Some(3)),
            ("\"hello\"", None),
            ("\"Ping\"", None),
            ("", None),
        ] {
            assert_eq!(number_in(text), number, "{text}");
        }
    }
}
