//! The fields of the IPv4 header.

use super::field::Field;
use super::names::{congestion, protocol_name};
use crate::ipv4::{HEADER, Header};

/// The fields of a header that begins at byte `start` of the packet. The
/// reserved bit, which the codec does not keep, is given beside it.
pub(super) fn fields(header: &Header, reserved: u8, start: usize, quoted: bool) -> Vec<Field> {
    let length = header.length();
    let at = |from: usize, to: usize| start + from..start + to;
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
        Field::of_bits(at(6, 7), 0..1, "reserved", reserved, "always 0"),
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
    if length > HEADER {
        fields.push(Field::new(
            at(20, length),
            "options",
            "",
            "rare, and often dropped on the way",
        ));
    }
    fields
}
