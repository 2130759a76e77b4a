//! Events as lines: for a person, or as JSON.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use socklab::clock;
use socklab::output::{Colour, Painter, harmless, harmless_json};

use crate::verdict::Verdict;
use crate::watch::{Event, What};

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
    pub fn line(&self, event: &Event) -> Option<String> {
        let wanted = match &event.what {
            What::Result { asked, .. } => *asked || !(self.quiet || self.changes_only),
            What::NotRun { first, .. } => !self.quiet && (*first || !self.changes_only),
            // The result before it has said it already.
            What::Change { change, .. } if change.from.is_none() && change.to == Verdict::Up => {
                !self.quiet && (self.json || self.changes_only)
            }
            What::Change { .. } | What::Path { .. } => !self.quiet,
        };
        wanted.then(|| {
            if self.json { harmless_json(&json(event).to_string()) } else { self.text(event) }
        })
    }

    fn text(&self, event: &Event) -> String {
        match &event.what {
            What::Result { outcome, .. } => {
                let took = outcome.took.map_or(String::new(), |took| format!("   {}", ms(took)));
                let rest = format!("{}{took}", harmless(&outcome.reason));
                self.row(event, outcome.verdict.word(), Some(colour(outcome.verdict)), &rest, false)
            }
            What::Change { change, reason } => {
                let before = match (change.from, change.lasted) {
                    (Some(from), Some(lasted)) => format!("was {from} for {}", span(lasted)),
                    _ => "was not known".to_string(),
                };
                let rest = format!("{before}; now: {}", harmless(reason));
                let word = change.to.word().to_uppercase();
                self.row(event, &word, Some(colour(change.to)), &rest, true)
            }
            What::Path { before, now } => {
                let rest = format!("now {}; was {}", hops(now), hops(before));
                self.row(event, "PATH", Some(Colour::Yellow), &rest, true)
            }
            What::NotRun { why, .. } => {
                self.row(event, "not run", Some(Colour::Yellow), &why.to_string(), false)
            }
        }
    }

    fn row(
        &self,
        event: &Event,
        word: &str,
        colour: Option<Colour>,
        rest: &str,
        whole: bool,
    ) -> String {
        let stamp = local(event.wall, &self.zone);
        let (kind, name) = (event.service.check.kind(), harmless(&event.service.name));
        let tail = format!("{kind:5} {name:width$}   {rest}", width = self.name_width);
        let (word, tail) = (format!("{word:10}"), tail.trim_end());
        match colour {
            Some(colour) if whole => self.painter.paint(colour, &format!("{stamp}  {word} {tail}")),
            Some(colour) => format!("{stamp}  {} {tail}", self.painter.paint(colour, &word)),
            None => format!("{stamp}  {word} {tail}"),
        }
    }
}

/// An event as a JSON object; `time` is in UTC.
pub fn json(event: &Event) -> Value {
    let name = match &event.what {
        What::Result { .. } => "result",
        What::Change { .. } => "change",
        What::Path { .. } => "path",
        What::NotRun { .. } => "skipped",
    };
    let mut object = json!({
        "event": name,
        "time": clock::stamp(event.wall),
        "service": event.service.name,
        "type": event.service.check.kind(),
    });
    let more = match &event.what {
        What::Result { outcome, late, .. } => json!({
            "verdict": outcome.verdict.word(),
            "reason": outcome.reason,
            "took_ms": outcome.took.map(millis),
            "late_ms": millis(*late),
            "detail": outcome.detail,
        }),
        What::Change { change, reason } => json!({
            "from": change.from.map(Verdict::word),
            "to": change.to.word(),
            "lasted_s": change.lasted.map(|lasted| lasted.as_secs_f64()),
            "results": change.results,
            "reason": &**reason,
        }),
        What::Path { before, now } => json!({"before": before, "path": now}),
        What::NotRun { why, .. } => json!({
            "why": why.word(),
            "reason": why.to_string(),
            "checks": why.checks(),
        }),
    };
    if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
        object.extend(more);
    }
    object
}

/// What a verdict looks like on a terminal.
pub fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Up => Colour::Green,
        Verdict::Degraded | Verdict::Unverified => Colour::Yellow,
        Verdict::Down => Colour::Red,
    }
}

/// `2024-04-20 21:14:31`, in local time.
pub fn local(time: Timestamp, zone: &TimeZone) -> String {
    time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `16.6 ms`, `0.04 ms`.
pub fn ms(took: Duration) -> String {
    match millis(took) {
        short if short < 1.0 => format!("{short:.2} ms"),
        long => format!("{long:.1} ms"),
    }
}

/// Milliseconds with a fraction, to the microsecond.
pub fn millis(took: Duration) -> f64 {
    took.as_micros() as f64 / 1e3
}

/// A long time in its two largest units: `45s`, `3m 20s`, `2h 3m`, `4d 1h`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

fn hops(path: &Value) -> String {
    let hop = |hop: &Value| match hop {
        Value::String(text) => harmless(text),
        Value::Null => "*".to_string(),
        other => harmless(&other.to_string()),
    };
    match path {
        Value::Array(hops) => hops.iter().map(hop).collect::<Vec<_>>().join(" "),
        other => hop(other),
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
    use std::sync::Arc;

    fn event(name: &str, what: What) -> Event {
        let wall = "2024-04-20T19:14:31.5Z".parse().unwrap();
        Event { wall, service: Arc::new(example::service(name)), what }
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
        let json = json(&event("a", result(outcome)));
        let expected = r#"{"event":"result","time":"2024-04-20T19:14:31.500000Z","service":"a","type":"tcp","verdict":"down","reason":"refused","took_ms":null,"late_ms":0.07,"detail":{"port":1}}"#;
        assert_eq!(json.to_string(), expected);
    }

    #[test]
    fn only_what_is_wanted_is_told() {
        let up = || event("a", result(Outcome::up("")));
        let not_run = |first| event("a", What::NotRun { why: NotRun::Busy(512), first });
        let told = |teller: &Teller, event: Event| teller.line(&event).is_some();
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

    #[test]
    fn long_times_are_said_in_their_two_largest_units() {
        let said = [45, 200, 7380, 349_200].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(said, ["45s", "3m 20s", "2h 3m", "4d 1h"]);
    }

    proptest! {
        #[test]
        fn whatever_a_service_says_is_one_line_and_harmless(reason: String, name: String) {
            let line = teller().line(&event(&name, result(Outcome::down(reason)))).unwrap();
            prop_assert!(!line.chars().any(char::is_control));
        }
    }
}
