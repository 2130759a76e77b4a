//! What the results of one service add up to: its state, since when, its uptime, its history. Pure.
//!
//! One failure is not an outage. The state becomes worse after `down_after`
//! results in a row that were worse than it, and better after `up_after` that
//! were better; then it is the mildest of those, or the worst: no more than all
//! of them say. Up is better than degraded, that than unverified, that than down.
//! Before it is known, a service comes up after `up_after` results up or
//! degraded, and is told as down or unverified after `down_after`.
//!
//! When the results cease for longer than the latest one holds (see
//! [`crate::uptime`]), the state is unknown again: nobody looked.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::service::Service;
use crate::uptime::{Moment, Uptime};
use crate::verdict::Verdict;

/// How many results of a service are kept to be looked at.
pub const HISTORY: usize = 50;

/// One result, as the history shows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What the clock on the wall said: a label, which is never calculated with.
    pub wall: Timestamp,
    pub verdict: Verdict,
    pub took: Option<Duration>,
    /// Shared with the entry before, as most results say the same.
    pub reason: Arc<str>,
}

/// The state of a service became another.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// What it was, if that was known.
    pub from: Option<Verdict>,
    pub to: Verdict,
    /// For how long it was so.
    pub lasted: Option<Duration>,
    /// How many results in a row say so.
    pub results: usize,
}

/// How long a result of this service holds: one check that could not run, and
/// the slowest answer to the next one, leave no gap.
pub fn holds(service: &Service) -> Duration {
    service.interval.saturating_mul(2).saturating_add(service.timeout)
}

/// All that is known of one service.
#[derive(Debug, Default)]
pub struct State {
    /// What it is, since when. Older than the results' holding, it is history.
    known: Option<(Verdict, Moment)>,
    /// The latest results, as many as it takes to become another state.
    recent: VecDeque<(Moment, Verdict)>,
    pub uptime: Uptime,
    pub history: VecDeque<Entry>,
}

impl State {
    /// Takes a result in; tells what became of the state, if it is another one now.
    pub fn record(&mut self, at: Moment, entry: Entry, service: &Service) -> Option<Change> {
        if self.uptime.holds_until().is_some_and(|until| at > until) {
            self.known = None;
            self.recent.clear();
        }
        let verdict = entry.verdict;
        self.uptime.record(at, verdict, holds(service));
        self.remember(entry);
        let (down_after, up_after) = (service.down_after.max(1), service.up_after.max(1));
        self.recent.push_back((at, verdict));
        while self.recent.len() > down_after.max(up_after) as usize {
            self.recent.pop_front();
        }
        let worse = |then: Verdict| match self.known {
            Some((now, _)) => badness(then) > badness(now),
            None => badness(then) >= badness(Verdict::Unverified),
        };
        let better = |then: Verdict| match self.known {
            Some((now, _)) => badness(then) < badness(now),
            None => badness(then) < badness(Verdict::Unverified),
        };
        let (results, to, since) = if let Some(latest) = self.latest(down_after, worse) {
            (
                down_after,
                latest.iter().map(|(_, then)| *then).min_by_key(|v| badness(*v))?,
                latest[0].0,
            )
        } else if let Some(latest) = self.latest(up_after, better) {
            (
                up_after,
                latest.iter().map(|(_, then)| *then).max_by_key(|v| badness(*v))?,
                latest[0].0,
            )
        } else {
            return None;
        };
        let from = self.known.replace((to, since));
        Some(Change {
            from: from.map(|(verdict, _)| verdict),
            to,
            lasted: from.map(|(_, began)| since.since(began)),
            results: results as usize,
        })
    }

    /// The state and for how long it has been so, unless it is not known: not
    /// yet, or not any more.
    pub fn now(&self, now: Moment) -> Option<(Verdict, Duration)> {
        let (verdict, since) = self.known?;
        let holds = self.uptime.holds_until().is_some_and(|until| now <= until);
        holds.then(|| (verdict, now.since(since)))
    }

    pub fn last(&self) -> Option<&Entry> {
        self.history.back()
    }

    fn remember(&mut self, mut entry: Entry) {
        if let Some(last) = self.history.back().filter(|last| last.reason == entry.reason) {
            entry.reason = Arc::clone(&last.reason);
        }
        if self.history.len() == HISTORY {
            self.history.pop_front();
        }
        self.history.push_back(entry);
    }

    /// The latest `count` results, if there are so many and all are `such`.
    fn latest(&self, count: u32, such: impl Fn(Verdict) -> bool) -> Option<Vec<(Moment, Verdict)>> {
        let skip = self.recent.len().checked_sub(count as usize)?;
        let latest: Vec<_> = self.recent.iter().skip(skip).copied().collect();
        latest.iter().all(|(_, verdict)| such(*verdict)).then_some(latest)
    }
}

fn badness(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Up => 0,
        Verdict::Degraded => 1,
        Verdict::Unverified => 2,
        Verdict::Down => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::example;
    use Verdict::*;
    use proptest::prelude::*;

    /// A result of it holds for 130 s.
    fn service(down_after: u32, up_after: u32) -> Service {
        let (interval, timeout) = (Duration::from_secs(60), Duration::from_secs(10));
        Service { interval, timeout, down_after, up_after, ..example::service("web") }
    }

    fn entry(verdict: Verdict) -> Entry {
        Entry { wall: Timestamp::UNIX_EPOCH, verdict, took: None, reason: "so".into() }
    }

    /// A result a minute; the states told, with the minute from which on they hold.
    fn changes(service: &Service, results: &[Verdict]) -> Vec<(Verdict, i64)> {
        let mut state = State::default();
        let mut told = Vec::new();
        for (minute, verdict) in results.iter().enumerate() {
            let at = Moment(minute as i64 * 60_000);
            if let Some(change) = state.record(at, entry(*verdict), service) {
                told.push((change.to, state.known.unwrap().1.0 / 60_000));
            }
        }
        told
    }

    #[test]
    fn one_failure_is_not_told_and_two_are_from_the_first_of_them_on() {
        let service = service(2, 1);
        assert_eq!(changes(&service, &[Up, Down, Up, Up]), [(Up, 0)]);
        assert_eq!(changes(&service, &[Up, Down, Down, Down, Up]), [(Up, 0), (Down, 1), (Up, 4)]);
    }

    #[test]
    fn what_is_not_known_yet_needs_as_many_results() {
        assert_eq!(changes(&service(2, 1), &[Down, Up]), [(Up, 1)]);
        assert_eq!(changes(&service(2, 1), &[Down, Down]), [(Down, 0)]);
        assert_eq!(changes(&service(1, 3), &[Up, Up, Down]), [(Down, 2)]);
        assert_eq!(changes(&service(2, 3), &[Up, Degraded, Up]), [(Degraded, 0)]);
    }

    #[test]
    fn failures_of_several_kinds_are_told_as_the_mildest() {
        assert_eq!(changes(&service(2, 1), &[Up, Down, Degraded]), [(Up, 0), (Degraded, 1)]);
        assert_eq!(
            changes(&service(2, 1), &[Up, Degraded, Down, Down]),
            [(Up, 0), (Degraded, 1), (Down, 2)]
        );
        assert_eq!(
            changes(&service(2, 1), &[Up, Unverified, Unverified]),
            [(Up, 0), (Unverified, 1)]
        );
    }

    #[test]
    fn a_change_says_what_was_before_and_for_how_long() {
        let (service, mut state) = (service(2, 1), State::default());
        let mut last = None;
        for (minute, verdict) in [(0, Up), (1, Up), (2, Down), (3, Down)] {
            last = state.record(Moment(minute * 60_000), entry(verdict), &service);
        }
        let lasted = Some(Duration::from_secs(120));
        assert_eq!(last, Some(Change { from: Some(Up), to: Down, lasted, results: 2 }));
        assert_eq!(state.now(Moment(200_000)), Some((Down, Duration::from_secs(80))));
    }

    #[test]
    fn without_results_the_state_is_unknown_again() {
        let (service, mut state) = (service(2, 1), State::default());
        state.record(Moment(0), entry(Up), &service);
        assert_eq!(state.now(Moment(130_000)), Some((Up, Duration::from_secs(130))));
        assert_eq!(state.now(Moment(130_001)), None);
        // The result after the gap is the first one anew.
        let change = state.record(Moment(500_000), entry(Up), &service).unwrap();
        assert_eq!((change.from, change.lasted), (None, None));
        assert_eq!(state.now(Moment(500_000)), Some((Up, Duration::ZERO)));
    }

    #[test]
    fn the_history_is_bounded_and_shares_what_repeats() {
        let (service, mut state) = (service(2, 1), State::default());
        for n in 0..HISTORY as i64 + 7 {
            let entry = Entry { reason: format!("n {}", n / 100).into(), ..entry(Up) };
            state.record(Moment(n * 1000), entry, &service);
        }
        assert_eq!(state.history.len(), HISTORY);
        assert!(Arc::ptr_eq(&state.history[0].reason, &state.history[9].reason));
    }

    proptest! {
        /// What is told is never more than the results say: of the last
        /// `down_after`, or `up_after`, each is at least as bad, or as good.
        #[test]
        fn a_state_is_what_all_the_deciding_results_say(
            results in prop::collection::vec(prop::sample::select(Verdict::ALL.to_vec()), 1..60),
            down_after in 1u32..4,
            up_after in 1u32..4,
        ) {
            let (service, mut state) = (service(down_after, up_after), State::default());
            for (n, verdict) in results.iter().enumerate() {
                let before = state.known;
                let change = state.record(Moment(n as i64 * 60_000), entry(*verdict), &service);
                let Some(change) = change else {
                    prop_assert_eq!(before, state.known);
                    continue;
                };
                prop_assert_ne!(change.from, Some(change.to));
                let deciding = &results[n + 1 - change.results..=n];
                let worse = match change.from {
                    Some(from) => badness(change.to) > badness(from),
                    None => badness(change.to) >= 2,
                };
                prop_assert_eq!(change.results as u32, if worse { down_after } else { up_after });
                for result in deciding {
                    let bad_enough = badness(*result) >= badness(change.to);
                    let good_enough = badness(*result) <= badness(change.to);
                    let enough = if worse { bad_enough } else { good_enough };
                    prop_assert!(enough, "{:?} of {:?}", change, deciding);
                }
            }
        }
    }
}
