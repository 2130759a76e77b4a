//! A TCP connection of which every call ends at the check's deadline.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use logic::units::show_duration;
use socklab::errors::cause;
use sys::NotConnected;

use crate::outcome::{Deadline, Outcome};

use super::lack;
use super::reach::{self, NoAnswer, first_answer};

/// A connection and its deadline. Without it a server that sends a byte now
/// and then could hold a check for ever, whatever timeout a single read has.
#[derive(Debug)]
pub struct Timed {
    stream: TcpStream,
    deadline: Deadline,
    /// How many bytes may still be read after the deadline, once it is over.
    late: Option<usize>,
}

/// More than a check looks at does not count after the deadline.
const MOST_LATE: usize = 1 << 20;

impl Timed {
    /// Connects to the first of these addresses that lets us. Each has an
    /// equal share of the time that is left when its turn comes.
    ///
    /// # Errors
    /// The outcome: who refused, that nobody answered, what this machine lacks.
    pub fn connect(addresses: &[SocketAddr], deadline: &Deadline) -> Result<Timed, Outcome> {
        first_answer(addresses, deadline, |address, left| {
            let share = deadline.left().unwrap_or_default() / left;
            Timed::connect_one(address, share, deadline)
        })
    }

    fn connect_one(
        address: SocketAddr,
        share: Duration,
        deadline: &Deadline,
    ) -> Result<Timed, NoAnswer> {
        let ip = address.ip();
        let own = lack::socket_to(address)?.local_addr().ok().map(|own| own.ip());
        let refused = || NoAnswer::Refused(reach::refused(ip).after(deadline.began.elapsed()));
        let stream = match sys::connect_tcp(address, share.max(Duration::from_millis(1)), || false)
        {
            // Where nobody listens on a port from which this machine also
            // connects, TCP may by chance meet itself (RFC 9293, section 3.5).
            Ok(stream) if stream.local_addr().is_ok_and(|own| own == address) => {
                return Err(refused());
            }
            Ok(stream) => stream,
            Err(NotConnected { icmp: Some((problem, from)), .. }) => {
                return Err(reach::icmp(ip, own, problem, from));
            }
            Err(NotConnected { why, .. }) if why.kind() == ErrorKind::ConnectionRefused => {
                return Err(refused());
            }
            Err(NotConnected { why, .. }) => return Err(no_connection(ip, &why, deadline)),
        };
        match stream.set_nodelay(true) {
            Ok(()) => Ok(Timed { stream, deadline: *deadline, late: None }),
            // The connection was reset in the meantime.
            Err(why) => Err(no_connection(ip, &why, deadline)),
        }
    }

    pub fn peer(&self) -> Option<SocketAddr> {
        self.stream.peer_addr().ok()
    }

    /// What came in time is taken even if this program, or its machine, stood
    /// still until the time was over: the bytes that wait in the kernel when
    /// that is found out, and no more.
    fn read_late(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let left = match self.late {
            Some(left) => left,
            None => self.stream.peek(&mut vec![0; MOST_LATE]).map_err(one_name)?,
        };
        if left == 0 {
            // Now only the end may still be heard.
            return match self.stream.peek(&mut [0]).map_err(one_name)? {
                0 => Ok(0),
                _ => Err(ErrorKind::TimedOut.into()),
            };
        }
        let wanted = buffer.len().min(left);
        let length = self.stream.read(&mut buffer[..wanted]).map_err(one_name)?;
        self.late = Some(left - length);
        Ok(length)
    }
}

/// A timeout has two names: WouldBlock is Unix's.
fn one_name(why: io::Error) -> io::Error {
    if why.kind() == ErrorKind::WouldBlock { ErrorKind::TimedOut.into() } else { why }
}

impl Read for Timed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.deadline.left() {
            Some(left) if self.late.is_none() => {
                self.stream.set_read_timeout(Some(left))?;
                self.stream.read(buffer).map_err(one_name)
            }
            _ => self.read_late(buffer),
        }
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.deadline.left().ok_or(ErrorKind::TimedOut)?;
        self.stream.set_write_timeout(Some(left))?;
        self.stream.write(bytes).map_err(one_name)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a failed connect says where nobody said why.
fn no_connection(ip: IpAddr, why: &io::Error, deadline: &Deadline) -> NoAnswer {
    if let Some(outcome) = lack::of(why) {
        return NoAnswer::Lack(outcome);
    }
    NoAnswer::Refused(Outcome::down(match why.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            format!("timed out: no connection to {ip} within {}", show_duration(deadline.timeout))
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            format!("{ip} is unreachable: {}", cause(why))
        }
        _ => format!("no connection to {ip}: {}", cause(why)),
    }))
}
