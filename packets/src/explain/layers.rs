//! From the outside in: which header comes first, and what stands behind it.

use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use super::ipv4::fields as ipv4_fields;
use super::ipv6::fields as ipv6_fields;
use super::names::protocol_name;
use super::page::{Page, Way, count};
use super::sum::Cover;
use super::{icmp, udp};
use crate::icmp::{self as wire_icmp, Body, Message, Version};
use crate::ipv4::{self, ICMP, UDP};
use crate::ipv6::{self, ICMPV6};
use crate::udp as wire_udp;

/// What is done about a packet's checksum.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Summing {
    Worked,
    /// Not all is there that it covers; the reason.
    Impossible(&'static str),
    /// Of a quoted packet it is left alone: it was for its own way.
    Quoted,
}

impl<'a> Page<'a> {
    /// See [`super::ip_packet`].
    pub fn ip_packet(packet: &'a [u8]) -> Page<'a> {
        let mut page = Page::empty(packet);
        ip(&mut page, 0..packet.len(), false);
        page
    }

    /// See [`super::icmp_message`].
    pub fn icmp_message(source: IpAddr, destination: IpAddr, message: &'a [u8]) -> Page<'a> {
        let mut page = Page::empty(message);
        page.note_hidden_header();
        icmp_message(&mut page, 0..message.len(), Way { source, destination }, Summing::Worked);
        page
    }

    /// See [`super::udp_datagram`].
    pub fn udp_datagram(
        source: SocketAddr,
        destination: SocketAddr,
        datagram: &'a [u8],
    ) -> Page<'a> {
        let mut page = Page::empty(datagram);
        page.note_hidden_header();
        let way = Way { source: source.ip(), destination: destination.ip() };
        udp_datagram(&mut page, 0..datagram.len(), way, Summing::Worked);
        page
    }

    fn note_hidden_header(&mut self) {
        self.note(
            "The IP header is not shown: the kernel shows it to root alone, and only of a packet in \
             one piece. To see it all the same: sudo tcpdump -vvx",
        );
    }
}

/// A packet of either version. Of one that an ICMP error quotes, only the
/// fields are told: its checksums were for its own way.
fn ip(page: &mut Page, range: Range<usize>, quoted: bool) {
    let bytes = &page.packet[range.clone()];
    match bytes.first().map(|first| first >> 4) {
        Some(4) => v4(page, range, quoted),
        Some(6) => v6(page, range, quoted),
        Some(version) => {
            page.note(format!(
                "No IP packet: it begins with version {version}, and not with 4 or 6."
            ));
            page.bytes("Bytes", range);
        }
        None => page.note("Nothing: a packet of 0 bytes."),
    }
}

fn v4(page: &mut Page, range: Range<usize>, quoted: bool) {
    let bytes = &page.packet[range.clone()];
    let (header, payload) = match ipv4::Header::parse(bytes) {
        Ok(parsed) => parsed,
        Err(why) => {
            page.note(format!("No IPv4 packet: {why}."));
            return page.bytes("Bytes", range);
        }
    };
    let length = header.length();
    let reserved = bytes[6] >> 7;
    let fields = ipv4_fields(&header, reserved, range.start, quoted);
    page.header(format!("IPv4 header, {length} bytes"), fields);

    let upper = range.start + length..range.start + length + payload.len();
    let missing = usize::from(header.total_length) - length - payload.len();
    let summing = match missing {
        _ if quoted => Summing::Quoted,
        0 if header.more_fragments || header.fragment_offset != 0 => Summing::Impossible(
            "It is a fragment: the checksum covers the packet put together again.",
        ),
        0 => Summing::Worked,
        _ => Summing::Impossible("The packet is cut off here: its checksum cannot be checked."),
    };
    let way = Way { source: header.source.into(), destination: header.destination.into() };
    if !quoted {
        let cover = Cover {
            of: "IPv4 header",
            pseudo: Vec::new(),
            packet: page.packet,
            range: range.start..range.start + length,
            header: length,
            field: range.start + 10,
            udp: false,
            ipv6: false,
        };
        page.sum(&cover);
    }
    if header.fragment_offset == 0 {
        transport(page, header.protocol, upper.clone(), way, summing);
    } else {
        page.bytes("Fragment without the header above", upper.clone());
    }
    cut_or_padded(page, missing, upper.end..range.end);
}

fn v6(page: &mut Page, range: Range<usize>, quoted: bool) {
    let bytes = &page.packet[range.clone()];
    let (header, payload) = match ipv6::Header::parse(bytes) {
        Ok(parsed) => parsed,
        Err(why) => {
            page.note(format!("No IPv6 packet: {why}."));
            return page.bytes("Bytes", range);
        }
    };
    page.header("IPv6 header, 40 bytes, without a checksum", ipv6_fields(&header, range.start));
    let end = range.start + ipv6::HEADER + payload.len();
    let missing = usize::from(header.payload_length) - payload.len();
    match header.upper_layer(payload) {
        None => {
            page.bytes("Extension headers, or a later fragment", range.start + ipv6::HEADER..end)
        }
        Some((protocol, rest)) => {
            let extensions = payload.len() - rest.len();
            let behind = range.start + ipv6::HEADER;
            page.bytes("Extension headers", behind..behind + extensions);
            let summing = match (missing, extensions) {
                _ if quoted => Summing::Quoted,
                (0, 0) => Summing::Worked,
                // They may say that this is a fragment, or on its way elsewhere.
                (0, _) => Summing::Impossible(
                    "With extension headers in between, the checksum is not worked here.",
                ),
                _ => Summing::Impossible(
                    "The packet is cut off here: its checksum cannot be checked.",
                ),
            };
            let way = Way { source: header.source.into(), destination: header.destination.into() };
            transport(page, protocol, end - rest.len()..end, way, summing);
        }
    }
    cut_or_padded(page, missing, end..range.end);
}

/// What stands behind the IP header.
fn transport(page: &mut Page, protocol: u8, range: Range<usize>, way: Way, summing: Summing) {
    match protocol {
        ICMP if way.source.is_ipv4() => icmp_message(page, range, way, summing),
        ICMPV6 if way.source.is_ipv6() => icmp_message(page, range, way, summing),
        UDP => udp_datagram(page, range, way, summing),
        _ => page.bytes(protocol_name(protocol), range),
    }
}

fn cut_or_padded(page: &mut Page, missing: usize, behind: Range<usize>) {
    if missing > 0 {
        let are = if missing == 1 { "is" } else { "are" };
        page.note(format!(
            "Here it ends: {} that it had {are} not in what we see.",
            count(missing)
        ));
    }
    page.bytes("Behind the packet's end, padding", behind);
}

/// A message from its type on.
fn icmp_message(page: &mut Page, range: Range<usize>, way: Way, summing: Summing) {
    let version = Version::of(way.source);
    let bytes = &page.packet[range.clone()];
    let message = match Message::parse(version, bytes) {
        Ok(message) => message,
        Err(why) => {
            page.note(format!("No ICMP message: {why}."));
            return page.bytes("Bytes", range);
        }
    };
    let fields = icmp::fields(version, &message, bytes, range.start, summing == Summing::Worked);
    page.header(icmp::title(version, &message), fields);
    let body = range.start + wire_icmp::HEADER..range.end;
    match message.body {
        Body::EchoRequest(_) | Body::EchoReply(_) => page.bytes("Payload", body),
        Body::Error(error) => {
            let quoted = body.start..body.start + error.quoted.len();
            if quoted.is_empty() {
                page.note(
                    "It quotes no packet, against the rules: nobody can tell whom it is for.",
                );
            } else if summing == Summing::Quoted {
                // Such a thing is not allowed, and would have no end.
                page.bytes("An error that quotes an error", quoted.clone());
            } else {
                page.note("The packet that caused it, quoted as it arrived there:");
                ip(page, quoted.clone(), true);
            }
            page.bytes("What the router adds (RFC 4884)", quoted.end..range.end);
        }
        Body::Other => page.bytes("Body", body),
    }
    match summing {
        Summing::Worked => {
            let cover = Cover {
                of: icmp::name(version),
                pseudo: match version {
                    Version::V4 => Vec::new(),
                    Version::V6 => udp::pseudo(way, ICMPV6, range.len()),
                },
                packet: page.packet,
                range: range.clone(),
                header: wire_icmp::HEADER,
                field: range.start + 2,
                udp: false,
                ipv6: version == Version::V6,
            };
            page.sum(&cover);
        }
        Summing::Impossible(why) => page.note(why),
        Summing::Quoted => {}
    }
}

/// A datagram from its header on.
fn udp_datagram(page: &mut Page, range: Range<usize>, way: Way, summing: Summing) {
    let bytes = &page.packet[range.clone()];
    let (header, payload) = match wire_udp::Header::parse(bytes) {
        Ok(parsed) => parsed,
        Err(why) => {
            page.note(format!("No UDP datagram: {why}. The receiver drops it, and tells nobody."));
            return page.bytes("Bytes", range);
        }
    };
    let says = usize::from(header.length);
    let fields = udp::fields(&header, range.start, summing == Summing::Worked);
    page.header(format!("UDP header, {} bytes", wire_udp::HEADER), fields);
    let end = range.start + wire_udp::HEADER + payload.len();
    page.bytes("Payload", range.start + wire_udp::HEADER..end);
    page.bytes("Behind the datagram's end, ignored", end..range.end);
    match summing {
        Summing::Worked if says > range.len() => page.note(format!(
            "Its length says {says} bytes, but {} are there: the receiver drops it, and tells nobody.",
            range.len()
        )),
        Summing::Worked => {
            let cover = Cover {
                of: "UDP",
                pseudo: udp::pseudo(way, UDP, says),
                packet: page.packet,
                range: range.start..end,
                header: wire_udp::HEADER,
                field: range.start + 6,
                udp: true,
                ipv6: way.source.is_ipv6(),
            };
            page.sum(&cover);
        }
        Summing::Impossible(why) => page.note(why),
        Summing::Quoted => {}
    }
}
