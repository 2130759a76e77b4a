//! macOS and FreeBSD.

mod icmp;
mod message;
mod tcp;

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::SystemTime;

use packets::icmp::Version;
use packets::icmp_error::Problem;

pub use self::icmp::{forbid_fragments, obey_path_mtu, only_replies_and_errors, path_mtu};
pub use self::message::{receive_packet, show_ttl, stamp_arrivals, take_packet};
pub use self::tcp::{connect_tcp, read, retransmits};
pub use crate::unix::child::{in_its_own_group, interrupt};
pub use crate::unix::clock::{CLOCK, monotonic_ns};
pub use crate::unix::files::allow_many_files;
pub use crate::unix::names::name_of;
pub use crate::unix::options::is_too_long;
pub use crate::unix::signals::{hear_signals, raise_on_signals};
pub use crate::unix::terminal::TerminalMode;
pub use crate::unix::user::is_root;
pub use crate::unix::wait::{wait_for_client, wait_for_stream};

use crate::unix::options::set_int;
use crate::{PortUser, QueuedError};

/// How a datagram socket for ICMP behaves on macOS; FreeBSD has none.
pub const ICMP_DATAGRAMS: crate::IcmpDatagrams =
    crate::IcmpDatagrams { with_ip_header: true, keeps_identifier: true, hears_errors: true };

/// Lets a UDP socket send and receive datagrams of any size. macOS takes no
/// more than 9216 bytes otherwise (net.inet.udp.maxdgram): that is how large it
/// makes the buffer for sending.
pub fn whole_datagrams(socket: &impl AsRawFd) {
    set_int(socket, libc::SOL_SOCKET, libc::SO_SNDBUF, 65_535);
}

/// The ICMP error behind the failure of a call on a connected UDP socket: it is
/// told of a port unreachable.
pub fn problem_behind(why: &io::Error, version: Version) -> Option<Problem> {
    let refused = why.kind() == io::ErrorKind::ConnectionRefused;
    refused.then(|| Problem::port_unreachable(version))
}

/// Asks the kernel to keep ICMP errors: not here.
pub fn queue_errors(_socket: &impl AsRawFd, _version: Version) -> bool {
    false
}

/// The oldest queued error: there is no queue here.
///
/// # Errors
/// None.
pub fn next_error(_socket: &impl AsRawFd, _buffer: &mut [u8]) -> io::Result<Option<QueuedError>> {
    Ok(None)
}

/// The moment at which the kernel received the last datagram: it is told only
/// beside the datagram.
pub fn stamp_of_last(_socket: &impl AsRawFd) -> Option<SystemTime> {
    None
}

/// A socket that sees every packet from its IP header on: not here.
///
/// # Errors
/// Always `Unsupported`.
pub fn capture() -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Who uses a TCP port: not known here.
pub fn user_of_tcp_port(_port: u16) -> Option<PortUser> {
    None
}

/// The ICMP errors behind a failed call on a connection: not told here.
pub fn icmp_errors_behind(_why: &io::Error, _version: Version) -> &'static [(u8, u8)] {
    &[]
}

/// How many bytes the kernel has received: not known here.
pub fn bytes_received(_stream: &TcpStream) -> Option<u64> {
    None
}

/// Asks the kernel to keep the SYN of each client: not here.
pub fn keep_syns(_listener: &impl AsRawFd) -> bool {
    false
}

/// The SYN with which this connection began: none was kept.
pub fn take_syn(_stream: &TcpStream) -> Option<Vec<u8>> {
    None
}
