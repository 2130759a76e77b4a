//! Matching: which departure and which arrival are one packet, and what became of those without the other.

use std::collections::{BTreeMap, HashMap};

use crate::ledger::Ledger;
use crate::lifelines::Lifelines;
use crate::model::{Ended, Fate, Kind, Moment, Packet, Role, Time};
use crate::sighting::{Key, Sighting, Way};

/// All packets of the sightings, in the order in which they left. `base` is the index of
/// each ledger's first line among all lines.
pub fn packets(
    ledgers: &[Ledger],
    sightings: &[Sighting],
    base: &[usize],
    lifelines: &mut Lifelines,
) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut exchanges = Exchanges::new(ledgers);
    for (key, [left, came]) in by_key(sightings) {
        let exchange = exchanges.of(&key);
        // Copies of a packet are alike, so that it does not matter which is which.
        for (departure, arrival) in pairs(&left, &came) {
            let Some(one) = departure.or(arrival) else { continue };
            let (near, far) = (lifelines.near(&key.near), lifelines.far(&one.far));
            let (from, to) = if key.kind == Kind::Request { (near, far) } else { (far, near) };
            let label =
                [arrival, departure].into_iter().flatten().find_map(|seen| seen.label.clone());
            let mut packet = Packet {
                exchange,
                kind: key.kind,
                label: label.unwrap_or_else(|| key.number.label()),
                from,
                to,
                left: Moment::guessed(one.at),
                came: Moment::guessed(one.at),
                fate: Fate::Arrived,
                why: [arrival, departure].into_iter().flatten().find_map(|seen| seen.why.clone()),
                events: [departure, arrival]
                    .into_iter()
                    .flatten()
                    .map(|seen| base[seen.ledger] + seen.event)
                    .collect(),
            };
            if let Some(seen) = departure {
                packet.left = Moment::known(seen.at);
                packet.fate = seen.fate;
            }
            if let Some(seen) = arrival {
                // A kernel's stamp may be some microseconds off, and no packet comes before it left.
                packet.came = Moment::known(seen.at.max(packet.left.at));
                packet.fate = packet.fate.max(seen.fate);
            } else if packet.fate != Fate::NotSent {
                packet.fate = without_arrival(&packet, ledgers);
                let ended = packet.fate == Fate::Unknown && ledgers[packet.to].whole;
                packet.why = ended.then(|| "its receiver had ended".to_string());
            }
            packets.push(packet);
        }
    }
    refused_requests(&mut packets);
    guess_times(&mut packets);
    guess_deaths(&mut packets);
    find_overtaken(&mut packets);
    packets.sort_by_key(|packet| (packet.left.at, packet.came.at, packet.exchange, packet.kind));
    packets
}

type Sides<'a> = [Vec<&'a Sighting>; 2];

fn by_key(sightings: &[Sighting]) -> BTreeMap<Key, Sides<'_>> {
    let mut keys: BTreeMap<Key, Sides> = BTreeMap::new();
    for seen in sightings {
        let [left, came] = keys.entry(seen.key.clone()).or_default();
        if seen.way == Way::Left { left.push(seen) } else { came.push(seen) }
    }
    for [left, came] in keys.values_mut() {
        left.sort_by_key(|seen| seen.at);
        came.sort_by_key(|seen| seen.at);
    }
    keys
}

/// Departures and arrivals of one packet, and of its copies. Further arrivals
/// than departures are copies that arose on the way.
fn pairs<'a>(
    left: &[&'a Sighting],
    came: &[&'a Sighting],
) -> Vec<(Option<&'a Sighting>, Option<&'a Sighting>)> {
    let mut pairs = Vec::new();
    for index in 0..left.len().max(came.len()) {
        let departure = left.get(index).or(left.last());
        pairs.push((departure.copied(), came.get(index).copied()));
    }
    pairs
}

/// What became of a packet of which only the departure is told.
fn without_arrival(packet: &Packet, ledgers: &[Ledger]) -> Fate {
    // A ledger has the lifeline with its own number.
    let Some(there) = ledgers.get(packet.to) else {
        return if packet.kind == Kind::Request { Fate::Unanswered } else { Fate::Arrived };
    };
    let tells_messages = there.program != "echo_server"
        || ledgers.get(packet.from).is_none_or(|here| here.started("protocol") != Some("TCP"));
    // A link's pieces are numbered by the link alone, if no client tells of messages.
    let piece = packet.label.starts_with('#')
        && ledgers.get(packet.from).is_some_and(|link| link.started("transport") == Some("TCP"));
    match () {
        () if piece => Fate::Unknown,
        () if !tells_messages => Fate::Unanswered,
        () if there.tells(packet.left.at) => Fate::Lost,
        () => Fate::Unknown,
    }
}

/// Requests and replies that belong together, also where a link has put its own
/// addresses on them.
struct Exchanges {
    /// A link's outer address, and the client behind it.
    behind: HashMap<String, String>,
    numbers: HashMap<Key, usize>,
}

impl Exchanges {
    fn new(ledgers: &[Ledger]) -> Exchanges {
        let links = ledgers.iter().filter(|ledger| ledger.role == Role::Link);
        let pair = links.flat_map(|link| link.events.iter()).filter_map(|event| {
            Some((event.text("far")?.to_string(), event.text("client")?.to_string()))
        });
        Exchanges { behind: pair.collect(), numbers: HashMap::new() }
    }

    fn of(&mut self, key: &Key) -> usize {
        let near = self.behind.get(&key.near).unwrap_or(&key.near).clone();
        let next = self.numbers.len();
        *self.numbers.entry(Key { near, kind: Kind::Request, ..key.clone() }).or_insert(next)
    }
}

/// A request that was not seen to arrive, and in whose place an ICMP error came back, was refused.
fn refused_requests(packets: &mut [Packet]) {
    let errors: HashMap<usize, (Option<String>, usize)> = packets
        .iter()
        .filter(|packet| packet.kind == Kind::Error && packet.came.known)
        .map(|packet| (packet.exchange, (packet.why.clone(), packet.from)))
        .collect();
    for packet in packets.iter_mut().filter(|packet| packet.kind == Kind::Request) {
        let Some((why, from)) = errors.get(&packet.exchange) else { continue };
        if packet.to == *from
            && matches!(packet.fate, Fate::Lost | Fate::Unanswered | Fate::Unknown)
        {
            packet.fate = Fate::Refused;
            packet.why.clone_from(why);
        }
    }
}

/// Puts the moments that nobody tells where they do least harm: the server's in the middle of
/// the round trip, so that both ways take equally long.
fn guess_times(packets: &mut [Packet]) {
    let mut answers: HashMap<usize, Time> = HashMap::new();
    for packet in packets.iter().filter(|packet| packet.kind != Kind::Request && packet.came.known)
    {
        if !packet.left.known {
            let first = answers.entry(packet.exchange).or_insert(packet.came.at);
            *first = packet.came.at.min(*first);
        }
    }
    let mut middles: HashMap<usize, Time> = HashMap::new();
    for packet in packets.iter_mut().filter(|packet| packet.kind == Kind::Request) {
        let Some(&answered) = answers.get(&packet.exchange) else { continue };
        if packet.left.known && !packet.came.known {
            let middle = packet.left.at + (answered - packet.left.at).max(0) / 2;
            packet.came = Moment::guessed(middle);
            if packet.fate == Fate::Unanswered || packet.fate == Fate::Unknown {
                packet.fate = Fate::Arrived;
            }
        }
        middles.insert(packet.exchange, packet.came.at);
    }
    for packet in packets.iter_mut().filter(|packet| packet.kind != Kind::Request) {
        if let (false, Some(&middle)) = (packet.left.known, middles.get(&packet.exchange)) {
            packet.left = Moment::guessed(middle.min(packet.came.at));
        }
    }
}

/// When a packet died under way nobody tells: half of a typical flight after it left.
fn guess_deaths(packets: &mut [Packet]) {
    let flights = |request: bool| -> Time {
        let arrived = |packet: &&Packet| !packet.fate.is_cross() && packet.left.at < packet.came.at;
        let same = packets.iter().filter(|packet| (packet.kind == Kind::Request) == request);
        let mut flights: Vec<Time> =
            same.filter(arrived).map(|packet| packet.came.at - packet.left.at).collect();
        flights.sort_unstable();
        flights.get(flights.len() / 2).copied().unwrap_or(0)
    };
    let (up, down) = (flights(true), flights(false));
    for packet in
        packets.iter_mut().filter(|packet| !packet.came.known && packet.fate != Fate::NotSent)
    {
        let flight = if packet.kind == Kind::Request { up } else { down };
        let flight = if packet.fate.ended() == Ended::Midway { flight / 2 } else { flight };
        if packet.left.at == packet.came.at {
            packet.came = Moment::guessed(packet.left.at + flight);
        }
    }
}

/// A reply, or a request, that came behind one with a higher number (RFC 4737,
/// section 3.3). Of copies the first counts.
fn find_overtaken(packets: &mut [Packet]) {
    let mut order: Vec<usize> = (0..packets.len())
        .filter(|&i| {
            packets[i].came.known && matches!(packets[i].kind, Kind::Request | Kind::Reply)
        })
        .collect();
    order.sort_by_key(|&i| packets[i].came.at);
    let mut highest: HashMap<(usize, usize, Kind), u64> = HashMap::new();
    for index in order {
        let packet = &mut packets[index];
        let Ok(number) = packet.label.parse::<u64>() else { continue };
        let highest = highest.entry((packet.from, packet.to, packet.kind)).or_default();
        if number < *highest && packet.fate == Fate::Arrived {
            packet.fate = Fate::Reordered;
        }
        *highest = number.max(*highest);
    }
}
