//! The table of probes under way: when each was sent, what became of it, and when it times out.
//!
//! A reply is looked up here by the sequence number that it carries. Neither
//! the order of arrival nor a time in the reply decides anything: replies
//! overtake each other, come twice, come late, and can be forged.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::arrival::Arrival;
use crate::stats::{Counts, Rtts};

/// Decided probes are remembered until so many newer ones were sent, so that
/// a reply that comes late or twice is known as such.
const REMEMBERED: usize = 65_536;

/// So many probes count as the latest ones.
const LATEST: u64 = 100;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Waiting,
    Lost,
    Answered,
    Late,
    Corrupt,
    Refused,
}

#[derive(Debug, Clone, Copy)]
struct Probe {
    sent: Instant,
    stamp: Timestamp,
    fate: Fate,
}

/// What a packet that came in is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The first reply to this probe, in time.
    Reply(Duration),
    /// The first reply to this probe, after its timeout.
    Late(Duration),
    /// A further reply.
    Duplicate(Duration),
    /// The first reply to this probe, with the wrong bytes.
    Corrupt(Duration),
    /// No probe of ours has this number.
    Foreign,
}

/// All probes of a run, numbered from 1 without gaps, with their counts and RTTs.
#[derive(Debug)]
pub struct Probes {
    timeout: Duration,
    /// The sequence number of `table[0]`.
    first: u64,
    table: VecDeque<Probe>,
    /// No probe before this one is waiting.
    oldest_waiting: u64,
    pub counts: Counts,
    pub rtts: Rtts,
}

impl Probes {
    pub fn new(timeout: Duration) -> Probes {
        Probes {
            timeout,
            first: 1,
            table: VecDeque::new(),
            oldest_waiting: 1,
            counts: Counts::default(),
            rtts: Rtts::default(),
        }
    }

    /// How long a probe waits for its reply.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// The number that the next probe will have.
    pub fn next_seq(&self) -> u64 {
        self.first + self.table.len() as u64
    }

    /// Enters the probe [`next_seq`](Probes::next_seq) as sent at `sent`;
    /// `stamp` is the time that stands in it.
    pub fn sent(&mut self, sent: Instant, stamp: Timestamp) {
        if self.table.len() >= REMEMBERED && self.oldest_waiting > self.first {
            self.table.pop_front();
            self.first += 1;
        }
        self.table.push_back(Probe { sent, stamp, fate: Fate::Waiting });
        self.counts.sent += 1;
    }

    /// The time that stands in a probe, if it is remembered.
    pub fn stamp(&self, seq: u64) -> Option<Timestamp> {
        self.index(seq).map(|index| self.table[index].stamp)
    }

    /// The numbers of the probes to which a reply with a spoilt number may
    /// belong: those of which nothing came back yet, and the latest ones.
    pub fn candidates(&self) -> impl Iterator<Item = u64> {
        let latest = self.next_seq().saturating_sub(LATEST);
        let skipped = self.oldest_waiting.min(latest).max(self.first);
        (skipped..)
            .zip(self.table.iter().skip((skipped - self.first) as usize))
            .filter(move |(seq, probe)| probe.fate == Fate::Waiting || *seq >= latest)
            .map(|(seq, _)| seq)
    }

    /// When the oldest waiting probe times out.
    pub fn next_timeout(&self) -> Option<Instant> {
        let index = self.index(self.oldest_waiting)?;
        Some(self.table[index].sent + self.timeout)
    }

    /// Declares the oldest waiting probe lost if its timeout was over at
    /// `then`, and tells its number and when it fell due. To be called until
    /// there is none.
    ///
    /// `then` is a moment up to which every packet that had come in was
    /// looked at. With the time of day in its place, a reply that waited in
    /// the socket's buffer, in time, would be called late.
    pub fn timed_out(&mut self, then: Instant) -> Option<(u64, Instant)> {
        let due = self.next_timeout().filter(|due| *due <= then)?;
        let seq = self.oldest_waiting;
        self.decide(seq, Fate::Lost);
        self.counts.lost += 1;
        Some((seq, due))
    }

    /// Enters a reply to `seq` with the right bytes.
    pub fn answered(&mut self, seq: u64, arrival: &Arrival) -> Answer {
        let Some((fate, rtt)) = self.look_up(seq, arrival) else {
            self.counts.foreign += 1;
            return Answer::Foreign;
        };
        match fate {
            Fate::Waiting if rtt <= self.timeout => {
                self.decide(seq, Fate::Answered);
                self.counts.received += 1;
                self.rtts.add(rtt);
                Answer::Reply(rtt)
            }
            Fate::Waiting | Fate::Lost => {
                self.no_longer_lost(fate);
                self.decide(seq, Fate::Late);
                self.counts.late += 1;
                Answer::Late(rtt)
            }
            Fate::Answered | Fate::Late | Fate::Corrupt | Fate::Refused => {
                self.counts.duplicates += 1;
                Answer::Duplicate(rtt)
            }
        }
    }

    /// Enters a reply to `seq` with the wrong bytes.
    pub fn answered_wrongly(&mut self, seq: u64, arrival: &Arrival) -> Answer {
        let Some((fate, rtt)) = self.look_up(seq, arrival) else {
            self.counts.foreign += 1;
            return Answer::Foreign;
        };
        match fate {
            Fate::Waiting | Fate::Lost => {
                self.no_longer_lost(fate);
                self.decide(seq, Fate::Corrupt);
                self.counts.corrupt += 1;
                Answer::Corrupt(rtt)
            }
            Fate::Answered | Fate::Late | Fate::Corrupt | Fate::Refused => {
                self.counts.duplicates += 1;
                Answer::Duplicate(rtt)
            }
        }
    }

    /// Enters an error that does not say which probe it answers. While nothing
    /// was ever answered, it is the oldest one's, because errors come back in
    /// the order of the probes. Later the oldest may be one that was lost; an
    /// error takes about as long as a reply, so it is the youngest one's that
    /// has been under way for half the shortest round trip. `None` if no probe
    /// is waiting for anything.
    pub fn refused(&mut self, arrival: &Arrival) -> Option<u64> {
        let oldest = self.index(self.oldest_waiting)?;
        let waiting = (self.oldest_waiting..).zip(self.table.iter().skip(oldest));
        let by_time = self.rtts.min().and_then(|rtt| {
            let could_be_back = |probe: &Probe| {
                probe.fate == Fate::Waiting
                    && arrival.since(probe.sent).as_secs_f64() * 1e3 >= rtt / 2.0
            };
            waiting.filter(|(_, probe)| could_be_back(probe)).last().map(|(seq, _)| seq)
        });
        let seq = by_time.unwrap_or(self.oldest_waiting);
        self.decide(seq, Fate::Refused);
        self.counts.errors += 1;
        Some(seq)
    }

    /// Enters an error that says which probe it answers. False if that probe
    /// is unknown, or has its fate already.
    pub fn failed(&mut self, seq: u64) -> bool {
        let Some(fate) = self.index(seq).map(|index| self.table[index].fate) else {
            return false;
        };
        if !matches!(fate, Fate::Waiting | Fate::Lost) {
            return false;
        }
        self.no_longer_lost(fate);
        self.decide(seq, Fate::Refused);
        self.counts.errors += 1;
        true
    }

    /// Enters the probe [`next_seq`](Probes::next_seq) as one that the
    /// operating system would not send.
    pub fn not_sent(&mut self, now: Instant, stamp: Timestamp) -> u64 {
        let seq = self.next_seq();
        self.sent(now, stamp);
        self.decide(seq, Fate::Refused);
        self.counts.errors += 1;
        seq
    }

    fn index(&self, seq: u64) -> Option<usize> {
        let index = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        (index < self.table.len()).then_some(index)
    }

    fn look_up(&self, seq: u64, arrival: &Arrival) -> Option<(Fate, Duration)> {
        let probe = self.table[self.index(seq)?];
        Some((probe.fate, arrival.since(probe.sent)))
    }

    fn no_longer_lost(&mut self, fate: Fate) {
        if fate == Fate::Lost {
            self.counts.lost -= 1;
        }
    }

    fn decide(&mut self, seq: u64, fate: Fate) {
        if let Some(index) = self.index(seq) {
            self.table[index].fate = fate;
        }
        while let Some(index) = self.index(self.oldest_waiting)
            && self.table[index].fate != Fate::Waiting
        {
            self.oldest_waiting += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A run with a timeout of one second in which `sent` probes were sent
    /// `ago` in the past.
    fn probes(sent: usize, ago: Duration) -> Probes {
        let mut probes = Probes::new(SECOND);
        for _ in 0..sent {
            probes.sent(Instant::now() - ago, Timestamp::UNIX_EPOCH);
        }
        probes
    }

    fn now() -> Arrival {
        Arrival::new(Instant::now())
    }

    fn seq(timed_out: Option<(u64, Instant)>) -> Option<u64> {
        timed_out.map(|(seq, _)| seq)
    }

    #[test]
    fn replies_are_matched_by_number_whatever_their_order() {
        let mut probes = probes(3, Duration::ZERO);
        for seq in [3, 1, 2] {
            assert!(matches!(probes.answered(seq, &now()), Answer::Reply(_)));
        }
        assert_eq!(probes.counts.received, 3);
        assert_eq!(probes.next_timeout(), None);
    }

    #[test]
    fn what_was_entered_is_told_again() {
        let mut probes = Probes::new(SECOND);
        let stamp = |seq: u64| Timestamp::from_second(seq as i64).unwrap();
        for seq in 1..=3 {
            assert_eq!((probes.next_seq(), probes.timeout()), (seq, SECOND));
            probes.sent(Instant::now(), stamp(seq));
        }
        assert_eq!((probes.stamp(0), probes.stamp(4)), (None, None));
        assert_eq!([1, 2, 3].map(|seq| probes.stamp(seq)), [1, 2, 3].map(|seq| Some(stamp(seq))));
    }

    #[test]
    fn what_could_not_be_sent_has_a_number_and_is_an_error_of_its_own() {
        let mut probes = probes(1, Duration::ZERO);
        assert_eq!(probes.not_sent(Instant::now(), Timestamp::UNIX_EPOCH), 2);
        assert_eq!((probes.counts.sent, probes.counts.errors, probes.next_seq()), (2, 1, 3));
        // It waits for nothing, and the one before it still does.
        assert_eq!(probes.counts.waiting(), 1);
        assert!(!probes.failed(2) && probes.failed(1));
        assert_eq!(probes.next_timeout(), None);
    }

    #[test]
    fn a_second_reply_is_a_duplicate() {
        let mut probes = probes(1, Duration::ZERO);
        probes.answered(1, &now());
        assert!(matches!(probes.answered(1, &now()), Answer::Duplicate(_)));
        assert_eq!((probes.counts.received, probes.counts.duplicates), (1, 1));
        assert_eq!(probes.rtts.count(), 1);
    }

    #[test]
    fn a_lost_probe_whose_reply_comes_is_late_and_no_longer_lost() {
        let mut probes = probes(2, 2 * SECOND);
        assert_eq!(seq(probes.timed_out(Instant::now())), Some(1));
        assert_eq!(seq(probes.timed_out(Instant::now())), Some(2));
        assert_eq!(probes.timed_out(Instant::now()), None);
        assert_eq!(probes.counts.lost, 2);
        assert!(matches!(probes.answered(1, &now()), Answer::Late(rtt) if rtt >= 2 * SECOND));
        assert_eq!((probes.counts.lost, probes.counts.late), (1, 1));
        assert!(matches!(probes.answered(1, &now()), Answer::Duplicate(_)));
        assert_eq!(probes.rtts.count(), 0, "a late reply is no RTT of the link");
    }

    #[test]
    fn a_reply_after_the_timeout_is_late_even_if_nobody_looked_in_between() {
        let mut probes = probes(1, 2 * SECOND);
        assert!(matches!(probes.answered(1, &now()), Answer::Late(_)));
        assert_eq!(probes.timed_out(Instant::now()), None);
        assert_eq!(probes.counts.lost, 0);
    }

    #[test]
    fn nothing_times_out_before_its_time() {
        let mut probes = probes(1, Duration::ZERO);
        let due = probes.next_timeout().unwrap();
        assert_eq!(probes.timed_out(due - Duration::from_nanos(1)), None);
        assert_eq!(probes.timed_out(due), Some((1, due)));
    }

    #[test]
    fn numbers_that_were_never_sent_are_foreign() {
        let mut probes = probes(2, Duration::ZERO);
        for seq in [0, 3, u64::MAX] {
            assert_eq!(probes.answered(seq, &now()), Answer::Foreign);
            assert_eq!(probes.answered_wrongly(seq, &now()), Answer::Foreign);
        }
        assert_eq!(probes.counts.foreign, 6);
    }

    #[test]
    fn an_error_belongs_to_the_oldest_probe_that_waits() {
        let mut probes = probes(3, Duration::ZERO);
        assert_eq!(probes.refused(&now()), Some(1));
        assert_eq!(probes.refused(&now()), Some(2));
        assert_eq!(probes.refused(&now()), Some(3));
        assert_eq!(probes.refused(&now()), None);
        assert_eq!(probes.counts.errors, 3);
    }

    #[test]
    fn once_there_were_replies_an_error_belongs_to_the_youngest_probe_that_could_be_back() {
        let began = Instant::now();
        let at = |ms| Arrival::new(began + Duration::from_millis(ms));
        let mut probes = Probes::new(SECOND);
        for ms in [0, 200, 400, 405] {
            probes.sent(began + Duration::from_millis(ms), Timestamp::UNIX_EPOCH);
        }
        // Number 1 takes 20 ms, number 2 is lost, and then the server is gone.
        assert!(matches!(probes.answered(1, &at(20)), Answer::Reply(_)));
        assert_eq!(probes.refused(&at(412)), Some(3));
        assert_eq!(probes.refused(&at(426)), Some(4));
        assert_eq!(probes.refused(&at(430)), Some(2));
        assert_eq!(probes.refused(&at(430)), None);
    }

    #[test]
    fn an_error_for_a_certain_probe_is_entered_once_even_after_its_timeout() {
        let mut probes = probes(3, 2 * SECOND);
        assert_eq!(seq(probes.timed_out(Instant::now())), Some(1));
        assert!(probes.failed(1) && probes.failed(3));
        assert!(!probes.failed(1) && !probes.failed(4) && !probes.failed(0));
        assert_eq!((probes.counts.errors, probes.counts.lost), (2, 0));
        assert!(matches!(probes.answered(2, &now()), Answer::Late(_)));
        assert!(!probes.failed(2));
    }

    #[test]
    fn a_corrupt_reply_ends_its_probe() {
        let mut probes = probes(1, Duration::ZERO);
        assert!(matches!(probes.answered_wrongly(1, &now()), Answer::Corrupt(_)));
        assert!(matches!(probes.answered(1, &now()), Answer::Duplicate(_)));
        assert_eq!((probes.counts.corrupt, probes.counts.received), (1, 0));
    }

    #[test]
    fn a_spoilt_reply_may_belong_to_a_waiting_probe_or_to_one_of_the_latest() {
        let mut probes = probes(0, Duration::ZERO);
        assert_eq!(probes.candidates().count(), 0);
        for _ in 0..300 {
            probes.sent(Instant::now(), Timestamp::UNIX_EPOCH);
        }
        for seq in (1..=300).filter(|seq| *seq != 7) {
            probes.answered(seq, &now());
        }
        let candidates: Vec<u64> = probes.candidates().collect();
        assert_eq!(candidates[..2], [7, 201]);
        assert_eq!(candidates.len(), 101);
    }

    #[test]
    fn memory_is_bounded_and_what_waits_is_not_forgotten() {
        let mut long = Probes::new(SECOND);
        for seq in 1..=3 * REMEMBERED as u64 {
            long.sent(Instant::now(), Timestamp::UNIX_EPOCH);
            long.answered(seq, &now());
        }
        assert_eq!(long.table.len(), REMEMBERED);
        assert_eq!(long.answered(1, &now()), Answer::Foreign);

        let waiting = probes(REMEMBERED + 10, Duration::ZERO);
        assert_eq!(waiting.candidates().count(), REMEMBERED + 10);
    }

    proptest! {
        #[test]
        fn every_probe_has_exactly_one_fate(steps in prop::collection::vec((0u8..7, 0u64..12), 0..100)) {
            let mut probes = Probes::new(SECOND);
            for (step, seq) in steps {
                match step {
                    0 | 1 => probes.sent(Instant::now(), Timestamp::UNIX_EPOCH),
                    2 => { probes.answered(seq, &now()); }
                    3 => { probes.answered_wrongly(seq, &now()); }
                    4 => { probes.refused(&now()); }
                    5 => { probes.failed(seq); }
                    _ => { probes.timed_out(Instant::now() + 2 * SECOND); }
                }
                let waiting = probes.table.iter().filter(|probe| probe.fate == Fate::Waiting);
                prop_assert_eq!(probes.counts.waiting(), waiting.count() as u64);
            }
            prop_assert_eq!(probes.counts.received, probes.rtts.count());
        }
    }
}
