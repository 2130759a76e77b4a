//! Linux: waiting for a socket to the microsecond, and the kernel's receive stamps.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::ptr;
use std::time::{Duration, SystemTime};

/// Asks the kernel to stamp each datagram on arrival (socket(7),
/// SO_TIMESTAMPNS). True if it will.
pub fn stamp_arrivals(socket: &UdpSocket) -> bool {
    let on: libc::c_int = 1;
    // SAFETY: the option's value is an int, and `on` outlives the call.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            (&raw const on).cast(),
            mem::size_of_val(&on) as libc::socklen_t,
        )
    };
    result == 0
}

/// Waits for a datagram on a connected socket, but no longer than `timeout`,
/// and reads it: its length, and the moment at which the kernel received it.
/// A read timeout would do for the waiting, but Linux rounds it up to its
/// timer tick, several milliseconds.
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
    let mut wanted = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    };
    // SAFETY: one pollfd, as announced; the signal mask may be null.
    match unsafe { libc::ppoll(&raw mut wanted, 1, &raw const timeout, ptr::null()) } {
        -1 => return Err(io::Error::last_os_error()),
        0 => return Err(io::ErrorKind::WouldBlock.into()),
        _ => {}
    }

    let mut data = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // Room for one control message with a timespec. u64s, because a cmsghdr
    // must be aligned.
    let mut control = [0u64; 8];
    // SAFETY: all zeros is a valid msghdr: null pointers with lengths of 0.
    let mut message: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = mem::size_of_val(&control) as _;

    // SAFETY: `message` points to `data` and `control`, `data` to `buffer`;
    // all outlive the call and have the lengths that stand beside them.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }

    let mut stamp = None;
    // SAFETY: the kernel filled `control` with well-formed control messages,
    // and set msg_controllen to their length; the CMSG_ functions stay within.
    unsafe {
        let mut header = libc::CMSG_FIRSTHDR(&raw const message);
        while let Some(found) = header.as_ref() {
            if found.cmsg_level == libc::SOL_SOCKET && found.cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = ptr::read_unaligned(libc::CMSG_DATA(header).cast());
                let since_epoch = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
                stamp = SystemTime::UNIX_EPOCH.checked_add(since_epoch);
            }
            header = libc::CMSG_NXTHDR(&raw const message, header);
        }
    }
    Ok((length as usize, stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").unwrap();
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        (a, b)
    }

    #[test]
    fn a_datagram_comes_with_the_moment_of_its_arrival() {
        let (a, b) = pair();
        assert!(stamp_arrivals(&b));
        let before = SystemTime::now();
        a.send(b"hello").unwrap();
        let mut buffer = [0; 16];
        let (length, stamp) = receive(&b, &mut buffer, Duration::from_secs(10)).unwrap();
        assert_eq!(&buffer[..length], b"hello");
        let stamp = stamp.expect("Linux stamps datagrams on loopback");
        // The clock may be adjusted during the test; not by a minute.
        let minute = Duration::from_secs(60);
        assert!(stamp > before - minute && stamp < before + minute);
    }

    #[test]
    fn without_a_datagram_nothing_is_read() {
        let (_a, b) = pair();
        let nothing = receive(&b, &mut [0; 16], Duration::from_millis(1)).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_closed_port_is_told() {
        let (a, b) = pair();
        drop(b);
        a.send(b"hello").unwrap();
        let refused = receive(&a, &mut [0; 16], Duration::from_secs(10)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
