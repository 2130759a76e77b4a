//! Tracing by UDP, as the first traceroute did: the probes go to ports on which nobody listens.
//!
//! Routers answer them as they answer any packet; the target itself with
//! "port unreachable". Each probe has a port of its own, so that an error,
//! which quotes the ports, says which probe it answers. On Linux an ordinary
//! socket is told of all this in its error queue: no privilege is needed.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use super::{Answer, Heard, Prober};
use crate::clock::Arrival;
use crate::endpoint::cause;
use crate::sys::{self, Packet, QueuedError};
use packets::icmp::Version;

/// Sends datagrams to closed ports, and hears what comes of them.
#[derive(Debug)]
pub struct UdpProber {
    socket: UdpSocket,
    version: Version,
    /// With the port of the probe whose number would be 0.
    target: SocketAddr,
    payload: Vec<u8>,
    buffer: Vec<u8>,
}

impl UdpProber {
    /// The first probe goes to the port of `target`, the second to the next
    /// one, and so on; `size` is that of the payload, in bytes. With `whole`,
    /// routers may not cut the probes into fragments.
    ///
    /// # Errors
    /// One line for a person: no socket, or no error queue.
    pub fn open(target: SocketAddr, size: usize, whole: bool) -> Result<UdpProber, String> {
        let any = if target.is_ipv4() {
            SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0))
        } else {
            SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))
        };
        // Not connected, as its probes go to many ports.
        let socket = UdpSocket::bind(any)
            .map_err(|why| format!("cannot open a UDP socket: {}", cause(&why)))?;
        let version = Version::of(target.ip());
        if !sys::queue_errors(&socket, version) {
            return Err("this system does not tell a UDP socket of routers' errors, as Linux \
                        does; leave out --udp"
                .to_string());
        }
        sys::stamp_arrivals(&socket);
        sys::show_ttl(&socket, version);
        sys::forbid_fragments(&socket, version, whole);
        let buffer = vec![0; 65_536];
        Ok(UdpProber { socket, version, target, payload: super::payload(size), buffer })
    }

    /// The oldest error in the queue, if it answers a probe of ours.
    fn queued(&mut self) -> io::Result<Option<Option<Heard>>> {
        let error = sys::next_error(&self.socket, &mut self.buffer)?;
        Ok(error.map(|error| error_heard(self.target, &error)))
    }
}

impl Prober for UdpProber {
    fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()> {
        let mut to = self.target;
        to.set_port(port(self.target, seq));
        super::set_ttl(&self.socket, self.version, ttl)?;
        super::send_to(&self.socket, &self.payload, to)
    }

    fn hear(&mut self, patience: Duration) -> io::Result<Option<Heard>> {
        if let Some(error) = self.queued()? {
            return Ok(error);
        }
        match sys::receive_packet(&self.socket, &mut self.buffer, patience) {
            Ok(packet) => Ok(reply_heard(self.target, &packet)),
            Err(why) if why.kind() == ErrorKind::Interrupted => Err(why),
            // Either nothing came, or an error that can now be taken.
            Err(why) => super::from_queue(self.queued()?, why),
        }
    }
}

/// The port of a probe.
fn port(target: SocketAddr, seq: u16) -> u16 {
    target.port().wrapping_add(seq).wrapping_sub(1)
}

/// The number of the probe that went to a port; one that was never sent if
/// none did.
fn seq(target: SocketAddr, port: u16) -> u16 {
    port.wrapping_sub(target.port()).wrapping_add(1)
}

fn error_heard(target: SocketAddr, error: &QueuedError) -> Option<Heard> {
    let arrival = Arrival::new(error.stamp);
    let to = error.to.filter(|to| to.ip() == target.ip())?;
    let (problem, from) = (error.problem?, error.from?);
    let seq = seq(target, to.port());
    Some(Heard { seq, answer: Answer::Error(problem), from, ttl: error.ttl, arrival })
}

/// Somebody listens there after all, and sent a datagram.
fn reply_heard(target: SocketAddr, packet: &Packet) -> Option<Heard> {
    let arrival = Arrival::new(packet.stamp);
    let from = packet.from.filter(|from| from.ip() == target.ip())?;
    let seq = seq(target, from.port());
    Some(Heard { seq, answer: Answer::Reply, from: from.ip(), ttl: packet.ttl, arrival })
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp_error::Problem;
    use std::net::IpAddr;

    fn target() -> SocketAddr {
        "10.0.3.2:33434".parse().unwrap()
    }

    fn error(to: &str) -> QueuedError {
        QueuedError {
            why: ErrorKind::HostUnreachable.into(),
            problem: Some(Problem { version: Version::V4, kind: 11, code: 0, rest: 0 }),
            mtu: None,
            from: Some(IpAddr::from([10, 0, 1, 1])),
            to: Some(to.parse().unwrap()),
            length: 0,
            ttl: None,
            stamp: None,
        }
    }

    #[test]
    fn an_error_says_by_its_port_which_probe_it_answers() {
        for (to, seq) in [("10.0.3.2:33434", 1), ("10.0.3.2:33523", 90)] {
            assert_eq!(error_heard(target(), &error(to)).unwrap().seq, seq);
        }
        assert_eq!(port(target(), 90), 33523);
    }

    #[test]
    fn errors_of_others_and_of_this_machine_itself_are_passed_over() {
        assert!(error_heard(target(), &error("10.0.3.3:33434")).is_none());
        let own = QueuedError { problem: None, ..error("10.0.3.2:33434") };
        assert!(error_heard(target(), &own).is_none());
        // Below the first port lie the numbers that the plan does not know.
        assert_eq!(seq(target(), 33433), 0);
        assert_eq!(seq(target(), 33432), u16::MAX);
    }
}
