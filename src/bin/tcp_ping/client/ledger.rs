//! What the client counts: every ping under its one fate, and the summary.

use std::fmt;
use std::time::{Duration, Instant};

use logic::stats::{Counts, Rtts};
use serde::Serialize;
use socklab::event::{Event, Summary};
use socklab::output::plural;

use crate::client::fate::{Fate, Ping};

/// All pings of a run.
pub struct Ledger {
    began: Instant,
    pub counts: Counts,
    kinds: Kinds,
    /// Of requests alone: one round trip, as in UDP ping.
    rtts: Rtts,
    connects: Rtts,
    retransmits: Option<u64>,
}

/// The fates that TCP has and UDP has not, and the two that are both "lost".
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Kinds {
    said_lost: u64,
    timed_out: u64,
    refused: u64,
    unreachable: u64,
    closed: u64,
    reset: u64,
    not_sent: u64,
}

impl Ledger {
    pub fn new() -> Ledger {
        Ledger {
            began: Instant::now(),
            counts: Counts::default(),
            kinds: Kinds::default(),
            rtts: Rtts::default(),
            connects: Rtts::default(),
            retransmits: None,
        }
    }

    /// Whether a connection ever came about.
    pub fn connected(&self) -> bool {
        self.connects.count() > 0
    }

    /// Counts a ping under its one fate.
    pub fn enter(&mut self, ping: &Ping) {
        let (counts, kinds) = (&mut self.counts, &mut self.kinds);
        counts.sent += 1;
        let mut uncounted = 0;
        let (fate, kind) = match &ping.fate {
            Fate::Reply => (&mut counts.received, None),
            Fate::Late => (&mut counts.late, None),
            Fate::Corrupt => (&mut counts.corrupt, None),
            Fate::Lost => (&mut counts.lost, Some(&mut kinds.said_lost)),
            Fate::NotConnected | Fate::TimedOut => (&mut counts.lost, Some(&mut kinds.timed_out)),
            Fate::Refused => (&mut counts.errors, Some(&mut kinds.refused)),
            Fate::IcmpError(_) | Fate::Unreachable(_) | Fate::Hinted(_) => {
                (&mut counts.errors, Some(&mut kinds.unreachable))
            }
            Fate::Closed => (&mut counts.errors, Some(&mut kinds.closed)),
            Fate::Reset => (&mut counts.errors, Some(&mut kinds.reset)),
            Fate::NotSent(_) => (&mut counts.errors, Some(&mut kinds.not_sent)),
            // Of what was sent, it alone has no fate: it is still under way.
            Fate::Stopped => (&mut uncounted, None),
        };
        *fate += 1;
        kind.into_iter().for_each(|kind| *kind += 1);
        if let (Fate::Reply, Some(request)) = (&ping.fate, ping.request) {
            self.rtts.add(request);
        }
        if let Some(connect) = ping.connect {
            self.connects.add(connect);
        }
        if let Some(resent) = ping.retransmits {
            self.retransmits = Some(self.retransmits.unwrap_or(0) + u64::from(resent));
        }
    }

    /// The summary of the run, which is over now.
    pub fn summary<'a>(&'a self, server: &'a str, histogram: bool) -> TcpSummary<'a> {
        let Ledger { counts, rtts, connects, .. } = self;
        let took: Duration = self.began.elapsed();
        let ping = Summary::new(server, "TCP ping", counts, rtts, took);
        TcpSummary {
            ping: Summary { histogram, ..ping },
            kinds: self.kinds,
            connections: connects.count(),
            connect_min_ms: connects.min(),
            connect_avg_ms: connects.avg(),
            connect_max_ms: connects.max(),
            connect_mdev_ms: connects.mdev(),
            retransmits: self.retransmits,
        }
    }
}

/// The summary of every pinger, and what TCP adds to it.
#[derive(Serialize)]
pub struct TcpSummary<'a> {
    #[serde(flatten)]
    ping: Summary<'a>,
    #[serde(flatten)]
    kinds: Kinds,
    connections: u64,
    connect_min_ms: Option<f64>,
    connect_avg_ms: Option<f64>,
    connect_max_ms: Option<f64>,
    connect_mdev_ms: Option<f64>,
    retransmits: Option<u64>,
}

impl fmt::Display for TcpSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.ping.write_counts(f)?;
        if let (Some(min), Some(avg), Some(max), Some(mdev)) =
            (self.connect_min_ms, self.connect_avg_ms, self.connect_max_ms, self.connect_mdev_ms)
        {
            write!(f, "\nconnect min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{mdev:.3} ms")?;
        }
        let kinds = &self.kinds;
        let mut words: Vec<String> = [
            (kinds.said_lost, "answered LOST"),
            (kinds.timed_out, "timed out"),
            (kinds.refused, "refused"),
            (kinds.unreachable, "unreachable"),
            (kinds.closed, "closed by the server"),
            (kinds.reset, "reset by the server"),
            (kinds.not_sent, "not sent"),
        ]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, text)| format!("{count} {text}"))
        .collect();
        if let Some(resent @ 1..) = self.retransmits {
            words.push(format!("{} sent again", plural(resent, "segment")));
        }
        if !words.is_empty() {
            write!(f, "\n{}", words.join(", "))?;
        }
        self.ping.write_histogram(f)
    }
}

impl Event for TcpSummary<'_> {}
