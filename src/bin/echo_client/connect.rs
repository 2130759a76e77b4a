//! Opening a TCP connection such that Ctrl-C is heard meanwhile, with errors that say what would help.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use logic::units::show_duration;
use socklab::cli;
use socklab::errors::cause;
use socklab::event::icmp_error_text;
use socklab::ways;
use sys::NotConnected;

/// Connects to `server` within `timeout`; `None` on Ctrl-C.
///
/// # Errors
/// One line for a person, with the call that failed.
pub fn connect(server: SocketAddr, timeout: Duration) -> Result<Option<TcpStream>, String> {
    let connected = sys::connect_tcp(server, timeout, cli::stopping);
    if connected.as_ref().is_err_and(|failed| failed.why.kind() == ErrorKind::Interrupted) {
        return Ok(None);
    }
    let stream = connected.map_err(|NotConnected { why, icmp }| {
        let why = match (icmp, why.kind()) {
            (Some((problem, from)), _) => {
                let from = from.map_or(String::new(), |from| format!("from {from}: "));
                format!("{from}{}", icmp_error_text(problem))
            }
            (_, ErrorKind::TimedOut) => format!(
                "no answer within {}; is it the right address? a firewall?",
                show_duration(timeout)
            ),
            (_, ErrorKind::ConnectionRefused) => {
                format!("{}; is a server running there? compare its first line", cause(&why))
            }
            _ => format!("{}; see: {}", cause(&why), ways::to(server.ip())),
        };
        format!("cannot connect to {server}: {why}")
    })?;
    Ok(Some(stream))
}
