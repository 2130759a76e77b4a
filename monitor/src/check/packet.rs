//! The packets of a check, for whoever wants to see them: `monitor check --explain`.

use std::net::IpAddr;

/// Which way a packet went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Sent,
    Received,
}

/// A packet of a check: a DNS message, an NTP packet, an ICMP message; of udp
/// and echo a datagram's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    pub direction: Direction,
    pub bytes: &'a [u8],
    /// Of an ICMP message, whose checksum over IPv6 covers the addresses: to
    /// whom, or from whom.
    pub peer: Option<IpAddr>,
}

impl Packet<'_> {
    pub fn sent(bytes: &[u8]) -> Packet<'_> {
        Packet { direction: Direction::Sent, bytes, peer: None }
    }

    pub fn received(bytes: &[u8]) -> Packet<'_> {
        Packet { direction: Direction::Received, bytes, peer: None }
    }
}

/// Who is told of each packet of a check, for `--explain`.
pub type OnPacket<'a> = &'a mut dyn FnMut(&Packet);
