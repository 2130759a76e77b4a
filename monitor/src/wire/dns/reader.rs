//! Reading fields one after the other, never past the end.

use super::error::{Error, Fault};

/// The header's length in bytes; no name stands before it.
pub(super) const HEADER: usize = 12;

/// A place in a message, and where what is read there has to end: the end of
/// the message, or of a record's data.
#[derive(Debug, Clone)]
pub(super) struct Reader<'a> {
    /// All of it, since a name's pointers lead anywhere before.
    pub message: &'a [u8],
    pub at: usize,
    pub end: usize,
}

impl<'a> Reader<'a> {
    pub fn new(message: &'a [u8]) -> Reader<'a> {
        Reader { message, at: 0, end: message.len() }
    }

    pub fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    pub fn error(&self, fault: Fault) -> Error {
        Error { offset: self.at, fault }
    }

    /// The next `needs` bytes; the error calls them `field`.
    pub fn bytes(&mut self, needs: usize, field: &'static str) -> Result<&'a [u8], Error> {
        let has = self.left();
        if has < needs {
            return Err(self.error(Fault::End { field, needs, has }));
        }
        let bytes = &self.message[self.at..self.at + needs];
        self.at += needs;
        Ok(bytes)
    }

    pub fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Error> {
        let mut array = [0; N];
        array.copy_from_slice(self.bytes(N, field)?);
        Ok(array)
    }

    pub fn u8(&mut self, field: &'static str) -> Result<u8, Error> {
        Ok(self.array::<1>(field)?[0])
    }

    pub fn u16(&mut self, field: &'static str) -> Result<u16, Error> {
        self.array(field).map(u16::from_be_bytes)
    }

    pub fn u32(&mut self, field: &'static str) -> Result<u32, Error> {
        self.array(field).map(u32::from_be_bytes)
    }

    /// A string with its length in one byte before it (RFC 1035, section 3.3).
    pub fn string(&mut self, field: &'static str) -> Result<&'a [u8], Error> {
        let length = self.u8(field)?;
        self.bytes(usize::from(length), field)
    }

    /// All that is left.
    pub fn rest(&mut self) -> &'a [u8] {
        let rest = &self.message[self.at.min(self.end)..self.end];
        self.at = self.end;
        rest
    }

    /// The next `length` bytes as a reader of their own, which this one skips.
    pub fn part(&mut self, length: usize, field: &'static str) -> Result<Reader<'a>, Error> {
        let start = self.at;
        self.bytes(length, field)?;
        Ok(Reader { message: self.message, at: start, end: self.at })
    }
}
