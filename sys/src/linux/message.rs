//! Linux: one recvmsg(2) and what comes beside the bytes: when, from whom, its TTL, or the error.

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv6Addr};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::{Duration, SystemTime};

use crate::unix::message::{self, v4};
use crate::unix::options::set_int;
use crate::unix::wait::poll;
use crate::{Packet, QueuedError};
use packets::icmp::Version;
use packets::icmp_error::Problem;

fn switch_on(socket: &impl AsRawFd, level: libc::c_int, option: libc::c_int) -> bool {
    set_int(socket, level, option, 1)
}

/// Asks the kernel to stamp each datagram on arrival (socket(7),
/// SO_TIMESTAMPNS). True if it will.
pub fn stamp_arrivals(socket: &impl AsRawFd) -> bool {
    switch_on(socket, libc::SOL_SOCKET, libc::SO_TIMESTAMPNS)
}

/// Asks to be told the TTL or hop limit with which each packet arrives (ip(7),
/// IP_RECVTTL; ipv6(7), IPV6_RECVHOPLIMIT). True if it will be.
pub fn show_ttl(socket: &impl AsRawFd, version: Version) -> bool {
    match version {
        Version::V4 => switch_on(socket, libc::IPPROTO_IP, libc::IP_RECVTTL),
        Version::V6 => switch_on(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVHOPLIMIT),
    }
}

/// Asks the kernel to keep every ICMP error that answers a packet of this
/// socket, for [`next_error`] to take (ip(7), IP_RECVERR). From then on soft
/// errors, such as host unreachable, also fail the next call on the socket.
/// True if it will.
pub fn queue_errors(socket: &impl AsRawFd, version: Version) -> bool {
    set_queue(socket, version, 1)
}

/// Switches the queue of errors on, by 1, or off, by 0.
pub fn set_queue(socket: &impl AsRawFd, version: Version, value: libc::c_int) -> bool {
    match version {
        Version::V4 => set_int(socket, libc::IPPROTO_IP, libc::IP_RECVERR, value),
        Version::V6 => set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVERR, value),
    }
}

/// Waits for a packet, but no longer than `timeout`, and reads it. A read
/// timeout would do for the waiting, but Linux rounds it up to its timer tick,
/// several milliseconds.
///
/// # Errors
/// `WouldBlock` when none came in time, `Interrupted` when a signal came; and
/// the last ICMP error that answered a packet of ours, such as
/// `ConnectionRefused`: a connected socket is told of the hard ones, one with
/// [`queue_errors`] of all.
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
    let message = Message::read(socket.as_raw_fd(), buffer, libc::MSG_DONTWAIT)?;
    Ok(Packet {
        length: message.bytes.length,
        from: message.bytes.name,
        stamp: message.beside.stamp,
        ttl: message.beside.ttl,
        cut: message.bytes.cut,
    })
}

/// Takes the oldest error from the socket's queue. Into `buffer` goes the
/// beginning of the packet that met with it: what was given to `send`, as far
/// as the error quotes it. `None` if there is no further one.
///
/// # Errors
/// Those of recvmsg(2).
pub fn next_error(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<Option<QueuedError>> {
    let flags = libc::MSG_DONTWAIT | libc::MSG_ERRQUEUE;
    let message = match Message::read(socket.as_raw_fd(), buffer, flags) {
        Ok(message) => message,
        Err(why) if why.kind() == io::ErrorKind::WouldBlock => return Ok(None),
        Err(why) => return Err(why),
    };
    let Some((error, offender)) = message.beside.error else {
        return Ok(None);
    };
    let version = match error.ee_origin {
        libc::SO_EE_ORIGIN_ICMP => Some(Version::V4),
        libc::SO_EE_ORIGIN_ICMP6 => Some(Version::V6),
        // This machine's own: a packet too large for its own link, for example.
        _ => None,
    };
    let problem = version.map(|version| Problem {
        version,
        kind: error.ee_type,
        code: error.ee_code,
        // Of the second line the kernel passes on the MTU or the pointer.
        rest: match (version, error.ee_type) {
            (Version::V4, 12) => error.ee_info << 24,
            _ => error.ee_info,
        },
    });
    Ok(Some(QueuedError {
        why: io::Error::from_raw_os_error(error.ee_errno as i32),
        problem,
        mtu: (error.ee_errno == libc::EMSGSIZE as u32).then_some(error.ee_info),
        from: offender,
        to: message.bytes.name,
        length: message.bytes.length,
        ttl: message.beside.ttl,
        stamp: message.beside.stamp,
    }))
}

/// What one recvmsg brought.
struct Message {
    bytes: message::Message,
    beside: Beside,
}

/// What came beside the bytes.
#[derive(Default)]
struct Beside {
    stamp: Option<SystemTime>,
    ttl: Option<u8>,
    error: Option<(libc::sock_extended_err, Option<IpAddr>)>,
}

impl Message {
    fn read(socket: RawFd, buffer: &mut [u8], flags: libc::c_int) -> io::Result<Message> {
        let mut beside = Beside::default();
        let bytes = message::read(socket, buffer, flags, |level, kind, data| {
            // SAFETY: it points to what such a control message holds.
            unsafe { beside.enter(level, kind, data) }
        })?;
        Ok(Message { bytes, beside })
    }
}

impl Beside {
    /// # Safety
    /// `data` must point to what a control message of this level and type holds.
    unsafe fn enter(&mut self, level: libc::c_int, kind: libc::c_int, data: *const u8) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => {
                // SAFETY: it holds a timespec, at any alignment.
                let time: libc::timespec = unsafe { ptr::read_unaligned(data.cast()) };
                let since_epoch = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
                self.stamp = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
            }
            (libc::IPPROTO_IP, libc::IP_TTL) | (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                // SAFETY: it holds an int, at any alignment.
                let ttl: libc::c_int = unsafe { ptr::read_unaligned(data.cast()) };
                self.ttl = u8::try_from(ttl).ok();
            }
            (libc::IPPROTO_IP, libc::IP_RECVERR) | (libc::IPPROTO_IPV6, libc::IPV6_RECVERR) => {
                // SAFETY: it holds a sock_extended_err, and behind it the
                // sender's address, a sockaddr_in or sockaddr_in6 (ip(7)).
                unsafe {
                    let error: libc::sock_extended_err = ptr::read_unaligned(data.cast());
                    let sender = data.add(mem::size_of::<libc::sock_extended_err>());
                    let family: libc::sa_family_t = ptr::read_unaligned(sender.cast());
                    let offender = match libc::c_int::from(family) {
                        libc::AF_INET => {
                            let sender: libc::sockaddr_in = ptr::read_unaligned(sender.cast());
                            Some(v4(&sender).into())
                        }
                        libc::AF_INET6 => {
                            let sender: libc::sockaddr_in6 = ptr::read_unaligned(sender.cast());
                            Some(Ipv6Addr::from(sender.sin6_addr.s6_addr).into())
                        }
                        _ => None,
                    };
                    self.error = Some((error, offender));
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    const PATIENCE: Duration = Duration::from_secs(10);

    #[test]
    fn a_packet_comes_with_its_sender_and_ttl_over_both_versions() {
        for (version, host) in [(Version::V4, "127.0.0.1:0"), (Version::V6, "[::1]:0")] {
            let a = UdpSocket::bind(host).unwrap();
            let b = UdpSocket::bind(host).unwrap();
            assert!(show_ttl(&b, version) && stamp_arrivals(&b));
            a.send_to(b"hello, world", b.local_addr().unwrap()).unwrap();
            let mut buffer = [0; 5];
            let packet = receive_packet(&b, &mut buffer, PATIENCE).unwrap();
            assert_eq!((packet.length, packet.cut, &buffer), (5, true, b"hello"));
            assert_eq!(packet.from, Some(a.local_addr().unwrap()));
            assert_eq!(packet.ttl, Some(64));
            assert!(packet.stamp.is_some());
        }
    }

    #[test]
    fn an_icmp_error_is_queued_with_the_datagram_that_met_with_it() {
        for (version, host, kind, code) in
            [(Version::V4, "127.0.0.1:0", 3, 3), (Version::V6, "[::1]:0", 1, 4)]
        {
            let closed = UdpSocket::bind(host).unwrap().local_addr().unwrap();
            let socket = UdpSocket::bind(host).unwrap();
            socket.connect(closed).unwrap();
            assert!(queue_errors(&socket, version));
            socket.send(b"Ping 7").unwrap();
            let refused = receive_packet(&socket, &mut [0; 99], PATIENCE).err();
            assert_eq!(refused.unwrap().kind(), io::ErrorKind::ConnectionRefused);
            let mut buffer = [0; 99];
            let error = next_error(&socket, &mut buffer).unwrap().expect("one is queued");
            assert_eq!(&buffer[..error.length], b"Ping 7");
            let problem = error.problem.unwrap();
            assert_eq!((problem.version, problem.kind, problem.code), (version, kind, code));
            assert_eq!(error.from, Some(closed.ip()));
            assert_eq!(error.to, Some(closed));
            assert_eq!(error.why.kind(), io::ErrorKind::ConnectionRefused);
            assert!(next_error(&socket, &mut buffer).unwrap().is_none());
        }
    }
}
