//! The checks, one file a type of service: its parameters, and what it verifies.
//!
//! | module | what it verifies, or what the checks share |
//! | --- | --- |
//! | [`http`] | http and https: status, body, certificate, where the time went |
//! | [`icmp`] | loss and round-trip time of pings |
//! | [`trace`] | the way to a host |
//! | [`dns`] | a server's answer to a question |
//! | [`ntp`] | a server's clock |
//! | [`tcp`], [`udp`], [`echo`] | ports, and what they say |
//! | [`parameter`], [`value`], [`pattern`], [`words`] | parameters, from TOML or typed |
//! | [`resolve`] | looking up names, with a deadline |
//! | [`stream`], [`datagram`] | asking over TCP and over UDP, with a deadline |
//! | [`packet`] | what `--explain` shows |
//! | [`reach`] | one address after another; what a refusal proves |
//! | [`lack`] | what this machine lacks, and no service can be blamed for |
//!
//! A check says up only where it saw the service answer. What it could not find
//! out for lack of something on this machine is unverified, and not down.

use std::fmt;
use std::time::Duration;

use crate::outcome::{Deadline, Outcome};

pub mod datagram;
pub mod dns;
pub mod echo;
pub mod http;
pub mod icmp;
pub mod lack;
pub mod ntp;
pub mod packet;
pub mod parameter;
pub mod pattern;
pub mod reach;
pub mod resolve;
pub mod stream;
pub mod tcp;
pub mod trace;
pub mod udp;
pub mod value;
pub mod words;

pub use packet::{Direction, OnPacket, Packet};

use dns::Dns;
use echo::Echo;
use http::Http;
use icmp::Icmp;
use ntp::Ntp;
use parameter::About;
use tcp::Tcp;
use trace::Trace;
use udp::Udp;
use value::Value;

/// A check with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Check {
    Http(Http),
    Icmp(Icmp),
    Trace(Trace),
    Dns(Dns),
    Ntp(Ntp),
    Tcp(Tcp),
    Udp(Udp),
    Echo(Echo),
}

/// The words that a type is typed with.
pub const TYPES: [&str; 9] = ["http", "https", "icmp", "trace", "dns", "ntp", "tcp", "udp", "echo"];

/// The parameters that are typed without their names, in this order; the first
/// is the address.
const POSITIONS: [(&str, &[&str]); 9] = [
    ("http", &["url"]),
    ("https", &["url"]),
    ("icmp", &["host"]),
    ("trace", &["host"]),
    ("dns", &["server", "query", "record"]),
    ("ntp", &["server"]),
    ("tcp", &["host", "port"]),
    ("udp", &["host", "port"]),
    ("echo", &["host", "port"]),
];

impl Check {
    /// A check of this type with every default, and without what has none.
    /// None if there is no such type.
    pub fn draft(word: &str) -> Option<Check> {
        Some(match word.to_ascii_lowercase().as_str() {
            scheme @ ("http" | "https") => Check::Http(Http::draft(scheme)),
            "icmp" | "ping" => Check::Icmp(Icmp::draft()),
            "trace" => Check::Trace(Trace::draft()),
            "dns" => Check::Dns(Dns::draft()),
            "ntp" => Check::Ntp(Ntp::draft()),
            "tcp" => Check::Tcp(Tcp::draft()),
            "udp" => Check::Udp(Udp::draft()),
            "echo" | "udp_echo" => Check::Echo(Echo::draft()),
            "tcp_echo" => Check::Echo(Echo { protocol: echo::Protocol::Tcp, ..Echo::draft() }),
            "local" => Check::Echo(Echo { host: "127.0.0.1".to_string(), ..Echo::draft() }),
            _ => return None,
        })
    }

    /// The word that it is typed with, and shown as.
    pub fn kind(&self) -> &'static str {
        match self {
            Check::Http(check) => check.scheme(),
            Check::Icmp(_) => "icmp",
            Check::Trace(_) => "trace",
            Check::Dns(_) => "dns",
            Check::Ntp(_) => "ntp",
            Check::Tcp(_) => "tcp",
            Check::Udp(_) => "udp",
            Check::Echo(_) => "echo",
        }
    }

    /// How a check of this type is typed.
    pub fn usage(&self) -> &'static str {
        match self {
            Check::Http(_) => Http::USAGE,
            Check::Icmp(_) => Icmp::USAGE,
            Check::Trace(_) => Trace::USAGE,
            Check::Dns(_) => Dns::USAGE,
            Check::Ntp(_) => Ntp::USAGE,
            Check::Tcp(_) => Tcp::USAGE,
            Check::Udp(_) => Udp::USAGE,
            Check::Echo(_) => Echo::USAGE,
        }
    }

    /// Its parameters, each with its value unless that is the default.
    pub fn parameters(&self) -> Vec<About> {
        match self {
            Check::Http(check) => parameter::about(Http::PARAMETERS, check),
            Check::Icmp(check) => parameter::about(Icmp::PARAMETERS, check),
            Check::Trace(check) => parameter::about(Trace::PARAMETERS, check),
            Check::Dns(check) => parameter::about(Dns::PARAMETERS, check),
            Check::Ntp(check) => parameter::about(Ntp::PARAMETERS, check),
            Check::Tcp(check) => parameter::about(Tcp::PARAMETERS, check),
            Check::Udp(check) => parameter::about(Udp::PARAMETERS, check),
            Check::Echo(check) => parameter::about(Echo::PARAMETERS, check),
        }
    }

    /// Enters the value of one parameter. None if there is no such parameter;
    /// an error ends a sentence that begins with the parameter's name.
    pub fn set(&mut self, name: &str, value: &Value) -> Option<Result<(), String>> {
        match self {
            Check::Http(check) => parameter::set(Http::PARAMETERS, check, name, value),
            Check::Icmp(check) => parameter::set(Icmp::PARAMETERS, check, name, value),
            Check::Trace(check) => parameter::set(Trace::PARAMETERS, check, name, value),
            Check::Dns(check) => parameter::set(Dns::PARAMETERS, check, name, value),
            Check::Ntp(check) => parameter::set(Ntp::PARAMETERS, check, name, value),
            Check::Tcp(check) => parameter::set(Tcp::PARAMETERS, check, name, value),
            Check::Udp(check) => parameter::set(Udp::PARAMETERS, check, name, value),
            Check::Echo(check) => parameter::set(Echo::PARAMETERS, check, name, value),
        }
    }

    /// The parameters that are typed without their names, the address first.
    pub fn positions(&self) -> &'static [&'static str] {
        let kind = self.kind();
        POSITIONS.iter().find(|(word, _)| *word == kind).map_or(&[], |(_, names)| names)
    }

    /// What a draft still lacks before it can run.
    pub fn missing(&self) -> Option<&'static str> {
        let (host, rest) = match self {
            Check::Http(check) => return check.url.ends_with("://").then_some("url"),
            Check::Icmp(check) => (&check.host, None),
            Check::Trace(check) => (&check.host, None),
            Check::Dns(check) => (&check.host, check.query.is_empty().then_some("query")),
            Check::Ntp(check) => (&check.host, None),
            Check::Tcp(check) => (&check.host, check.port.is_none().then_some("port")),
            Check::Udp(check) => (&check.host, check.port.is_none().then_some("port")),
            Check::Echo(check) => (&check.host, None),
        };
        if host.is_empty() { self.positions().first().copied() } else { rest }
    }

    /// Parameters that do not go together.
    ///
    /// # Errors
    /// One line with the mend.
    pub fn complete(&self) -> Result<(), String> {
        match self {
            Check::Http(check) => check.complete(),
            Check::Dns(check) => check.complete(),
            _ => Ok(()),
        }
    }

    /// Whom it contacts: an address, or a name in ASCII.
    ///
    /// # Errors
    /// It is neither.
    pub fn host(&self) -> Result<String, String> {
        let host = match self {
            Check::Http(check) => return check.host().ok_or("this URL has no host".to_string()),
            Check::Icmp(check) => &check.host,
            Check::Trace(check) => &check.host,
            Check::Dns(check) => &check.host,
            Check::Ntp(check) => &check.host,
            Check::Tcp(check) => &check.host,
            Check::Udp(check) => &check.host,
            Check::Echo(check) => &check.host,
        };
        Ok(resolve::ascii(host)?.into_owned())
    }

    /// The same with every name of a host in lower case: to names, case means nothing.
    #[must_use]
    pub fn with_lower_case_names(mut self) -> Check {
        let host = match &mut self {
            Check::Http(check) => {
                check.url = check.normal_url();
                return self;
            }
            Check::Dns(check) => {
                check.query.make_ascii_lowercase();
                &mut check.host
            }
            Check::Icmp(check) => &mut check.host,
            Check::Trace(check) => &mut check.host,
            Check::Ntp(check) => &mut check.host,
            Check::Tcp(check) => &mut check.host,
            Check::Udp(check) => &mut check.host,
            Check::Echo(check) => &mut check.host,
        };
        host.make_ascii_lowercase();
        self
    }

    /// How long it takes at the least, if all answers come at once.
    pub fn least(&self) -> Duration {
        match self {
            Check::Icmp(check) => check.least(),
            _ => Duration::ZERO,
        }
    }

    /// Runs it once, to the deadline at the latest.
    pub fn run(&self, deadline: &Deadline) -> Outcome {
        self.run_watched(deadline, &mut |_| {})
    }

    /// The same, telling of each packet.
    pub fn run_watched(&self, deadline: &Deadline, watch: OnPacket) -> Outcome {
        let outcome = match self {
            Check::Http(check) => check.run(deadline),
            Check::Icmp(check) => check.run(deadline, watch),
            Check::Trace(check) => check.run(deadline),
            Check::Dns(check) => check.run(deadline, watch),
            Check::Ntp(check) => check.run(deadline, watch),
            Check::Tcp(check) => check.run(deadline),
            Check::Udp(check) => check.run(deadline, watch),
            Check::Echo(check) => check.run(deadline, watch),
        };
        outcome.harmless()
    }
}

impl Check {
    /// As it is typed, for those who may read what is watched, but no secrets:
    /// what is sent to the service, and what a URL asks for, is `***`.
    pub fn without_secrets(&self) -> String {
        const SECRET: [&str; 3] = ["headers", "send", "message"];
        self.written(|name, value| match (name, value.split_once('?')) {
            ("url", Some((page, _))) => format!("{page}?***"),
            _ if SECRET.contains(&name) => "***".to_string(),
            _ => value,
        })
    }

    /// As it is typed, each value as `shown` makes it, given its parameter's name.
    fn written(&self, shown: impl Fn(&str, String) -> String) -> String {
        let mut text = self.kind().to_string();
        let positions = self.positions();
        let parameters = self.parameters();
        let of = |name: &&str| parameters.iter().find(|about| about.name == *name);
        // The address may look like anything; what follows must not look named.
        let values = positions.iter().filter_map(of);
        for (place, about) in values.enumerate() {
            let Some(value) = &about.shown else { continue };
            let value = shown(about.name, typed(value));
            text.push(' ');
            text += &match place > 0 && value.contains('=') {
                true => words::quoted(&value),
                false => words::word(&value),
            };
        }
        for about in parameters.iter().filter(|about| !positions.contains(&about.name)) {
            for value in about.shown.iter().flat_map(Value::list) {
                let value = shown(about.name, typed(value));
                text += &format!(" {}={}", about.name, words::word(&value));
            }
        }
        text
    }
}

/// As it is typed, without the interval: `tcp www.example.com 80`. What is not
/// the default follows under its name: `expect=SSH`.
impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.written(|_, value| value))
    }
}

/// A value as it is typed.
fn typed(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => other.shown(),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::typed;

    #[test]
    fn secrets_are_left_out_of_what_others_may_read() {
        for (check, shown) in [
            (
                "https https://h.test/a?key=hush expect_status=200 headers='Authorization: Bearer hush'",
                "https https://h.test/a?*** headers=*** expect_status=200",
            ),
            ("tcp h.test 25 send='PASS hush' expect=OK", "tcp h.test 25 send=*** expect=OK"),
            ("udp h.test 25 send=hush", "udp h.test 25 send=***"),
            ("echo h.test message=hush", "echo h.test message=***"),
            ("dns 127.0.0.1 www.lab.test MX", "dns 127.0.0.1 www.lab.test MX"),
        ] {
            assert_eq!(typed::parse(check).unwrap().check.without_secrets(), shown);
        }
    }
}
