//! A packet on a page: every byte, field by field, and its checksums worked as with a pencil.
//!
//! ```text
//! ICMP echo request, 8 bytes of header
//!   0014  08           type             8       echo request: send this back
//!   0015  00           code             0       always 0 in an echo
//!   0016  84 ca        checksum         84ca    worked below
//! ```
//!
//! [`ip_packet`], [`icmp_message`] and [`udp_datagram`] give the lines of a
//! page; a [`Page`] gives the same as JSON too. What a protocol of its own
//! needs is a list of [`Field`]s, which [`dump`] sets. [`flip`] tells what
//! becomes of a packet with one wrong bit.

mod field;
pub mod flip;
mod hex;
mod icmp;
mod ipv4;
mod ipv6;
mod judge;
mod layers;
mod names;
mod page;
mod sum;
mod table;
mod udp;

use std::net::{IpAddr, SocketAddr};

pub use field::{Field, dump};
pub use hex::{WIDTH, hex, plain_dump, wrap};
pub use page::{Page, Part};
pub use sum::{Origin, Step, Sum, SumVerdict};

use crate::paint::Painter;

/// The page of a packet from its IP header on, of either version: its headers,
/// the packet that an ICMP error quotes, the payload, and every checksum. No
/// line is longer than [`WIDTH`].
pub fn ip_packet(packet: &[u8], painter: Painter) -> Vec<String> {
    Page::ip_packet(packet).lines(painter)
}

/// The page of an ICMP message whose IP header cannot be seen, which it says.
/// Over IPv6 the addresses are part of the checksum.
pub fn icmp_message(
    source: IpAddr,
    destination: IpAddr,
    message: &[u8],
    painter: Painter,
) -> Vec<String> {
    Page::icmp_message(source, destination, message).lines(painter)
}

/// The page of a UDP datagram, from its header on, whose IP header cannot be
/// seen, which it says. Of the addresses only the IP addresses count, which
/// are part of the checksum: the ports stand in the datagram.
pub fn udp_datagram(
    source: SocketAddr,
    destination: SocketAddr,
    datagram: &[u8],
    painter: Painter,
) -> Vec<String> {
    Page::udp_datagram(source, destination, datagram).lines(painter)
}

#[cfg(test)]
mod any_packet;
#[cfg(test)]
mod meanings;
#[cfg(test)]
mod outlines;
#[cfg(test)]
mod tests;
