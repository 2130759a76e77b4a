//! Linux: connecting so that Ctrl-C is heard, waiting for clients, and what the kernel knows of a connection.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::ptr;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// A wait asks at least so often whether it is to be given up.
const SLICE: Duration = Duration::from_millis(100);

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
) -> io::Result<TcpStream> {
    let deadline = Instant::now() + timeout;
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    // Now connect only sends the SYN, and the answer is waited for by poll.
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(why) if why.raw_os_error() != Some(libc::EINPROGRESS) => return Err(why),
        _ => {}
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if wait(socket.as_raw_fd(), libc::POLLOUT, left.min(SLICE))? {
            break;
        }
        if give_up() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
    }
    // Writable means answered: by a SYN-ACK, or by an error.
    if let Some(why) = socket.take_error()? {
        return Err(why);
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// Waits until a client can be accepted, but no longer than `timeout`.
pub fn wait_for_client(listener: &TcpListener, timeout: Duration) {
    // If it fails, accept will say why.
    let _ = wait(listener.as_raw_fd(), libc::POLLIN, timeout);
}

/// How many segments of this connection the kernel has sent again so far, the
/// SYN included (tcp(7), TCP_INFO). `None` if it does not say.
pub fn retransmits(stream: &TcpStream) -> Option<u32> {
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
    let needed = mem::offset_of!(libc::tcp_info, tcpi_total_retrans) + mem::size_of::<u32>();
    (length as usize >= needed).then_some(info.tcpi_total_retrans)
}

/// Raises this process's limit of open files as far as it may: each
/// connection is one, and the usual limit is 1024. The new limit.
pub fn allow_many_files() -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls take a pointer to an rlimit, which outlives them.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return None;
        }
        let before = limit.rlim_cur;
        limit.rlim_cur = limit.rlim_max;
        if libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) != 0 {
            return Some(before);
        }
    }
    Some(limit.rlim_cur)
}

/// Waits for an event at a socket, but no longer than `timeout`: true if it,
/// or an error, is there. A signal ends the wait early.
fn wait(socket: RawFd, event: libc::c_short, timeout: Duration) -> io::Result<bool> {
    let mut wanted = libc::pollfd { fd: socket, events: event, revents: 0 };
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as libc::time_t,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    };
    // SAFETY: one pollfd, as announced; the signal mask may be null.
    match unsafe { libc::ppoll(&raw mut wanted, 1, &raw const timeout, ptr::null()) } {
        -1 => match io::Error::last_os_error() {
            why if why.kind() == io::ErrorKind::Interrupted => Ok(false),
            why => Err(why),
        },
        ready => Ok(ready > 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(why.kind(), io::ErrorKind::ConnectionRefused);
    }
}
