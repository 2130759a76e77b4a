//! The kernel's queue of errors that answer what a socket sent (Linux: ip(7), IP_RECVERR), and what a failed call means.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use packets::icmp_error::Problem;

use crate::clock;
use logic::arrival::Arrival;

/// An ICMP error that answers a packet of ours.
#[derive(Debug, Clone)]
pub struct IcmpError {
    pub problem: Problem,
    /// Who sent it; unknown where there is no queue.
    pub from: Option<IpAddr>,
    /// Whom our packet was for, where there is a queue.
    pub to: Option<SocketAddr>,
    /// The beginning of what was given to `send`, as far as the error quotes
    /// it: RFC 792 wants the UDP header and no more, most systems send more.
    pub request: Vec<u8>,
    /// The TTL or hop limit with which it arrived, where the socket asked for it.
    pub ttl: Option<u8>,
    pub arrival: Arrival,
}

/// What a call on the socket that brought no packet brought in its place.
#[derive(Debug)]
pub enum Instead {
    Error(IcmpError),
    /// Nothing came in time, and nothing is left to read.
    Silence,
    /// The call was cut short, by a signal or for an error that was told
    /// before. What has come in meanwhile is not known.
    Interrupted,
}

/// The errors that were taken from a socket's queue, and are not yet told. The
/// socket has to ask for them, with [`sys::queue_errors`]; without that the
/// queue stays empty.
#[derive(Debug)]
pub struct ErrorQueue {
    taken: VecDeque<IcmpError>,
    /// Whether an error was taken of which a call may still have to fail.
    owed: bool,
    /// No error quotes more: 576 bytes in all over IPv4, 1280 over IPv6.
    quote: Vec<u8>,
}

impl Default for ErrorQueue {
    fn default() -> ErrorQueue {
        ErrorQueue { taken: VecDeque::new(), owed: false, quote: vec![0; 1280] }
    }
}

impl ErrorQueue {
    /// The oldest error that was taken and not yet told.
    pub fn oldest(&mut self) -> Option<IcmpError> {
        self.taken.pop_front()
    }

    /// A call on the socket, such as `send`, failed with `why`: true if the
    /// reason is an error that answers an *earlier* packet, which
    /// [`oldest`](ErrorQueue::oldest) tells. The call has done nothing, and may be
    /// made again.
    pub fn excuses(&mut self, socket: &UdpSocket, why: &io::Error) -> bool {
        let mut any = false;
        while let Ok(Some(error)) = sys::next_error(socket, &mut self.quote) {
            // One that is no ICMP error arose here, and the call has said so.
            if let Some(problem) = error.problem {
                any = true;
                self.taken.push_back(IcmpError {
                    problem,
                    from: error.from,
                    to: error.to,
                    request: self.quote[..error.length].to_vec(),
                    ttl: error.ttl,
                    arrival: clock::arrival(error.stamp),
                });
            }
        }
        // The kernel first puts an error into the queue, and then lets a call
        // fail: between the two it may have been taken, and the failure is left.
        // So one failure is excused after errors were taken, and no more: the
        // next is its own fault.
        let silence = matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if any || silence {
            self.owed |= any;
            return any;
        }
        std::mem::take(&mut self.owed)
    }

    /// A call that was to receive failed with `why`: what that means.
    ///
    /// # Errors
    /// The same, if no ICMP error explains it.
    pub fn instead(&mut self, socket: &UdpSocket, why: io::Error) -> io::Result<Instead> {
        let excused = self.excuses(socket, &why);
        match (self.oldest(), why.kind()) {
            (Some(error), _) => Ok(Instead::Error(error)),
            (None, ErrorKind::WouldBlock) => Ok(Instead::Silence),
            (None, ErrorKind::Interrupted) => Ok(Instead::Interrupted),
            (None, _) if excused => Ok(Instead::Interrupted),
            (None, _) => Err(why),
        }
    }

    /// Sends a packet; again, if the call fails for errors that answer earlier
    /// ones, which are kept to be told.
    ///
    /// # Errors
    /// Those of sendto(2) that no ICMP error explains.
    pub fn send_past_errors(
        &mut self,
        socket: &UdpSocket,
        packet: &[u8],
        to: SocketAddr,
    ) -> io::Result<()> {
        loop {
            match socket.send_to(packet, to) {
                Ok(_) => return Ok(()),
                // Each time around, errors were taken, so that there is an end.
                Err(why) if self.excuses(socket, &why) => {}
                Err(why) => return Err(why),
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use packets::icmp::Version;

    #[test]
    fn a_send_that_fails_for_an_earlier_ones_error_is_made_again_and_the_error_is_kept() {
        let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(sys::queue_errors(&socket, Version::V4));
        let mut queue = ErrorQueue::default();
        // On loopback the error is back before `send` returns.
        for number in 1..=3 {
            let request = format!("probe {number}");
            queue.send_past_errors(&socket, request.as_bytes(), closed).unwrap();
        }
        let nothing = || ErrorKind::WouldBlock.into();
        let told = std::iter::from_fn(|| match queue.instead(&socket, nothing()) {
            Ok(Instead::Error(error)) => Some((error.problem, error.request)),
            _ => None,
        });
        let problem = Problem::port_unreachable(Version::V4);
        let expected = [b"probe 1", b"probe 2", b"probe 3"].map(|probe| (problem, probe.to_vec()));
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_failure_that_nothing_explains_is_its_own() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut queue = ErrorQueue::default();
        let why = queue.instead(&socket, ErrorKind::PermissionDenied.into()).unwrap_err();
        assert_eq!(why.kind(), ErrorKind::PermissionDenied);
        let silence = queue.instead(&socket, ErrorKind::WouldBlock.into()).unwrap();
        assert!(matches!(silence, Instead::Silence));
    }
}
