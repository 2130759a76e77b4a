//! Which services there are, and where.

use std::fmt;

/// A service of the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Http,
    Https,
    Dns,
    Ntp,
    Tcp,
    Echo,
    Silent,
}

impl Service {
    pub const ALL: [Service; 7] = [
        Service::Http,
        Service::Https,
        Service::Dns,
        Service::Ntp,
        Service::Tcp,
        Service::Echo,
        Service::Silent,
    ];

    /// As it is typed and shown.
    pub fn word(self) -> &'static str {
        match self {
            Service::Http => "http",
            Service::Https => "https",
            Service::Dns => "dns",
            Service::Ntp => "ntp",
            Service::Tcp => "tcp",
            Service::Echo => "echo",
            Service::Silent => "silent",
        }
    }

    /// The port that the world knows it by, which is added to the port base:
    /// the banner has FTP's, the silent one that of discard.
    pub fn well_known_port(self) -> u16 {
        match self {
            Service::Http => 80,
            Service::Https => 443,
            Service::Dns => 53,
            Service::Ntp => 123,
            Service::Tcp => 21,
            Service::Echo => 7,
            Service::Silent => 9,
        }
    }

    pub fn over_udp(self) -> bool {
        matches!(self, Service::Dns | Service::Ntp | Service::Echo | Service::Silent)
    }

    pub fn over_tcp(self) -> bool {
        !matches!(self, Service::Ntp | Service::Silent)
    }

    /// `UDP and TCP`
    pub fn transport(self) -> &'static str {
        match (self.over_udp(), self.over_tcp()) {
            (true, true) => "UDP and TCP",
            (true, false) => "UDP",
            _ => "TCP",
        }
    }

    pub(super) fn place(self) -> usize {
        self as usize
    }
}

impl std::str::FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Service, String> {
        let found = Service::ALL.into_iter().find(|service| service.word() == text);
        found.ok_or_else(|| {
            let words = Service::ALL.map(Service::word).join(", ");
            format!("there is no service {text:?}; there are {words}")
        })
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(self.word())
    }
}
