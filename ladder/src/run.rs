//! From ledgers to a run: everything matched, on one clock.

use std::collections::HashMap;

use crate::clocks;
use crate::connections::{self, Teller};
use crate::ledger::Ledger;
use crate::lifelines::{Lifelines, order};
use crate::matching;
use crate::model::{Line, Mark, Packet, Role, Run, Time};
use crate::sighting::{self, Streams};

/// Puts the ledgers together. `offset` is by how much the clocks of all but the
/// first are ahead of it.
pub fn run(mut ledgers: Vec<Ledger>, offset: Option<Time>) -> Run {
    let streams = Streams::of(&ledgers);
    let mut sightings = Vec::new();
    for (index, ledger) in ledgers.iter().enumerate() {
        sightings.extend(sighting::of(index, ledger, &streams));
    }
    let clocks = clocks::align(&mut ledgers, &mut sightings, offset);
    let mut lifelines = Lifelines::new(&ledgers);
    let base = bases(&ledgers);
    let mut packets = matching::packets(&ledgers, &sightings, &base, &mut lifelines);
    let mut marks = Vec::new();
    for (lifeline, ledger) in ledgers.iter().enumerate() {
        let teller = Teller { ledger, lifeline, base: base[lifeline] };
        let first = packets.iter().map(|packet| packet.exchange + 1).max().unwrap_or(0);
        packets.extend(teller.failed_connections(&mut lifelines, first));
        let own: HashMap<&str, usize> = packets
            .iter()
            .filter(|packet| packet.from == lifeline)
            .map(|packet| (packet.label.as_str(), packet.exchange))
            .collect();
        marks
            .extend(teller.marks(&mut lifelines, |seq| own.get(seq.to_string().as_str()).copied()));
    }
    connections::leave_slow_acceptances(&mut marks);
    packets.sort_by_key(|packet| packet.left.at);
    let guessed =
        |packet: &Packet| !(packet.fate.is_cross() || packet.left.known && packet.came.known);
    let one_way = (clocks.is_none() && packets.iter().any(guessed)).then(|| {
        "Where one end tells nothing, one-way times are not known: drawn as if both ways took equally long.".to_string()
    });
    let notes = clocks.into_iter().chain(one_way).chain(strangers(&ledgers, &packets)).collect();
    let events = lines(&ledgers);
    let mut run = Run { lifelines: lifelines.all, packets, marks, events, notes };
    arrange(&mut run);
    run
}

fn bases(ledgers: &[Ledger]) -> Vec<usize> {
    let lengths = ledgers.iter().map(|ledger| ledger.events.len());
    lengths
        .scan(0, |next, length| {
            let base = *next;
            *next += length;
            Some(base)
        })
        .collect()
}

fn lines(ledgers: &[Ledger]) -> Vec<Line> {
    let of = |ledger: &Ledger| -> Vec<Line> {
        let line = |json: String| Line { program: ledger.name(), json };
        ledger.events.iter().map(|event| line(event.value.to_string())).collect()
    };
    ledgers.iter().flat_map(of).collect()
}

/// Ledgers that share no packet with any other, though there are others.
fn strangers(ledgers: &[Ledger], packets: &[Packet]) -> Vec<String> {
    let shares = |index: usize| {
        let both = |packet: &&Packet| packet.left.known && packet.came.known;
        packets.iter().filter(both).any(|packet| packet.from == index || packet.to == index)
    };
    let others = |role: Role| ledgers.iter().any(|ledger| ledger.role != role);
    let silent =
        |index: usize| packets.iter().all(|packet| packet.from != index && packet.to != index);
    let mut notes = Vec::new();
    for (index, ledger) in ledgers.iter().enumerate() {
        let streams = ledgers.iter().any(|other| other.started("protocol") == Some("TCP"));
        if others(ledger.role) && !shares(index) && !streams {
            let Ledger { source, program, .. } = ledger;
            let what = if silent(index) {
                "tells of no packet"
            } else {
                "has no packet in common with the others"
            };
            notes.push(format!("{program} ({source}) {what}: it may be of another run."));
        }
    }
    notes
}

/// Puts the lifelines in their order from left to right, without those of whom nothing is told.
fn arrange(run: &mut Run) {
    let mut used: Vec<bool> = run.lifelines.iter().map(|lifeline| lifeline.told).collect();
    for packet in &run.packets {
        (used[packet.from], used[packet.to]) = (true, true);
    }
    let order = order(&run.lifelines, &used);
    let mut place = vec![0; run.lifelines.len()];
    for (new, &old) in order.iter().enumerate() {
        place[old] = new;
    }
    run.lifelines = order.iter().map(|&old| run.lifelines[old].clone()).collect();
    for packet in &mut run.packets {
        (packet.from, packet.to) = (place[packet.from], place[packet.to]);
    }
    // A band whose other end is not drawn has nowhere to end.
    run.marks.retain(
        |mark| !matches!(mark, Mark::Band { near, far, .. } if !used[*near] || !used[*far]),
    );
    for mark in &mut run.marks {
        match mark {
            Mark::Timeout { lifeline, .. } | Mark::Note { lifeline, .. } => {
                *lifeline = place[*lifeline]
            }
            Mark::Band { near, far, .. } => (*near, *far) = (place[*near], place[*far]),
        }
    }
    run.marks.sort_by_key(|mark| mark.times());
}
