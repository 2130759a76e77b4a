//! When to check: every service at its own interval. Pure: the time is passed
//! in, as what the monotonic clock counted since the monitor began.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// By it a service is known while it is watched; never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(pub u64);

/// First runs follow each other so closely at most, on the average, unless the
/// interval is too short for it: a hundred services have had theirs in a second.
pub const SPACING: Duration = Duration::from_millis(10);

/// It is time for a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    pub id: Id,
    /// When it should have begun. The latest such time, if there are several.
    pub due: Duration,
    /// Ticks before it that nobody asked for in time. They are not made up for.
    pub missed: u64,
}

#[derive(Debug)]
struct Entry {
    interval: Duration,
    /// The next tick. All others are whole intervals away from it: what is
    /// added to is the time when a check was due, never the time when it ran,
    /// so that being late once does not shift what follows.
    next: Duration,
    paused: bool,
}

/// The ticks of all services.
#[derive(Debug, Default)]
pub struct Schedule {
    entries: HashMap<Id, Entry>,
    /// The ticks to come of those that are not paused, the soonest first.
    queue: BTreeSet<(Duration, Id)>,
    placed: u64,
}

impl Schedule {
    /// Adds a service, one of `among` that are added together: their first
    /// runs are spread over the interval, or over what it takes at one in each
    /// [`SPACING`].
    pub fn add(&mut self, id: Id, interval: Duration, now: Duration, among: usize) {
        self.remove(id);
        let interval = interval.max(Duration::from_millis(1));
        let among = u32::try_from(among).unwrap_or(u32::MAX);
        let window = interval.min(SPACING.saturating_mul(among));
        let next = now + window.mul_f64(spread(self.placed));
        self.placed += 1;
        self.entries.insert(id, Entry { interval, next, paused: false });
        self.queue.insert((next, id));
    }

    pub fn remove(&mut self, id: Id) {
        if let Some(entry) = self.entries.remove(&id) {
            self.queue.remove(&(entry.next, id));
        }
    }

    /// Gives a service another interval. With the same one nothing changes;
    /// with another the next tick comes when it would have come, or after the
    /// new interval if that is sooner.
    pub fn set_interval(&mut self, id: Id, interval: Duration, now: Duration) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.interval == interval {
            return;
        }
        let queued = self.queue.remove(&(entry.next, id));
        entry.interval = interval.max(Duration::from_millis(1));
        entry.next = entry.next.min(now + entry.interval);
        if queued {
            self.queue.insert((entry.next, id));
        }
    }

    /// From here on it has no ticks. They are not missed: nobody wanted them.
    pub fn pause(&mut self, id: Id) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.paused = true;
            self.queue.remove(&(entry.next, id));
        }
    }

    /// It has ticks again, at the times at which it would have had them.
    pub fn resume(&mut self, id: Id, now: Duration) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.paused) else { return };
        entry.paused = false;
        if entry.next < now {
            let (_, latest) = latest(entry, now);
            entry.next = if latest == now { now } else { latest + entry.interval };
        }
        self.queue.insert((entry.next, id));
    }

    /// When something is due next, or was.
    pub fn next_due(&self) -> Option<Duration> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// A tick that is due, the oldest first. Ask again until there is none.
    pub fn take_due(&mut self, now: Duration) -> Option<Tick> {
        let (_, id) = *self.queue.first().filter(|(due, _)| *due <= now)?;
        self.queue.pop_first();
        let entry = self.entries.get_mut(&id)?;
        let (missed, due) = latest(entry, now);
        entry.next = due + entry.interval;
        self.queue.insert((entry.next, id));
        Some(Tick { id, due, missed })
    }
}

/// The latest of a service's ticks up to `now`, which is not before its next
/// one, and how many came before it.
fn latest(entry: &Entry, now: Duration) -> (u64, Duration) {
    let late = now.saturating_sub(entry.next).as_nanos();
    let missed = late / entry.interval.as_nanos();
    // In nanoseconds a u64 lasts for five hundred years.
    let skipped = u64::try_from(missed * entry.interval.as_nanos()).unwrap_or(u64::MAX);
    (u64::try_from(missed).unwrap_or(u64::MAX), entry.next + Duration::from_nanos(skipped))
}

/// The n-th of numbers from 0 to 1 that lie apart from each other however many
/// are taken: the multiples of the golden ratio, without their whole part
/// (Weyl's sequence). No chance is in it: the same file gives the same times.
fn spread(n: u64) -> f64 {
    /// 2^64 divided by the golden ratio.
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    (n.wrapping_mul(STEP) >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Everything that is due, asked for at `now`.
    fn due(schedule: &mut Schedule, now: Duration) -> Vec<Tick> {
        std::iter::from_fn(|| schedule.take_due(now)).collect()
    }

    #[test]
    fn a_service_is_due_every_interval_from_the_start_on() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(100), ms(0), 1);
        let times = [ms(0), ms(100), ms(200), ms(300)];
        for time in times {
            assert_eq!(schedule.next_due(), Some(time));
            assert_eq!(due(&mut schedule, time), [Tick { id: Id(1), due: time, missed: 0 }]);
            assert_eq!(due(&mut schedule, time + ms(99)), []);
        }
    }

    #[test]
    fn being_late_does_not_shift_what_follows() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(100), ms(0), 1);
        for (now, expected) in [(7, 0), (155, 100), (200, 200), (399, 300)] {
            let ticks = due(&mut schedule, ms(now));
            assert_eq!(ticks, [Tick { id: Id(1), due: ms(expected), missed: 0 }]);
        }
    }

    #[test]
    fn missed_ticks_are_counted_and_not_made_up_for() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(100), ms(0), 1);
        assert_eq!(due(&mut schedule, ms(730)), [Tick { id: Id(1), due: ms(700), missed: 7 }]);
        assert_eq!(schedule.next_due(), Some(ms(800)));
    }

    #[test]
    fn a_pause_leaves_no_ticks_behind_and_keeps_the_phase() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(100), ms(5), 1);
        assert_eq!(due(&mut schedule, ms(5)).len(), 1);
        schedule.pause(Id(1));
        assert_eq!(schedule.next_due(), None);
        assert_eq!(due(&mut schedule, ms(5000)), []);
        schedule.resume(Id(1), ms(5010));
        schedule.resume(Id(1), ms(5010));
        assert_eq!(due(&mut schedule, ms(5105)), [Tick { id: Id(1), due: ms(5105), missed: 0 }]);
    }

    #[test]
    fn the_same_interval_changes_nothing_and_a_shorter_one_counts_from_now() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(1000), ms(0), 1);
        assert_eq!(due(&mut schedule, ms(0)).len(), 1);
        schedule.set_interval(Id(1), ms(1000), ms(400));
        assert_eq!(schedule.next_due(), Some(ms(1000)));
        schedule.set_interval(Id(1), ms(100), ms(450));
        assert_eq!(schedule.next_due(), Some(ms(550)));
        schedule.set_interval(Id(1), ms(60_000), ms(500));
        assert_eq!(schedule.next_due(), Some(ms(550)));
    }

    #[test]
    fn what_is_removed_is_never_due_again() {
        let mut schedule = Schedule::default();
        schedule.add(Id(1), ms(10), ms(0), 1);
        schedule.remove(Id(1));
        schedule.remove(Id(2));
        assert_eq!((schedule.next_due(), due(&mut schedule, ms(1000))), (None, vec![]));
    }

    #[test]
    fn first_runs_are_spread_out_evenly() {
        for (services, interval, window) in
            [(1000, 1000, 1000), (100, 60_000, 1000), (3, 60_000, 30)]
        {
            let mut schedule = Schedule::default();
            for id in 0..services {
                schedule.add(Id(id), ms(interval), ms(0), services as usize);
            }
            let firsts: Vec<Duration> = schedule.queue.iter().map(|(first, _)| *first).collect();
            assert_eq!(firsts.len(), services as usize);
            assert!(firsts.iter().all(|first| *first < ms(window)));
            // In each tenth of the window there is a tenth of them, or one more or less.
            for tenth in 0..10 {
                let part = ms(window * tenth / 10)..ms(window * (tenth + 1) / 10);
                let inside = firsts.iter().filter(|first| part.contains(*first)).count() as f64;
                assert!((inside - services as f64 / 10.0).abs() < 2.5, "{inside} of {services}");
            }
        }
    }

    proptest! {
        /// Whenever it is asked: every tick is on the grid, none is given
        /// twice, and given and missed together are all that there were.
        #[test]
        fn ticks_given_and_missed_are_together_all_that_there_were(
            interval in 1u64..500,
            steps in prop::collection::vec(0u64..2000, 1..50),
        ) {
            let mut schedule = Schedule::default();
            schedule.add(Id(9), ms(interval), ms(3), 1);
            let (mut now, mut counted, mut last) = (3, 0, None);
            for step in steps {
                now += step;
                for tick in due(&mut schedule, ms(now)) {
                    let since = (tick.due - ms(3)).as_millis() as u64;
                    prop_assert_eq!(since % interval, 0);
                    prop_assert!(tick.due <= ms(now) && ms(now) - tick.due < ms(interval));
                    prop_assert!(Some(tick.due) > last);
                    last = Some(tick.due);
                    counted += 1 + tick.missed;
                }
                // Counted another way: one at the start, and one each interval since.
                prop_assert_eq!(counted, 1 + (now - 3) / interval);
                prop_assert!(schedule.next_due().unwrap() > ms(now));
            }
        }

        #[test]
        fn pauses_and_changes_never_lose_a_service_or_double_it(
            steps in prop::collection::vec((0u8..5, 0u64..4, 1u64..300), 1..100),
        ) {
            let mut schedule = Schedule::default();
            let mut now = 0;
            for (what, id, figure) in steps {
                now += figure;
                match what {
                    0 => schedule.add(Id(id), ms(figure), ms(now), 3),
                    1 => schedule.remove(Id(id)),
                    2 => schedule.pause(Id(id)),
                    3 => schedule.resume(Id(id), ms(now)),
                    _ => schedule.set_interval(Id(id), ms(figure), ms(now)),
                }
                due(&mut schedule, ms(now));
                let active = schedule.entries.values().filter(|entry| !entry.paused).count();
                prop_assert_eq!(schedule.queue.len(), active);
            }
        }
    }
}
