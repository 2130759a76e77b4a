//! DNS messages (RFC 1035), as a client and a server need them.
//!
//! ```text
//! header      12 bytes: identifier, flags and codes, four counts
//! question    name, type, class
//! answer      records: name, type, class, TTL, RDLENGTH, data
//! authority   records: who answers for the zone, or until when there is nothing
//! additional  records: addresses that will be asked for next; and OPT, which is
//!             no record but EDNS's way to put more into the header (RFC 6891)
//! ```
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`message`] | the whole message, parsed and emitted |
//! | [`header`] | its first 12 bytes |
//! | [`name`] | domain names, as labels and as text |
//! | [`codes`] | the numbers of types, classes and response codes, and their names |
//! | [`data`] | what a record says: an address, a name, text |
//! | [`record`] | records, and OPT |
//! | [`edns`] | EDNS: what does not fit into the header |
//! | [`judge`] | whether a reply answers a query, and what it then says |
//! | [`fields`] | a message taken apart byte by byte, for an annotated dump |
//! | [`error`] | what is wrong with a message, and where |
//!
//! Parsing believes nothing: a name's pointers lead only backward, labels and
//! names keep their lengths (63 and 255 bytes), and a record's data fills
//! exactly its RDLENGTH.

pub mod codes;
pub mod data;
pub mod edns;
pub mod error;
pub mod fields;
pub mod header;
pub mod judge;
pub mod message;
pub mod mismatch;
pub mod name;
mod reader;
pub mod record;
mod writer;

#[cfg(test)]
mod against_hickory;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod hostile;

pub use codes::{Class, Rcode, RecordType};
pub use data::Data;
pub use edns::Edns;
pub use error::{Error, Fault};
pub use header::Header;
pub use judge::Says;
pub use message::{Message, Question};
pub use mismatch::Mismatch;
pub use name::Name;
pub use record::Record;

/// A message as it travels over TCP: its length in two bytes before it (RFC
/// 1035, section 4.2.2; RFC 7766, section 8). In one piece, since some servers
/// do not put together what comes in two segments.
///
/// ```
/// use monitor::wire::dns::for_tcp;
/// assert_eq!(for_tcp(b"abc"), b"\0\x03abc");
/// ```
pub fn for_tcp(message: &[u8]) -> Vec<u8> {
    // A message of more than 65,535 bytes is not emitted in the first place.
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(&message[..usize::from(length)]);
    framed
}
