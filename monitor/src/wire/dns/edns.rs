//! EDNS (RFC 6891): larger datagrams, more response codes, options; in the guise of a record.
//!
//! ```text
//! name   0, the root
//! type   41, OPT
//! class  how large a datagram the sender can take, in bytes
//! TTL    8 bits more of the response code, the version, 16 flags (DO is the first)
//! data   options: code, length, bytes
//! ```

use super::codes::RecordType;
use super::error::Error;
use super::reader::Reader;
use super::writer::Writer;

/// What an OPT record says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edns {
    /// How large a datagram the sender can take, in bytes. Less than 512 counts as 512.
    pub udp_size: u16,
    pub version: u8,
    /// DO: send signatures as well (RFC 3225).
    pub dnssec_ok: bool,
    /// Code and content of each.
    pub options: Vec<(u16, Vec<u8>)>,
}

/// What a datagram may hold where nothing is said of EDNS (RFC 1035, section 4.2.1).
pub const WITHOUT_EDNS: usize = 512;

/// What passes every ordinary path in one fragment: IPv6's smallest MTU, 1280,
/// less 48 for the headers.
pub const UNFRAGMENTED: u16 = 1232;

const DNSSEC_OK: u32 = 0x8000;

impl Default for Edns {
    fn default() -> Edns {
        Edns { udp_size: UNFRAGMENTED, version: 0, dnssec_ok: false, options: Vec::new() }
    }
}

impl Edns {
    /// From the parts of the record; beside it, the upper eight bits of the response code.
    pub(super) fn read(class: u16, ttl: u32, data: &mut Reader) -> Result<(Edns, u8), Error> {
        let [upper, version, ..] = ttl.to_be_bytes();
        let mut options = Vec::new();
        while data.left() > 0 {
            let code = data.u16("an EDNS option's code")?;
            let length = data.u16("an EDNS option's length")?;
            options.push((code, data.bytes(usize::from(length), "an EDNS option")?.to_vec()));
        }
        Ok((Edns { udp_size: class, version, dnssec_ok: ttl & DNSSEC_OK != 0, options }, upper))
    }

    /// The record as a whole.
    pub(super) fn write(&self, upper_rcode: u8, writer: &mut Writer) -> Result<(), Error> {
        writer.bytes.push(0);
        writer.u16(RecordType::OPT.0);
        writer.u16(self.udp_size);
        let flags = if self.dnssec_ok { DNSSEC_OK } else { 0 };
        writer.u32(u32::from(upper_rcode) << 24 | u32::from(self.version) << 16 | flags);
        writer.with_length("EDNS options", |writer| {
            for (code, content) in &self.options {
                writer.u16(*code);
                writer.with_length("an EDNS option", |writer| {
                    writer.bytes.extend_from_slice(content);
                    Ok(())
                })?;
            }
            Ok(())
        })
    }
}
