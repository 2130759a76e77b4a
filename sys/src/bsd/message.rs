//! macOS and FreeBSD: packets with their stamps and their TTL.

use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, SystemTime};

use packets::icmp::Version;

use crate::Packet;
use crate::unix::message;
use crate::unix::options::set_int;
use crate::unix::wait::poll;

/// Asks the kernel to stamp each datagram on arrival (getsockopt(2),
/// SO_TIMESTAMP). True if it will.
pub fn stamp_arrivals(socket: &impl AsRawFd) -> bool {
    set_int(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMP, 1)
}

/// Asks to be told the TTL or hop limit with which each packet arrives (ip(4),
/// IP_RECVTTL; ip6(4), IPV6_RECVHOPLIMIT). True if it will be.
pub fn show_ttl(socket: &impl AsRawFd, version: Version) -> bool {
    match version {
        Version::V4 => set_int(socket, libc::IPPROTO_IP, libc::IP_RECVTTL, 1),
        Version::V6 => set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT, 1),
    }
}

/// Waits for a packet, but no longer than `timeout`, and reads it.
///
/// # Errors
/// `WouldBlock` when none came in time, `Interrupted` when a signal came,
/// `ConnectionRefused` when an ICMP port unreachable answered an earlier
/// datagram of a connected socket.
pub fn receive_packet(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<Packet> {
    if !poll(socket.as_raw_fd(), libc::POLLIN, timeout)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    take_packet(socket, buffer)
}

/// Reads a packet if one is there already.
///
/// # Errors
/// As those of [`receive_packet`].
pub fn take_packet(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Packet> {
    let (mut stamp, mut ttl) = (None, None);
    let enter = |level, kind, data: *const u8| match (level, kind) {
        (libc::SOL_SOCKET, libc::SCM_TIMESTAMP) => {
            // SAFETY: it holds a timeval, at any alignment.
            let time: libc::timeval = unsafe { ptr::read_unaligned(data.cast()) };
            let since_epoch = Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
            stamp = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
        }
        (libc::IPPROTO_IP, libc::IP_RECVTTL) => {
            // SAFETY: it holds a byte.
            ttl = Some(unsafe { ptr::read(data) });
        }
        (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
            // SAFETY: it holds an int, at any alignment.
            let limit: libc::c_int = unsafe { ptr::read_unaligned(data.cast()) };
            ttl = u8::try_from(limit).ok();
        }
        _ => {}
    };
    let message = message::read(socket.as_raw_fd(), buffer, libc::MSG_DONTWAIT, enter)?;
    Ok(Packet { length: message.length, from: message.name, stamp, ttl, cut: message.cut })
}
