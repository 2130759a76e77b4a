//! The packets that are sent: an ICMP message made by hand, and with --explain its IP header too.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::SockRef;
use socklab::endpoint::cause;
use socklab::explain::flip::{self, Flip};
use socklab::icmp_socket::{IcmpSocket, Kind};
use socklab::sys;
use socklab::wire::icmp::{self, Echo, HEADER, Version};
use socklab::wire::ipv4;

use crate::args::Args;

/// What Linux and most other systems begin with.
const USUAL_TTL: u8 = 64;

/// Makes requests.
pub struct Outgoing {
    version: Version,
    identifier: u16,
    /// From whom and to whom.
    pub own: IpAddr,
    pub target: IpAddr,
    /// Whether the IP header is ours too. Else the kernel puts one in front.
    pub with_ip_header: bool,
    ttl: u8,
    flip_bit: Option<usize>,
    flip: Option<Flip>,
    message: Vec<u8>,
    packet: Vec<u8>,
}

impl Outgoing {
    /// For requests that leave through `icmp` on the way that `route` knows.
    ///
    /// # Errors
    /// One line: what the flags ask for cannot be had here.
    pub fn new(
        args: &Args,
        icmp: &IcmpSocket,
        route: &UdpSocket,
        target: SocketAddr,
    ) -> Result<Outgoing, String> {
        let own = route
            .local_addr()
            .map_err(|why| format!("cannot find out the own address: {}", cause(&why)))?;
        let raw_v4 = (icmp.kind, icmp.version) == (Kind::Raw, Version::V4);
        if let Some(bit) = args.flip_bit {
            if !raw_v4 {
                return Err("--flip-bit needs a raw socket, and IPv4: elsewhere the kernel works \
                            out the checksum last, and would make it right again"
                    .to_string());
            }
            // Whether there is such a bit is better known before the first line.
            flip::icmp_echo(own.ip(), target.ip(), &vec![0; HEADER + args.size], bit)?;
        }
        // So that what is explained is what leaves. A packet that has to be cut
        // up into fragments is left to the kernel.
        let length = (ipv4::HEADER + HEADER + args.size) as u32;
        let fits = sys::path_mtu(route, icmp.version).is_some_and(|mtu| length <= mtu);
        let with_ip_header = args.explain.is_some() && raw_v4 && fits;
        if with_ip_header {
            SockRef::from(&icmp.socket)
                .set_header_included_v4(true)
                .map_err(|why| format!("cannot send IP headers: {}", cause(&why)))?;
        }
        Ok(Outgoing {
            version: icmp.version,
            identifier: icmp.identifier,
            own: own.ip(),
            target: target.ip(),
            with_ip_header,
            ttl: args.ttl.unwrap_or(USUAL_TTL),
            flip_bit: args.flip_bit,
            flip: None,
            message: Vec::new(),
            packet: Vec::new(),
        })
    }

    /// The request that was made last.
    pub fn packet(&self) -> &[u8] {
        if self.with_ip_header { &self.packet } else { &self.message }
    }

    /// What was spoilt in it, if anything.
    pub fn flip(&self) -> Option<&Flip> {
        self.flip.as_ref()
    }

    /// Makes request `seq`, ready to be sent.
    ///
    /// # Errors
    /// One line: it has no such bit to spoil.
    pub fn request(&mut self, seq: u64, payload: &[u8]) -> Result<&[u8], String> {
        // The header has 16 bits for the number: after 65,535 comes 0.
        let echo = Echo { identifier: self.identifier, sequence: seq as u16, payload };
        echo.emit(self.version, self.version.echo_request(), &mut self.message);
        if self.version == Version::V6 {
            // The kernel works it out once more, and comes to the same.
            icmp::set_checksum(self.own, self.target, &mut self.message);
        }
        if let Some(bit) = self.flip_bit {
            let flip = flip::icmp_echo(self.own, self.target, &self.message, bit)?;
            self.message.clone_from(&flip.bytes);
            self.flip = Some(flip);
        }
        let (true, IpAddr::V4(source), IpAddr::V4(destination)) =
            (self.with_ip_header, self.own, self.target)
        else {
            return Ok(&self.message);
        };
        let header = ipv4::Header {
            type_of_service: 0,
            total_length: (ipv4::HEADER + self.message.len()) as u16,
            // The kernel takes 0 to mean that it shall choose one.
            identification: (seq as u16).max(1),
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: self.ttl,
            protocol: ipv4::ICMP,
            checksum: 0,
            source,
            destination,
            options: &[],
        };
        self.packet.clear();
        header.emit(&mut self.packet);
        self.packet.extend_from_slice(&self.message);
        Ok(&self.packet)
    }
}
