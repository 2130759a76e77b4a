//! What the client tells, and counts: one fate for each ping.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use packets::icmp::Version;
use packets::icmp_error::Problem;
use packets::tcp_ping;
use serde_json::{Value, json};
use socklab::cli::show_duration;
use socklab::clock;
use socklab::endpoint::cause;
use socklab::output::{Colour, printable};
use socklab::report::{Extra, Reporter, icmp_error_json, icmp_error_text};
use socklab::stats::{Counts, Rtts};

use crate::NAME;
use crate::client::Args;

/// What became of a ping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Reply,
    /// The reply was read after the timeout.
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
    /// It was an ICMP error; `from` is who sent it.
    IcmpError {
        problem: Problem,
        from: Option<IpAddr>,
    },
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

/// A ping, as far as it got.
#[derive(Debug)]
pub struct Pinged {
    pub seq: u64,
    pub fate: Fate,
    /// SYN to SYN-ACK; none where the connection was kept from the ping before.
    pub connect: Option<Duration>,
    /// From just before the write until the reply was whole.
    pub request: Option<Duration>,
    /// The length of the request, and so of its reply.
    pub bytes: usize,
    pub received: Vec<u8>,
    pub retransmits: Option<u32>,
}

impl Pinged {
    pub fn new(seq: u64) -> Pinged {
        Pinged {
            seq,
            fate: Fate::Stopped,
            connect: None,
            request: None,
            bytes: 0,
            received: Vec::new(),
            retransmits: None,
        }
    }
}

/// The fates that TCP has and UDP has not, and the two that are both "lost".
#[derive(Default)]
struct Kinds {
    said_lost: u64,
    timed_out: u64,
    refused: u64,
    unreachable: u64,
    closed: u64,
    reset: u64,
    not_sent: u64,
}

/// All pings of a run.
pub struct Account {
    reporter: Reporter,
    version: Version,
    timeout: Duration,
    began: Instant,
    counts: Counts,
    kinds: Kinds,
    /// Of requests alone: one round trip, as in UDP ping.
    rtts: Rtts,
    connects: Rtts,
    retransmits: Option<u64>,
}

impl Account {
    /// Begins with the first line.
    pub fn new(args: &Args, server: SocketAddr) -> Account {
        let reporter = Reporter::new(args.json, args.quiet, &server.to_string());
        let bytes = tcp_ping::request(1, &clock::stamp(clock::now())).len();
        let (timeout, target) = (show_duration(args.timeout), &reporter.target);
        let how = if args.keep_open { "one connection for all" } else { "a connection a ping" };
        let text = format!("TCP PING {target}: {bytes} bytes, timeout {timeout}, {how}");
        let event = json!({
            "event": "start",
            "program": NAME,
            "server": target,
            "count": args.count,
            "interval_ms": ms(args.interval),
            "timeout_ms": ms(args.timeout),
            "bytes": bytes,
            "keep_open": args.keep_open,
            // What rtt_ms is of; connect_ms stands beside it.
            "rtt_of": "request",
        });
        reporter.start(&text, &event);
        Account {
            reporter,
            version: Version::of(server.ip()),
            timeout: args.timeout,
            began: Instant::now(),
            counts: Counts::default(),
            kinds: Kinds::default(),
            rtts: Rtts::default(),
            connects: Rtts::default(),
            retransmits: None,
        }
    }

    pub fn sent(&self) -> u64 {
        self.counts.sent
    }

    pub fn next_seq(&self) -> u64 {
        self.counts.sent + 1
    }

    pub fn answered(&self) -> bool {
        self.counts.received + self.counts.late > 0
    }

    /// Counts a ping under its one fate, and tells of it.
    pub fn enter(&mut self, pinged: &Pinged) {
        let (counts, kinds) = (&mut self.counts, &mut self.kinds);
        counts.sent += 1;
        match &pinged.fate {
            Fate::Reply => counts.received += 1,
            Fate::Late => counts.late += 1,
            Fate::Corrupt => counts.corrupt += 1,
            Fate::Lost => (counts.lost, kinds.said_lost) = (counts.lost + 1, kinds.said_lost + 1),
            Fate::NotConnected | Fate::TimedOut => {
                (counts.lost, kinds.timed_out) = (counts.lost + 1, kinds.timed_out + 1);
            }
            Fate::Stopped => {}
            error => {
                counts.errors += 1;
                *match error {
                    Fate::Refused => &mut kinds.refused,
                    Fate::IcmpError { .. } | Fate::Unreachable(_) | Fate::Hinted(_) => {
                        &mut kinds.unreachable
                    }
                    Fate::Closed => &mut kinds.closed,
                    Fate::Reset => &mut kinds.reset,
                    _ => &mut kinds.not_sent,
                } += 1;
            }
        }
        if let (Fate::Reply, Some(request)) = (&pinged.fate, pinged.request) {
            self.rtts.add(request);
        }
        if let Some(connect) = pinged.connect {
            self.connects.add(connect);
        }
        if let Some(resent) = pinged.retransmits {
            self.retransmits = Some(self.retransmits.unwrap_or(0) + u64::from(resent));
        }
        if pinged.fate != Fate::Stopped {
            let (colour, text) = self.text(pinged);
            self.reporter.tell(colour, &text, &self.json(pinged));
        }
    }

    /// Tells of an ICMP error that came while a ping waits for its reply, and
    /// decides nothing. `why` is all that TCP says of it; `icmp` are the types
    /// and codes that this may stand for.
    pub fn hint(&self, seq: u64, why: &io::Error, icmp: &[(u8, u8)]) {
        let (text, mut event) = match icmp {
            [(kind, code)] => {
                let (kind, code) = (*kind, *code);
                let problem = Problem { version: self.version, kind, code, rest: 0 };
                (icmp_error_text(problem), icmp_error_json(seq, problem, None))
            }
            _ => {
                let why = cause(why);
                let event = json!({
                    "event": "icmp_error",
                    "seq": seq,
                    "type": null,
                    "code": null,
                    "meaning": why,
                    "hard": null,
                    "from": null,
                });
                (format!("{why} (TCP does not tell the type)"), event)
            }
        };
        event["stage"] = json!("request");
        let text = format!("an ICMP error came for seq={seq}: {text}; still waiting");
        self.reporter.tell(Some(Colour::Red), &text, &event);
    }

    fn text(&self, pinged: &Pinged) -> (Option<Colour>, String) {
        let Pinged { seq, bytes, received, .. } = pinged;
        let (from, came) = (&self.reporter.target, received.len());
        let timeout = show_duration(self.timeout);
        let of = format!("{came} of {bytes} bytes");
        let connect = pinged.connect.map(|time| format!("connect={:.3} ms", ms(time)));
        let times = [connect, pinged.request.map(|time| format!("time={:.3} ms", ms(time)))];
        let times: Vec<String> = times.into_iter().flatten().collect();
        let times = times.join(" ");
        let resent = match pinged.retransmits {
            None | Some(0) => String::new(),
            Some(1) => " (1 retransmit)".to_string(),
            Some(resent) => format!(" ({resent} retransmits)"),
        };
        let reply = format!("{came} bytes from {from}: seq={seq} {times}{resent}");
        match &pinged.fate {
            Fate::Reply => (None, reply),
            Fate::Late => (Some(Colour::Yellow), format!("{reply} (late: after its timeout)")),
            Fate::Corrupt => {
                let text = printable(received, 40);
                (Some(Colour::Red), format!("{reply} (corrupt: {text})"))
            }
            Fate::Lost => (Some(Colour::Yellow), format!("from {from}: seq={seq} {times} LOST")),
            Fate::NotConnected => (
                Some(Colour::Yellow),
                format!("no connection for seq={seq} within {timeout}: nothing answers"),
            ),
            Fate::TimedOut => (
                Some(Colour::Yellow),
                format!("no reply to seq={seq} within {timeout}: connected, {of} came{resent}"),
            ),
            Fate::Refused => (
                Some(Colour::Red),
                format!("from {from}: seq={seq} connection refused: no program listens there"),
            ),
            Fate::IcmpError { problem, from } => {
                let from = from.map_or(self.reporter.target.clone(), |from| from.to_string());
                let error = icmp_error_text(*problem);
                (Some(Colour::Red), format!("from {from}: seq={seq} {error}: no connection"))
            }
            Fate::Hinted(why) => (
                Some(Colour::Red),
                format!(
                    "no reply to seq={seq} within {timeout}: connected, {of} came{resent}, \
                     and an ICMP error: {why}"
                ),
            ),
            Fate::Unreachable(why) => {
                (Some(Colour::Red), format!("seq={seq} {from} is unreachable: {why}"))
            }
            Fate::Closed => (
                Some(Colour::Red),
                format!("from {from}: seq={seq} closed by the server after {of}"),
            ),
            Fate::Reset => (
                Some(Colour::Red),
                format!("from {from}: seq={seq} connection reset by the server after {of}"),
            ),
            Fate::NotSent(why) => {
                (Some(Colour::Red), format!("seq={seq} could not be sent: {why}"))
            }
            Fate::Stopped => (None, String::new()),
        }
    }

    fn json(&self, pinged: &Pinged) -> Value {
        let mut event = json!({"event": event_name(&pinged.fate), "seq": pinged.seq});
        match &pinged.fate {
            Fate::NotConnected => event["stage"] = json!("connect"),
            Fate::TimedOut => event["stage"] = json!("request"),
            Fate::IcmpError { problem, from } => {
                event = icmp_error_json(pinged.seq, *problem, *from);
                event["stage"] = json!("connect");
                return event;
            }
            Fate::Hinted(why) => {
                event["stage"] = json!("request");
                event["why"] = json!(why);
            }
            Fate::Unreachable(why) | Fate::NotSent(why) => event["why"] = json!(why),
            _ => {}
        }
        let replied = matches!(pinged.fate, Fate::Reply | Fate::Late | Fate::Corrupt);
        let request = pinged.request.map(ms);
        event["rtt_ms"] = json!(request.filter(|_| replied));
        event["connect_ms"] = json!(pinged.connect.map(ms));
        event["request_ms"] = json!(request);
        event["retransmits"] = json!(pinged.retransmits);
        event["bytes"] = json!(pinged.received.len());
        event["from"] = json!(self.reporter.target);
        event
    }

    /// The last lines, or the event `summary`.
    pub fn summary(&self, histogram: bool) {
        let Kinds { said_lost, timed_out, refused, unreachable, closed, reset, not_sent } =
            self.kinds;
        let kinds = [
            ("said_lost", said_lost, "answered LOST"),
            ("timed_out", timed_out, "timed out"),
            ("refused", refused, "refused"),
            ("unreachable", unreachable, "unreachable"),
            ("closed", closed, "closed by the server"),
            ("reset", reset, "reset by the server"),
            ("not_sent", not_sent, "not sent"),
        ];
        let connects = &self.connects;
        let mut extra = Extra::default();
        if let (Some(min), Some(avg), Some(max), Some(mdev)) =
            (connects.min(), connects.avg(), connects.max(), connects.mdev())
        {
            extra.lines.push(format!(
                "connect min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{mdev:.3} ms"
            ));
        }
        let mut words: Vec<String> = Vec::new();
        for (name, count, text) in kinds {
            extra.fields.insert(name.to_string(), json!(count));
            if count > 0 {
                words.push(format!("{count} {text}"));
            }
        }
        if let Some(resent @ 1..) = self.retransmits {
            words.push(format!("{resent} segments sent again"));
        }
        if !words.is_empty() {
            extra.lines.push(words.join(", "));
        }
        for (name, value) in [
            ("connections", json!(connects.count())),
            ("connect_min_ms", json!(connects.min())),
            ("connect_avg_ms", json!(connects.avg())),
            ("connect_max_ms", json!(connects.max())),
            ("connect_mdev_ms", json!(connects.mdev())),
            ("retransmits", json!(self.retransmits)),
        ] {
            extra.fields.insert(name.to_string(), value);
        }
        let took = self.began.elapsed();
        self.reporter.summary_with("TCP ping", &self.counts, &self.rtts, took, histogram, extra);
    }
}

fn event_name(fate: &Fate) -> &'static str {
    match fate {
        Fate::Reply => "reply",
        Fate::Late => "late",
        Fate::Corrupt => "corrupt",
        Fate::Lost => "lost",
        Fate::NotConnected | Fate::TimedOut => "timeout",
        Fate::Refused => "refused",
        Fate::IcmpError { .. } => "icmp_error",
        Fate::Unreachable(_) | Fate::Hinted(_) => "unreachable",
        Fate::Closed => "closed",
        Fate::Reset => "reset",
        Fate::NotSent(_) => "not_sent",
        Fate::Stopped => "stopped",
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}
