//! macOS and FreeBSD: connecting so that Ctrl-C is heard, and what the kernel knows of a connection.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use socket2::{Domain, Socket, Type};

use super::message::receive_packet;
use crate::NotConnected;
use crate::unix::connect::connect;

/// As [`TcpStream::connect_timeout`], which cannot be interrupted: this one
/// asks now and then whether to give up.
///
/// # Errors
/// `TimedOut` when no answer came in time, `Interrupted` when it gave up, and
/// those of connect(2).
pub fn connect_tcp(
    server: SocketAddr,
    timeout: Duration,
    give_up: impl Fn() -> bool,
) -> Result<TcpStream, NotConnected> {
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    connect(&socket, server, timeout, give_up)?;
    if let Some(why) = socket.take_error()? {
        return Err(why.into());
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// Waits for bytes on a connection, but no longer than `timeout`, and reads what
/// is there: how many, and no stamp. 0 bytes are the end of the stream.
///
/// # Errors
/// `WouldBlock` when nothing came in time, `Interrupted` when a signal came, and
/// those of recvmsg(2).
pub fn read(
    stream: &TcpStream,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<(usize, Option<SystemTime>)> {
    Ok((receive_packet(stream, buffer, timeout)?.length, None))
}

#[cfg(target_os = "macos")]
type Info = libc::tcp_connection_info;
#[cfg(target_os = "macos")]
const INFO: libc::c_int = libc::TCP_CONNECTION_INFO;
#[cfg(target_os = "freebsd")]
type Info = libc::tcp_info;
#[cfg(target_os = "freebsd")]
const INFO: libc::c_int = libc::TCP_INFO;

/// How many segments of this connection the kernel has sent again so far
/// (tcp(4)). `None` if it does not say.
pub fn retransmits(stream: &TcpStream) -> Option<u32> {
    let mut info = MaybeUninit::<Info>::zeroed();
    let mut length = mem::size_of::<Info>() as libc::socklen_t;
    // SAFETY: `info` has room for `length` bytes; both outlive the call. All
    // zeros is a valid value, so it is one however much the kernel fills in.
    let info = unsafe {
        let result = libc::getsockopt(
            stream.as_raw_fd(),
            libc::IPPROTO_TCP,
            INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        );
        if result != 0 {
            return None;
        }
        info.assume_init()
    };
    #[cfg(target_os = "macos")]
    // So libc calls what <netinet/tcp.h> has as tcpi_txretransmitpackets.
    let sent_again = u32::try_from(info.tcpi_rxretransmitpackets).ok();
    #[cfg(target_os = "freebsd")]
    let sent_again = Some(info.tcpi_snd_rexmitpack);
    sent_again
}
