//! An echo service: what is sent must come back, byte for byte.

use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::str::FromStr;
use std::time::Instant;

use logic::units::show_duration;
use socklab::errors::cause;
use socklab::output::printable;

use crate::outcome::{Deadline, Outcome};

use super::OnPacket;
use super::datagram::{Asker, Ending, TRIES};
use super::lack;
use super::parameter::{self, Parameter};
use super::reach::{NoAnswer, first_answer};
use super::resolve::resolve;
use super::stream::Timed;
use super::value::Value;

/// Where the toolkit's `echo_server` listens.
pub const PORT: u16 = 10_100;

/// Whether what is sent comes back.
#[derive(Debug, Clone, PartialEq)]
pub struct Echo {
    pub host: String,
    pub port: Option<u16>,
    pub protocol: Protocol,
    /// Sent before the random part, which no answer kept from last time has.
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Udp,
    Tcp,
}

impl FromStr for Protocol {
    type Err = String;

    fn from_str(text: &str) -> Result<Protocol, String> {
        match text.to_ascii_lowercase().as_str() {
            "udp" => Ok(Protocol::Udp),
            "tcp" => Ok(Protocol::Tcp),
            _ => Err(format!("must be \"udp\" or \"tcp\", not {text:?}")),
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Protocol::Udp => "udp",
            Protocol::Tcp => "tcp",
        })
    }
}

const MESSAGE: &str = "echo";

impl Echo {
    pub const USAGE: &str = "echo HOST [PORT] [protocol=udp|tcp] [message=TEXT] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Echo>] = &[
        Parameter {
            name: "host",
            help: "whom to send to; a port may stand beside it",
            sample: "\"127.0.0.1\"",
            set: |echo, value| parameter::set_host(&mut echo.host, &mut echo.port, value),
            show: |echo| Some(Value::of(&echo.host)),
        },
        Parameter {
            name: "port",
            help: "default 10100, where echo_server listens",
            sample: "10100",
            set: |echo, value| parameter::set_port(&mut echo.port, value),
            show: |echo| echo.port.map(|port| Value::Integer(port.into())),
        },
        Parameter {
            name: "protocol",
            help: "\"udp\" or \"tcp\"; default \"udp\"",
            sample: "\"tcp\"",
            set: |echo, value| {
                echo.protocol = value.text()?.parse()?;
                Ok(())
            },
            show: |echo| {
                (echo.protocol != Protocol::Udp).then(|| Value::of(echo.protocol.to_string()))
            },
        },
        Parameter {
            name: "message",
            help: "sent before a random number; default \"echo\"",
            sample: "\"hello\"",
            set: |echo, value| {
                let text = value.text()?;
                if text.len() > 1000 {
                    return Err(format!("must have at most 1000 bytes, not {}", text.len()));
                }
                echo.message = text.to_string();
                Ok(())
            },
            show: |echo| (echo.message != MESSAGE).then(|| Value::of(&echo.message)),
        },
    ];

    pub fn draft() -> Echo {
        let message = MESSAGE.to_string();
        Echo { host: String::new(), port: None, protocol: Protocol::Udp, message }
    }

    pub fn run(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let nonce = match lack::random() {
            Ok(nonce) => nonce,
            Err(outcome) => return outcome,
        };
        let message = format!("{} {nonce:016x}\n", self.message).into_bytes();
        let addresses = match resolve(&self.host, self.port.unwrap_or(PORT), deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        match self.protocol {
            Protocol::Udp => {
                let mut asked = None;
                let answer = first_answer(&addresses, deadline, |address, _| {
                    asked = Some(address.to_string());
                    over_udp(address, &message, deadline, watch)
                });
                answer.unwrap_or_else(|outcome| outcome).with("address", asked)
            }
            Protocol::Tcp => over_tcp(&addresses, &message, deadline),
        }
    }
}

fn over_udp(
    address: SocketAddr,
    message: &[u8],
    deadline: &Deadline,
    watch: OnPacket,
) -> Result<Outcome, NoAnswer> {
    let mut other = None;
    let asker = Asker::open(address, deadline)?;
    let ending = asker.ask(&[message; TRIES], watch, |reply| {
        if reply == message {
            return Some(());
        }
        other = Some(differs(message, reply));
        None
    })?;
    let within = show_duration(deadline.timeout);
    Ok(match (ending, other) {
        (Ending::Answered((), took), _) => equal(message).after(took),
        (Ending::Silent, Some(other)) => Outcome::down(other),
        (Ending::Silent, None) => {
            Outcome::down(format!("no reply to {TRIES} datagrams within {within}"))
        }
    })
}

fn over_tcp(addresses: &[SocketAddr], message: &[u8], deadline: &Deadline) -> Outcome {
    let stream = match Timed::connect(addresses, deadline) {
        Ok(stream) => stream,
        Err(outcome) => return outcome,
    };
    let peer = stream.peer().map(|peer| peer.to_string());
    over_stream(stream, message, deadline).with("address", peer)
}

fn over_stream(mut stream: Timed, message: &[u8], deadline: &Deadline) -> Outcome {
    let sent = Instant::now();
    let mut reply = vec![0; message.len()];
    let mut have = 0;
    if let Err(why) = stream.write_all(message) {
        return Outcome::down(format!("connected, but took nothing: {}", cause(&why)));
    }
    while have < reply.len() {
        match stream.read(&mut reply[have..]) {
            Ok(0) => {
                let got = differs(message, &reply[..have]);
                return Outcome::down(format!("the connection was closed: {got}"));
            }
            Ok(length) => have += length,
            Err(why) if why.kind() == std::io::ErrorKind::Interrupted => {}
            Err(why) if why.kind() == std::io::ErrorKind::TimedOut => {
                let within = show_duration(deadline.timeout);
                return Outcome::down(format!(
                    "{} within {within}",
                    differs(message, &reply[..have])
                ));
            }
            Err(why) => return Outcome::down(format!("the connection broke off: {}", cause(&why))),
        }
    }
    match reply == message {
        true => equal(message).after(sent.elapsed()),
        false => Outcome::down(differs(message, &reply)).after(sent.elapsed()),
    }
}

fn equal(message: &[u8]) -> Outcome {
    Outcome::up(format!("{} bytes came back equal", message.len()))
}

fn differs(message: &[u8], reply: &[u8]) -> String {
    match (reply.len(), message.starts_with(reply)) {
        (0, _) => "nothing came back".to_string(),
        (got, true) => format!("only {got} of {} bytes came back", message.len()),
        _ => format!("other bytes came back: {}", printable(reply, 60)),
    }
}
