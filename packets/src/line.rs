//! A packet in one line, in the order of things that `tcpdump -n` has: whose it is, and what it says.
//!
//! ```text
//! IP 127.0.0.1.40000 > 127.0.0.1.12000: UDP, length 34
//! IP 127.0.0.1.40001 > 127.0.0.1.12001: Flags [P.], seq 7:41, ack 1, win 512, length 34
//! IP6 ::1 > ::1: ICMP6, echo request, id 7, seq 1, length 64
//! ```

use std::fmt;
use std::net::IpAddr;

use crate::icmp::{self, Body, Message, Version};
use crate::icmp_error::Problem;
use crate::ipv4::{self, ICMP, TCP, UDP};
use crate::ipv6::{self, ICMPV6};
use crate::tcp_ping::LOST;
use crate::{tcp, udp};

/// What of a packet goes into its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    pub source: IpAddr,
    pub destination: IpAddr,
    /// The number of the protocol above IP.
    pub protocol: u8,
    pub says: Says<'a>,
}

/// What stands behind the IP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says<'a> {
    Udp {
        ports: [u16; 2],
        /// As the header says, without it.
        length: usize,
    },
    Tcp {
        header: tcp::Header<'a>,
        /// As the IP header says, without this one.
        length: usize,
        payload: &'a [u8],
    },
    Icmp {
        message: Message<'a>,
        length: usize,
        /// Whether its checksum fits; true where not all of it is there.
        sound: bool,
    },
    /// A fragment that does not begin the packet, another protocol, or a header
    /// that is none; so many bytes.
    Other { length: usize },
}

impl<'a> Line<'a> {
    /// Of a packet from its IP header on. `None` if it is none of either version.
    pub fn of(packet: &'a [u8]) -> Option<Line<'a>> {
        if let Ok((header, payload)) = ipv4::Header::parse(packet) {
            let length = usize::from(header.total_length) - header.length();
            let (source, destination) = (header.source.into(), header.destination.into());
            let whole = !header.more_fragments && payload.len() == length;
            let says = match header.fragment_offset {
                0 => Says::of(source, destination, header.protocol, payload, length, whole),
                _ => Says::Other { length },
            };
            return Some(Line { source, destination, protocol: header.protocol, says });
        }
        let (header, payload) = ipv6::Header::parse(packet).ok()?;
        let (source, destination) = (header.source.into(), header.destination.into());
        let missing = usize::from(header.payload_length) - payload.len();
        let (protocol, says) = match header.upper_layer(payload) {
            Some((protocol, bytes)) => {
                // A header in between may say that it is a fragment.
                let whole = missing == 0 && bytes.len() == payload.len();
                let length = bytes.len() + missing;
                (protocol, Says::of(source, destination, protocol, bytes, length, whole))
            }
            None => {
                (header.next_header, Says::Other { length: usize::from(header.payload_length) })
            }
        };
        Some(Line { source, destination, protocol, says })
    }

    /// The ports of UDP or TCP, source and destination.
    pub fn ports(&self) -> Option<[u16; 2]> {
        match self.says {
            Says::Udp { ports, .. } => Some(ports),
            Says::Tcp { header, .. } => Some([header.source_port, header.destination_port]),
            Says::Icmp { .. } | Says::Other { .. } => None,
        }
    }

    /// What the packet itself shows of damage done on purpose.
    pub fn damage(&self) -> Option<&'static str> {
        match self.says {
            Says::Tcp { payload: LOST, .. } => {
                Some("LOST: the tcp_ping server lost this client's message on purpose")
            }
            Says::Icmp { sound: false, .. } => {
                Some("the ICMP checksum is wrong: bits of this message were flipped")
            }
            _ => None,
        }
    }
}

impl<'a> Says<'a> {
    fn of(
        source: IpAddr,
        destination: IpAddr,
        protocol: u8,
        bytes: &'a [u8],
        length: usize,
        whole: bool,
    ) -> Says<'a> {
        let version = Version::of(source);
        let says = match protocol {
            UDP => udp::Header::parse(bytes).ok().map(|(header, _)| Says::Udp {
                ports: [header.source_port, header.destination_port],
                length: usize::from(header.length) - udp::HEADER,
            }),
            TCP => tcp::Header::parse(bytes).ok().map(|(header, payload)| Says::Tcp {
                header,
                length: length - (bytes.len() - payload.len()),
                payload,
            }),
            ICMP | ICMPV6 if (protocol == ICMP) == (version == Version::V4) => {
                let sound = !whole || icmp::is_right(source, destination, bytes);
                let message = Message::parse(version, bytes).ok();
                message.map(|message| Says::Icmp { message, length, sound })
            }
            _ => None,
        };
        says.unwrap_or(Says::Other { length })
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let v4 = self.source.is_ipv4();
        let ip = if v4 { "IP" } else { "IP6" };
        match self.ports() {
            Some([from, to]) => {
                write!(f, "{ip} {}.{from} > {}.{to}: ", self.source, self.destination)?;
            }
            None => write!(f, "{ip} {} > {}: ", self.source, self.destination)?,
        }
        match &self.says {
            Says::Udp { length, .. } => write!(f, "UDP, length {length}"),
            Says::Tcp { header, length, .. } => tcp_line(f, header, *length),
            Says::Icmp { message, length, .. } => {
                f.write_str(if v4 { "ICMP " } else { "ICMP6, " })?;
                icmp_line(f, message)?;
                write!(f, ", length {length}")
            }
            Says::Other { length } => write!(f, "ip-proto-{}, length {length}", self.protocol),
        }
    }
}

fn tcp_line(f: &mut fmt::Formatter, header: &tcp::Header, length: usize) -> fmt::Result {
    let tcp::Header { sequence, acknowledgement, window, .. } = header;
    write!(f, "Flags [{}]", header.flags_in_letters())?;
    const SYN_FIN_RST: u8 = 0x07;
    const ACK: u8 = 0x10;
    if length > 0 {
        write!(f, ", seq {sequence}:{}", sequence.wrapping_add(length as u32))?;
    } else if header.flags & SYN_FIN_RST != 0 {
        write!(f, ", seq {sequence}")?;
    }
    if header.flags & ACK != 0 {
        write!(f, ", ack {acknowledgement}")?;
    }
    write!(f, ", win {window}, length {length}")
}

fn icmp_line(f: &mut fmt::Formatter, message: &Message) -> fmt::Result {
    match message.body {
        Body::EchoRequest(echo) => {
            write!(f, "echo request, id {}, seq {}", echo.identifier, echo.sequence)
        }
        Body::EchoReply(echo) => {
            write!(f, "echo reply, id {}, seq {}", echo.identifier, echo.sequence)
        }
        Body::Error(error) => {
            let problem: Problem = error.problem;
            write!(f, "{problem}")
        }
        Body::Other => write!(f, "type {}, code {}", message.kind, message.code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A UDP datagram of 5 bytes in IPv4, in one piece or as a first fragment.
    fn packet(protocol: u8, upper: &[u8]) -> Vec<u8> {
        let header = ipv4::Header {
            type_of_service: 0,
            total_length: (ipv4::HEADER + upper.len()) as u16,
            identification: 1,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol,
            checksum: 0,
            source: [10, 0, 0, 1].into(),
            destination: [10, 0, 0, 2].into(),
            options: &[],
        };
        let mut packet = Vec::new();
        header.emit(&mut packet);
        packet.extend_from_slice(upper);
        packet
    }

    fn line(packet: &[u8]) -> String {
        Line::of(packet).unwrap().to_string()
    }

    #[test]
    fn a_datagram_a_segment_and_a_message_have_their_lines() {
        let (a, b) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let mut datagram = Vec::new();
        udp::emit((a, 7), (b, 9), b"hello", &mut datagram);
        assert_eq!(line(&packet(UDP, &datagram)), "IP 10.0.0.1.7 > 10.0.0.2.9: UDP, length 5");
        let segment = [0, 7, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x18, 1, 0, 0, 0, 0, 0];
        let lost = packet(TCP, &[&segment[..], LOST].concat());
        assert_eq!(
            line(&lost),
            "IP 10.0.0.1.7 > 10.0.0.2.9: Flags [P.], seq 1:5, ack 2, win 256, length 4"
        );
        assert!(Line::of(&lost).unwrap().damage().unwrap().starts_with("LOST"));
        let mut echo = vec![8, 0, 0, 0, 0, 7, 0, 1, b'x'];
        icmp::set_checksum(a, b, &mut echo);
        let message = packet(ICMP, &echo);
        assert_eq!(
            line(&message),
            "IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 7, seq 1, length 9"
        );
        assert_eq!(Line::of(&message).unwrap().damage(), None);
        echo[8] ^= 1;
        assert!(Line::of(&packet(ICMP, &echo)).unwrap().damage().is_some());
        let bare = |flags, shown: &str| {
            let mut bare = segment;
            bare[13] = flags;
            let expected = format!("IP 10.0.0.1.7 > 10.0.0.2.9: Flags {shown}, win 256, length 0");
            assert_eq!(line(&packet(TCP, &bare)), expected);
        };
        // As tcpdump: without bytes only a SYN, a FIN or a reset shows its number.
        bare(0x10, "[.], ack 2");
        bare(0x11, "[F.], seq 1, ack 2");
        bare(0x02, "[S], seq 1");
        assert_eq!(line(&packet(UDP, b"short")), "IP 10.0.0.1 > 10.0.0.2: ip-proto-17, length 5");
        assert_eq!(Line::of(b"no packet"), None);
    }
}
