//! The UDP header (RFC 768).
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-------------------------------+-------------------------------+
//! |          source port          |       destination port        |
//! |            length             |           checksum            |
//! ```

use std::net::IpAddr;

use super::checksum::{self, pseudo_header_v4, pseudo_header_v6};
use super::error::{Error, header};
use super::ipv4::UDP;
use super::numbers::u16_at;

/// The header's length in bytes.
pub const HEADER: usize = 8;

/// A UDP header's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub source_port: u16,
    pub destination_port: u16,
    /// Header and payload, in bytes.
    pub length: u16,
    /// 0 says that the sender worked none out, which only IPv4 allows.
    pub checksum: u16,
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    pub const SOURCE_PORT: Range<usize> = 0..2;
    pub const DESTINATION_PORT: Range<usize> = 2..4;
    pub const LENGTH: Range<usize> = 4..6;
    pub const CHECKSUM: Range<usize> = 6..8;
}

impl Header {
    /// The header, and the payload as far as it is there.
    ///
    /// # Errors
    /// The bytes end within the header, or the length is smaller than it.
    pub fn parse(datagram: &[u8]) -> Result<(Header, &[u8]), Error> {
        let fixed = header(datagram, "a UDP header", HEADER)?;
        let fields = Header {
            source_port: u16_at(fixed, at::SOURCE_PORT),
            destination_port: u16_at(fixed, at::DESTINATION_PORT),
            length: u16_at(fixed, at::LENGTH),
            checksum: u16_at(fixed, at::CHECKSUM),
        };
        let says = usize::from(fields.length);
        if says < HEADER {
            return Err(Error::Length { what: "a UDP datagram", says, found: datagram.len() });
        }
        Ok((fields, &datagram[HEADER..datagram.len().min(says)]))
    }
}

/// The whole datagram as bytes, behind what is in `buffer`, with its checksum.
/// Both addresses are of one family, and the payload of at most 65,507 bytes.
pub fn emit(
    source: (IpAddr, u16),
    destination: (IpAddr, u16),
    payload: &[u8],
    buffer: &mut Vec<u8>,
) {
    let start = buffer.len();
    let length = (HEADER + payload.len()) as u16;
    for field in [source.1, destination.1, length, 0] {
        buffer.extend_from_slice(&field.to_be_bytes());
    }
    buffer.extend_from_slice(payload);
    let datagram = &mut buffer[start..];
    // A checksum that comes out as 0 is sent as ffff, which is the same number
    // in one's-complement arithmetic: 0 means "none".
    let checksum = match !sum(source.0, destination.0, datagram) {
        0 => 0xffff,
        checksum => checksum,
    };
    datagram[at::CHECKSUM].copy_from_slice(&checksum.to_be_bytes());
}

/// Whether a whole datagram arrived as it was sent, as far as its checksum
/// tells. Over IPv4 a checksum of 0 says nothing, and passes.
pub fn is_right(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> bool {
    let none = datagram.get(at::CHECKSUM) == Some(&[0, 0]) && source.is_ipv4();
    none || sum(source, destination, datagram) == 0xffff
}

/// The one's-complement sum over pseudo-header and datagram.
fn sum(source: IpAddr, destination: IpAddr, datagram: &[u8]) -> u16 {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            let length = datagram.len() as u16;
            let pseudo = pseudo_header_v4(source, destination, UDP, length);
            checksum::sum(&[&pseudo, datagram])
        }
        (source, destination) => {
            let length = datagram.len() as u32;
            let pseudo = pseudo_header_v6(as_v6(source), as_v6(destination), UDP, length);
            checksum::sum(&[&pseudo, datagram])
        }
    }
}

fn as_v6(address: IpAddr) -> std::net::Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::UdpHeader;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_datagram_is_refused_with_the_reason() {
        assert!(matches!(Header::parse(&[0; 7]), Err(Error::TooShort { found: 7, .. })));
        let what = "a UDP datagram";
        let length = Error::Length { what, says: 7, found: 9 };
        assert_eq!(Header::parse(&[0, 1, 0, 2, 0, 7, 0, 0, 0]), Err(length));
    }

    #[test]
    fn a_checksum_of_0_passes_over_ipv4_and_not_over_ipv6() {
        let datagram = [0, 1, 0, 2, 0, 8, 0, 0];
        let [v4, v6]: [IpAddr; 2] = ["127.0.0.1", "::1"].map(|text| text.parse().unwrap());
        assert!(is_right(v4, v4, &datagram));
        assert!(!is_right(v6, v6, &datagram));
    }

    proptest! {
        #[test]
        fn etherparse_finds_the_same_checksum(
            ports: (u16, u16),
            payload: Vec<u8>,
            v4: ([u8; 4], [u8; 4]),
            v6: ([u8; 16], [u8; 16]),
        ) {
            let theirs = UdpHeader::with_ipv4_checksum(
                ports.0,
                ports.1,
                &etherparse::Ipv4Header::new(0, 1, etherparse::IpNumber::UDP, v4.0, v4.1).unwrap(),
                &payload,
            ).unwrap();
            let mut bytes = Vec::new();
            emit((v4.0.into(), ports.0), (v4.1.into(), ports.1), &payload, &mut bytes);
            let ours = Header::parse(&bytes).unwrap();
            prop_assert_eq!(ours.0.checksum, theirs.checksum);
            prop_assert_eq!(ours.1, &payload);
            prop_assert!(is_right(v4.0.into(), v4.1.into(), &bytes));

            let length = (HEADER + payload.len()) as u16;
            let header = etherparse::Ipv6Header {
                payload_length: length,
                next_header: etherparse::IpNumber::UDP,
                source: v6.0,
                destination: v6.1,
                ..Default::default()
            };
            let theirs =
                UdpHeader::with_ipv6_checksum(ports.0, ports.1, &header, &payload).unwrap();
            let mut bytes = Vec::new();
            emit((v6.0.into(), ports.0), (v6.1.into(), ports.1), &payload, &mut bytes);
            prop_assert_eq!(Header::parse(&bytes).unwrap().0.checksum, theirs.checksum);
            prop_assert!(is_right(v6.0.into(), v6.1.into(), &bytes));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = Header::parse(&bytes);
            let _ = is_right([127, 0, 0, 1].into(), [127, 0, 0, 1].into(), &bytes);
        }
    }
}
