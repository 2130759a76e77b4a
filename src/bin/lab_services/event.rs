//! The lab's events.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use monitor::lab::Lab;
use monitor::lab::commands;
use monitor::lab::services::Service;
use serde::{Serialize, Serializer};
use socklab::clock::{self, At};
use socklab::event::{Event, Ms};

use crate::NAME;

/// How a service is.
#[derive(Serialize)]
pub struct State {
    #[serde(serialize_with = "word")]
    service: Service,
    address: SocketAddr,
    open: bool,
    slow_ms: Ms,
    fault: Option<String>,
    /// Both in words; nothing if all is well.
    #[serde(skip)]
    behaviour: String,
}

fn word<S: Serializer>(service: &Service, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(service.word())
}

impl State {
    pub fn of(lab: &Lab, service: Service) -> State {
        let behaviour = lab.behaviour(service);
        State {
            service,
            address: lab.address(service),
            open: lab.is_open(service),
            slow_ms: Ms(behaviour.slow),
            fault: behaviour.fault.map(|fault| fault.show(service)),
            behaviour: behaviour.show(service),
        }
    }

    pub fn of_all(lab: &Lab) -> Vec<State> {
        Service::ALL.into_iter().map(|service| State::of(lab, service)).collect()
    }

    fn is_well(&self) -> bool {
        self.open && self.behaviour.is_empty()
    }

    /// A command that talks to it.
    fn hint(&self, ca_file: &str) -> String {
        let address = self.address;
        let (ip, port) = (address.ip(), address.port());
        match self.service {
            Service::Http => format!("curl http://{address}/"),
            Service::Https => format!("curl --cacert {ca_file} https://{address}/"),
            Service::Dns => format!("dig @{ip} -p {port} www.lab.test"),
            Service::Ntp => format!("monitor check ntp {address}"),
            Service::Tcp => format!("nc {ip} {port}"),
            Service::Echo => format!("nc -u {ip} {port}"),
            Service::Silent => "answers nothing".to_string(),
        }
    }
}

/// `open`, `stopped`, `open, slow 3s, wrong-question`.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if self.open { "open" } else { "stopped" })?;
        match self.behaviour.as_str() {
            "" => Ok(()),
            behaviour => write!(f, ", {behaviour}"),
        }
    }
}

/// The first lines: each service with its address, and a command that talks to it.
#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    listening: IpAddr,
    /// The same, under the name that it has in every program's start; each
    /// service has a port of its own.
    local: IpAddr,
    ca_file: String,
    services: Vec<State>,
}

impl Start {
    pub fn new(lab: &Lab, bind: IpAddr, ca_file: &Path) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            listening: bind,
            local: bind,
            ca_file: ca_file.display().to_string(),
            services: State::of_all(lab),
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{NAME}: listening on {}, ", self.listening)?;
        match self.services.iter().filter(|state| !state.is_well()).count() {
            0 => f.write_str("nothing broken")?,
            count => write!(f, "{count} broken")?,
        }
        for state in &self.services {
            let State { service, address, .. } = state;
            let hint = if state.is_well() { state.hint(&self.ca_file) } else { state.to_string() };
            write!(f, "\n{service:8}{:18}{:13}{hint}", address.to_string(), service.transport())?;
        }
        Ok(())
    }
}

impl Event for Start {}

/// How all services are.
#[derive(Serialize)]
#[serde(tag = "event", rename = "status")]
pub struct Status {
    at_ns: At,
    services: Vec<State>,
}

impl Status {
    pub fn of(lab: &Lab) -> Status {
        Status { at_ns: At::now(), services: State::of_all(lab) }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (place, state) in self.services.iter().enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            write!(f, "{newline}{:8}{:18}{state}", state.service, state.address.to_string())?;
        }
        Ok(())
    }
}

impl Event for Status {}

/// What a command has made of its service.
#[derive(Serialize)]
#[serde(tag = "event", rename = "changed")]
pub struct Changed {
    at_ns: At,
    #[serde(flatten)]
    state: State,
}

impl Changed {
    pub fn of(lab: &Lab, service: Service) -> Changed {
        Changed { at_ns: At::now(), state: State::of(lab, service) }
    }
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.state.service, self.state)
    }
}

impl Event for Changed {}

/// What can be typed.
#[derive(Serialize)]
#[serde(tag = "event", rename = "help")]
pub struct Help {
    at_ns: At,
    lines: Vec<String>,
}

impl Help {
    pub fn new() -> Help {
        Help { at_ns: At::now(), lines: commands::help() }
    }
}

impl fmt::Display for Help {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl Event for Help {}
