//! ICMP errors that come back to a UDP socket in place of replies, without any privilege.
//!
//! On its own, a connected UDP socket hears only of hard errors, such as "port
//! unreachable", and only that there was one: a call on the socket fails, with
//! ECONNREFUSED. With the error queue (Linux: ip(7), IP_RECVERR) it hears of
//! soft ones too, and may take each error from the queue: its type and code,
//! who sent it, and the beginning of the datagram that met with it.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, UdpSocket};

use crate::sys;
use packets::icmp::Version;
use packets::icmp_error::Problem;

/// An error that answers a datagram of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError<'a> {
    pub problem: Problem,
    /// Who sent it; unknown where there is no queue.
    pub from: Option<IpAddr>,
    /// The beginning of what was given to `send`, as far as the error quotes
    /// it: RFC 792 wants the UDP header and no more, most systems send more.
    pub request: &'a [u8],
}

/// A connected socket's ear for ICMP errors.
#[derive(Debug)]
pub struct IcmpErrors {
    version: Version,
    /// Whether there is a queue. Without it, ECONNREFUSED has to do.
    queued: bool,
    buffer: Vec<u8>,
    /// Whether an error was taken of which a call may still have to fail.
    owed: bool,
}

impl IcmpErrors {
    /// Asks for the queue, where the system has one.
    pub fn of(socket: &UdpSocket, server: IpAddr) -> IcmpErrors {
        let version = Version::of(server);
        let queued = sys::queue_errors(socket, version);
        // No error quotes more: 576 bytes in all over IPv4, 1280 over IPv6.
        IcmpErrors { version, queued, buffer: vec![0; 1280], owed: false }
    }

    /// After a call on the socket failed with `why`: tells the errors that came
    /// in. True if they are the reason, so that the call is to be made again:
    /// what it was to send has not been sent.
    pub fn take(
        &mut self,
        socket: &UdpSocket,
        why: &io::Error,
        mut tell: impl FnMut(&IcmpError),
    ) -> bool {
        let silence = matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if !self.queued {
            // Windows calls it a reset.
            let refusals = [ErrorKind::ConnectionRefused, ErrorKind::ConnectionReset];
            let refused = refusals.contains(&why.kind());
            if refused {
                let problem = Problem::port_unreachable(self.version);
                tell(&IcmpError { problem, from: None, request: &[] });
            }
            return refused;
        }
        let mut any = false;
        while let Ok(Some(error)) = sys::next_error(socket, &mut self.buffer) {
            // One that is no ICMP error arose here, and the call has said so.
            if let Some(problem) = error.problem {
                any = true;
                let request = &self.buffer[..error.length];
                tell(&IcmpError { problem, from: error.from, request });
            }
        }
        // The kernel first puts an error into the queue, and then lets a call
        // fail: between the two it may have been taken, and the failure is left.
        // So one failure is excused after errors were taken, and no more: the
        // next is its own fault.
        if any || silence {
            self.owed |= any;
            return any;
        }
        std::mem::take(&mut self.owed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn an_error_is_told_once_with_what_it_answers() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let closed = UdpSocket::bind(host).unwrap().local_addr().unwrap();
            let socket = UdpSocket::bind(host).unwrap();
            socket.connect(closed).unwrap();
            let mut errors = IcmpErrors::of(&socket, closed.ip());
            socket.send(b"Ping 7 T").unwrap();
            let patience = Duration::from_secs(60);
            let why = sys::receive(&socket, &mut [0; 9], patience).unwrap_err();
            let mut told = Vec::new();
            let again = errors.take(&socket, &why, |error| {
                told.push((error.problem, error.request.to_vec()));
            });
            let problem = Problem::port_unreachable(Version::of(closed.ip()));
            let request = if cfg!(target_os = "linux") { b"Ping 7 T".to_vec() } else { Vec::new() };
            assert_eq!((again, told), (true, vec![(problem, request)]));
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_call_that_fails_with_nothing_queued_is_excused_once_after_each_error() {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(closed).unwrap();
        let mut errors = IcmpErrors::of(&socket, closed.ip());
        let none = |_: &IcmpError| panic!("there is none");
        let why = ErrorKind::PermissionDenied.into();
        // Before any error came it is the call's own fault.
        assert!(!errors.take(&socket, &why, none));
        for _ in 0..3 {
            socket.send(b"Ping").unwrap();
            let patience = Duration::from_secs(60);
            let refused = sys::receive(&socket, &mut [0; 9], patience).unwrap_err();
            assert!(errors.take(&socket, &refused, |_| {}));
            assert!(!errors.take(&socket, &ErrorKind::WouldBlock.into(), none));
            assert!(errors.take(&socket, &why, none));
            assert!(!errors.take(&socket, &why, none));
        }
    }
}
