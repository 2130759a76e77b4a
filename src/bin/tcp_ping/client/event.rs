//! The client's events.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use logic::units::show_duration;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::errors::REFUSED;
use socklab::event::{ErrorSeen, Event, Ms, icmp_error_text};
use socklab::output::{Colour, plural, printable};

use crate::NAME;
use crate::client::Args;
use crate::client::fate::{Fate, Ping};

/// The first line.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    server: SocketAddr,
    /// Always null: each connection has a port of its own, which its events tell.
    local: Option<SocketAddr>,
    count: u64,
    interval_ms: Ms,
    timeout_ms: Ms,
    bytes: usize,
    keep_open: bool,
    /// What `rtt_ms` is of; `connect_ms` stands beside it.
    rtt_of: &'static str,
}

impl Start {
    /// `bytes` is the length of the first request.
    pub fn new(args: &Args, server: SocketAddr, bytes: usize) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            server,
            local: None,
            count: args.pings.count,
            interval_ms: Ms(args.pings.interval),
            timeout_ms: Ms(args.pings.timeout),
            bytes,
            keep_open: args.keep_open,
            rtt_of: "request",
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (server, bytes) = (self.server, plural(self.bytes as u64, "byte"));
        let timeout = show_duration(self.timeout_ms.0);
        let how = if self.keep_open { "one connection for all" } else { "a connection a ping" };
        write!(f, "TCP PING {server}: {bytes}, timeout {timeout}, {how}")
    }
}

impl Event for Start {}

/// How a ping gets its connection. A person sees that from the line of its end.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Opening {
    /// A SYN is being sent: `at_ns` is just before the call.
    Connecting { at_ns: At, seq: u64 },
    /// The SYN-ACK is here.
    Connected { at_ns: At, seq: u64, local: Option<SocketAddr>, connect_ms: Ms },
}

impl fmt::Display for Opening {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Opening::Connecting { seq, .. } => write!(f, "seq={seq}: connecting"),
            Opening::Connected { seq, .. } => write!(f, "seq={seq}: connected"),
        }
    }
}

impl Event for Opening {}

/// The end of a ping, under the name of its fate.
#[derive(Serialize)]
pub struct Ended<'a> {
    event: &'static str,
    at_ns: At,
    seq: u64,
    /// Of a timeout or an ICMP error: whether it ended the `connect` or the `request`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<&'static str>,
    #[serde(flatten)]
    error: Option<ErrorSeen>,
    /// The operating system's word for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    /// That of the request, where its reply is whole.
    rtt_ms: Option<Ms>,
    connect_ms: Option<Ms>,
    request_ms: Option<Ms>,
    retransmits: Option<u32>,
    /// How many came in.
    bytes: usize,
    /// Not of an ICMP error, which has its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<SocketAddr>,
    local: Option<SocketAddr>,
    #[serde(skip)]
    ping: &'a Ping,
    #[serde(skip)]
    server: SocketAddr,
    #[serde(skip)]
    timeout: Duration,
}

impl<'a> Ended<'a> {
    pub fn new(ping: &'a Ping, server: SocketAddr, timeout: Duration) -> Ended<'a> {
        let (event, stage, error, why) = match &ping.fate {
            Fate::Reply => ("reply", None, None, None),
            Fate::Late => ("late", None, None, None),
            Fate::Corrupt => ("corrupt", None, None, None),
            Fate::Lost => ("lost", None, None, None),
            Fate::NotConnected => ("timeout", Some("connect"), None, None),
            Fate::TimedOut => ("timeout", Some("request"), None, None),
            Fate::Refused => ("refused", None, None, None),
            Fate::IcmpError(error) => ("icmp_error", Some("connect"), Some(*error), None),
            Fate::Unreachable(why) => ("unreachable", None, None, Some(why.as_str())),
            Fate::Hinted(why) => ("unreachable", Some("request"), None, Some(why.as_str())),
            Fate::Closed => ("closed", None, None, None),
            Fate::Reset => ("reset", None, None, None),
            Fate::NotSent(why) => ("not_sent", None, None, Some(why.as_str())),
            Fate::Stopped => ("stopped", None, None, None),
        };
        let whole = matches!(ping.fate, Fate::Reply | Fate::Late | Fate::Corrupt);
        let request_ms = ping.request.map(Ms);
        Ended {
            event,
            at_ns: ping.at,
            seq: ping.seq,
            stage,
            error,
            why,
            rtt_ms: request_ms.filter(|_| whole),
            connect_ms: ping.connect.map(Ms),
            request_ms,
            retransmits: ping.retransmits,
            bytes: ping.received.len(),
            from: error.is_none().then_some(server),
            local: ping.local,
            ping,
            server,
            timeout,
        }
    }

    /// `connect=0.031 ms time=0.045 ms`, or as much of it as there is.
    fn times(&self) -> String {
        let connect = self.connect_ms.map(|time| format!("connect={:.3} ms", time.get()));
        let request = self.request_ms.map(|time| format!("time={:.3} ms", time.get()));
        connect.into_iter().chain(request).collect::<Vec<_>>().join(" ")
    }

    fn resent(&self) -> String {
        match self.retransmits {
            None | Some(0) => String::new(),
            Some(resent) => format!(" ({})", plural(u64::from(resent), "retransmit")),
        }
    }
}

impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Ended { seq, server, .. } = self;
        let (times, resent, timeout) = (self.times(), self.resent(), show_duration(self.timeout));
        let came = format!("{} of {} bytes", self.bytes, self.ping.bytes);
        let reply = format!("{} bytes from {server}: seq={seq} {times}{resent}", self.bytes);
        match &self.ping.fate {
            Fate::Reply => write!(f, "{reply}"),
            Fate::Late => write!(f, "{reply} (late: after its timeout)"),
            Fate::Corrupt => {
                write!(f, "{reply} (corrupt: {})", printable(&self.ping.received, 40))
            }
            Fate::Lost => write!(f, "from {server}: seq={seq} {times} LOST"),
            Fate::NotConnected => {
                write!(f, "no connection for seq={seq} within {timeout}: nothing answers")
            }
            Fate::TimedOut => {
                write!(f, "no reply to seq={seq} within {timeout}: connected, {came} came{resent}")
            }
            Fate::Hinted(why) => write!(
                f,
                "no reply to seq={seq} within {timeout}: connected, {came} came{resent}, \
                 and an ICMP error: {why}"
            ),
            Fate::Refused => {
                write!(f, "from {server}: seq={seq} connection refused: {REFUSED}")
            }
            Fate::IcmpError(error) => {
                let from = error.from.map_or(server.to_string(), |from| from.to_string());
                let text = icmp_error_text(error.problem);
                write!(f, "from {from}: seq={seq} {text}: no connection")
            }
            Fate::Unreachable(why) => write!(f, "seq={seq} {server} is unreachable: {why}"),
            Fate::Closed => write!(f, "from {server}: seq={seq} closed by the server after {came}"),
            Fate::Reset => {
                write!(f, "from {server}: seq={seq} connection reset by the server after {came}")
            }
            Fate::NotSent(why) => write!(f, "seq={seq} could not be sent: {why}"),
            Fate::Stopped => write!(f, "seq={seq} was still under way at Ctrl-C"),
        }
    }
}

impl Event for Ended<'_> {
    fn colour(&self) -> Option<Colour> {
        match self.ping.fate {
            Fate::Reply | Fate::Stopped => None,
            Fate::Late | Fate::Lost | Fate::NotConnected | Fate::TimedOut => Some(Colour::Yellow),
            _ => Some(Colour::Red),
        }
    }
}

/// An ICMP error that came while a ping waits for its reply, and decides
/// nothing. The kernel does not always say which it was.
#[derive(Serialize)]
#[serde(tag = "event", rename = "icmp_error")]
pub struct Hint<'a> {
    pub at_ns: At,
    pub seq: u64,
    #[serde(flatten)]
    pub error: Error<'a>,
    pub stage: &'static str,
}

/// The error, or what alone is known of it.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Error<'a> {
    Known(ErrorSeen),
    Unknown {
        #[serde(rename = "type")]
        kind: Option<u8>,
        code: Option<u8>,
        meaning: &'a str,
        hard: Option<bool>,
        from: Option<SocketAddr>,
    },
}

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let text = match &self.error {
            Error::Known(error) => icmp_error_text(error.problem),
            Error::Unknown { meaning, .. } => format!("{meaning} (TCP does not tell the type)"),
        };
        write!(f, "an ICMP error came for seq={}: {text}; still waiting", self.seq)
    }
}

impl Event for Hint<'_> {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}
