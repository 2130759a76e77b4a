//! A pinger's wishes on any other system: its programs filter for themselves, and know no MTU.

use std::io;
use std::net::UdpSocket;

use crate::Packet;
use packets::icmp::Version;

/// Asks the kernel for echo replies of one identifier, and errors: not here.
pub fn only_replies_and_errors(_socket: &UdpSocket, _version: Version, _identifier: u16) -> bool {
    false
}

/// Forbids fragments, and packets larger than the path takes: not here.
///
/// # Errors
/// `Unsupported`, always.
pub fn obey_path_mtu(_socket: &UdpSocket, _version: Version) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The path's MTU: not known here.
pub fn path_mtu(_socket: &UdpSocket, _version: Version) -> Option<u32> {
    None
}

/// Whether a packet is larger than it may be: not known here.
pub fn is_too_long(_why: &io::Error) -> bool {
    false
}

/// Whether root started this process: whoever may open a raw socket counts as such.
pub fn is_root() -> bool {
    true
}

/// Reads a packet if one is there already.
///
/// # Errors
/// As those of [`receive_packet`](crate::receive_packet).
pub fn take_packet(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Packet> {
    socket.set_nonblocking(true)?;
    let taken = socket.recv_from(buffer);
    socket.set_nonblocking(false)?;
    let (length, from) = taken?;
    Ok(Packet { length, from: Some(from), stamp: None, ttl: None, cut: false })
}
