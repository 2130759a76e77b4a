//! What a watcher makes of answers and silences: whether the server is down, and how its clock stands.

use std::collections::BTreeSet;
use std::time::Duration;

use socklab::clock::At;

use crate::told::{Down, Recovered};

/// The judgement: beats in a row that nothing came back for, and the last sign of life.
pub struct Watch {
    /// So many in a row are taken for death.
    misses: u64,
    /// The beats that were missed since the last sign of life, and that no
    /// answered beat follows.
    missed: BTreeSet<u64>,
    /// The highest beat that was answered.
    answered: u64,
    /// When the server was last heard, or when the watch began.
    last_life: At,
    ever_alive: bool,
    pub down: bool,
}

impl Watch {
    pub fn new(misses: u64, began: At) -> Watch {
        Watch {
            misses,
            missed: BTreeSet::new(),
            answered: 0,
            last_life: began,
            ever_alive: false,
            down: false,
        }
    }

    /// Enters a beat that nothing came back for, as is known since `at`. The
    /// verdict goes by the beats' numbers and not by the order of their
    /// timeouts: an answered beat breaks the run of those before it.
    pub fn missed(&mut self, seq: u64, at: At) -> Option<Down> {
        if self.down || seq < self.answered {
            return None;
        }
        self.missed.insert(seq);
        let run = |step: i64| {
            (1..).take_while(|n| self.missed.contains(&seq.wrapping_add_signed(n * step))).count()
        };
        let in_a_row = (run(-1) + 1 + run(1)) as u64;
        if in_a_row < self.misses {
            return None;
        }
        self.down = true;
        self.missed.clear();
        let (silent, ever_alive) = (at.since(self.last_life), self.ever_alive);
        Some(Down { at_ns: at, seq, misses: in_a_row, silent_s: silent.as_secs_f64(), ever_alive })
    }

    /// Enters an answer, be it late: a dead server would not have sent it.
    pub fn alive(&mut self, seq: u64, at: At) -> Option<Recovered> {
        let outage_s = at.since(self.last_life).as_secs_f64();
        let recovered = self.down.then_some(Recovered { at_ns: at, seq, outage_s });
        self.missed.clear();
        self.answered = self.answered.max(seq);
        (self.down, self.ever_alive, self.last_life) = (false, true, at);
        recovered
    }
}

/// What all answers together say about the server's clock.
#[derive(Debug, Default, Clone, Copy)]
pub struct Clocks {
    /// RTT and DIFF, in milliseconds, of the answer with the shortest RTT: the
    /// shorter the RTT, the closer the bounds.
    best: Option<(f64, f64)>,
    /// Answers with a DIFF below 0.
    pub negative: u64,
}

impl Clocks {
    /// Enters an answer that came in time; `diff` in seconds, as it stands in it.
    pub fn compare(&mut self, rtt: Duration, diff: f64) {
        let rtt = rtt.as_secs_f64() * 1e3;
        if self.best.is_none_or(|(shortest, _)| rtt < shortest) {
            self.best = Some((rtt, diff * 1e3));
        }
        self.negative += u64::from(diff < 0.0);
    }

    /// The server's clock minus ours, and by how much that may be wrong, both in
    /// milliseconds: half the RTT either way, since either way may have been
    /// the slow one.
    pub fn offset(&self) -> Option<(f64, f64)> {
        self.best.map(|(rtt, diff)| (diff - rtt / 2.0, rtt / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watch that gives up after three misses, and the beats after which it
    /// said that the server is down.
    fn verdicts(events: &[(&str, u64)]) -> Vec<u64> {
        let mut watch = Watch::new(3, At::now());
        let mut down = Vec::new();
        for &(what, seq) in events {
            match what {
                "missed" => down.extend(watch.missed(seq, At::now()).map(|down| down.seq)),
                _ => drop(watch.alive(seq, At::now())),
            }
        }
        down
    }

    #[test]
    fn an_answered_beat_between_misses_breaks_the_run_whenever_they_time_out() {
        let misses = [("missed", 2), ("missed", 4), ("missed", 6)];
        assert_eq!(verdicts(&[&[("alive", 3), ("alive", 5)][..], &misses].concat()), [0; 0]);
        // Not decided yet, beats 3 and 5 are no misses.
        assert_eq!(verdicts(&misses), [0; 0]);
        assert_eq!(verdicts(&[("alive", 3), ("missed", 4), ("missed", 5), ("missed", 6)]), [6]);
        // All three fell silent before the server answered a later beat.
        let later = [("alive", 9), ("missed", 5), ("missed", 6), ("missed", 7)];
        assert_eq!(verdicts(&later), [0; 0]);
        // An error may answer a later beat first.
        assert_eq!(verdicts(&[("missed", 5), ("missed", 3), ("missed", 4)]), [4]);
        assert_eq!(verdicts(&[("missed", 1), ("missed", 2), ("alive", 4), ("missed", 3)]), [0; 0]);
    }

    #[test]
    fn a_late_answer_is_a_sign_of_life() {
        let events = [("missed", 1), ("missed", 2), ("alive", 1), ("missed", 3), ("missed", 4)];
        assert_eq!(verdicts(&events), [0; 0]);
        assert_eq!(verdicts(&[&events[..], &[("missed", 5)]].concat()), [5]);
    }

    #[test]
    fn one_outage_is_told_once_and_its_end_too() {
        let mut watch = Watch::new(2, At::now());
        assert!(watch.missed(1, At::now()).is_none());
        assert!(watch.missed(2, At::now()).is_some_and(|down| !down.ever_alive));
        assert!(watch.missed(3, At::now()).is_none() && watch.down);
        assert!(watch.alive(4, At::now()).is_some_and(|back| back.seq == 4));
        assert!(watch.alive(5, At::now()).is_none() && !watch.down);
    }
}
