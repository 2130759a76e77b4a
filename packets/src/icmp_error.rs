//! ICMP errors: what went wrong on the way, and the packet that it went wrong with.
//!
//! ```text
//! +---------------+---------------+-------------------------------+
//! |     type      |     code      |           checksum            |
//! |                 depends on the type; often 0                  |
//! |  the packet that caused it: its IP header and at least 8 bytes |
//! ```
//!
//! The eight bytes are enough for the ports of UDP and TCP, or an echo's
//! identifier and sequence number: by them the sender finds whom to tell.
//! Most systems quote more (RFC 1812 wants up to 576 bytes in all).

use super::icmp_version::{HEADER, Version};
use super::numbers::u32_at;
pub use super::problem::Problem;
use super::problem::{
    PARAMETER_PROBLEM_V4, TIME_EXCEEDED_V4, TIME_EXCEEDED_V6, UNREACHABLE_V4, UNREACHABLE_V6,
};

/// An error message: the problem, and the packet that met it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpError<'a> {
    pub problem: Problem,
    /// The packet that caused it, from its IP header on, as far as it is
    /// quoted; see [`Quoted`](super::quoted::Quoted).
    pub quoted: &'a [u8],
    /// What RFC 4884 lets a router add, such as its MPLS labels.
    pub extensions: &'a [u8],
}

/// Where the fields stand, in bytes from the first.
mod at {
    use std::ops::Range;

    pub const TYPE: usize = 0;
    pub const CODE: usize = 1;
    /// What it means depends on type and code.
    pub const REST: Range<usize> = 4..8;
    /// In it, the length of the quotation, where RFC 4884 gives it one: counted
    /// in words of 4 bytes over IPv4, of 8 over IPv6.
    pub const LENGTH_V4: usize = 5;
    pub const LENGTH_V6: usize = 4;
}

impl<'a> IcmpError<'a> {
    /// `None` if the message is no error, or ends within the header.
    pub fn parse(version: Version, message: &'a [u8]) -> Option<IcmpError<'a>> {
        let fixed = message.get(..HEADER)?;
        let rest = u32_at(fixed, at::REST);
        let problem = Problem { version, kind: fixed[at::TYPE], code: fixed[at::CODE], rest };
        if !problem.is_error() {
            return None;
        }
        let body = &message[HEADER..];
        // RFC 4884, section 3: a length other than 0 says where the quotation
        // ends and the extensions begin.
        let length = match (version, problem.kind) {
            (Version::V4, UNREACHABLE_V4 | TIME_EXCEEDED_V4 | PARAMETER_PROBLEM_V4) => {
                4 * usize::from(fixed[at::LENGTH_V4])
            }
            (Version::V6, UNREACHABLE_V6 | TIME_EXCEEDED_V6) => {
                8 * usize::from(fixed[at::LENGTH_V6])
            }
            _ => 0,
        };
        let end = if length == 0 { body.len() } else { length.min(body.len()) };
        let (quoted, extensions) = body.split_at(end);
        Some(IcmpError { problem, quoted, extensions })
    }

    /// The message as bytes, into `buffer`, whose content is replaced. The
    /// checksum is left to [`set_checksum`](super::icmp::set_checksum).
    pub fn emit(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&[self.problem.kind, self.problem.code, 0, 0]);
        buffer.extend_from_slice(&self.problem.rest.to_be_bytes());
        buffer.extend_from_slice(self.quoted);
        buffer.extend_from_slice(self.extensions);
    }
}

#[cfg(test)]
mod tests {
    use super::super::icmp::{Body, Message};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_error_is_emitted_as_it_is_read() {
        let message = [3, 4, 0, 0, 0, 0, 5, 0x78, 0x45, 0, 0, 28, 1, 2];
        let error = IcmpError::parse(Version::V4, &message).unwrap();
        assert_eq!(error.problem, Problem { version: Version::V4, kind: 3, code: 4, rest: 1400 });
        assert_eq!((error.quoted, error.extensions), (&message[8..], &[] as &[u8]));
        let mut bytes = Vec::new();
        error.emit(&mut bytes);
        assert_eq!(bytes, message);
    }

    #[test]
    fn the_length_of_rfc_4884_ends_the_quotation() {
        let mut message = vec![11, 0, 0, 0, 0, 32, 0, 0];
        message.extend([0x45; 128]);
        message.extend(b"extension");
        let error = IcmpError::parse(Version::V4, &message).unwrap();
        assert_eq!((error.quoted.len(), error.extensions), (128, b"extension".as_slice()));
        // In units of 8 bytes over IPv6, in the byte before.
        message[..8].copy_from_slice(&[3, 0, 0, 0, 16, 0, 0, 0]);
        let error = IcmpError::parse(Version::V6, &message).unwrap();
        assert_eq!((error.quoted.len(), error.extensions), (128, b"extension".as_slice()));
        // A length beyond the end does not lead beyond it.
        message[4] = 255;
        let error = IcmpError::parse(Version::V6, &message).unwrap();
        assert_eq!((error.quoted.len(), error.extensions.len()), (137, 0));
        // "Packet too big" has no length there, but its MTU.
        message[..8].copy_from_slice(&[2, 0, 0, 0, 0, 0, 5, 0]);
        assert_eq!(IcmpError::parse(Version::V6, &message).unwrap().quoted.len(), 137);
    }

    #[test]
    fn what_is_no_error_is_none() {
        for (version, kind) in [(Version::V4, 8), (Version::V4, 4), (Version::V6, 128)] {
            assert_eq!(IcmpError::parse(version, &[kind, 0, 0, 0, 0, 0, 0, 0]), None);
        }
        assert_eq!(IcmpError::parse(Version::V4, &[3, 1, 0, 0]), None);
    }

    proptest! {
        #[test]
        fn every_error_that_is_read_has_a_name_and_comes_out_as_it_went_in(
            kind: u8,
            code: u8,
            mut bytes in prop::collection::vec(any::<u8>(), 8..300),
        ) {
            bytes[..4].copy_from_slice(&[kind, code, 0, 0]);
            for version in [Version::V4, Version::V6] {
                let message = Message::parse(version, &bytes).unwrap();
                if let Body::Error(error) = message.body {
                    prop_assert!(!error.problem.to_string().is_empty());
                    let mut made = Vec::new();
                    error.emit(&mut made);
                    prop_assert_eq!(&made, &bytes);
                }
            }
        }
    }
}
