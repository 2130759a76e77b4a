//! The numbers of types, classes, operations and response codes, and their names.
//!
//! A number without a name is kept, and shown as RFC 3597 says: `TYPE65280`.

use std::fmt;
use std::str::FromStr;

/// The type of a record, or of what a question asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordType(pub u16);

impl RecordType {
    pub const A: RecordType = RecordType(1);
    pub const NS: RecordType = RecordType(2);
    pub const CNAME: RecordType = RecordType(5);
    pub const SOA: RecordType = RecordType(6);
    pub const PTR: RecordType = RecordType(12);
    pub const MX: RecordType = RecordType(15);
    pub const TXT: RecordType = RecordType(16);
    pub const AAAA: RecordType = RecordType(28);
    pub const SRV: RecordType = RecordType(33);
    pub const OPT: RecordType = RecordType(41);
    /// Only in a question: whatever there is.
    pub const ANY: RecordType = RecordType(255);
    pub const CAA: RecordType = RecordType(257);
}

const TYPES: [(u16, &str); 22] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (13, "HINFO"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (39, "DNAME"),
    (41, "OPT"),
    (43, "DS"),
    (46, "RRSIG"),
    (47, "NSEC"),
    (48, "DNSKEY"),
    (50, "NSEC3"),
    (52, "TLSA"),
    (65, "HTTPS"),
    (255, "ANY"),
    (257, "CAA"),
];

impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match TYPES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("TYPE{}", self.0)),
        }
    }
}

/// `MX`, in any case, or `TYPE15`.
impl FromStr for RecordType {
    type Err = String;

    fn from_str(text: &str) -> Result<RecordType, String> {
        let upper = text.to_ascii_uppercase();
        if let Some((number, _)) = TYPES.iter().find(|(_, name)| *name == upper) {
            return Ok(RecordType(*number));
        }
        let number = upper.strip_prefix("TYPE").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
        number.and_then(|number| number.parse().ok()).map(RecordType).ok_or_else(|| {
            format!(
                "{text:?} is no record type; try A, AAAA, MX, CNAME, NS, TXT, SOA, PTR, SRV or CAA"
            )
        })
    }
}

/// The class of a record; IN, the Internet, in practice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Class(pub u16);

impl Class {
    pub const IN: Class = Class(1);
    /// Chaos, in which servers tell their version.
    pub const CH: Class = Class(3);
    pub const ANY: Class = Class(255);
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Class::IN => f.pad("IN"),
            Class::CH => f.pad("CH"),
            Class::ANY => f.pad("ANY"),
            Class(number) => f.pad(&format!("CLASS{number}")),
        }
    }
}

/// What kind of message: a query in practice (RFC 1035, section 4.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opcode(pub u8);

impl Opcode {
    pub const QUERY: Opcode = Opcode(0);
}

impl fmt::Display for Opcode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            0 => f.pad("QUERY"),
            1 => f.pad("IQUERY"),
            2 => f.pad("STATUS"),
            4 => f.pad("NOTIFY"),
            5 => f.pad("UPDATE"),
            other => f.pad(&format!("OPCODE{other}")),
        }
    }
}

/// How it went: four bits of the header, and eight more where there is EDNS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rcode(pub u16);

impl Rcode {
    pub const NO_ERROR: Rcode = Rcode(0);
    pub const FORM_ERR: Rcode = Rcode(1);
    pub const SERV_FAIL: Rcode = Rcode(2);
    pub const NX_DOMAIN: Rcode = Rcode(3);
    pub const NOT_IMP: Rcode = Rcode(4);
    pub const REFUSED: Rcode = Rcode(5);
    pub const BAD_VERS: Rcode = Rcode(16);

    /// What it means, in words.
    pub fn meaning(self) -> &'static str {
        match self.0 {
            0 => "no error",
            1 => "the server did not understand the query",
            2 => "the server failed",
            3 => "the name does not exist",
            4 => "the server does not do such queries",
            5 => "the server refuses to answer",
            6..=10 => "an update was not possible",
            16 => "the server does not know this version of EDNS",
            23 => "the server wants a better cookie",
            _ => "a response code without a meaning here",
        }
    }
}

const RCODES: [(u16, &str); 13] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
    (16, "BADVERS"),
    (23, "BADCOOKIE"),
];

impl fmt::Display for Rcode {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match RCODES.iter().find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.pad(name),
            None => f.pad(&format!("RCODE{}", self.0)),
        }
    }
}

/// `NXDOMAIN`, in any case.
impl FromStr for Rcode {
    type Err = String;

    fn from_str(text: &str) -> Result<Rcode, String> {
        let upper = text.to_ascii_uppercase();
        match RCODES.iter().find(|(_, name)| *name == upper) {
            Some((number, _)) => Ok(Rcode(*number)),
            None => Err(format!(
                "{text:?} is no response code; try NOERROR, NXDOMAIN, SERVFAIL or REFUSED"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_response_code_with_a_name_has_a_meaning() {
        let unknown = Rcode(u16::MAX).meaning();
        let mut meanings = Vec::new();
        for (number, name) in RCODES {
            let code: Rcode = name.to_lowercase().parse().unwrap();
            assert_eq!((code, code.to_string().as_str()), (Rcode(number), name));
            assert_ne!(code.meaning(), unknown, "{name}");
            meanings.push(code.meaning());
        }
        // The five of an update share one.
        meanings.dedup();
        assert_eq!(meanings.len(), RCODES.len() - 4);
    }

    #[test]
    fn a_record_type_is_read_by_its_name_or_its_number() {
        for text in ["MX", "mx", "TYPE15", "type15"] {
            assert_eq!(text.parse(), Ok(RecordType::MX), "{text}");
        }
        for text in ["TYPE", "TYPE+15", "TYPE65536", "15"] {
            assert!(text.parse::<RecordType>().is_err(), "{text}");
        }
    }
}
