//! What an ICMP error says went wrong: types and codes, their names, and what follows from them.

use std::fmt;
use std::net::Ipv4Addr;

use super::icmp_version::Version;

pub(super) const UNREACHABLE_V4: u8 = 3;
const REDIRECT_V4: u8 = 5;
pub(super) const TIME_EXCEEDED_V4: u8 = 11;
pub(super) const PARAMETER_PROBLEM_V4: u8 = 12;

pub(super) const UNREACHABLE_V6: u8 = 1;
const TOO_BIG_V6: u8 = 2;
pub(super) const TIME_EXCEEDED_V6: u8 = 3;
const PARAMETER_PROBLEM_V6: u8 = 4;

/// Nobody listens there: codes of [`UNREACHABLE_V4`] and [`UNREACHABLE_V6`].
const PORT_CODE_V4: u8 = 3;
const PORT_CODE_V6: u8 = 4;

/// Fragmentation needed, and not allowed: code 4 of [`UNREACHABLE_V4`].
const TOO_BIG_CODE_V4: u8 = 4;

/// The names of the codes of IPv4's type 3, destination unreachable, 0 to 15
/// (RFC 792, RFC 1122 section 3.2.2.1, RFC 1812 section 5.2.7.1).
const UNREACHABLE_NAMES_V4: [&str; 16] = [
    "Destination Net Unreachable",
    "Destination Host Unreachable",
    "Destination Protocol Unreachable",
    "Destination Port Unreachable",
    "Fragmentation Needed",
    "Source Route Failed",
    "Destination Net Unknown",
    "Destination Host Unknown",
    "Source Host Isolated",
    "Destination Net Prohibited",
    "Destination Host Prohibited",
    "Destination Net Unreachable for Type of Service",
    "Destination Host Unreachable for Type of Service",
    "Communication Administratively Prohibited",
    "Host Precedence Violation",
    "Precedence Cutoff",
];

/// The same for IPv6's type 1 (RFC 4443, section 3.1; 7: RFC 6550, 8: RFC 8883).
const UNREACHABLE_NAMES_V6: [&str; 7] = [
    "No Route to Destination",
    "Communication Administratively Prohibited",
    "Beyond Scope of Source Address",
    "Destination Address Unreachable",
    "Destination Port Unreachable",
    "Source Address Failed Policy",
    "Route to Destination Rejected",
];

/// What an error is about, without the packet: enough to name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Problem {
    pub version: Version,
    pub kind: u8,
    pub code: u8,
    /// The four bytes behind the checksum.
    pub rest: u32,
}

impl Problem {
    /// "Nobody has this port", which a host says of itself: RFC 792 for IPv4;
    /// RFC 4443, section 3.1, for IPv6.
    pub fn port_unreachable(version: Version) -> Problem {
        let (kind, code) = match version {
            Version::V4 => (UNREACHABLE_V4, PORT_CODE_V4),
            Version::V6 => (UNREACHABLE_V6, PORT_CODE_V6),
        };
        Problem { version, kind, code, rest: 0 }
    }

    pub fn is_port_unreachable(self) -> bool {
        let Problem { version, kind, code, .. } = Problem::port_unreachable(self.version);
        (self.version, self.kind, self.code) == (version, kind, code)
    }

    /// Whether messages of this type are errors at all. RFC 4443 keeps the
    /// types up to 127 for them; RFC 792 has these few, and the source quench,
    /// which nobody may send any more (RFC 6633).
    pub(super) fn is_error(self) -> bool {
        match self.version {
            Version::V4 => matches!(
                self.kind,
                UNREACHABLE_V4 | REDIRECT_V4 | TIME_EXCEEDED_V4 | PARAMETER_PROBLEM_V4
            ),
            Version::V6 => (UNREACHABLE_V6..=127).contains(&self.kind),
        }
    }

    /// Its name in a few words, as far as type and code tell.
    pub fn name(self) -> &'static str {
        let code = usize::from(self.code);
        match (self.version, self.kind, self.code) {
            (Version::V4, UNREACHABLE_V4, _) => {
                UNREACHABLE_NAMES_V4.get(code).copied().unwrap_or("Destination Unreachable")
            }
            (Version::V6, UNREACHABLE_V6, _) => {
                UNREACHABLE_NAMES_V6.get(code).copied().unwrap_or("Destination Unreachable")
            }
            (Version::V4, REDIRECT_V4, 0 | 2) => "Redirect Network",
            (Version::V4, REDIRECT_V4, _) => "Redirect Host",
            (Version::V4, TIME_EXCEEDED_V4, 0) => "Time to Live Exceeded",
            (Version::V6, TIME_EXCEEDED_V6, 0) => "Hop Limit Exceeded",
            (Version::V4, TIME_EXCEEDED_V4, _) | (Version::V6, TIME_EXCEEDED_V6, _) => {
                "Fragment Reassembly Time Exceeded"
            }
            (Version::V4, PARAMETER_PROBLEM_V4, _) | (Version::V6, PARAMETER_PROBLEM_V6, _) => {
                "Parameter Problem"
            }
            (Version::V6, TOO_BIG_V6, _) => "Packet Too Big",
            _ => "Unknown ICMP Error",
        }
    }

    /// The largest packet, in bytes, that the next link takes: RFC 1191,
    /// section 4, and RFC 4443, section 3.2. Routers older than 1990 leave it 0,
    /// which is `None`.
    pub fn next_hop_mtu(self) -> Option<u32> {
        let mtu = match (self.version, self.kind, self.code) {
            (Version::V4, UNREACHABLE_V4, TOO_BIG_CODE_V4) => self.rest & 0xffff,
            (Version::V6, TOO_BIG_V6, _) => self.rest,
            _ => 0,
        };
        (mtu != 0).then_some(mtu)
    }

    /// The router that should have been asked, in a redirect (RFC 792).
    pub fn gateway(self) -> Option<Ipv4Addr> {
        let redirect = self.version == Version::V4 && self.kind == REDIRECT_V4;
        redirect.then(|| Ipv4Addr::from_bits(self.rest))
    }

    /// The byte of the quoted packet that nobody understood, in a parameter problem.
    pub fn pointer(self) -> Option<u32> {
        match (self.version, self.kind) {
            (Version::V4, PARAMETER_PROBLEM_V4) => Some(self.rest >> 24),
            (Version::V6, PARAMETER_PROBLEM_V6) => Some(self.rest),
            _ => None,
        }
    }

    /// Whether a redirect: the packet went on its way all the same.
    pub fn is_redirect(self) -> bool {
        self.gateway().is_some()
    }

    /// Whether hosts take it for final (RFC 1122, section 4.2.3.9): a connected
    /// UDP socket is told at once, and a TCP connection that is being opened
    /// ends. Of a soft error they hope that it passes. Here as Linux divides them.
    pub fn is_hard(self) -> bool {
        match (self.version, self.kind) {
            (Version::V4, UNREACHABLE_V4) => {
                matches!(self.code, 2 | 3 | 6..=10 | 13..=15)
            }
            (Version::V6, UNREACHABLE_V6) => matches!(self.code, 1 | 4 | 5 | 6),
            (Version::V4, PARAMETER_PROBLEM_V4) | (Version::V6, PARAMETER_PROBLEM_V6) => true,
            _ => false,
        }
    }
}

/// `Destination Host Unreachable`, `Fragmentation Needed, next-hop MTU 1400`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())?;
        if let Some(mtu) = self.next_hop_mtu() {
            write!(f, ", next-hop MTU {mtu}")?;
        }
        if let Some(gateway) = self.gateway() {
            write!(f, ", to {gateway}")?;
        }
        if let Some(pointer) = self.pointer() {
            write!(f, ", at byte {pointer}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(version: Version, kind: u8, code: u8, rest: u32) -> Problem {
        Problem { version, kind, code, rest }
    }

    #[test]
    fn an_error_is_named_with_what_its_second_line_says() {
        use Version::{V4, V6};
        for (problem, text) in [
            (problem(V4, 3, 1, 0), "Destination Host Unreachable"),
            (problem(V4, 3, 4, 1400), "Fragmentation Needed, next-hop MTU 1400"),
            (problem(V4, 3, 4, 0), "Fragmentation Needed"),
            (problem(V4, 3, 16, 0), "Destination Unreachable"),
            (problem(V4, 5, 0, 0x0a00_0001), "Redirect Network, to 10.0.0.1"),
            (problem(V4, 5, 1, 0x0a00_0001), "Redirect Host, to 10.0.0.1"),
            (problem(V4, 5, 2, 0x0a00_0001), "Redirect Network, to 10.0.0.1"),
            (problem(V4, 11, 0, 0), "Time to Live Exceeded"),
            (problem(V4, 11, 1, 0), "Fragment Reassembly Time Exceeded"),
            (problem(V4, 12, 0, 0x1400_0000), "Parameter Problem, at byte 20"),
            (problem(V6, 1, 4, 0), "Destination Port Unreachable"),
            (problem(V6, 1, 7, 0), "Destination Unreachable"),
            (problem(V6, 2, 0, 1280), "Packet Too Big, next-hop MTU 1280"),
            (problem(V6, 3, 0, 0), "Hop Limit Exceeded"),
            (problem(V6, 3, 1, 0), "Fragment Reassembly Time Exceeded"),
            (problem(V6, 4, 1, 40), "Parameter Problem, at byte 40"),
            (problem(V6, 99, 0, 0), "Unknown ICMP Error"),
        ] {
            assert_eq!(problem.to_string(), text);
        }
    }

    #[test]
    fn hosts_give_up_after_the_errors_that_linux_calls_fatal() {
        // `icmp_err_convert` in net/ipv4/icmp.c, and `tab_unreach` in net/ipv6/icmp.c.
        let fatal_v4 = [0, 0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 1];
        let fatal_v6 = [0, 1, 0, 0, 1, 1, 1];
        for (version, kind, fatal) in [
            (Version::V4, UNREACHABLE_V4, &fatal_v4[..]),
            (Version::V6, UNREACHABLE_V6, &fatal_v6[..]),
            (Version::V4, REDIRECT_V4, &[0, 0]),
            (Version::V4, TIME_EXCEEDED_V4, &[0, 0]),
            (Version::V6, TIME_EXCEEDED_V6, &[0, 0]),
            (Version::V6, TOO_BIG_V6, &[0]),
            (Version::V4, PARAMETER_PROBLEM_V4, &[1]),
            (Version::V6, PARAMETER_PROBLEM_V6, &[1]),
        ] {
            for (code, fatal) in fatal.iter().enumerate() {
                let problem = problem(version, kind, code as u8, 0);
                assert_eq!(problem.is_hard(), *fatal == 1, "{problem:?}");
            }
        }
    }

    #[test]
    fn only_a_redirect_leads_elsewhere_and_only_a_port_is_a_port() {
        for (version, port) in [(Version::V4, (3, 3)), (Version::V6, (1, 4))] {
            for (kind, code) in (0..=15).flat_map(|kind| (0..=15).map(move |code| (kind, code))) {
                let problem = problem(version, kind, code, 1);
                let redirect = version == Version::V4 && kind == REDIRECT_V4;
                assert_eq!(problem.is_redirect(), redirect, "{problem:?}");
                assert_eq!(problem.is_port_unreachable(), (kind, code) == port, "{problem:?}");
            }
        }
    }
}
