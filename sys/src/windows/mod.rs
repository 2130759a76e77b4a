//! Windows.

mod child;
mod clock;
mod console;
mod message;
mod options;
mod ports;
mod tcp;
mod user;
mod wait;

use std::io;
use std::net::{TcpStream, UdpSocket};
use std::os::windows::io::AsRawSocket;
use std::time::SystemTime;

use packets::icmp::Version;
use packets::icmp_error::Problem;
use windows_sys::Win32::Networking::WinSock::WSAENETRESET;

pub use self::child::{in_its_own_group, interrupt};
pub use self::clock::{CLOCK, monotonic_ns};
pub use self::console::{TerminalMode, hear_signals, raise_on_signals};
pub use self::message::{receive_packet, show_ttl, stamp_arrivals, take_packet};
pub use self::options::{forbid_fragments, is_too_long, obey_path_mtu, path_mtu};
pub use self::ports::user_of_tcp_port;
pub use self::tcp::{connect_tcp, read};
pub use self::user::{is_root, name_of};
pub use self::wait::{wait_for_client, wait_for_stream};

use crate::QueuedError;

/// There are no datagram sockets for ICMP.
pub const ICMP_DATAGRAMS: crate::IcmpDatagrams =
    crate::IcmpDatagrams { with_ip_header: false, keeps_identifier: true, hears_errors: false };

/// Lets a UDP socket send and receive datagrams of any size: Windows does.
pub fn whole_datagrams(_socket: &impl AsRawSocket) {}

/// The ICMP error behind the failure of a call on a UDP socket: a port
/// unreachable is called a reset, and a TTL that ran out a reset of the network
/// (recvfrom of Winsock).
pub fn problem_behind(why: &io::Error, version: Version) -> Option<Problem> {
    match why.kind() {
        // Wine calls it by its name.
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused => {
            Some(Problem::port_unreachable(version))
        }
        _ if why.raw_os_error() == Some(WSAENETRESET) => Some(Problem {
            version,
            kind: if version == Version::V4 { 11 } else { 3 },
            code: 0,
            rest: 0,
        }),
        _ => None,
    }
}

/// Asks the system to keep ICMP errors: not here.
pub fn queue_errors(_socket: &impl AsRawSocket, _version: Version) -> bool {
    false
}

/// The oldest queued error: there is no queue here.
///
/// # Errors
/// None.
pub fn next_error(
    _socket: &impl AsRawSocket,
    _buffer: &mut [u8],
) -> io::Result<Option<QueuedError>> {
    Ok(None)
}

/// Asks for echo replies of one identifier, and errors: not here.
pub fn only_replies_and_errors(_socket: &UdpSocket, _version: Version, _identifier: u16) -> bool {
    false
}

/// The moment at which the system received the last datagram: it is told only
/// beside the datagram.
pub fn stamp_of_last(_socket: &impl AsRawSocket) -> Option<SystemTime> {
    None
}

/// A socket that sees every packet from its IP header on: not here.
///
/// # Errors
/// Always `Unsupported`.
pub fn capture() -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The ICMP errors behind a failed call on a connection: not told here.
pub fn icmp_errors_behind(_why: &io::Error, _version: Version) -> &'static [(u8, u8)] {
    &[]
}

/// How many segments were sent again: not known here.
pub fn retransmits(_stream: &TcpStream) -> Option<u32> {
    None
}

/// How many bytes the system has received: not known here.
pub fn bytes_received(_stream: &TcpStream) -> Option<u64> {
    None
}

/// Asks the system to keep the SYN of each client: not here.
pub fn keep_syns(_listener: &impl AsRawSocket) -> bool {
    false
}

/// The SYN with which this connection began: none was kept.
pub fn take_syn(_stream: &TcpStream) -> Option<Vec<u8>> {
    None
}

/// Raises the limit of open files: there is none.
pub fn allow_many_files() -> Option<u64> {
    None
}
