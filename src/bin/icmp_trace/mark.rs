//! What traceroute shows behind a time: nothing, or an exclamation mark and a letter.

use logic::trace::{Probe, ProbeState, ends_the_way};
use packets::icmp::Version::{V4, V6};
use packets::icmp_error::Problem;

/// The mark of an answered probe: `!H` where the host cannot be reached, `!N`
/// the network, `!P` the protocol; `!X` where somebody forbids it; `!F-1300`
/// where a packet is too large for the next link, which takes that many bytes;
/// `!S`, `!V` and `!C` for codes that nobody sees any more; `!<10>` for other
/// codes of "unreachable", `!<12-0>` for other types and codes; and `!` alone
/// where the target's answer had hardly any TTL left, as if it had been sent
/// with what remained of the probe's.
///
/// A closed port has none: to a UDP probe that is the answer of the target, or
/// of a firewall in its name.
pub fn mark(probe: &Probe) -> Option<String> {
    let ProbeState::Answered { error, ttl, .. } = probe.state else {
        return None;
    };
    match error {
        Some(_) if !ends_the_way(error) => None,
        Some(problem) if !is_closed_port(&problem) => Some(of(&problem)),
        _ => ttl.is_some_and(|ttl| ttl <= 1).then(|| "!".to_string()),
    }
}

fn is_closed_port(problem: &Problem) -> bool {
    matches!((problem.version, problem.kind, problem.code), (V4, 3, 3) | (V6, 1, 4))
}

fn of(problem: &Problem) -> String {
    let letter = match (problem.version, problem.kind, problem.code) {
        (V4, 3, 0 | 6 | 8 | 11) | (V6, 1, 0) => "!N",
        (V4, 3, 1 | 7 | 12) | (V6, 1, 2 | 3) => "!H",
        (V4, 3, 2) => "!P",
        (V4, 3, 4) | (V6, 2, _) => {
            return problem.next_hop_mtu().map_or("!F".into(), |mtu| format!("!F-{mtu}"));
        }
        (V4, 3, 5) => "!S",
        (V4, 3, 9 | 10 | 13) | (V6, 1, 1) => "!X",
        (V4, 3, 14) => "!V",
        (V4, 3, 15) => "!C",
        (V4, 3, code) | (V6, 1, code) => return format!("!<{code}>"),
        (_, kind, code) => return format!("!<{kind}-{code}>"),
    };
    letter.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_the_mark_that_traceroute_gives_it() {
        let v4 = "!N !H !P - !F-1300 !S !N !H !N !X !X !N !H !X !V !C !<16>";
        let v6 = "!N !X !H !H - !<5> !<6> !<7>";
        for (version, kind, marks) in [(V4, 3, v4), (V6, 1, v6)] {
            for (code, expected) in (0..).zip(marks.split(' ')) {
                let problem = Problem { version, kind, code, rest: 1300 };
                let mark = if is_closed_port(&problem) { "-".into() } else { of(&problem) };
                assert_eq!(mark, expected, "{version:?}, code {code}");
            }
        }
    }

    #[test]
    fn other_types_are_named_by_their_numbers() {
        for (version, kind, code, rest, expected) in [
            (V6, 2, 0, 1280, "!F-1280"),
            (V4, 3, 4, 0, "!F"),
            (V4, 12, 0, 0, "!<12-0>"),
            (V6, 4, 1, 40, "!<4-1>"),
            (V4, 11, 1, 0, "!<11-1>"),
        ] {
            let problem = Problem { version, kind, code, rest };
            assert_eq!(of(&problem), expected);
            assert!(ends_the_way(Some(problem)));
        }
    }
}
