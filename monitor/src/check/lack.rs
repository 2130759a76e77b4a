//! What this machine lacks, for which no service can be blamed.
//!
//! This file alone decides it, for every type of service and with the same
//! words: free descriptors, memory, threads, ports and addresses of its own, a
//! route, a firewall that lets the request out, a resolver that answers. What a
//! router says, in an ICMP error, is no lack of this machine's but the
//! network's answer; see [`reach`](super::reach).

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use packets::icmp_error::Problem;
use rand::TryRng;
use rand::rngs::SysRng;
use socklab::errors::cause;
use socklab::sockets::any_port;

use crate::outcome::Outcome;

use super::reach::NoAnswer;

/// A call failed before anything left this machine, so the service was not
/// asked: unverified, with what is missing.
pub fn not_asked(why: &io::Error) -> Outcome {
    unverified(here(why).unwrap_or("gives no socket"), &cause(why))
}

/// A firewall of this machine's own rejects the request.
pub fn forbidden(problem: Problem) -> Outcome {
    unverified(FORBIDS, &format!("its firewall says {problem}"))
}

fn unverified(here: &str, why: &str) -> Outcome {
    Outcome::unverified(format!("not asked: this machine {here}: {why}"))
}

const FORBIDS: &str = "does not allow it (see: nft list ruleset, ip route)";

/// The same if the error can only have arisen on this machine; None for one
/// that may be the answer of the service, or of the network.
pub fn of(why: &io::Error) -> Option<Outcome> {
    let from_afar =
        matches!(why.kind(), ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable);
    (!from_afar && here(why).is_some()).then(|| not_asked(why))
}

/// What the matter is here where a call fails like this, with the mend.
fn here(why: &io::Error) -> Option<&'static str> {
    // For these std has no kind. Linux and the BSDs share the first two.
    const EMFILE_AND_ENFILE: [i32; 2] = [24, 23];
    let no_buffers = if cfg!(target_os = "linux") { 105 } else { 55 };
    let no_family = if cfg!(target_os = "linux") { 97 } else { 47 };
    match (why.kind(), why.raw_os_error().filter(|_| cfg!(unix))) {
        (_, Some(code)) if EMFILE_AND_ENFILE.contains(&code) => {
            Some("lacks a free descriptor (see: ulimit -n)")
        }
        (_, Some(code)) if code == no_buffers => Some("lacks memory (see: free)"),
        (_, Some(code)) if code == no_family => Some("lacks that version of IP (see: ip addr)"),
        (ErrorKind::OutOfMemory, _) => Some("lacks memory (see: free)"),
        // Of pthread_create(3).
        (ErrorKind::WouldBlock, _) => Some("lacks a thread (see: ulimit -u)"),
        (ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse, _) => {
            Some("lacks an address or a port to ask from (see: ip addr, ss -a)")
        }
        (ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable, _) => {
            Some("lacks a route (see: ip route)")
        }
        (ErrorKind::NetworkDown, _) => Some("lacks a network (see: ip link)"),
        (ErrorKind::PermissionDenied, _) => Some(FORBIDS),
        _ => None,
    }
}

/// A UDP socket whose only peer this is. Connecting it sends nothing; the
/// kernel looks for a route, and so finds out what is missing on the way to the
/// first cable. Every check begins with it, whatever it asks afterwards.
///
/// # Errors
/// What this machine lacks.
pub fn socket_to(address: SocketAddr) -> Result<UdpSocket, NoAnswer> {
    let open = || -> io::Result<UdpSocket> {
        let socket = UdpSocket::bind(any_port(address))?;
        socket.connect(address)?;
        Ok(socket)
    };
    let lack = |why: io::Error| NoAnswer::Lack(not_asked(&why));
    let socket = open().map_err(lack)?;
    // Now and then the kernel picks the very port that is to be asked, and the
    // socket would answer itself. A second one gets another port, since the
    // first is still open.
    match socket.local_addr() {
        Ok(own) if own.port() == address.port() => open().map_err(lack),
        _ => Ok(socket),
    }
}

/// A random number, by which an answer is known.
///
/// # Errors
/// This machine has none.
pub fn random() -> Result<u64, Outcome> {
    SysRng.try_next_u64().map_err(|why| unverified("lacks random numbers", &why.to_string()))
}

/// Why a name was not looked up: the resolver's answer, or what this machine
/// lacks to get one.
///
/// The resolver's answers are known by their text alone (glibc, musl, macOS,
/// Windows). Everything else it says, such as EAI_AGAIN, EAI_FAIL, EAI_MEMORY
/// and EAI_SYSTEM, means that nobody answered it.
pub fn not_resolved(host: &str, why: &io::Error) -> Outcome {
    const NO_SUCH_NAME: [&str; 6] = [
        "name or service not known",
        "no address associated with hostname",
        "address family for hostname not supported",
        "name does not resolve",
        "nodename nor servname provided, or not known",
        "no such host is known.",
    ];
    let words = cause(why);
    // Without a descriptor glibc cannot open /etc/hosts, and goes on without.
    if let Err(why) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) {
        return not_asked(&why);
    }
    if let Some(outcome) = of(why) {
        return outcome;
    }
    match NO_SUCH_NAME.contains(&words.as_str()) {
        // A zone is an interface of this machine's, and no name of the network's.
        true if host.contains('%') => Outcome::unverified(format!(
            "not asked: this machine lacks the interface of {host} (see: ip link)"
        )),
        true => Outcome::down(format!("cannot resolve {host}: {words}")),
        false => Outcome::unverified(format!(
            "{host} was not looked up: {words}; does this machine reach its resolver?"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;

    #[test]
    fn only_the_resolvers_no_is_down() {
        let verdict = |words: &str| {
            let why = "failed to lookup address information: ".to_string() + words;
            not_resolved("a.test", &io::Error::other(why)).verdict
        };
        assert_eq!(verdict("Name or service not known"), Verdict::Down);
        assert_eq!(verdict("No address associated with hostname"), Verdict::Down);
        for lack in [
            "Temporary failure in name resolution",
            "Non-recoverable failure in name resolution",
            "Memory allocation failure",
            "System error",
            "Try again",
        ] {
            assert_eq!(verdict(lack), Verdict::Unverified, "{lack}");
        }
        let full = io::Error::from_raw_os_error(24);
        assert!(not_resolved("a.test", &full).reason.contains("lacks a free descriptor"));
    }

    #[test]
    fn an_unreachable_is_a_lack_only_before_anything_was_sent() {
        let why = io::Error::from(ErrorKind::NetworkUnreachable);
        assert_eq!(of(&why), None);
        assert!(not_asked(&why).reason.contains("lacks a route"));
        assert_eq!(of(&ErrorKind::ConnectionRefused.into()), None);
        assert_eq!(of(&ErrorKind::TimedOut.into()), None);
    }
}
