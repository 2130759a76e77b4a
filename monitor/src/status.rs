//! What the console shows: the table of all services, and the history of one.

use std::fmt::Write;
use std::time::Duration;

use socklab::output::harmless;

use crate::engine::Now;
use crate::stamp::{local, ms, span};
use crate::table::{Cell, Column, Table};
use crate::tell::Teller;
use crate::uptime::{Moment, Share};
use crate::watch::{Watch, Watched};

/// The table, no wider than `columns` if that is known; the last column, the
/// reason, is what gives way.
pub fn table(watch: &Watch, now: Now, teller: &Teller, columns: Option<usize>) -> String {
    let mut table = Table::new([
        Column::left("name").at_most(16),
        Column::left("type"),
        Column::left("state"),
        Column::left("for"),
        Column::right("up 1 h"),
        Column::right("n"),
        Column::right("up 24 h"),
        Column::right("n"),
        Column::left("last result"),
    ]);
    for of in watch.services() {
        table.row(row(of, Moment::after_start(now.mono)));
    }
    table.lines(teller.painter, columns).join("\n")
}

fn row(of: &Watched, at: Moment) -> [Cell; 9] {
    let (state, lasted) = match of.state.now(at) {
        _ if of.paused => (Cell::from("paused"), String::new()),
        Some((verdict, lasted)) => {
            (Cell::coloured(verdict.word(), Some(verdict.colour())), span(lasted))
        }
        None => (Cell::from("unknown"), String::new()),
    };
    let (hour, day) = (of.state.uptime.hour(at), of.state.uptime.day(at));
    let share = |share: Share| (Cell::from(share.percent()), Cell::from(share.samples.to_string()));
    let ((hour, hour_samples), (day, day_samples)) = (share(hour), share(day));
    let reason = of.state.last().map_or("", |last| &*last.reason);
    let (name, kind) = (&of.service.name, of.service.check.kind());
    [
        name.into(),
        kind.into(),
        state,
        lasted.into(),
        hour,
        hour_samples,
        day,
        day_samples,
        reason.into(),
    ]
}

/// The latest results of one service, the oldest first.
pub fn history(of: &Watched, now: Now, teller: &Teller) -> String {
    let at = Moment::after_start(now.mono);
    let mut text =
        format!("{}: {}", harmless(&of.service.name), harmless(&of.service.check.to_string()));
    for entry in &of.state.history {
        let took = entry.took.map_or(String::new(), |took| format!("   {}", ms(took)));
        let word = teller.painter.paint(entry.verdict.colour(), &format!("{:10}", entry.verdict));
        let stamp = local(entry.wall, &teller.zone);
        let _ = write!(text, "\n{stamp}  {word} {}{took}", harmless(&entry.reason));
    }
    for (window, share) in [("hour", of.state.uptime.hour(at)), ("24 h", of.state.uptime.day(at))] {
        let (up, known) = (Duration::from_millis(share.up), Duration::from_millis(share.known));
        let _ = write!(
            text,
            "\nlast {window}: {} up: {} of the {} that are known, from {} results",
            share.percent(),
            span(up),
            span(known),
            share.samples
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Ended;
    use crate::example;
    use crate::outcome::Outcome;
    use jiff::Timestamp;
    use jiff::tz::TimeZone;
    use socklab::clock::At;
    use socklab::output::Painter;

    fn at(seconds: u64) -> Now {
        let wall = Timestamp::from_second(1_713_640_471 + seconds as i64).unwrap();
        Now { mono: Duration::from_secs(seconds), wall, at: At::now() }
    }

    fn watched() -> Watch {
        let mut watch = Watch::default();
        let services = ["google MX", "new", "a name that is much too long"].map(example::service);
        watch.add_all(services.to_vec(), Duration::ZERO);
        watch.pause(Some("new")).unwrap();
        let mut events = Vec::new();
        for second in 1..=4 {
            while let Some(start) = watch.plan.next_start(at(second).mono, &mut Vec::new()) {
                let outcome = match second {
                    1 => Outcome::down("refused"),
                    _ => Outcome::up("10 smtp\x1b."),
                };
                let outcome = outcome.after(Duration::from_millis(2));
                let (began, ended) = (at(second), at(second));
                watch.ended(Ended { start, began, ended, outcome }, &mut events);
            }
        }
        watch
    }

    fn teller() -> Teller {
        let mut teller = Teller::new(false, false, false, Painter::for_stdout());
        teller.zone = TimeZone::fixed(jiff::tz::offset(2));
        teller
    }

    #[test]
    fn the_table_has_a_line_for_each_service() {
        assert_eq!(
            table(&watched(), at(5), &teller(), None),
            "\
name              type  state   for  up 1 h  n  up 24 h  n  last result
google MX         tcp   up      3s   75.00%  4   75.00%  4  10 smtp\\u{1b}.
new               tcp   paused            -  0        -  0
a name that is ~  tcp   up      3s   75.00%  4   75.00%  4  10 smtp\\u{1b}."
        );
        for line in table(&watched(), at(5), &teller(), Some(80)).lines().skip(1) {
            assert!(line.chars().count() <= 80 || line.ends_with('~'), "{line}");
        }
    }

    #[test]
    fn the_history_shows_the_results_and_what_the_uptime_rests_on() {
        let watch = watched();
        assert_eq!(
            history(watch.get("google MX").unwrap(), at(5), &teller()),
            "\
google MX: tcp 127.0.0.1 1
2024-04-20 21:14:32  down       refused   2.0 ms
2024-04-20 21:14:33  up         10 smtp\\u{1b}.   2.0 ms
2024-04-20 21:14:34  up         10 smtp\\u{1b}.   2.0 ms
2024-04-20 21:14:35  up         10 smtp\\u{1b}.   2.0 ms
last hour: 75.00% up: 3s of the 4s that are known, from 4 results
last 24 h: 75.00% up: 3s of the 4s that are known, from 4 results"
        );
    }
}
