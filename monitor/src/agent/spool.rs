//! Results that the manager has not confirmed yet, in the order in which they are to be sent.

use std::collections::VecDeque;

use crate::protocol::{Ack, Delivery, Dropped};

/// A bounded queue: when it is full, the oldest result gives way, and a note
/// of its number takes its place.
#[derive(Debug)]
pub struct Spool {
    limit: usize,
    items: VecDeque<Delivery>,
    /// How many of the items are results.
    results: usize,
    /// How many items were confirmed or merged away, ever: so that a sender
    /// can keep its place while the front moves.
    gone: u64,
    dropped: u64,
}

impl Spool {
    /// An empty one, for `limit` results, at least 1.
    pub fn new(limit: usize) -> Spool {
        Spool { limit: limit.max(1), items: VecDeque::new(), results: 0, gone: 0, dropped: 0 }
    }

    /// How many items are kept: results, and notes of what was dropped.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many results are kept.
    pub fn results(&self) -> usize {
        self.results
    }

    /// How many results had to give way, ever.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Everything that is kept, from the oldest on.
    pub fn items(&self) -> impl Iterator<Item = &Delivery> {
        self.items.iter()
    }

    /// Takes one more item in at the end.
    pub fn push(&mut self, item: Delivery) {
        match item {
            Delivery::Result(_) => self.results += 1,
            Delivery::Dropped(ref dropped) => {
                let count = dropped.last.saturating_sub(dropped.first).saturating_add(1);
                self.dropped = self.dropped.saturating_add(count);
            }
        }
        self.items.push_back(item);
        while self.results > self.limit {
            self.drop_oldest();
        }
    }

    /// Turns the oldest result into a note that it was dropped, which joins
    /// the note before it where there is no gap between them.
    fn drop_oldest(&mut self) {
        let oldest = self.items.iter().position(|item| matches!(item, Delivery::Result(_)));
        let Some(index) = oldest else { return };
        let Delivery::Result(report) = &self.items[index] else { return };
        let (boot_id, seq) = (report.boot_id.clone(), report.seq);
        self.results -= 1;
        self.dropped += 1;
        let before = index.checked_sub(1).and_then(|before| self.items.get_mut(before));
        match before {
            Some(Delivery::Dropped(note))
                if note.boot_id == boot_id && note.last.checked_add(1) == Some(seq) =>
            {
                note.last = seq;
                self.items.remove(index);
                self.gone += 1;
            }
            _ => {
                self.items[index] = Delivery::Dropped(Dropped { boot_id, first: seq, last: seq });
            }
        }
    }

    /// Forgets what an acknowledgement confirms.
    pub fn acked(&mut self, ack: &Ack) {
        // The items of one boot stand together, and older boots before it.
        while let Some(front) = self.items.front() {
            let confirmed = front.boot_id() == ack.boot_id && front.numbers().1 <= ack.seq;
            if !confirmed {
                break;
            }
            self.results -= usize::from(matches!(front, Delivery::Result(_)));
            self.items.pop_front();
            self.gone += 1;
        }
    }

    /// The place of the oldest item, for [`from`](Spool::from).
    pub fn start(&self) -> u64 {
        self.gone
    }

    /// The items from a place on, and the place of the first of them. A place
    /// that is gone is the oldest one's: nothing is left out, though a note
    /// that has grown since may come a second time.
    pub fn from(&self, place: u64) -> (impl Iterator<Item = &Delivery>, u64) {
        let first = place.max(self.gone);
        (self.items.iter().skip((first - self.gone) as usize), first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Report;
    use proptest::prelude::*;
    use serde_json::Map;

    pub fn report(boot_id: &str, seq: u64) -> Report {
        Report {
            boot_id: boot_id.into(),
            seq,
            task: "1".into(),
            rev: 1,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1,
            verdict: crate::verdict::Verdict::Up,
            reason: String::new(),
            detail: Map::new(),
        }
    }

    fn ack(boot_id: &str, seq: u64) -> Ack {
        Ack { boot_id: boot_id.into(), seq }
    }

    /// `a1` for a result, `a1-3` for what was dropped.
    fn shown(spool: &Spool) -> Vec<String> {
        let show = |item: &Delivery| match item {
            Delivery::Result(report) => format!("{}{}", report.boot_id, report.seq),
            Delivery::Dropped(note) => format!("{}{}-{}", note.boot_id, note.first, note.last),
        };
        spool.items().map(show).collect()
    }

    #[test]
    fn a_full_spool_drops_the_oldest_and_notes_their_range() {
        let mut spool = Spool::new(3);
        for seq in 1..=5 {
            spool.push(Delivery::Result(report("a", seq)));
        }
        assert_eq!(shown(&spool), ["a1-2", "a3", "a4", "a5"]);
        assert_eq!((spool.results(), spool.dropped()), (3, 2));
        spool.acked(&ack("a", 2));
        assert_eq!(shown(&spool), ["a3", "a4", "a5"]);
    }

    #[test]
    fn results_of_an_older_boot_go_first_and_are_confirmed_by_themselves() {
        let mut spool = Spool::new(3);
        for (boot, seq) in [("a", 7), ("a", 8), ("b", 1), ("b", 2)] {
            spool.push(Delivery::Result(report(boot, seq)));
        }
        assert_eq!(shown(&spool), ["a7-7", "a8", "b1", "b2"]);
        // An acknowledgement of the new boot says nothing of the old one.
        spool.acked(&ack("b", 2));
        assert_eq!(shown(&spool).len(), 4);
        spool.acked(&ack("a", 8));
        assert_eq!(shown(&spool), ["b1", "b2"]);
        spool.acked(&ack("b", 9));
        assert_eq!(shown(&spool), Vec::<String>::new());
    }

    proptest! {
        /// Whatever happens, each number is confirmed, kept, or noted as
        /// dropped, exactly once; and a sender who keeps its place sends each.
        #[test]
        fn nothing_is_lost_silently(
            steps in prop::collection::vec((0u8..4, 0u64..6), 1..200),
            limit in 1usize..8,
        ) {
            let mut spool = Spool::new(limit);
            let (mut next, mut confirmed, mut place) = (1, 0, 0);
            let mut sent = std::collections::BTreeSet::new();
            for (step, number) in steps {
                match step {
                    0 | 1 => {
                        spool.push(Delivery::Result(report("a", next)));
                        next += 1;
                    }
                    2 => {
                        let (items, first) = spool.from(place);
                        place = first;
                        for item in items {
                            place += 1;
                            match item {
                                Delivery::Result(report) => { sent.insert(report.seq); }
                                Delivery::Dropped(note) => sent.extend(note.first..=note.last),
                            }
                        }
                    }
                    _ => {
                        // The manager confirms only what was sent.
                        let up_to = sent.iter().next_back().map_or(0, |last: &u64| last.saturating_sub(number));
                        confirmed = confirmed.max(up_to);
                        spool.acked(&ack("a", up_to));
                    }
                }
                let mut expected = None;
                let mut results = 0;
                for item in spool.items() {
                    let (first, last) = match item {
                        Delivery::Result(report) => { results += 1; (report.seq, report.seq) }
                        Delivery::Dropped(note) => (note.first, note.last),
                    };
                    if let Some(expected) = expected {
                        prop_assert_eq!(first, expected);
                    } else {
                        // A range may be confirmed only in part.
                        prop_assert!(first <= confirmed + 1);
                    }
                    expected = Some(last + 1);
                }
                prop_assert_eq!(expected.unwrap_or(confirmed + 1), next.max(confirmed + 1));
                prop_assert_eq!(results, spool.results());
                prop_assert!(results <= limit);
            }
            let (items, _) = spool.from(place);
            for item in items {
                match item {
                    Delivery::Result(report) => { sent.insert(report.seq); }
                    Delivery::Dropped(note) => sent.extend(note.first..=note.last),
                }
            }
            prop_assert!((1..next).all(|seq| sent.contains(&seq)));
        }
    }
}
