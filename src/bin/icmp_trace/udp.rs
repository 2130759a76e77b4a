//! Tracing by UDP, as the first traceroute did: the probes go to ports on which nobody listens.
//!
//! Routers answer them as they answer any packet; the target itself with
//! "port unreachable". Each probe has a port of its own, so that an error,
//! which quotes the ports, says which probe it answers. On Linux an ordinary
//! socket is told of all this in its error queue: no privilege is needed.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use logic::trace::Response;
use packets::icmp::Version;
use socklab::clock;
use socklab::error_queue::{ErrorQueue, IcmpError, Instead};
use socklab::errors::cause;
use socklab::icmp_prober::Heard;
use socklab::sockets::any_port;
use sys::Packet;

/// Sends datagrams to closed ports, and hears what comes of them.
#[derive(Debug)]
pub struct UdpProber {
    pub socket: UdpSocket,
    version: Version,
    /// With the port of the first probe.
    target: SocketAddr,
    payload: Vec<u8>,
    buffer: Vec<u8>,
    errors: ErrorQueue,
}

impl UdpProber {
    /// The first probe goes to the port of `target`, the second to the next
    /// one, and so on; each carries `payload`. With `whole`, routers may not
    /// cut the probes into fragments.
    ///
    /// # Errors
    /// One line for a person: no socket, or no error queue.
    pub fn open(target: SocketAddr, payload: Vec<u8>, whole: bool) -> Result<UdpProber, String> {
        // Not connected, as its probes go to many ports.
        let socket = UdpSocket::bind(any_port(target))
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
        Ok(UdpProber { socket, version, target, payload, buffer, errors: ErrorQueue::default() })
    }

    /// Sends probe number `seq`, to go no further than `ttl` hops.
    ///
    /// # Errors
    /// Those of setsockopt(2) and sendto(2), but never the ICMP error of an
    /// earlier probe.
    pub fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()> {
        let mut to = self.target;
        to.set_port(port(self.target, seq));
        sys::set_ttl(&self.socket, self.version, ttl)?;
        self.errors.send_past_errors(&self.socket, &self.payload, to)
    }

    /// Waits for a response, but no longer than `time`.
    ///
    /// # Errors
    /// Those of recvmsg(2) that no ICMP error explains.
    pub fn listen(&mut self, time: Duration) -> io::Result<Heard> {
        let instead = match self.errors.oldest() {
            Some(error) => Instead::Error(error),
            None => match sys::receive_packet(&self.socket, &mut self.buffer, time) {
                Ok(packet) => return Ok(heard(reply(self.target, &packet))),
                Err(why) => self.errors.instead(&self.socket, why)?,
            },
        };
        Ok(match instead {
            Instead::Error(error) => heard(answer(self.target, &error)),
            Instead::Silence => Heard::Silence,
            Instead::Interrupted => Heard::Other,
        })
    }
}

fn heard(response: Option<Response>) -> Heard {
    response.map_or(Heard::Other, Heard::Response)
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

/// An error tells by the port in its quotation which probe it answers.
fn answer(target: SocketAddr, error: &IcmpError) -> Option<Response> {
    let to = error.to.filter(|to| to.ip() == target.ip())?;
    let seq = seq(target, to.port());
    let IcmpError { problem, from, ttl, arrival, .. } = *error;
    Some(Response { seq, error: Some(problem), from: from?, ttl, arrival })
}

/// Somebody listens there after all, and sent a datagram.
fn reply(target: SocketAddr, packet: &Packet) -> Option<Response> {
    let arrival = clock::arrival(packet.stamp);
    let from = packet.from.filter(|from| from.ip() == target.ip())?;
    let seq = seq(target, from.port());
    Some(Response { seq, error: None, from: from.ip(), ttl: packet.ttl, arrival })
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp_error::Problem;
    use std::net::IpAddr;

    fn target() -> SocketAddr {
        "10.0.3.2:33434".parse().unwrap()
    }

    fn error(to: &str) -> IcmpError {
        IcmpError {
            problem: Problem { version: Version::V4, kind: 11, code: 0, rest: 0 },
            from: Some(IpAddr::from([10, 0, 1, 1])),
            to: Some(to.parse().unwrap()),
            request: Vec::new(),
            ttl: None,
            arrival: clock::arrival(None),
        }
    }

    #[test]
    fn an_error_says_by_its_port_which_probe_it_answers() {
        for (to, seq) in [("10.0.3.2:33434", 1), ("10.0.3.2:33523", 90)] {
            assert_eq!(answer(target(), &error(to)).unwrap().seq, seq);
        }
        assert_eq!(port(target(), 90), 33523);
    }

    #[test]
    fn errors_of_others_are_passed_over() {
        assert!(answer(target(), &error("10.0.3.3:33434")).is_none());
        // Below the first port lie the numbers that the plan does not know.
        assert_eq!(seq(target(), 33433), 0);
        assert_eq!(seq(target(), 33432), u16::MAX);
    }
}
