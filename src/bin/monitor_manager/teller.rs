//! What the manager tells, as lines for people or as JSON.

use std::fmt;
use std::net::SocketAddr;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use monitor::manager::notices::Inbox;
use monitor::manager::service::Manager;
use monitor::manager::tell::Notice;
use monitor::printer::Printer;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::{Event, json_line};
use socklab::output::{Painter, harmless, harmless_json};

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

    /// The line, for a person or as JSON.
    pub fn line(&self, json: bool) -> String {
        if json { harmless_json(&json_line(self)) } else { self.to_string() }
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

/// How notices are told.
pub struct Teller {
    pub json: bool,
    pub quiet: bool,
    pub painter: Painter,
}

impl Teller {
    /// Tells them as they come, and looks for agents that stay away.
    pub fn tell_all(&self, manager: &Manager, inbox: &Inbox, printer: &Printer) {
        loop {
            match inbox.next(Duration::from_secs(1)) {
                Ok((at, notice)) => self.tell(at, &notice, printer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            manager.look_for_silent();
        }
    }

    fn tell(&self, at: At, notice: &Notice, printer: &Printer) {
        let result = matches!(notice, Notice::Result { .. });
        if result && self.quiet {
            return;
        }
        if self.json {
            return printer.line(harmless_json(&notice.json(at)));
        }
        let text = notice.to_string();
        // What is out of order stands out, also without colour.
        let text = if result { text } else { format!("*** {text}") };
        printer.line(match notice.colour() {
            Some(colour) => self.painter.paint(colour, &text),
            None => text,
        });
    }
}
