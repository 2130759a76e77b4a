//! The server's events.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use logic::units::show_duration;
use serde::{Serialize, Serializer};
use socklab::clock::{self, At};
use socklab::event::Event;
use socklab::output::{Colour, plural, printable};

use crate::NAME;
use crate::stop_word::StopWord;

/// The first line.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start<'a> {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: SocketAddr,
    /// The same, under the name that it has in every program's start.
    local: SocketAddr,
    udp: bool,
    tcp: bool,
    stop_word: Option<&'a str>,
    #[serde(skip)]
    shown_word: Option<&'a StopWord>,
}

impl<'a> Start<'a> {
    pub fn new(address: SocketAddr, udp: bool, tcp: bool, word: Option<&'a StopWord>) -> Start<'a> {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: address,
            local: address,
            udp,
            tcp,
            stop_word: word.map(StopWord::as_str),
            shown_word: word,
        }
    }
}

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let protocols = match (self.udp, self.tcp) {
            (true, false) => "UDP",
            (false, true) => "TCP",
            _ => "UDP and TCP",
        };
        write!(f, "{NAME}: listening on {}, {protocols}", self.listening)?;
        self.shown_word.map_or(Ok(()), |word| write!(f, ", stop word {word}"))
    }
}

impl Event for Start<'_> {}

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    Echoed,
    /// Not answered, since its sender would answer the answer.
    Ignored,
    /// The operating system would not send the answer.
    Failed,
}

/// A datagram that came in.
#[derive(Serialize)]
#[serde(tag = "event", rename = "request")]
pub struct Datagram<'a> {
    pub at_ns: At,
    pub client: SocketAddr,
    pub bytes: usize,
    #[serde(serialize_with = "as_text")]
    pub text: &'a [u8],
    pub fate: Fate,
    /// Just before the answer was sent.
    pub sent_ns: Option<At>,
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable(bytes, 200))
}

impl fmt::Display for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let word = match self.fate {
            Fate::Echoed => "echoed",
            Fate::Ignored => "ignored",
            Fate::Failed => "failed",
        };
        let (bytes, text) = (plural(self.bytes as u64, "byte"), printable(self.text, 40));
        write!(f, "{}  UDP  {word}  {bytes}  {text}", self.client)
    }
}

impl Event for Datagram<'_> {
    fn colour(&self) -> Option<Colour> {
        match self.fate {
            Fate::Echoed => None,
            Fate::Ignored => Some(Colour::Yellow),
            Fate::Failed => Some(Colour::Red),
        }
    }
}

/// What happens to a connection, and to the server by its client's word.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Connection<'a> {
    Connected {
        at_ns: At,
        client: SocketAddr,
    },
    /// It is one too many: `open` others are open.
    TurnedAway {
        at_ns: At,
        client: SocketAddr,
        open: u64,
    },
    /// It has ended: what was echoed, and why it ended.
    Closed {
        at_ns: At,
        client: SocketAddr,
        bytes: u64,
        #[serde(serialize_with = "in_words")]
        why: &'a End,
    },
    /// A client has said the stop word, over TCP or UDP.
    StopWord {
        at_ns: At,
        client: SocketAddr,
    },
}

fn in_words<S: Serializer>(why: &End, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(why)
}

impl fmt::Display for Connection<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Connection::Connected { client, .. } => write!(f, "{client}  TCP  connected"),
            Connection::TurnedAway { client, open, .. } => {
                let are = if *open == 1 { "is" } else { "are" };
                let connections = plural(*open, "connection");
                write!(f, "{client}  TCP  turned away: {connections} {are} open")
            }
            Connection::Closed { client, bytes, why, .. } => {
                write!(f, "{client}  TCP  closed: {why}, {} echoed", plural(*bytes, "byte"))
            }
            Connection::StopWord { client, .. } => write!(f, "{client} said the stop word"),
        }
    }
}

impl Event for Connection<'_> {
    fn colour(&self) -> Option<Colour> {
        match self {
            Connection::TurnedAway { .. } => Some(Colour::Yellow),
            _ => None,
        }
    }
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client has shut its side down, and all was echoed.
    Eof,
    StopWord,
    /// Nothing moved for this long.
    Idle(Duration),
    /// A call failed, and why.
    Failed(String),
    /// No thread could be started for it, and why.
    NoThread(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            End::Eof => write!(f, "end of stream"),
            End::StopWord => write!(f, "stop word"),
            End::Idle(time) => write!(f, "nothing moved for {}", show_duration(*time)),
            End::Failed(why) | End::NoThread(why) => write!(f, "{why}"),
        }
    }
}

/// The totals.
#[derive(Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary {
    pub at_ns: At,
    #[serde(flatten)]
    pub totals: Totals,
    #[serde(skip)]
    pub address: SocketAddr,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Totals {
    /// Datagrams; so are the next four.
    pub received: u64,
    pub replied: u64,
    pub ignored: u64,
    pub failed: u64,
    pub datagram_bytes: u64,
    pub connections: u64,
    pub open: u64,
    pub turned_away: u64,
    /// Echoed on connections that have ended.
    pub stream_bytes: u64,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Totals { received, replied, ignored, failed, datagram_bytes, .. } = self.totals;
        let Totals { connections, open, turned_away, stream_bytes, .. } = self.totals;
        writeln!(f, "\n--- {} echoed ---", self.address)?;
        let (datagrams, bytes) = (plural(received, "datagram"), plural(datagram_bytes, "byte"));
        writeln!(
            f,
            "UDP: {datagrams}, {replied} echoed, {ignored} ignored, {failed} failed, \
             {bytes} echoed"
        )?;
        let (connections, bytes) =
            (plural(connections, "connection"), plural(stream_bytes, "byte"));
        write!(
            f,
            "TCP: {connections}, {open} still open, {turned_away} turned away, \
             {bytes} echoed on those closed"
        )
    }
}

impl Event for Summary {}
