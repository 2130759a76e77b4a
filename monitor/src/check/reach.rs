//! The addresses of a name, one after another; and what a refusal says, and proves.
//!
//! A refusal need not be the host's own: a firewall on the way that rejects a
//! request answers in the host's name, with the host's address in a TCP reset
//! and its own in an ICMP error. So the words say who refused, and no more.

use std::net::{IpAddr, SocketAddr};

use packets::icmp_error::Problem;
use socklab::errors::REFUSED;

use crate::outcome::{Deadline, Outcome};

use super::lack;

/// Why an address gave no answer, and whether the next one is to be asked.
#[derive(Debug)]
pub enum NoAnswer {
    /// This machine lacks something, perhaps only for this address.
    Lack(Outcome),
    /// It refused, or cannot be reached.
    Refused(Outcome),
    /// The check's verdict, whatever other addresses there are.
    Final(Outcome),
}

impl NoAnswer {
    /// The same, with something changed in the outcome.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Outcome) -> Outcome) -> NoAnswer {
        match self {
            NoAnswer::Lack(outcome) => NoAnswer::Lack(change(outcome)),
            NoAnswer::Refused(outcome) => NoAnswer::Refused(change(outcome)),
            NoAnswer::Final(outcome) => NoAnswer::Final(change(outcome)),
        }
    }
}

/// Asks one address after another until one gives an answer, or a verdict.
/// `ask` is told how many addresses are left, its own included.
///
/// # Errors
/// The outcome. What an address said counts for more than what this machine
/// lacked to ask another.
pub fn first_answer<T>(
    addresses: &[SocketAddr],
    deadline: &Deadline,
    mut ask: impl FnMut(SocketAddr, u32) -> Result<T, NoAnswer>,
) -> Result<T, Outcome> {
    let mut refused: Vec<(IpAddr, Outcome)> = Vec::new();
    let mut lack = None;
    for (turn, address) in addresses.iter().enumerate() {
        if deadline.left().is_none() {
            break;
        }
        match ask(*address, (addresses.len() - turn) as u32) {
            Ok(answer) => return Ok(answer),
            Err(NoAnswer::Final(outcome)) => return Err(outcome),
            Err(NoAnswer::Refused(outcome)) => refused.push((address.ip(), outcome)),
            Err(NoAnswer::Lack(outcome)) => lack = lack.or(Some(outcome)),
        }
    }
    let last = refused.pop().map(|(_, outcome)| outcome);
    let mut outcome =
        last.or(lack).unwrap_or_else(|| Outcome::unverified("no time was left to ask"));
    if !refused.is_empty() {
        let before: Vec<String> = refused.iter().map(|(ip, _)| ip.to_string()).collect();
        outcome.reason += &format!("; nothing from {} either", before.join(" and "));
    }
    Err(outcome)
}

/// A TCP reset, or what amounts to it: somebody refused, and bears this address.
pub fn refused(by: IpAddr) -> Outcome {
    Outcome::down(format!("connection refused by {by}: {REFUSED}"))
}

/// An ICMP error that answers a request to `to`, sent from `own`.
pub fn icmp(to: IpAddr, own: Option<IpAddr>, problem: Problem, from: Option<IpAddr>) -> NoAnswer {
    let Some(from) = from else {
        let words = match problem.is_port_unreachable() {
            true => format!("port unreachable at {to}: {REFUSED}"),
            false => format!("{to} is unreachable: {}", problem.name()),
        };
        return NoAnswer::Refused(Outcome::down(words));
    };
    // Only a firewall says of another's port that nobody has it, or forbids
    // what its own machine sends. (A host unreachable from here is not that:
    // nobody answered to the address on the last link.)
    let forbids = problem.is_port_unreachable() || problem.name().contains("Prohibited");
    if own == Some(from) && from != to && forbids {
        return NoAnswer::Lack(lack::forbidden(problem));
    }
    let words = match problem.is_port_unreachable() {
        true if from == to => {
            format!("port unreachable, says {to}: {REFUSED}")
        }
        true => {
            format!("port unreachable, says {from}, and not {to} itself: a firewall rejects it")
        }
        false => format!("unreachable: {from} says {problem}"),
    };
    NoAnswer::Refused(Outcome::down(words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;
    use packets::icmp::Version;
    use std::time::Duration;

    const TO: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 2, 2));
    const OWN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 2));
    const ROUTER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 1, 1));

    fn said(problem: Problem, from: IpAddr) -> Outcome {
        match icmp(TO, Some(OWN), problem, Some(from)) {
            NoAnswer::Lack(outcome) | NoAnswer::Refused(outcome) | NoAnswer::Final(outcome) => {
                outcome
            }
        }
    }

    #[test]
    fn an_error_of_a_router_is_an_answer_and_one_of_this_machines_firewall_is_not() {
        let port = Problem::port_unreachable(Version::V4);
        let host = Problem { code: 1, ..port };
        let prohibited = Problem { code: 13, ..port };
        for (problem, from) in
            [(port, TO), (port, ROUTER), (host, ROUTER), (prohibited, ROUTER), (host, OWN)]
        {
            let outcome = said(problem, from);
            assert_eq!(outcome.verdict, Verdict::Down, "{outcome:?}");
            assert!(outcome.reason.contains(&from.to_string()), "{outcome:?}");
        }
        for problem in [port, prohibited] {
            assert_eq!(said(problem, OWN).verdict, Verdict::Unverified);
        }
    }

    #[test]
    fn the_next_address_is_asked_after_a_refusal_and_an_answer_ends_it() {
        let addresses: Vec<SocketAddr> =
            (1..=4).map(|last| SocketAddr::from(([192, 0, 2, last], 9))).collect();
        let deadline = Deadline::of(Duration::from_secs(60));
        let mut asked = Vec::new();
        let answer = first_answer(&addresses, &deadline, |address, left| {
            asked.push(left);
            match left {
                4 => Err(NoAnswer::Lack(Outcome::unverified("no route"))),
                3 => Err(NoAnswer::Refused(refused(address.ip()))),
                _ => Ok(address),
            }
        });
        assert_eq!(answer, Ok(addresses[2]));
        assert_eq!(asked, [4, 3, 2]);
    }

    #[test]
    fn what_was_said_counts_for_more_than_what_is_missing_here() {
        let addresses: Vec<SocketAddr> =
            (1..=3).map(|last| SocketAddr::from(([192, 0, 2, last], 9))).collect();
        let deadline = Deadline::of(Duration::from_secs(60));
        let outcome = first_answer(&addresses, &deadline, |address, left| {
            Err::<(), _>(match left {
                1 => NoAnswer::Lack(Outcome::unverified("no route")),
                _ => NoAnswer::Refused(refused(address.ip())),
            })
        });
        let outcome = outcome.unwrap_err();
        assert_eq!(outcome.verdict, Verdict::Down);
        assert!(outcome.reason.contains("192.0.2.2"), "{outcome:?}");
        assert!(outcome.reason.ends_with("nothing from 192.0.2.1 either"), "{outcome:?}");
    }
}
