//! Records: whose, of which class, how long to be kept, and what they say (RFC 1035, section 4.1.3).

use std::fmt;

use super::codes::{Class, RecordType};
use super::data::Data;
use super::error::Error;
use super::name::Name;
use super::reader::Reader;
use super::writer::Writer;

/// A record. Its type stands in its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub name: Name,
    pub class: Class,
    /// For how many seconds it may be kept.
    pub ttl: u32,
    pub data: Data,
}

impl Record {
    /// A record of the Internet.
    pub fn new(name: &Name, ttl: u32, data: Data) -> Record {
        Record { name: name.clone(), class: Class::IN, ttl, data }
    }

    pub fn kind(&self) -> RecordType {
        self.data.kind()
    }

    pub(super) fn write<'a>(&'a self, writer: &mut Writer<'a>) -> Result<(), Error> {
        writer.compressed_name(&self.name);
        writer.u16(self.kind().0);
        writer.u16(self.class.0);
        writer.u32(self.ttl);
        writer.with_length("a record's data", |writer| self.data.write(writer))
    }
}

/// A record before its data is understood, or an OPT record.
#[derive(Debug, Clone)]
pub(super) struct RawRecord<'a> {
    pub name: Name,
    pub kind: RecordType,
    pub class: Class,
    pub ttl: u32,
    /// A reader of its data alone.
    pub data: Reader<'a>,
}

impl<'a> RawRecord<'a> {
    pub fn read(reader: &mut Reader<'a>) -> Result<RawRecord<'a>, Error> {
        let name = Name::read(reader)?;
        let kind = RecordType(reader.u16("a record's type")?);
        let class = Class(reader.u16("a record's class")?);
        let ttl = reader.u32("a record's TTL")?;
        let length = reader.u16("a record's RDLENGTH")?;
        let data = reader.part(usize::from(length), "a record's data")?;
        Ok(RawRecord { name, kind, class, ttl, data })
    }

    pub fn understand(mut self) -> Result<Record, Error> {
        let data = Data::read(&mut self.data, self.kind, self.class)?;
        // A TTL has 31 bits; one with the first bit set counts as 0 (RFC 2181, section 8).
        let ttl = if self.ttl >> 31 == 0 { self.ttl } else { 0 };
        Ok(Record { name: self.name, class: self.class, ttl, data })
    }
}

/// As `dig` shows it: `lab.test. 600 IN MX 10 mail.lab.test.`
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {} {} {} {}", self.name, self.ttl, self.class, self.kind(), self.data)
    }
}
