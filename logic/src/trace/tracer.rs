//! Which probe is due, what came back, and when a hop can be told: a trace's state, without a socket.
//!
//! Probes are numbered from 1, and a few of them have the same TTL. Many are
//! under way at the same time, so that silent routers do not add up; but not
//! all at once, for a router limits its answers. The number grows as in TCP's
//! slow start: few at first, and one more for each answer.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::probe::{Probe, ProbeState, Response, Timing, ends_the_way};
use crate::pace::LOOK_UP;
use crate::pace::Step;
use crate::stats::Counts;

/// No more probes than this are under way at once, as Linux's traceroute has it.
const MOST_UNDER_WAY: usize = 16;

/// A probe that is not answered within this time still may be, until its
/// timeout, but does not keep others waiting. So a wholly silent way is sent
/// 160 probes a second at most.
const HOLDS_UP: Duration = Duration::from_millis(100);

/// What is asked of a trace.
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

/// A trace under way. [`step`](Tracer::step) says what to do next.
#[derive(Debug)]
pub struct Tracer {
    settings: Settings,
    target: IpAddr,
    began: Instant,
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

impl Tracer {
    /// A trace whose first probe is due at `began`.
    pub fn new(target: IpAddr, settings: Settings, began: Instant) -> Tracer {
        Tracer {
            settings,
            target,
            began,
            probes: Vec::new(),
            window: usize::from(settings.per_hop).min(MOST_UNDER_WAY),
            last_hop: settings.max_hops,
            next_told: settings.first_hop.into(),
            ended: false,
            reached: false,
            counts: Counts::default(),
        }
    }

    /// What to do at `now`.
    pub fn step(&mut self, now: Instant) -> Step {
        if self.finished() {
            return Step::Done;
        }
        self.free_places(now);
        let send = self.next_send();
        if send.is_some_and(|due| due <= now) {
            return Step::Send;
        }
        let timeout = self.oldest_waiting().map(|probe| probe.sent + self.settings.timeout);
        let next = [send, timeout].into_iter().flatten().min();
        let left = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now));
        // Not so long that Ctrl-C goes unseen.
        Step::Wait(left.min(LOOK_UP))
    }

    /// The number and the TTL of the probe that is to be sent next.
    pub fn next_probe(&self) -> (u16, u8) {
        let seq = self.probes.len() as u16 + 1;
        (seq, self.ttl(seq).unwrap_or(self.last_hop))
    }

    /// Enters the [next probe](Tracer::next_probe) as sent at `sent`.
    pub fn sent(&mut self, sent: Instant) {
        let seq = self.probes.len() as u16 + 1;
        if let Some(ttl) = self.ttl(seq) {
            self.probes.push(Probe { seq, ttl, state: ProbeState::Waiting, sent, holds_up: true });
            self.counts.sent += 1;
        }
    }

    /// Enters a response: to which probe, and how it came. `None` if no probe
    /// of this number was sent.
    pub fn heard(&mut self, response: &Response) -> Option<(Probe, Timing)> {
        let index = usize::from(response.seq).checked_sub(1)?;
        let probe = self.probes.get_mut(index)?;
        let rtt = response.arrival.since(probe.sent);
        let timing = match probe.state {
            ProbeState::Waiting if rtt <= self.settings.timeout => {
                let Response { error, from, ttl, .. } = *response;
                probe.state = ProbeState::Answered { error, from, rtt, ttl };
                self.counts.received += 1;
                Timing::InTime(rtt)
            }
            ProbeState::Waiting | ProbeState::Lost => {
                if probe.state == ProbeState::Lost {
                    self.counts.lost -= 1;
                }
                probe.state = ProbeState::Late;
                self.counts.late += 1;
                Timing::Late(rtt)
            }
            ProbeState::Late | ProbeState::Answered { .. } => {
                self.counts.duplicates += 1;
                return Some((*probe, Timing::Duplicate(rtt)));
            }
        };
        let probe = *probe;
        if probe.holds_up {
            self.probes[index].holds_up = false;
            self.widen();
        }
        if ends_the_way(response.error) {
            self.last_hop = self.last_hop.min(probe.ttl);
            self.ended = true;
            self.reached |= response.from == self.target;
        }
        Some((probe, timing))
    }

    /// Declares a probe lost whose timeout was over at `then`, and tells which.
    /// To be called until there is none.
    ///
    /// `then` is a moment up to which everything that had come in was looked at.
    pub fn timed_out(&mut self, then: Instant) -> Option<Probe> {
        let oldest = self.oldest_waiting()?;
        if oldest.sent + self.settings.timeout > then {
            return None;
        }
        let index = usize::from(oldest.seq) - 1;
        self.probes[index].state = ProbeState::Lost;
        self.counts.lost += 1;
        Some(self.probes[index])
    }

    /// The probes of the next hop in order, once all of them are decided.
    pub fn next_hop(&mut self) -> Option<&[Probe]> {
        let probes = self.hop(self.next_told);
        let all = probes.len() == usize::from(self.settings.per_hop);
        let decided = probes.iter().all(|probe| probe.state != ProbeState::Waiting);
        if self.finished() || !all || !decided {
            return None;
        }
        self.next_told += 1;
        Some(self.hop(self.next_told - 1))
    }

    /// After an early end: the hops that were not told, up to the last from
    /// which an answer came.
    pub fn untold(&self) -> impl Iterator<Item = &[Probe]> {
        let answered = |probe: &&Probe| matches!(probe.state, ProbeState::Answered { .. });
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

    /// When the next probe may be sent if nothing is heard before; `None` if
    /// there is none any more.
    fn next_send(&self) -> Option<Instant> {
        self.ttl(self.probes.len() as u16 + 1)?;
        let Some(last) = self.probes.last() else {
            return Some(self.began);
        };
        let rested = last.sent + self.settings.interval;
        if self.under_way() < self.window {
            return Some(rested);
        }
        let holding_up = self.probes.iter().find(|probe| probe.holds_up)?;
        Some(rested.max(holding_up.sent + HOLDS_UP))
    }

    fn oldest_waiting(&self) -> Option<&Probe> {
        let asked_for = |probe: &&Probe| probe.ttl <= self.last_hop;
        let mut probes = self.probes.iter().take_while(asked_for);
        probes.find(|probe| probe.state == ProbeState::Waiting)
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
#[path = "tracer_tests.rs"]
mod tests;
