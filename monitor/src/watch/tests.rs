//! Checks under way, missed, refused, asked for; files that change; clocks that are set.

use super::*;
use crate::engine::plan::{NotRun, Start};
use crate::example::at_port as service;
use socklab::clock::At;

fn at(ms: u64) -> Now {
    Now { mono: Duration::from_millis(ms), wall: Timestamp::UNIX_EPOCH, at: At::now() }
}

fn watch(services: Vec<Service>) -> Watch {
    let mut watch = Watch::default();
    watch.add_all(services, Duration::ZERO);
    watch
}

fn starts(watch: &mut Watch, now: Now, events: &mut Vec<Occurrence>) -> Vec<Start> {
    let mut skipped = Vec::new();
    let starts = std::iter::from_fn(|| watch.plan.next_start(now.mono, &mut skipped)).collect();
    watch.not_run(skipped, now, events);
    starts
}

fn ended(
    watch: &mut Watch,
    start: &Start,
    began: Duration,
    ended: Now,
    outcome: Outcome,
    events: &mut Vec<Occurrence>,
) {
    let (start, began) = (start.clone(), Now { mono: began, ..ended });
    watch.ended(Ended { start, began, ended, outcome }, events);
}

fn words(events: &[Occurrence]) -> Vec<String> {
    let word = |event: &Occurrence| match &event.what {
        What::Result { outcome, .. } => outcome.verdict.to_string(),
        What::Change { change, .. } => format!("now {}", change.to),
        What::Path { .. } => "path".to_string(),
        What::NotRun { why, .. } => format!("{why:?}"),
    };
    events.iter().map(word).collect()
}

#[test]
fn a_service_has_never_two_checks_under_way() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    let first = starts(&mut watch, at(0), &mut events);
    assert_eq!(first.len(), 1);
    assert_eq!(starts(&mut watch, at(1000), &mut events).len(), 0);
    assert_eq!(starts(&mut watch, at(2000), &mut events).len(), 0);
    assert_eq!(words(&events), ["Running"]);
    // It took too long for the one that came due meanwhile.
    ended(&mut watch, &first[0], Duration::ZERO, at(2500), Outcome::up(""), &mut events);
    assert_eq!(words(&events[1..]), ["up", "now up", "Running"]);
    assert_eq!(starts(&mut watch, at(2999), &mut events).len(), 0);
    assert_eq!(starts(&mut watch, at(3000), &mut events).len(), 1);
    assert_eq!(watch.get("a").unwrap().counts.not_run, 2);
}

#[test]
fn a_check_that_takes_all_its_interval_is_followed_by_the_next_at_once() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    let first = starts(&mut watch, at(0), &mut events);
    assert_eq!(starts(&mut watch, at(1000), &mut events).len(), 0);
    ended(&mut watch, &first[0], Duration::ZERO, at(1002), Outcome::down(""), &mut events);
    let second = starts(&mut watch, at(1002), &mut events);
    assert_eq!(second[0].due, Duration::from_secs(1));
    assert_eq!(words(&events), ["down"]);
    ended(&mut watch, &second[0], at(1002).mono, at(2003), Outcome::down(""), &mut events);
    let What::Result { late, .. } = events[1].what else { panic!("{events:?}") };
    assert_eq!(late, Duration::from_millis(2));
}

#[test]
fn checks_that_cannot_begin_are_told_and_counted_and_the_first_of_them_is_marked() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    for second in 0..3 {
        let start = starts(&mut watch, at(second * 1000), &mut events);
        let skipped = Skipped { id: start[0].id, why: NotRun::Busy(512) };
        watch.plan.refused(skipped.id);
        watch.not_run(vec![skipped], at(second * 1000), &mut events);
    }
    let firsts: Vec<bool> = events
        .iter()
        .map(|event| matches!(event.what, What::NotRun { why: NotRun::Busy(512), first: true }))
        .collect();
    assert_eq!(firsts, [true, false, false]);
    assert_eq!(watch.totals().not_run, 3);
    starts(&mut watch, at(9500), &mut events);
    assert_eq!(words(&events[3..]), ["Missed(6)"]);
    assert_eq!(watch.totals().not_run, 9);
}

#[test]
fn a_reload_keeps_what_is_as_it_was_and_begins_anew_what_is_not() {
    let mut watch = watch(vec![service("a", 1), service("b", 2), service("c", 3), service("d", 4)]);
    watch.add(service("by hand", 9), Duration::ZERO).unwrap();
    let mut events = Vec::new();
    let first = starts(&mut watch, at(999), &mut events);
    for start in &first {
        ended(&mut watch, start, start.due, at(999), Outcome::up(""), &mut events);
    }
    let due = watch.plan.next_due();
    let slower = Service { interval: Duration::from_secs(60), ..service("b", 2) };
    let elsewhere = service("c", 33);
    let files = vec![service("a", 1), slower, elsewhere, service("e", 5)];
    let reload = watch.reload(files, at(1000).mono);
    assert_eq!(reload, Reload { added: 1, changed: 2, removed: 1, unchanged: 1 });
    let names: Vec<&str> = watch.services().map(|watched| watched.service.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "by hand", "c", "e"]);
    // The ticks of "a" are where they were.
    assert_eq!(watch.plan.next_due(), due);
    assert_eq!(watch.get("b").unwrap().counts.all_checks(), 1);
    assert_eq!(watch.get("c").unwrap().counts.all_checks(), 0);
    assert_eq!(watch.totals().all_checks(), 5);
}

#[test]
fn results_of_what_is_no_longer_watched_are_not_told() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    let start = starts(&mut watch, at(0), &mut events);
    watch.remove("a").unwrap();
    watch.add(service("a", 2), at(5).mono).unwrap();
    ended(&mut watch, &start[0], Duration::ZERO, at(10), Outcome::down(""), &mut events);
    assert_eq!((events.len(), watch.totals().all_checks()), (0, 0));
    assert!(watch.remove("b").is_err());
}

#[test]
fn a_check_is_made_when_a_person_asks_for_it_also_while_paused() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    assert_eq!(watch.pause(None), Ok(1));
    assert_eq!(starts(&mut watch, at(5000), &mut events).len(), 0);
    assert_eq!(watch.check_now("a", at(5000).mono), Ok(true));
    let start = starts(&mut watch, at(5000), &mut events);
    assert_eq!(watch.check_now("a", at(5001).mono), Ok(false));
    ended(&mut watch, &start[0], at(5000).mono, at(5001), Outcome::up(""), &mut events);
    assert!(matches!(events[0].what, What::Result { asked: true, .. }));
    assert_eq!(watch.resume(Some("a"), at(5500).mono), Ok(1));
    assert_eq!(starts(&mut watch, at(6000), &mut events).len(), 1);
    assert!(watch.pause(Some("b")).is_err());
}

#[test]
fn another_path_is_told() {
    let (mut watch, mut events) = (watch(vec![service("a", 1)]), Vec::new());
    for (second, path) in ["x y", "x y", "x z"].iter().enumerate() {
        let now = at(second as u64 * 1000);
        let start = starts(&mut watch, now, &mut events);
        let hops: Vec<&str> = path.split(' ').collect();
        ended(
            &mut watch,
            &start[0],
            now.mono,
            now,
            Outcome::up("").with("path", hops),
            &mut events,
        );
    }
    assert_eq!(words(&events), ["up", "now up", "up", "up", "path"]);
}

/// The same hour, once with a clock on the wall that goes right, and once
/// with one that is set an hour forward and two hours back on the way.
#[test]
fn a_clock_that_is_set_changes_nothing_but_the_labels() {
    let hour = |skew: fn(u64) -> i64| {
        let mut watch = watch(vec![service("a", 1), service("b", 2)]);
        let (mut told, mut labels) = (Vec::new(), Vec::new());
        let mut under_way: Vec<Start> = Vec::new();
        for step in 0..36_000 {
            let mono = Duration::from_millis(step * 100);
            let wall =
                Timestamp::from_second(1_700_000_000 + step as i64 / 10 + skew(step)).unwrap();
            let now = Now { mono, wall, at: At::now() };
            let mut events = Vec::new();
            for start in under_way.drain(..) {
                let outcome = if step % 700 < 50 { Outcome::down("") } else { Outcome::up("") };
                ended(
                    &mut watch,
                    &start,
                    start.due,
                    now,
                    outcome.after(mono - start.due),
                    &mut events,
                );
            }
            under_way = starts(&mut watch, now, &mut events);
            for event in events {
                labels.push(event.wall);
                told.push((mono, event.service.name.clone(), format!("{:?}", event.what)));
            }
        }
        let end = Moment(3_600_000);
        let figures: Vec<_> = watch
            .services()
            .map(|w| (w.state.now(end), w.state.uptime.hour(end), w.counts.all_checks()))
            .collect();
        (told, figures, labels)
    };
    let right = hour(|_| 0);
    let set = hour(|step| match step {
        0..10_000 => 0,
        10_000..20_000 => 3600,
        _ => -3600,
    });
    assert_eq!((&right.0, &right.1), (&set.0, &set.1));
    assert_eq!(right.1[0].2, 3600);
    assert!(right.0.len() > 7200);
    assert_ne!(right.2, set.2);
}
