//! What becomes of a ping: every way in which a connection can fail is one of its own.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

use socklab::clock::At;
use socklab::errors::cause;
use socklab::event::ErrorSeen;
use sys::NotConnected;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Reply,
    /// The reply came after the timeout.
    Late,
    /// The wrong bytes came.
    Corrupt,
    /// The server said `LOST`.
    Lost,
    /// No connection came about within the timeout.
    NotConnected,
    /// The connection did, but no whole reply.
    TimedOut,
    /// The answer to the SYN was a reset.
    Refused,
    /// It was an ICMP error.
    IcmpError(ErrorSeen),
    /// No way leads there, as this machine says itself.
    Unreachable(String),
    /// The connection came about, and then no whole reply but an ICMP error,
    /// which may or may not be why.
    Hinted(String),
    /// The server ended the stream before the reply was whole.
    Closed,
    /// The server reset the connection.
    Reset,
    /// The operating system would not connect or send.
    NotSent(String),
    /// Ctrl-C came first: nothing is known of this one.
    Stopped,
}

impl Fate {
    /// What a connect that failed says about the ping.
    pub fn of_connect(NotConnected { why, icmp }: &NotConnected) -> Fate {
        if let &Some((problem, from)) = icmp {
            return Fate::IcmpError(ErrorSeen { problem, from });
        }
        match why.kind() {
            // A reset in answer to the SYN.
            ErrorKind::ConnectionRefused => Fate::Refused,
            // Nothing in answer to it.
            ErrorKind::TimedOut => Fate::NotConnected,
            // No way to send it.
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Fate::Unreachable(cause(why))
            }
            ErrorKind::Interrupted => Fate::Stopped,
            // Accepted and reset before we looked.
            ErrorKind::ConnectionReset => Fate::Reset,
            _ => Fate::NotSent(cause(why)),
        }
    }

    /// What a write or a read that failed says about the ping; `hint` is what an
    /// ICMP error said in the meantime.
    pub fn of_request(why: &io::Error, hint: Option<String>) -> Fate {
        match (why.kind(), hint) {
            // TCP itself ends so: when it gives up, it does not say "timed out"
            // if it has heard of a better reason.
            (ErrorKind::TimedOut, Some(hint)) => Fate::Hinted(hint),
            (ErrorKind::TimedOut, None) => Fate::TimedOut,
            (ErrorKind::Interrupted, _) => Fate::Stopped,
            (ErrorKind::ConnectionReset, _) => Fate::Reset,
            // Our bytes came to a connection that was closed before.
            (ErrorKind::BrokenPipe, _) => Fate::Closed,
            (ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable, _) => {
                Fate::Unreachable(cause(why))
            }
            _ => Fate::NotSent(cause(why)),
        }
    }

    /// Whether a name's next address may do better: nobody answered at this one.
    pub fn leaves_hope(&self) -> bool {
        matches!(self, Fate::Refused | Fate::IcmpError(_) | Fate::Unreachable(_))
    }
}

/// A ping, as far as it got.
#[derive(Debug)]
pub struct Ping {
    pub seq: u64,
    pub fate: Fate,
    /// When that was decided.
    pub at: At,
    /// The connection's near end; none where no connection came about.
    pub local: Option<SocketAddr>,
    /// SYN to SYN-ACK; none where the connection was kept from the ping before.
    pub connect: Option<Duration>,
    /// From just before the write until the reply was whole.
    pub request: Option<Duration>,
    /// The length of the request, and so of its reply.
    pub bytes: usize,
    pub received: Vec<u8>,
    pub retransmits: Option<u32>,
}

impl Ping {
    pub fn new(seq: u64) -> Ping {
        Ping {
            seq,
            fate: Fate::Stopped,
            at: At::now(),
            local: None,
            connect: None,
            request: None,
            bytes: 0,
            received: Vec::new(),
            retransmits: None,
        }
    }

    /// The same, with a fate that was decided now.
    pub fn ended(self, fate: Fate) -> Ping {
        Ping { fate, at: At::now(), ..self }
    }
}
