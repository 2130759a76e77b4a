//! Systems without packet sockets: each call says so.

use std::io;
use std::net::UdpSocket;
use std::time::Duration;

use crate::Seen;

/// Opens a packet socket: not here.
///
/// # Errors
/// Always `Unsupported`.
pub fn sniff(_interface: Option<&str>) -> io::Result<UdpSocket> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Waits for a packet: not here.
///
/// # Errors
/// Always `Unsupported`.
pub fn see(_socket: &UdpSocket, _buffer: &mut [u8], _timeout: Duration) -> io::Result<Seen> {
    Err(io::ErrorKind::Unsupported.into())
}

/// What was seen and dropped: not known here.
///
/// # Errors
/// Always `Unsupported`.
pub fn seen_and_dropped(_socket: &UdpSocket) -> io::Result<(u64, u64)> {
    Err(io::ErrorKind::Unsupported.into())
}

/// The name of an interface: its number has to do.
pub fn interface_name(index: u32) -> String {
    index.to_string()
}
