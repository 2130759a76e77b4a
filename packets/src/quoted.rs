//! The packet that an ICMP error quotes, as far as it goes: whose it was, and what it asked for.

use std::net::IpAddr;

use super::error::Error;
use super::icmp::{self, Version};
use super::ipv4::{self, ICMP, TCP, UDP};
use super::ipv6::{self, ICMPV6};

/// What a quotation says about the packet that met with the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quoted<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// What was left of it where the error arose.
    pub ttl: u8,
    pub protocol: u8,
    pub transport: Transport,
    /// The bytes behind the IP header, as many as are quoted.
    pub bytes: &'a [u8],
}

/// The first eight bytes behind the IP header: so many are quoted at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// An echo request, or a reply, of either version.
    Echo {
        identifier: u16,
        sequence: u16,
    },
    Udp {
        source_port: u16,
        destination_port: u16,
    },
    Tcp {
        source_port: u16,
        destination_port: u16,
        sequence: u32,
    },
    /// Another protocol, another ICMP message, or a fragment that does not begin the packet.
    Other,
    /// The quotation ends before.
    Cut,
}

impl<'a> Quoted<'a> {
    /// Reads a quotation from the first byte of its IP header.
    ///
    /// # Errors
    /// It is no packet of this version of IP, or ends within the IP header.
    pub fn parse(version: Version, quotation: &'a [u8]) -> Result<Quoted<'a>, Error> {
        match version {
            Version::V4 => {
                let (header, bytes) = ipv4::Header::parse(quotation)?;
                let begins = header.fragment_offset == 0;
                let transport =
                    if begins { Transport::read(header.protocol, bytes) } else { Transport::Other };
                Ok(Quoted {
                    source: header.source.into(),
                    destination: header.destination.into(),
                    ttl: header.ttl,
                    protocol: header.protocol,
                    transport,
                    bytes,
                })
            }
            Version::V6 => {
                let (header, payload) = ipv6::Header::parse(quotation)?;
                let upper = header.upper_layer(payload);
                let (protocol, bytes) = upper.unwrap_or((header.next_header, payload));
                let transport = if upper.is_some() {
                    Transport::read(protocol, bytes)
                } else {
                    Transport::Other
                };
                Ok(Quoted {
                    source: header.source.into(),
                    destination: header.destination.into(),
                    ttl: header.hop_limit,
                    protocol,
                    transport,
                    bytes,
                })
            }
        }
    }
}

impl Transport {
    fn read(protocol: u8, bytes: &[u8]) -> Transport {
        let Some(&[a, b, c, d, e, f, g, h]) = bytes.first_chunk() else {
            return Transport::Cut;
        };
        let first = u16::from_be_bytes([a, b]);
        let second = u16::from_be_bytes([c, d]);
        match protocol {
            UDP => Transport::Udp { source_port: first, destination_port: second },
            TCP => Transport::Tcp {
                source_port: first,
                destination_port: second,
                sequence: u32::from_be_bytes([e, f, g, h]),
            },
            ICMP if a == 8 || a == 0 => Transport::Echo {
                identifier: u16::from_be_bytes([e, f]),
                sequence: u16::from_be_bytes([g, h]),
            },
            ICMPV6 if a == 128 || a == 129 => Transport::Echo {
                identifier: u16::from_be_bytes([e, f]),
                sequence: u16::from_be_bytes([g, h]),
            },
            _ => Transport::Other,
        }
    }
}

/// A packet as an error quotes it that was seen from the inside only: an IP
/// header made anew, and behind it as much of `bytes` as fits. `length` is that
/// of all that stood there.
///
/// True are the addresses and the length. Guessed are TTL and hop limit (64 is
/// where most begin), identification, flow label and type of service (0), and
/// that it was not a fragment.
pub fn quote(from: IpAddr, to: IpAddr, protocol: u8, bytes: &[u8], length: usize) -> Vec<u8> {
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

#[cfg(test)]
mod tests {
    use super::super::icmp::{Echo, Version};
    use super::super::{ipv4, ipv6, udp};
    use super::*;
    use proptest::prelude::*;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

    const ALICE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
    const BOB: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

    fn packet(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let header = ipv4::Header {
            type_of_service: 0,
            total_length: (20 + payload.len()) as u16,
            identification: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 1,
            protocol,
            checksum: 0,
            source: ALICE,
            destination: BOB,
            options: &[],
        };
        header.emit(&mut bytes);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_quoted_echo_is_read_even_when_its_payload_is_cut_off() {
        let mut echo = Vec::new();
        Echo { identifier: 7, sequence: 3, payload: &[0; 56] }.emit(Version::V4, 8, &mut echo);
        let packet = packet(ICMP, &echo);
        for end in [28, 40, packet.len()] {
            let quoted = Quoted::parse(Version::V4, &packet[..end]).unwrap();
            assert_eq!((quoted.source, quoted.destination), (ALICE.into(), BOB.into()));
            assert_eq!(quoted.transport, Transport::Echo { identifier: 7, sequence: 3 });
            assert_eq!((quoted.ttl, quoted.bytes.len()), (1, end - 20));
        }
        let cut = Quoted::parse(Version::V4, &packet[..27]).unwrap();
        assert_eq!(cut.transport, Transport::Cut);
        assert!(Quoted::parse(Version::V4, &packet[..19]).is_err());
    }

    #[test]
    fn a_quoted_datagram_tells_its_ports_over_both_versions() {
        let mut datagram = Vec::new();
        udp::emit((ALICE.into(), 40_000), (BOB.into(), 12_000), b"Ping", &mut datagram);
        let ports = Transport::Udp { source_port: 40_000, destination_port: 12_000 };
        let packet = packet(UDP, &datagram);
        assert_eq!(Quoted::parse(Version::V4, &packet).unwrap().transport, ports);

        let mut bytes = Vec::new();
        let header = ipv6::Header {
            traffic_class: 0,
            flow_label: 0,
            payload_length: datagram.len() as u16,
            next_header: UDP,
            hop_limit: 1,
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
        };
        header.emit(&mut bytes);
        bytes.extend(&datagram);
        assert_eq!(Quoted::parse(Version::V6, &bytes).unwrap().transport, ports);
    }

    #[test]
    fn echoes_are_those_of_the_protocols_types_and_a_segment_has_its_number() {
        let read = |protocol, kind| Transport::read(protocol, &[kind, 0, 0, 0, 0, 7, 0, 3]);
        let echo = Transport::Echo { identifier: 7, sequence: 3 };
        for (protocol, echoes) in [(ICMP, [8, 0]), (ICMPV6, [128, 129])] {
            for kind in 0..=255 {
                let expected = if echoes.contains(&kind) { echo } else { Transport::Other };
                assert_eq!(read(protocol, kind), expected, "{protocol} {kind}");
            }
        }
        let segment =
            Transport::Tcp { source_port: 256, destination_port: 0, sequence: 0x0007_0003 };
        assert_eq!(read(TCP, 1), segment);
        assert_eq!(read(132, 8), Transport::Other);
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut packet = packet(UDP, &[0; 16]);
        packet[7] = 1;
        let quoted = Quoted::parse(Version::V4, &packet).unwrap();
        assert_eq!(quoted.transport, Transport::Other);
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

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, next_header: u8) {
            let _ = Quoted::parse(Version::V4, &bytes);
            let mut packet = vec![0x60, 0, 0, 0, 0xff, 0xff, next_header, 1];
            packet.resize(40, 0);
            packet.extend(bytes);
            let _ = Quoted::parse(Version::V6, &packet);
        }
    }
}
