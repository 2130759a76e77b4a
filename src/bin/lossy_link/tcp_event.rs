//! What the link tells of connections: their opening, each piece of a stream, their end.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use socklab::clock::At;
use socklab::event::Event;
use socklab::output::{Colour, plural};

use crate::event::{Ends, Way};

/// What happened to a connection, which is really two: the client's with the
/// link, and the link's with the server. They are counted from 1.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Connection {
    /// Both are open.
    Connected {
        at_ns: At,
        connection: u64,
        #[serde(flatten)]
        ends: Ends,
    },
    /// The server could not be reached, or there was no room: the client's was reset.
    NotConnected {
        at_ns: At,
        connection: u64,
        #[serde(flatten)]
        ends: Ends,
        why: String,
    },
    /// Bytes were passed on in one write; the last of them came at `at_ns`.
    Piece {
        at_ns: At,
        way: Way,
        connection: u64,
        #[serde(flatten)]
        ends: Ends,
        /// Its number among those of this connection and way, from 1.
        number: u64,
        /// Where in the stream it begins.
        offset: u64,
        bytes: usize,
        left_ns: At,
    },
    /// Nothing more comes on this way, which was passed on.
    Fin {
        at_ns: At,
        way: Way,
        connection: u64,
        #[serde(flatten)]
        ends: Ends,
        /// All that was passed on.
        bytes: u64,
        left_ns: At,
    },
    /// Both were reset.
    Reset {
        at_ns: At,
        /// On which it began.
        way: Way,
        connection: u64,
        #[serde(flatten)]
        ends: Ends,
        /// All that was passed on, on that way.
        bytes: u64,
        why: String,
    },
}

impl fmt::Display for Connection {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Connection::Connected { connection, ends, .. } => {
                write!(f, "[{connection}] {} is connected to {}", ends.client, ends.server)
            }
            Connection::NotConnected { connection, ends, why, .. } => {
                write!(f, "[{connection}] {} is reset: {why}", ends.client)
            }
            Connection::Piece { way, connection, number, bytes, at_ns, left_ns, .. } => {
                let (way, bytes) = (way.name(), plural(*bytes as u64, "byte"));
                write!(f, "[{connection}] {way:<4} #{number:<3} {bytes}")?;
                match left_ns.since(*at_ns).as_millis() {
                    0 => Ok(()),
                    late => write!(f, "  after {late} ms"),
                }
            }
            Connection::Fin { way, connection, bytes, .. } => {
                let (way, bytes) = (way.name(), plural(*bytes, "byte"));
                write!(f, "[{connection}] {way:<4} ends after {bytes}")
            }
            Connection::Reset { way, connection, bytes, why, .. } => {
                let (way, bytes) = (way.name(), plural(*bytes, "byte"));
                write!(f, "[{connection}] {way:<4} reset after {bytes}: {why}")
            }
        }
    }
}

impl Event for Connection {
    fn colour(&self) -> Option<Colour> {
        match self {
            Connection::NotConnected { .. } | Connection::Reset { .. } => Some(Colour::Red),
            _ => None,
        }
    }
}

/// What was passed on, on one way.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Passed {
    pub pieces: u64,
    pub bytes: u64,
}

/// The end.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Streams {
    pub at_ns: At,
    pub connections: u64,
    pub not_connected: u64,
    pub reset: u64,
    pub up: Passed,
    pub down: Passed,
    #[serde(skip)]
    pub listening: SocketAddr,
    #[serde(skip)]
    pub server: SocketAddr,
}

impl Streams {
    /// Before anything happened.
    pub fn new(listening: SocketAddr, server: SocketAddr) -> Streams {
        let (up, down) = (Passed::default(), Passed::default());
        let (at_ns, connections, not_connected, reset) = (At::now(), 0, 0, 0);
        Streams { at_ns, connections, not_connected, reset, up, down, listening, server }
    }

    pub fn passed(&mut self, way: Way, bytes: usize) {
        let passed = if way == Way::Up { &mut self.up } else { &mut self.down };
        passed.pieces += 1;
        passed.bytes += bytes as u64;
    }
}

impl fmt::Display for Streams {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Streams { connections, not_connected, reset, listening, server, .. } = self;
        let all = plural(*connections, "connection");
        writeln!(f, "\n--- {listening} to {server}: {all} ---")?;
        writeln!(f, "not connected: {not_connected}, reset: {reset}")?;
        for (way, passed) in [(Way::Up, self.up), (Way::Down, self.down)] {
            let (pieces, bytes) = (plural(passed.pieces, "piece"), plural(passed.bytes, "byte"));
            let end = if way == Way::Up { "\n" } else { "" };
            write!(f, "{:<4} {bytes} in {pieces}{end}", way.name())?;
        }
        Ok(())
    }
}

impl Event for Streams {}
