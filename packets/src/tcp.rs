//! The TCP header (RFC 9293, section 3.1).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |          source port          |       destination port        |
//! |                        sequence number                        |
//! |                    acknowledgement number                     |
//! |offset | 0     |C|E|U|A|P|R|S|F|            window             |
//! |           checksum            |        urgent pointer         |
//! |                    options, up to 40 bytes                    |
//! ```

use super::error::{Error, header};
use super::numbers::{u16_at, u32_at};

/// The header without options, in bytes.
pub const HEADER: usize = 20;

/// A TCP header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header<'a> {
    pub source_port: u16,
    pub destination_port: u16,
    /// The number of the first byte of the payload, or of the SYN.
    pub sequence: u32,
    /// The number of the next byte that is expected; it counts if ACK is set.
    pub acknowledgement: u32,
    /// Eight bits, from CWR down to FIN; see [`Header::flags_in_letters`].
    pub flags: u8,
    /// How many bytes more may come; on most connections in larger units (RFC 7323).
    pub window: u16,
    pub checksum: u16,
    pub urgent_pointer: u16,
    /// A multiple of 4 bytes.
    pub options: &'a [u8],
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    pub const SOURCE_PORT: Range<usize> = 0..2;
    pub const DESTINATION_PORT: Range<usize> = 2..4;
    pub const SEQUENCE: Range<usize> = 4..8;
    pub const ACKNOWLEDGEMENT: Range<usize> = 8..12;
    pub const DATA_OFFSET: usize = 12;
    pub const FLAGS: usize = 13;
    pub const WINDOW: Range<usize> = 14..16;
    pub const CHECKSUM: Range<usize> = 16..18;
    pub const URGENT_POINTER: Range<usize> = 18..20;
}

/// The flags as `tcpdump` writes them, in its order: a dot is ACK.
const LETTERS: [(u8, char); 8] = [
    (0x01, 'F'),
    (0x02, 'S'),
    (0x04, 'R'),
    (0x08, 'P'),
    (0x10, '.'),
    (0x20, 'U'),
    (0x40, 'E'),
    (0x80, 'W'),
];

impl<'a> Header<'a> {
    /// The header, and the payload behind it. The checksum is not looked at.
    ///
    /// # Errors
    /// The bytes end within the header, or it calls itself shorter than 20 bytes.
    pub fn parse(segment: &'a [u8]) -> Result<(Header<'a>, &'a [u8]), Error> {
        let what = "a TCP header";
        let fixed = header(segment, what, HEADER)?;
        // The length is counted in words of 4 bytes.
        let length = usize::from(fixed[at::DATA_OFFSET] >> 4) * 4;
        if length < HEADER {
            return Err(Error::HeaderLength { what: "a TCP segment", bytes: length });
        }
        let whole = header(segment, what, length)?;
        let fields = Header {
            source_port: u16_at(fixed, at::SOURCE_PORT),
            destination_port: u16_at(fixed, at::DESTINATION_PORT),
            sequence: u32_at(fixed, at::SEQUENCE),
            acknowledgement: u32_at(fixed, at::ACKNOWLEDGEMENT),
            flags: fixed[at::FLAGS],
            window: u16_at(fixed, at::WINDOW),
            checksum: u16_at(fixed, at::CHECKSUM),
            urgent_pointer: u16_at(fixed, at::URGENT_POINTER),
            options: &whole[HEADER..],
        };
        Ok((fields, &segment[length..]))
    }

    /// `S`, `S.`, `.`, `P.`, `F.`, `R`: `.` is ACK. `none` without any.
    pub fn flags_in_letters(&self) -> String {
        let set = LETTERS.iter().filter(|(bit, _)| self.flags & bit != 0);
        match self.flags {
            0 => "none".to_string(),
            _ => set.map(|(_, letter)| letter).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A SYN as Linux sends it on loopback, with MSS, timestamps and window scale.
    const SYN: [u8; 40] = [
        0xc6, 0x7c, 0x2e, 0xe1, 0x5a, 0x8f, 0x3b, 0x11, 0, 0, 0, 0, 0xa0, 0x02, 0xff, 0xd7, 0xfe,
        0x30, 0, 0, 2, 4, 0xff, 0xd7, 4, 2, 8, 10, 0x12, 0x34, 0x56, 0x78, 0, 0, 0, 0, 1, 3, 3, 7,
    ];

    #[test]
    fn a_syn_is_read_field_by_field() {
        let (header, payload) = Header::parse(&SYN).unwrap();
        assert_eq!((header.source_port, header.destination_port), (50812, 12001));
        assert_eq!((header.sequence, header.acknowledgement), (0x5a8f_3b11, 0));
        assert_eq!((header.window, header.options.len()), (65495, 20));
        assert_eq!(header.flags_in_letters(), "S");
        assert!(payload.is_empty());
    }

    #[test]
    fn a_header_that_is_too_short_or_says_so_is_refused() {
        assert!(Header::parse(&SYN[..19]).is_err());
        assert!(Header::parse(&SYN[..39]).is_err());
        let mut short = SYN;
        short[12] = 0x40;
        assert!(matches!(Header::parse(&short), Err(Error::HeaderLength { bytes: 16, .. })));
    }

    proptest! {
        #[test]
        fn any_segment_is_read_as_another_library_reads_it(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            let ours = Header::parse(&bytes);
            let theirs = etherparse::TcpHeader::from_slice(&bytes);
            match (ours, theirs) {
                (Ok((ours, payload)), Ok((theirs, rest))) => {
                    prop_assert_eq!(ours.source_port, theirs.source_port);
                    prop_assert_eq!(ours.destination_port, theirs.destination_port);
                    prop_assert_eq!(ours.sequence, theirs.sequence_number);
                    prop_assert_eq!(ours.acknowledgement, theirs.acknowledgment_number);
                    prop_assert_eq!(ours.window, theirs.window_size);
                    prop_assert_eq!(ours.checksum, theirs.checksum);
                    prop_assert_eq!(ours.flags & 0x02 != 0, theirs.syn);
                    prop_assert_eq!(ours.flags & 0x80 != 0, theirs.cwr);
                    prop_assert_eq!(payload, rest);
                }
                (Err(_), Err(_)) => {}
                (ours, theirs) => prop_assert!(false, "{:?} {:?}", ours, theirs),
            }
        }
    }
}
