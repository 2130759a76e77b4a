//! What a program tells: each event a type of its own, with its line for people beside its JSON.
//!
//! A type's fields are the fields of the JSON line (`Serialize`), its `Display`
//! is the line for a person. `EVENTS.md` lists them all. Every event has
//! `at_ns`, the moment at which it happened (see [`At`]); every `start`
//! has the program's own address and port, `local`.
//!
//! [`At`]: crate::clock::At

use std::fmt::Display;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::output::{self, Colour, Painter};

mod pings_words;
mod probe;
mod summary;

pub use pings_words::InPingsWords;
pub use probe::{Answered, ErrorSeen, NextAddress, ProbeEvent, icmp_error_text};
pub use summary::Summary;

/// Something that happened.
pub trait Event: Serialize + Display {
    /// The colour of its line on a terminal.
    fn colour(&self) -> Option<Colour> {
        None
    }

    /// The line, in its colour; or, where only a word of it has one, in that way.
    fn line(&self, painter: Painter) -> String {
        let text = self.to_string();
        match self.colour() {
            Some(colour) => painter.paint(colour, &text),
            None => text,
        }
    }

    /// The line as it is written, without the newline: JSON, or for a person.
    fn shown(&self, json: bool, painter: Painter) -> String {
        if json { json_line(self) } else { self.line(painter) }
    }
}

/// A duration as events have it: in milliseconds, with a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ms(pub Duration);

impl Ms {
    pub fn get(self) -> f64 {
        self.0.as_nanos() as f64 / 1e6
    }
}

impl From<Duration> for Ms {
    fn from(duration: Duration) -> Ms {
        Ms(duration)
    }
}

impl Serialize for Ms {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.get())
    }
}

/// Writes events to stdout, as text or as JSON lines.
#[derive(Debug)]
pub struct Reporter {
    pub json: bool,
    /// Nothing but what is told [always](Reporter::tell_always).
    pub quiet: bool,
    painter: Painter,
}

impl Reporter {
    pub fn new(json: bool, quiet: bool) -> Reporter {
        Reporter { json, quiet, painter: Painter::for_stdout() }
    }

    /// Writes an event, unless the user wants quiet.
    pub fn tell(&self, event: &impl Event) {
        if !self.quiet {
            self.tell_always(event);
        }
    }

    /// Writes an event, also with `--quiet`: the start, the summary, and what a
    /// program exists to tell.
    pub fn tell_always(&self, event: &impl Event) {
        output::line(&event.shown(self.json, self.painter));
    }

    /// Writes an event as JSON or not at all: for what a person will see from
    /// the next line anyway, and a program that reads the lines may need.
    pub fn tell_json(&self, event: &impl Event) {
        if self.json && !self.quiet {
            output::line(&json_line(event));
        }
    }
}

/// An event as a line of JSON, without the newline.
pub fn json_line(event: &(impl Serialize + ?Sized)) -> String {
    // The events' fields are numbers, text and lists: nothing that JSON lacks.
    output::harmless_json(&serde_json::to_string(event).unwrap_or_else(|why| {
        serde_json::json!({"event": "unprintable", "why": why.to_string()}).to_string()
    }))
}
