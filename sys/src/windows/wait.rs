//! Waiting until a socket has something, or takes something.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::windows::io::{AsRawSocket, RawSocket};
use std::sync::Once;
use std::time::Duration;

use windows_sys::Win32::Media::timeBeginPeriod;
use windows_sys::Win32::Networking::WinSock::{
    POLLIN, POLLOUT, SOCKET, SOCKET_ERROR, WSAPOLLFD, WSAPoll,
};

/// Waits for an event at a socket, but no longer than `timeout`: true if it,
/// or an error, is there.
///
/// # Errors
/// Those of WSAPoll.
pub fn poll(socket: RawSocket, event: i16, timeout: Duration) -> io::Result<bool> {
    // The system's timer ticks 64 times a second, unless somebody asks for more.
    static FINE: Once = Once::new();
    FINE.call_once(|| {
        // SAFETY: it takes a number, of milliseconds.
        unsafe { timeBeginPeriod(1) };
    });
    // Rounded up: a wait that is too short would be made again and again.
    let milliseconds = i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
    let mut wanted = WSAPOLLFD { fd: socket as SOCKET, events: event, revents: 0 };
    // SAFETY: one WSAPOLLFD, as announced.
    match unsafe { WSAPoll(&raw mut wanted, 1, milliseconds) } {
        SOCKET_ERROR => Err(io::Error::last_os_error()),
        ready => Ok(ready > 0),
    }
}

/// Waits until a client can be accepted, but no longer than `timeout`.
pub fn wait_for_client(listener: &TcpListener, timeout: Duration) {
    // If it fails, accept will say why.
    let _ = poll(listener.as_raw_socket(), POLLIN, timeout);
}

/// Waits until a connection has something to read, if `reading`, or takes
/// bytes again, if `writing`, but no longer than `timeout`.
pub fn wait_for_stream(stream: &TcpStream, reading: bool, writing: bool, timeout: Duration) {
    let mut events = 0;
    if reading {
        events |= POLLIN;
    }
    if writing {
        events |= POLLOUT;
    }
    // If it fails, the next read or write will say why.
    let _ = poll(stream.as_raw_socket(), events, timeout);
}
