//! Pings: whether a host answers ICMP echo requests, how many of them, and how fast.

use std::net::IpAddr;
use std::time::Duration;

use logic::units::{Rate, show_duration};

use crate::outcome::{Deadline, Outcome};

use super::OnPacket;
use super::parameter::{self, Parameter};
use super::reach::{self, NoAnswer, first_answer};
use super::resolve::resolve;
use super::value::Value;

mod pings;

use pings::{INTERVAL, Pings};

/// Whether a host answers pings.
#[derive(Debug, Clone, PartialEq)]
pub struct Icmp {
    pub host: String,
    pub count: u64,
    /// Degraded above it.
    pub max_loss: Rate,
    /// Degraded if the mean is above it.
    pub max_rtt: Option<Duration>,
}

const COUNT: u64 = 3;

impl Icmp {
    pub const USAGE: &str =
        "icmp HOST [1|2] [count=N] [max_loss=RATE] [max_rtt=TIME] [INTERVAL]; 2 is a traceroute";

    pub const PARAMETERS: &'static [Parameter<Icmp>] = &[
        Parameter {
            name: "host",
            help: "whom to ping",
            sample: "\"8.8.8.8\"",
            set: |icmp, value| set_host(&mut icmp.host, value),
            show: |icmp| Some(Value::of(&icmp.host)),
        },
        Parameter {
            name: "count",
            help: "the number of pings, 200ms apart; default 3",
            sample: "5",
            set: |icmp, value| value.whole(1, 100).map(|number| icmp.count = number),
            show: |icmp| (icmp.count != COUNT).then_some(Value::Integer(icmp.count as i64)),
        },
        Parameter {
            name: "max_loss",
            help: "degraded above it; default 0%",
            sample: "\"20%\"",
            set: |icmp, value| value.rate().map(|rate| icmp.max_loss = rate),
            show: |icmp| {
                // In per cent it could lose digits.
                let number = icmp.max_loss.get();
                (number > 0.0).then(|| Value::of(format!("{number}")))
            },
        },
        Parameter {
            name: "max_rtt",
            help: "degraded if the mean round-trip time is above it; default none",
            sample: "\"150ms\"",
            set: |icmp, value| value.duration().map(|rtt| icmp.max_rtt = Some(rtt)),
            show: |icmp| icmp.max_rtt.and_then(parameter::shown_duration),
        },
    ];

    pub fn draft() -> Icmp {
        Icmp { host: String::new(), count: COUNT, max_loss: Rate::ZERO, max_rtt: None }
    }

    /// All pings have to be sent, and the last one needs some time as well.
    pub fn least(&self) -> Duration {
        INTERVAL * self.count as u32
    }

    pub fn run(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let addresses = match resolve(&self.host, 0, deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let answer = first_answer(&addresses, deadline, |target, _| {
            let pings = Pings::send(target, self.count, deadline, watch)?;
            self.judge(&pings, target.ip(), deadline)
        });
        answer.unwrap_or_else(|outcome| outcome)
    }

    fn judge(
        &self,
        pings: &Pings,
        target: IpAddr,
        deadline: &Deadline,
    ) -> Result<Outcome, NoAnswer> {
        let sent = pings.pings.len();
        let rtts: Vec<f64> = pings
            .pings
            .iter()
            .filter_map(|ping| ping.rtt)
            .map(|rtt| rtt.as_secs_f64() * 1e3)
            .collect();
        let loss = 1.0 - rtts.len() as f64 / sent.max(1) as f64;
        let details = |outcome: Outcome| {
            outcome
                .with("sent", sent)
                .with("received", rtts.len())
                .with("loss_pct", loss * 100.0)
                .with("address", target.to_string())
        };
        let outcome = match (pings.error, rtts.len()) {
            (_, 0) if sent == 0 => Outcome::unverified("no time was left to send a ping"),
            (Some((problem, from)), 0) => {
                return Err(reach::icmp(target, pings.own, problem, from).map(details));
            }
            (None, 0) => Outcome::down(format!(
                "no reply to {sent} pings within {}",
                show_duration(deadline.timeout)
            )),
            (_, received) => {
                let mean = rtts.iter().sum::<f64>() / received as f64;
                let min = rtts.iter().copied().fold(f64::INFINITY, f64::min);
                let max = rtts.iter().copied().fold(0.0, f64::max);
                self.judge_replies(received, sent, loss, mean)
                    .after(Duration::from_secs_f64(mean / 1e3))
                    .with("rtt_min_seconds", min / 1e3)
                    .with("rtt_avg_seconds", mean / 1e3)
                    .with("rtt_max_seconds", max / 1e3)
            }
        };
        let outcome = match pings.ttl {
            Some(ttl) => outcome.with("ttl", ttl),
            None => outcome,
        };
        Ok(details(outcome))
    }

    fn judge_replies(&self, received: usize, sent: usize, loss: f64, mean: f64) -> Outcome {
        let replies = format!("{received} of {sent} pings came back");
        if loss > self.max_loss.get() {
            let lost = format!("{:.0}% lost", loss * 100.0);
            return Outcome::degraded(format!("{replies}: {lost}, more than {}", self.max_loss));
        }
        match self.max_rtt {
            Some(most) if mean > most.as_secs_f64() * 1e3 => Outcome::degraded(format!(
                "{replies}, but took {mean:.1} ms, more than {}",
                show_duration(most)
            )),
            _ => Outcome::up(replies),
        }
    }
}

/// A host without a port, which ICMP does not have.
pub(super) fn set_host(host: &mut String, value: &Value) -> Result<(), String> {
    let mut port = None;
    parameter::set_host(host, &mut port, value)?;
    match port {
        None => Ok(()),
        Some(port) => {
            Err(format!("must be without a port, which ICMP does not have: leave out :{port}"))
        }
    }
}
