//! TCP on any other system, with what std offers: Ctrl-C has to wait for a connect, and no word on retransmits.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::NotConnected;
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

/// Raises the limit of open files: not here.
pub fn allow_many_files() -> Option<u64> {
    None
}
