//! Errors of the operating system in words: what failed, why, and what would help.

use std::io;
use std::net::{IpAddr, SocketAddr};

use sys::PortUser;

use crate::ways;

/// The operating system's words for an error, without the number that Rust
/// puts behind them and the prefix that it puts before a resolver's.
pub fn cause(why: &io::Error) -> String {
    if sys::is_too_long(why) {
        return "message too long".to_string(); // Windows has a long sentence for it.
    }
    let text = why.to_string();
    let text = text.strip_prefix("failed to lookup address information: ").unwrap_or(&text);
    let text = text.split(" (os error").next().unwrap_or(text);
    let mut letters = text.chars();
    let text = match letters.next() {
        // "Address already in use" stands in the middle of our sentence.
        Some(first) if !letters.clone().next().is_some_and(char::is_uppercase) => {
            first.to_lowercase().chain(letters).collect()
        }
        Some(_) => text.to_string(),
        None => why.kind().to_string(),
    };
    match why.kind() {
        // Since version 15 it says no more than that where the user has not
        // let the program's terminal have the local network.
        io::ErrorKind::HostUnreachable if cfg!(target_os = "macos") => {
            text + " (in a local network: is your terminal allowed to have it, in System \
                    Settings, Privacy & Security, Local Network?)"
        }
        _ => text,
    }
}

/// What a refusal proves, be it an ICMP port unreachable or a TCP reset. More it
/// does not: a firewall that rejects a packet sends the very same, in the name
/// of the host behind it.
pub const REFUSED: &str = "no program listens there, or a firewall answers for it";

/// Why there is no UDP socket to be had.
pub fn no_socket(why: &io::Error) -> String {
    format!("cannot open a UDP socket: {}", cause(why))
}

/// Why a UDP socket cannot be connected, and what would help.
pub fn cannot_reach(server: SocketAddr, why: &io::Error) -> String {
    let mend = match why.kind() {
        io::ErrorKind::PermissionDenied => "a broadcast address? Give that of one host".into(),
        _ => format!("is the network up (see: {})?", ways::to(server.ip())),
    };
    format!("cannot reach {server}: {}; {mend}", cause(why))
}

/// Explains why a server could not bind, and what would help.
///
/// `kind` is `'u'` for UDP and `'t'` for TCP, as `ss` names them.
pub fn cannot_listen(address: SocketAddr, kind: char, why: &io::Error) -> String {
    let (ip, port) = (bracketed(address.ip()), address.port());
    let mend = match why.kind() {
        io::ErrorKind::AddrInUse => {
            let user = if kind == 't' { sys::user_of_tcp_port(port) } else { None };
            let other = format!("pick another port with --bind {ip}:0");
            match user {
                Some(PortUser::TimeWait) => format!(
                    "a connection that is over still holds the port (TIME-WAIT, see: {}); \
                     wait a minute, or {other}",
                    ways::sockets("-tan", port)
                ),
                Some(PortUser::Connection) => format!(
                    "it is the near end of an open connection (see: {}); {other}",
                    ways::sockets("-tanp", port)
                ),
                Some(PortUser::Server) | None => format!(
                    "another server is running there (see: {}), or {other}",
                    ways::sockets(&format!("-{kind}lnp"), port)
                ),
            }
        }
        io::ErrorKind::AddrNotAvailable => {
            format!(
                "no interface of this machine has that address (see: {}), \
                 or listen on every interface with --bind 0.0.0.0",
                ways::ADDRESSES
            )
        }
        io::ErrorKind::PermissionDenied if cfg!(windows) => format!(
            "another program has the port for itself alone, or the system has reserved it \
             (see: {}); pick another port with --bind {ip}:0",
            ways::sockets("", port)
        ),
        io::ErrorKind::PermissionDenied => {
            format!("ports below 1024 are for root; pick one above, as in --bind {ip}:12000")
        }
        _ => "see --help for --bind".to_string(),
    };
    format!("cannot listen on {address}: {}; {mend}", cause(why))
}

/// An address as it stands before `:PORT`.
fn bracketed(ip: IpAddr) -> String {
    match ip {
        IpAddr::V6(ip) => format!("[{ip}]"),
        IpAddr::V4(ip) => ip.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_that_is_too_long_is_called_so_on_every_system() {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let why = socket.send_to(&[0; 70_000], socket.local_addr().unwrap()).unwrap_err();
        assert_eq!(cause(&why), "message too long");
    }
}
