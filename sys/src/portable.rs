//! Any other system, with what std offers: no kernel stamps, and waits as coarse as its timers.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

use crate::{Packet, QueuedError};
use packets::icmp::Version;

/// Asks for the kernel's receive stamps: not here.
pub fn stamp_arrivals<Socket>(_socket: &Socket) -> bool {
    false
}

/// Waits for a datagram on a connected socket, but no longer than `timeout`,
/// and reads it: its length, and no stamp.
///
/// # Errors
/// `WouldBlock` when none came in time, `Interrupted` when a signal came,
/// `ConnectionRefused` when an ICMP port unreachable answered an earlier
/// datagram of ours.
pub fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<(usize, Option<SystemTime>)> {
    // A read timeout of 0 would mean none at all.
    socket.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    match socket.recv(buffer) {
        Ok(length) => Ok((length, None)),
        // Windows says TimedOut where Unix says WouldBlock.
        Err(why) if why.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
        Err(why) => Err(why),
    }
}

/// Asks to be told each packet's TTL: not here.
pub fn show_ttl(_socket: &UdpSocket, _version: Version) -> bool {
    false
}

/// Asks the kernel to keep ICMP errors: not here.
pub fn queue_errors<Socket>(_socket: &Socket, _version: Version) -> bool {
    false
}

/// Waits for a packet, but no longer than `timeout`, and reads it.
///
/// # Errors
/// As those of [`receive`].
pub fn receive_packet(
    socket: &UdpSocket,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<Packet> {
    // A read timeout of 0 would mean none at all.
    socket.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    match socket.recv_from(buffer) {
        Ok((length, from)) => {
            Ok(Packet { length, from: Some(from), stamp: None, ttl: None, cut: false })
        }
        Err(why) if why.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
        Err(why) => Err(why),
    }
}

/// The oldest queued error: there is no queue here.
///
/// # Errors
/// None.
pub fn next_error(_socket: &UdpSocket, _buffer: &mut [u8]) -> io::Result<Option<QueuedError>> {
    Ok(None)
}
