//! A time server: how far its clock is from this machine's, and whether it knows the time.
//!
//! Each request carries a random transmit stamp, which the reply must bring
//! back as its origin. Of a server of one's own up to four samples are taken,
//! and the one with the shortest delay counts; a public one is asked once. What
//! a server says with a kiss code is obeyed (`kiss.rs`).

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::wire::ntp::{Judgement, Packet, Timestamp, delay, offset, packet};
use logic::arrival::Arrival;

use crate::outcome::{Deadline, Outcome};

use super::datagram::Asker;
use super::lack;
use super::parameter::{self, Parameter};
use super::reach::{NoAnswer, first_answer};
use super::resolve::resolve;
use super::value::Value;
use super::{OnPacket, Packet as Seen};

mod kiss;
mod verdict;

/// Whether a server tells the right time.
#[derive(Debug, Clone, PartialEq)]
pub struct Ntp {
    pub host: String,
    pub port: Option<u16>,
    /// The furthest that its clock may be from this machine's.
    pub max_offset: Duration,
    /// The most servers that may stand between it and a reference clock.
    pub max_stratum: u8,
}

const MAX_OFFSET: Duration = Duration::from_secs(1);
const MAX_STRATUM: u8 = 15;

/// The number of times that a server of one's own is asked, or one that is silent.
const SAMPLES: usize = 4;

/// One exchange that told the time.
#[derive(Debug, Clone, Copy)]
struct Sample {
    reply: Packet,
    /// T1 to T4: our request left, came, the reply left, came; each by the
    /// clock of the machine where that was.
    stamps: [Timestamp; 4],
    /// Of the server's clock to this machine's, seconds.
    offset: f64,
    /// Of both ways together, seconds.
    delay: f64,
    /// By how much the offset may be wrong, seconds.
    bound: f64,
    rtt: Duration,
}

/// What there is after all exchanges.
#[derive(Debug, Default)]
struct Findings {
    samples: Vec<Sample>,
    /// What the server said where it did not tell the time.
    refused: Option<(Judgement, Packet)>,
    /// Why the last packet was waited past, if one was.
    wrong: Option<String>,
}

impl Ntp {
    pub const USAGE: &str = "ntp SERVER[:PORT] [max_offset=TIME] [max_stratum=N] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Ntp>] = &[
        Parameter {
            name: "server",
            help: "whom to ask; a port may stand beside it: \"127.0.0.1:1123\"",
            sample: "\"pool.ntp.org\"",
            set: |ntp, value| parameter::set_host(&mut ntp.host, &mut ntp.port, value),
            show: |ntp| {
                let host = ntp.host.clone();
                Some(Value::of(socklab::endpoint::Endpoint { host, port: ntp.port }.to_string()))
            },
        },
        Parameter {
            name: "max_offset",
            help: "down if its clock is further from this machine's; degraded if it may be; \
                   default 1s",
            sample: "\"100ms\"",
            set: |ntp, value| value.duration().map(|offset| ntp.max_offset = offset),
            show: |ntp| {
                (ntp.max_offset != MAX_OFFSET)
                    .then(|| parameter::shown_duration(ntp.max_offset))
                    .flatten()
            },
        },
        Parameter {
            name: "max_stratum",
            help: "degraded above it; 1 has a clock of its own; default 15",
            sample: "3",
            set: |ntp, value| value.whole(1, 15).map(|number| ntp.max_stratum = number as u8),
            show: |ntp| {
                (ntp.max_stratum != MAX_STRATUM).then_some(Value::Integer(ntp.max_stratum.into()))
            },
        },
    ];

    pub fn draft() -> Ntp {
        Ntp { host: String::new(), port: None, max_offset: MAX_OFFSET, max_stratum: MAX_STRATUM }
    }

    pub fn run(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let port = self.port.unwrap_or(packet::PORT);
        let addresses = match resolve(&self.host, port, deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let mut asked = None;
        let answer = first_answer(&addresses, deadline, |address, _| {
            asked = Some(address.to_string());
            let wanted = match kiss::permission(address, Instant::now()) {
                kiss::Permission::Denied(why) => {
                    return Err(NoAnswer::Final(Outcome::unverified(why)));
                }
                kiss::Permission::Granted { only_once: true } => 1,
                kiss::Permission::Granted { .. } if is_public(address.ip()) => 1,
                kiss::Permission::Granted { .. } => SAMPLES,
            };
            let findings = gather(address, wanted, deadline, watch)?;
            Ok(self.judge(&findings, address, deadline))
        });
        answer.unwrap_or_else(|outcome| outcome).with("server", asked)
    }
}

/// Whether an address may belong to somebody else's server.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            !(address.is_loopback() || address.is_private() || address.is_link_local())
        }
        IpAddr::V6(address) => {
            !(address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local())
        }
    }
}

/// Asks until there are enough samples, at most four times.
fn gather(
    address: SocketAddr,
    wanted: usize,
    deadline: &Deadline,
    watch: OnPacket,
) -> Result<Findings, NoAnswer> {
    let asker = Asker::open(address, deadline)?;
    let mut findings = Findings::default();
    // The random stamps of requests that are not answered yet, and when they went.
    let mut asked: Vec<(Timestamp, Instant)> = Vec::new();
    let mut buffer = [0; 2048];
    for attempt in 0..SAMPLES {
        if findings.samples.len() == wanted || findings.refused.is_some() {
            break;
        }
        let Some(left) = deadline.left() else { break };
        let random = lack::random().map_err(NoAnswer::Final)?;
        let request = Packet::request(Timestamp(random));
        watch(&Seen::sent(&request.emit()));
        let sent = Instant::now();
        asker.send(&request.emit())?;
        asked.push((request.transmit, sent));
        let until = sent + left / (SAMPLES - attempt) as u32;
        asker.listen(&mut buffer, until, |bytes, arrival| {
            watch(&Seen::received(bytes));
            findings.enter(bytes, arrival, &mut asked, deadline);
            // One that answers an earlier request counts as well.
            (findings.samples.len() > attempt || findings.refused.is_some()).then_some(())
        })?;
    }
    Ok(findings)
}

impl Findings {
    /// Takes a datagram for what it is.
    fn enter(
        &mut self,
        bytes: &[u8],
        arrival: &Arrival,
        asked: &mut Vec<(Timestamp, Instant)>,
        deadline: &Deadline,
    ) {
        let reply = match Packet::parse(bytes) {
            Ok(reply) => reply,
            Err(why) => {
                self.wrong = Some(why.to_string());
                return;
            }
        };
        let matching = asked.iter().position(|(stamp, _)| *stamp == reply.origin);
        let sent = matching.map_or(Timestamp::UNKNOWN, |place| asked[place].0);
        let judgement = reply.judge(sent);
        if judgement.wait_on() {
            self.wrong = Some(judgement.to_string());
            return;
        }
        // Not wait_on, so it was found; a second reply to it is not ours any more.
        let Some((_, sent)) = matching.map(|place| asked.swap_remove(place)) else { return };
        if judgement != Judgement::Good {
            self.refused = Some((judgement, reply));
            return;
        }
        let rtt = arrival.since(sent);
        let t1 = Timestamp::from_system(deadline.wall_at(sent));
        let t4 = Timestamp::from_system(deadline.wall_at(sent + rtt));
        let stamps = [t1, reply.receive, reply.transmit, t4];
        let delay = delay(stamps).as_secs_f64();
        self.samples.push(Sample {
            reply,
            stamps,
            offset: offset(stamps).as_secs_f64(),
            delay,
            bound: bound(delay, reply.precision, rtt, deadline.within),
            rtt,
        });
    }
}

/// A clock is taken to drift by at most so much of the time that passes (RFC
/// 5905, figure 6: PHI).
const DRIFT: f64 = 15e-6;

/// By how much an offset may be wrong: half of the delay, whichever way was the
/// slow one, and what the clocks add (RFC 5905, section 8, the dispersion): how
/// closely the server reads its own and we ours, and how far they drift apart
/// meanwhile.
fn bound(delay: f64, precision: i8, rtt: Duration, within: Duration) -> f64 {
    // A whole second and more is what a server says that does not know.
    let servers = if precision < 0 { f64::from(precision).exp2() } else { 0.0 };
    delay.max(0.0) / 2.0 + servers + within.as_secs_f64() + DRIFT * rtt.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_half_of_the_delay_and_what_the_clocks_add() {
        let (second, none) = (Duration::from_secs(1), Duration::ZERO);
        assert_eq!(bound(0.5, 0, none, none), 0.25);
        assert_eq!(bound(-0.5, 0, none, none), 0.0);
        assert_eq!(bound(0.0, -1, none, none), 0.5);
        assert_eq!(bound(0.0, 127, none, none), 0.0);
        assert_eq!(bound(0.0, 0, second, none), 0.000_015);
        assert_eq!(bound(0.0, 0, none, second), 1.0);
    }

    #[test]
    fn only_servers_of_ones_own_are_asked_more_than_once() {
        for own in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "::ffff:127.0.0.1"] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
        for public in ["8.8.8.8", "2001:4860:4860::8888", "172.32.0.1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }
}
