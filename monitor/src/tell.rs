//! Events as lines: for a person, or as JSON.

use jiff::tz::TimeZone;
use socklab::event::json_line;
use socklab::output::{Colour, Painter, harmless};

use crate::stamp::local;
use crate::verdict::Verdict;
use crate::watch::{Occurrence, What};

/// A name longer than this shifts its own line, and no other.
const NAME_AT_MOST: usize = 20;

/// What is told, and how.
#[derive(Debug)]
pub struct Teller {
    pub json: bool,
    /// Neither results nor changes.
    pub quiet: bool,
    /// Changes, and no results.
    pub changes_only: bool,
    pub painter: Painter,
    pub zone: TimeZone,
    /// The column that names take.
    name_width: usize,
}

impl Teller {
    pub fn new(json: bool, quiet: bool, changes_only: bool, painter: Painter) -> Teller {
        Teller { json, quiet, changes_only, painter, zone: TimeZone::system(), name_width: 0 }
    }

    /// Makes room for these names.
    pub fn make_room<'a>(&mut self, names: impl Iterator<Item = &'a str>) {
        let widest = names.map(|name| harmless(name).chars().count().min(NAME_AT_MOST)).max();
        self.name_width = widest.unwrap_or(0);
    }

    /// The line of an event, or nothing if such events are not to be told.
    pub fn line(&self, event: &Occurrence) -> Option<String> {
        let wanted = match &event.what {
            What::Result { asked, .. } => *asked || !(self.quiet || self.changes_only),
            What::NotRun { first, .. } => !self.quiet && (*first || !self.changes_only),
            // The result before it has said it already.
            What::Change { change, .. } if change.from.is_none() && change.to == Verdict::Up => {
                !self.quiet && (self.json || self.changes_only)
            }
            What::Change { .. } | What::Path { .. } => !self.quiet,
        };
        wanted.then(|| if self.json { json_line(event) } else { self.text(event) })
    }

    /// The line of anything else that is to be told, and is told always.
    pub fn always(&self, event: &impl socklab::event::Event) -> String {
        event.shown(self.json, self.painter)
    }

    fn text(&self, event: &Occurrence) -> String {
        let rest = event.what.to_string();
        match &event.what {
            What::Result { outcome, .. } => {
                let verdict = outcome.verdict;
                self.row(event, verdict.word(), verdict.colour(), &rest, false)
            }
            What::Change { change, .. } => {
                let word = change.to.word().to_uppercase();
                self.row(event, &word, change.to.colour(), &rest, true)
            }
            What::Path { .. } => self.row(event, "PATH", Colour::Yellow, &rest, true),
            What::NotRun { .. } => self.row(event, "not run", Colour::Yellow, &rest, false),
        }
    }

    /// Its columns; `whole` colours all of them, and not the word alone.
    fn row(
        &self,
        event: &Occurrence,
        word: &str,
        colour: Colour,
        rest: &str,
        whole: bool,
    ) -> String {
        let stamp = local(event.wall, &self.zone);
        let (kind, name) = (event.service.check.kind(), harmless(&event.service.name));
        let tail = format!("{kind:5} {name:width$}   {rest}", width = self.name_width);
        let (word, tail) = (format!("{word:10}"), tail.trim_end());
        match whole {
            true => self.painter.paint(colour, &format!("{stamp}  {word} {tail}")),
            false => format!("{stamp}  {} {tail}", self.painter.paint(colour, &word)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::NotRun;
    use crate::example;
    use crate::outcome::Outcome;
    use crate::state::Change;
    use proptest::prelude::*;
    use socklab::clock::At;
    use std::sync::Arc;
    use std::time::Duration;

    fn event(name: &str, what: What) -> Occurrence {
        let wall = "2024-04-20T19:14:31.5Z".parse().unwrap();
        Occurrence { at: At::now(), wall, service: Arc::new(example::service(name)), what }
    }

    fn result(outcome: Outcome) -> What {
        What::Result { outcome: Arc::new(outcome), late: Duration::from_micros(70), asked: false }
    }

    fn teller() -> Teller {
        let painter = Painter::for_stdout();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let mut teller = Teller { zone, ..Teller::new(false, false, false, painter) };
        teller.make_room(["google MX", "a"].into_iter());
        teller
    }

    #[test]
    fn a_result_is_a_line_in_columns_and_local_time() {
        let outcome = Outcome::up("10 smtp.google.com.").after(Duration::from_micros(16_640));
        assert_eq!(
            teller().line(&event("google MX", result(outcome))).unwrap(),
            "2024-04-20 21:14:31  up         tcp   google MX   10 smtp.google.com.   16.6 ms"
        );
        assert_eq!(
            teller().line(&event("a", result(Outcome::unverified("silent")))).unwrap(),
            "2024-04-20 21:14:31  unverified tcp   a           silent"
        );
    }

    #[test]
    fn a_change_is_marked_and_says_what_was_before() {
        let change = Change {
            from: Some(Verdict::Up),
            to: Verdict::Down,
            lasted: Some(Duration::from_secs(200)),
            results: 2,
        };
        let what = What::Change { change, reason: "connection refused".into() };
        assert_eq!(
            teller().line(&event("a", what)).unwrap(),
            "2024-04-20 21:14:31  DOWN       tcp   a           was up for 3m 20s; now: connection refused"
        );
    }

    #[test]
    fn json_says_the_same_and_has_null_for_what_is_not_known() {
        let outcome = Outcome::down("refused").with("port", 1);
        let json = json_line(&event("a", result(outcome)));
        let (name, rest) = json.split_once(",\"at_ns\":").unwrap();
        assert_eq!(name, "{\"event\":\"result\"");
        let expected = r#""time":"2024-04-20T19:14:31.500000Z","service":"a","type":"tcp","verdict":"down","reason":"refused","took_ms":null,"late_ms":0.07,"detail":{"port":1}}"#;
        assert_eq!(rest.split_once(',').unwrap().1, expected);
    }

    #[test]
    fn only_what_is_wanted_is_told() {
        let up = || event("a", result(Outcome::up("")));
        let not_run = |first| event("a", What::NotRun { why: NotRun::Busy(512), first });
        let told = |teller: &Teller, event: Occurrence| teller.line(&event).is_some();
        let changes = Teller { changes_only: true, ..teller() };
        let quiet = Teller { quiet: true, ..teller() };
        assert_eq!([&changes, &quiet].map(|teller| told(teller, up())), [false, false]);
        assert_eq!([true, false].map(|first| told(&changes, not_run(first))), [true, false]);
        assert_eq!([true, false].map(|first| told(&teller(), not_run(first))), [true, true]);
        assert!(!told(&quiet, not_run(true)));
        let asked =
            What::Result { outcome: Arc::new(Outcome::up("")), late: Duration::ZERO, asked: true };
        assert!(told(&quiet, event("a", asked)));
    }

    proptest! {
        #[test]
        fn whatever_a_service_says_is_one_line_and_harmless(reason: String, name: String) {
            let line = teller().line(&event(&name, result(Outcome::down(reason)))).unwrap();
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
