//! What the reply to a query says.
//!
//! A reply need not be an answer: it can say that there is no such name, that
//! the name has no such record, that others are to be asked, or nothing that
//! helps. Whether it is a reply to our query at all is looked at before, in
//! [`mismatch`](super::mismatch).

use std::fmt;

use super::codes::{Class, Rcode, RecordType};
use super::data::Data;
use super::message::{Message, Question};
use super::name::Name;
use super::record::Record;

/// A chain of more aliases than this is followed by nobody (BIND stops at 16).
const LONGEST_CHAIN: usize = 16;

/// What a reply says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says<'a> {
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
    /// What this message, which [`answers`](Message::answers) a query with
    /// this question, says.
    pub fn says<'a>(&'a self, question: &'a Question) -> Says<'a> {
        if self.header.truncated {
            return Says::Truncated;
        }
        match self.rcode {
            Rcode::NO_ERROR | Rcode::NX_DOMAIN => {}
            Rcode::SERV_FAIL => return Says::ServFail,
            Rcode::REFUSED => return Says::Refused,
            other => return Says::OtherCode(other),
        }
        let Some((aliases, name)) = self.follow_aliases(question) else {
            return Says::AliasLoop { aliases: self.aliases(question.class).collect() };
        };
        if self.rcode == Rcode::NX_DOMAIN {
            // It is said of the last name in the chain (RFC 2308, section 2.1).
            return Says::NoSuchName { aliases, name };
        }
        let records: Vec<&Record> =
            self.answers.iter().filter(|record| is_asked_for(record, name, question)).collect();
        if !records.is_empty() {
            return Says::Answer { aliases, records };
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
    fn without_answer<'a>(&'a self, aliases: Vec<&'a Name>, name: &'a Name) -> Says<'a> {
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
                Says::Referral { zone, servers: servers.collect() }
            }
            _ => Says::NoData { aliases, name, soa },
        }
    }
}

fn is_asked_for(record: &Record, name: &Name, question: &Question) -> bool {
    let kind = question.kind == RecordType::ANY || question.kind == record.kind();
    kind && record.class == question.class && record.name == *name
}

/// In words, for a person: `2 A records`.
impl fmt::Display for Says<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Says::Answer { records, .. } => {
                let many = if records.len() == 1 { "" } else { "s" };
                let kind = records.first().map_or(RecordType::ANY, |record| record.kind());
                write!(f, "{} {kind} record{many}", records.len())
            }
            Says::NoSuchName { name, .. } => write!(f, "{name} does not exist (NXDOMAIN)"),
            Says::NoData { name, .. } => {
                write!(f, "{name} has no record of this type (NODATA)")
            }
            Says::Referral { zone, servers } => {
                let servers: Vec<String> = servers.iter().map(|name| name.to_string()).collect();
                write!(f, "a referral: for {zone} ask {}", servers.join(" or "))
            }
            Says::AliasLoop { .. } => {
                f.write_str("the aliases lead round in a circle, or on and on")
            }
            Says::Truncated => f.write_str("truncated; the rest is to be had over TCP"),
            Says::ServFail => f.write_str("the server failed (SERVFAIL)"),
            Says::Refused => f.write_str("the server refuses to answer (REFUSED)"),
            Says::OtherCode(code) => write!(f, "{} ({code})", code.meaning()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::super::mismatch::Mismatch;
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

    fn said(answers: &[Record], authorities: &[Record]) -> String {
        let (query, reply) = asked(answers, authorities);
        reply.says(&query.questions[0]).to_string()
    }

    #[test]
    fn a_captured_reply_answers_its_query_and_no_other() {
        let query = parse(golden::QUERY);
        let reply = parse(golden::ALIAS);
        assert_eq!(reply.answers(&query), Ok(()));
        let Says::Answer { aliases, records } = reply.says(&query.questions[0]) else {
            panic!("{reply:?}")
        };
        assert_eq!((aliases, records), (vec![&name("www.lab.test")], vec![&reply.answers[1]]));
        let foreign = parse(golden::AAAA);
        assert_eq!(foreign.answers(&query), Err(Mismatch::Id { sent: 0xe657, got: 0x6222 }));
    }

    #[test]
    fn aliases_are_followed_and_circles_are_left() {
        let www = "www.lab.test";
        let both = [a("web.lab.test", 2), cname(www, "web.lab.test"), a("web.lab.test", 3)];
        assert_eq!(said(&both, &[]), "2 A records");
        assert_eq!(said(&[a(www, 1)], &[]), "1 A record");
        let two = [cname("b.test", "c.test"), cname(www, "B.test"), a("c.test", 1)];
        assert_eq!(said(&two, &[]), "1 A record");
        // An address of somebody else's is no answer.
        let nodata = "www.lab.test. has no record of this type (NODATA)";
        assert_eq!(said(&[a("evil.test", 1)], &[]), nodata);
        let circle = [cname(www, "a.test"), cname("a.test", www)];
        assert!(said(&circle, &[]).contains("circle"));
        let chain: Vec<Record> = (0..40)
            .map(|n| {
                cname(&if n == 0 { www.into() } else { format!("a{n}") }, &format!("a{}", n + 1))
            })
            .collect();
        assert!(said(&chain, &[]).contains("circle"));
        let nowhere = "gone.test. has no record of this type (NODATA)";
        assert_eq!(said(&[cname(www, "gone.test")], &[]), nowhere);
    }

    #[test]
    fn a_question_for_an_alias_or_for_anything_gets_the_alias_itself() {
        for kind in [RecordType::CNAME, RecordType::ANY] {
            let (mut query, mut reply) = asked(&[cname("www.lab.test", "web.lab.test")], &[]);
            query.questions[0].kind = kind;
            reply.questions[0].kind = kind;
            let says = reply.says(&query.questions[0]);
            assert_eq!(says.to_string(), "1 CNAME record");
        }
    }

    #[test]
    fn no_such_name_no_data_and_a_referral_are_three_things() {
        let query = Message::query(0xa334, &name("nope.lab.test"), RecordType::A);
        let nxdomain = parse(golden::NXDOMAIN);
        assert_eq!(nxdomain.answers(&query), Ok(()));
        let nothing = nxdomain.says(&query.questions[0]).to_string();
        assert_eq!(nothing, "nope.lab.test. does not exist (NXDOMAIN)");

        let soa = &nxdomain.authorities[0];
        let nodata = "www.lab.test. has no record of this type (NODATA)";
        assert_eq!(said(&[], std::slice::from_ref(soa)), nodata);
        assert_eq!(said(&[], &[]), nodata);
        let servers = [ns("lab.test", "ns1.test"), ns("lab.test", "ns2.test"), ns("x", "y")];
        let referral = "a referral: for lab.test. ask ns1.test. or ns2.test.";
        assert_eq!(said(&[], &servers), referral);
        // Beside a SOA they are only the zone's servers; and those of another
        // zone are none to ask.
        assert_eq!(said(&[], &[servers[0].clone(), soa.clone()]), nodata);
        assert_eq!(said(&[], &servers[2..]), nodata);
        // So they are where the server itself has the zone.
        let (query, mut reply) = asked(&[], &servers);
        reply.header.authoritative = true;
        assert_eq!(reply.says(&query.questions[0]).to_string(), nodata);
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
            assert_eq!(reply.says(&query.questions[0]).to_string(), words);
        }
        reply.header.truncated = true;
        assert_eq!(reply.says(&query.questions[0]), Says::Truncated);
        let refused = parse(golden::REFUSED);
        assert_eq!(refused.says(&refused.questions[0]), Says::Refused);
    }
}
