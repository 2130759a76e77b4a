//! When to send: a plan without a clock or a socket of its own, so that it can be tested to the nanosecond.

use std::time::{Duration, Instant};

use crate::probes::Probes;

/// No program waits longer than this in one go, so that it sees Ctrl-C: a
/// signal wakes only one of its threads. So every program ends within twice
/// this time.
pub const LOOK_UP: Duration = Duration::from_millis(50);

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Everything was sent, and nothing is under way any more.
    Done,
    /// A probe is due now.
    Send,
    /// Nothing is to be sent for this long: listen.
    Wait(Duration),
}

/// The pace of a run: how many probes, and how far apart.
///
/// Probes are due on a grid: one interval, two intervals, and so on, after the
/// first. Each is measured from the grid and not from the one before it, so a
/// probe that leaves late does not delay those after it, and a run does not
/// drift. Points of the grid that went by unused, as on a laptop that slept,
/// are left out: a burst of old probes would measure the burst.
///
/// With an interval of 0 there is no grid: a probe is due when none is under way.
#[derive(Debug, Clone)]
pub struct Pace {
    /// How many probes to send; 0 is no limit.
    count: u64,
    interval: Duration,
    /// When the next probe is due.
    due: Instant,
}

impl Pace {
    /// A run whose first probe is due at `began`.
    pub fn new(count: u64, interval: Duration, began: Instant) -> Pace {
        Pace { count, interval, due: began }
    }

    /// What to do at `now`. `probes` knows what was sent, and what is under way.
    pub fn step(&self, now: Instant, probes: &Probes) -> Step {
        self.step_beside(now, probes.counts.sent, probes.next_timeout())
    }

    /// The same for a program that waits for each reply by itself, so that
    /// nothing is under way; `sent` is how many probes it has sent.
    pub fn step_alone(&self, now: Instant, sent: u64) -> Step {
        self.step_beside(now, sent, None)
    }

    /// `timeout` is when the first of those under way is due.
    fn step_beside(&self, now: Instant, sent: u64, timeout: Option<Instant>) -> Step {
        let more = self.count == 0 || sent < self.count;
        if !more && timeout.is_none() {
            return Step::Done;
        }
        // Without an interval, the next one goes out when none is under way.
        let free = timeout.is_none() || !self.interval.is_zero();
        if more && free && self.due <= now {
            return Step::Send;
        }
        // Not beyond the next thing to do, nor so long that Ctrl-C goes unseen.
        let next_send = (more && free).then_some(self.due);
        let next = [next_send, timeout].into_iter().flatten().min();
        let left = next.map_or(LOOK_UP, |next| next.saturating_duration_since(now));
        Step::Wait(left.min(LOOK_UP))
    }

    /// To be called when a probe was sent at `now`: the next is due at the
    /// first point of the grid after it.
    pub fn sent(&mut self, now: Instant) {
        self.skip_to(now);
        if self.due <= now {
            self.due += self.interval;
        }
    }

    /// Sends nothing for `time` from `now` on, and then goes on with the grid.
    /// After a probe that could not be sent, for one: what fails at once would
    /// otherwise fail a million times a second.
    pub fn hold_off(&mut self, now: Instant, time: Duration) {
        let until = now + time;
        self.skip_to(until);
        if self.due < until {
            self.due += self.interval;
        }
    }

    /// Moves on to the last point of the grid that is not after `time`, or with
    /// no grid to `time` itself.
    fn skip_to(&mut self, time: Instant) {
        let behind = time.saturating_duration_since(self.due);
        let into_the_interval = match self.interval.as_nanos() {
            0 => 0,
            interval => behind.as_nanos() % interval,
        };
        // A remainder of an interval, which is at most a year.
        self.due += behind - Duration::from_nanos(into_the_interval as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrival::Arrival;
    use jiff::Timestamp;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const TIMEOUT: Duration = Duration::from_secs(1);

    /// Sends what is due at `now`, and tells whether something was.
    fn send_if_due(pace: &mut Pace, probes: &mut Probes, now: Instant) -> bool {
        let due = pace.step(now, probes) == Step::Send;
        if due {
            probes.sent(now, Timestamp::UNIX_EPOCH);
            pace.sent(now);
        }
        due
    }

    #[test]
    fn a_run_ends_when_all_was_sent_and_nothing_is_under_way() {
        let began = Instant::now();
        let (mut pace, mut probes) =
            (Pace::new(2, Duration::ZERO, began), Probes::new(3600 * TIMEOUT));
        for seq in [1, 2] {
            assert!(send_if_due(&mut pace, &mut probes, began));
            assert_eq!(pace.step(began, &probes), Step::Wait(LOOK_UP));
            probes.answered(seq, &Arrival::new(Instant::now()));
        }
        assert_eq!(pace.step(began, &probes), Step::Done);
    }

    #[test]
    fn without_a_count_it_goes_on() {
        let began = Instant::now();
        let (mut pace, mut probes) = (Pace::new(0, MS, began), Probes::new(TIMEOUT));
        assert!((0..1000).all(|tick| send_if_due(&mut pace, &mut probes, began + tick * MS)));
    }

    #[test]
    fn a_wait_ends_at_the_next_send_the_next_timeout_or_in_time_for_ctrl_c() {
        let began = Instant::now();
        let (mut pace, mut probes) = (Pace::new(0, 30 * MS, began), Probes::new(50 * MS));
        assert!(send_if_due(&mut pace, &mut probes, began));
        assert_eq!(pace.step(began + 10 * MS, &probes), Step::Wait(20 * MS));
        assert!(send_if_due(&mut pace, &mut probes, began + 30 * MS));
        // Due at 50 ms is the first one's timeout, at 60 ms the third probe.
        assert_eq!(pace.step(began + 35 * MS, &probes), Step::Wait(15 * MS));
        // A timeout that is overdue is looked at without waiting.
        assert_eq!(pace.step(began + 55 * MS, &probes), Step::Wait(Duration::ZERO));

        let (mut slow, mut probes) = (Pace::new(0, TIMEOUT, began), Probes::new(2 * TIMEOUT));
        assert!(send_if_due(&mut slow, &mut probes, began));
        assert_eq!(slow.step(began, &probes), Step::Wait(LOOK_UP));
    }

    #[test]
    fn a_probe_that_leaves_late_does_not_delay_the_next_one() {
        let began = Instant::now();
        let (mut pace, mut probes) = (Pace::new(0, 10 * MS, began), Probes::new(TIMEOUT));
        for tick in 0..100 {
            let on_time = began + 10 * tick * MS;
            let almost = on_time.checked_sub(Duration::from_nanos(1)).unwrap();
            assert!(tick == 0 || !send_if_due(&mut pace, &mut probes, almost));
            assert!(send_if_due(&mut pace, &mut probes, on_time + 3 * MS), "tick {tick}");
        }
    }

    #[test]
    fn points_of_the_grid_that_went_by_are_left_out() {
        let began = Instant::now();
        let (mut pace, mut probes) = (Pace::new(0, 10 * MS, began), Probes::new(TIMEOUT));
        assert!(send_if_due(&mut pace, &mut probes, began));
        // Asleep for half a minute; then one at once, and the next on the grid.
        let awake = began + 30_004 * MS;
        assert!(send_if_due(&mut pace, &mut probes, awake));
        assert_eq!(pace.step(awake, &probes), Step::Wait(Duration::ZERO), "the first timed out");
        assert!(!send_if_due(&mut pace, &mut probes, awake + 5 * MS));
        assert!(send_if_due(&mut pace, &mut probes, awake + 6 * MS));
    }

    #[test]
    fn what_could_not_be_sent_is_not_tried_again_at_once() {
        let began = Instant::now();
        for interval in [Duration::ZERO, Duration::from_nanos(1), 30 * MS, LOOK_UP] {
            let (mut pace, mut probes) = (Pace::new(0, interval, began), Probes::new(TIMEOUT));
            let mut tried = 0;
            for ms in 0..10 * LOOK_UP.as_millis() as u32 {
                let now = began + ms * MS;
                if pace.step(now, &probes) == Step::Send {
                    probes.not_sent(now, Timestamp::UNIX_EPOCH);
                    pace.sent(now);
                    pace.hold_off(now, LOOK_UP);
                    tried += 1;
                }
            }
            assert!((8..=10).contains(&tried), "{tried} tries in a second, interval {interval:?}");
        }
    }

    proptest! {
        #[test]
        fn every_probe_is_due_on_the_grid_and_at_most_one_at_each_point(
            interval in 1u64..50_000_000,
            delays in prop::collection::vec(0u64..200_000_000, 1..200),
        ) {
            let began = Instant::now();
            let (mut pace, mut probes) =
                (Pace::new(0, Duration::from_nanos(interval), began), Probes::new(TIMEOUT));
            let mut now = began;
            let mut last_point = None;
            for delay in delays {
                if send_if_due(&mut pace, &mut probes, now) {
                    let point = ((now - began).as_nanos() / u128::from(interval)) as u64;
                    prop_assert!(last_point.is_none_or(|last| last < point));
                    last_point = Some(point);
                    let due = (pace.due - began).as_nanos();
                    prop_assert_eq!(due, u128::from(interval) * u128::from(point + 1));
                }
                now += Duration::from_nanos(delay);
            }
        }

        #[test]
        fn holding_off_ends_on_the_grid_and_not_early(
            interval in 1u64..50_000_000,
            late in 0u64..200_000_000,
            time in 0u64..200_000_000,
        ) {
            let began = Instant::now();
            let mut pace = Pace::new(0, Duration::from_nanos(interval), began);
            let now = began + Duration::from_nanos(late);
            let until = now + Duration::from_nanos(time);
            pace.sent(now);
            let before = pace.due;
            pace.hold_off(now, Duration::from_nanos(time));
            prop_assert!(pace.due >= until && pace.due >= before);
            prop_assert!(pace.due - before.max(until) < Duration::from_nanos(interval));
            prop_assert_eq!((pace.due - began).as_nanos() % u128::from(interval), 0);
        }
    }
}
