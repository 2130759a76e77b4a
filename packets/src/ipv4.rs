//! The IPv4 header (RFC 791, section 3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------+-------+---------------+-------------------------------+
//! |version| length|type of service|         total length          |
//! |        identification         |flags|     fragment offset     |
//! |      TTL      |   protocol    |        header checksum        |
//! |                         source address                        |
//! |                      destination address                      |
//! |                 options, 0 to 40 bytes                        |
//! ```

use std::net::Ipv4Addr;

use super::checksum;
use super::error::{Error, header};
use super::numbers::{u16_at, u32_at};

/// The header without options; each option makes it longer, up to 60 bytes.
pub const HEADER: usize = 20;

/// The numbers of the protocols that stand in an IP packet (IANA).
pub const ICMP: u8 = 1;
pub const TCP: u8 = 6;
pub const UDP: u8 = 17;

/// An IPv4 header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    /// DSCP in the upper six bits, ECN in the lower two (RFC 2474, RFC 3168).
    pub type_of_service: u8,
    /// Header and payload, in bytes.
    pub total_length: u16,
    /// The same in all fragments of a packet.
    pub identification: u16,
    /// No router may cut the packet: type 3, code 4 is the answer where it does not fit.
    pub dont_fragment: bool,
    pub more_fragments: bool,
    /// Where in the packet this fragment's payload belongs, in units of 8 bytes.
    pub fragment_offset: u16,
    /// How many routers may still pass it on.
    pub ttl: u8,
    pub protocol: u8,
    pub checksum: u16,
    pub source: Ipv4Addr,
    pub destination: Ipv4Addr,
    /// A multiple of 4 bytes.
    pub options: &'a [u8],
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    pub const VERSION_AND_LENGTH: usize = 0;
    pub const TYPE_OF_SERVICE: usize = 1;
    pub const TOTAL_LENGTH: Range<usize> = 2..4;
    pub const IDENTIFICATION: Range<usize> = 4..6;
    pub const FLAGS_AND_OFFSET: Range<usize> = 6..8;
    pub const TTL: usize = 8;
    pub const PROTOCOL: usize = 9;
    pub const CHECKSUM: Range<usize> = 10..12;
    pub const SOURCE: Range<usize> = 12..16;
    pub const DESTINATION: Range<usize> = 16..20;
}

/// The bits of [`at::FLAGS_AND_OFFSET`].
const DONT_FRAGMENT: u16 = 0x4000;
const MORE_FRAGMENTS: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;

/// The TTL of a packet as a raw socket hands it out, its header, and what is
/// behind that. The header's own length alone is looked at: on macOS such a
/// header has a total length without itself, and in the order of the machine.
pub fn split(packet: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    // The version, and the header's length in words of 4 bytes.
    let first = *packet.first()?;
    let length = usize::from(first & 0x0f) * 4;
    let (header, message) = packet.split_at_checked(length)?;
    (first >> 4 == 4 && length >= HEADER).then(|| (header[at::TTL], header, message))
}

impl<'a> Header<'a> {
    /// The header, and the payload as far as it is there: behind it may be
    /// more (an Ethernet frame's padding, which is cut off) or less (a packet
    /// quoted in an ICMP error). The checksum is not looked at.
    ///
    /// # Errors
    /// The bytes are no IPv4 packet, or end within its header.
    pub fn parse(packet: &'a [u8]) -> Result<(Header<'a>, &'a [u8]), Error> {
        let what = "an IPv4 header";
        let fixed = header(packet, what, HEADER)?;
        let version = fixed[at::VERSION_AND_LENGTH] >> 4;
        if version != 4 {
            return Err(Error::Version { expected: 4, found: version });
        }
        // The length is counted in words of 4 bytes.
        let length = usize::from(fixed[at::VERSION_AND_LENGTH] & 0x0f) * 4;
        if length < HEADER {
            return Err(Error::HeaderLength { what: "an IPv4 packet", bytes: length });
        }
        let whole = header(packet, what, length)?;
        let total_length = u16_at(fixed, at::TOTAL_LENGTH);
        let says = usize::from(total_length);
        if says < length {
            return Err(Error::Length { what: "an IPv4 packet", says, found: packet.len() });
        }
        let fragment = u16_at(fixed, at::FLAGS_AND_OFFSET);
        let fields = Header {
            type_of_service: fixed[at::TYPE_OF_SERVICE],
            total_length,
            identification: u16_at(fixed, at::IDENTIFICATION),
            dont_fragment: fragment & DONT_FRAGMENT != 0,
            more_fragments: fragment & MORE_FRAGMENTS != 0,
            fragment_offset: fragment & OFFSET,
            ttl: fixed[at::TTL],
            protocol: fixed[at::PROTOCOL],
            checksum: u16_at(fixed, at::CHECKSUM),
            source: Ipv4Addr::from_bits(u32_at(fixed, at::SOURCE)),
            destination: Ipv4Addr::from_bits(u32_at(fixed, at::DESTINATION)),
            options: &whole[HEADER..],
        };
        Ok((fields, &packet[length..packet.len().min(says)]))
    }

    /// The header's length in bytes, 20 to 60.
    pub fn length(&self) -> usize {
        HEADER + self.options.len().min(40).next_multiple_of(4)
    }

    /// The header as bytes, behind what is in `buffer`; the checksum is worked
    /// out, and the field `checksum` not looked at. Options are padded with
    /// zeros to a multiple of 4 bytes, and cut off at 40.
    pub fn emit(&self, buffer: &mut Vec<u8>) {
        let length = self.length();
        let mut bytes = [0; 60];
        bytes[at::VERSION_AND_LENGTH] = 4 << 4 | (length / 4) as u8;
        bytes[at::TYPE_OF_SERVICE] = self.type_of_service;
        bytes[at::TOTAL_LENGTH].copy_from_slice(&self.total_length.to_be_bytes());
        bytes[at::IDENTIFICATION].copy_from_slice(&self.identification.to_be_bytes());
        let fragment = if self.dont_fragment { DONT_FRAGMENT } else { 0 }
            | if self.more_fragments { MORE_FRAGMENTS } else { 0 }
            | self.fragment_offset & OFFSET;
        bytes[at::FLAGS_AND_OFFSET].copy_from_slice(&fragment.to_be_bytes());
        bytes[at::TTL] = self.ttl;
        bytes[at::PROTOCOL] = self.protocol;
        bytes[at::SOURCE].copy_from_slice(&self.source.octets());
        bytes[at::DESTINATION].copy_from_slice(&self.destination.octets());
        let options = &self.options[..self.options.len().min(40)];
        bytes[HEADER..HEADER + options.len()].copy_from_slice(options);
        let checksum = checksum::checksum(&[&bytes[..length]]);
        bytes[at::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        buffer.extend_from_slice(&bytes[..length]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::Ipv4HeaderSlice;
    use proptest::prelude::*;

    /// Captured with tcpdump from `ping -c 1 127.0.0.1`.
    const PING: [u8; 20] = [
        0x45, 0x00, 0x00, 0x54, 0x3f, 0x97, 0x40, 0x00, 0x40, 0x01, 0xfd, 0x0f, 0x7f, 0x00, 0x00,
        0x01, 0x7f, 0x00, 0x00, 0x01,
    ];

    #[test]
    fn a_packet_that_is_all_header_is_whole() {
        let mut bytes = PING;
        bytes[at::TOTAL_LENGTH.end - 1] = HEADER as u8;
        assert_eq!(Header::parse(&bytes).unwrap().1, b"");
        bytes[at::TOTAL_LENGTH.end - 1] = HEADER as u8 - 1;
        assert!(Header::parse(&bytes).is_err());
    }

    #[test]
    fn a_captured_header_is_read_and_made_again_byte_for_byte() {
        let (header, payload) = Header::parse(&PING).unwrap();
        assert_eq!((header.total_length, header.ttl, header.protocol), (84, 64, ICMP));
        assert!(header.dont_fragment && !header.more_fragments);
        assert_eq!(header.source, Ipv4Addr::LOCALHOST);
        assert_eq!(payload, [0u8; 0]);
        let mut bytes = Vec::new();
        header.emit(&mut bytes);
        assert_eq!(bytes, PING);
    }

    #[test]
    fn what_is_no_packet_is_refused_with_the_reason() {
        assert!(matches!(Header::parse(&PING[..19]), Err(Error::TooShort { needed: 20, .. })));
        let changed = |index: usize, byte| {
            let mut bytes = PING;
            bytes[index] = byte;
            Header::parse(&bytes).err()
        };
        assert_eq!(changed(0, 0x65), Some(Error::Version { expected: 4, found: 6 }));
        let what = "an IPv4 packet";
        assert_eq!(changed(0, 0x44), Some(Error::HeaderLength { what, bytes: 16 }));
        assert!(matches!(changed(0, 0x46), Some(Error::TooShort { needed: 24, .. })));
        assert_eq!(changed(3, 19), Some(Error::Length { what, says: 19, found: 20 }));
    }

    #[test]
    fn padding_behind_the_packet_is_no_payload() {
        let mut packet = PING.to_vec();
        packet[3] = 22;
        packet.extend([1, 2, 3, 4]);
        assert_eq!(Header::parse(&packet).unwrap().1, [1, 2]);
    }

    proptest! {
        #[test]
        fn etherparse_reads_what_we_make_and_finds_the_checksum_right(
            numbers: (u8, u16, u16, u16),
            flags: (bool, bool),
            ttl: u8,
            protocol: u8,
            addresses: ([u8; 4], [u8; 4]),
            words in 0usize..=10,
        ) {
            let options = vec![1; 4 * words];
            let header = Header {
                type_of_service: numbers.0,
                total_length: numbers.1.max(60),
                identification: numbers.2,
                dont_fragment: flags.0,
                more_fragments: flags.1,
                fragment_offset: numbers.3 & OFFSET,
                ttl,
                protocol,
                checksum: 0,
                source: addresses.0.into(),
                destination: addresses.1.into(),
                options: &options,
            };
            let mut bytes = Vec::new();
            header.emit(&mut bytes);
            let theirs = Ipv4HeaderSlice::from_slice(&bytes).unwrap().to_header();
            prop_assert_eq!(theirs.header_checksum, theirs.calc_header_checksum());
            prop_assert_eq!(theirs.total_len, header.total_length);
            prop_assert_eq!(theirs.identification, header.identification);
            prop_assert_eq!(theirs.dont_fragment, header.dont_fragment);
            prop_assert_eq!(theirs.more_fragments, header.more_fragments);
            prop_assert_eq!(theirs.fragment_offset.value(), header.fragment_offset);
            prop_assert_eq!(theirs.time_to_live, ttl);
            prop_assert_eq!(theirs.protocol.0, protocol);
            prop_assert_eq!(theirs.destination, addresses.1);
            let (ours, _) = Header::parse(&bytes).unwrap();
            prop_assert!(checksum::is_right(&[&bytes]));
            prop_assert_eq!(Header { checksum: 0, ..ours }, header);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = Header::parse(&bytes);
        }
    }

    #[test]
    fn a_header_is_split_off_by_its_length_whatever_its_total_length_says() {
        // As macOS hands it out: 256 bytes of message, in the order of this machine.
        let mut packet = vec![0x45, 0, 0, 1, 0, 0, 0, 0, 64, 1, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1];
        packet.extend([7; 256]);
        let (ttl, header, message) = split(&packet).unwrap();
        assert_eq!((ttl, header.len(), message), (64, 20, &[7; 256][..]));
        packet[0] = 0x46;
        assert_eq!(split(&packet).unwrap().1.len(), 24);
        // No IPv4, a header that is too short, one that is not all there, none.
        packet[0] = 0x65;
        assert_eq!(split(&packet), None);
        packet[0] = 0x44;
        assert_eq!(split(&packet), None);
        assert_eq!(split(&[0x45; 19]), None);
        assert_eq!(split(&[]), None);
    }
}
