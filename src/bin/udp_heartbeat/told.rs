//! What the watcher tells.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use logic::units::show_duration;
use serde::{Serialize, Serializer};
use socklab::clock::{self, At};
use socklab::event::{Event, Ms, Summary};
use socklab::output::{Colour, plural, printable};
use socklab::sockets::own_address;

use crate::NAME;
use crate::args::ClientArgs;

#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct ClientStart {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    server: SocketAddr,
    local: SocketAddr,
    count: u64,
    interval_ms: Ms,
    timeout_ms: Ms,
    misses: u64,
}

impl ClientStart {
    /// # Errors
    /// One line: the socket has no address.
    pub fn new(
        args: &ClientArgs,
        socket: &UdpSocket,
        server: SocketAddr,
    ) -> Result<ClientStart, String> {
        Ok(ClientStart {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            server,
            local: own_address(socket)?,
            count: args.ping.count,
            interval_ms: Ms(args.ping.interval),
            timeout_ms: Ms(args.ping.timeout),
            misses: args.misses,
        })
    }
}

impl fmt::Display for ClientStart {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (server, timeout) = (self.server, show_duration(self.timeout_ms.0));
        let misses = match self.misses {
            1 => "1 miss".to_string(),
            misses => format!("{misses} misses in a row"),
        };
        write!(f, "HEARTBEAT {server}: timeout {timeout}, down after {misses}")
    }
}

impl Event for ClientStart {}

/// A beat's answer in time, with what it says about the clocks: the event `reply`.
#[derive(Serialize)]
#[serde(tag = "event", rename = "reply")]
pub struct Answered<'a> {
    at_ns: At,
    seq: u64,
    rtt_ms: Ms,
    bytes: usize,
    from: &'a str,
    diff_ms: f64,
    offset_ms: f64,
    offset_bound_ms: f64,
}

impl<'a> Answered<'a> {
    /// `diff` in seconds, as it stands in the answer.
    pub fn new(at_ns: At, seq: u64, rtt: Duration, diff: f64, bytes: usize, from: &'a str) -> Self {
        let (rtt_ms, diff_ms) = (Ms(rtt), diff * 1e3);
        let half = rtt_ms.get() / 2.0;
        let (offset_ms, offset_bound_ms) = (diff_ms - half, half);
        Answered { at_ns, seq, rtt_ms, bytes, from, diff_ms, offset_ms, offset_bound_ms }
    }
}

impl fmt::Display for Answered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Answered { seq, rtt_ms, diff_ms, offset_ms, offset_bound_ms, .. } = self;
        write!(f, "beat {seq}: time={:.3} ms diff={diff_ms:.3} ms ", rtt_ms.get())?;
        write!(f, "offset={offset_ms:+.3} ms (give or take {offset_bound_ms:.3})")
    }
}

impl Event for Answered<'_> {}

/// What came from the server is no answer.
#[derive(Serialize)]
#[serde(tag = "event", rename = "malformed")]
pub struct MalformedAnswer<'a> {
    pub at_ns: At,
    pub from: &'a str,
    #[serde(serialize_with = "as_text")]
    pub text: &'a [u8],
}

/// The first bytes of a packet, made harmless.
pub fn as_text<S: Serializer>(packet: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable(packet, 200))
}

impl fmt::Display for MalformedAnswer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "malformed answer from {}: {}", self.from, printable(self.text, 40))
    }
}

impl Event for MalformedAnswer<'_> {}

/// The verdict: the server is taken for dead.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "down")]
pub struct Down {
    pub at_ns: At,
    /// The beat that decided it.
    pub seq: u64,
    pub misses: u64,
    /// Since the last sign of life, or since the watch began.
    pub silent_s: f64,
    pub ever_alive: bool,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Down { seq, misses, silent_s, .. } = self;
        write!(f, "server assumed down after beat {seq}: {misses} unanswered in a row, ")?;
        match self.ever_alive {
            true => write!(f, "{silent_s:.3} s after the last sign of life"),
            false => write!(f, "no sign of life in {silent_s:.3} s"),
        }
    }
}

impl Event for Down {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}

/// A server that was taken for dead has answered.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "recovered")]
pub struct Recovered {
    pub at_ns: At,
    pub seq: u64,
    pub outage_s: f64,
}

impl fmt::Display for Recovered {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Recovered { seq, outage_s, .. } = self;
        write!(f, "server is back with beat {seq}, after {outage_s:.3} s of silence")
    }
}

impl Event for Recovered {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Green)
    }
}

/// The summary, with what all answers together say about the clocks.
#[derive(Serialize)]
pub struct ClientSummary<'a> {
    #[serde(flatten)]
    pub summary: Summary<'a>,
    pub offset_ms: Option<f64>,
    pub offset_bound_ms: Option<f64>,
    /// Answers with a DIFF below 0.
    #[serde(skip)]
    pub negative: u64,
}

impl fmt::Display for ClientSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.summary.write_counts(f)?;
        if let (Some(offset), Some(bound)) = (self.offset_ms, self.offset_bound_ms) {
            write!(f, "\nserver's clock minus ours: {offset:+.3} ms, give or take {bound:.3} ")?;
            write!(f, "(beat with the shortest RTT)")?;
        }
        if self.negative > 0 {
            let answers = plural(self.negative, "answer");
            write!(f, "\ndiff was negative in {answers}: not a way of negative length, ")?;
            write!(f, "but a server's clock behind ours")?;
        }
        self.summary.write_histogram(f)
    }
}

impl Event for ClientSummary<'_> {}
