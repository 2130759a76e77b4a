//! Pages of packets of every shape, by what stands on them in which order.

use super::*;
use crate::{icmp, ipv4, ipv6, udp};
use std::net::Ipv6Addr;

/// The titles and notes of a page, in order.
fn outline(packet: &[u8]) -> Vec<String> {
    let page = Page::ip_packet(packet);
    let mut outline: Vec<String> = Vec::new();
    for part in &page.parts {
        match part {
            Part::Header { title, .. } | Part::Note(title) => outline.push(title.clone()),
            Part::Bytes { title, range } => {
                outline.push(format!("{title}, {}..{}", range.start, range.end));
            }
        }
    }
    outline.extend(page.sums.iter().map(|sum| format!("sum: {}, {}", sum.of, sum.verdict.name())));
    outline
}

/// A packet of IPv6 with this behind its header.
fn v6(next_header: u8, behind: &[u8]) -> Vec<u8> {
    let header = ipv6::Header {
        traffic_class: 0,
        flow_label: 0,
        payload_length: behind.len() as u16,
        next_header,
        hop_limit: 64,
        source: Ipv6Addr::LOCALHOST,
        destination: Ipv6Addr::LOCALHOST,
    };
    let mut packet = Vec::new();
    header.emit(&mut packet);
    packet.extend(behind);
    packet
}

/// A datagram over IPv6, from its header on.
fn datagram_v6() -> Vec<u8> {
    let host = IpAddr::from(Ipv6Addr::LOCALHOST);
    let mut datagram = Vec::new();
    udp::emit((host, 40_000), (host, 12_000), b"Ping", &mut datagram);
    datagram
}

const HEADER_V6: &str = "IPv6 header, 40 bytes, without a checksum";
const HEADER_UDP: &str = "UDP header, 8 bytes";

#[test]
fn what_stands_behind_an_ipv6_header_is_laid_open_as_far_as_it_goes() {
    let datagram = datagram_v6();
    let whole = v6(ipv4::UDP, &datagram);
    let right = "sum: UDP, right";
    assert_eq!(outline(&whole), [HEADER_V6, HEADER_UDP, "Payload, 4 bytes, 48..52", right]);

    let padded = [&whole[..], &[0, 0]].concat();
    let padding = "Behind the packet's end, padding, 2 bytes, 52..54";
    assert_eq!(
        outline(&padded),
        [HEADER_V6, HEADER_UDP, "Payload, 4 bytes, 48..52", padding, right]
    );

    let cut = "The packet is cut off here: its checksum cannot be checked.";
    let here = "Here it ends: 1 byte that it had is not in what we see.";
    assert_eq!(
        outline(&whole[..51]),
        [HEADER_V6, HEADER_UDP, "Payload, 3 bytes, 48..51", cut, here]
    );

    let extended = [&[ipv4::UDP, 0, 1, 4, 0, 0, 0, 0], &datagram[..]].concat();
    let extensions = "Extension headers, 8 bytes, 40..48";
    let impossible = "With extension headers in between, the checksum is not worked here.";
    assert_eq!(
        outline(&v6(60, &extended)),
        [HEADER_V6, extensions, HEADER_UDP, "Payload, 4 bytes, 56..60", impossible]
    );

    let fragment = [ipv4::UDP, 0, 0, 8, 0, 0, 0, 1, 1, 2];
    let later = "Extension headers, or a later fragment, 10 bytes, 40..50";
    assert_eq!(outline(&v6(44, &fragment)), [HEADER_V6, later]);
    assert_eq!(outline(&v6(6, &[1, 2])), [HEADER_V6, "TCP, 2 bytes, 40..42"]);
    assert_eq!(outline(&v6(1, &[8, 0])), [HEADER_V6, "ICMP, 2 bytes, 40..42"]);
}

#[test]
fn what_is_no_packet_is_shown_as_bytes_with_the_reason() {
    assert_eq!(outline(&[]), ["Nothing: a packet of 0 bytes."]);
    assert_eq!(
        outline(&[0x50, 1]),
        ["No IP packet: it begins with version 5, and not with 4 or 6.", "Bytes, 2 bytes, 0..2"]
    );
    let few = |what: &str, needed| format!("2 bytes are too few for {what}, which needs {needed}");
    for (first, version, needed) in [(0x45, 4, 20), (0x60, 6, 40)] {
        let why = few(&format!("an IPv{version} header"), needed);
        let note = format!("No IPv{version} packet: {why}.");
        assert_eq!(outline(&[first, 0]), [note.as_str(), "Bytes, 2 bytes, 0..2"]);
    }
    let message = v6(58, &[128, 0]);
    let why = few("an ICMP header", 8);
    assert_eq!(
        outline(&message),
        [HEADER_V6, &format!("No ICMP message: {why}."), "Bytes, 2 bytes, 40..42"]
    );
}

#[test]
fn a_length_that_is_wrong_is_told_and_what_lies_behind_it_is_ignored() {
    let mut long = datagram_v6();
    long[5] = 13;
    let note =
        "Its length says 13 bytes, but 12 are there: the receiver drops it, and tells nobody.";
    assert_eq!(
        outline(&v6(ipv4::UDP, &long)),
        [HEADER_V6, HEADER_UDP, "Payload, 4 bytes, 48..52", note]
    );
    let longer = [&datagram_v6()[..], &[9]].concat();
    let behind = "Behind the datagram's end, ignored, 1 byte, 52..53";
    assert_eq!(
        outline(&v6(ipv4::UDP, &longer)),
        [HEADER_V6, HEADER_UDP, "Payload, 4 bytes, 48..52", behind, "sum: UDP, right"]
    );
}

#[test]
fn where_the_ip_header_is_hidden_the_page_says_so() {
    let host: SocketAddr = "[::1]:1".parse().unwrap();
    let message = [129, 0, 0, 0, 0, 1, 0, 1];
    for page in [
        Page::icmp_message(host.ip(), host.ip(), &message),
        Page::udp_datagram(host, host, &datagram_v6()),
    ] {
        let Some(Part::Note(note)) = page.parts.first() else { panic!("{page:?}") };
        assert!(note.starts_with("The IP header is not shown"), "{note}");
    }
}

/// A packet of IPv4 with this behind its header, as a fragment from this unit on.
fn v4(protocol: u8, fragment_offset: u16, behind: &[u8]) -> Vec<u8> {
    let header = ipv4::Header {
        type_of_service: 0,
        total_length: (ipv4::HEADER + behind.len()) as u16,
        identification: 1,
        dont_fragment: false,
        more_fragments: false,
        fragment_offset,
        ttl: 64,
        protocol,
        checksum: 0,
        source: [10, 0, 0, 1].into(),
        destination: [10, 0, 0, 2].into(),
        options: &[],
    };
    let mut packet = Vec::new();
    header.emit(&mut packet);
    packet.extend(behind);
    packet
}

const HEADER_V4: &str = "IPv4 header, 20 bytes";
const SUM_V4: &str = "sum: IPv4 header, right";

#[test]
fn a_later_fragment_has_no_header_above_to_show() {
    let fragment = v4(ipv4::UDP, 3, &[1; 8]);
    let bytes = "Fragment without the header above, 8 bytes, 20..28";
    assert_eq!(outline(&fragment), [HEADER_V4, bytes, SUM_V4]);
    let icmp_v6 = v4(58, 0, &[1; 8]);
    assert_eq!(outline(&icmp_v6), [HEADER_V4, "ICMPv6, 8 bytes, 20..28", SUM_V4]);
}

#[test]
fn an_error_is_laid_open_with_what_it_quotes_and_what_routers_add() {
    let quotes = "The packet that caused it, quoted as it arrived there:";
    let header = "ICMP error, 8 bytes of header";
    // RFC 4884: seven words are quoted, and four bytes added.
    let quoted = v4(ipv4::UDP, 0, &[0x9c, 0x40, 0x2e, 0xe0, 0, 8, 0, 0]);
    let mut error = [&[11, 0, 0, 0, 0, 7, 0, 0], &quoted[..], &[0x20, 0, 0, 0]].concat();
    let (source, destination) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
    icmp::set_checksum(source, destination, &mut error);
    let added = "What the router adds (RFC 4884), 4 bytes, 56..60";
    assert_eq!(
        outline(&v4(ipv4::ICMP, 0, &error)),
        [HEADER_V4, header, quotes, HEADER_V4, HEADER_UDP, added, SUM_V4, "sum: ICMP, right"]
    );

    let nothing = "It quotes no packet, against the rules: nobody can tell whom it is for.";
    let mut error = [3, 1, 0, 0, 0, 0, 0, 0];
    icmp::set_checksum(source, destination, &mut error);
    assert_eq!(
        outline(&v4(ipv4::ICMP, 0, &error)),
        [HEADER_V4, header, nothing, SUM_V4, "sum: ICMP, right"]
    );
}

#[test]
fn what_was_quoted_of_checksums_is_not_worked() {
    let page_of = |quoted: &[u8]| {
        let message = [&[3, 1, 0, 0, 0, 0, 0, 0], quoted].concat();
        let host = IpAddr::from([10, 0, 0, 1]);
        let page = Page::icmp_message(host, host, &message);
        [
            meanings::fields(&page, "ICMP error"),
            meanings::fields(&page, "IPv4 header"),
            meanings::fields(&page, "UDP header"),
        ]
    };
    let [error, ip, udp] = page_of(&v4(ipv4::UDP, 0, &[0x9c, 0x40, 0x2e, 0xe0, 0, 9, 0, 0, 1]));
    assert!(error[2].ends_with("worked below"), "{error:?}");
    assert!(ip.iter().any(|field| field.ends_with("as it was there")), "{ip:?}");
    assert_eq!(udp[2], "32..34: length 9 8 of header and 1 behind it");
    assert_eq!(udp[3], "34..36: checksum 0000 ");
    let whole = v6(ipv4::UDP, &datagram_v6());
    let worked = meanings::fields(&Page::ip_packet(&whole), "UDP header");
    assert!(worked[3].starts_with("46..48") && worked[3].ends_with("worked below"), "{worked:?}");
}
