//! The server's events.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use logic::impair::Fate;
use logic::units::show_duration;
use packets::icmp_error::Problem;
use serde::{Serialize, Serializer};
use socklab::clock::{self, At};
use socklab::errors::cause;
use socklab::event::Event;
use socklab::output::{Colour, plural, printable};

use crate::NAME;

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
    impairment: &'a str,
    seed: u64,
}

impl<'a> Start<'a> {
    pub fn new(address: SocketAddr, impairment: &'a str, seed: u64) -> Start<'a> {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: address,
            local: address,
            impairment,
            seed,
        }
    }
}

impl fmt::Display for Start<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Start { program, listening, impairment, .. } = self;
        write!(f, "{program}: listening on {listening}, {impairment}")
    }
}

impl Event for Start<'_> {}

/// Whose message it was, and which: the number of its connection, and its own
/// in that, both from 1.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Message {
    pub client: SocketAddr,
    pub connection: u64,
    pub message: u64,
    /// When it was read.
    pub read_ns: At,
}

/// Client and number as they stand at the head of a line.
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let number = format!("#{}.{}", self.connection, self.message);
        write!(f, "{}  {number:<6}", self.client)
    }
}

/// A message and its fate, just before it is answered.
#[derive(Serialize)]
#[serde(tag = "event", rename = "request")]
pub struct Request<'a> {
    pub at_ns: At,
    #[serde(flatten)]
    pub message: Message,
    pub bytes: usize,
    #[serde(serialize_with = "as_text")]
    pub text: &'a [u8],
    pub fate: Word,
    /// With which it is rejected.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_words")]
    pub error: Option<Problem>,
}

/// A fate in a word.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    Replied,
    Lost,
    Rejected,
}

impl From<&Fate> for Word {
    fn from(fate: &Fate) -> Word {
        match fate {
            Fate::Replied(_) => Word::Replied,
            Fate::Dropped => Word::Lost,
            Fate::Rejected { .. } => Word::Rejected,
        }
    }
}

fn as_text<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&printable(bytes, 200))
}

fn as_words<S: Serializer>(error: &Option<Problem>, serializer: S) -> Result<S::Ok, S::Error> {
    error.map(|error| error.to_string()).serialize(serializer)
}

impl fmt::Display for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let word = match self.fate {
            Word::Replied => "replied",
            Word::Lost => "LOST",
            Word::Rejected => "rejected",
        };
        let (bytes, text) = (plural(self.bytes as u64, "byte"), printable(self.text, 40));
        write!(f, "{} {word:<7}  {bytes}  {text}", self.message)?;
        self.error.map_or(Ok(()), |error| write!(f, "  {error}"))
    }
}

impl Event for Request<'_> {
    fn colour(&self) -> Option<Colour> {
        match self.fate {
            Word::Replied => None,
            Word::Lost => Some(Colour::Yellow),
            Word::Rejected => Some(Colour::Red),
        }
    }
}

/// A connection was accepted. A person sees that from its first message.
#[derive(Serialize)]
#[serde(tag = "event", rename = "connected")]
pub struct Connected {
    pub at_ns: At,
    pub client: SocketAddr,
    pub connection: u64,
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}  #{} connected", self.client, self.connection)
    }
}

impl Event for Connected {}

/// The answer that was told could not be sent after all.
#[derive(Serialize)]
#[serde(tag = "event", rename = "failed")]
pub struct Failed<'a> {
    pub at_ns: At,
    #[serde(flatten)]
    pub message: Message,
    pub why: &'a str,
}

impl fmt::Display for Failed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} failed   the answer was not sent: {}", self.message, self.why)
    }
}

impl Event for Failed<'_> {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}

/// Why a connection ended.
#[derive(Debug, Clone)]
pub enum Reason {
    /// The client closed it, after this many messages.
    Closed(u64),
    /// A message was to be lost.
    Lost,
    Idle(Duration),
    /// The client reset it.
    Reset,
    /// The client took no reply within the idle timeout.
    NotReading,
    /// This many others were connected.
    TurnedAway(NonZeroUsize),
    /// The operating system gave no thread.
    NoThread(String),
    Failed(String),
}

impl Reason {
    /// From the error of a read or a write.
    pub fn of(why: &io::Error) -> Reason {
        match why.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Reason::Reset,
            // The write timeout was over.
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Reason::NotReading,
            _ => Reason::Failed(cause(why)),
        }
    }

    /// Whether a line above has said it already.
    pub fn is_plain(&self) -> bool {
        matches!(self, Reason::Closed(1..) | Reason::Lost)
    }

    /// For the event.
    fn name(&self) -> &'static str {
        match self {
            Reason::Closed(_) => "closed",
            Reason::Lost => "lost",
            Reason::Idle(_) => "idle",
            Reason::Reset => "reset",
            Reason::NotReading => "not_reading",
            Reason::TurnedAway(_) => "turned_away",
            Reason::NoThread(_) => "no_thread",
            Reason::Failed(_) => "failed",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Reason::Closed(0) => write!(f, "closed by the client, without a message"),
            Reason::Closed(_) => write!(f, "closed by the client"),
            Reason::Lost => write!(f, "closed after LOST"),
            Reason::Idle(time) => write!(f, "silent for {}: closed", show_duration(*time)),
            Reason::Reset => write!(f, "reset by the client"),
            Reason::NotReading => write!(f, "does not read its replies: closed"),
            Reason::TurnedAway(most) => {
                write!(f, "turned away: --max-clients {most} are connected")
            }
            Reason::NoThread(why) => write!(f, "closed: the system gives no thread: {why}"),
            Reason::Failed(why) => write!(f, "failed: {why}"),
        }
    }
}

/// The end of a connection.
#[derive(Serialize)]
#[serde(tag = "event", rename = "end")]
pub struct Ended<'a> {
    pub at_ns: At,
    pub client: SocketAddr,
    pub connection: u64,
    #[serde(serialize_with = "by_name")]
    pub reason: &'a Reason,
}

fn by_name<S: Serializer>(reason: &Reason, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(reason.name())
}

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let number = format!("#{}", self.connection);
        write!(f, "{}  {number:<6} {}", self.client, self.reason)
    }
}

impl Event for Ended<'_> {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Dim)
    }
}
