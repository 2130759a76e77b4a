//! ICMP errors on purpose: a server says that it cannot be reached, in place of a reply.
//!
//! A program may claim what otherwise only a router or a kernel says: a raw
//! socket sends whatever it is given. For the client's kernel to believe it,
//! and to know whom to tell, the error has to quote a packet of the client's.
//! The server has not seen that packet from the outside, so it is
//! [built anew](packets::quoted::quote), with the true addresses, ports,
//! lengths and UDP checksum, and for TCP the sequence number; nothing else in
//! it decides anything.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use crate::errors::cause;
use crate::privilege::Mends;
use crate::sockets::address_towards;
use packets::icmp::{self, Version};
use packets::icmp_error::{IcmpError, Problem};
use packets::ipv4::{TCP, UDP};
use packets::quoted::{Quoted, Transport, quote};
use packets::udp;

mod flags;

pub use flags::{RejectArgs, ServerFlags, With};

/// Sends the errors, from a raw socket for each version of IP that a client may have.
#[derive(Debug)]
pub struct Rejecter {
    with: With,
    sockets: Vec<(Version, UdpSocket)>,
}

impl Rejecter {
    /// One for a server on this address, if the flags ask for it.
    ///
    /// # Errors
    /// One line for a person: no raw socket, and what would help.
    pub fn if_asked(args: &RejectArgs, server: SocketAddr) -> Result<Option<Rejecter>, String> {
        if args.reject_rate.is_none() {
            return Ok(None);
        }
        let own = server.ip();
        // A socket on every address of IPv6 serves clients of IPv4 as well.
        let other = (own == Ipv6Addr::UNSPECIFIED).then(|| Ipv4Addr::UNSPECIFIED.into());
        let sockets = [Some(own), other]
            .into_iter()
            .flatten()
            .map(|own| Ok((Version::of(own), raw_socket(own, server)?)))
            .collect::<io::Result<_>>()
            .map_err(|why| no_raw_socket(&why))?;
        Ok(Some(Rejecter { with: args.reject_with, sockets }))
    }

    /// The error with which a client's request is rejected.
    pub fn problem(&self, client: SocketAddr, draw: u64) -> Problem {
        self.with.problem(Version::of(client.ip().to_canonical()), draw)
    }

    /// Rejects a datagram that came to `server`; false if the operating system refuses.
    pub fn datagram(
        &self,
        problem: Problem,
        client: SocketAddr,
        server: SocketAddr,
        request: &[u8],
    ) -> bool {
        let (from, to) = (client.ip().to_canonical(), server.ip().to_canonical());
        let to = match to.is_unspecified() {
            // Where its datagram went, unless this host has several on that side.
            true => address_towards(client).map_or(to, |own| own.ip().to_canonical()),
            false => to,
        };
        let mut datagram = Vec::new();
        udp::emit((from, client.port()), (to, server.port()), request, &mut datagram);
        self.send(problem, client, &quote(from, to, UDP, &datagram, datagram.len()))
    }

    /// Rejects what came in on a connection. By now the client knows that it
    /// arrived: it has been acknowledged. Linux believes an error only if it
    /// quotes a number of which that cannot be said, from the first that is
    /// not acknowledged up to and including the next that will be sent (in
    /// `tcp_v4_err`, against forgers; RFC 5927, section 4.1). Here the two are
    /// one: the number of the next byte, which is quoted as an empty segment
    /// would bear it, that is, as an acknowledgement does.
    ///
    /// `initial` is the client's [`initial_sequence`]. False if that is not
    /// known, or if the operating system refuses.
    pub fn segment(
        &self,
        problem: Problem,
        client: SocketAddr,
        stream: &TcpStream,
        initial: Option<u32>,
    ) -> bool {
        let numbers = initial.zip(sys::bytes_received(stream));
        let (Some((initial, received)), Ok(server)) = (numbers, stream.local_addr()) else {
            return false;
        };
        // The SYN has a number of its own; and all of them begin again at 2^32.
        let sequence = initial.wrapping_add(1).wrapping_add(received as u32);
        let (from, to) = (client.ip().to_canonical(), server.ip().to_canonical());
        let mut segment = Vec::new();
        segment.extend_from_slice(&client.port().to_be_bytes());
        segment.extend_from_slice(&server.port().to_be_bytes());
        segment.extend_from_slice(&sequence.to_be_bytes());
        // These are the eight bytes that RFC 792 wants; a whole header has 20.
        self.send(problem, client, &quote(from, to, TCP, &segment, 20))
    }

    fn send(&self, problem: Problem, client: SocketAddr, quoted: &[u8]) -> bool {
        let Some((_, socket)) = self.sockets.iter().find(|(own, _)| *own == problem.version) else {
            return false;
        };
        let mut message = Vec::new();
        IcmpError { problem, quoted, extensions: &[] }.emit(&mut message);
        let mut to = client;
        to.set_port(0);
        let to = match (problem.version, client.ip().to_canonical()) {
            (Version::V4, address) => {
                icmp::set_checksum(address, address, &mut message);
                SocketAddr::new(address, 0)
            }
            // ICMPv6's checksum covers the addresses, and Linux works it out
            // when it has chosen ours. A link's address keeps its scope.
            (Version::V6, _) => to,
        };
        socket.send_to(&message, to).is_ok()
    }
}

/// The number with which a client's stream began: it stands in its SYN, which
/// the kernel keeps if [`sys::keep_syns`] has asked for it, and shows once.
pub fn initial_sequence(stream: &TcpStream) -> Option<u32> {
    let syn = sys::take_syn(stream)?;
    let version = if syn.first()? >> 4 == 4 { Version::V4 } else { Version::V6 };
    match Quoted::parse(version, &syn).ok()?.transport {
        Transport::Tcp { sequence, .. } => Some(sequence),
        _ => None,
    }
}

/// A raw socket that sends from `own`, if that is a certain address.
fn raw_socket(own: IpAddr, server: SocketAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match own {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    // It also receives every ICMP message that reaches this host. Nobody reads
    // them here, so they are to take up no memory; the kernel has its minimum.
    socket.set_recv_buffer_size(0)?;
    let mut from = server;
    from.set_ip(own);
    from.set_port(0);
    socket.bind(&from.into())?;
    Ok(socket.into())
}

fn no_raw_socket(why: &io::Error) -> String {
    let what = "cannot send ICMP errors, which --reject-rate asks for";
    match why.kind() {
        io::ErrorKind::PermissionDenied => {
            let mends = Mends::here().for_a_raw_socket();
            format!("{what}: a raw socket needs root or CAP_NET_RAW; {mends}")
        }
        _ => format!("{what}: no raw socket: {}", cause(why)),
    }
}
