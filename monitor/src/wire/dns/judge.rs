//! Whether a reply answers a query, and what it says if it does.
//!
//! A datagram that comes to the right port may be anybody's. Believed is what
//! carries our identifier and repeats our question (RFC 5452, section 9.1);
//! anything else is waited past. And a reply that is ours need not be an
//! answer: it can say that there is no such name, that the name has no such
//! record, that others are to be asked, or nothing that helps.

use std::fmt;

use super::codes::{Class, Opcode, Rcode, RecordType};
use super::data::Data;
use super::message::{Message, Question};
use super::name::Name;
use super::record::Record;

/// Why a message is no reply to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    Id {
        sent: u16,
        got: u16,
    },
    /// QR is 0: it is a query itself.
    NotAReply,
    Opcode {
        sent: Opcode,
        got: Opcode,
    },
    /// Not one question, but so many.
    QuestionCount(usize),
    Name {
        sent: Name,
        got: Name,
    },
    Type {
        sent: RecordType,
        got: RecordType,
    },
    Class {
        sent: Class,
        got: Class,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Mismatch::Id { sent, got } => {
                write!(f, "its identifier is 0x{got:04x}, and the query's was 0x{sent:04x}")
            }
            Mismatch::NotAReply => f.write_str("it is a query and no reply (QR is 0)"),
            Mismatch::Opcode { sent, got } => {
                write!(f, "its opcode is {got}, and the query's was {sent}")
            }
            Mismatch::QuestionCount(count) => {
                write!(f, "it repeats {count} questions, and there was one")
            }
            Mismatch::Name { sent, got } => {
                write!(f, "it answers for {got}, and the question was for {sent}")
            }
            Mismatch::Type { sent, got } => {
                write!(f, "it answers for type {got}, and the question was for type {sent}")
            }
            Mismatch::Class { sent, got } => {
                write!(f, "it answers for class {got}, and the question was for class {sent}")
            }
        }
    }
}

/// A chain of more aliases than this is followed by nobody (BIND stops at 16).
const LONGEST_CHAIN: usize = 16;

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// The records asked for; and the aliases that led to them, in order.
    Answer {
        aliases: Vec<&'a Name>,
        records: Vec<&'a Record>,
    },
    /// NXDOMAIN: this name, the one asked for or where its aliases led, does not exist.
    NoSuchName {
        aliases: Vec<&'a Name>,
        name: &'a Name,
    },
    /// The name exists, as far as the server says, but has no record of the
    /// type; with the zone's SOA where the server gave it.
    NoData {
        aliases: Vec<&'a Name>,
        name: &'a Name,
        soa: Option<&'a Record>,
    },
    /// The server does not know, and names those that might.
    Referral {
        zone: &'a Name,
        servers: Vec<&'a Name>,
    },
    /// The aliases lead round in a circle, or further than anybody follows.
    AliasLoop {
        aliases: Vec<&'a Name>,
    },
    /// TC: ask again over TCP.
    Truncated,
    ServFail,
    Refused,
    /// FORMERR, NOTIMP, BADVERS and the rest.
    OtherCode(Rcode),
}

impl Message {
    /// Compares this message with the query that it is to be a reply to.
    ///
    /// # Errors
    /// The first thing in which it is not.
    pub fn answers(&self, query: &Message) -> Result<(), Mismatch> {
        let (sent, got) = (&query.header, &self.header);
        if got.id != sent.id {
            return Err(Mismatch::Id { sent: sent.id, got: got.id });
        }
        if !got.response {
            return Err(Mismatch::NotAReply);
        }
        if got.opcode != sent.opcode {
            return Err(Mismatch::Opcode { sent: sent.opcode, got: got.opcode });
        }
        // Who did not understand the query cannot repeat its question.
        let not_understood = matches!(self.rcode, Rcode::FORM_ERR | Rcode::NOT_IMP);
        let (sent, got) = match (&query.questions[..], &self.questions[..]) {
            (_, []) if not_understood => return Ok(()),
            ([sent], [got]) => (sent, got),
            (_, questions) => return Err(Mismatch::QuestionCount(questions.len())),
        };
        if got.name != sent.name {
            return Err(Mismatch::Name { sent: sent.name.clone(), got: got.name.clone() });
        }
        if got.kind != sent.kind {
            return Err(Mismatch::Type { sent: sent.kind, got: got.kind });
        }
        if got.class != sent.class {
            return Err(Mismatch::Class { sent: sent.class, got: got.class });
        }
        Ok(())
    }

    /// What this message, which [`answers`](Message::answers) a query with
    /// this question, says.
    pub fn outcome<'a>(&'a self, question: &'a Question) -> Outcome<'a> {
        if self.header.truncated {
            return Outcome::Truncated;
        }
        match self.rcode {
            Rcode::NO_ERROR | Rcode::NX_DOMAIN => {}
            Rcode::SERV_FAIL => return Outcome::ServFail,
            Rcode::REFUSED => return Outcome::Refused,
            other => return Outcome::OtherCode(other),
        }
        let Some((aliases, name)) = self.follow_aliases(question) else {
            return Outcome::AliasLoop { aliases: self.aliases(question.class).collect() };
        };
        if self.rcode == Rcode::NX_DOMAIN {
            // It is said of the last name in the chain (RFC 2308, section 2.1).
            return Outcome::NoSuchName { aliases, name };
        }
        let records: Vec<&Record> =
            self.answers.iter().filter(|record| is_asked_for(record, name, question)).collect();
        if !records.is_empty() {
            return Outcome::Answer { aliases, records };
        }
        self.without_answer(aliases, name)
    }

    /// Follows CNAMEs within the answer section (RFC 1034, section 3.6.2): the
    /// names passed, and the one that they lead to. None if there is no end to it.
    fn follow_aliases<'a>(&'a self, question: &'a Question) -> Option<(Vec<&'a Name>, &'a Name)> {
        let mut aliases = Vec::new();
        let mut name = &question.name;
        loop {
            if self.answers.iter().any(|record| is_asked_for(record, name, question)) {
                return Some((aliases, name));
            }
            let target = self.answers.iter().find_map(|record| match &record.data {
                Data::Cname(target) if record.name == *name && record.class == question.class => {
                    Some(target)
                }
                _ => None,
            });
            match target {
                None => return Some((aliases, name)),
                Some(_) if aliases.len() == LONGEST_CHAIN => return None,
                Some(target) => {
                    aliases.push(target);
                    name = target;
                }
            }
        }
    }

    fn aliases(&self, class: Class) -> impl Iterator<Item = &Name> {
        self.answers.iter().filter_map(move |record| match &record.data {
            Data::Cname(target) if record.class == class => Some(target),
            _ => None,
        })
    }

    /// NODATA or a referral (RFC 2308, section 2.2): a server that knows of the
    /// name gives its zone's SOA, or nothing; one that does not know gives the
    /// servers of a zone further down.
    fn without_answer<'a>(&'a self, aliases: Vec<&'a Name>, name: &'a Name) -> Outcome<'a> {
        let soa = self.authorities.iter().find(|record| record.kind() == RecordType::SOA);
        let zone = self
            .authorities
            .iter()
            .find(|record| record.kind() == RecordType::NS && name.is_within(&record.name))
            .map(|record| &record.name);
        // AA is said of the name asked for, not of where its aliases lead.
        let knows = self.header.authoritative && aliases.is_empty();
        match zone {
            Some(zone) if soa.is_none() && !knows => {
                let servers = self.authorities.iter().filter_map(|record| match &record.data {
                    Data::Ns(server) if record.name == *zone => Some(server),
                    _ => None,
                });
                Outcome::Referral { zone, servers: servers.collect() }
            }
            _ => Outcome::NoData { aliases, name, soa },
        }
    }
}

fn is_asked_for(record: &Record, name: &Name, question: &Question) -> bool {
    let kind = question.kind == RecordType::ANY || question.kind == record.kind();
    kind && record.class == question.class && record.name == *name
}

/// In words, for a person: `2 A records`.
impl fmt::Display for Outcome<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Outcome::Answer { records, .. } => {
                let many = if records.len() == 1 { "" } else { "s" };
                let kind = records.first().map_or(RecordType::ANY, |record| record.kind());
                write!(f, "{} {kind} record{many}", records.len())
            }
            Outcome::NoSuchName { name, .. } => write!(f, "{name} does not exist (NXDOMAIN)"),
            Outcome::NoData { name, .. } => {
                write!(f, "{name} has no record of this type (NODATA)")
            }
            Outcome::Referral { zone, servers } => {
                let servers: Vec<String> = servers.iter().map(|name| name.to_string()).collect();
                write!(f, "a referral: for {zone} ask {}", servers.join(" or "))
            }
            Outcome::AliasLoop { .. } => {
                f.write_str("the aliases lead round in a circle, or on and on")
            }
            Outcome::Truncated => f.write_str("truncated; the rest is to be had over TCP"),
            Outcome::ServFail => f.write_str("the server failed (SERVFAIL)"),
            Outcome::Refused => f.write_str("the server refuses to answer (REFUSED)"),
            Outcome::OtherCode(code) => write!(f, "{} ({code})", code.meaning()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;
    use std::net::Ipv4Addr;

    fn parse(hex: &str) -> Message {
        Message::parse(&golden::bytes(hex)).unwrap()
    }

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    fn a(owner: &str, last: u8) -> Record {
        Record::new(&name(owner), 9, Data::A(Ipv4Addr::new(127, 0, 0, last)))
    }

    fn cname(owner: &str, target: &str) -> Record {
        Record::new(&name(owner), 9, Data::Cname(name(target)))
    }

    fn ns(zone: &str, server: &str) -> Record {
        Record::new(&name(zone), 9, Data::Ns(name(server)))
    }

    /// A query for www.lab.test A, and a reply to it with these records.
    fn asked(answers: &[Record], authorities: &[Record]) -> (Message, Message) {
        let query = Message::query(7, &name("www.lab.test"), RecordType::A);
        let mut reply = Message::reply_to(&query);
        reply.answers = answers.to_vec();
        reply.authorities = authorities.to_vec();
        (query, reply)
    }

    fn outcome(answers: &[Record], authorities: &[Record]) -> String {
        let (query, reply) = asked(answers, authorities);
        reply.outcome(&query.questions[0]).to_string()
    }

    #[test]
    fn a_captured_reply_answers_its_query_and_no_other() {
        let query = parse(golden::QUERY);
        let reply = parse(golden::ALIAS);
        assert_eq!(reply.answers(&query), Ok(()));
        let Outcome::Answer { aliases, records } = reply.outcome(&query.questions[0]) else {
            panic!("{reply:?}")
        };
        assert_eq!((aliases, records), (vec![&name("www.lab.test")], vec![&reply.answers[1]]));
        let foreign = parse(golden::AAAA);
        assert_eq!(foreign.answers(&query), Err(Mismatch::Id { sent: 0xe657, got: 0x6222 }));
    }

    #[test]
    fn each_way_of_not_being_the_reply_is_told() {
        let (query, good) = asked(&[], &[]);
        assert_eq!(good.answers(&query), Ok(()));
        type Spoil = fn(&mut Message);
        let cases: [(Spoil, &str); 8] = [
            (|reply| reply.header.id = 8, "its identifier is 0x0008, and the query's was 0x0007"),
            (|reply| reply.header.response = false, "it is a query and no reply (QR is 0)"),
            (|reply| reply.header.opcode = Opcode(5), "its opcode is UPDATE"),
            (|reply| reply.questions.clear(), "it repeats 0 questions"),
            (|reply| reply.questions.push(reply.questions[0].clone()), "it repeats 2 questions"),
            (|reply| reply.questions[0].name = name("evil.test"), "it answers for evil.test."),
            (|reply| reply.questions[0].kind = RecordType::MX, "it answers for type MX"),
            (|reply| reply.questions[0].class = Class::CH, "it answers for class CH"),
        ];
        for (spoil, words) in cases {
            let mut reply = good.clone();
            spoil(&mut reply);
            let why = reply.answers(&query).unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
        // The case of letters is no difference, and who understood nothing
        // need not repeat it.
        let mut reply = good.clone();
        reply.questions[0].name = name("WWW.LAB.TEST");
        assert_eq!(reply.answers(&query), Ok(()));
        reply.questions.clear();
        reply.rcode = Rcode::FORM_ERR;
        assert_eq!(reply.answers(&query), Ok(()));
    }

    #[test]
    fn aliases_are_followed_and_circles_are_left() {
        let www = "www.lab.test";
        let both = [a("web.lab.test", 2), cname(www, "web.lab.test"), a("web.lab.test", 3)];
        assert_eq!(outcome(&both, &[]), "2 A records");
        assert_eq!(outcome(&[a(www, 1)], &[]), "1 A record");
        let two = [cname("b.test", "c.test"), cname(www, "B.test"), a("c.test", 1)];
        assert_eq!(outcome(&two, &[]), "1 A record");
        // An address of somebody else's is no answer.
        let nodata = "www.lab.test. has no record of this type (NODATA)";
        assert_eq!(outcome(&[a("evil.test", 1)], &[]), nodata);
        let circle = [cname(www, "a.test"), cname("a.test", www)];
        assert!(outcome(&circle, &[]).contains("circle"));
        let chain: Vec<Record> = (0..40)
            .map(|n| {
                cname(&if n == 0 { www.into() } else { format!("a{n}") }, &format!("a{}", n + 1))
            })
            .collect();
        assert!(outcome(&chain, &[]).contains("circle"));
        let nowhere = "gone.test. has no record of this type (NODATA)";
        assert_eq!(outcome(&[cname(www, "gone.test")], &[]), nowhere);
    }

    #[test]
    fn a_question_for_an_alias_or_for_anything_gets_the_alias_itself() {
        for kind in [RecordType::CNAME, RecordType::ANY] {
            let (mut query, mut reply) = asked(&[cname("www.lab.test", "web.lab.test")], &[]);
            query.questions[0].kind = kind;
            reply.questions[0].kind = kind;
            let outcome = reply.outcome(&query.questions[0]);
            assert_eq!(outcome.to_string(), "1 CNAME record");
        }
    }

    #[test]
    fn no_such_name_no_data_and_a_referral_are_three_things() {
        let query = Message::query(0xa334, &name("nope.lab.test"), RecordType::A);
        let nxdomain = parse(golden::NXDOMAIN);
        assert_eq!(nxdomain.answers(&query), Ok(()));
        let said = nxdomain.outcome(&query.questions[0]).to_string();
        assert_eq!(said, "nope.lab.test. does not exist (NXDOMAIN)");

        let soa = &nxdomain.authorities[0];
        let nodata = "www.lab.test. has no record of this type (NODATA)";
        assert_eq!(outcome(&[], std::slice::from_ref(soa)), nodata);
        assert_eq!(outcome(&[], &[]), nodata);
        let servers = [ns("lab.test", "ns1.test"), ns("lab.test", "ns2.test"), ns("x", "y")];
        let referral = "a referral: for lab.test. ask ns1.test. or ns2.test.";
        assert_eq!(outcome(&[], &servers), referral);
        // Beside a SOA they are only the zone's servers; and those of another
        // zone are none to ask.
        assert_eq!(outcome(&[], &[servers[0].clone(), soa.clone()]), nodata);
        assert_eq!(outcome(&[], &servers[2..]), nodata);
        // So they are where the server itself has the zone.
        let (query, mut reply) = asked(&[], &servers);
        reply.header.authoritative = true;
        assert_eq!(reply.outcome(&query.questions[0]).to_string(), nodata);
    }

    #[test]
    fn codes_and_truncation_come_before_the_records() {
        let (query, mut reply) = asked(&[a("www.lab.test", 1)], &[]);
        for (rcode, words) in [
            (Rcode::SERV_FAIL, "the server failed (SERVFAIL)"),
            (Rcode::REFUSED, "the server refuses to answer (REFUSED)"),
            (Rcode::NOT_IMP, "the server does not do such queries (NOTIMP)"),
            (Rcode(3841), "a response code without a meaning here (RCODE3841)"),
        ] {
            reply.rcode = rcode;
            assert_eq!(reply.outcome(&query.questions[0]).to_string(), words);
        }
        reply.header.truncated = true;
        assert_eq!(reply.outcome(&query.questions[0]), Outcome::Truncated);
        let refused = parse(golden::REFUSED);
        assert_eq!(refused.outcome(&refused.questions[0]), Outcome::Refused);
    }
}
