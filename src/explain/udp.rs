//! UDP datagrams, and the pseudo-header that ICMPv6 shares with them.

use std::net::IpAddr;
use std::ops::Range;

use super::field::Field;
use super::ip::Complete;
use super::page::{Page, Way};
use super::sum::Cover;
use crate::wire::checksum::{pseudo_header_v4, pseudo_header_v6, words};
use crate::wire::ipv4::UDP;
use crate::wire::udp::{HEADER, Header};

/// A datagram from its header on.
pub(super) fn datagram(page: &mut Page, range: Range<usize>, way: Way, complete: Complete) {
    let bytes = &page.packet[range.clone()];
    let (header, payload) = match Header::parse(bytes) {
        Ok(parsed) => parsed,
        Err(why) => {
            page.note(format!("No UDP datagram: {why}. The receiver drops it, and tells nobody."));
            return page.bytes("Bytes", range);
        }
    };
    let at = |from: usize, to: usize| range.start + from..range.start + to;
    let says = usize::from(header.length);
    let fields = vec![
        Field::new(at(0, 2), "source port", header.source_port, "which program sent it"),
        Field::new(
            at(2, 4),
            "destination port",
            header.destination_port,
            "which program it is for",
        ),
        Field::new(
            at(4, 6),
            "length",
            header.length,
            format!("{HEADER} of header and {} behind it", says - HEADER),
        ),
        Field::new(
            at(6, 8),
            "checksum",
            format!("{:04x}", header.checksum),
            if complete.is_ok() { "worked below" } else { "" },
        ),
    ];
    page.header(format!("UDP header, {HEADER} bytes"), fields);
    let end = range.start + HEADER + payload.len();
    page.bytes("Payload", range.start + HEADER..end);
    page.bytes("Behind the datagram's end, ignored", end..range.end);
    match complete {
        Ok(()) if says > range.len() => page.note(format!(
            "Its length says {says} bytes, but {} are there: the receiver drops it, and tells nobody.",
            range.len()
        )),
        Ok(()) => {
            let cover = Cover {
                of: "UDP",
                pseudo: pseudo(way, UDP, says),
                packet: page.packet,
                range: range.start..end,
                header: HEADER,
                field: range.start + 6,
                udp: true,
                ipv6: way.source.is_ipv6(),
            };
            page.sum(&cover);
        }
        Err("") => {}
        Err(why) => page.note(why),
    }
}

/// The pseudo-header's words, and what each of them is.
pub(super) fn pseudo(way: Way, protocol: u8, length: usize) -> Vec<(u16, String)> {
    let (header, names) = match (way.source, way.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let header = pseudo_header_v4(source, destination, protocol, length as u16);
            (header.to_vec(), [(2, "source"), (2, "destination"), (1, "protocol"), (1, "length")])
        }
        (source, destination) => {
            let (source, destination) = (as_v6(source), as_v6(destination));
            let header = pseudo_header_v6(source, destination, protocol, length as u32);
            (header.to_vec(), [(8, "source"), (8, "destination"), (2, "length"), (2, "protocol")])
        }
    };
    let names = names.iter().flat_map(|(count, name)| std::iter::repeat_n(name, *count));
    words(&header).zip(names).map(|(word, name)| (word, name.to_string())).collect()
}

fn as_v6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}
