//! What the manager tells, as lines for people or as JSON.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use monitor::manager::notices::Inbox;
use monitor::manager::service::Manager;
use monitor::manager::tell::Told;
use monitor::printer::Printer;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::Event;
use socklab::output::{Painter, harmless};

use crate::{Args, NAME};

/// The first line: where it listens, what it asks for, and where it keeps what.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: SocketAddr,
    local: SocketAddr,
    data: String,
    results: Option<String>,
    metrics: Option<SocketAddr>,
    token: bool,
    tls: bool,
}

impl Start {
    pub fn new(args: &Args, address: SocketAddr, metrics: Option<SocketAddr>) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: address,
            local: address,
            data: args.data.display().to_string(),
            results: args.results().map(|folder| folder.display().to_string()),
            metrics,
            token: args.token_file.is_some(),
            tls: args.tls.is_some(),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{NAME}: listening on {}", self.listening)?;
        f.write_str(if self.tls { " with TLS" } else { "" })?;
        f.write_str(if self.token { ", token required" } else { ", no token" })?;
        write!(f, ", configuration in {}", harmless(&self.data))?;
        match &self.results {
            Some(folder) => write!(f, ", results in {}", harmless(folder))?,
            None => f.write_str(", results only in memory")?,
        }
        match self.metrics {
            Some(address) => write!(f, ", metrics at http://{address}/metrics"),
            None => Ok(()),
        }
    }
}

impl Event for Start {}

/// What a command that came through a pipe has brought about.
#[derive(Serialize)]
#[serde(tag = "event", rename = "reply")]
pub struct Replied {
    at_ns: At,
    lines: Vec<String>,
}

impl Replied {
    pub fn new(lines: Vec<String>) -> Replied {
        Replied { at_ns: At::now(), lines }
    }
}

impl fmt::Display for Replied {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl Event for Replied {}

/// How events are told.
#[derive(Clone)]
pub struct Teller {
    json: bool,
    quiet: bool,
    painter: Painter,
    pub printer: Printer,
}

impl Teller {
    pub fn new(json: bool, quiet: bool, printer: Printer) -> Teller {
        Teller { json, quiet, painter: Painter::for_stdout(), printer }
    }

    pub fn tell(&self, event: &impl Event) {
        self.printer.line(event.shown(self.json, self.painter));
    }

    /// Tells notices as they come, and looks for agents that stay away.
    pub fn tell_all(&self, manager: &Manager, inbox: &Inbox) {
        loop {
            match inbox.next(Duration::from_secs(1)) {
                Ok((_, notice)) if notice.is_result() && self.quiet => {}
                Ok((at, notice)) => self.tell(&Told { at, notice }),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            manager.look_for_silent();
        }
    }
}
