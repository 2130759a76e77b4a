//! What lab_services says, as text or as JSON lines.

use std::net::IpAddr;
use std::path::Path;

use monitor::lab::Lab;
use monitor::lab::commands::{self, Command};
use monitor::lab::services::Service;
use serde_json::{Map, Value, json};
use socklab::output::{self, harmless_json};

pub struct Screen<'a> {
    pub json: bool,
    pub lab: &'a Lab,
}

impl Screen<'_> {
    /// The first lines: each service with its address, and a command that talks to it.
    pub fn start(&self, program: &str, bind: IpAddr, ca_file: &Path) {
        if self.json {
            let event = json!({
                "event": "start",
                "program": program,
                "listening": bind.to_string(),
                "ca_file": ca_file.display().to_string(),
                "services": self.states(),
            });
            return output::line(&harmless_json(&event.to_string()));
        }
        let well = |service: &Service| self.state(*service) == "open";
        let broken = match Service::ALL.iter().filter(|service| !well(service)).count() {
            0 => "nothing broken".to_string(),
            count => format!("{count} broken"),
        };
        output::line(&format!("{program}: listening on {bind}, {broken}"));
        for service in Service::ALL {
            let address = self.lab.address(service).to_string();
            let transport = service.transport();
            let hint = match well(&service) {
                true => hint(self.lab, service, ca_file),
                false => self.state(service),
            };
            output::line(&format!("{service:8}{address:18}{transport:13}{hint}"));
        }
    }

    pub fn status(&self) {
        if self.json {
            let event = json!({"event": "status", "services": self.states()});
            return output::line(&harmless_json(&event.to_string()));
        }
        for service in Service::ALL {
            let address = self.lab.address(service).to_string();
            output::line(&format!("{service:8}{address:18}{}", self.state(service)));
        }
    }

    pub fn help(&self) {
        let lines = commands::help();
        if self.json {
            return output::line(&json!({"event": "help", "lines": lines}).to_string());
        }
        lines.iter().for_each(|line| output::line(line));
    }

    /// What a command has made of its service.
    pub fn changed(&self, command: Command) {
        let service = match command {
            Command::Stop(service) | Command::Start(service) => service,
            Command::Slow(service, _) | Command::Break(service, _) => service,
            Command::Heal(Some(service)) => service,
            Command::Heal(None) => return self.status(),
        };
        if self.json {
            let mut event = Map::new();
            event.insert("event".to_string(), json!("changed"));
            event.insert("service".to_string(), json!(service.word()));
            event.extend(self.state_json(service));
            output::line(&Value::Object(event).to_string());
        } else {
            output::line(&format!("{service}: {}", self.state(service)));
        }
    }

    /// How a service is: `open`, `stopped`, `open, slow 3s, wrong-question`.
    fn state(&self, service: Service) -> String {
        let open = if self.lab.is_open(service) { "open" } else { "stopped" };
        match self.lab.behaviour(service).show(service) {
            behaviour if behaviour.is_empty() => open.to_string(),
            behaviour => format!("{open}, {behaviour}"),
        }
    }

    fn state_json(&self, service: Service) -> Map<String, Value> {
        let behaviour = self.lab.behaviour(service);
        let mut fields = Map::new();
        for (name, value) in [
            ("address", json!(self.lab.address(service).to_string())),
            ("open", json!(self.lab.is_open(service))),
            ("slow_ms", json!(behaviour.slow.as_secs_f64() * 1e3)),
            ("fault", json!(behaviour.fault.map(|fault| fault.show(service)))),
        ] {
            fields.insert(name.to_string(), value);
        }
        fields
    }

    fn states(&self) -> Map<String, Value> {
        let each = |service: Service| {
            (service.word().to_string(), Value::Object(self.state_json(service)))
        };
        Service::ALL.into_iter().map(each).collect()
    }
}

/// A command that talks to a service.
fn hint(lab: &Lab, service: Service, ca_file: &Path) -> String {
    let address = lab.address(service);
    let (ip, port) = (address.ip(), address.port());
    match service {
        Service::Http => format!("curl http://{address}/"),
        Service::Https => format!("curl --cacert {} https://{address}/", ca_file.display()),
        Service::Dns => format!("dig @{ip} -p {port} www.lab.test"),
        Service::Ntp => format!("monitor check ntp {address}"),
        Service::Tcp => format!("nc {ip} {port}"),
        Service::Echo => format!("nc -u {ip} {port}"),
        Service::Silent => "answers nothing".to_string(),
    }
}
