//! What the lab's DNS server knows: the zone lab.test, and the names of loopback.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::wire::dns::data::Soa;
use crate::wire::dns::{Class, Data, Message, Name, Question, Rcode, Record, RecordType};

/// Seconds for which an answer may be kept: short, since it is to be broken.
const TTL: u32 = 60;

/// The strings of big.lab.test: together more than a datagram carries, so that
/// its reader has to come back over TCP.
const BIG: usize = 12;

/// Records by name, and from which name on the server answers for itself.
pub struct Zone {
    origins: Vec<Name>,
    records: Vec<Record>,
}

/// A name from our own text.
fn name(text: &str) -> Name {
    text.parse().unwrap_or_else(|_| Name::root())
}

impl Zone {
    /// `http_port` stands in an SRV record.
    pub fn lab(http_port: u16) -> Zone {
        let mut records = Vec::new();
        let mut add = |owner: &str, data: Data| records.push(Record::new(&name(owner), TTL, data));
        let v4 = Data::A(Ipv4Addr::LOCALHOST);
        let v6 = Data::Aaaa(Ipv6Addr::LOCALHOST);
        let txt = |text: &str| Data::Txt(vec![text.as_bytes().to_vec()]);
        for origin in ["lab.test", "127.in-addr.arpa"] {
            add(
                origin,
                Data::Soa(Soa {
                    mname: name("ns.lab.test"),
                    rname: name("hostmaster.lab.test"),
                    serial: 2024042001,
                    refresh: 3600,
                    retry: 600,
                    expire: 86_400,
                    minimum: TTL,
                }),
            );
            add(origin, Data::Ns(name("ns.lab.test")));
        }
        add("lab.test", v4.clone());
        add("lab.test", v6.clone());
        add("lab.test", Data::Mx { preference: 10, exchange: name("mail.lab.test") });
        add("lab.test", Data::Mx { preference: 20, exchange: name("mail2.lab.test") });
        add("lab.test", txt("v=spf1 mx -all"));
        let caa = Data::Caa { flags: 0, tag: b"issue".to_vec(), value: b"ca.lab.test".to_vec() };
        add("lab.test", caa);
        for host in ["ns", "www", "mail", "mail2"] {
            let owner = format!("{host}.lab.test");
            add(&owner, v4.clone());
            add(&owner, v6.clone());
        }
        add("web.lab.test", Data::Cname(name("www.lab.test")));
        add("shop.lab.test", Data::Cname(name("web.lab.test")));
        let strings = (1..=BIG).map(|number| format!("{number:3} {}", "x".repeat(196)));
        add("big.lab.test", Data::Txt(strings.map(String::into_bytes).collect()));
        add(
            "_http._tcp.lab.test",
            Data::Srv { priority: 0, weight: 0, port: http_port, target: name("www.lab.test") },
        );
        // Another server's: this one can only say whom to ask.
        add("away.lab.test", Data::Ns(name("ns.away.lab.test")));
        add("ns.away.lab.test", Data::A(Ipv4Addr::new(127, 0, 0, 2)));
        add("1.0.0.127.in-addr.arpa", Data::Ptr(name("www.lab.test")));
        Zone { origins: vec![name("lab.test"), name("127.in-addr.arpa")], records }
    }

    /// The SOA of the zone that a name is in.
    pub fn soa(&self, name: &Name) -> Option<Record> {
        let soas = self.records.iter().filter(|record| record.kind() == RecordType::SOA);
        soas.into_iter().find(|record| name.is_within(&record.name)).cloned()
    }

    /// The reply to a query of one question.
    pub fn answer(&self, query: &Message) -> Message {
        let mut reply = Message::reply_to(query);
        let version = query.edns.as_ref().map_or(0, |edns| edns.version);
        let [question] = &query.questions[..] else {
            reply.rcode = Rcode::FORM_ERR;
            return reply;
        };
        if version > 0 {
            reply.rcode = Rcode::BAD_VERS;
        } else if query.header.opcode != crate::wire::dns::codes::Opcode::QUERY {
            reply.rcode = Rcode::NOT_IMP;
        } else if question.class != Class::IN || !self.has_authority(&question.name) {
            reply.rcode = Rcode::REFUSED;
        } else {
            reply.header.authoritative = true;
            self.fill(&mut reply, question);
        }
        reply
    }

    fn has_authority(&self, name: &Name) -> bool {
        self.origins.iter().any(|origin| name.is_within(origin))
    }

    fn fill(&self, reply: &mut Message, question: &Question) {
        let mut name = question.name.clone();
        // Each alias at most once: the zone has no circles.
        for _ in 0..=self.records.len() {
            if let Some(servers) = self.delegation(&name) {
                reply.header.authoritative = !reply.answers.is_empty();
                reply.authorities = servers;
                break;
            }
            let at_name = self.records.iter().filter(|record| record.name == name);
            let wanted = |record: &&Record| {
                question.kind == RecordType::ANY || record.kind() == question.kind
            };
            let found: Vec<Record> = at_name.clone().filter(wanted).cloned().collect();
            if !found.is_empty() {
                reply.answers.extend(found);
                break;
            }
            let alias = at_name.clone().find_map(|record| match &record.data {
                Data::Cname(target) => Some((record.clone(), target.clone())),
                _ => None,
            });
            let Some((record, target)) = alias else {
                // A name exists also if only others stand below it (RFC 8020).
                if !self.records.iter().any(|record| record.name.is_within(&name)) {
                    reply.rcode = Rcode::NX_DOMAIN;
                }
                reply.authorities.extend(self.soa(&name));
                break;
            };
            reply.answers.push(record);
            name = target;
        }
        self.add_addresses(reply);
    }

    /// The servers of a zone further down that the name is in.
    fn delegation(&self, name: &Name) -> Option<Vec<Record>> {
        let servers = self.records.iter().filter(|record| {
            record.kind() == RecordType::NS
                && name.is_within(&record.name)
                && !self.origins.contains(&record.name)
        });
        let servers: Vec<Record> = servers.cloned().collect();
        (!servers.is_empty()).then_some(servers)
    }

    /// The addresses of the hosts that the reply names: they will be asked for next.
    fn add_addresses(&self, reply: &mut Message) {
        let targets: Vec<Name> = reply
            .answers
            .iter()
            .chain(&reply.authorities)
            .filter_map(|record| match &record.data {
                Data::Ns(target) | Data::Mx { exchange: target, .. } | Data::Srv { target, .. } => {
                    Some(target.clone())
                }
                _ => None,
            })
            .collect();
        for record in &self.records {
            let address = matches!(record.data, Data::A(_) | Data::Aaaa(_));
            if address && targets.contains(&record.name) {
                reply.additionals.push(record.clone());
            }
        }
    }
}
