//! Packet formats: bytes to struct and back, and a page that explains a packet. No file here touches a socket.
//!
//! | on the wire | module | source |
//! | --- | --- | --- |
//! | a line of text | [`ping`], [`tcp_ping`], [`heartbeat`] | the classic exercises |
//! | an ICMP message | [`icmp`]: echo; [`icmp_error`]: an error and what it quotes | RFC 792, RFC 4443 |
//! | the packet that an error quotes | [`quoted`] | RFC 792, RFC 4884 |
//! | a UDP header | [`udp`] | RFC 768 |
//! | a TCP header | [`tcp`] | RFC 9293 |
//! | an IP header | [`ipv4`], [`ipv6`] | RFC 791, RFC 8200 |
//! | the checksum of all but the last | [`checksum`] | RFC 1071, RFC 1624 |
//!
//! Every binary format is told in the same order: what it looks like, its
//! types, where its fields stand (`mod at`), `parse`, `emit`, and tests against
//! bytes that were captured from a real program and against another library.
//! `parse` takes any bytes at all, and says in an [`error`] why they are not
//! what they should be.
//!
//! [`explain`] sets a packet on a page, every byte of it, and [`mod@line`] in one line;
//! [`paint`] colours it. [`pcapng`] writes packets into files that Wireshark reads.

pub mod checksum;
pub mod error;
pub mod explain;
pub mod heartbeat;
pub mod icmp;
pub mod icmp_error;
mod icmp_version;
pub mod ipv4;
pub mod ipv6;
pub mod line;
mod numbers;
pub mod paint;
pub mod pcapng;
pub mod ping;
mod problem;
pub mod quoted;
pub mod tcp;
pub mod tcp_ping;
pub mod udp;
