//! Tracing by ICMP echo: the probes are ping's requests.
//!
//! On a raw socket both the routers' errors and the target's replies are read
//! like any packet. A datagram socket is given the replies alone; there the
//! errors wait in its error queue.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::clock;
use crate::error_queue::IcmpError;
use crate::icmp_socket::{self, IcmpSocket, Received};
use logic::trace::Response;
use packets::checksum;
use packets::icmp::{Body, Echo, Message, Version};
use packets::icmp_error::Problem;
use packets::quoted::{Quoted, Transport};

/// What came of listening for responses.
#[derive(Debug)]
pub enum Heard {
    Response(Response),
    /// Nothing came in time, and nothing is left to read.
    Silence,
    /// A packet that has nothing to do with our probes, or a signal.
    Other,
}

/// Sends echo requests, and hears what comes of them.
#[derive(Debug)]
pub struct IcmpProber {
    pub icmp: IcmpSocket,
    target: SocketAddr,
    payload: Vec<u8>,
    packet: Vec<u8>,
    buffer: Vec<u8>,
}

impl IcmpProber {
    /// Every probe carries `payload`. With `whole`, routers may not cut the
    /// probes into fragments.
    ///
    /// # Errors
    /// One line for a person: no ICMP socket is allowed, and each mend.
    pub fn open(target: SocketAddr, payload: Vec<u8>, whole: bool) -> Result<IcmpProber, String> {
        let icmp = IcmpSocket::open(Version::of(target.ip()))?;
        sys::forbid_fragments(&icmp.socket, icmp.version, whole);
        Ok(IcmpProber { icmp, target, payload, packet: Vec::new(), buffer: vec![0; 65_536] })
    }

    /// Sends probe number `seq`, to go no further than `ttl` hops.
    ///
    /// # Errors
    /// Those of setsockopt(2) and sendto(2), but never the ICMP error of an
    /// earlier probe.
    pub fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()> {
        let IcmpSocket { version, identifier, .. } = self.icmp;
        let echo = Echo { identifier, sequence: seq, payload: &self.payload };
        echo.emit(version, version.echo_request(), &mut self.packet);
        let socket = &self.icmp.socket;
        sys::set_ttl(socket, version, ttl)?;
        self.icmp.errors.send_past_errors(socket, &self.packet, self.target)
    }

    /// Waits for a response, but no longer than `time`.
    ///
    /// # Errors
    /// Those of recvmsg(2) that no ICMP error explains.
    pub fn listen(&mut self, time: Duration) -> io::Result<Heard> {
        let ours = Ours {
            version: self.icmp.version,
            identifier: self.icmp.identifier,
            target: self.target.ip(),
            payload: &self.payload,
        };
        let response = match self.icmp.listen(&mut self.buffer, time)? {
            icmp_socket::Heard::Message(received) => ours.message(&received),
            icmp_socket::Heard::Error(error) => ours.queued(&error),
            icmp_socket::Heard::Silence => return Ok(Heard::Silence),
            icmp_socket::Heard::Interrupted => None,
        };
        Ok(response.map_or(Heard::Other, Heard::Response))
    }
}

/// By what a response to a probe of ours is known: a raw socket is given all
/// ICMP messages that reach this machine, whomever they answer.
#[derive(Debug, Clone, Copy)]
struct Ours<'a> {
    version: Version,
    identifier: u16,
    target: IpAddr,
    payload: &'a [u8],
}

impl Ours<'_> {
    /// A message that came in, if it answers a probe.
    fn message(&self, received: &Received) -> Option<Response> {
        let from = received.packet.from?.ip();
        // Over IPv6 the kernel has checked it; over IPv4 a raw socket is given
        // damaged messages as well.
        if self.version == Version::V4 && !checksum::is_right(&[received.message]) {
            return None;
        }
        let (seq, error) = self.read(received.message, from)?;
        let arrival = clock::arrival(received.packet.stamp);
        Some(Response { seq, error, from, ttl: received.packet.ttl, arrival })
    }

    /// An error from the queue of a datagram socket. The kernel found the
    /// socket by the quotation's identifier, and hands out the request.
    fn queued(&self, error: &IcmpError) -> Option<Response> {
        let Body::EchoRequest(echo) = Message::parse(self.version, &error.request).ok()?.body
        else {
            return None;
        };
        Some(Response {
            seq: echo.sequence,
            error: Some(error.problem),
            from: error.from?,
            ttl: error.ttl,
            arrival: error.arrival,
        })
    }

    /// Which probe a message answers, and with which error, if with any.
    fn read(&self, message: &[u8], from: IpAddr) -> Option<(u16, Option<Problem>)> {
        match Message::parse(self.version, message).ok()?.body {
            Body::EchoReply(echo) => {
                let ours = echo.identifier == self.identifier
                    && echo.payload == self.payload
                    && from == self.target;
                ours.then_some((echo.sequence, None))
            }
            // After a redirect the probe went on all the same.
            Body::Error(error) if !error.problem.is_redirect() => {
                let quoted = Quoted::parse(self.version, error.quoted).ok()?;
                let Transport::Echo { identifier, sequence } = quoted.transport else {
                    return None;
                };
                let ours = identifier == self.identifier && quoted.destination == self.target;
                ours.then_some((sequence, Some(error.problem)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp_error;
    use packets::{ipv4, ipv6};
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr};

    const ALICE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
    const BOB: Ipv4Addr = Ipv4Addr::new(10, 0, 3, 2);
    const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1));
    const EXPIRED: Problem = Problem { version: Version::V4, kind: 11, code: 0, rest: 0 };
    const OURS: Ours =
        Ours { version: Version::V4, identifier: 7, target: IpAddr::V4(BOB), payload: b"probe" };

    fn echo(kind: u8, identifier: u16, sequence: u16, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Echo { identifier, sequence, payload }.emit(Version::V4, kind, &mut bytes);
        bytes
    }

    /// The error of a router that quotes a request to `destination`, of which
    /// it quotes this many bytes behind the IP header.
    fn error(problem: Problem, destination: Ipv4Addr, request: &[u8], quotes: usize) -> Vec<u8> {
        let header = ipv4::Header {
            type_of_service: 0,
            total_length: (20 + request.len()) as u16,
            identification: 0,
            dont_fragment: false,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 1,
            protocol: ipv4::ICMP,
            checksum: 0,
            source: ALICE,
            destination,
            options: &[],
        };
        let mut quoted = Vec::new();
        header.emit(&mut quoted);
        quoted.extend_from_slice(&request[..quotes]);
        let mut bytes = Vec::new();
        icmp_error::IcmpError { problem, quoted: &quoted, extensions: &[] }.emit(&mut bytes);
        bytes
    }

    #[test]
    fn an_error_is_ours_by_its_quotation_even_if_that_is_cut_to_eight_bytes() {
        let request = echo(8, 7, 3, b"probe");
        for quotes in [8, 13] {
            let message = error(EXPIRED, BOB, &request, quotes);
            assert_eq!(OURS.read(&message, ROUTER), Some((3, Some(EXPIRED))));
        }
        let message = error(EXPIRED, BOB, &request, 7);
        assert_eq!(OURS.read(&message, ROUTER), None);
    }

    #[test]
    fn errors_to_the_probes_of_others_are_passed_over() {
        let request = echo(8, 7, 3, b"probe");
        let to_another = error(EXPIRED, ALICE, &request, 8);
        let of_another = error(EXPIRED, BOB, &echo(8, 8, 3, b"probe"), 8);
        let redirect = error(Problem { kind: 5, ..EXPIRED }, BOB, &request, 8);
        let unquoted = [11, 0, 0, 0, 0, 0, 0, 0].to_vec();
        for message in [to_another, of_another, redirect, unquoted] {
            assert_eq!(OURS.read(&message, ROUTER), None);
        }
    }

    #[test]
    fn only_the_targets_reply_with_our_identifier_and_payload_is_one() {
        let reply = echo(0, 7, 3, b"probe");
        assert_eq!(OURS.read(&reply, BOB.into()), Some((3, None)));
        // Our own request comes by on loopback.
        let request = echo(8, 7, 3, b"probe");
        let of_another = echo(0, 8, 3, b"probe");
        let spoilt = echo(0, 7, 3, b"prebe");
        for message in [request, of_another, spoilt] {
            assert_eq!(OURS.read(&message, BOB.into()), None);
        }
        assert_eq!(OURS.read(&reply, ROUTER), None);
    }

    #[test]
    fn over_ipv6_it_is_the_same() {
        let target = Ipv6Addr::LOCALHOST;
        let ours = Ours { version: Version::V6, target: target.into(), ..OURS };
        let mut request = Vec::new();
        Echo { identifier: 7, sequence: 9, payload: b"probe" }.emit(Version::V6, 128, &mut request);
        let mut quoted = Vec::new();
        let header = ipv6::Header {
            traffic_class: 0,
            flow_label: 0,
            payload_length: request.len() as u16,
            next_header: ipv6::ICMPV6,
            hop_limit: 1,
            source: target,
            destination: target,
        };
        header.emit(&mut quoted);
        quoted.extend_from_slice(&request[..8]);
        let problem = Problem { version: Version::V6, kind: 3, code: 0, rest: 0 };
        let mut message = Vec::new();
        icmp_error::IcmpError { problem, quoted: &quoted, extensions: &[] }.emit(&mut message);
        assert_eq!(ours.read(&message, ROUTER), Some((9, Some(problem))));
        request[0] = 129;
        assert_eq!(ours.read(&request, target.into()), Some((9, None)));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes: Vec<u8>, kind: u8) {
            let _ = OURS.read(&bytes, ROUTER);
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let _ = Ours { version: Version::V6, ..OURS }.read(&bytes, ROUTER);
        }
    }
}
