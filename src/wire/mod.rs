//! Packet formats: bytes to struct and back, and nothing else. No file here touches a socket.
//!
//! `ping`, `heartbeat` and `tcp_ping` are lines of text. The others are binary,
//! and stand on one another: an error of `icmp` quotes an `ipv4` or `ipv6`
//! packet, which `quoted` reads, and all of them are protected by `checksum`.
//! `dns` and `ntp` travel in `udp`. A `field` is one piece of an annotated dump.

pub mod checksum;
pub mod dns;
mod error;
pub mod field;
pub mod heartbeat;
pub mod icmp;
pub mod icmp_error;
pub mod ipv4;
pub mod ipv6;
pub mod ntp;
pub mod ping;
pub mod quoted;
pub mod tcp_ping;
pub mod udp;

pub use error::Error;
