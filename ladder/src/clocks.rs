//! One clock for all: ledgers of one machine share it, those of two machines do not.

use std::collections::HashMap;

use crate::ledger::Ledger;
use crate::model::Time;
use crate::sighting::{Key, Sighting, Way};

/// A kernel's stamps and a program's readings may differ by this much on one machine.
const SLACK: Time = 1_000_000;

/// The shortest time from a departure in one ledger to the arrival in another.
type Shortest = HashMap<(usize, usize), Time>;

/// Sets all ledgers and sightings to the clock of the first ledger. With an
/// `offset` each other ledger's clock is ahead of it by so much; without one,
/// those that cannot be the same clock are set so that both ways take equally
/// long, and a sentence says so.
pub fn align(
    ledgers: &mut [Ledger],
    sightings: &mut [Sighting],
    offset: Option<Time>,
) -> Option<String> {
    let shortest = shortest(sightings);
    let mut shifts: Vec<Option<Time>> = vec![None; ledgers.len()];
    *shifts.first_mut()? = Some(0);
    let mut differ = false;
    // From the first ledger to those with which it shares packets, and on to theirs.
    while let Some((here, there)) = next(&shifts, &shortest) {
        let before = shifts[here].unwrap_or(0);
        let own = ledgers[there].started("clock").is_some_and(|clock| clock.starts_with("since"));
        let out = shortest.get(&(here, there)).copied();
        let back = shortest.get(&(there, here)).copied();
        let impossible = [out, back].into_iter().flatten().any(|time| time < -SLACK);
        let shift = match (own || impossible, out, back) {
            (false, ..) => 0,
            (true, Some(out), Some(back)) => (back - out) / 2,
            (true, Some(out), None) => -out,
            (true, None, back) => back.unwrap_or(0),
        };
        differ |= own || impossible;
        shifts[there] = Some(before + shift);
    }
    if let Some(offset) = offset {
        shifts =
            (0..ledgers.len()).map(|index| Some(if index == 0 { 0 } else { -offset })).collect();
    }
    for (ledger, shift) in ledgers.iter_mut().zip(&shifts) {
        ledger.events.iter_mut().for_each(|event| event.at += shift.unwrap_or(0));
    }
    for seen in sightings {
        seen.at += shifts[seen.ledger].unwrap_or(0);
    }
    (differ && offset.is_none()).then(|| {
        "The clocks of these programs differ, so that one-way times are not known: drawn as if \
         both ways took equally long (--offset sets the difference)."
            .to_string()
    })
}

/// A ledger that is set, and one that shares packets with it and is not.
fn next(shifts: &[Option<Time>], shortest: &Shortest) -> Option<(usize, usize)> {
    let pairs = shortest.keys().flat_map(|&(a, b)| [(a, b), (b, a)]);
    pairs.filter(|&(here, there)| shifts[here].is_some() && shifts[there].is_none()).min()
}

fn shortest(sightings: &[Sighting]) -> Shortest {
    let mut departures: HashMap<&Key, (usize, Time)> = HashMap::new();
    for seen in sightings.iter().filter(|seen| seen.way == Way::Left) {
        let first = departures.entry(&seen.key).or_insert((seen.ledger, seen.at));
        first.1 = first.1.min(seen.at);
    }
    let mut shortest = Shortest::new();
    for seen in sightings.iter().filter(|seen| seen.way == Way::Came) {
        let Some(&(from, left)) = departures.get(&seen.key) else { continue };
        if from != seen.ledger {
            let time = shortest.entry((from, seen.ledger)).or_insert(Time::MAX);
            *time = (seen.at - left).min(*time);
        }
    }
    shortest
}
