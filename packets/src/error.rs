//! What can be wrong with a packet.

use std::fmt;

/// Why bytes are not the packet that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The bytes end before the header does.
    TooShort { what: &'static str, needed: usize, found: usize },
    /// The first four bits of an IP packet name another version.
    Version { expected: u8, found: u8 },
    /// The header says of itself that it is shorter than any, or longer than the packet.
    HeaderLength { what: &'static str, bytes: usize },
    /// The length field is smaller than the header, or larger than the packet.
    Length { what: &'static str, says: usize, found: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Error::TooShort { what, needed, found } => {
                write!(f, "{found} bytes are too few for {what}, which needs {needed}")
            }
            Error::Version { expected, found } => {
                write!(f, "IP version {found} where {expected} was expected")
            }
            Error::HeaderLength { what, bytes } => {
                write!(f, "{what} cannot have a header of {bytes} bytes")
            }
            Error::Length { what, says, found } => {
                write!(f, "{what} says that it has {says} bytes, and has {found}")
            }
        }
    }
}

impl std::error::Error for Error {}

/// The first `needed` bytes, if there are as many.
pub fn header<'a>(packet: &'a [u8], what: &'static str, needed: usize) -> Result<&'a [u8], Error> {
    packet.get(..needed).ok_or(Error::TooShort { what, needed, found: packet.len() })
}
