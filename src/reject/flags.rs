//! The flags with which a server rejects requests, and what the errors say.

use clap::{Args, ValueEnum};

use crate::impair_args::ImpairArgs;
use logic::units::Rate;
use packets::icmp::Version;
use packets::icmp_error::Problem;

/// The flags with which a server rejects requests.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "ICMP errors on purpose")]
pub struct RejectArgs {
    /// Send an ICMP error in place of this share of the replies, at once (needs root or CAP_NET_RAW)
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub reject_rate: Option<Rate>,
    /// What the error says; random draws it from the seed
    #[arg(
        long,
        value_name = "ERROR",
        value_enum,
        default_value = "host-unreachable",
        requires = "reject_rate"
    )]
    pub reject_with: With,
}

/// All flags of a server that damages on purpose, as clients know them to be its.
#[derive(Debug, Args)]
pub struct ServerFlags {
    #[command(flatten)]
    pub impair: ImpairArgs,
    #[command(flatten)]
    pub reject: RejectArgs,
}

impl RejectArgs {
    /// For a server's first line, behind "reject 20% with".
    pub fn with(&self) -> String {
        let name = self.reject_with.to_possible_value();
        name.map_or(String::new(), |name| name.get_name().to_string())
    }
}

/// What an error can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum With {
    HostUnreachable,
    NetUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    AdminProhibited,
    Random,
}

impl With {
    /// The error's type and code; `draw` is a random number, for who has the choice.
    pub fn problem(self, version: Version, draw: u64) -> Problem {
        const ALL: [With; 5] = [
            With::HostUnreachable,
            With::NetUnreachable,
            With::ProtocolUnreachable,
            With::PortUnreachable,
            With::AdminProhibited,
        ];
        // RFC 792, and RFC 1812 section 5.2.7.1 for code 13; RFC 4443, sections
        // 3.1 and 3.4: over IPv6 an unknown protocol is a parameter problem,
        // and the byte that is meant is the header's "next header".
        let (kind, code, rest) = match (self, version) {
            (With::Random, _) => {
                let chosen = ALL[(draw % ALL.len() as u64) as usize];
                return chosen.problem(version, draw);
            }
            (With::PortUnreachable, _) => return Problem::port_unreachable(version),
            (With::NetUnreachable, Version::V4) => (3, 0, 0),
            (With::HostUnreachable, Version::V4) => (3, 1, 0),
            (With::ProtocolUnreachable, Version::V4) => (3, 2, 0),
            (With::AdminProhibited, Version::V4) => (3, 13, 0),
            (With::NetUnreachable, Version::V6) => (1, 0, 0),
            (With::HostUnreachable, Version::V6) => (1, 3, 0),
            (With::ProtocolUnreachable, Version::V6) => (4, 1, 6),
            (With::AdminProhibited, Version::V6) => (1, 1, 0),
        };
        Problem { version, kind, code, rest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_error_is_named_as_it_is_asked_for() {
        for (with, v4, v6) in [
            (With::HostUnreachable, "Host Unreachable", "Destination Address Unreachable"),
            (With::NetUnreachable, "Net Unreachable", "No Route to Destination"),
            (With::ProtocolUnreachable, "Protocol Unreachable", "Parameter Problem, at byte 6"),
            (With::PortUnreachable, "Port Unreachable", "Destination Port Unreachable"),
            (With::AdminProhibited, "Administratively Prohibited", "Communication Admin"),
        ] {
            for (version, name) in [(Version::V4, v4), (Version::V6, v6)] {
                let text = with.problem(version, 0).to_string();
                assert!(text.contains(name), "{text}");
            }
        }
    }

    #[test]
    fn random_takes_each_of_them() {
        let kinds: HashSet<(u8, u8)> = (0..100)
            .map(|draw| With::Random.problem(Version::V4, draw))
            .map(|problem| (problem.kind, problem.code))
            .collect();
        assert_eq!(kinds, HashSet::from([(3, 0), (3, 1), (3, 2), (3, 3), (3, 13)]));
    }
}
