//! TCP on any other system, with what std offers: Ctrl-C has to wait for a connect, and no word on retransmits.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, SystemTime};

use crate::NotConnected;
use packets::icmp::Version;

/// [`TcpStream::connect_timeout`]; it cannot be given up.
///
/// # Errors
/// Those of [`TcpStream::connect_timeout`].
pub fn connect_tcp(
    server: SocketAddr,
    timeout: Duration,
    _give_up: impl Fn() -> bool,
) -> Result<TcpStream, NotConnected> {
    Ok(TcpStream::connect_timeout(&server, timeout)?)
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
    // A read timeout of 0 would mean none at all.
    stream.set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
    match stream.read(buffer) {
        Ok(length) => Ok((length, None)),
        // Windows says TimedOut where Unix says WouldBlock.
        Err(why) if why.kind() == io::ErrorKind::TimedOut => Err(io::ErrorKind::WouldBlock.into()),
        Err(why) => Err(why),
    }
}

/// Waits a little, so that a listener that does not block can be asked again.
pub fn wait_for_client(_listener: &TcpListener, timeout: Duration) {
    thread::sleep(timeout.min(Duration::from_millis(10)));
}

/// Waits a little, so that a connection that does not block can be asked again.
pub fn wait_for_stream(_stream: &TcpStream, _reading: bool, _writing: bool, timeout: Duration) {
    thread::sleep(timeout.min(Duration::from_millis(10)));
}

/// The ICMP errors behind a failed call: not told here.
pub fn icmp_errors_behind(_why: &io::Error, _version: Version) -> &'static [(u8, u8)] {
    &[]
}

/// How many segments were sent again: not known here.
pub fn retransmits(_stream: &TcpStream) -> Option<u32> {
    None
}

/// How many bytes the kernel has received: not known here.
pub fn bytes_received(_stream: &TcpStream) -> Option<u64> {
    None
}

/// Asks the kernel to keep the SYN of each client: not here.
pub fn keep_syns(_listener: &TcpListener) -> bool {
    false
}

/// The SYN with which this connection began: none was kept.
pub fn take_syn(_stream: &TcpStream) -> Option<Vec<u8>> {
    None
}

/// Raises the limit of open files: not here.
pub fn allow_many_files() -> Option<u64> {
    None
}
