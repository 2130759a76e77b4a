//! A probe of a trace, and what it may meet with.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use packets::icmp::Version::{V4, V6};
use packets::icmp_error::Problem;

use crate::arrival::Arrival;

/// A probe that was sent.
#[derive(Debug, Clone, Copy)]
pub struct Probe {
    /// Probes are numbered from 1.
    pub seq: u16,
    /// How many hops it was sent to go at most.
    pub ttl: u8,
    pub state: ProbeState,
    pub sent: Instant,
    /// Whether it still keeps others from being sent.
    pub(super) holds_up: bool,
}

/// What is known of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeState {
    Waiting,
    /// Nothing came within the timeout.
    Lost,
    /// Something came, but after the timeout.
    Late,
    Answered {
        /// The ICMP error; `None` if it was what had been asked for.
        error: Option<Problem>,
        from: IpAddr,
        rtt: Duration,
        /// What was left of the response's own TTL, where it is known.
        ttl: Option<u8>,
    },
}

/// A response to one of our probes.
#[derive(Debug, Clone, Copy)]
pub struct Response {
    /// Which probe it answers, by what the response says.
    pub seq: u16,
    /// The ICMP error of a router, or of the host itself; `None` if it is what
    /// was asked for: an echo reply, or a datagram from the port.
    pub error: Option<Problem>,
    pub from: IpAddr,
    /// The TTL or hop limit that the response itself had left, where it is known.
    pub ttl: Option<u8>,
    pub arrival: Arrival,
}

/// When a response came, and with which RTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    InTime(Duration),
    /// The first to its probe, after the timeout.
    Late(Duration),
    /// A further one to the same probe.
    Duplicate(Duration),
}

/// Whether a probe that met with this comes to its end there. Only an error
/// that says that the TTL was used up speaks of a router with more behind it.
pub fn ends_the_way(error: Option<Problem>) -> bool {
    !error.is_some_and(|problem| {
        matches!((problem.version, problem.kind, problem.code), (V4, 11, 0) | (V6, 3, 0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ttl_used_up_leads_on_and_everything_else_ends_the_way() {
        let error = |version, kind, code| Some(Problem { version, kind, code, rest: 0 });
        for used_up in [error(V4, 11, 0), error(V6, 3, 0)] {
            assert!(!ends_the_way(used_up));
        }
        // A fragment whose rest did not come in time has the same type.
        for end in [None, error(V4, 11, 1), error(V6, 3, 1), error(V4, 3, 1), error(V6, 1, 4)] {
            assert!(ends_the_way(end), "{end:?}");
        }
    }
}
