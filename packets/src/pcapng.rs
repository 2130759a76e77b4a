//! Files of captured packets (draft-ietf-opsawg-pcapng), as Wireshark reads them.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------------------------------------------------------+
//! |                          block type                           |
//! |                      block total length                       |
//! |          body, filled up to a multiple of 4 bytes             |
//! |                      block total length                       |
//! ```
//!
//! A file is one such block after the other (section 3.1): a Section Header,
//! for each interface its Interface Description, and for each packet an
//! Enhanced Packet. A body ends with options (section 3.5): a code and a length
//! of 16 bits each, and a value filled up to 4 bytes. Numbers are written with
//! the lowest byte first, which the Section Header says.
//!
//! Each function here gives a whole block: a file to which blocks are written
//! each in one piece can be read at any moment.

/// The types of block (section 11.1).
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE_DESCRIPTION: u32 = 1;
const INTERFACE_STATISTICS: u32 = 5;
const ENHANCED_PACKET: u32 = 6;

/// By this number a reader sees in which order the bytes of numbers stand.
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// The option that ends a list, and the one that every block may have.
const END_OF_OPTIONS: u16 = 0;
const COMMENT: u16 = 1;

/// Packets that begin with the IP header, of either version: `LINKTYPE_RAW`
/// (draft-ietf-opsawg-pcaplinktype).
pub const RAW_IP: u16 = 101;

/// A body that is being written.
struct Body(Vec<u8>);

impl Body {
    fn numbers(numbers: &[u32]) -> Body {
        Body(numbers.iter().flat_map(|number| number.to_le_bytes()).collect())
    }

    /// Bytes, and zeros up to a multiple of 4.
    fn padded(mut self, bytes: &[u8]) -> Body {
        self.0.extend_from_slice(bytes);
        self.0.resize(self.0.len().next_multiple_of(4), 0);
        self
    }

    /// An option; of a longer value than 65,535 bytes the beginning.
    fn option(mut self, code: u16, value: &[u8]) -> Body {
        let length = value.len().min(usize::from(u16::MAX));
        self.0.extend_from_slice(&code.to_le_bytes());
        self.0.extend_from_slice(&(length as u16).to_le_bytes());
        self.padded(&value[..length])
    }

    /// The whole block.
    fn block(self, kind: u32) -> Vec<u8> {
        let body = self.option(END_OF_OPTIONS, &[]).0;
        let length = (body.len() as u32 + 12).to_le_bytes();
        [&kind.to_le_bytes(), &length, &body[..], &length].concat()
    }
}

/// A time, as blocks have it: in two halves, the upper one first.
fn halves(ns: u64) -> [u32; 2] {
    [(ns >> 32) as u32, ns as u32]
}

/// The Section Header Block (section 4.1), with which a file begins; `program` wrote it.
pub fn section_header(program: &str) -> Vec<u8> {
    const USER_APPLICATION: u16 = 4;
    // Version 1.0, both halves of 16 bits; and a section whose length is not said.
    let body = Body::numbers(&[BYTE_ORDER_MAGIC, 1, u32::MAX, u32::MAX]);
    body.option(USER_APPLICATION, program.as_bytes()).block(SECTION_HEADER)
}

/// An Interface Description Block (section 4.2). Interfaces are counted from 0,
/// in the order of their blocks. `longest` is how much of a packet is kept, in bytes.
pub fn interface(name: &str, link_type: u16, longest: u32) -> Vec<u8> {
    const NAME: u16 = 2;
    const RESOLUTION: u16 = 9;
    let body = Body::numbers(&[u32::from(link_type), longest]);
    // Times are counted in units of 10 to the minus 9 seconds.
    body.option(NAME, name.as_bytes()).option(RESOLUTION, &[9]).block(INTERFACE_DESCRIPTION)
}

/// A packet, for its Enhanced Packet Block.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// The number of its interface.
    pub interface: u32,
    /// When it was seen: nanoseconds since 1970.
    pub ns: u64,
    /// As much of it as was captured.
    pub bytes: &'a [u8],
    /// Its length on the wire, in bytes.
    pub length: usize,
    pub comment: Option<&'a str>,
}

impl Packet<'_> {
    /// The Enhanced Packet Block (section 4.3).
    pub fn block(&self) -> Vec<u8> {
        let [upper, lower] = halves(self.ns);
        let (captured, length) = (self.bytes.len() as u32, self.length as u32);
        let body = Body::numbers(&[self.interface, upper, lower, captured, length]);
        let body = body.padded(self.bytes);
        match self.comment {
            Some(comment) => body.option(COMMENT, comment.as_bytes()),
            None => body,
        }
        .block(ENHANCED_PACKET)
    }
}

/// An Interface Statistics Block (section 4.6), written at the end: how many
/// packets the system has received there, and how many of them it has dropped.
pub fn statistics(interface: u32, ns: u64, received: u64, dropped: u64) -> Vec<u8> {
    const RECEIVED: u16 = 4;
    const DROPPED: u16 = 7;
    let [upper, lower] = halves(ns);
    let body = Body::numbers(&[interface, upper, lower]);
    let body = body.option(RECEIVED, &received.to_le_bytes());
    body.option(DROPPED, &dropped.to_le_bytes()).block(INTERFACE_STATISTICS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(bytes: &[u8], at: usize) -> u32 {
        u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    /// The blocks of a file: type and body.
    fn blocks(mut file: &[u8]) -> Vec<(u32, Vec<u8>)> {
        let mut blocks = Vec::new();
        while !file.is_empty() {
            let length = number(file, 4) as usize;
            assert_eq!(number(file, length - 4) as usize, length);
            assert_eq!(length % 4, 0);
            blocks.push((number(file, 0), file[8..length - 4].to_vec()));
            file = &file[length..];
        }
        blocks
    }

    /// Worked by hand from the draft's figures.
    #[test]
    fn an_interface_stands_byte_for_byte() {
        let expected = [
            1, 0, 0, 0, 40, 0, 0, 0, 101, 0, 0, 0, 0, 0, 4,
            0, // type, length, link type, longest
            2, 0, 2, 0, b'l', b'o', 0, 0, // if_name
            9, 0, 1, 0, 9, 0, 0, 0, // if_tsresol
            0, 0, 0, 0, 40, 0, 0, 0, // the end of the options, and the length again
        ];
        assert_eq!(interface("lo", RAW_IP, 262_144), expected);
    }

    #[test]
    fn a_comment_that_is_too_long_for_an_option_is_cut() {
        let comment = "x".repeat(70_000);
        let packet = Packet { interface: 0, ns: 0, bytes: &[], length: 0, comment: Some(&comment) };
        let blocks = blocks(&packet.block());
        assert_eq!(blocks[0].1.len(), 20 + 4 + 65_536 + 4);
    }

    proptest! {
        #[test]
        fn every_block_is_whole_and_keeps_its_bytes(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            ns in any::<u64>(),
            comment in prop::option::of("\\PC{0,40}"),
        ) {
            let comment = comment.as_deref();
            let packet = Packet { interface: 3, ns, bytes: &bytes, length: bytes.len() + 7, comment };
            let file = [section_header("test"), interface("lo", RAW_IP, 9), packet.block(), statistics(0, ns, 1, 2)].concat();
            let blocks = blocks(&file);
            let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
            prop_assert_eq!(kinds, [SECTION_HEADER, INTERFACE_DESCRIPTION, ENHANCED_PACKET, INTERFACE_STATISTICS]);
            let body = &blocks[2].1;
            prop_assert_eq!((u64::from(number(body, 4)) << 32) + u64::from(number(body, 8)), ns);
            prop_assert_eq!(&body[20..20 + bytes.len()], &bytes[..]);
        }
    }
}
