//! Tracing by ICMP echo: the probes are ping's requests.
//!
//! On a raw socket both the routers' errors and the target's replies are read
//! like any packet. A datagram socket is given the replies alone; there the
//! errors wait in its error queue.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Answer, Heard, Prober};
use crate::clock::Arrival;
use crate::icmp_socket::{IcmpSocket, Kind};
use crate::sys;
use packets::checksum;
use packets::icmp::{Body, Echo, Message, Version};
use packets::quoted::{Quoted, Transport};

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
    /// `size` is that of the payload, in bytes. With `whole`, routers may not
    /// cut the probes into fragments.
    ///
    /// # Errors
    /// One line for a person: no ICMP socket is allowed, and each mend.
    pub fn open(target: SocketAddr, size: usize, whole: bool) -> Result<IcmpProber, String> {
        let icmp = IcmpSocket::open(Version::of(target.ip()))?;
        sys::forbid_fragments(&icmp.socket, icmp.version, whole);
        let buffer = vec![0; 65_536];
        let packet = Vec::new();
        Ok(IcmpProber { icmp, target, payload: super::payload(size), packet, buffer })
    }

    /// The oldest error in the queue, if it answers a probe of ours.
    fn queued(&mut self) -> io::Result<Option<Option<Heard>>> {
        let Some(error) = sys::next_error(&self.icmp.socket, &mut self.buffer)? else {
            return Ok(None);
        };
        let arrival = Arrival::new(error.stamp);
        // The kernel found our socket by the quotation's identifier, and hands
        // out the quoted request.
        let request = Message::parse(self.icmp.version, &self.buffer[..error.length]);
        let seq = request.ok().and_then(|request| match request.body {
            Body::EchoRequest(echo) => Some(echo.sequence),
            _ => None,
        });
        let (Some(seq), Some(problem), Some(from)) = (seq, error.problem, error.from) else {
            return Ok(Some(None));
        };
        let answer = Answer::Error(problem);
        Ok(Some(Some(Heard { seq, answer, from, ttl: error.ttl, arrival })))
    }
}

impl Prober for IcmpProber {
    fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()> {
        let version = self.icmp.version;
        let identifier = self.icmp.identifier;
        let echo = Echo { identifier, sequence: seq, payload: &self.payload };
        echo.emit(version, version.echo_request(), &mut self.packet);
        super::set_ttl(&self.icmp.socket, version, ttl)?;
        super::send_to(&self.icmp.socket, &self.packet, self.target)
    }

    fn hear(&mut self, patience: Duration) -> io::Result<Option<Heard>> {
        if self.icmp.kind == Kind::Datagram
            && let Some(error) = self.queued()?
        {
            return Ok(error);
        }
        let received = match self.icmp.receive(&mut self.buffer, patience) {
            Ok(received) => received,
            Err(why) if why.kind() == ErrorKind::Interrupted => return Err(why),
            Err(why) if self.icmp.kind == Kind::Datagram => {
                // Either nothing came, or an error that can now be taken.
                return super::from_queue(self.queued()?, why);
            }
            Err(why) => return Err(why),
        };
        let arrival = Arrival::new(received.packet.stamp);
        let Some(from) = received.packet.from.map(|from| from.ip()) else {
            return Ok(None);
        };
        // Over IPv6 the kernel has checked it; over IPv4 a raw socket is given
        // damaged messages as well.
        let damaged = self.icmp.version == Version::V4 && !checksum::is_right(&[received.message]);
        let ours = Ours {
            version: self.icmp.version,
            identifier: self.icmp.identifier,
            target: self.target.ip(),
            payload: &self.payload,
        };
        let answer = if damaged { None } else { ours.read(received.message, from) };
        let ttl = received.packet.ttl;
        Ok(answer.map(|(seq, answer)| Heard { seq, answer, from, ttl, arrival }))
    }
}

/// By what an answer to a probe of ours is known: a raw socket is given all
/// ICMP messages that reach this machine, whomever they answer.
#[derive(Debug, Clone, Copy)]
struct Ours<'a> {
    version: Version,
    identifier: u16,
    target: IpAddr,
    payload: &'a [u8],
}

impl Ours<'_> {
    /// Which probe a message answers, and how.
    fn read(&self, message: &[u8], from: IpAddr) -> Option<(u16, Answer)> {
        match Message::parse(self.version, message).ok()?.body {
            Body::EchoReply(echo) => {
                let ours = echo.identifier == self.identifier
                    && echo.payload == self.payload
                    && from == self.target;
                ours.then_some((echo.sequence, Answer::Reply))
            }
            // After a redirect the probe went on all the same.
            Body::Error(error) if !error.problem.is_redirect() => {
                let quoted = Quoted::parse(self.version, error.quoted).ok()?;
                let Transport::Echo { identifier, sequence } = quoted.transport else {
                    return None;
                };
                let ours = identifier == self.identifier && quoted.destination == self.target;
                ours.then_some((sequence, Answer::Error(error.problem)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp_error::{IcmpError, Problem};
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
        IcmpError { problem, quoted: &quoted, extensions: &[] }.emit(&mut bytes);
        bytes
    }

    #[test]
    fn an_error_is_ours_by_its_quotation_even_if_that_is_cut_to_eight_bytes() {
        let request = echo(8, 7, 3, b"probe");
        for quotes in [8, 13] {
            let message = error(EXPIRED, BOB, &request, quotes);
            assert_eq!(OURS.read(&message, ROUTER), Some((3, Answer::Error(EXPIRED))));
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
        assert_eq!(OURS.read(&reply, BOB.into()), Some((3, Answer::Reply)));
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
        IcmpError { problem, quoted: &quoted, extensions: &[] }.emit(&mut message);
        assert_eq!(ours.read(&message, ROUTER), Some((9, Answer::Error(problem))));
        request[0] = 129;
        assert_eq!(ours.read(&request, target.into()), Some((9, Answer::Reply)));
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
