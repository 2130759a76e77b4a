//! The names of numbers that both versions of IP have.

use crate::ipv4::{ICMP, TCP, UDP};
use crate::ipv6::ICMPV6;

/// ECN (RFC 3168), the lower two bits.
pub(super) fn congestion(type_of_service: u8) -> &'static str {
    match type_of_service & 3 {
        0 => "no marks of congestion wanted",
        3 => "a router marked: congestion",
        _ => "routers may mark congestion",
    }
}

/// What stands behind the IP header (IANA).
pub(super) fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        ICMP => "ICMP",
        TCP => "TCP",
        UDP => "UDP",
        ICMPV6 => "ICMPv6",
        0 => "hop-by-hop options",
        43 => "routing header",
        44 => "fragment header",
        60 => "destination options",
        _ => "another protocol",
    }
}
