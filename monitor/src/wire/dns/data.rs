//! What a record says: RFC 1035, section 3.3; AAAA RFC 3596; SRV RFC 2782; CAA RFC 8659.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::codes::{Class, RecordType};
use super::error::{Error, Fault};
use super::name::Name;
use super::reader::Reader;
use super::writer::Writer;

/// A record's data, and with it the record's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    A(Ipv4Addr),
    Aaaa(Ipv6Addr),
    /// A server that answers for the zone.
    Ns(Name),
    /// The name that this one is an alias of.
    Cname(Name),
    Ptr(Name),
    /// A mail server; the lowest preference is tried first.
    Mx {
        preference: u16,
        exchange: Name,
    },
    Soa(Soa),
    /// At least one string, each of at most 255 bytes.
    Txt(Vec<Vec<u8>>),
    /// Where a service runs; the lowest priority is tried first.
    Srv {
        priority: u16,
        weight: u16,
        port: u16,
        target: Name,
    },
    /// Who may issue certificates for the name.
    Caa {
        flags: u8,
        tag: Vec<u8>,
        value: Vec<u8>,
    },
    /// Any other type, and any of the above in a class where it has another form.
    Other {
        kind: RecordType,
        bytes: Vec<u8>,
    },
}

/// The start of a zone's authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soa {
    /// The server that the zone comes from.
    pub mname: Name,
    /// The mailbox of who answers for it; its first dot stands for an @.
    pub rname: Name,
    pub serial: u32,
    /// Seconds, as the next three.
    pub refresh: u32,
    pub retry: u32,
    pub expire: u32,
    /// For how long "there is no such name" may be believed (RFC 2308, section 4).
    pub minimum: u32,
}

impl Data {
    pub fn kind(&self) -> RecordType {
        match self {
            Data::A(_) => RecordType::A,
            Data::Aaaa(_) => RecordType::AAAA,
            Data::Ns(_) => RecordType::NS,
            Data::Cname(_) => RecordType::CNAME,
            Data::Ptr(_) => RecordType::PTR,
            Data::Mx { .. } => RecordType::MX,
            Data::Soa(_) => RecordType::SOA,
            Data::Txt(_) => RecordType::TXT,
            Data::Srv { .. } => RecordType::SRV,
            Data::Caa { .. } => RecordType::CAA,
            Data::Other { kind, .. } => *kind,
        }
    }

    /// Reads the data of one record: all that `reader` has left, and not a
    /// byte less.
    pub(super) fn read(reader: &mut Reader, kind: RecordType, class: Class) -> Result<Data, Error> {
        let begin = reader.at;
        let fault = |fault| Error { offset: begin, fault };
        let internet = class == Class::IN;
        let data = match kind {
            RecordType::A if internet => Data::A(Ipv4Addr::from(reader.array::<4>("an A record")?)),
            RecordType::AAAA if internet => {
                Data::Aaaa(Ipv6Addr::from(reader.array::<16>("an AAAA record")?))
            }
            RecordType::NS => Data::Ns(Name::read(reader)?),
            RecordType::CNAME => Data::Cname(Name::read(reader)?),
            RecordType::PTR => Data::Ptr(Name::read(reader)?),
            RecordType::MX => Data::Mx {
                preference: reader.u16("an MX record's preference")?,
                exchange: Name::read(reader)?,
            },
            RecordType::SOA => Data::Soa(Soa {
                mname: Name::read(reader)?,
                rname: Name::read(reader)?,
                serial: reader.u32("a SOA record's serial")?,
                refresh: reader.u32("a SOA record's refresh")?,
                retry: reader.u32("a SOA record's retry")?,
                expire: reader.u32("a SOA record's expire")?,
                minimum: reader.u32("a SOA record's minimum")?,
            }),
            RecordType::TXT => {
                let mut strings = Vec::new();
                while reader.left() > 0 {
                    strings.push(reader.string("a TXT record's string")?.to_vec());
                }
                if strings.is_empty() {
                    return Err(fault(Fault::NoText));
                }
                Data::Txt(strings)
            }
            RecordType::SRV if internet => Data::Srv {
                priority: reader.u16("an SRV record's priority")?,
                weight: reader.u16("an SRV record's weight")?,
                port: reader.u16("an SRV record's port")?,
                target: Name::read(reader)?,
            },
            RecordType::CAA => {
                let flags = reader.u8("a CAA record's flags")?;
                let tag = reader.string("a CAA record's tag")?.to_vec();
                if tag.is_empty() {
                    return Err(fault(Fault::NoTag));
                }
                Data::Caa { flags, tag, value: reader.rest().to_vec() }
            }
            _ => Data::Other { kind, bytes: reader.rest().to_vec() },
        };
        match reader.left() {
            0 => Ok(data),
            left => Err(reader.error(Fault::DataLeftOver { kind, left })),
        }
    }

    pub(super) fn write<'a>(&'a self, writer: &mut Writer<'a>) -> Result<(), Error> {
        match self {
            Data::A(address) => writer.bytes.extend_from_slice(&address.octets()),
            Data::Aaaa(address) => writer.bytes.extend_from_slice(&address.octets()),
            Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => writer.compressed_name(name),
            Data::Mx { preference, exchange } => {
                writer.u16(*preference);
                writer.compressed_name(exchange);
            }
            Data::Soa(soa) => {
                writer.compressed_name(&soa.mname);
                writer.compressed_name(&soa.rname);
                for number in [soa.serial, soa.refresh, soa.retry, soa.expire, soa.minimum] {
                    writer.u32(number);
                }
            }
            Data::Txt(strings) => {
                if strings.is_empty() {
                    return Err(Error { offset: writer.bytes.len(), fault: Fault::NoText });
                }
                for string in strings {
                    writer.string(string, "a TXT record's string")?;
                }
            }
            Data::Srv { priority, weight, port, target } => {
                [priority, weight, port].into_iter().for_each(|&number| writer.u16(number));
                writer.name(target);
            }
            Data::Caa { flags, tag, value } => {
                if tag.is_empty() {
                    return Err(Error { offset: writer.bytes.len(), fault: Fault::NoTag });
                }
                writer.bytes.push(*flags);
                writer.string(tag, "a CAA record's tag")?;
                writer.bytes.extend_from_slice(value);
            }
            Data::Other { bytes, .. } => writer.bytes.extend_from_slice(bytes),
        }
        Ok(())
    }
}

/// As `dig` shows it: `10 mail.lab.test.`
impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Data::A(address) => write!(f, "{address}"),
            Data::Aaaa(address) => write!(f, "{address}"),
            Data::Ns(name) | Data::Cname(name) | Data::Ptr(name) => write!(f, "{name}"),
            Data::Mx { preference, exchange } => write!(f, "{preference} {exchange}"),
            Data::Soa(soa) => {
                let Soa { mname, rname, serial, refresh, retry, expire, minimum } = soa;
                write!(f, "{mname} {rname} {serial} {refresh} {retry} {expire} {minimum}")
            }
            Data::Txt(strings) => {
                let quoted: Vec<String> = strings.iter().map(|string| quoted(string)).collect();
                f.write_str(&quoted.join(" "))
            }
            Data::Srv { priority, weight, port, target } => {
                write!(f, "{priority} {weight} {port} {target}")
            }
            Data::Caa { flags, tag, value } => {
                write!(f, "{flags} {} {}", escaped(tag), quoted(value))
            }
            // RFC 3597, section 5.
            Data::Other { bytes, .. } => {
                write!(f, "\\# {}", bytes.len())?;
                if !bytes.is_empty() {
                    f.write_str(" ")?;
                }
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

/// A string in quotes.
fn quoted(string: &[u8]) -> String {
    format!("\"{}\"", escaped(string))
}

/// What could end a string or harm a terminal is escaped.
fn escaped(string: &[u8]) -> String {
    let mut text = String::new();
    for &byte in string {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' '..=b'~' => text.push(char::from(byte)),
            _ => text += &format!("\\{byte:03}"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_services_are_the_internets_alone() {
        // Chaos has addresses of another kind (RFC 1035, section 3.3).
        let bytes = [0; 16];
        for (kind, length) in [(RecordType::A, 4), (RecordType::AAAA, 16), (RecordType::SRV, 7)] {
            let read = |class| Data::read(&mut Reader::new(&bytes[..length]), kind, class).unwrap();
            assert!(!matches!(read(Class::IN), Data::Other { .. }), "{kind}");
            let bytes = bytes[..length].to_vec();
            assert_eq!(read(Class::CH), Data::Other { kind, bytes });
        }
    }
}
