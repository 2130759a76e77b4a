//! The IPv6 header (RFC 8200, section 3), and the way past the extension headers.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+---------------+---------------------------------------+
//! |version| traffic class |              flow label               |
//! |        payload length         |  next header  |   hop limit   |
//! |                   source address, 16 bytes                    |
//! |                destination address, 16 bytes                  |
//! ```
//!
//! It has no checksum: every layer above has one that takes in the addresses.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::error::{Error, header};
use super::numbers::{u16_at, u32_at};

/// The header's length in bytes, without extension headers.
pub const HEADER: usize = 40;

/// ICMPv6's number among the protocols (IANA); TCP and UDP have the same as over IPv4.
pub const ICMPV6: u8 = 58;

/// The numbers of the extension headers (RFC 8200, section 4).
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const DESTINATION: u8 = 60;

/// An IPv6 header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub traffic_class: u8,
    /// 20 bits.
    pub flow_label: u32,
    /// What stands behind these 40 bytes, extension headers included.
    pub payload_length: u16,
    /// The protocol, or the first extension header.
    pub next_header: u8,
    /// How many routers may still pass it on: IPv4's TTL under its true name.
    pub hop_limit: u8,
    pub source: Ipv6Addr,
    pub destination: Ipv6Addr,
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    /// Version, traffic class and flow label, of 4, 8 and 20 bits.
    pub const FIRST_WORD: Range<usize> = 0..4;
    pub const PAYLOAD_LENGTH: Range<usize> = 4..6;
    pub const NEXT_HEADER: usize = 6;
    pub const HOP_LIMIT: usize = 7;
    pub const SOURCE: Range<usize> = 8..24;
    pub const DESTINATION: Range<usize> = 24..40;
}

/// The lower 20 bits of [`at::FIRST_WORD`].
const FLOW_LABEL: u32 = 0x000f_ffff;

impl Header {
    /// The header, and what stands behind it as far as it is there.
    ///
    /// # Errors
    /// The bytes are no IPv6 packet, or end within its header.
    pub fn parse(packet: &[u8]) -> Result<(Header, &[u8]), Error> {
        let fixed = header(packet, "an IPv6 header", HEADER)?;
        let first = u32_at(fixed, at::FIRST_WORD);
        let version = (first >> 28) as u8;
        if version != 6 {
            return Err(Error::Version { expected: 6, found: version });
        }
        let address = |field: Range<usize>| {
            let mut octets = [0; 16];
            octets.copy_from_slice(&fixed[field]);
            Ipv6Addr::from(octets)
        };
        let fields = Header {
            traffic_class: (first >> 20) as u8,
            flow_label: first & FLOW_LABEL,
            payload_length: u16_at(fixed, at::PAYLOAD_LENGTH),
            next_header: fixed[at::NEXT_HEADER],
            hop_limit: fixed[at::HOP_LIMIT],
            source: address(at::SOURCE),
            destination: address(at::DESTINATION),
        };
        let end = packet.len().min(HEADER + usize::from(fields.payload_length));
        Ok((fields, &packet[HEADER..end]))
    }

    /// The header as bytes, behind what is in `buffer`.
    pub fn emit(&self, buffer: &mut Vec<u8>) {
        let first = 6 << 28 | u32::from(self.traffic_class) << 20 | self.flow_label & FLOW_LABEL;
        buffer.extend_from_slice(&first.to_be_bytes());
        buffer.extend_from_slice(&self.payload_length.to_be_bytes());
        buffer.extend_from_slice(&[self.next_header, self.hop_limit]);
        buffer.extend_from_slice(&self.source.octets());
        buffer.extend_from_slice(&self.destination.octets());
    }

    /// The protocol above, and its bytes: what stands behind the extension
    /// headers. `None` where the bytes end before, or where this is a fragment
    /// other than the first, which has no header of the protocol above.
    pub fn upper_layer<'a>(&self, payload: &'a [u8]) -> Option<(u8, &'a [u8])> {
        let (mut next, mut rest) = (self.next_header, payload);
        loop {
            let length = match next {
                HOP_BY_HOP | ROUTING | DESTINATION => 8 + 8 * usize::from(*rest.get(1)?),
                FRAGMENT => {
                    let offset = u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]) >> 3;
                    if offset != 0 {
                        return None;
                    }
                    8
                }
                _ => return Some((next, rest)),
            };
            // Each round takes 8 bytes at least, so that there is an end.
            next = rest[0];
            rest = rest.get(length..)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_follows_the_payload_is_cut_off() {
        let mut packet = [0; HEADER + 5];
        packet[0] = 0x60;
        packet[at::PAYLOAD_LENGTH.end - 1] = 2;
        assert_eq!(Header::parse(&packet).unwrap().1.len(), 2);
        packet[at::PAYLOAD_LENGTH.end - 1] = 9;
        assert_eq!(Header::parse(&packet).unwrap().1.len(), 5);
    }

    #[test]
    fn extension_headers_are_stepped_over() {
        let header = Header {
            traffic_class: 0,
            flow_label: 0,
            payload_length: 0,
            next_header: HOP_BY_HOP,
            hop_limit: 64,
            source: Ipv6Addr::LOCALHOST,
            destination: Ipv6Addr::LOCALHOST,
        };
        let mut payload = vec![DESTINATION, 0, 0, 0, 0, 0, 0, 0];
        payload.extend([FRAGMENT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        payload.extend([17, 0, 0, 1, 0, 0, 0, 9]);
        payload.extend(b"UDP");
        assert_eq!(header.upper_layer(&payload), Some((17, b"UDP".as_slice())));
        assert_eq!(header.upper_layer(&payload[..20]), None);
        // The second fragment of a packet has no UDP header.
        payload[27] = 0x08;
        assert_eq!(header.upper_layer(&payload), None);
    }

    proptest! {
        #[test]
        fn etherparse_reads_what_we_make(
            traffic_class: u8,
            flow_label in 0u32..1 << 20,
            numbers: (u16, u8, u8),
            addresses: ([u8; 16], [u8; 16]),
        ) {
            let header = Header {
                traffic_class,
                flow_label,
                payload_length: numbers.0,
                next_header: numbers.1,
                hop_limit: numbers.2,
                source: addresses.0.into(),
                destination: addresses.1.into(),
            };
            let mut bytes = Vec::new();
            header.emit(&mut bytes);
            let theirs = etherparse::Ipv6HeaderSlice::from_slice(&bytes).unwrap().to_header();
            prop_assert_eq!(theirs.traffic_class, traffic_class);
            prop_assert_eq!(theirs.flow_label.value(), flow_label);
            prop_assert_eq!(theirs.payload_length, header.payload_length);
            prop_assert_eq!(theirs.next_header.0, header.next_header);
            prop_assert_eq!(theirs.hop_limit, header.hop_limit);
            prop_assert_eq!(theirs.source, addresses.0);
            prop_assert_eq!(theirs.destination, addresses.1);
            prop_assert_eq!(Header::parse(&bytes).unwrap().0, header);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>, next_header: u8) {
            if let Ok((header, payload)) = Header::parse(&bytes) {
                let _ = header.upper_layer(payload);
            }
            let header = Header {
                traffic_class: 0,
                flow_label: 0,
                payload_length: 0,
                next_header,
                hop_limit: 0,
                source: Ipv6Addr::LOCALHOST,
                destination: Ipv6Addr::LOCALHOST,
            };
            let _ = header.upper_layer(&bytes);
        }
    }
}
