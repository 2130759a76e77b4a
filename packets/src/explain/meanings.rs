//! What a page says of each value that a field can have.

use super::names::{congestion, protocol_name};
use super::*;
use crate::icmp::Version;
use crate::ipv4;
use std::net::Ipv6Addr;

/// The fields of the header whose title begins so, each as `first byte: name value meaning`.
pub(super) fn fields(page: &Page, header: &str) -> Vec<String> {
    let fields = page.parts.iter().find_map(|part| match part {
        Part::Header { title, fields } if title.starts_with(header) => Some(fields),
        _ => None,
    });
    let shown = fields.unwrap().iter().map(|field| {
        let Field { range, name, value, meaning, .. } = field;
        format!("{}..{}: {name} {value} {meaning}", range.start, range.end)
    });
    shown.collect()
}

#[test]
fn each_error_says_what_stands_behind_its_checksum() {
    let unused = |range| format!("{range}: unused  ");
    let to_the_end = "0 the quotation goes on to the end";
    let mtu = "the largest packet the next link takes";
    let pointer = "the byte that is the problem";
    for (version, kind, code, rest, name, expected) in [
        (
            Version::V4,
            3,
            4,
            0x0005_0578,
            "destination unreachable",
            vec![
                unused("4..5"),
                "5..6: length 5 of the quotation, in units of 4".into(),
                format!("6..8: next-hop MTU 1400 {mtu}"),
            ],
        ),
        (
            Version::V4,
            3,
            4,
            0,
            "destination unreachable",
            vec![
                unused("4..5"),
                format!("5..6: length {to_the_end}"),
                "6..8: next-hop MTU 0 0 from a router older than RFC 1191".into(),
            ],
        ),
        (
            Version::V4,
            11,
            0,
            0,
            "time exceeded",
            vec![unused("4..5"), format!("5..6: length {to_the_end}"), unused("6..8")],
        ),
        (
            Version::V4,
            12,
            0,
            0x1400_0000,
            "parameter problem",
            vec![
                format!("4..5: pointer 20 {pointer}"),
                format!("5..6: length {to_the_end}"),
                unused("6..8"),
            ],
        ),
        (
            Version::V4,
            5,
            1,
            0x0a00_0001,
            "redirect",
            vec!["4..8: gateway 10.0.0.1 ask this router".into()],
        ),
        (
            Version::V6,
            1,
            4,
            0x0100_0000,
            "destination unreachable",
            vec!["4..5: length 1 of the quotation, in units of 8".into(), unused("5..8")],
        ),
        (Version::V6, 2, 0, 1280, "packet too big", vec![format!("4..8: MTU 1280 {mtu}")]),
        (
            Version::V6,
            3,
            0,
            0,
            "time exceeded",
            vec![format!("4..5: length {to_the_end}"), unused("5..8")],
        ),
        (Version::V6, 4, 1, 40, "parameter problem", vec![format!("4..8: pointer 40 {pointer}")]),
        (
            Version::V6,
            99,
            0,
            0,
            "an error of another kind",
            vec!["4..8: rest  depends on the type".into()],
        ),
    ] {
        let mut message = vec![kind, code, 0, 0];
        message.extend(u32::to_be_bytes(rest));
        let (host, header): (IpAddr, _) = match version {
            Version::V4 => ([10, 0, 0, 1].into(), "ICMP error, 8 bytes"),
            Version::V6 => (Ipv6Addr::LOCALHOST.into(), "ICMPv6 error, 8 bytes"),
        };
        let fields = fields(&Page::icmp_message(host, host, &message), header);
        assert_eq!(fields[0], format!("0..1: type {kind} {name}"));
        assert_eq!(fields[3..], expected, "{version:?} {kind}");
    }
}

#[test]
fn echoes_and_messages_of_other_types_are_named() {
    for (kind, header, name, code) in [
        (8, "ICMP echo request,", "echo request: send this back", "always 0 in an echo"),
        (0, "ICMP echo reply,", "echo reply: what was asked for", "always 0 in an echo"),
        (13, "ICMP message,", "none that is explained here", "depends on the type"),
    ] {
        let host = IpAddr::from([10, 0, 0, 1]);
        let message = [kind, 0, 0, 0, 0, 7, 0, 1];
        let fields = fields(&Page::icmp_message(host, host, &message), header);
        assert_eq!(fields[0], format!("0..1: type {kind} {name}"));
        assert_eq!(fields[1], format!("1..2: code 0 {code}"));
    }
}

#[test]
fn the_bits_of_an_ipv4_header_are_told_set_and_clear() {
    let header = ipv4::Header {
        type_of_service: 0xb9,
        total_length: 24,
        identification: 1,
        dont_fragment: false,
        more_fragments: true,
        fragment_offset: 185,
        ttl: 64,
        protocol: 132,
        checksum: 0,
        source: [10, 0, 0, 1].into(),
        destination: [10, 0, 0, 2].into(),
        options: &[1, 1, 1, 0],
    };
    let mut packet = Vec::new();
    header.emit(&mut packet);
    packet[6] |= 0x80;
    let fields = fields(&Page::ip_packet(&packet), "IPv4 header, 24 bytes");
    for expected in [
        "1..2: DSCP 46 asks routers for special treatment",
        "1..2: ECN 1 routers may mark congestion",
        "2..4: total length 24 24 of header and 0 behind it",
        "6..7: reserved 1 always 0",
        "6..7: don't fragment 0 routers may cut it up",
        "6..7: more fragments 1 the packet goes on in another one",
        "6..8: fragment offset 185 in units of 8: from byte 1480 on",
        "9..10: protocol 132 another protocol",
        "20..24: options  rare, and often dropped on the way",
    ] {
        assert!(fields.iter().any(|field| field == expected), "{expected}\n{fields:#?}");
    }
}

#[test]
fn the_fields_of_an_ipv6_header_stand_where_rfc_8200_puts_them() {
    let mut packet = vec![0x62, 0xea, 0xbc, 0xde, 0, 0, 59, 64];
    let hosts = ["fe80::1", "fe80::2"].map(|host| host.parse::<Ipv6Addr>().unwrap());
    hosts.iter().for_each(|host| packet.extend(host.octets()));
    let expected = [
        "0..4: version and flow  ",
        "0..1: version 6 IPv6",
        "0..2: traffic class 46 routers may mark congestion",
        "1..4: flow label abcde keeps packets of one flow on one way",
        "4..6: payload length 0 bytes behind these 40",
        "6..7: next header 59 another protocol",
        "7..8: hop limit 64 1 less at each router; 0: dropped",
        "8..24: source fe80::1 who sent it",
        "24..40: destination fe80::2 whom it is for",
    ];
    assert_eq!(fields(&Page::ip_packet(&packet), "IPv6 header"), expected);
}

#[test]
fn numbers_have_their_names() {
    let names = [0b00, 0b01, 0b10, 0b11, 0b1111_1100].map(congestion);
    let (unwanted, may) = ("no marks of congestion wanted", "routers may mark congestion");
    assert_eq!(names, [unwanted, may, may, "a router marked: congestion", unwanted]);
    let protocols = [1, 6, 17, 58, 0, 43, 44, 60, 132].map(protocol_name);
    assert_eq!(protocols[..4], ["ICMP", "TCP", "UDP", "ICMPv6"]);
    assert_eq!(protocols[4..7], ["hop-by-hop options", "routing header", "fragment header"]);
    assert_eq!(protocols[7..], ["destination options", "another protocol"]);
}
