//! Linux: connecting, reading with stamps, and what the kernel knows of a connection.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use socket2::{Domain, Socket, Type};

use crate::NotConnected;
use packets::icmp::Version;

use super::message::{next_error, receive_packet, set_queue};
use crate::unix::connect::connect;
use crate::unix::options::set_int;

/// As [`TcpStream::connect_timeout`], which cannot be interrupted: this one
/// asks now and then whether to give up.
///
/// While it connects, Linux takes every ICMP error for final, also a soft one,
/// of which RFC 1122 says, in section 4.2.3.9, that TCP must not give up (found
/// by trial, with Linux 6.18). The queue then has the error itself; over IPv4
/// even if it was not asked for.
///
/// # Errors
/// `TimedOut` when no answer came in time, `Interrupted` when it gave up, and
/// those of connect(2); where it was an ICMP error, that too.
pub fn connect_tcp(
    server: SocketAddr,
    timeout: Duration,
    give_up: impl Fn() -> bool,
) -> Result<TcpStream, NotConnected> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let version = Version::of(server.ip());
    set_queue(&socket, version, 1);
    connect(&socket, server, timeout, give_up)?;
    if let Some(why) = socket.take_error()? {
        let icmp = next_error(&socket, &mut [0; 64]).ok().flatten();
        let icmp = icmp.and_then(|error| Some((error.problem?, error.from)));
        return Err(NotConnected { why, icmp });
    }
    // On the connection, errors would fail the calls of whoever does not expect it.
    set_queue(&socket, version, 0);
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// Waits for bytes on a connection, but no longer than `timeout`, and reads what
/// is there: how many, and when the kernel received the last of them, where
/// [`stamp_arrivals`](crate::stamp_arrivals) asked for that. 0 bytes are the end
/// of the stream. A read timeout would do for the waiting, but Linux rounds it
/// to its timer tick, several milliseconds.
///
/// # Errors
/// `WouldBlock` when nothing came in time, `Interrupted` when a signal came, and
/// those of recvmsg(2).
pub fn read(
    stream: &TcpStream,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<(usize, Option<SystemTime>)> {
    let packet = receive_packet(stream, buffer, timeout)?;
    let stamp = packet.stamp.or_else(|| SystemTime::now().checked_sub(waited(stream)?));
    Ok((packet.length, stamp))
}

/// How long ago the last bytes came in, if that was so long ago that a tick of
/// the kernel's clock makes no difference. The kernel begins to stamp only a
/// little after it was asked to; this it always knows.
fn waited(stream: &TcpStream) -> Option<Duration> {
    const TICKS: Duration = Duration::from_millis(50);
    let (info, _) = info(stream)?;
    let age = Duration::from_millis(u64::from(info.tcpi_last_data_recv));
    (age > TICKS).then_some(age)
}

/// The ICMP errors, as type and code, for which a call on a connection fails
/// with `why`; none if that has another reason. On an established connection
/// with [`queue_errors`](crate::queue_errors) each error fails one call, which
/// can then be made again: it leaves its errno, but nothing in the queue, so
/// that where several share one, nobody knows which it was.
/// (Linux, `icmp_err_convert` and `tab_unreach`; the fragmentation needed, the
/// packet too big and redirects TCP heeds in silence.)
pub fn icmp_errors_behind(why: &io::Error, version: Version) -> &'static [(u8, u8)] {
    match (version, why.raw_os_error()) {
        (Version::V4, Some(libc::ENETUNREACH)) => &[(3, 0), (3, 6), (3, 9), (3, 11)],
        (Version::V4, Some(libc::EHOSTUNREACH)) => {
            &[(3, 1), (3, 10), (3, 12), (3, 13), (3, 14), (3, 15), (11, 0), (11, 1)]
        }
        (Version::V4, Some(libc::ENOPROTOOPT)) => &[(3, 2)],
        (Version::V4, Some(libc::ECONNREFUSED)) => &[(3, 3)],
        (Version::V4, Some(libc::EOPNOTSUPP)) => &[(3, 5)],
        (Version::V4, Some(libc::EHOSTDOWN)) => &[(3, 7)],
        (Version::V4, Some(libc::ENONET)) => &[(3, 8)],
        (Version::V4, Some(libc::EPROTO)) => &[(12, 0), (12, 1), (12, 2)],
        (Version::V6, Some(libc::ENETUNREACH)) => &[(1, 0)],
        (Version::V6, Some(libc::EACCES)) => &[(1, 1), (1, 5), (1, 6)],
        (Version::V6, Some(libc::EHOSTUNREACH)) => &[(1, 2), (1, 3), (3, 0), (3, 1)],
        (Version::V6, Some(libc::ECONNREFUSED)) => &[(1, 4)],
        (Version::V6, Some(libc::EPROTO)) => &[(4, 0), (4, 1), (4, 2)],
        _ => &[],
    }
}

/// How many segments of this connection the kernel has sent again so far, the
/// SYN included (tcp(7), TCP_INFO). `None` if it does not say.
pub fn retransmits(stream: &TcpStream) -> Option<u32> {
    let (info, length) = info(stream)?;
    let needed = mem::offset_of!(libc::tcp_info, tcpi_total_retrans) + mem::size_of::<u32>();
    (length >= needed).then_some(info.tcpi_total_retrans)
}

/// How many bytes of this connection the kernel has received in order, whether
/// or not the program has read them. `None` if it does not say.
pub fn bytes_received(stream: &TcpStream) -> Option<u64> {
    let (info, length) = info(stream)?;
    let needed = mem::offset_of!(libc::tcp_info, tcpi_bytes_received) + mem::size_of::<u64>();
    (length >= needed).then_some(info.tcpi_bytes_received)
}

/// What the kernel knows of a connection, and how many bytes of that it has
/// filled in: older ones know less.
fn info(stream: &TcpStream) -> Option<(libc::tcp_info, usize)> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = mem::size_of::<libc::tcp_info>() as libc::socklen_t;
    // SAFETY: `info` has room for `length` bytes; both outlive the call. All
    // zeros is a valid tcp_info, so it is one however much the kernel fills in.
    let info = unsafe {
        let result = libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        );
        if result != 0 {
            return None;
        }
        info.assume_init()
    };
    Some((info, length as usize))
}

/// Asks the kernel to keep the SYN of each client that connects from now on,
/// for [`take_syn`] (TCP_SAVE_SYN, since Linux 4.2). True if it will.
pub fn keep_syns(listener: &TcpListener) -> bool {
    set_int(listener, libc::IPPROTO_TCP, libc::TCP_SAVE_SYN, 1)
}

/// The SYN with which this connection began, from its IP header on, without
/// the link's. Once only: the kernel then forgets it.
pub fn take_syn(stream: &TcpStream) -> Option<Vec<u8>> {
    // 60 bytes of TCP header behind 60 of IPv4's; over IPv6 extension headers
    // may make it longer, and then there is none.
    let mut syn = vec![0u8; 512];
    let mut length = syn.len() as libc::socklen_t;
    // SAFETY: `syn` has room for `length` bytes; both outlive the call.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_SAVED_SYN,
            syn.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    syn.truncate(length as usize);
    (result == 0 && !syn.is_empty()).then_some(syn)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::{stamp_arrivals, wait_for_client};
    use std::io::Write;
    use std::time::Instant;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_connection_is_made_and_has_no_retransmits_on_loopback() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = connect_tcp(listener.local_addr().unwrap(), LONG, || false).unwrap();
        wait_for_client(&listener, LONG);
        assert_eq!(listener.accept().unwrap().1, stream.local_addr().unwrap());
        assert_eq!(retransmits(&stream), Some(0));
    }

    #[test]
    fn a_closed_port_refuses() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let why = connect_tcp(closed, LONG, || false).unwrap_err();
        assert_eq!(why.why.kind(), io::ErrorKind::ConnectionRefused);
        // By a reset, which is no ICMP error.
        assert_eq!(why.icmp, None);
    }

    #[test]
    fn the_syn_is_kept_and_shown_once() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(keep_syns(&listener));
        let mut stream = connect_tcp(listener.local_addr().unwrap(), LONG, || false).unwrap();
        let (accepted, client) = listener.accept().unwrap();
        let syn = take_syn(&accepted).unwrap();
        assert_eq!((syn[0] >> 4, syn[9]), (4, 6));
        assert_eq!(syn[20..22], client.port().to_be_bytes());
        assert_eq!(take_syn(&accepted), None);
        stream.write_all(b"hello").unwrap();
        accepted.peek(&mut [0; 9]).unwrap();
        assert_eq!(bytes_received(&accepted), Some(5));
    }

    #[test]
    fn bytes_come_with_the_moment_of_their_arrival_and_the_end_without() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut stream = connect_tcp(listener.local_addr().unwrap(), LONG, || false).unwrap();
        let accepted = listener.accept().unwrap().0;
        assert!(stamp_arrivals(&accepted));
        let nothing = read(&accepted, &mut [0; 9], Duration::ZERO).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        // The kernel begins to stamp a little after it was asked to.
        let deadline = Instant::now() + LONG;
        loop {
            stream.write_all(b"hello").unwrap();
            let (length, stamp) = read(&accepted, &mut [0; 9], LONG).unwrap();
            assert_eq!(length, 5);
            if stamp.is_some() {
                break;
            }
            assert!(Instant::now() < deadline, "no byte is stamped");
        }
        drop(stream);
        assert_eq!(read(&accepted, &mut [0; 9], LONG).unwrap().0, 0);
    }
}
