//! Which probe is due, what came back, and when a hop can be told: a trace's state, without a socket.
//!
//! Probes are numbered from 1, and so many of them have the same TTL. Many are
//! under way at the same time, so that silent routers do not add up; but not
//! all at once, for a router answers only so many. It goes as TCP's slow start
//! does: few at first, and one more for each answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::{Answer, Heard, mark};
use crate::stats::Counts;

/// No more probes than this are under way at once, as Linux's traceroute has it.
const MOST_UNDER_WAY: usize = 16;

/// A probe that is not answered within this time still may be, until its
/// timeout, but does not keep others waiting. So a wholly silent way is sent
/// 160 probes a second at most.
const HOLDS_UP: Duration = Duration::from_millis(100);

/// What a trace shall be like.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The first probe's TTL, at least 1.
    pub first_hop: u8,
    /// The last probe's, at least `first_hop`.
    pub max_hops: u8,
    /// How many probes have the same TTL, at least 1.
    pub per_hop: u8,
    pub timeout: Duration,
    /// So much time passes at least between two probes.
    pub interval: Duration,
}

/// A probe that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    pub seq: u16,
    /// With how many hops to go it was sent.
    pub ttl: u8,
    pub outcome: Outcome,
    sent: Instant,
    holds_up: bool,
}

/// What became of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Waiting,
    /// Nothing came within the timeout.
    Lost,
    /// Something came, but after the timeout.
    Late,
    Answered {
        answer: Answer,
        from: IpAddr,
        rtt: Duration,
        /// What was left of the answer's own TTL, where it is known.
        ttl: Option<u8>,
    },
}

/// What an answer is to the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    InTime(Duration),
    /// The first to its probe, after the timeout.
    Late(Duration),
    /// A further one to the same probe.
    Duplicate(Duration),
    /// No probe of this number was sent.
    Foreign,
}

/// A trace under way.
#[derive(Debug)]
pub struct Plan {
    settings: Settings,
    target: IpAddr,
    probes: Vec<Probe>,
    /// How many probes may be under way.
    window: usize,
    /// The last hop that is asked for: the target's, once that is known.
    last_hop: u8,
    /// The next hop to be told; after the last one it may be 256.
    next_told: u16,
    ended: bool,
    reached: bool,
    /// An ICMP error is what a probe is sent for: it counts as received.
    pub counts: Counts,
}

impl Plan {
    pub fn new(target: IpAddr, settings: Settings) -> Plan {
        Plan {
            settings,
            target,
            probes: Vec::new(),
            window: usize::from(settings.per_hop).min(MOST_UNDER_WAY),
            last_hop: settings.max_hops,
            next_told: settings.first_hop.into(),
            ended: false,
            reached: false,
            counts: Counts::default(),
        }
    }

    /// The number and the TTL of the probe that is to be sent now.
    pub fn due(&mut self, now: Instant) -> Option<(u16, u8)> {
        self.free_places(now);
        let seq = self.probes.len() as u16 + 1;
        let ttl = self.ttl(seq)?;
        let free = self.under_way() < self.window;
        let rested =
            self.probes.last().is_none_or(|last| now >= last.sent + self.settings.interval);
        (free && rested).then_some((seq, ttl))
    }

    /// Enters the probe that was due as sent at `sent`.
    pub fn sent(&mut self, sent: Instant) {
        let seq = self.probes.len() as u16 + 1;
        if let Some(ttl) = self.ttl(seq) {
            let outcome = Outcome::Waiting;
            self.probes.push(Probe { seq, ttl, outcome, sent, holds_up: true });
            self.counts.sent += 1;
        }
    }

    /// A probe that was sent.
    pub fn probe(&self, seq: u16) -> Option<&Probe> {
        self.probes.get(usize::from(seq).checked_sub(1)?)
    }

    /// When something is due if nothing comes before: a probe, or a timeout.
    pub fn next_event(&self) -> Option<Instant> {
        let timeout = self.oldest_waiting().map(|probe| probe.sent + self.settings.timeout);
        let more = self.ttl(self.probes.len() as u16 + 1).is_some();
        let send = if !more {
            None
        } else if self.under_way() < self.window {
            self.probes.last().map(|last| last.sent + self.settings.interval)
        } else {
            self.probes.iter().find(|probe| probe.holds_up).map(|probe| probe.sent + HOLDS_UP)
        };
        timeout.into_iter().chain(send).min()
    }

    /// Enters an answer.
    pub fn heard(&mut self, heard: &Heard) -> Verdict {
        let timeout = self.settings.timeout;
        let index = usize::from(heard.seq).wrapping_sub(1);
        let Some(probe) = self.probes.get_mut(index) else {
            return Verdict::Foreign;
        };
        let rtt = heard.arrival.since(probe.sent);
        let verdict = match probe.outcome {
            Outcome::Waiting if rtt <= timeout => {
                let Heard { answer, from, ttl, .. } = *heard;
                probe.outcome = Outcome::Answered { answer, from, rtt, ttl };
                self.counts.received += 1;
                Verdict::InTime(rtt)
            }
            Outcome::Waiting | Outcome::Lost => {
                if probe.outcome == Outcome::Lost {
                    self.counts.lost -= 1;
                }
                probe.outcome = Outcome::Late;
                self.counts.late += 1;
                Verdict::Late(rtt)
            }
            Outcome::Late | Outcome::Answered { .. } => {
                self.counts.duplicates += 1;
                return Verdict::Duplicate(rtt);
            }
        };
        let ttl = probe.ttl;
        if probe.holds_up {
            probe.holds_up = false;
            self.widen();
        }
        if mark::ends(&heard.answer) {
            self.last_hop = self.last_hop.min(ttl);
            self.ended = true;
            self.reached |= heard.from == self.target;
        }
        verdict
    }

    /// Declares a probe lost whose timeout was over at `then`, and tells its
    /// number. To be called until there is none.
    ///
    /// `then` is a moment up to which everything that had come in was looked at.
    pub fn timed_out(&mut self, then: Instant) -> Option<u16> {
        let oldest = self.oldest_waiting()?;
        if oldest.sent + self.settings.timeout > then {
            return None;
        }
        let seq = oldest.seq;
        self.probes[usize::from(seq) - 1].outcome = Outcome::Lost;
        self.counts.lost += 1;
        Some(seq)
    }

    /// The probes of the next hop in order, once all of them are decided.
    pub fn next_hop(&mut self) -> Option<&[Probe]> {
        let probes = self.hop(self.next_told);
        let all = probes.len() == usize::from(self.settings.per_hop);
        let decided = probes.iter().all(|probe| probe.outcome != Outcome::Waiting);
        if self.finished() || !all || !decided {
            return None;
        }
        self.next_told += 1;
        Some(self.hop(self.next_told - 1))
    }

    /// After an early end: the hops that were not told, up to the last from
    /// which an answer came.
    pub fn untold(&self) -> impl Iterator<Item = &[Probe]> {
        let answered = |probe: &&Probe| matches!(probe.outcome, Outcome::Answered { .. });
        let last = self.probes.iter().rfind(answered).map_or(0, |probe| probe.ttl);
        (self.next_told..=last.min(self.last_hop).into()).map(|ttl| self.hop(ttl))
    }

    /// Whether every hop was told.
    pub fn finished(&self) -> bool {
        self.next_told > self.last_hop.into()
    }

    /// The hop at which the target answered.
    pub fn reached(&self) -> Option<u8> {
        self.reached.then_some(self.last_hop)
    }

    /// The hop at which the way ended: the target's, or that of a router which
    /// said that there is no way on.
    pub fn ended(&self) -> Option<u8> {
        self.ended.then_some(self.last_hop)
    }

    /// The TTL of a probe, if it belongs to a hop that is asked for.
    fn ttl(&self, seq: u16) -> Option<u8> {
        let hop = (seq - 1) / u16::from(self.settings.per_hop);
        let ttl = u8::try_from(hop + u16::from(self.settings.first_hop)).ok()?;
        (ttl <= self.last_hop).then_some(ttl)
    }

    fn hop(&self, ttl: u16) -> &[Probe] {
        let per_hop = usize::from(self.settings.per_hop);
        let first = usize::from(ttl - u16::from(self.settings.first_hop)) * per_hop;
        let end = self.probes.len().min(first + per_hop);
        self.probes.get(first..end).unwrap_or(&[])
    }

    fn oldest_waiting(&self) -> Option<&Probe> {
        let asked_for = |probe: &&Probe| probe.ttl <= self.last_hop;
        let mut probes = self.probes.iter().take_while(asked_for);
        probes.find(|probe| probe.outcome == Outcome::Waiting)
    }

    fn under_way(&self) -> usize {
        self.probes.iter().filter(|probe| probe.holds_up).count()
    }

    /// Lets the probes that have waited long no longer keep others waiting.
    fn free_places(&mut self, now: Instant) {
        let mut freed = 0;
        for probe in self.probes.iter_mut().filter(|probe| probe.holds_up) {
            if now >= probe.sent + HOLDS_UP {
                probe.holds_up = false;
                freed += 1;
            }
        }
        // Silence tells nothing of a router that is asked too much: it is as
        // likely one that never answers.
        (0..freed).for_each(|_| self.widen());
    }

    fn widen(&mut self) {
        self.window = MOST_UNDER_WAY.min(self.window + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Arrival;
    use packets::icmp::Version;
    use packets::icmp_error::Problem;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);
    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 3, 2));
    const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));

    fn plan(max_hops: u8) -> Plan {
        let settings = Settings {
            first_hop: 1,
            max_hops,
            per_hop: 3,
            timeout: SECOND,
            interval: Duration::ZERO,
        };
        Plan::new(TARGET, settings)
    }

    fn send_all(plan: &mut Plan, now: Instant) -> Vec<u8> {
        let mut ttls = Vec::new();
        while let Some((_, ttl)) = plan.due(now) {
            plan.sent(now);
            ttls.push(ttl);
        }
        ttls
    }

    fn error(kind: u8, code: u8) -> Answer {
        Answer::Error(Problem { version: Version::V4, kind, code, rest: 0 })
    }

    fn heard(seq: u16, answer: Answer, from: IpAddr) -> Heard {
        Heard { seq, answer, from, ttl: None, arrival: Arrival::new(None) }
    }

    fn router(seq: u16) -> Heard {
        heard(seq, error(11, 0), ROUTER)
    }

    fn target(seq: u16) -> Heard {
        heard(seq, Answer::Reply, TARGET)
    }

    #[test]
    fn it_begins_with_one_hop_and_sends_two_more_for_each_answer() {
        let mut plan = plan(30);
        let now = Instant::now();
        assert_eq!(send_all(&mut plan, now), [1, 1, 1]);
        plan.heard(&router(2));
        assert_eq!(send_all(&mut plan, now), [2, 2]);
        for seq in [1, 3, 4, 5] {
            plan.heard(&router(seq));
        }
        assert_eq!(send_all(&mut plan, now), [2, 3, 3, 3, 4, 4, 4, 5]);
    }

    #[test]
    fn a_target_next_door_is_sent_no_probe_beyond_it() {
        let mut plan = plan(30);
        let now = Instant::now();
        send_all(&mut plan, now);
        plan.heard(&target(3));
        assert!(send_all(&mut plan, now).is_empty());
        assert!(plan.next_hop().is_none());
        plan.heard(&target(1));
        plan.heard(&target(2));
        assert_eq!(plan.next_hop().map(<[Probe]>::len), Some(3));
        assert!(plan.finished() && plan.next_hop().is_none());
        assert_eq!((plan.reached(), plan.counts.sent), (Some(1), 3));
    }

    #[test]
    fn a_silent_way_takes_less_than_two_timeouts_of_one_second() {
        let mut plan = plan(30);
        let began = Instant::now();
        let mut now = began;
        let mut most = 0;
        while !plan.finished() {
            send_all(&mut plan, now);
            most = most.max(plan.under_way());
            now = plan.next_event().unwrap();
            while plan.timed_out(now).is_some() {}
            while plan.next_hop().is_some() {}
        }
        assert_eq!((plan.counts.sent, plan.counts.lost, most), (90, 90, 16));
        assert_eq!(now - began, SECOND + 7 * HOLDS_UP);
        assert_eq!(plan.reached(), None);
    }

    #[test]
    fn hops_are_told_in_order_whatever_the_order_of_the_answers() {
        let mut plan = plan(3);
        let now = Instant::now();
        while !send_all(&mut plan, now).is_empty() {
            let last = plan.counts.sent as u16;
            plan.heard(&if last > 6 { target(last) } else { router(last) });
        }
        for seq in (1..=9).rev() {
            assert!(plan.next_hop().is_none());
            plan.heard(&if seq > 6 { target(seq) } else { router(seq) });
        }
        for ttl in 1..=3 {
            let hop = plan.next_hop().unwrap();
            assert!(hop.iter().all(|probe| probe.ttl == ttl) && hop.len() == 3);
        }
        assert_eq!((plan.reached(), plan.counts.received), (Some(3), 9));
    }

    #[test]
    fn what_waits_behind_the_last_hop_is_not_waited_for() {
        let mut plan = plan(30);
        let now = Instant::now();
        send_all(&mut plan, now);
        for seq in 1..=3 {
            plan.heard(&router(seq));
        }
        send_all(&mut plan, now);
        // The third hop's answers overtake the second's.
        for seq in [9, 6, 5, 4] {
            plan.heard(&target(seq));
        }
        assert!(plan.next_hop().is_some() && plan.next_hop().is_some());
        assert!(plan.finished());
        assert_eq!(plan.reached(), Some(2));
    }

    #[test]
    fn a_router_that_knows_no_way_on_ends_the_trace_without_the_target() {
        let mut plan = plan(30);
        let now = Instant::now();
        send_all(&mut plan, now);
        for seq in 1..=3 {
            plan.heard(&heard(seq, error(3, 1), ROUTER));
        }
        assert!(plan.next_hop().is_some() && plan.finished());
        assert_eq!(plan.reached(), None);
    }

    #[test]
    fn duplicates_late_answers_and_foreign_numbers_change_no_outcome() {
        let mut plan = plan(1);
        let past = Instant::now() - 2 * SECOND;
        for _ in 0..3 {
            plan.sent(past);
        }
        assert_eq!(plan.timed_out(past + SECOND), Some(1));
        // Both come too late, whether or not that was noticed before.
        assert!(matches!(plan.heard(&router(1)), Verdict::Late(rtt) if rtt >= 2 * SECOND));
        assert!(matches!(plan.heard(&router(2)), Verdict::Late(_)));
        assert!(matches!(plan.heard(&router(2)), Verdict::Duplicate(_)));
        for seq in [0, 4, u16::MAX] {
            assert_eq!(plan.heard(&router(seq)), Verdict::Foreign);
        }
        let counts = Counts { sent: 3, late: 2, duplicates: 1, ..Counts::default() };
        assert_eq!(plan.counts, counts);
        assert_eq!(plan.timed_out(Instant::now()), Some(3));
        assert_eq!(plan.next_hop().map(<[Probe]>::len), Some(3));
    }

    #[test]
    fn an_interval_lies_between_two_probes() {
        let mut plan = plan(30);
        plan.settings.interval = Duration::from_millis(10);
        let now = Instant::now();
        assert_eq!(send_all(&mut plan, now), [1]);
        let next = plan.next_event().unwrap();
        assert_eq!(next, now + Duration::from_millis(10));
        assert_eq!(send_all(&mut plan, next), [1]);
    }

    #[test]
    fn what_was_heard_before_an_early_end_can_still_be_told() {
        let mut plan = plan(30);
        let now = Instant::now();
        send_all(&mut plan, now);
        assert_eq!(plan.untold().count(), 0);
        plan.heard(&router(1));
        send_all(&mut plan, now);
        plan.heard(&router(5));
        let untold: Vec<usize> = plan.untold().map(<[Probe]>::len).collect();
        assert_eq!(untold, [3, 2]);
    }

    proptest! {
        #[test]
        fn every_trace_ends_with_each_hop_told_once_and_each_probe_decided(
            answers in prop::collection::vec((1u16..40, 0u8..4, any::<bool>()), 0..60),
            shape in (1u8..4, 0u8..9, 1u8..5),
        ) {
            let (first_hop, more, per_hop) = shape;
            let mut plan = plan(30);
            plan.settings.first_hop = first_hop;
            plan.next_told = first_hop.into();
            plan.last_hop = first_hop + more;
            plan.settings.per_hop = per_hop;
            let mut now = Instant::now();
            let mut answers = answers.into_iter();
            let mut told = Vec::new();
            while !plan.finished() {
                send_all(&mut plan, now);
                prop_assert!(plan.under_way() <= MOST_UNDER_WAY);
                if let Some((seq, kind, from)) = answers.next() {
                    let answer = match kind {
                        0 => Answer::Reply,
                        1 => error(3, 1),
                        _ => error(11, 0),
                    };
                    plan.heard(&heard(seq, answer, if from { TARGET } else { ROUTER }));
                } else if let Some(next) = plan.next_event() {
                    now = now.max(next);
                    while plan.timed_out(now).is_some() {}
                }
                while let Some(hop) = plan.next_hop() {
                    told.push(hop[0].ttl);
                }
                let waiting = plan.probes.iter().filter(|p| p.outcome == Outcome::Waiting);
                prop_assert_eq!(plan.counts.waiting(), waiting.count() as u64);
            }
            let expected: Vec<u8> = (first_hop..).take(told.len()).collect();
            prop_assert_eq!(&told, &expected);
            prop_assert!(told.len() <= usize::from(more) + 1);
        }

        #[test]
        fn no_numbers_make_a_plan_panic(first in 1u8..=255, count in 1u8..=255, sent in 0u16..300) {
            let mut plan = plan(255);
            plan.settings.first_hop = first;
            plan.next_told = first.into();
            plan.settings.per_hop = count;
            let now = Instant::now();
            (0..sent).for_each(|_| plan.sent(now));
            while plan.timed_out(now + SECOND).is_some() {}
            while plan.next_hop().is_some() {}
            prop_assert_eq!(plan.untold().count(), 0);
        }
    }
}
