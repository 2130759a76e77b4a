//! The fields of the UDP header, and the pseudo-header that ICMPv6 shares with it.

use std::net::IpAddr;

use super::field::Field;
use super::page::Way;
use crate::checksum::{pseudo_header_v4, pseudo_header_v6, words};
use crate::udp::{HEADER, Header};

/// The fields of a header that begins at byte `start` of the packet.
pub(super) fn fields(header: &Header, start: usize, summed: bool) -> Vec<Field> {
    let at = |from: usize, to: usize| start + from..start + to;
    let says = usize::from(header.length);
    vec![
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
            if summed { "worked below" } else { "" },
        ),
    ]
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
