//! The plan of a trace, without a socket: time is what the test says it is.

use super::*;
use crate::arrival::Arrival;
use packets::icmp::Version;
use packets::icmp_error::Problem;
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);
const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 3, 2));
const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));

fn trace(max_hops: u8) -> Tracer {
    let settings =
        Settings { first_hop: 1, max_hops, per_hop: 3, timeout: SECOND, interval: Duration::ZERO };
    Tracer::new(TARGET, settings, Instant::now())
}

fn send_all(trace: &mut Tracer, now: Instant) -> Vec<u8> {
    let mut ttls = Vec::new();
    while trace.step(now) == Step::Send {
        ttls.push(trace.next_probe().1);
        trace.sent(now);
    }
    ttls
}

fn error(kind: u8, code: u8) -> Option<Problem> {
    Some(Problem { version: Version::V4, kind, code, rest: 0 })
}

/// Waits as long as there is nothing to send, or for what times out.
fn wait(trace: &mut Tracer, now: Instant) -> Instant {
    match trace.step(now) {
        Step::Wait(time) => now + time,
        step => panic!("{step:?}"),
    }
}

fn response(seq: u16, error: Option<Problem>, from: IpAddr) -> Response {
    Response { seq, error, from, ttl: None, arrival: Arrival::new(Instant::now()) }
}

fn router(seq: u16) -> Response {
    response(seq, error(11, 0), ROUTER)
}

fn target(seq: u16) -> Response {
    response(seq, None, TARGET)
}

#[test]
fn it_begins_with_one_hop_and_sends_two_more_for_each_answer() {
    let mut trace = trace(30);
    let now = Instant::now();
    assert_eq!(send_all(&mut trace, now), [1, 1, 1]);
    trace.heard(&router(2));
    assert_eq!(send_all(&mut trace, now), [2, 2]);
    for seq in [1, 3, 4, 5] {
        trace.heard(&router(seq));
    }
    assert_eq!(send_all(&mut trace, now), [2, 3, 3, 3, 4, 4, 4, 5]);
}

#[test]
fn a_target_next_door_is_sent_no_probe_beyond_it() {
    let mut trace = trace(30);
    let now = Instant::now();
    send_all(&mut trace, now);
    trace.heard(&target(3));
    assert!(send_all(&mut trace, now).is_empty());
    assert!(trace.next_hop().is_none());
    trace.heard(&target(1));
    trace.heard(&target(2));
    assert_eq!(trace.next_hop().map(<[Probe]>::len), Some(3));
    assert!(trace.finished() && trace.next_hop().is_none());
    assert_eq!((trace.reached(), trace.counts.sent), (Some(1), 3));
}

#[test]
fn a_silent_way_takes_less_than_two_timeouts_of_one_second() {
    let mut trace = trace(30);
    let began = Instant::now();
    let mut now = began;
    let mut most = 0;
    while !trace.finished() {
        send_all(&mut trace, now);
        most = most.max(trace.under_way());
        now = wait(&mut trace, now);
        while trace.timed_out(now).is_some() {}
        while trace.next_hop().is_some() {}
    }
    assert_eq!((trace.counts.sent, trace.counts.lost, most), (90, 90, 16));
    assert_eq!(now - began, SECOND + 7 * HOLDS_UP);
    assert_eq!(trace.reached(), None);
}

#[test]
fn hops_are_told_in_order_whatever_the_order_of_the_answers() {
    let mut trace = trace(3);
    let now = Instant::now();
    while !send_all(&mut trace, now).is_empty() {
        let last = trace.counts.sent as u16;
        trace.heard(&if last > 6 { target(last) } else { router(last) });
    }
    for seq in (1..=9).rev() {
        assert!(trace.next_hop().is_none());
        trace.heard(&if seq > 6 { target(seq) } else { router(seq) });
    }
    for ttl in 1..=3 {
        let hop = trace.next_hop().unwrap();
        assert!(hop.iter().all(|probe| probe.ttl == ttl) && hop.len() == 3);
    }
    assert_eq!((trace.reached(), trace.counts.received), (Some(3), 9));
}

#[test]
fn what_waits_behind_the_last_hop_is_not_waited_for() {
    let mut trace = trace(30);
    let now = Instant::now();
    send_all(&mut trace, now);
    for seq in 1..=3 {
        trace.heard(&router(seq));
    }
    send_all(&mut trace, now);
    // The third hop's answers overtake the second's.
    for seq in [9, 6, 5, 4] {
        trace.heard(&target(seq));
    }
    assert!(trace.next_hop().is_some() && trace.next_hop().is_some());
    assert!(trace.finished());
    assert_eq!(trace.reached(), Some(2));
}

#[test]
fn a_router_that_knows_no_way_on_ends_the_trace_without_the_target() {
    let mut trace = trace(30);
    let now = Instant::now();
    send_all(&mut trace, now);
    for seq in 1..=3 {
        trace.heard(&response(seq, error(3, 1), ROUTER));
    }
    assert!(trace.next_hop().is_some() && trace.finished());
    assert_eq!(trace.reached(), None);
}

#[test]
fn duplicates_late_answers_and_foreign_numbers_change_no_outcome() {
    let mut trace = trace(1);
    let past = Instant::now() - 2 * SECOND;
    for _ in 0..3 {
        trace.sent(past);
    }
    let timed_out = |trace: &mut Tracer, then| trace.timed_out(then).map(|probe| probe.seq);
    assert_eq!(timed_out(&mut trace, past + SECOND), Some(1));
    // Both come too late, whether or not that was noticed before.
    let mut timing = |seq| trace.heard(&router(seq)).map(|(_, timing)| timing);
    assert!(matches!(timing(1), Some(Timing::Late(rtt)) if rtt >= 2 * SECOND));
    assert!(matches!(timing(2), Some(Timing::Late(_))));
    assert!(matches!(timing(2), Some(Timing::Duplicate(_))));
    for seq in [0, 4, u16::MAX] {
        assert!(trace.heard(&router(seq)).is_none());
    }
    let counts = Counts { sent: 3, late: 2, duplicates: 1, ..Counts::default() };
    assert_eq!(trace.counts, counts);
    assert_eq!(timed_out(&mut trace, Instant::now()), Some(3));
    assert_eq!(trace.next_hop().map(<[Probe]>::len), Some(3));
}

#[test]
fn an_interval_lies_between_two_probes() {
    let mut trace = trace(30);
    trace.settings.interval = Duration::from_millis(10);
    let now = Instant::now();
    assert_eq!(send_all(&mut trace, now), [1]);
    let next = wait(&mut trace, now);
    assert_eq!(next, now + Duration::from_millis(10));
    assert_eq!(send_all(&mut trace, next), [1]);
}

#[test]
fn what_was_heard_before_an_early_end_can_still_be_told() {
    let mut trace = trace(30);
    let now = Instant::now();
    send_all(&mut trace, now);
    assert_eq!(trace.untold().count(), 0);
    trace.heard(&router(1));
    send_all(&mut trace, now);
    trace.heard(&router(5));
    let untold: Vec<usize> = trace.untold().map(<[Probe]>::len).collect();
    assert_eq!(untold, [3, 2]);
}

proptest! {
    #[test]
    fn every_trace_ends_with_each_hop_told_once_and_each_probe_decided(
        answers in prop::collection::vec((1u16..40, 0u8..4, any::<bool>()), 0..60),
        shape in (1u8..4, 0u8..9, 1u8..5),
    ) {
        let (first_hop, more, per_hop) = shape;
        let mut trace = trace(30);
        trace.settings.first_hop = first_hop;
        trace.next_told = first_hop.into();
        trace.last_hop = first_hop + more;
        trace.settings.per_hop = per_hop;
        let mut now = Instant::now();
        let mut answers = answers.into_iter();
        let mut told = Vec::new();
        while !trace.finished() {
            send_all(&mut trace, now);
            prop_assert!(trace.under_way() <= MOST_UNDER_WAY);
            if let Some((seq, kind, from)) = answers.next() {
                let answer = match kind {
                    0 => None,
                    1 => error(3, 1),
                    _ => error(11, 0),
                };
                trace.heard(&response(seq, answer, if from { TARGET } else { ROUTER }));
            } else if let Step::Wait(time) = trace.step(now) {
                now += time;
                while trace.timed_out(now).is_some() {}
            }
            while let Some(hop) = trace.next_hop() {
                told.push(hop[0].ttl);
            }
            let waiting = trace.probes.iter().filter(|p| p.state == ProbeState::Waiting);
            prop_assert_eq!(trace.counts.waiting(), waiting.count() as u64);
        }
        let expected: Vec<u8> = (first_hop..).take(told.len()).collect();
        prop_assert_eq!(&told, &expected);
        prop_assert!(told.len() <= usize::from(more) + 1);
    }

    #[test]
    fn no_numbers_make_a_plan_panic(first in 1u8..=255, count in 1u8..=255, sent in 0u16..300) {
        let mut trace = trace(255);
        trace.settings.first_hop = first;
        trace.next_told = first.into();
        trace.settings.per_hop = count;
        let now = Instant::now();
        (0..sent).for_each(|_| trace.sent(now));
        while trace.timed_out(now + SECOND).is_some() {}
        while trace.next_hop().is_some() {}
        prop_assert_eq!(trace.untold().count(), 0);
    }
}
