//! A service for the tests of the modules that do not care which.

use std::time::Duration;

use crate::check::Check;
use crate::check::tcp::Tcp;
use crate::service::Service;

/// Port 1 of this machine, every second.
pub fn service(name: &str) -> Service {
    at_port(name, 1)
}

pub fn at_port(name: &str, port: u16) -> Service {
    Service {
        name: name.to_string(),
        check: Check::Tcp(Tcp { host: "127.0.0.1".to_string(), port: Some(port), ..Tcp::draft() }),
        interval: Duration::from_secs(1),
        timeout: Duration::from_secs(1),
        down_after: 2,
        up_after: 1,
    }
}
