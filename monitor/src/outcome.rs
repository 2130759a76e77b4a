//! What one check found, and the time that it may take.

use std::time::{Duration, Instant, SystemTime};

use serde_json::{Map, Value};
use socklab::clock::Pair;
use socklab::output::harmless_up_to;

use crate::verdict::Verdict;

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub verdict: Verdict,
    /// In words, on one line: `10 smtp.lab.test.`, `connection refused`.
    pub reason: String,
    /// How long the service took, where it answered: the time that the line shows.
    pub took: Option<Duration>,
    /// What else the check measured, for JSON and for the metrics, under names
    /// that say the unit: `offset_seconds`, `certificate_expires`.
    pub detail: Map<String, Value>,
}

impl Outcome {
    pub fn new(verdict: Verdict, reason: impl Into<String>) -> Outcome {
        Outcome { verdict, reason: reason.into(), took: None, detail: Map::new() }
    }

    pub fn up(reason: impl Into<String>) -> Outcome {
        Outcome::new(Verdict::Up, reason)
    }

    pub fn degraded(reason: impl Into<String>) -> Outcome {
        Outcome::new(Verdict::Degraded, reason)
    }

    pub fn down(reason: impl Into<String>) -> Outcome {
        Outcome::new(Verdict::Down, reason)
    }

    pub fn unverified(reason: impl Into<String>) -> Outcome {
        Outcome::new(Verdict::Unverified, reason)
    }

    /// The same, with the time that the service took.
    #[must_use]
    pub fn after(mut self, took: Duration) -> Outcome {
        self.took = Some(took);
        self
    }

    /// The same, with one more figure.
    #[must_use]
    pub fn with(mut self, name: &str, figure: impl Into<Value>) -> Outcome {
        self.detail.insert(name.to_string(), figure.into());
        self
    }
}

/// The longest text of an outcome, in characters.
const LONGEST: usize = 300;

impl Outcome {
    /// The same with every text on one line, harmless to a terminal and to a
    /// log, and not too long: what stands in it may come from anybody.
    #[must_use]
    pub fn harmless(mut self) -> Outcome {
        self.reason = harmless_up_to(LONGEST, &self.reason);
        for value in self.detail.values_mut() {
            make_harmless(value);
        }
        self
    }
}

fn make_harmless(value: &mut Value) {
    match value {
        Value::String(text) => *text = harmless_up_to(LONGEST, text),
        Value::Array(list) => list.iter_mut().for_each(make_harmless),
        Value::Object(object) => object.values_mut().for_each(make_harmless),
        _ => {}
    }
}

/// The end of the time that a check may take: for all of it, looking up the
/// name included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadline {
    pub began: Instant,
    /// What the wall clock showed at `began`. A check asks it for nothing else,
    /// so that it may be set while the check runs.
    pub wall: SystemTime,
    /// By how much `began` and `wall` may be apart: two clocks cannot be read at once.
    pub within: Duration,
    pub timeout: Duration,
}

impl Deadline {
    /// From now on.
    pub fn of(timeout: Duration) -> Deadline {
        let Pair { instant: began, other: wall, within } = Pair::read(SystemTime::now);
        Deadline { began, wall, within, timeout }
    }

    /// The wall clock at a later instant, as if nobody had set it since.
    pub fn wall_at(&self, instant: Instant) -> SystemTime {
        self.wall + instant.saturating_duration_since(self.began)
    }

    /// What is left, or `None` if it is over: a socket's timeout must not be 0.
    pub fn left(&self) -> Option<Duration> {
        let left = self.timeout.saturating_sub(self.began.elapsed());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_says_cannot_forge_a_line_or_fill_one() {
        let outcome = Outcome::up("a\nup \u{1b}[2J \"it's\" é").with("issuer", "CN=\u{202e}x");
        let outcome = outcome.with("list", vec!["y".repeat(1000)]).harmless();
        assert_eq!(outcome.reason, "a\\nup \\u{1b}[2J \"it's\" é");
        assert_eq!(outcome.detail["issuer"], "CN=\\u{202e}x");
        assert_eq!(outcome.detail["list"][0].as_str().unwrap().len(), LONGEST + 3);
    }

    #[test]
    fn a_deadline_that_is_over_leaves_nothing() {
        let deadline = Deadline::of(Duration::ZERO);
        assert_eq!(deadline.left(), None);
        let deadline = Deadline::of(Duration::from_secs(3600));
        assert!(deadline.left().is_some_and(|left| left <= deadline.timeout));
        let later = deadline.began + Duration::from_secs(5);
        assert_eq!(deadline.wall_at(later), deadline.wall + Duration::from_secs(5));
    }
}
