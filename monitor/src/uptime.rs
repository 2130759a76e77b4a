//! The share of time for which a service was up, in the last hour and the last day. Pure.
//!
//! The definition. A result speaks for the time from when it came until the
//! next one comes, but no longer than it holds: twice the interval and the
//! timeout, so that one check that could not run leaves no gap. Up and degraded
//! count as up: the service answered. Time for which no result speaks, or only
//! one that is unverified, is unknown, and counts neither way:
//!
//! ```text
//! uptime = time up / (time up + time down)
//! ```
//!
//! The hour begins with a minute of the monitor's clock, and the day with five,
//! so that a day of results every second takes no more room than one of
//! results every minute: the hour is 60 to 61 minutes long, the day 24 h to
//! 24 h 5 min.

use std::collections::VecDeque;
use std::time::Duration;

use crate::verdict::Verdict;

/// Milliseconds since the monitor began, by the monotonic clock. Results of an
/// earlier run came before that, at negative times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    pub fn after_start(since: Duration) -> Moment {
        Moment(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    /// How long ago `earlier` was.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// What is known of some time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Milliseconds up.
    pub up: u64,
    /// Milliseconds up or down.
    pub known: u64,
    /// How many results that rests on.
    pub samples: u64,
}

impl Share {
    /// From 0 to 1, or `None` if nothing is known.
    pub fn ratio(&self) -> Option<f64> {
        (self.known > 0).then(|| self.up as f64 / self.known as f64)
    }

    /// `100%`, `99.98%`; `-` if nothing is known. Rounded down, because 100% is
    /// said only of what was never down; and not to 0% of what was up.
    pub fn percent(&self) -> String {
        match self.ratio() {
            None => "-".to_string(),
            Some(_) if self.up == self.known => "100%".to_string(),
            Some(_) if self.up == 0 => "0%".to_string(),
            Some(ratio) => format!("{:.2}%", ((ratio * 1e4).floor() / 100.0).clamp(0.01, 99.99)),
        }
    }
}

/// A stretch of time of which one thing is known.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: i64,
    to: i64,
    up: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    up: u32,
    known: u32,
    samples: u32,
}

/// The slots of the latest time, the newest last.
#[derive(Debug)]
struct Ring {
    /// Of a slot, in milliseconds.
    width: i64,
    /// How many slots there are beside the one that `now` is in.
    count: i64,
    /// The number of the newest: `width × newest` is where it begins.
    newest: i64,
    slots: VecDeque<Slot>,
}

impl Ring {
    fn new(width: Duration, count: i64) -> Ring {
        let width = width.as_millis() as i64;
        Ring { width, count, newest: 0, slots: VecDeque::new() }
    }

    /// The slot of a moment, if it is not too long ago.
    fn slot(&mut self, at: i64) -> Option<&mut Slot> {
        let number = at.div_euclid(self.width);
        if self.slots.is_empty() {
            self.newest = number - 1;
        }
        // After a gap longer than all slots nothing of them is left.
        if number - self.newest > self.count {
            self.slots.clear();
            self.newest = number - 1;
        }
        while self.newest < number {
            self.slots.push_back(Slot::default());
            self.newest += 1;
        }
        while self.slots.len() as i64 > self.count + 1 {
            self.slots.pop_front();
        }
        let from_end = usize::try_from(self.newest - number).ok()?;
        let index = self.slots.len().checked_sub(1 + from_end)?;
        self.slots.get_mut(index)
    }

    fn add(&mut self, span: Span) {
        let width = self.width;
        let mut from = span.from.max((span.to.div_euclid(width) - self.count) * width);
        while from < span.to {
            let to = span.to.min((from.div_euclid(width) + 1) * width);
            if let Some(slot) = self.slot(from) {
                // At most the width of a slot.
                let length = (to - from) as u32;
                slot.known += length;
                slot.up += if span.up { length } else { 0 };
            }
            from = to;
        }
    }

    /// All that is known from the beginning of the window on, and of `last`,
    /// which was not added yet.
    fn share(&self, now: i64, last: Option<Span>) -> Share {
        let first = now.div_euclid(self.width) - self.count;
        let oldest = self.newest + 1 - self.slots.len() as i64;
        let old = usize::try_from(first - oldest).unwrap_or(0);
        let mut share = Share::default();
        for slot in self.slots.iter().skip(old) {
            share.up += u64::from(slot.up);
            share.known += u64::from(slot.known);
            share.samples += u64::from(slot.samples);
        }
        if let Some(span) = last {
            let length = u64::try_from(span.to - span.from.max(first * self.width)).unwrap_or(0);
            share.known += length;
            share.up += if span.up { length } else { 0 };
        }
        share
    }
}

/// The uptime of one service.
#[derive(Debug)]
pub struct Uptime {
    hour: Ring,
    day: Ring,
    /// The latest result: when it came, whether the service was up if it said
    /// so, and until when that holds.
    last: Option<(Moment, Option<bool>, Moment)>,
}

impl Default for Uptime {
    fn default() -> Uptime {
        Uptime {
            hour: Ring::new(Duration::from_secs(60), 60),
            day: Ring::new(Duration::from_secs(300), 288),
            last: None,
        }
    }
}

impl Uptime {
    /// Takes a result in, which is not older than the one before it.
    pub fn record(&mut self, at: Moment, verdict: Verdict, holds: Duration) {
        if let Some(span) = self.unsettled(at) {
            self.hour.add(span);
            self.day.add(span);
        }
        let up = match verdict {
            Verdict::Up | Verdict::Degraded => Some(true),
            Verdict::Down => Some(false),
            Verdict::Unverified => None,
        };
        if up.is_some() {
            for ring in [&mut self.hour, &mut self.day] {
                if let Some(slot) = ring.slot(at.0) {
                    slot.samples += 1;
                }
            }
        }
        let holds = i64::try_from(holds.as_millis()).unwrap_or(i64::MAX);
        self.last = Some((at, up, Moment(at.0.saturating_add(holds))));
    }

    /// Of the last hour.
    pub fn hour(&self, now: Moment) -> Share {
        self.hour.share(now.0, self.unsettled(now))
    }

    /// Of the last 24 hours.
    pub fn day(&self, now: Moment) -> Share {
        self.day.share(now.0, self.unsettled(now))
    }

    /// Until when the latest result holds.
    pub fn holds_until(&self) -> Option<Moment> {
        self.last.map(|(_, _, until)| until)
    }

    /// What the latest result says of the time since it came.
    fn unsettled(&self, now: Moment) -> Option<Span> {
        let (at, up, until) = self.last?;
        let to = now.min(until).0;
        (to > at.0).then_some(Span { from: at.0, to, up: up? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1000;
    const HOLDS: Duration = Duration::from_secs(130);

    fn recorded(results: &[(i64, Verdict)]) -> Uptime {
        let mut uptime = Uptime::default();
        for (second, verdict) in results {
            uptime.record(Moment(second * SECOND), *verdict, HOLDS);
        }
        uptime
    }

    fn seconds(share: Share) -> (u64, u64, u64) {
        (share.up / 1000, share.known / 1000, share.samples)
    }

    #[test]
    fn nothing_seen_is_not_up_and_not_down() {
        let uptime = Uptime::default();
        assert_eq!(uptime.hour(Moment(5)), Share::default());
        assert_eq!(uptime.hour(Moment(5)).ratio(), None);
        assert_eq!(uptime.hour(Moment(5)).percent(), "-");
    }

    #[test]
    fn a_result_speaks_until_the_next_one() {
        use Verdict::*;
        let uptime = recorded(&[(0, Up), (60, Down), (120, Degraded), (180, Unverified)]);
        assert_eq!(seconds(uptime.hour(Moment(240 * SECOND))), (120, 180, 3));
    }

    #[test]
    fn a_result_does_not_speak_for_longer_than_it_holds() {
        let uptime = recorded(&[(0, Verdict::Up)]);
        assert_eq!(seconds(uptime.hour(Moment(60 * SECOND))), (60, 60, 1));
        assert_eq!(seconds(uptime.hour(Moment(900 * SECOND))), (130, 130, 1));
        let uptime = recorded(&[(0, Verdict::Up), (1000, Verdict::Down)]);
        assert_eq!(seconds(uptime.day(Moment(1010 * SECOND))), (130, 140, 2));
    }

    #[test]
    fn what_is_longer_ago_than_the_window_is_forgotten() {
        let uptime =
            recorded(&[(-90_000, Verdict::Down), (-7200, Verdict::Down), (0, Verdict::Up)]);
        assert_eq!(seconds(uptime.hour(Moment(60 * SECOND))), (60, 60, 1));
        assert_eq!(seconds(uptime.day(Moment(60 * SECOND))), (60, 190, 2));
        assert_eq!(seconds(uptime.day(Moment(900_000 * SECOND))), (0, 0, 0));
    }

    #[test]
    fn a_hundred_per_cent_is_said_only_of_what_was_never_down() {
        let percent = |up, known| Share { up, known, samples: 1 }.percent();
        assert_eq!(percent(1_000_000, 1_000_000), "100%");
        assert_eq!(percent(999_999, 1_000_000), "99.99%");
        assert_eq!(percent(1, 1_000_000), "0.01%");
        assert_eq!(percent(0, 1_000_000), "0%");
        assert_eq!(percent(2, 3), "66.66%");
    }

    fn verdict() -> impl Strategy<Value = Verdict> {
        prop::sample::select(Verdict::ALL.to_vec())
    }

    proptest! {
        /// The same worked in another way: second by second, the latest result
        /// before it is looked for, and asked whether it still holds.
        #[test]
        fn it_agrees_with_going_through_every_second(
            start in -100_000i64..100_000,
            steps in prop::collection::vec((0i64..400, verdict()), 1..200),
            rest in 0i64..5000,
        ) {
            let mut second = start;
            let mut results = Vec::new();
            for (step, verdict) in steps {
                second += step;
                results.push((second, verdict));
            }
            let now = second + rest;
            let uptime = recorded(&results);
            for (share, width, count) in
                [(uptime.hour(Moment(now * SECOND)), 60, 60), (uptime.day(Moment(now * SECOND)), 300, 288)]
            {
                let from = (now.div_euclid(width) - count) * width;
                let (mut up, mut known) = (0, 0);
                for second in from..now {
                    let before = results.partition_point(|(at, _)| *at <= second);
                    let Some((at, verdict)) = before.checked_sub(1).map(|last| results[last]) else { continue };
                    if second < at + 130 && verdict != Verdict::Unverified {
                        known += 1;
                        up += u64::from(verdict != Verdict::Down);
                    }
                }
                let samples = results
                    .iter()
                    .filter(|(at, verdict)| *at >= from && *verdict != Verdict::Unverified)
                    .count() as u64;
                prop_assert_eq!(seconds(share), (up, known, samples));
            }
        }
    }
}
