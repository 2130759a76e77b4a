//! What the server tells.

use std::fmt;
use std::net::SocketAddr;

use logic::impair::Impairment;
use logic::units::show_duration;
use packets::heartbeat::Reply;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::delay::Whose;
use socklab::event::{Event, Ms};
use socklab::output::{Colour, Painter, printable};
use socklab::service::Handled;

use crate::NAME;
use crate::args::ServerArgs;
use crate::sequence::Place;
use crate::told::as_text;

/// The first line: where it listens, and how it treats its clients.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct ServerStart {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: SocketAddr,
    local: SocketAddr,
    impairment: String,
    seed: u64,
    silence_ms: Ms,
    clock_offset_ms: f64,
}

impl ServerStart {
    pub fn new(address: SocketAddr, plan: &Impairment, args: &ServerArgs) -> ServerStart {
        ServerStart {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: address,
            local: address,
            impairment: plan.describe(),
            seed: plan.seed,
            silence_ms: Ms(args.silence),
            clock_offset_ms: args.clock_offset * 1e3,
        }
    }
}

impl fmt::Display for ServerStart {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (plan, silence) = (&self.impairment, show_duration(self.silence_ms.0));
        write!(f, "{NAME}: listening on {}, {plan}, silence {silence}", self.listening)?;
        match self.clock_offset_ms / 1e3 {
            0.0 => Ok(()),
            offset => write!(f, ", clock {offset:+} s"),
        }
    }
}

impl Event for ServerStart {}

/// A beat: who sent it, what became of it, and where it stands among those before it.
#[derive(Serialize)]
#[serde(tag = "event", rename = "beat")]
pub struct BeatEvent {
    at_ns: At,
    client: SocketAddr,
    /// The number of the request among the client's.
    request: u64,
    seq: u64,
    diff_ms: f64,
    fate: &'static str,
    place: &'static str,
    #[serde(skip)]
    colour: Colour,
    #[serde(skip)]
    note: Option<String>,
}

impl BeatEvent {
    pub fn new(
        at_ns: At,
        whose: Whose,
        answer: &Reply,
        handled: &Handled,
        place: Option<Place>,
    ) -> BeatEvent {
        let place = place.unwrap_or(Place::First);
        let (fate, colour) = handled.word();
        BeatEvent {
            at_ns,
            client: whose.client,
            request: whose.request,
            seq: answer.seq,
            diff_ms: answer.diff * 1e3,
            fate,
            place: place.word(),
            colour,
            note: place.note(),
        }
    }
}

impl fmt::Display for BeatEvent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.line(Painter::plain()))
    }
}

impl Event for BeatEvent {
    fn line(&self, painter: Painter) -> String {
        let BeatEvent { client, seq, diff_ms, .. } = self;
        let fate = painter.paint(self.colour, self.fate);
        let note = self.note.as_ref().map_or(String::new(), |note| format!("  {note}"));
        format!("{client}  beat {seq:<4} {fate}  diff {diff_ms:.3} ms{note}")
    }
}

/// What came is no beat, and is not answered.
#[derive(Serialize)]
#[serde(tag = "event", rename = "malformed")]
pub struct Malformed<'a> {
    pub at_ns: At,
    pub client: SocketAddr,
    #[serde(serialize_with = "as_text")]
    pub text: &'a [u8],
    pub why: String,
}

impl fmt::Display for Malformed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (client, text) = (self.client, printable(self.text, 40));
        write!(f, "{client}  malformed, not answered  {text}  {}", self.why)
    }
}

impl Event for Malformed<'_> {}

/// No beat came from a client for as long as `--silence` says.
#[derive(Serialize)]
#[serde(tag = "event", rename = "stopped")]
pub struct Stopped {
    pub at_ns: At,
    pub client: SocketAddr,
    /// Its last beat.
    pub seq: u64,
    pub silent_s: f64,
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Stopped { client, seq, silent_s, .. } = self;
        write!(f, "{client}  has stopped: no beat for {silent_s:.1} s after beat {seq}")
    }
}

impl Event for Stopped {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}

/// A client that had stopped has sent a beat.
#[derive(Serialize)]
#[serde(tag = "event", rename = "returned")]
pub struct Returned {
    pub at_ns: At,
    pub client: SocketAddr,
    pub seq: u64,
    pub silent_s: f64,
}

impl fmt::Display for Returned {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Returned { client, seq, silent_s, .. } = self;
        write!(f, "{client}  is back with beat {seq}, after {silent_s:.1} s")
    }
}

impl Event for Returned {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Green)
    }
}
