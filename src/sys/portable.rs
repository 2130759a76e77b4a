//! Any other system, with what std offers: no kernel stamps, and waits as coarse as its timers.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

/// Asks for the kernel's receive stamps: not here.
pub fn stamp_arrivals(_socket: &UdpSocket) -> bool {
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
