//! Which part of a run is drawn: from when to when, and how many of its exchanges.

use std::collections::BTreeSet;

use crate::model::{Mark, Packet, Run, Time};

/// What is wanted of a run. Times are counted from its first packet.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection {
    pub from: Option<Time>,
    pub to: Option<Time>,
    /// Every nth exchange; without it, as many as can be read.
    pub every: Option<usize>,
}

/// More exchanges than this nobody reads.
pub const MOST: usize = 200;

/// The moment from which a run's times are counted: its first packet or mark.
pub fn beginning(run: &Run) -> Time {
    let packets = run.packets.iter().map(|packet| packet.left.at.min(packet.came.at));
    let marks = run.marks.iter().map(|mark| mark.times().0);
    packets.chain(marks).min().unwrap_or(0)
}

/// Leaves what is selected, and notes what is not drawn.
pub fn select(run: &mut Run, selection: Selection) {
    let beginning = beginning(run);
    let from = selection.from.map_or(Time::MIN, |from| beginning.saturating_add(from));
    let to = selection.to.map_or(Time::MAX, |to| beginning.saturating_add(to));
    let all = run.packets.len();
    let inside = |packet: &Packet| packet.came.at >= from && packet.left.at <= to;
    run.packets.retain(inside);
    run.marks.retain(|mark| mark.times().1 >= from && mark.times().0 <= to);
    if run.packets.len() < all {
        run.notes
            .push(format!("{} of {all} packets are between --from and --to.", run.packets.len()));
    }
    thin(run, selection.every);
}

/// Leaves every nth exchange, with all that belongs to it.
fn thin(run: &mut Run, every: Option<usize>) {
    let exchanges: Vec<usize> = {
        let mut seen = BTreeSet::new();
        run.packets.iter().map(|packet| packet.exchange).filter(|id| seen.insert(*id)).collect()
    };
    let automatic = exchanges.len().div_ceil(MOST);
    let every = every.unwrap_or(automatic).max(1);
    if every == 1 {
        return;
    }
    let left: BTreeSet<usize> = exchanges.iter().copied().step_by(every).collect();
    run.packets.retain(|packet| left.contains(&packet.exchange));
    let mut others = 0;
    run.marks.retain(|mark| match mark {
        Mark::Timeout { exchange, .. } => left.contains(exchange),
        // A connection's opening and end belong to its packets; words are few.
        Mark::Band { .. } | Mark::Note { .. } => {
            others += 1;
            others <= MOST
        }
    });
    run.notes.push(format!(
        "Every {every}th of {} exchanges is drawn; --from and --to show all of a part.",
        exchanges.len()
    ));
}
