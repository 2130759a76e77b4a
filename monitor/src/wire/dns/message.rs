//! A whole message: header, question, and three sections of records.

use std::fmt;

use super::codes::{Class, Rcode, RecordType};
use super::edns::{self, Edns};
use super::error::{Error, Fault};
use super::header::{Header, Parts};
use super::name::Name;
use super::reader::Reader;
use super::record::{RawRecord, Record};
use super::writer::Writer;

/// Over TCP, where two bytes say how long a message is (RFC 1035, section 4.2.2).
pub const LONGEST: usize = 65_535;

/// A query or a reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub header: Header,
    /// All 12 bits of it. Without EDNS only the lower four are emitted.
    pub rcode: Rcode,
    /// One, in practice (RFC 9619).
    pub questions: Vec<Question>,
    pub answers: Vec<Record>,
    pub authorities: Vec<Record>,
    /// Without the OPT record, which is in `edns`.
    pub additionals: Vec<Record>,
    pub edns: Option<Edns>,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub name: Name,
    pub kind: RecordType,
    pub class: Class,
}

impl Message {
    /// A query with recursion desired and EDNS, as `dig` sends.
    pub fn query(id: u16, name: &Name, kind: RecordType) -> Message {
        Message {
            header: Header::query(id),
            rcode: Rcode::NO_ERROR,
            questions: vec![Question { name: name.clone(), kind, class: Class::IN }],
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: Some(Edns::default()),
        }
    }

    /// An empty reply to a query: its identifier, its question, and EDNS if it
    /// had some.
    pub fn reply_to(query: &Message) -> Message {
        let header = Header {
            id: query.header.id,
            response: true,
            opcode: query.header.opcode,
            recursion_desired: query.header.recursion_desired,
            checking_disabled: query.header.checking_disabled,
            ..Header::query(0)
        };
        Message {
            header,
            rcode: Rcode::NO_ERROR,
            questions: query.questions.clone(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: query.edns.as_ref().map(|_| Edns::default()),
        }
    }

    /// How large a datagram the sender of this message takes, in bytes.
    pub fn datagram_limit(&self) -> usize {
        let asked = self.edns.as_ref().map_or(0, |edns| usize::from(edns.udp_size));
        asked.max(edns::WITHOUT_EDNS)
    }

    /// Parses a message.
    ///
    /// Where a server has set TC and cut a record in two, what stands before
    /// it is the message: its reader asks again over TCP (RFC 2181, section 9).
    ///
    /// # Errors
    /// The first thing in it that cannot be, and where.
    pub fn parse(bytes: &[u8]) -> Result<Message, Error> {
        let reader = &mut Reader::new(bytes);
        let Parts { header, rcode, counts } = Parts::read(reader)?;
        let mut message = Message {
            header,
            rcode: Rcode(u16::from(rcode)),
            questions: Vec::new(),
            answers: Vec::new(),
            authorities: Vec::new(),
            additionals: Vec::new(),
            edns: None,
        };
        let [questions, records @ ..] = counts;
        for _ in 0..questions {
            message.questions.push(Question::read(reader)?);
        }
        for (section, count) in records.into_iter().enumerate() {
            for _ in 0..count {
                match message.read_record(reader, section) {
                    Ok(()) => {}
                    Err(Error { fault: Fault::End { .. }, .. }) if header.truncated => {
                        return Ok(message);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        match reader.left() {
            0 => Ok(message),
            bytes => Err(reader.error(Fault::Trailing { bytes })),
        }
    }

    /// Reads a record into a section: 0 answers, 1 authorities, 2 additionals.
    fn read_record(&mut self, reader: &mut Reader, section: usize) -> Result<(), Error> {
        let offset = reader.at;
        let mut raw = RawRecord::read(reader)?;
        if raw.kind == RecordType::OPT {
            if section != 2 {
                return Err(Error { offset, fault: Fault::OptElsewhere });
            }
            if !raw.name.is_root() {
                return Err(Error { offset, fault: Fault::OptWithName });
            }
            if self.edns.is_some() {
                return Err(Error { offset, fault: Fault::SecondOpt });
            }
            let (edns, upper) = Edns::read(raw.class.0, raw.ttl, &mut raw.data)?;
            self.edns = Some(edns);
            self.rcode = Rcode(u16::from(upper) << 4 | self.rcode.0);
            return Ok(());
        }
        let record = raw.understand()?;
        match section {
            0 => self.answers.push(record),
            1 => self.authorities.push(record),
            _ => self.additionals.push(record),
        }
        Ok(())
    }

    /// The message as bytes, names compressed, the OPT record last.
    ///
    /// # Errors
    /// Something in it does not fit into its length field.
    pub fn emit(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.encode()?;
        match bytes.len() <= LONGEST {
            true => Ok(bytes),
            false => {
                let fault = Fault::TooLong { what: "a message", most: LONGEST };
                Err(Error { offset: LONGEST, fault })
            }
        }
    }

    /// As [`Message::emit`], at any length.
    fn encode(&self) -> Result<Vec<u8>, Error> {
        let writer = &mut Writer::default();
        let lengths = [
            self.questions.len(),
            self.answers.len(),
            self.authorities.len(),
            self.additionals.len() + usize::from(self.edns.is_some()),
        ];
        let mut counts = [0; 4];
        for (count, length) in counts.iter_mut().zip(lengths) {
            *count = u16::try_from(length)
                .map_err(|_| writer.error("a section", usize::from(u16::MAX)))?;
        }
        let Rcode(rcode) = self.rcode;
        Parts { header: self.header, rcode: rcode as u8 & 0x0f, counts }.write(writer);
        for question in &self.questions {
            question.write(writer);
        }
        for record in self.answers.iter().chain(&self.authorities).chain(&self.additionals) {
            record.write(writer)?;
        }
        if let Some(edns) = &self.edns {
            edns.write((rcode >> 4) as u8, writer)?;
        }
        Ok(std::mem::take(&mut writer.bytes))
    }

    /// The message in at most `limit` bytes: what does not fit is left out
    /// from the end, and TC set if it was more than additional records (RFC
    /// 2181, section 9).
    ///
    /// # Errors
    /// Something in it does not fit into its length field.
    pub fn emit_within(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let mut message = self.clone();
        loop {
            let bytes = message.encode()?;
            if bytes.len() <= limit.min(LONGEST) {
                return Ok(bytes);
            }
            if message.additionals.pop().is_some() {
                continue;
            }
            message.header.truncated = true;
            let dropped = message.authorities.pop().or_else(|| message.answers.pop());
            if dropped.is_none() {
                return Ok(bytes);
            }
        }
    }
}

impl Question {
    pub(super) fn read(reader: &mut Reader) -> Result<Question, Error> {
        Ok(Question {
            name: Name::read(reader)?,
            kind: RecordType(reader.u16("the question's type")?),
            class: Class(reader.u16("the question's class")?),
        })
    }

    fn write<'a>(&'a self, writer: &mut Writer<'a>) {
        writer.compressed_name(&self.name);
        writer.u16(self.kind.0);
        writer.u16(self.class.0);
    }
}

/// `www.lab.test. IN A`
impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.class, self.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::super::golden;
    use super::*;

    fn parse(hex: &str) -> Message {
        Message::parse(&golden::bytes(hex)).unwrap()
    }

    /// The answers as `dig` printed them when these packets were captured.
    #[test]
    fn dnsmasqs_answers_are_read_as_dig_shows_them() {
        for (hex, answers) in [
            (
                golden::ALIAS,
                &["web.lab.test. 600 IN CNAME www.lab.test.", "www.lab.test. 600 IN A 192.0.2.1"][..],
            ),
            (golden::AAAA, &["www.lab.test. 600 IN AAAA 2001:db8::1"]),
            (golden::MX, &["lab.test. 600 IN MX 10 mail.lab.test."]),
            (golden::TXT, &[r#"lab.test. 600 IN TXT "hello world" "second""#]),
            (golden::SRV, &["_sip._tcp.lab.test. 600 IN SRV 10 20 5060 sip.lab.test."]),
            (golden::CAA, &[r#"lab.test. 600 IN CAA 0 issue "ca.lab.test""#]),
            (golden::NXDOMAIN, &[]),
            (golden::REFUSED, &[]),
        ] {
            let shown: Vec<String> = parse(hex).answers.iter().map(Record::to_string).collect();
            assert_eq!(shown, answers);
        }
        let soa = &parse(golden::NXDOMAIN).authorities[0];
        let shown = "lab.test. 600 IN SOA ns.lab.test. hostmaster.ns.lab.test. \
                     1795259165 1200 180 1209600 600";
        assert_eq!(soa.to_string(), shown);
    }

    #[test]
    fn our_query_is_digs_but_for_the_cookie() {
        let digs = parse(golden::QUERY);
        let mut ours = Message::query(0xe657, &"web.lab.test".parse().unwrap(), RecordType::A);
        // dig sets AD: it wants to be told whether the signatures are good.
        ours.header.authentic_data = true;
        let cookie = digs.edns.as_ref().unwrap().options.clone();
        assert_eq!((cookie.len(), cookie[0].0, cookie[0].1.len()), (1, 10, 8));
        ours.edns.as_mut().unwrap().options = cookie;
        assert_eq!(ours, digs);
        assert_eq!(ours.emit().unwrap(), golden::bytes(golden::QUERY));
    }

    #[test]
    fn a_reply_repeats_what_the_query_said() {
        let query = parse(golden::QUERY);
        let reply = Message::reply_to(&query);
        assert_eq!(reply.answers(&query), Ok(()));
        assert!(reply.edns.is_some() && reply.header.recursion_desired);
        assert_eq!((query.datagram_limit(), parse(golden::PLAIN).datagram_limit()), (1232, 512));
    }

    #[test]
    fn names_are_compressed_as_well_as_dnsmasq_does() {
        for hex in golden::ALL {
            let bytes = golden::bytes(hex);
            let again = Message::parse(&bytes).unwrap().emit().unwrap();
            assert!(again.len() <= bytes.len(), "{} > {}", again.len(), bytes.len());
        }
    }

    #[test]
    fn a_ttl_with_its_first_bit_set_counts_as_0() {
        let mut bytes = golden::bytes(golden::PLAIN);
        // The answer's TTL stands behind the question's 18 bytes and the
        // answer's name, type and class.
        bytes[36] = 0x80;
        assert_eq!(Message::parse(&bytes).unwrap().answers[0].ttl, 0);
    }

    #[test]
    fn what_does_not_fit_is_not_emitted() {
        let name: Name = "lab.test".parse().unwrap();
        let mut message = Message::query(1, &name, RecordType::TXT);
        for (strings, words) in [
            (vec![vec![b'x'; 256]], "a TXT record's string is longer than 255"),
            (vec![vec![b'x'; 255]; 257], "a record's data is longer than 65535"),
            (vec![vec![b'x'; 255]; 255], "a message is longer than 65535"),
            (vec![], "a TXT record has no string"),
        ] {
            let txt = Record::new(&name, 0, Data::Txt(strings));
            message.answers = vec![txt.clone(), txt];
            let why = message.emit().unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
    }
}
