//! What a ledger tells beside its packets: timeouts, connections, and words such as "taken for dead".

use std::collections::HashMap;

use crate::ledger::{Event, Ledger};
use crate::lifelines::Lifelines;
use crate::model::{Fate, Kind, Mark, Moment, Packet, Role, Time};

/// Who is asked of a ledger's events.
pub struct Teller<'a> {
    pub ledger: &'a Ledger,
    pub lifeline: usize,
    /// The index of its first line among all lines.
    pub base: usize,
}

impl Teller<'_> {
    /// Connections that did not come about, each a packet: a SYN and what became of it.
    pub fn failed_connections(
        &self,
        lifelines: &mut Lifelines,
        first_exchange: usize,
    ) -> Vec<Packet> {
        let server = self.ledger.started("server").unwrap_or("").to_string();
        let mut packets = Vec::new();
        if self.ledger.role != Role::Client {
            return packets;
        }
        let mut began = None;
        for (index, event) in self.ledger.events.iter().enumerate() {
            if event.name == "connecting" {
                began = Some(event.at);
            }
            let fate = match (event.name.as_str(), event.text("stage")) {
                ("timeout", Some("connect")) => Fate::Unanswered,
                ("refused", _) | ("icmp_error", Some("connect")) => Fate::Refused,
                ("unreachable", None) => Fate::NotSent,
                _ => continue,
            };
            let why = ["meaning", "why"].iter().find_map(|field| event.text(field));
            let left = began.take().unwrap_or(event.at);
            packets.push(Packet {
                exchange: first_exchange + packets.len(),
                kind: Kind::Syn,
                label: format!("SYN {}", event.number("seq").unwrap_or(0)),
                from: self.lifeline,
                to: lifelines.far(&server),
                left: Moment::known(left),
                came: Moment::guessed(left + (event.at - left).max(0) / 2),
                fate,
                why: why.map(str::to_string),
                events: vec![self.base + index],
            });
        }
        packets
    }

    /// Its marks. Exchanges are found by their number: `exchange` gives that of this ledger's `seq`.
    pub fn marks(
        &self,
        lifelines: &mut Lifelines,
        exchange: impl Fn(u64) -> Option<usize>,
    ) -> Vec<Mark> {
        let mut marks = Vec::new();
        for (index, event) in self.ledger.events.iter().enumerate() {
            let event_index = self.base + index;
            if event.name == "timeout" {
                marks.extend(self.timeout(event, &exchange));
            }
            marks.extend(self.band(event, event_index, lifelines));
            marks.extend(note(event).map(|text| Mark::Note {
                lifeline: self.lifeline,
                at: event.at,
                text,
                event: event_index,
            }));
        }
        marks
    }

    fn timeout(&self, event: &Event, exchange: &impl Fn(u64) -> Option<usize>) -> Option<Mark> {
        let (seq, time) = (event.number("seq")?, event.ms("timeout_ms")?);
        let (lifeline, label) = (self.lifeline, seq.to_string());
        let exchange = exchange(seq).unwrap_or(usize::MAX);
        Some(Mark::Timeout {
            exchange,
            lifeline,
            label,
            from: (event.at - time).max(0),
            to: event.at,
        })
    }

    /// The opening of a connection, which its client tells, and the end, which
    /// its server does.
    fn band(&self, event: &Event, index: usize, lifelines: &mut Lifelines) -> Option<Mark> {
        match (self.ledger.role, event.name.as_str()) {
            (Role::Client, "connected") => {
                let took: Time = event.ms("connect_ms")?;
                let far = lifelines.far(self.ledger.started("server")?);
                let port = port(event.text("local")?);
                Some(Mark::Band {
                    opening: true,
                    near: self.lifeline,
                    far,
                    from: (event.at - took).max(0),
                    to: event.at,
                    text: format!("port {port} opens"),
                    event: index,
                })
            }
            (Role::Server, "connected") => {
                let port = port(event.text("client")?);
                let (lifeline, at) = (self.lifeline, event.at);
                Some(Mark::Note { lifeline, at, text: accepted(port), event: index })
            }
            (Role::Server, "end" | "closed" | "turned_away") => {
                let client = event.text("client")?;
                let why = event.text("reason").or(event.text("why")).unwrap_or("turned away");
                Some(Mark::Band {
                    opening: false,
                    near: lifelines.near(client),
                    far: self.lifeline,
                    from: event.at,
                    to: event.at,
                    text: format!("port {} ends: {}", port(client), why.replace('_', " ")),
                    event: index,
                })
            }
            _ => None,
        }
    }
}

fn accepted(port: &str) -> String {
    format!("port {port} accepted")
}

/// The kernel makes a connection, and the program accepts it, mostly at once:
/// only where it takes its time is that worth a word.
pub fn leave_slow_acceptances(marks: &mut Vec<Mark>) {
    const AT_ONCE: Time = 5_000_000;
    let opened: HashMap<String, Time> = marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Band { opening: true, to, text, .. } => {
                Some((accepted(text.split(' ').nth(1)?), *to))
            }
            _ => None,
        })
        .collect();
    marks.retain(|mark| match mark {
        Mark::Note { at, text, .. } => opened.get(text).is_none_or(|opened| at - opened > AT_ONCE),
        _ => true,
    });
}

fn port(address: &str) -> &str {
    address.rsplit_once(':').map_or(address, |(_, port)| port)
}

/// What is a word at a lifeline.
fn note(event: &Event) -> Option<String> {
    let from = || event.text("from").or(event.text("client")).unwrap_or("an unknown sender");
    Some(match event.name.as_str() {
        "down" => format!("taken for dead after {} misses", event.number("misses")?),
        "recovered" => "alive again".to_string(),
        "stopped" => "no beats any more".to_string(),
        "returned" => "beats again".to_string(),
        "foreign" => format!("answers nothing: from {}", from()),
        "malformed" => format!("malformed: from {}", from()),
        "icmp_error" if event.text("stage") == Some("request") => {
            format!("ICMP error, a hint: {}", event.text("meaning")?)
        }
        "icmp_error" if event.text("near").is_some() => {
            format!("ICMP error: {}", event.text("meaning")?)
        }
        "next_address" => format!("next address: {}", event.text("next")?),
        _ => return None,
    })
}
