//! Connecting so that Ctrl-C is heard, and reading with a timeout.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpStream};
use std::os::windows::io::AsRawSocket;
use std::time::{Duration, Instant, SystemTime};

use socket2::{Domain, Socket, Type};
use windows_sys::Win32::Networking::WinSock::{POLLIN, POLLOUT};

use super::wait::poll;
use crate::NotConnected;

/// A wait asks at least so often whether it is to be given up.
const SLICE: Duration = Duration::from_millis(50);

/// As [`TcpStream::connect_timeout`], which cannot be interrupted: this one
/// asks now and then whether to give up. Windows asks a port that refuses three
/// times, and so takes two seconds to say so.
///
/// # Errors
/// `TimedOut` when no answer came in time, `Interrupted` when it gave up, and
/// those of connect.
pub fn connect_tcp(
    server: SocketAddr,
    timeout: Duration,
    give_up: impl Fn() -> bool,
) -> Result<TcpStream, NotConnected> {
    let deadline = Instant::now() + timeout;
    let socket = Socket::new(Domain::for_address(server), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    match socket.connect(&server.into()) {
        Err(why) if why.kind() != io::ErrorKind::WouldBlock => return Err(why.into()),
        _ => {}
    }
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let answered = poll(socket.as_raw_socket(), POLLOUT, left.min(SLICE))?;
        // Before Windows 10 of 2020, WSAPoll did not tell of a failure.
        if let Some(why) = socket.take_error()? {
            return Err(why.into());
        }
        if answered {
            break;
        }
        if give_up() {
            return Err(io::Error::from(io::ErrorKind::Interrupted).into());
        }
        if left.is_zero() {
            return Err(io::Error::from(io::ErrorKind::TimedOut).into());
        }
    }
    socket.set_nonblocking(false)?;
    Ok(socket.into())
}

/// Waits for bytes on a connection, but no longer than `timeout`, and reads what
/// is there: how many, and no stamp. 0 bytes are the end of the stream.
///
/// # Errors
/// `WouldBlock` when nothing came in time, and those of [`TcpStream::read`].
pub fn read(
    mut stream: &TcpStream,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<(usize, Option<SystemTime>)> {
    if !poll(stream.as_raw_socket(), POLLIN, timeout)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    Ok((stream.read(buffer)?, None))
}
