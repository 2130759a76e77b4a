//! A UDP port. An answer proves that somebody is there, a port unreachable
//! that nobody is; and silence proves nothing.

use std::net::SocketAddr;

use crate::wire::{dns, ntp};
use logic::units::show_duration;
use socklab::output::printable;

use crate::outcome::{Deadline, Outcome};

use super::OnPacket;
use super::datagram::{Asker, Ending, TRIES};
use super::lack;
use super::parameter::{self, Parameter};
use super::pattern::Pattern;
use super::reach::{NoAnswer, first_answer};
use super::resolve::resolve;
use super::value::Value;

/// Whether a UDP port answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Udp {
    pub host: String,
    pub port: Option<u16>,
    /// What to send; without it, what the port's protocol asks for.
    pub send: Option<Vec<u8>>,
    /// To be found in the answer.
    pub expect: Option<Pattern>,
}

impl Udp {
    pub const USAGE: &str = "udp HOST PORT [send=TEXT] [expect=TEXT] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Udp>] = &[
        Parameter {
            name: "host",
            help: "whom to send to; a port may stand beside it",
            sample: "\"www.example.com\"",
            set: |udp, value| parameter::set_host(&mut udp.host, &mut udp.port, value),
            show: |udp| Some(Value::of(&udp.host)),
        },
        Parameter {
            name: "port",
            help: "1 to 65535",
            sample: "9999",
            set: |udp, value| parameter::set_port(&mut udp.port, value),
            show: |udp| udp.port.map(|port| Value::Integer(port.into())),
        },
        Parameter {
            name: "send",
            help: "text, or hex: and pairs of digits; default a DNS query to port 53, \
                   an NTP request to 123, an empty datagram to any other",
            sample: "\"hex:00ff\"",
            set: |udp, value| parameter::bytes_of(value).map(|bytes| udp.send = Some(bytes)),
            show: |udp| udp.send.as_ref().map(|bytes| parameter::text_of(bytes)),
        },
        Parameter {
            name: "expect",
            help: "to be found in the answer: text, or /a regular expression/; default any answer",
            sample: "\"pong\"",
            set: |udp, value| {
                udp.expect = Some(Pattern::new(value.text()?)?);
                Ok(())
            },
            show: |udp| udp.expect.as_ref().map(|pattern| Value::of(pattern.to_string())),
        },
    ];

    pub fn draft() -> Udp {
        Udp { host: String::new(), port: None, send: None, expect: None }
    }

    pub fn run(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let port = self.port.unwrap_or_default();
        let addresses = match resolve(&self.host, port, deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let probe = match lack::random() {
            Ok(random) => Probe::of(self.send.as_deref(), port, random),
            Err(outcome) => return outcome,
        };
        let mut asked = None;
        let answer = first_answer(&addresses, deadline, |address, _| {
            asked = Some(address.to_string());
            self.ask(address, &probe, deadline, watch)
        });
        answer.unwrap_or_else(|outcome| outcome).with("address", asked)
    }

    fn ask(
        &self,
        address: SocketAddr,
        probe: &Probe,
        deadline: &Deadline,
        watch: OnPacket,
    ) -> Result<Outcome, NoAnswer> {
        let request = probe.bytes();
        let mut other = None;
        let asker = Asker::open(address, deadline)?;
        let ending = asker.ask(&[&request[..]; TRIES], watch, |reply| {
            let expected = self.expect.as_ref().is_none_or(|expect| expect.is_in(reply));
            match probe.said(reply) {
                Some(said) if expected => Some(said),
                _ => {
                    other = Some(printable(reply, 60));
                    None
                }
            }
        })?;
        Ok(match (ending, other) {
            (Ending::Answered(said, took), _) => Outcome::up(said).after(took),
            (Ending::Silent, Some(other)) => {
                Outcome::down(format!("answered, but not as expected: {other}"))
            }
            (Ending::Silent, None) => Outcome::unverified(format!(
                "open or filtered: no answer to {TRIES} datagrams within {}",
                show_duration(deadline.timeout)
            )),
        })
    }
}

/// What is sent to a port.
enum Probe {
    Bytes(Vec<u8>),
    /// For the servers of the root, which every resolver knows.
    Dns(dns::Message),
    Ntp(ntp::Packet),
}

impl Probe {
    fn of(send: Option<&[u8]>, port: u16, random: u64) -> Probe {
        match (send, port) {
            (Some(bytes), _) => Probe::Bytes(bytes.to_vec()),
            (None, 53) => {
                let root = dns::Name::root();
                Probe::Dns(dns::Message::query(random as u16, &root, dns::RecordType::NS))
            }
            (None, ntp::packet::PORT) => Probe::Ntp(ntp::Packet::request(ntp::Timestamp(random))),
            (None, _) => Probe::Bytes(Vec::new()),
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Probe::Bytes(bytes) => bytes.clone(),
            // A question for the root fits into any message.
            Probe::Dns(query) => query.emit().unwrap_or_default(),
            Probe::Ntp(request) => request.emit().to_vec(),
        }
    }

    /// What a datagram says, if it is an answer.
    fn said(&self, reply: &[u8]) -> Option<String> {
        match self {
            Probe::Bytes(_) => Some(format!("{} bytes: {}", reply.len(), printable(reply, 40))),
            Probe::Dns(query) => {
                let reply = dns::Message::parse(reply).ok()?;
                reply.answers(query).ok()?;
                Some(format!("a DNS reply, {}", reply.rcode))
            }
            Probe::Ntp(request) => {
                let reply = ntp::Packet::parse(reply).ok()?;
                let wait = reply.judge(request.transmit).wait_on();
                (!wait).then(|| format!("an NTP reply, stratum {}", reply.stratum))
            }
        }
    }
}
