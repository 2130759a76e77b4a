//! Writing a message, with names shortened by pointers to where they stood before.

use std::collections::HashMap;

use super::error::{Error, Fault};
use super::name::Name;

/// A compression pointer has 14 bits for the offset it leads to.
const FURTHEST_POINTER: usize = 0x3fff;

/// A message's bytes so far.
#[derive(Debug, Default)]
pub(super) struct Writer<'a> {
    pub bytes: Vec<u8>,
    /// The ends of names that stand in the message, and where. With their very
    /// letters: what is `WWW` stays so.
    endings: HashMap<&'a [u8], u16>,
}

impl<'a> Writer<'a> {
    pub fn u16(&mut self, value: u16) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub fn u32(&mut self, value: u32) {
        self.bytes.extend_from_slice(&value.to_be_bytes());
    }

    pub fn error(&self, what: &'static str, most: usize) -> Error {
        Error { offset: self.bytes.len(), fault: Fault::TooLong { what, most } }
    }

    /// A string with its length in one byte before it (RFC 1035, section 3.3).
    pub fn string(&mut self, string: &[u8], what: &'static str) -> Result<(), Error> {
        let length = u8::try_from(string.len()).map_err(|_| self.error(what, 255))?;
        self.bytes.push(length);
        self.bytes.extend_from_slice(string);
        Ok(())
    }

    /// A name in full.
    pub fn name(&mut self, name: &Name) {
        self.bytes.extend_from_slice(name.as_bytes());
    }

    /// A name, whose end is a pointer where the message has that end already
    /// (RFC 1035, section 4.1.4). Only for owners, and in the data of the
    /// types of RFC 1035 itself (RFC 3597, section 4).
    pub fn compressed_name(&mut self, name: &'a Name) {
        let mut rest = name.as_bytes();
        while rest.len() > 1 {
            if let Some(&offset) = self.endings.get(rest) {
                return self.u16(0xc000 | offset);
            }
            let here = self.bytes.len();
            if here <= FURTHEST_POINTER {
                self.endings.insert(rest, here as u16);
            }
            let (label, after) = rest.split_at(1 + usize::from(rest[0]));
            self.bytes.extend_from_slice(label);
            rest = after;
        }
        self.bytes.push(0);
    }

    /// What `write` writes, with its length in two bytes before it.
    pub fn with_length(
        &mut self,
        what: &'static str,
        write: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let start = self.bytes.len();
        self.u16(0);
        write(self)?;
        let length = self.bytes.len() - start - 2;
        let length = u16::try_from(length).map_err(|_| self.error(what, usize::from(u16::MAX)))?;
        self.bytes[start..start + 2].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }
}
