//! The IP headers, and what stands behind them.

use std::ops::Range;

use super::field::Field;
use super::page::{Page, Way, count};
use super::sum::Cover;
use super::{icmp, udp};
use crate::wire::ipv4::{self, ICMP, TCP, UDP};
use crate::wire::ipv6::{self, ICMPV6};

/// A packet of either version. Of one that an ICMP error quotes, only the
/// fields are told: its checksums were for its own way.
pub(super) fn packet(page: &mut Page, range: Range<usize>, quoted: bool) {
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
    let at = |from: usize, to: usize| range.start + from..range.start + to;
    let offset = 8 * u32::from(header.fragment_offset);
    let more = header.more_fragments;
    let mut fields = vec![
        Field::new(at(0, 1), "version, length", "", ""),
        Field::of_bits(at(0, 1), 0..4, "version", 4, "IPv4"),
        Field::of_bits(
            at(0, 1),
            4..8,
            "header length",
            length / 4,
            format!("words of 4 bytes: {length} bytes"),
        ),
        Field::new(at(1, 2), "type of service", header.type_of_service, ""),
        Field::of_bits(
            at(1, 2),
            0..6,
            "DSCP",
            header.type_of_service >> 2,
            if header.type_of_service >> 2 == 0 {
                "no special treatment"
            } else {
                "asks routers for special treatment"
            },
        ),
        Field::of_bits(
            at(1, 2),
            6..8,
            "ECN",
            header.type_of_service & 3,
            congestion(header.type_of_service),
        ),
        Field::new(
            at(2, 4),
            "total length",
            header.total_length,
            format!(
                "{length} of header and {} behind it",
                usize::from(header.total_length) - length
            ),
        ),
        Field::new(
            at(4, 6),
            "identification",
            header.identification,
            "the same in all its fragments",
        ),
        Field::new(at(6, 8), "flags, offset", "", ""),
        Field::of_bits(at(6, 7), 0..1, "reserved", page.packet[range.start + 6] >> 7, "always 0"),
        Field::of_bits(
            at(6, 7),
            1..2,
            "don't fragment",
            u8::from(header.dont_fragment),
            if header.dont_fragment { "no router may cut it up" } else { "routers may cut it up" },
        ),
        Field::of_bits(
            at(6, 7),
            2..3,
            "more fragments",
            u8::from(more),
            if more { "the packet goes on in another one" } else { "nothing comes behind it" },
        ),
        Field::of_bits(
            at(6, 8),
            3..16,
            "fragment offset",
            header.fragment_offset,
            if offset == 0 {
                "begins at the beginning".into()
            } else {
                format!("in units of 8: from byte {offset} on")
            },
        ),
        Field::new(at(8, 9), "time to live", header.ttl, "1 less at each router; 0: dropped"),
        Field::new(at(9, 10), "protocol", header.protocol, protocol_name(header.protocol)),
        Field::new(
            at(10, 12),
            "header checksum",
            format!("{:04x}", header.checksum),
            if quoted { "as it was there" } else { "worked below" },
        ),
        Field::new(at(12, 16), "source", header.source, "who sent it"),
        Field::new(at(16, 20), "destination", header.destination, "whom it is for"),
    ];
    if length > ipv4::HEADER {
        fields.push(Field::new(
            at(20, length),
            "options",
            "",
            "rare, and often dropped on the way",
        ));
    }
    page.header(format!("IPv4 header, {length} bytes"), fields);

    let upper = range.start + length..range.start + length + payload.len();
    let missing = usize::from(header.total_length) - length - payload.len();
    let complete = match missing {
        0 if more || offset != 0 => {
            Err("It is a fragment: the checksum covers the packet put together again.")
        }
        0 => Ok(()),
        _ => Err("The packet is cut off here: its checksum cannot be checked."),
    };
    let complete = if quoted { Err("") } else { complete };
    let way = Way { source: header.source.into(), destination: header.destination.into() };
    if !quoted {
        let cover = Cover {
            of: "IPv4 header",
            pseudo: Vec::new(),
            packet: page.packet,
            range: at(0, length),
            header: length,
            field: range.start + 10,
            udp: false,
            ipv6: false,
        };
        page.sum(&cover);
    }
    if offset == 0 {
        transport(page, header.protocol, upper.clone(), way, complete);
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
    let at = |from: usize, to: usize| range.start + from..range.start + to;
    page.header(
        "IPv6 header, 40 bytes, without a checksum",
        vec![
            Field::new(at(0, 4), "version and flow", "", ""),
            Field::of_bits(at(0, 1), 0..4, "version", 6, "IPv6"),
            Field::of_bits(
                at(0, 2),
                4..12,
                "traffic class",
                header.traffic_class,
                congestion(header.traffic_class),
            ),
            Field::of_bits(
                at(1, 4),
                4..24,
                "flow label",
                format!("{:05x}", header.flow_label),
                "keeps packets of one flow on one way",
            ),
            Field::new(at(4, 6), "payload length", header.payload_length, "bytes behind these 40"),
            Field::new(
                at(6, 7),
                "next header",
                header.next_header,
                protocol_name(header.next_header),
            ),
            Field::new(
                at(7, 8),
                "hop limit",
                header.hop_limit,
                "1 less at each router; 0: dropped",
            ),
            Field::new(at(8, 24), "source", header.source, "who sent it"),
            Field::new(at(24, 40), "destination", header.destination, "whom it is for"),
        ],
    );
    let end = range.start + ipv6::HEADER + payload.len();
    let missing = usize::from(header.payload_length) - payload.len();
    match header.upper_layer(payload) {
        None => {
            page.bytes("Extension headers, or a later fragment", range.start + ipv6::HEADER..end)
        }
        Some((protocol, rest)) => {
            let extensions = payload.len() - rest.len();
            page.bytes("Extension headers", at(ipv6::HEADER, ipv6::HEADER + extensions));
            let complete = match (missing, extensions) {
                _ if quoted => Err(""),
                (0, 0) => Ok(()),
                // They may say that this is a fragment, or on its way elsewhere.
                (0, _) => {
                    Err("With extension headers in between, the checksum is not worked here.")
                }
                _ => Err("The packet is cut off here: its checksum cannot be checked."),
            };
            let way = Way { source: header.source.into(), destination: header.destination.into() };
            transport(page, protocol, end - rest.len()..end, way, complete);
        }
    }
    cut_or_padded(page, missing, end..range.end);
}

/// What stands behind the IP header.
fn transport(page: &mut Page, protocol: u8, range: Range<usize>, way: Way, complete: Complete) {
    match protocol {
        ICMP if way.source.is_ipv4() => icmp::message(page, range, way, complete),
        ICMPV6 if way.source.is_ipv6() => icmp::message(page, range, way, complete),
        UDP => udp::datagram(page, range, way, complete),
        _ => page.bytes(protocol_name(protocol), range),
    }
}

/// Whether all is there that a checksum covers, or else why it is not worked,
/// which may be nothing to speak of.
pub(super) type Complete = Result<(), &'static str>;

fn cut_or_padded(page: &mut Page, missing: usize, behind: Range<usize>) {
    if missing > 0 {
        page.note(format!("Here it ends: {} that it had are not in what we see.", count(missing)));
    }
    page.bytes("Behind the packet's end, padding", behind);
}

/// ECN (RFC 3168), the lower two bits.
fn congestion(type_of_service: u8) -> &'static str {
    match type_of_service & 3 {
        0 => "no marks of congestion wanted",
        3 => "a router marked: congestion",
        _ => "routers may mark congestion",
    }
}

fn protocol_name(protocol: u8) -> &'static str {
    match protocol {
        ICMP => "ICMP",
        TCP => "TCP",
        UDP => "UDP",
        ICMPV6 => "ICMPv6",
        0 => "hop-by-hop options",
        43 => "routing header",
        44 => "fragment header",
        60 => "destination options",
        _ => "another protocol",
    }
}
