//! Connecting so that Ctrl-C is heard.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::wait::poll;

/// A wait asks at least so often whether it is to be given up.
const SLICE: Duration = Duration::from_millis(50);

/// Connects a socket that does not block, and waits for the answer; asks now
/// and then whether to give up. What the answer was, `SO_ERROR` says.
///
/// # Errors
/// `TimedOut` when no answer came in time, `Interrupted` when it gave up, and
/// those of connect(2).
pub fn connect(
    socket: &Socket,
    server: SocketAddr,
    timeout: Duration,
    give_up: impl Fn() -> bool,
) -> io::Result<()> {
    let deadline = Instant::now() + timeout;
    // It only sends the SYN.
    match socket.connect(&server.into()) {
        Err(why) if why.raw_os_error() != Some(libc::EINPROGRESS) => return Err(why),
        _ => {}
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(socket.as_raw_fd(), libc::POLLOUT, left.min(SLICE)) {
            // Writable means answered: by a SYN-ACK, or by an error.
            Ok(true) => return Ok(()),
            Err(why) if why.kind() != io::ErrorKind::Interrupted => return Err(why),
            _ if give_up() => return Err(io::ErrorKind::Interrupted.into()),
            _ if left.is_zero() => return Err(io::ErrorKind::TimedOut.into()),
            _ => {}
        }
    }
}
