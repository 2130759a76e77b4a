//! A TCP connection of which every call ends at the check's deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socklab::cli::show_duration;
use socklab::endpoint::cause;

use crate::outcome::{Deadline, Outcome};

/// A connection and its deadline. Without it a server that sends a byte now
/// and then could hold a check for ever, whatever timeout a single read has.
#[derive(Debug)]
pub struct Timed {
    stream: TcpStream,
    deadline: Deadline,
}

impl Timed {
    /// Connects to the first of these addresses that lets us. Each has an
    /// equal share of the time that is left when its turn comes.
    ///
    /// # Errors
    /// That of the last one; `TimedOut` when there is no time left.
    pub fn connect(addresses: &[SocketAddr], deadline: &Deadline) -> io::Result<Timed> {
        let mut last = io::Error::from(ErrorKind::TimedOut);
        for (turn, address) in addresses.iter().enumerate() {
            let Some(left) = deadline.left() else { break };
            let share = left / (addresses.len() - turn) as u32;
            match TcpStream::connect_timeout(address, share.max(Duration::from_millis(1))) {
                // Where nobody listens on a port from which this machine also
                // connects, TCP may by chance meet itself (RFC 9293, section 3.5).
                Ok(stream) if stream.local_addr()? == *address => {
                    last = ErrorKind::ConnectionRefused.into();
                }
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Timed { stream, deadline: *deadline });
                }
                Err(why) => last = why,
            }
        }
        Err(last)
    }

    pub fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    fn left(&self) -> io::Result<Option<Duration>> {
        self.deadline.left().map(Some).ok_or_else(|| ErrorKind::TimedOut.into())
    }
}

/// A timeout has two names: WouldBlock is Unix's.
fn one_name(why: io::Error) -> io::Error {
    if why.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { why }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(buffer).map_err(one_name)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes).map_err(one_name)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a failed connect says of the service: most that it is down, and some
/// only that this machine lacks something.
pub fn not_connected(why: &io::Error, deadline: &Deadline) -> Outcome {
    match why.kind() {
        ErrorKind::ConnectionRefused => {
            Outcome::down("connection refused: no program listens there")
                .after(deadline.began.elapsed())
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Outcome::down(format!(
            "timed out: no connection within {}",
            show_duration(deadline.timeout)
        )),
        ErrorKind::PermissionDenied => {
            Outcome::unverified(format!("not allowed to connect: {}; a firewall here?", cause(why)))
        }
        // Ports, descriptors or memory of this machine have run out.
        ErrorKind::AddrNotAvailable | ErrorKind::OutOfMemory => no_socket(why),
        _ if is_out_of_descriptors(why) => no_socket(why),
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            Outcome::down(format!("unreachable: {}", cause(why)))
        }
        _ => Outcome::down(format!("no connection: {}", cause(why))),
    }
}

/// The check could not even begin.
pub fn no_socket(why: &io::Error) -> Outcome {
    Outcome::unverified(format!("this machine gives no socket: {}", cause(why)))
}

/// EMFILE and ENFILE, for which std has no name.
fn is_out_of_descriptors(why: &io::Error) -> bool {
    cfg!(unix) && matches!(why.raw_os_error(), Some(23 | 24))
}
