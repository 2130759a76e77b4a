//! The little that std does not reach, one file an operating system (and for TCP another).
//!
//! Each file offers the same functions; where a system lacks something, its
//! file says so in its result, and the programs go on without.

#![allow(unsafe_code)]

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::SystemTime;

use packets::icmp::Version;
use packets::icmp_error::Problem;
use socket2::SockRef;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::receive;

#[cfg(target_os = "linux")]
mod linux_clock;
#[cfg(target_os = "linux")]
pub use linux_clock::{CLOCK, monotonic_ns, stamp_of_last};

#[cfg(target_os = "linux")]
mod linux_icmp;
#[cfg(target_os = "linux")]
pub use linux_icmp::{is_root, is_too_long, obey_path_mtu, only_replies_and_errors, path_mtu};

#[cfg(target_os = "linux")]
mod linux_message;
#[cfg(target_os = "linux")]
pub use linux_message::{
    next_error, queue_errors, receive_packet, show_ttl, stamp_arrivals, take_packet,
};

#[cfg(target_os = "linux")]
mod linux_path;
#[cfg(target_os = "linux")]
pub use linux_path::{forbid_fragments, name_of};

#[cfg(target_os = "linux")]
mod linux_ports;
#[cfg(target_os = "linux")]
pub use linux_ports::user_of_tcp_port;

#[cfg(target_os = "linux")]
mod linux_tcp;
#[cfg(target_os = "linux")]
pub use linux_tcp::{
    allow_many_files, bytes_received, connect_tcp, icmp_errors_behind, keep_syns, read,
    retransmits, take_syn, wait_for_client, wait_for_stream,
};

#[cfg(target_os = "linux")]
mod linux_terminal;
#[cfg(target_os = "linux")]
pub use linux_terminal::TerminalMode;

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub use portable::{next_error, queue_errors, receive, receive_packet, show_ttl, stamp_arrivals};

#[cfg(not(target_os = "linux"))]
mod portable_clock;
#[cfg(not(target_os = "linux"))]
pub use portable_clock::{CLOCK, monotonic_ns, stamp_of_last};

#[cfg(not(target_os = "linux"))]
mod portable_path;
#[cfg(not(target_os = "linux"))]
pub use portable_path::{forbid_fragments, name_of};

#[cfg(not(target_os = "linux"))]
mod portable_ports;
#[cfg(not(target_os = "linux"))]
pub use portable_ports::user_of_tcp_port;

#[cfg(not(target_os = "linux"))]
mod portable_icmp;
#[cfg(not(target_os = "linux"))]
pub use portable_icmp::{
    is_root, is_too_long, obey_path_mtu, only_replies_and_errors, path_mtu, take_packet,
};

#[cfg(not(target_os = "linux"))]
mod portable_tcp;
#[cfg(not(target_os = "linux"))]
pub use portable_tcp::{
    allow_many_files, bytes_received, connect_tcp, icmp_errors_behind, keep_syns, read,
    retransmits, take_syn, wait_for_client, wait_for_stream,
};

#[cfg(not(target_os = "linux"))]
mod portable_terminal;
#[cfg(not(target_os = "linux"))]
pub use portable_terminal::TerminalMode;

#[cfg(target_os = "linux")]
mod linux_capture;
#[cfg(target_os = "linux")]
pub use linux_capture::capture;

#[cfg(not(target_os = "linux"))]
mod portable_capture;
#[cfg(not(target_os = "linux"))]
pub use portable_capture::capture;

#[cfg(unix)]
mod unix_child;
#[cfg(unix)]
pub use unix_child::{in_its_own_group, interrupt};

#[cfg(windows)]
mod windows_child;
#[cfg(windows)]
pub use windows_child::{in_its_own_group, interrupt};

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
