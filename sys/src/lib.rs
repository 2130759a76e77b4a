//! The little that std does not reach: a folder an operating system, the same functions in each.
//!
//! | | Linux | macOS, FreeBSD | Windows |
//! | --- | --- | --- | --- |
//! | [`stamp_arrivals`]: when the kernel received a datagram | to the nanosecond | to the microsecond | Windows 11, where the network card's driver can |
//! | the same for bytes of a TCP connection | yes | no | no |
//! | [`queue_errors`]: ICMP errors with who sent them, and what they answer | yes | no: a port unreachable fails the next call | as macOS |
//! | [`show_ttl`]: the TTL of what arrives | yes | yes | yes |
//! | [`only_replies_and_errors`]: a filter in front of a raw socket | yes | no | no |
//! | [`obey_path_mtu`], [`forbid_fragments`] | yes | yes | yes |
//! | [`path_mtu`] | yes | no | yes |
//! | [`retransmits`] of a connection | yes | macOS | no |
//! | [`keep_syns`], [`bytes_received`]: for ICMP errors that answer segments | yes | no | no |
//! | [`user_of_tcp_port`]: who keeps a port from being bound | yes | no | yes |
//! | [`capture`], [`sniff`]: whole packets | yes | no | no |
//! | [`monotonic_ns`]: one clock for all programs | yes | yes | yes |
//! | [`hear_signals`] | INT, TERM, HUP | INT, TERM, HUP | Ctrl-C, Ctrl-Break, closing the window |
//! | ICMP for ordinary users | datagram socket, for some groups | datagram socket | the system's own ping |
//!
//! What a system lacks, its functions say in their result, and the programs go
//! on without. A function that a system has not got does not compile.

#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::SystemTime;

use packets::icmp::Version;
use packets::icmp_error::Problem;
use socket2::SockRef;

#[cfg(any(target_os = "macos", target_os = "freebsd"))]
mod bsd;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(not(target_os = "linux"))]
mod no_sniffer;
mod receive;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(any(target_os = "macos", target_os = "freebsd"))]
use bsd as system;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(windows)]
use windows as system;

pub use system::{
    CLOCK, ICMP_DATAGRAMS, TerminalMode, allow_many_files, bytes_received, capture, connect_tcp,
    forbid_fragments, hear_signals, icmp_errors_behind, in_its_own_group, interrupt, is_root,
    is_too_long, keep_syns, monotonic_ns, name_of, next_error, obey_path_mtu,
    only_replies_and_errors, path_mtu, problem_behind, queue_errors, raise_on_signals, read,
    receive_packet, retransmits, show_ttl, stamp_arrivals, stamp_of_last, take_packet, take_syn,
    user_of_tcp_port, wait_for_client, wait_for_stream, whole_datagrams,
};

pub use receive::receive;

#[cfg(target_os = "linux")]
pub use linux::{interface_name, see, seen_and_dropped, sniff};
#[cfg(not(target_os = "linux"))]
pub use no_sniffer::{interface_name, see, seen_and_dropped, sniff};

/// A packet that a sniffer has seen.
#[derive(Debug, Clone, Copy)]
pub struct Seen {
    /// How many bytes of it are in the buffer.
    pub captured: usize,
    /// Its own length, in bytes from the IP header on.
    pub length: usize,
    /// The number of the interface.
    pub interface: u32,
    /// Whether the very same packet is seen a second time, as on loopback.
    pub again: bool,
    pub stamp: Option<SystemTime>,
}

/// How a datagram socket for ICMP behaves, where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpDatagrams {
    /// Whether what is read begins with the IP header, over IPv4.
    pub with_ip_header: bool,
    /// Whether the identifier in a request stays as the program wrote it; if
    /// not, the socket's port takes its place.
    pub keeps_identifier: bool,
    /// Whether it is given ICMP errors as messages, as a raw socket is.
    pub hears_errors: bool,
}

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Ctrl-C or SIGTERM, and on Windows Ctrl-Break: end.
    End,
    /// SIGHUP: the terminal is gone, or somebody wants files to be read anew.
    HangUp,
}

/// Who keeps a TCP port from being bound; the best explanation is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PortUser {
    /// A server listens there.
    Server,
    /// An open connection has it as its own end.
    Connection,
    /// A connection is over, and the kernel keeps its port for another minute,
    /// in case segments of it are still on their way (RFC 9293, TIME-WAIT).
    TimeWait,
}

/// Sets the TTL, or over IPv6 the hop limit, of what the socket sends next.
///
/// # Errors
/// Those of setsockopt(2).
pub fn set_ttl(socket: &UdpSocket, version: Version, ttl: u8) -> io::Result<()> {
    match version {
        Version::V4 => socket.set_ttl(ttl.into()),
        Version::V6 => SockRef::from(socket).set_unicast_hops_v6(ttl.into()),
    }
}

/// A packet that came in, and what the kernel knows about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet {
    /// How many bytes of the buffer it takes.
    pub length: usize,
    pub from: Option<SocketAddr>,
    /// The moment at which the kernel received it, by the wall clock.
    pub stamp: Option<SystemTime>,
    /// The TTL or hop limit with which it arrived, where the socket asked for it.
    pub ttl: Option<u8>,
    /// Whether the buffer was too small, and the end is missing.
    pub cut: bool,
}

/// Why a connection did not come about.
#[derive(Debug)]
pub struct NotConnected {
    pub why: io::Error,
    /// The ICMP error that answered the SYN, and who sent it, where it was one.
    pub icmp: Option<(Problem, Option<IpAddr>)>,
}

impl From<io::Error> for NotConnected {
    fn from(why: io::Error) -> NotConnected {
        NotConnected { why, icmp: None }
    }
}

/// An error that answers a packet of ours, from the socket's error queue.
#[derive(Debug)]
pub struct QueuedError {
    /// What the kernel makes of it.
    pub why: io::Error,
    /// The ICMP error; `None` if it arose on this machine itself.
    pub problem: Option<Problem>,
    /// Where the packet was too large: the largest that would have passed, in bytes.
    pub mtu: Option<u32>,
    /// Who sent the error.
    pub from: Option<IpAddr>,
    /// Whom our packet was for.
    pub to: Option<SocketAddr>,
    /// How many bytes of our packet are in the buffer.
    pub length: usize,
    /// The TTL or hop limit with which the error arrived, where the socket asked for it.
    pub ttl: Option<u8>,
    pub stamp: Option<SystemTime>,
}
