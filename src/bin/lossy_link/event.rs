//! What the link tells: its start, each datagram with its fate, and the totals.

use std::fmt;
use std::net::SocketAddr;

use logic::units::percent;
use packets::heartbeat::Beat;
use packets::ping;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::errors::REFUSED;
use socklab::event::{ErrorSeen, Event};
use socklab::output::{Colour, Painter, plural};

use crate::NAME;

/// The first line.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: SocketAddr,
    local: SocketAddr,
    server: SocketAddr,
    transport: &'static str,
    /// In words.
    up: String,
    down: String,
    seed: u64,
}

impl Start {
    pub fn new(
        listening: SocketAddr,
        server: SocketAddr,
        transport: &'static str,
        [up, down]: [String; 2],
        seed: u64,
    ) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening,
            local: listening,
            server,
            transport,
            up,
            down,
            seed,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Start { listening, server, transport, up, down, .. } = self;
        write!(
            f,
            "{NAME}: listening on {listening}, {transport} to {server}; up: {up}; down: {down}; \
             no ICMP error passes"
        )?;
        match *transport {
            "TCP" => f.write_str(", and above TCP no segment is lost"),
            _ => Ok(()),
        }
    }
}

impl Event for Start {}

/// One of the two ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the client to the server.
    Up,
    Down,
}

impl Way {
    /// Whose random draws a client or connection of this number has on this
    /// way. They are counted upwards; those of the way down are far from all others.
    pub fn draws(self, number: u64) -> u64 {
        match self {
            Way::Up => number,
            Way::Down => number | 1 << 63,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Way::Up => "up",
            Way::Down => "down",
        }
    }
}

/// Who speaks with whom: the four addresses, from the client's to the server's.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Ends {
    pub client: SocketAddr,
    /// The link's own, which the client knows.
    pub near: SocketAddr,
    /// The link's own, which the server knows. None where no socket was to be had.
    pub far: Option<SocketAddr>,
    pub server: SocketAddr,
}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    Passed,
    /// Lost on purpose.
    Dropped,
    /// The bottleneck's queue was full.
    QueueFull,
    /// It could not be sent.
    Failed,
    /// It was still under way when the link ended.
    Waiting,
}

/// A datagram, told when its fate is known; `at_ns` is when it came.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "datagram")]
pub struct Datagram {
    pub at_ns: At,
    pub way: Way,
    /// Its number among those of this client on this way, from 1.
    pub number: u64,
    #[serde(flatten)]
    pub ends: Ends,
    pub bytes: usize,
    /// The number of the toolkit's ping or beat that it begins with, if it does.
    pub ping: Option<u64>,
    pub fate: Fate,
    /// Just before it was sent on.
    pub left_ns: Option<At>,
    pub copies: u64,
    /// Held back until the next one has overtaken it.
    pub held: bool,
    pub corrupt: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Datagram {
    /// One that has come, and whose fate is open.
    pub fn new(at_ns: At, way: Way, number: u64, ends: Ends, bytes: &[u8]) -> Datagram {
        let ping = ping::sequence(bytes).or_else(|| ping::sequence_of_request(bytes));
        // A beat and its answer begin alike, with the number.
        let ping = ping.or_else(|| Beat::parse(bytes).map(|beat| beat.seq));
        let (fate, left_ns, copies) = (Fate::Waiting, None, 0);
        let (bytes, held, corrupt, why) = (bytes.len(), false, false, None);
        Datagram {
            at_ns,
            way,
            number,
            ends,
            bytes,
            ping,
            fate,
            left_ns,
            copies,
            held,
            corrupt,
            why,
        }
    }
}

impl fmt::Display for Datagram {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.line(Painter::plain()))
    }
}

impl Event for Datagram {
    fn line(&self, painter: Painter) -> String {
        let (fate, colour) = match self.fate {
            Fate::Passed => ("passed", Colour::Green),
            Fate::Dropped => ("dropped", Colour::Yellow),
            Fate::QueueFull => ("dropped: the queue is full", Colour::Yellow),
            Fate::Failed => ("not sent", Colour::Red),
            Fate::Waiting => ("still under way at the end", Colour::Yellow),
        };
        let (way, client, bytes) = (self.way.name(), self.ends.client, self.bytes as u64);
        let fate = painter.paint(colour, fate);
        let mut line =
            format!("{client} {way:<4} #{:<3} {}  {fate}", self.number, plural(bytes, "byte"));
        if let Some(ping) = self.ping {
            line += &format!("  ping {ping}");
        }
        if let Some(late) =
            self.left_ns.map(|left| left.since(self.at_ns)).filter(|late| late.as_millis() > 0)
        {
            line += &format!("  after {} ms", late.as_millis());
        }
        for (happens, note) in [
            (self.copies > 1, "  twice"),
            (self.held, "  held for the next to overtake"),
            (self.corrupt, "  one bit flipped"),
        ] {
            line += if happens { note } else { "" };
        }
        self.why.as_ref().map_or(line.clone(), |why| format!("{line}: {why}"))
    }
}

/// An ICMP error answered a datagram that was sent on. It cannot be passed on.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "icmp_error")]
pub struct IcmpError {
    pub at_ns: At,
    #[serde(flatten)]
    pub ends: Ends,
    #[serde(flatten)]
    pub error: ErrorSeen,
}

impl fmt::Display for IcmpError {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Ends { client, server, .. } = self.ends;
        let problem = self.error.problem;
        let refused =
            if problem.is_port_unreachable() { format!(": {REFUSED}") } else { String::new() };
        write!(f, "{client} from {server}: {problem}{refused}; the client does not hear of it")
    }
}

impl Event for IcmpError {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}

/// What became of all datagrams of a way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub received: u64,
    pub passed: u64,
    pub dropped: u64,
    pub queue_full: u64,
    pub failed: u64,
    pub waiting: u64,
    /// Second copies that were sent.
    pub doubled: u64,
    /// Passed with a bit flipped.
    pub corrupt: u64,
    /// Received, in bytes.
    pub bytes: u64,
}

impl Totals {
    /// Enters a datagram whose fate is known.
    pub fn enter(&mut self, datagram: &Datagram) {
        self.received += 1;
        self.bytes += datagram.bytes as u64;
        *match datagram.fate {
            Fate::Passed => &mut self.passed,
            Fate::Dropped => &mut self.dropped,
            Fate::QueueFull => &mut self.queue_full,
            Fate::Failed => &mut self.failed,
            Fate::Waiting => &mut self.waiting,
        } += 1;
        self.doubled += datagram.copies.saturating_sub(1);
        self.corrupt += u64::from(datagram.corrupt && datagram.copies > 0);
    }

    fn row(&self, way: Way) -> String {
        let Totals { received, passed, dropped, queue_full, failed, waiting, .. } = self;
        let lost = (*received > 0).then(|| (received - passed) as f64 / *received as f64);
        let lost = lost.map_or("-".to_string(), percent);
        let way = way.name();
        format!(
            "{way:<4} {received:>9} {passed:>9} {dropped:>9} {queue_full:>11} {failed:>9} {waiting:>9} {lost:>8}"
        )
    }
}

/// The end.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary {
    pub at_ns: At,
    pub clients_seen: u64,
    pub up: Totals,
    pub down: Totals,
    #[serde(skip)]
    pub listening: SocketAddr,
    #[serde(skip)]
    pub server: SocketAddr,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { clients_seen, listening, server, .. } = self;
        let clients = plural(*clients_seen, "client");
        writeln!(f, "\n--- {listening} to {server}: {clients} ---")?;
        writeln!(
            f,
            "     {:>9} {:>9} {:>9} {:>11} {:>9} {:>9} {:>8}",
            "received", "passed", "dropped", "queue full", "not sent", "waiting", "lost"
        )?;
        write!(f, "{}\n{}", self.up.row(Way::Up), self.down.row(Way::Down))
    }
}

impl Event for Summary {}
