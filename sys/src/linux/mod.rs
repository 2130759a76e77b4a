//! Linux, which tells the most.

mod capture;
mod clock;
mod icmp;
mod message;
mod path;
mod ports;
mod sniffer;
mod tcp;

use std::io;
use std::os::fd::AsRawFd;

use packets::icmp::Version;
use packets::icmp_error::Problem;

pub use self::capture::capture;
pub use self::clock::stamp_of_last;
pub use self::icmp::{obey_path_mtu, only_replies_and_errors, path_mtu};
pub use self::message::{
    next_error, queue_errors, receive_packet, show_ttl, stamp_arrivals, take_packet,
};
pub use self::path::forbid_fragments;
pub use self::ports::user_of_tcp_port;
pub use self::sniffer::{interface_name, see, seen_and_dropped, sniff};
pub use self::tcp::{
    bytes_received, connect_tcp, icmp_errors_behind, keep_syns, read, retransmits, take_syn,
};
pub use crate::unix::child::{in_its_own_group, interrupt};
pub use crate::unix::clock::{CLOCK, monotonic_ns};
pub use crate::unix::files::allow_many_files;
pub use crate::unix::names::name_of;
pub use crate::unix::options::is_too_long;
pub use crate::unix::signals::{hear_signals, raise_on_signals};
pub use crate::unix::terminal::TerminalMode;
pub use crate::unix::user::is_root;
pub use crate::unix::wait::{wait_for_client, wait_for_stream};

/// How a datagram socket for ICMP behaves (icmp(7)).
pub const ICMP_DATAGRAMS: crate::IcmpDatagrams =
    crate::IcmpDatagrams { with_ip_header: false, keeps_identifier: false, hears_errors: false };

/// The ICMP error behind the failure of a call on a UDP socket that has no
/// queue for them: a connected one is told of a port unreachable (udp(7)).
pub fn problem_behind(why: &io::Error, version: Version) -> Option<Problem> {
    let refused = why.kind() == io::ErrorKind::ConnectionRefused;
    refused.then(|| Problem::port_unreachable(version))
}

/// Lets a UDP socket send and receive datagrams of any size: Linux does.
pub fn whole_datagrams(_socket: &impl AsRawFd) {}
