//! macOS and FreeBSD: what a pinger asks of its sockets.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use packets::icmp::Version;

use crate::unix::options::set_int;

/// Asks the kernel for echo replies of one identifier, and errors: not here.
pub fn only_replies_and_errors(_socket: &UdpSocket, _version: Version, _identifier: u16) -> bool {
    false
}

/// From here on nobody may fragment what this socket sends: neither a router
/// nor this host, whose `send` fails with EMSGSIZE instead (ip(4), IP_DONTFRAG).
///
/// # Errors
/// Those of setsockopt(2).
pub fn obey_path_mtu(socket: &UdpSocket, version: Version) -> io::Result<()> {
    if forbid_fragments(socket, version, true) { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Says whether packets may be cut into fragments. True if it is so from now on.
pub fn forbid_fragments(socket: &impl AsRawFd, version: Version, forbid: bool) -> bool {
    let (level, option) = match version {
        Version::V4 => (libc::IPPROTO_IP, libc::IP_DONTFRAG),
        Version::V6 => (libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG),
    };
    set_int(socket, level, option, forbid.into())
}

/// The path's MTU: not known here.
pub fn path_mtu(_socket: &UdpSocket, _version: Version) -> Option<u32> {
    None
}
