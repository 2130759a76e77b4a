//! Pages of certain packets, to be read.

use super::*;
use crate::icmp::{self, Version};
use crate::icmp_error::{IcmpError, Problem};
use crate::ipv4::ICMP;
use crate::udp;
use serde_json::{Value, json};

/// Captured with tcpdump from `ping -c 1 -s 5 -p 61 -e 4660 127.0.0.1`.
const PING: [u8; 33] = [
    0x45, 0x00, 0x00, 0x21, 0x1a, 0xa3, 0x40, 0x00, 0x40, 0x01, 0x22, 0x37, 0x7f, 0x00, 0x00, 0x01,
    0x7f, 0x00, 0x00, 0x01, 0x08, 0x00, 0x84, 0xca, 0x12, 0x34, 0x00, 0x01, 0x61, 0x00, 0x00, 0x00,
    0x00,
];

/// Captured with tcpdump from `echo hello | nc -u 127.0.0.1 9`. Loopback has no
/// network card, and so nobody finished the checksum.
const UNFINISHED: [u8; 34] = [
    0x45, 0x00, 0x00, 0x22, 0xc4, 0xf8, 0x40, 0x00, 0x40, 0x11, 0x77, 0xd0, 0x7f, 0x00, 0x00, 0x01,
    0x7f, 0x00, 0x00, 0x01, 0x9b, 0xd1, 0x00, 0x09, 0x00, 0x0e, 0xfe, 0x21, 0x68, 0x65, 0x6c, 0x6c,
    0x6f, 0x0a,
];

const PAGE: &str = "\
IPv4 header, 20 bytes
  0000  45           version, length
        0100 ....    version          4       IPv4
        .... 0101    header length    5       words of 4 bytes: 20 bytes
  0001  00           type of service  0
        0000 00..    DSCP             0       no special treatment
        .... ..00    ECN              0       no marks of congestion wanted
  0002  00 21        total length     33      20 of header and 13 behind it
  0004  1a a3        identification   6819    the same in all its fragments
  0006  40 00        flags, offset
        0... ....    reserved         0       always 0
        .1.. ....    don't fragment   1       no router may cut it up
        ..0. ....    more fragments   0       nothing comes behind it
        ...0 0000    fragment offset  0       begins at the beginning
        0000 0000
  0008  40           time to live     64      1 less at each router; 0: dropped
  0009  01           protocol         1       ICMP
  000a  22 37        header checksum  2237    worked below
  000c  7f 00 00 01  source           127.0.0.1  who sent it
  0010  7f 00 00 01  destination      127.0.0.1  whom it is for

ICMP echo request, 8 bytes of header
  0014  08           type             8       echo request: send this back
  0015  00           code             0       always 0 in an echo
  0016  84 ca        checksum         84ca    worked below
  0018  12 34        identifier       4660    which program asked
  001a  00 01        sequence number  1       which of its requests

Payload, 5 bytes
  001c  61 00 00 00 00                                    |a....|

Checksums, step by step: words of 16 bits are added up. What is carried out at
the top (1 ....) is added in again at the bottom (+1).

IPv4 header checksum
  bytes   word    sum   carry    what
  0000    4500    4500           version, length, type of service
  0002    0021    4521           total length
  0004    1aa3    5fc4           identification
  0006    4000    9fc4           flags, offset
  0008    4001    dfc5           time to live, protocol
  000a    0000    dfc5           checksum, taken as 0
  000c    7f00  1 5ec5  +1=5ec6  source
  000e    0001    5ec7           source
  0010    7f00    ddc7           destination
  0012    0001    ddc8           destination
  complement, every bit turned over: ddc8 becomes 2237
  in the packet: 2237, right
  The receiver adds up all words, the checksum too: ddc8 + 2237 = ffff. That is
  all ones: no damage is seen.

ICMP checksum
  bytes   word    sum   carry    what
  0014    0800    0800           type, code
  0016    0000    0800           checksum, taken as 0
  0018    1234    1a34           identifier
  001a    0001    1a35           sequence number
  001c    6100    7b35           payload \"a.\"
  001e    0000    7b35           payload \"..\"
  0020    0000    7b35           payload: the odd byte, and a byte of 0
  complement, every bit turned over: 7b35 becomes 84ca
  in the packet: 84ca, right
  The receiver adds up all words, the checksum too: 7b35 + 84ca = ffff. That is
  all ones: no damage is seen.
";

#[test]
fn a_captured_ping_on_a_page() {
    let page = ip_packet(&PING, Painter::plain()).join("\n") + "\n";
    assert_eq!(page, PAGE, "\n{page}");
}

fn verdicts(page: &Page) -> Vec<(&'static str, SumVerdict)> {
    page.sums.iter().map(|sum| (sum.of, sum.verdict)).collect()
}

#[test]
fn a_checksum_left_to_the_network_card_is_not_called_wrong() {
    let page = Page::ip_packet(&UNFINISHED);
    let expected = [("IPv4 header", SumVerdict::Right), ("UDP", SumVerdict::LeftToTheCard)];
    assert_eq!(verdicts(&page), expected);
    // tcpdump, which does not know, calls it bad, and says what it should be.
    assert_eq!((page.sums[1].found, page.sums[1].expected), (0xfe21, 0x2219));
    let mut other = UNFINISHED;
    other[27] ^= 1;
    assert_eq!(verdicts(&Page::ip_packet(&other))[1].1, SumVerdict::Wrong);
}

#[test]
fn a_udp_checksum_of_0_means_none_over_ipv4_and_is_forbidden_over_ipv6() {
    let datagram = [0, 1, 0, 2, 0, 8, 0, 0];
    for (host, verdict) in [("1.2.3.4:5", SumVerdict::None), ("[::1]:5", SumVerdict::Forbidden)] {
        let host = host.parse().unwrap();
        assert_eq!(verdicts(&Page::udp_datagram(host, host, &datagram)), [("UDP", verdict)]);
    }
}

#[test]
fn what_is_not_all_there_is_not_summed_and_the_page_says_why() {
    let page = Page::ip_packet(&PING[..30]);
    assert_eq!(verdicts(&page), [("IPv4 header", SumVerdict::Right)]);
    let text = page.lines(Painter::plain()).join("\n");
    assert!(text.contains("cut off here") && text.contains("3 bytes that it had"), "{text}");
    // The first of several fragments.
    let mut fragment = PING;
    fragment[6] = 0x20;
    let page = Page::ip_packet(&fragment);
    assert_eq!(page.sums.len(), 1);
    assert!(page.lines(Painter::plain()).join("\n").contains("It is a fragment"));
}

#[test]
fn an_error_shows_the_packet_that_it_quotes() {
    let problem = Problem { version: Version::V4, kind: 3, code: 4, rest: 1400 };
    let mut message = Vec::new();
    IcmpError { problem, quoted: &UNFINISHED, extensions: &[] }.emit(&mut message);
    let [a, b] = [IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])];
    icmp::set_checksum(a, b, &mut message);
    let page = Page::icmp_message(a, b, &message);
    assert_eq!(verdicts(&page), [("ICMP", SumVerdict::Right)]);
    let text = page.lines(Painter::plain()).join("\n");
    for line in [
        "  0001  04           code             4       Fragmentation Needed",
        "  0006  05 78        next-hop MTU     1400    the largest packet the next link",
        "  0010  40           time to live     64      1 less at each router; 0: dropped",
        "  001c  9b d1        source port      39889   which program sent it",
        "  0024  68 65 6c 6c 6f 0a                                 |hello.|",
        "  0010    4011  ",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
}

#[test]
fn errors_that_quote_errors_without_end_do_not_make_a_page_without_end() {
    // 2,300 levels deep: as many as a packet holds.
    let mut packet = UNFINISHED.to_vec();
    while packet.len() < 65_000 {
        let mut outer = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 1, ICMP, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        outer.extend([3, 1, 0, 0, 0, 0, 0, 0]);
        outer.extend(&packet);
        let length = outer.len() as u16;
        outer[2..4].copy_from_slice(&length.to_be_bytes());
        packet = outer;
    }
    let lines = ip_packet(&packet, Painter::plain());
    assert!(lines.len() < 150, "{}", lines.len());
    assert!(lines.iter().any(|line| line.starts_with("An error that quotes an error")));
}

#[test]
fn the_words_of_a_long_payload_that_are_not_shown_are_in_the_sum() {
    let payload: Vec<u8> = (0..1471u32).map(|n| (n * n) as u8).collect();
    let host: SocketAddr = "[fe80::1]:40000".parse().unwrap();
    let mut datagram = Vec::new();
    udp::emit((host.ip(), 40_000), (host.ip(), 12_000), &payload, &mut datagram);
    let page = Page::udp_datagram(host, host, &datagram);
    assert_eq!(verdicts(&page), [("UDP", SumVerdict::Right)]);
    let lines = page.lines(Painter::plain());
    let text = lines.join("\n");
    assert!(text.contains("  ...   1343 bytes more, up to 05c6"), "{text}");
    assert!(text.contains("the sum of 723 words more"), "{text}");
    assert!(text.contains("payload: the odd byte, and a byte of 0"), "{text}");
    assert!(lines.len() < 90, "{}", lines.len());
}

#[test]
fn json_has_the_fields_of_the_page() {
    let json = Page::ip_packet(&PING).json();
    let fields = json["headers"][0]["fields"].as_array().unwrap();
    let ttl = fields.iter().find(|field| field["name"] == "time to live").unwrap();
    assert_eq!((ttl["value"].as_str(), &ttl["bytes"]), (Some("64"), &json!([8, 9])));
    // A payload has no fields, which is no reason to lack the name.
    let headers = json["headers"].as_array().unwrap();
    let of = |name: &str| headers.iter().map(|header| header[name].clone()).collect::<Vec<_>>();
    assert_eq!(of("bytes"), [json!([0, 20]), json!([20, 28]), json!([28, 33])]);
    assert!(of("fields").iter().all(Value::is_array));
    assert_eq!(headers[2]["fields"], json!([]));
    assert_eq!(json["checksums"][1]["found"], "84ca");
    assert_eq!(json["checksums"][1]["verdict"], "right");
}
