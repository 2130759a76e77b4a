//! Many pages, to be counted: whatever the packet, no line is too long, and no sound one is called wrong.

use super::*;
use crate::icmp::{self, Echo, Version};
use crate::icmp_error::{IcmpError, Problem};
use crate::ipv4::{ICMP, UDP};
use crate::ipv6::ICMPV6;
use crate::{ipv4, ipv6, udp};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// A packet in order, of any kind that a page knows.
fn sound_packet(kind: usize, payload: &[u8]) -> Vec<u8> {
    let (a, b) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
    let (c, d) = (Ipv6Addr::LOCALHOST, Ipv6Addr::new(0xfe80, 0, 0, 0, 1, 2, 3, 4));
    let ipv4 = kind.is_multiple_of(2);
    let (source, destination): (IpAddr, IpAddr) =
        if ipv4 { (a.into(), b.into()) } else { (c.into(), d.into()) };
    let version = Version::of(source);
    let mut upper = Vec::new();
    match kind / 2 {
        0 => udp::emit((source, 40_000), (destination, 12_000), payload, &mut upper),
        1 => Echo { identifier: 7, sequence: 1, payload }.emit(
            version,
            version.echo_reply(),
            &mut upper,
        ),
        _ => {
            let kind_of_error = [3, 1][usize::from(!ipv4)];
            let problem = Problem { version, kind: kind_of_error, code: 1, rest: 0 };
            let quoted = sound_packet(kind % 2, payload);
            IcmpError { problem, quoted: &quoted, extensions: &[] }.emit(&mut upper);
        }
    }
    if kind / 2 > 0 {
        icmp::set_checksum(source, destination, &mut upper);
    }
    let mut packet = Vec::new();
    let udp = kind / 2 == 0;
    if ipv4 {
        let header = ipv4::Header {
            type_of_service: 0,
            total_length: (ipv4::HEADER + upper.len()) as u16,
            identification: 1,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
            ttl: 64,
            protocol: if udp { UDP } else { ICMP },
            checksum: 0,
            source: a,
            destination: b,
            options: &[],
        };
        header.emit(&mut packet);
    } else {
        let header = ipv6::Header {
            traffic_class: 0,
            flow_label: 0xabcde,
            payload_length: upper.len() as u16,
            next_header: if udp { UDP } else { ICMPV6 },
            hop_limit: 64,
            source: c,
            destination: d,
        };
        header.emit(&mut packet);
    }
    packet.extend(upper);
    packet
}

fn fits(lines: &[String]) -> Result<(), TestCaseError> {
    for line in lines {
        prop_assert!(line.chars().count() <= WIDTH, "{line:?}");
        prop_assert!(!line.chars().any(char::is_control) && !line.ends_with(' '), "{line:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_sum_of_a_sound_packet_is_right(kind in 0usize..6, payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let packet = sound_packet(kind, &payload);
        let page = Page::ip_packet(&packet);
        prop_assert_eq!(page.sums.len(), 1 + usize::from(kind % 2 == 0));
        for sum in &page.sums {
            prop_assert_eq!(sum.verdict, SumVerdict::Right);
        }
        fits(&page.lines(Painter::plain()))?;
    }

    #[test]
    fn no_packet_makes_a_line_too_long(
        kind in 0usize..6,
        payload in prop::collection::vec(any::<u8>(), 0..99),
        changes in prop::collection::vec((0usize..150, any::<u8>()), 0..6),
        cut in prop::option::of(0usize..150),
    ) {
        let mut packet = sound_packet(kind, &payload);
        for (at, byte) in changes {
            let at = at % packet.len();
            packet[at] = byte;
        }
        packet.truncate(cut.unwrap_or(usize::MAX));
        fits(&ip_packet(&packet, Painter::plain()))?;
        let _ = Page::ip_packet(&packet).json();
        for host in ["10.0.0.1:7", "[fe80::1]:7"] {
            let host: SocketAddr = host.parse().unwrap();
            fits(&icmp_message(host.ip(), host.ip(), &packet, Painter::plain()))?;
            fits(&udp_datagram(host, host, &packet, Painter::plain()))?;
            if let Ok(flip) = flip::udp(host, host, &packet, payload.len()) {
                fits(&flip.lines(Painter::plain()))?;
            }
            if let Ok(flip) = flip::icmp_echo(host.ip(), host.ip(), &packet, payload.len()) {
                fits(&flip.lines(Painter::plain()))?;
            }
        }
    }

    #[test]
    fn random_bytes_make_a_page_too(packet in prop::collection::vec(any::<u8>(), 0..200)) {
        fits(&ip_packet(&packet, Painter::plain()))?;
    }
}
