//! The first 12 bytes of a message (RFC 1035, section 4.1.1; RFC 4035 for AD and CD).
//!
//! ```text
//! 0   identifier        16 bits, the same in query and reply
//! 2   QR opcode AA TC RD   1, 4, 1, 1, 1 bits
//! 3   RA Z AD CD RCODE     1, 1, 1, 1, 4 bits
//! 4   QDCOUNT ANCOUNT NSCOUNT ARCOUNT   16 bits each
//! ```

use super::codes::Opcode;
use super::error::Error;
use super::reader::{HEADER, Reader};
use super::writer::Writer;

/// Its length in bytes.
pub const LENGTH: usize = HEADER;

/// The header without its counts, and without the response code, which EDNS
/// may continue elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    pub id: u16,
    /// QR: a reply, and not a query.
    pub response: bool,
    pub opcode: Opcode,
    /// AA: the server answers for this zone itself.
    pub authoritative: bool,
    /// TC: not everything fitted; ask again over TCP.
    pub truncated: bool,
    /// RD: the server is asked to ask others.
    pub recursion_desired: bool,
    /// RA: the server is willing to.
    pub recursion_available: bool,
    /// AD: the server has checked the signatures.
    pub authentic_data: bool,
    /// CD: the server need not check the signatures.
    pub checking_disabled: bool,
}

impl Header {
    /// A query that asks for recursion.
    pub fn query(id: u16) -> Header {
        Header {
            id,
            response: false,
            opcode: Opcode::QUERY,
            authoritative: false,
            truncated: false,
            recursion_desired: true,
            recursion_available: false,
            authentic_data: false,
            checking_disabled: false,
        }
    }

    /// The header alone, of a message whose rest may be spoilt: enough to know
    /// whose it is.
    ///
    /// # Errors
    /// There are fewer than 12 bytes.
    pub fn parse(message: &[u8]) -> Result<Header, Error> {
        Ok(Parts::read(&mut Reader::new(message))?.header)
    }
}

/// All of the 12 bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Parts {
    pub header: Header,
    /// The lower four bits of the response code.
    pub rcode: u8,
    /// Of questions, answers, authority and additional records.
    pub counts: [u16; 4],
}

impl Parts {
    pub fn read(reader: &mut Reader) -> Result<Parts, Error> {
        let id = reader.u16("the identifier")?;
        let [high, low] = reader.array("the flags")?;
        let mut counts = [0; 4];
        for count in &mut counts {
            *count = reader.u16("a count")?;
        }
        let header = Header {
            id,
            response: high & 0x80 != 0,
            opcode: Opcode(high >> 3 & 0x0f),
            authoritative: high & 0x04 != 0,
            truncated: high & 0x02 != 0,
            recursion_desired: high & 0x01 != 0,
            recursion_available: low & 0x80 != 0,
            authentic_data: low & 0x20 != 0,
            checking_disabled: low & 0x10 != 0,
        };
        Ok(Parts { header, rcode: low & 0x0f, counts })
    }

    pub fn write(&self, writer: &mut Writer) {
        let header = &self.header;
        let bit = |set: bool, mask: u8| if set { mask } else { 0 };
        writer.u16(header.id);
        writer.bytes.push(
            bit(header.response, 0x80)
                | (header.opcode.0 & 0x0f) << 3
                | bit(header.authoritative, 0x04)
                | bit(header.truncated, 0x02)
                | bit(header.recursion_desired, 0x01),
        );
        writer.bytes.push(
            bit(header.recursion_available, 0x80)
                | bit(header.authentic_data, 0x20)
                | bit(header.checking_disabled, 0x10)
                | self.rcode & 0x0f,
        );
        self.counts.iter().for_each(|&count| writer.u16(count));
    }
}
