//! What the server tells while it runs.

use std::fmt;
use std::net::SocketAddr;

use logic::impair::{Fate, Impairment, Treatment};
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::Event;
use socklab::output::{Colour, Painter, plural, printable};
use socklab::service::{Handled, Turn};

use crate::NAME;

/// The first line: where it listens, and how it treats its clients.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: SocketAddr,
    local: SocketAddr,
    impairment: String,
    seed: u64,
}

impl Start {
    pub fn new(address: SocketAddr, plan: &Impairment) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: address,
            local: address,
            impairment: plan.describe(),
            seed: plan.seed,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{NAME}: listening on {}, {}", self.listening, self.impairment)
    }
}

impl Event for Start {}

/// One datagram: who sent it, its number among those of that client, its fate,
/// and what it said.
#[derive(Serialize)]
#[serde(tag = "event", rename = "request")]
pub struct Request<'a> {
    at_ns: At,
    client: SocketAddr,
    request: u64,
    bytes: usize,
    #[serde(serialize_with = "as_text")]
    text: &'a [u8],
    fate: &'static str,
    /// How long the reply is held back; `null` where the next reply decides that.
    delay_ms: Option<f64>,
    twice: bool,
    held: bool,
    corrupt: bool,
    /// That with which it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip)]
    colour: Colour,
}

fn as_text<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable(bytes, 200))
}

impl<'a> Request<'a> {
    pub fn new<T>(at_ns: At, turn: &Turn<T>, bytes: &'a [u8], handled: &Handled) -> Request<'a> {
        let treatment = match turn.fate {
            Fate::Replied(treatment) => treatment,
            Fate::Dropped | Fate::Rejected { .. } => Treatment::default(),
        };
        let delay_ms = (!treatment.held).then_some(treatment.delay.as_secs_f64() * 1e3);
        let error = match handled {
            Handled::Rejected(problem) => Some(problem.to_string()),
            _ => None,
        };
        let (fate, colour) = handled.word();
        Request {
            at_ns,
            client: turn.whose.client,
            request: turn.whose.request,
            bytes: bytes.len(),
            text: bytes,
            fate,
            delay_ms,
            twice: treatment.twice,
            held: treatment.held,
            corrupt: treatment.corrupt.is_some(),
            error,
            colour,
        }
    }
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.line(Painter::plain()))
    }
}

impl Event for Request<'_> {
    fn line(&self, painter: Painter) -> String {
        let Request { client, request, .. } = self;
        let fate = painter.paint(self.colour, self.fate);
        let (bytes, text) = (plural(self.bytes as u64, "byte"), printable(self.text, 40));
        let error = self.error.as_ref().map_or(String::new(), |error| format!("  {error}"));
        let delay = match self.delay_ms {
            Some(ms) if ms > 0.0 => format!("  by {ms:.0} ms"),
            _ => String::new(),
        };
        let notes: String = [
            (self.held, "  until the next reply overtakes it"),
            (self.twice, "  twice"),
            (self.corrupt, "  one bit flipped"),
        ]
        .iter()
        .filter_map(|(happens, note)| happens.then_some(*note))
        .collect();
        format!("{client}  #{request:<3} {fate}  {bytes}  {text}{error}{delay}{notes}")
    }
}

/// A datagram that bears this server's own address as its sender. An answer
/// would come back here, and be answered, for ever.
#[derive(Serialize)]
#[serde(tag = "event", rename = "ignored")]
pub struct Ignored {
    pub at_ns: At,
    pub client: SocketAddr,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}  not answered: the sender's address is this server's own", self.client)
    }
}

impl Event for Ignored {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}
