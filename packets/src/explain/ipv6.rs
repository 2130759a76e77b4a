//! The fields of the IPv6 header.

use super::field::Field;
use super::names::{congestion, protocol_name};
use crate::ipv6::Header;

/// The fields of a header that begins at byte `start` of the packet.
pub(super) fn fields(header: &Header, start: usize) -> Vec<Field> {
    let at = |from: usize, to: usize| start + from..start + to;
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
        Field::new(at(6, 7), "next header", header.next_header, protocol_name(header.next_header)),
        Field::new(at(7, 8), "hop limit", header.hop_limit, "1 less at each router; 0: dropped"),
        Field::new(at(8, 24), "source", header.source, "who sent it"),
        Field::new(at(24, 40), "destination", header.destination, "whom it is for"),
    ]
}
