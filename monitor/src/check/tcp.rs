//! A TCP port: open, refused, unreachable, or silent; and, if one likes, what it says.

use std::io::{Read, Write};
use std::time::Instant;

use logic::units::show_duration;
use socklab::errors::cause;
use socklab::output::printable;

use crate::outcome::{Deadline, Outcome};

use super::parameter::{self, Parameter};
use super::pattern::Pattern;
use super::resolve::resolve;
use super::stream::Timed;
use super::value::Value;

/// Whether a TCP port takes connections.
#[derive(Debug, Clone, PartialEq)]
pub struct Tcp {
    pub host: String,
    pub port: Option<u16>,
    /// Sent once the connection stands.
    pub send: Vec<u8>,
    /// To be found in what the server says.
    pub expect: Option<Pattern>,
}

/// The part of what a server says that is searched, in bytes.
const MOST: usize = 1 << 20;

impl Tcp {
    pub const USAGE: &str = "tcp HOST PORT [send=TEXT] [expect=TEXT] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Tcp>] = &[
        Parameter {
            name: "host",
            help: "whom to connect to; a port may stand beside it: \"www.example.com:80\"",
            sample: "\"www.example.com\"",
            set: |tcp, value| parameter::set_host(&mut tcp.host, &mut tcp.port, value),
            show: |tcp| Some(Value::of(&tcp.host)),
        },
        Parameter {
            name: "port",
            help: "1 to 65535",
            sample: "80",
            set: |tcp, value| parameter::set_port(&mut tcp.port, value),
            show: |tcp| tcp.port.map(|port| Value::Integer(port.into())),
        },
        Parameter {
            name: "send",
            help: "to be sent once connected: text, or hex: and pairs of digits; default nothing",
            sample: r#""HEAD / HTTP/1.0\r\n\r\n""#,
            set: |tcp, value| parameter::bytes_of(value).map(|bytes| tcp.send = bytes),
            show: |tcp| (!tcp.send.is_empty()).then(|| parameter::text_of(&tcp.send)),
        },
        Parameter {
            name: "expect",
            help: "to be found in what the server says: text, or /a regular expression/",
            sample: r#""/^HTTP/1\\.[01] /""#,
            set: |tcp, value| {
                tcp.expect = Some(Pattern::new(value.text()?)?);
                Ok(())
            },
            show: |tcp| tcp.expect.as_ref().map(|pattern| Value::of(pattern.to_string())),
        },
    ];

    pub fn draft() -> Tcp {
        Tcp { host: String::new(), port: None, send: Vec::new(), expect: None }
    }

    pub fn run(&self, deadline: &Deadline) -> Outcome {
        let port = self.port.unwrap_or_default();
        let addresses = match resolve(&self.host, port, deadline) {
            Ok(addresses) => addresses,
            Err(outcome) => return outcome,
        };
        let began = Instant::now();
        let mut stream = match Timed::connect(&addresses, deadline) {
            Ok(stream) => stream,
            Err(outcome) => return outcome,
        };
        let connected = began.elapsed();
        let outcome = match self.talk(&mut stream, deadline) {
            Ok(None) => Outcome::up("open").after(connected),
            Ok(Some(said)) => Outcome::up(format!("open, says {said}")).after(began.elapsed()),
            Err(why) => Outcome::down(why).after(began.elapsed()),
        };
        let peer = stream.peer().map(|peer| peer.to_string());
        outcome.with("connect_seconds", connected.as_secs_f64()).with("address", peer)
    }

    /// Says and hears what is to be said and heard; the line in which the
    /// expected was found, if anything was expected.
    fn talk(&self, stream: &mut Timed, deadline: &Deadline) -> Result<Option<String>, String> {
        if !self.send.is_empty() {
            stream
                .write_all(&self.send)
                .map_err(|why| format!("open, but took nothing: {}", cause(&why)))?;
        }
        let Some(expect) = &self.expect else { return Ok(None) };
        let mut heard = Vec::new();
        let mut buffer = [0; 4096];
        let ended = loop {
            match stream.read(&mut buffer) {
                Ok(0) => break "and closed the connection".to_string(),
                Ok(length) => heard.extend_from_slice(&buffer[..length]),
                Err(why) if why.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(why) if why.kind() == std::io::ErrorKind::TimedOut => {
                    break format!("within {}", show_duration(deadline.timeout));
                }
                Err(why) => break format!("and then {}", cause(&why)),
            }
            if expect.is_in(&heard) {
                let line = heard.split(|byte| *byte == b'\n').find(|line| expect.is_in(line));
                return Ok(Some(printable(line.unwrap_or(&heard).trim_ascii_end(), 60)));
            }
            if heard.len() > MOST {
                break "in its first MiB".to_string();
            }
        };
        Err(match heard.is_empty() {
            true => format!("open, but said nothing {ended}"),
            false => format!(
                "open, but not a word of {:?} {ended}; it said {}",
                expect.to_string(),
                printable(&heard, 60)
            ),
        })
    }
}
