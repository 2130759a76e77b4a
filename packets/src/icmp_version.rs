//! What echoes and errors of ICMP have in common: the header's length, and the two versions.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The header's length in bytes, and so the shortest message's.
pub const HEADER: usize = 8;

/// ICMP's two versions, one for each of IP's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    V4,
    V6,
}

impl Version {
    /// The one that a host with this address speaks.
    pub fn of(address: IpAddr) -> Version {
        if address.is_ipv4() { Version::V4 } else { Version::V6 }
    }

    /// The address that stands for all of a host's own, with port 0.
    pub fn unspecified(self) -> SocketAddr {
        let any = match self {
            Version::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            Version::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        SocketAddr::new(any, 0)
    }

    /// The type of an echo request.
    pub fn echo_request(self) -> u8 {
        match self {
            Version::V4 => 8,
            Version::V6 => 128,
        }
    }

    /// The type of an echo reply.
    pub fn echo_reply(self) -> u8 {
        match self {
            Version::V4 => 0,
            Version::V6 => 129,
        }
    }
}
