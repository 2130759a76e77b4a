//! Packet formats: bytes to struct and back, and a page that explains a packet. No file here touches a socket.
//!
//! `ping`, `heartbeat` and `tcp_ping` are lines of text. The others are binary,
//! and stand on one another: an error of `icmp` quotes an `ipv4` or `ipv6`
//! packet, which `quoted` reads, and all of them are protected by `checksum`.
//! A `field` is one piece of an annotated dump; [`explain`] sets the dumps, and
//! [`paint`] colours them.

pub mod checksum;
pub mod error;
pub mod explain;
pub mod field;
pub mod heartbeat;
pub mod icmp;
pub mod icmp_error;
pub mod ipv4;
pub mod ipv6;
pub mod paint;
pub mod ping;
pub mod quoted;
pub mod tcp_ping;
pub mod udp;
