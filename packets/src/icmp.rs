//! ICMP messages: RFC 792 for IPv4, RFC 4443 for IPv6.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +---------------+---------------+-------------------------------+
//! |     type      |     code      |           checksum            |
//! |          identifier           |        sequence number        |  echo
//! |                 payload, any number of bytes                  |
//! ```
//!
//! In an error the second line has another meaning, and behind it stands the
//! packet that caused it: see [`icmp_error`](super::icmp_error). The two
//! versions differ in their numbers, and in what the checksum covers.

use std::net::IpAddr;

use super::checksum::{self, pseudo_header_v6};
use super::error::{Error, header};
use super::icmp_error::IcmpError;
pub use super::icmp_version::{HEADER, Version};
use super::ipv6::ICMPV6;
use super::numbers::u16_at;

/// A message: what every one has, and what its type makes of the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// The type; `type` itself is a word of Rust.
    pub kind: u8,
    pub code: u8,
    pub checksum: u16,
    pub body: Body<'a>,
}

/// What a message says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body<'a> {
    EchoRequest(Echo<'a>),
    EchoReply(Echo<'a>),
    Error(IcmpError<'a>),
    /// Router advertisements, neighbour solicitations and the like.
    Other,
}

/// An echo request, or the reply, which brings everything back as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Echo<'a> {
    /// Which program on the host sent it.
    pub identifier: u16,
    /// Which of that program's requests it is.
    pub sequence: u16,
    pub payload: &'a [u8],
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    pub const TYPE: usize = 0;
    pub const CODE: usize = 1;
    pub const CHECKSUM: Range<usize> = 2..4;
    pub const IDENTIFIER: Range<usize> = 4..6;
    pub const SEQUENCE: Range<usize> = 6..8;
}

impl<'a> Message<'a> {
    /// Reads a message from its first byte, which stands behind the IP header.
    /// The checksum is not looked at; see [`is_right`].
    ///
    /// # Errors
    /// The bytes end within the header.
    pub fn parse(version: Version, message: &'a [u8]) -> Result<Message<'a>, Error> {
        let fixed = header(message, "an ICMP header", HEADER)?;
        let (kind, code) = (fixed[at::TYPE], fixed[at::CODE]);
        let echo = Echo {
            identifier: u16_at(fixed, at::IDENTIFIER),
            sequence: u16_at(fixed, at::SEQUENCE),
            payload: &message[HEADER..],
        };
        let body = if kind == version.echo_request() {
            Body::EchoRequest(echo)
        } else if kind == version.echo_reply() {
            Body::EchoReply(echo)
        } else {
            IcmpError::parse(version, message).map_or(Body::Other, Body::Error)
        };
        Ok(Message { kind, code, checksum: u16_at(fixed, at::CHECKSUM), body })
    }
}

impl Echo<'_> {
    /// An echo message of this type as bytes, into `buffer`, whose content is
    /// replaced. Its checksum is filled in over IPv4 only: over IPv6 it covers
    /// the addresses too, which [`set_checksum`] wants to know; Linux fills it
    /// in by itself (RFC 3542, section 3.1).
    pub fn emit(&self, version: Version, kind: u8, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&[kind, 0, 0, 0]);
        buffer.extend_from_slice(&self.identifier.to_be_bytes());
        buffer.extend_from_slice(&self.sequence.to_be_bytes());
        buffer.extend_from_slice(self.payload);
        if version == Version::V4 {
            let checksum = checksum::checksum(&[buffer]);
            buffer[at::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

/// Works out a message's checksum and puts it in. A message shorter than a
/// header stays as it is.
pub fn set_checksum(source: IpAddr, destination: IpAddr, message: &mut [u8]) {
    if let Some(field) = message.get_mut(at::CHECKSUM) {
        field.fill(0);
        let checksum = !sum(source, destination, message);
        message[at::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
    }
}

/// Whether a whole message arrived as it was sent, as far as its checksum
/// tells. ICMP's covers the message alone, ICMPv6's a pseudo-header with the
/// addresses as well (RFC 4443, section 2.3).
pub fn is_right(source: IpAddr, destination: IpAddr, message: &[u8]) -> bool {
    sum(source, destination, message) == 0xffff
}

fn sum(source: IpAddr, destination: IpAddr, message: &[u8]) -> u16 {
    match (source, destination) {
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let pseudo = pseudo_header_v6(source, destination, ICMPV6, message.len() as u32);
            checksum::sum(&[&pseudo, message])
        }
        _ => checksum::sum(&[message]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::{Icmpv4Slice, Icmpv4Type, Icmpv6Slice, Icmpv6Type};
    use proptest::prelude::*;

    /// Captured with tcpdump from `ping -c 1 -s 4 -p 61 -e 4660 127.0.0.1`,
    /// the request and the reply.
    const REQUEST: [u8; 12] = [8, 0, 0x84, 0xca, 0x12, 0x34, 0, 1, b'a', 0, 0, 0];
    const REPLY: [u8; 12] = [0, 0, 0x8c, 0xca, 0x12, 0x34, 0, 1, b'a', 0, 0, 0];

    #[test]
    fn a_captured_request_and_its_reply_are_read_and_made_byte_for_byte() {
        let echo = Echo { identifier: 0x1234, sequence: 1, payload: b"a\0\0\0" };
        for (bytes, kind, body) in
            [(REQUEST, 8, Body::EchoRequest(echo)), (REPLY, 0, Body::EchoReply(echo))]
        {
            let message = Message::parse(Version::V4, &bytes).unwrap();
            assert_eq!((message.kind, message.code, message.body), (kind, 0, body));
            let mut made = b"what was there before".to_vec();
            echo.emit(Version::V4, kind, &mut made);
            assert_eq!(made, bytes);
        }
    }

    #[test]
    fn what_ends_within_the_header_is_refused() {
        let short = Message::parse(Version::V4, &REQUEST[..7]);
        assert!(matches!(short, Err(Error::TooShort { needed: 8, found: 7, .. })));
    }

    #[test]
    fn types_that_we_do_not_know_are_told_as_such() {
        let bytes = [134, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Message::parse(Version::V6, &bytes).unwrap().body, Body::Other);
        // 129 is an echo reply over IPv6 alone.
        let bytes = [129, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(Message::parse(Version::V4, &bytes).unwrap().body, Body::Other);
    }

    proptest! {
        #[test]
        fn etherparse_reads_what_we_make_and_finds_the_checksum_right(
            identifier: u16,
            sequence: u16,
            payload: Vec<u8>,
            addresses: ([u8; 16], [u8; 16]),
        ) {
            let echo = Echo { identifier, sequence, payload: &payload };
            let mut bytes = Vec::new();
            echo.emit(Version::V4, 8, &mut bytes);
            let theirs = Icmpv4Slice::from_slice(&bytes).unwrap();
            let header = etherparse::IcmpEchoHeader { id: identifier, seq: sequence };
            prop_assert_eq!(theirs.icmp_type(), Icmpv4Type::EchoRequest(header));
            let expected = Icmpv4Type::EchoRequest(header).calc_checksum(&payload);
            prop_assert_eq!(theirs.checksum(), expected);
            prop_assert!(is_right([1, 2, 3, 4].into(), [5, 6, 7, 8].into(), &bytes));

            let (source, destination) = (addresses.0.into(), addresses.1.into());
            echo.emit(Version::V6, 129, &mut bytes);
            set_checksum(source, destination, &mut bytes);
            let theirs = Icmpv6Slice::from_slice(&bytes).unwrap();
            prop_assert_eq!(theirs.icmp_type(), Icmpv6Type::EchoReply(header));
            prop_assert!(theirs.is_checksum_valid(addresses.0, addresses.1));
            prop_assert!(is_right(source, destination, &bytes));
            let body = Message::parse(Version::V6, &bytes).unwrap().body;
            prop_assert_eq!(body, Body::EchoReply(echo));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(mut bytes: Vec<u8>, kind: u8) {
            for version in [Version::V4, Version::V6] {
                let _ = Message::parse(version, &bytes);
            }
            if let Some(first) = bytes.first_mut() {
                *first = kind;
            }
            let _ = Message::parse(Version::V4, &bytes);
            set_checksum([127, 0, 0, 1].into(), [127, 0, 0, 1].into(), &mut bytes);
        }
    }
}
