//! Waiting until a socket has something, or takes something.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

/// Waits for an event at a socket, but no longer than `timeout`: true if it,
/// or an error, is there.
///
/// # Errors
/// `Interrupted` when a signal came, and those of poll(2).
pub fn poll(socket: RawFd, event: libc::c_short, timeout: Duration) -> io::Result<bool> {
    let mut wanted = libc::pollfd { fd: socket, events: event, revents: 0 };
    match ppoll(&mut wanted, timeout) {
        -1 => Err(io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}

/// A read timeout would do for the waiting, but the kernel rounds that up to
/// its timer tick, several milliseconds.
#[cfg(not(target_os = "macos"))]
fn ppoll(wanted: &mut libc::pollfd, timeout: Duration) -> libc::c_int {
    let timeout = libc::timespec {
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos() as libc::c_long,
    };
    // SAFETY: one pollfd, as announced; the signal mask may be null.
    unsafe { libc::ppoll(wanted, 1, &raw const timeout, std::ptr::null()) }
}

/// macOS has no ppoll, and poll counts in milliseconds. Rounded up: a wait that
/// is too short would be made again and again.
#[cfg(target_os = "macos")]
fn ppoll(wanted: &mut libc::pollfd, timeout: Duration) -> libc::c_int {
    let milliseconds = timeout.as_nanos().div_ceil(1_000_000);
    let milliseconds = libc::c_int::try_from(milliseconds).unwrap_or(libc::c_int::MAX);
    // SAFETY: one pollfd, as announced.
    unsafe { libc::poll(wanted, 1, milliseconds) }
}

/// Waits until a client can be accepted, but no longer than `timeout`. A signal
/// ends the wait early.
pub fn wait_for_client(listener: &TcpListener, timeout: Duration) {
    // If it fails, accept will say why.
    let _ = poll(listener.as_raw_fd(), libc::POLLIN, timeout);
}

/// Waits until a connection has something to read, if `reading`, or takes
/// bytes again, if `writing`, but no longer than `timeout`. A signal ends the
/// wait early.
pub fn wait_for_stream(stream: &TcpStream, reading: bool, writing: bool, timeout: Duration) {
    let mut events = 0;
    if reading {
        events |= libc::POLLIN;
    }
    if writing {
        events |= libc::POLLOUT;
    }
    // If it fails, the next read or write will say why.
    let _ = poll(stream.as_raw_fd(), events, timeout);
}
