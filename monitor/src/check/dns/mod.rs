//! A DNS server: whether it answers our question, and what.
//!
//! The query has a random identifier and comes from a random port; a reply has
//! to repeat identifier and question, or it is waited past. Twice it is sent
//! with EDNS, then once without, for those who drop what they do not know.

use std::net::SocketAddr;
use std::time::Duration;

use crate::wire::dns::{Message, Name, Question, Rcode, RecordType};

use crate::outcome::{Deadline, Outcome};

use super::OnPacket;
use super::lack;
use super::parameter::{self, Parameter};
use super::reach::{NoAnswer, first_answer};
use super::resolve::{ascii, resolve};
use super::value::Value;

mod tcp;
mod udp;
mod verdict;

pub const PORT: u16 = 53;

/// Whether a server answers a question.
#[derive(Debug, Clone, PartialEq)]
pub struct Dns {
    pub host: String,
    pub port: Option<u16>,
    /// A name; or an address, whose name in the reverse tree is asked for if
    /// the record is PTR.
    pub query: String,
    pub record: RecordType,
    /// All of these must be among the answers.
    pub expect: Vec<String>,
    /// At least one of these must be.
    pub expect_any: Vec<String>,
    pub expect_rcode: Option<Rcode>,
    pub min_answers: u64,
}

/// The reply, and how it was had.
#[derive(Debug)]
pub(super) struct Reply {
    pub message: Message,
    pub over_tcp: bool,
    pub edns: bool,
    pub took: Duration,
}

impl Dns {
    pub const USAGE: &str =
        "dns SERVER[:PORT] NAME [A|AAAA|MX|CNAME|NS|TXT|SOA|PTR|SRV|CAA] [expect=TEXT] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Dns>] = &[
        Parameter {
            name: "server",
            help: "whom to ask; a port may stand beside it: \"127.0.0.1:5353\"",
            sample: "\"8.8.8.8\"",
            set: |dns, value| parameter::set_host(&mut dns.host, &mut dns.port, value),
            show: |dns| {
                let host = dns.host.clone();
                Some(Value::of(socklab::endpoint::Endpoint { host, port: dns.port }.to_string()))
            },
        },
        Parameter {
            name: "query",
            help: "the name to ask for; for PTR an address will do",
            sample: "\"google.com\"",
            set: |dns, value| {
                let text = value.text()?;
                ascii(text)?.parse::<Name>().map_err(|why| format!("is no name: {why}"))?;
                dns.query = text.to_string();
                Ok(())
            },
            show: |dns| Some(Value::of(&dns.query)),
        },
        Parameter {
            name: "record",
            help: "A, AAAA, MX, CNAME, NS, TXT, SOA, PTR, SRV or CAA; default A",
            sample: "\"MX\"",
            set: |dns, value| {
                dns.record = value.text()?.parse().map_err(|why| format!("is wrong: {why}"))?;
                if dns.record == RecordType::OPT {
                    return Err("cannot be OPT, which is no record".to_string());
                }
                Ok(())
            },
            show: |dns| (dns.record != RecordType::A).then(|| Value::of(dns.record.to_string())),
        },
        Parameter {
            name: "expect",
            help: "each of these must be among the answers, as they are shown; \
                   or, of an MX or SRV record, its name alone",
            sample: "[\"10 smtp.google.com.\"]",
            set: |dns, value| texts(value).map(|texts| dns.expect = texts),
            show: |dns| (!dns.expect.is_empty()).then(|| Value::texts(&dns.expect)),
        },
        Parameter {
            name: "expect_any",
            help: "at least one of these must be among the answers",
            sample: "[\"smtp.google.com.\", \"mail.example.com.\"]",
            set: |dns, value| texts(value).map(|texts| dns.expect_any = texts),
            show: |dns| (!dns.expect_any.is_empty()).then(|| Value::texts(&dns.expect_any)),
        },
        Parameter {
            name: "expect_rcode",
            help: "NOERROR, NXDOMAIN, SERVFAIL, REFUSED ...; default NOERROR",
            sample: "\"NOERROR\"",
            set: |dns, value| {
                let code = value.text()?.parse().map_err(|why| format!("is wrong: {why}"))?;
                dns.expect_rcode = Some(code);
                Ok(())
            },
            show: |dns| dns.expect_rcode.map(|code| Value::of(code.to_string())),
        },
        Parameter {
            name: "min_answers",
            help: "the least number of records of the type; default 1",
            sample: "1",
            set: |dns, value| value.whole(0, 1000).map(|number| dns.min_answers = number),
            show: |dns| (dns.min_answers != 1).then_some(Value::Integer(dns.min_answers as i64)),
        },
    ];

    pub fn draft() -> Dns {
        Dns {
            host: String::new(),
            port: None,
            query: String::new(),
            record: RecordType::A,
            expect: Vec::new(),
            expect_any: Vec::new(),
            expect_rcode: None,
            min_answers: 1,
        }
    }

    /// # Errors
    /// Parameters that contradict each other.
    pub fn complete(&self) -> Result<(), String> {
        let records_wanted = !self.expect.is_empty() || !self.expect_any.is_empty();
        match self.expect_rcode {
            Some(code) if code != Rcode::NO_ERROR && records_wanted => Err(format!(
                "expect_rcode = {code} contradicts expect: such a reply has no records; leave out one"
            )),
            _ => Ok(()),
        }
    }

    /// The name that is asked for.
    fn name(&self) -> Result<Name, String> {
        let text = match self.query.parse::<std::net::IpAddr>() {
            Ok(address) if self.record == RecordType::PTR => reverse(address),
            _ => self.query.clone(),
        };
        ascii(&text)?.parse().map_err(|why| format!("{text} is no name: {why}"))
    }

    pub fn run(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let addresses = match resolve(&self.host, self.port.unwrap_or(PORT), deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let mut asked = None;
        let answer = first_answer(&addresses, deadline, |address, _| {
            asked = Some(address.to_string());
            self.ask(address, deadline, watch)
        });
        let outcome = answer.map_or_else(|outcome| outcome, |reply| self.judge(&reply));
        outcome.with("server", asked)
    }

    /// Asks over UDP, and what that leads to: again without EDNS, or over TCP.
    fn ask(
        &self,
        address: SocketAddr,
        deadline: &Deadline,
        watch: OnPacket,
    ) -> Result<Reply, NoAnswer> {
        let name = self.name().map_err(|why| NoAnswer::Final(Outcome::unverified(why)))?;
        let query = |edns: bool| -> Result<Message, NoAnswer> {
            let id = lack::random().map_err(NoAnswer::Final)? as u16;
            let mut query = Message::query(id, &name, self.record);
            query.edns = query.edns.filter(|_| edns);
            Ok(query)
        };
        let (with_edns, without) = (query(true)?, query(false)?);
        let mut reply =
            udp::exchange(address, &[&with_edns, &with_edns, &without], deadline, watch)?;
        if reply.edns && refuses_edns(&reply.message) {
            let before = reply.took;
            reply = udp::exchange(address, &[&without, &without], deadline, watch)?;
            reply.took += before;
        }
        if reply.message.header.truncated {
            let query = if reply.edns { &with_edns } else { &without };
            let before = reply.took;
            reply = tcp::exchange(address, query, reply.edns, deadline, watch)
                .map_err(NoAnswer::Final)?;
            reply.took += before;
        }
        Ok(reply)
    }

    /// What was asked, for a reply's records.
    fn question(&self, message: &Message) -> Option<Question> {
        let name = self.name().ok()?;
        // Who did not understand the query need not repeat its question.
        let asked = Message::query(0, &name, self.record).questions.into_iter().next();
        message.questions.first().cloned().or(asked)
    }
}

/// Several texts, none of them empty.
fn texts(value: &Value) -> Result<Vec<String>, String> {
    let text = |value: &Value| match value.text()?.trim() {
        "" => Err("has an empty text in it".to_string()),
        text => Ok(text.to_string()),
    };
    value.list().iter().map(text).collect()
}

/// Where an address stands in the reverse tree (RFC 1035, section 3.5; RFC 3596, section 2.5).
fn reverse(address: std::net::IpAddr) -> String {
    match address {
        std::net::IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa.")
        }
        std::net::IpAddr::V6(address) => {
            let digit = |byte: &u8| format!("{:x}.{:x}.", byte & 15, byte >> 4);
            address.octets().iter().rev().map(digit).collect::<String>() + "ip6.arpa."
        }
    }
}

/// A server that is older than EDNS says so in one of these ways (RFC 6891, section 7).
fn refuses_edns(reply: &Message) -> bool {
    matches!(reply.rcode, Rcode::FORM_ERR | Rcode::NOT_IMP | Rcode::BAD_VERS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_place_in_the_reverse_tree() {
        assert_eq!(reverse([192, 0, 2, 7].into()), "7.2.0.192.in-addr.arpa.");
        // The example of RFC 3596, section 2.5.
        let address: std::net::Ipv6Addr = "4321:0:1:2:3:4:567:89ab".parse().unwrap();
        assert_eq!(
            reverse(address.into()),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa."
        );
    }
}
