//! The grammar of a typed check: `TYPE ADDRESS [PARAMETERS] [INTERVAL]`.
//!
//! ```text
//! https example.com                        http http://example.com 30
//! icmp 8.8.8.8                             icmp 8.8.8.8 2 300        a traceroute each 300 s
//! dns 127.0.0.1:5353 www.lab.test A        dns 8.8.8.8 google.com MX expect="10 smtp.google.com."
//! tcp www.example.com 80 5                 tcp www.example.com:80 5  the same, each 5 s
//! ```
//!
//! TYPE is written in any case. ADDRESS may carry a port where the service has
//! one. Then come the parameters that have a place: a port, if the ADDRESS has
//! none; a DNS query, and its record type. All others, and those of a service
//! (interval, timeout, down_after, up_after, name), are given as `NAME=VALUE`,
//! under the names that they have in TOML; one that is a list is repeated. What
//! is left is the interval: a duration, or a bare number of seconds.
//!
//! So a number is always the first thing that it can be: of `tcp host 80` it is
//! the port, of `tcp host:80 5` the interval, of `icmp host 2` the traceroute, of
//! `icmp host 5` the interval, and of `dns SERVER 5` the name that is asked for.

mod understand;

use std::fmt;
use std::time::Duration;

use crate::check::parameter;
use crate::check::value::Value;
use crate::check::words::{Word, word, words};
use crate::check::{Check, TYPES};
use crate::service::{Service, Settings};

use super::hint::hint;
use understand::understand;

/// A line, understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Typed {
    pub check: Check,
    pub settings: Settings,
}

/// As it is typed, without the interval: `tcp www.example.com 80 timeout=2s`.
impl fmt::Display for Typed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}", self.check)?;
        for about in parameter::about(Settings::PARAMETERS, &self.settings) {
            if let (Some(Value::Text(text)), false) = (&about.shown, about.name == "interval") {
                write!(f, " {}={}", about.name, word(text))?;
            } else if let Some(Value::Integer(number)) = about.shown {
                write!(f, " {}={number}", about.name)?;
            }
        }
        Ok(())
    }
}

impl Typed {
    /// Whether these words name the other one: the check is the same, but for
    /// the case of hosts' names, and of the settings those that are typed here.
    pub fn means(&self, other: &Typed) -> bool {
        let (own, others) = (&self.settings, &other.settings);
        self.check.clone().with_lower_case_names() == other.check.clone().with_lower_case_names()
            && (own.name.is_none() || own.name == others.name)
            && (own.timeout.is_none() || own.timeout == others.timeout)
            && (own.down_after.is_none() || own.down_after == others.down_after)
            && (own.up_after.is_none() || own.up_after == others.up_after)
    }

    pub fn interval(&self) -> Option<Duration> {
        self.settings.interval
    }

    /// The service, with these defaults for what was not said.
    ///
    /// # Errors
    /// One line: it cannot be so, and the mend.
    pub fn service(self, defaults: &Settings) -> Result<Service, String> {
        let service = Service::new(self.check, &self.settings, defaults);
        match service.faults().into_iter().next() {
            None => Ok(service),
            Some(fault) => Err(fault.what),
        }
    }
}

/// Understands a line.
///
/// # Errors
/// One line: what is wrong with it, and how a check of that type is typed.
pub fn parse(line: &str) -> Result<Typed, String> {
    parse_words(&words(line)?)
}

/// Understands words, as a shell hands them over.
///
/// # Errors
/// As for [`parse`].
pub fn parse_words(words: &[Word]) -> Result<Typed, String> {
    let types = TYPES.join(", ");
    let Some((kind, rest)) = words.split_first() else {
        return Err(format!(
            "no type: a check is written TYPE ADDRESS [PARAMETERS] [INTERVAL], where TYPE is one of {types}"
        ));
    };
    let draft = Check::draft(&kind.text).ok_or_else(|| {
        format!(
            "{:?} is not a type of check{}: the types are {types}, ping, udp_echo, tcp_echo and local",
            kind.text,
            hint(&kind.text, TYPES)
        )
    })?;
    let usage = draft.usage();
    let kind = kind.text.to_ascii_lowercase();
    understand(&kind, draft, rest).map_err(|why| format!("{why}; usage: {usage}"))
}

#[cfg(test)]
mod tests;
