//! The agent's events.

use std::fmt;
use std::net::SocketAddr;

use monitor::agent::allow::Allowed;
use monitor::manager::tell::said;
use monitor::protocol::MOST_TASKS;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::Event;
use socklab::output::{Colour, plural};

use crate::{Args, NAME};

/// The first line: who it is, whose agent, and whom it may contact.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    manager: String,
    /// Not known yet: each connection has an address of its own, which `connected` tells.
    local: Option<SocketAddr>,
    agent_id: Option<u64>,
    allow: Vec<String>,
    kept: usize,
}

impl Start {
    /// `kept` results are there from before.
    pub fn new(args: &Args, agent_id: Option<u64>, kept: usize) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            manager: args.manager.to_string(),
            local: None,
            agent_id,
            allow: args.allow.iter().map(Allowed::to_string).collect(),
            kept,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let who = self.agent_id.map_or("a new agent".to_string(), |id| format!("agent {id}"));
        let may = match self.allow.as_slice() {
            [] => "may contact any host".to_string(),
            list => format!("may contact {}", list.join(", ")),
        };
        let manager = &self.manager;
        write!(f, "{NAME}: {who}, manager {manager}, {may}, at most {MOST_TASKS} tasks")
    }
}

impl Event for Start {}

/// What happens between it and its manager.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum LinkEvent<'a> {
    Connected {
        at_ns: At,
        agent_id: u64,
        address: SocketAddr,
        local: SocketAddr,
    },
    /// Told once for each time without a manager.
    Away {
        at_ns: At,
        reason: &'a str,
    },
    /// It was given a configuration, of which it accepts so many tasks.
    Configured {
        at_ns: At,
        rev: u64,
        tasks: usize,
        accepted: usize,
    },
    /// One of the tasks that it does not accept.
    Refused {
        at_ns: At,
        task: &'a str,
        reason: &'a str,
    },
}

impl fmt::Display for LinkEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            LinkEvent::Connected { agent_id, address, .. } => {
                write!(f, "connected to {address} as agent {agent_id}")
            }
            LinkEvent::Away { reason, .. } => {
                write!(f, "no manager: {}; retrying while the checks go on", said(reason))
            }
            LinkEvent::Configured { rev, tasks, accepted, .. } => {
                write!(f, "revision {rev}: {accepted} of {tasks} tasks")
            }
            LinkEvent::Refused { task, reason, .. } => {
                write!(f, "task {} refused: {}", said(task), said(reason))
            }
        }
    }
}

impl Event for LinkEvent<'_> {
    fn colour(&self) -> Option<Colour> {
        match self {
            LinkEvent::Connected { .. } => Some(Colour::Green),
            LinkEvent::Away { .. } | LinkEvent::Refused { .. } => Some(Colour::Yellow),
            LinkEvent::Configured { .. } => None,
        }
    }
}

/// The end: what the manager has not confirmed, and what becomes of it.
#[derive(Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct Summary {
    pub at_ns: At,
    pub unconfirmed: usize,
    /// They are on disk.
    pub kept: bool,
    /// They were to be.
    #[serde(skip)]
    pub state: bool,
    /// A manager let the agent in, once.
    #[serde(skip)]
    pub admitted: bool,
    /// The terminal has written ^C on this line.
    #[serde(skip)]
    pub interrupted: bool,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let results = plural(self.unconfirmed as u64, "result");
        f.write_str(if self.interrupted { "\n" } else { "" })?;
        match (self.unconfirmed, self.kept) {
            (0, _) if !self.admitted => {
                f.write_str("no manager let it in, and there are no results")
            }
            (0, _) => f.write_str("all results are confirmed"),
            (_, true) => write!(f, "{results} unconfirmed, kept for the next start"),
            (_, false) if self.state => {
                write!(f, "{results} unconfirmed, and lost: the disk does not take them")
            }
            (_, false) => write!(f, "{results} unconfirmed, and lost: there is no --state"),
        }
    }
}

impl Event for Summary {}
