//! ICMP errors on purpose: a server says that it cannot be reached, in place of a reply.
//!
//! A program may claim what otherwise only a router or a kernel says: a raw
//! socket sends whatever it is given. For the client's kernel to believe it,
//! and to know whom to tell, the error has to quote a packet of the client's.
//! The server has not seen that packet from the outside, so it is built anew.
//! True are the addresses, the ports, the lengths and the UDP checksum, and
//! for TCP the sequence number; nothing else in it decides anything. Guessed
//! are TTL and hop limit (64 is where most begin), identification,
//! flow label and type of service (0), and that it was not a fragment.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};

use clap::{Args, ValueEnum};
use socket2::{Domain, Protocol, Socket, Type};

use crate::cli::Rate;
use crate::endpoint::{address_towards, cause};
use crate::impair::ImpairArgs;
use crate::sys;
use packets::icmp::{self, Version};
use packets::icmp_error::{IcmpError, Problem};
use packets::ipv4::{self, TCP, UDP};
use packets::quoted::{Quoted, Transport};
use packets::{ipv6, udp};

/// The flags with which a server rejects requests.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "ICMP errors on purpose")]
pub struct RejectArgs {
    /// Send an ICMP error in place of this share of the replies, at once (needs root or CAP_NET_RAW)
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub reject_rate: Option<Rate>,
    /// What the error says; random draws it from the seed
    #[arg(
        long,
        value_name = "ERROR",
        value_enum,
        default_value = "host-unreachable",
        requires = "reject_rate"
    )]
    pub reject_with: With,
}

/// All flags of a server that damages on purpose, as clients know them to be its.
#[derive(Debug, Args)]
pub struct ServerFlags {
    #[command(flatten)]
    pub impair: ImpairArgs,
    #[command(flatten)]
    pub reject: RejectArgs,
}

impl RejectArgs {
    /// For a server's first line, behind "reject 20% with".
    pub fn with(&self) -> String {
        let name = self.reject_with.to_possible_value();
        name.map_or(String::new(), |name| name.get_name().to_string())
    }
}

/// What an error can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum With {
    HostUnreachable,
    NetUnreachable,
    ProtocolUnreachable,
    PortUnreachable,
    AdminProhibited,
    Random,
}

impl With {
    /// The error's type and code; `draw` is a random number, for who has the choice.
    pub fn problem(self, version: Version, draw: u64) -> Problem {
        const ALL: [With; 5] = [
            With::HostUnreachable,
            With::NetUnreachable,
            With::ProtocolUnreachable,
            With::PortUnreachable,
            With::AdminProhibited,
        ];
        // RFC 792, and RFC 1812 section 5.2.7.1 for code 13; RFC 4443, sections
        // 3.1 and 3.4: over IPv6 an unknown protocol is a parameter problem,
        // and the byte that is meant is the header's "next header".
        let (kind, code, rest) = match (self, version) {
            (With::Random, _) => {
                let chosen = ALL[(draw % ALL.len() as u64) as usize];
                return chosen.problem(version, draw);
            }
            (With::PortUnreachable, _) => return Problem::port_unreachable(version),
            (With::NetUnreachable, Version::V4) => (3, 0, 0),
            (With::HostUnreachable, Version::V4) => (3, 1, 0),
            (With::ProtocolUnreachable, Version::V4) => (3, 2, 0),
            (With::AdminProhibited, Version::V4) => (3, 13, 0),
            (With::NetUnreachable, Version::V6) => (1, 0, 0),
            (With::HostUnreachable, Version::V6) => (1, 3, 0),
            (With::ProtocolUnreachable, Version::V6) => (4, 1, 6),
            (With::AdminProhibited, Version::V6) => (1, 1, 0),
        };
        Problem { version, kind, code, rest }
    }
}

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

/// The client's packet as an error quotes it: an IP header of ours, and behind
/// it as much of `bytes` as fits. `length` is that of all that stood there.
fn quote(from: IpAddr, to: IpAddr, protocol: u8, bytes: &[u8], length: usize) -> Vec<u8> {
    let mut packet = Vec::new();
    let most = match (from, to) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = ipv4::Header {
                type_of_service: 0,
                total_length: (ipv4::HEADER + length) as u16,
                identification: 0,
                dont_fragment: true,
                more_fragments: false,
                fragment_offset: 0,
                ttl: 64,
                protocol,
                checksum: 0,
                source,
                destination,
                options: &[],
            };
            header.emit(&mut packet);
            // RFC 1812, section 4.3.2.3: as much as fits into 576 bytes.
            576 - ipv4::HEADER - icmp::HEADER
        }
        (from, to) => {
            let v6 = |address| match address {
                IpAddr::V4(address) => address.to_ipv6_mapped(),
                IpAddr::V6(address) => address,
            };
            let header = ipv6::Header {
                traffic_class: 0,
                flow_label: 0,
                payload_length: length as u16,
                next_header: protocol,
                hop_limit: 64,
                source: v6(from),
                destination: v6(to),
            };
            header.emit(&mut packet);
            // RFC 4443, section 2.4: as much as fits into 1280 bytes.
            1280 - ipv6::HEADER - icmp::HEADER
        }
    };
    packet.extend_from_slice(bytes);
    packet.truncate(most);
    packet
}

/// A raw socket that sends from `own`, if that is a certain address.
fn raw_socket(own: IpAddr, server: SocketAddr) -> io::Result<UdpSocket> {
    let (domain, protocol) = match own {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = Socket::new(domain, Type::RAW, Some(protocol))?;
    // It also receives every ICMP message that reaches this host. Nobody reads
    // them here, so they shall not take up memory; the kernel has its minimum.
    socket.set_recv_buffer_size(0)?;
    let mut from = server;
    from.set_ip(own);
    from.set_port(0);
    socket.bind(&from.into())?;
    Ok(socket.into())
}

fn no_raw_socket(why: &io::Error) -> String {
    let what = "cannot send ICMP errors, which --reject-rate asks for";
    if why.kind() != io::ErrorKind::PermissionDenied {
        return format!("{what}: no raw socket: {}", cause(why));
    }
    let mut words = std::env::args();
    let named = words.next().unwrap_or_default();
    let program = std::env::current_exe().map_or(named, |path| path.display().to_string());
    let command: Vec<String> = std::iter::once(program.clone()).chain(words).collect();
    let command = command.join(" ");
    format!(
        "{what}: a raw socket needs root or CAP_NET_RAW; any of these mends it: sudo {command}; \
         or once: sudo setcap cap_net_raw+ep {program}; or without root, for loopback alone: \
         unshare -rn sh -c 'ip link set lo up; {command}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_error_is_named_as_it_is_asked_for() {
        for (with, v4, v6) in [
            (With::HostUnreachable, "Host Unreachable", "Destination Address Unreachable"),
            (With::NetUnreachable, "Net Unreachable", "No Route to Destination"),
            (With::ProtocolUnreachable, "Protocol Unreachable", "Parameter Problem, at byte 6"),
            (With::PortUnreachable, "Port Unreachable", "Destination Port Unreachable"),
            (With::AdminProhibited, "Administratively Prohibited", "Communication Admin"),
        ] {
            for (version, name) in [(Version::V4, v4), (Version::V6, v6)] {
                let text = with.problem(version, 0).to_string();
                assert!(text.contains(name), "{text}");
            }
        }
    }

    #[test]
    fn random_takes_each_of_them() {
        let kinds: HashSet<(u8, u8)> = (0..100)
            .map(|draw| With::Random.problem(Version::V4, draw))
            .map(|problem| (problem.kind, problem.code))
            .collect();
        assert_eq!(kinds, HashSet::from([(3, 0), (3, 1), (3, 2), (3, 3), (3, 13)]));
    }

    #[test]
    fn what_is_quoted_reads_as_the_packet_did() {
        for (from, to, most) in [
            ("10.0.1.2:40000", "10.0.2.2:12000", 548),
            ("[fd00::1]:40000", "[fd00::2]:12000", 1232),
        ] {
            let (from, to): (SocketAddr, SocketAddr) = (from.parse().unwrap(), to.parse().unwrap());
            let mut datagram = Vec::new();
            let payload = [7; 3000];
            udp::emit((from.ip(), 40_000), (to.ip(), 12_000), &payload, &mut datagram);
            let packet = quote(from.ip(), to.ip(), UDP, &datagram, datagram.len());
            assert_eq!(packet.len(), most);
            let quoted = Quoted::parse(Version::of(from.ip()), &packet).unwrap();
            assert_eq!((quoted.source, quoted.destination), (from.ip(), to.ip()));
            let ports = Transport::Udp { source_port: 40_000, destination_port: 12_000 };
            assert_eq!((quoted.protocol, quoted.transport), (UDP, ports));
            let (header, _) = udp::Header::parse(quoted.bytes).unwrap();
            assert_eq!(header.length, 3008);
        }
    }
}
