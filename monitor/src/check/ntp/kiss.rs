//! What servers asked of us, and until when it is obeyed (RFC 5905, section 7.4).
//!
//! RATE: ask less often. DENY and RSTR: ask no more. A check that would break
//! this is not sent at all, however often it is due.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::wire::ntp::Packet;
use logic::units::show_duration;

/// The shortest wait after RATE: NTP's usual shortest polling interval, 2^6 s.
const LEAST: Duration = Duration::from_secs(64);
/// The longest: 2^12 s, more than an hour.
const MOST: Duration = Duration::from_secs(4096);
/// After DENY and RSTR. A day later somebody may have changed the server's mind.
const DENIED: Duration = Duration::from_secs(24 * 3600);
/// The number of servers that are remembered; then those whose time is over make room.
const SERVERS: usize = 4096;

static REQUESTS: LazyLock<Mutex<HashMap<SocketAddr, Request>>> = LazyLock::new(Mutex::default);

/// What a server asked of us.
#[derive(Debug, Clone)]
struct Request {
    code: String,
    not_before: Instant,
    wait: Duration,
}

/// Whether a server may be asked now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// Only once a check, if it has ever complained.
    Granted { only_once: bool },
    /// Why not, in words.
    Denied(String),
}

pub fn permission(server: SocketAddr, now: Instant) -> Permission {
    let requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    match requests.get(&server) {
        Some(request) if now < request.not_before => Permission::Denied(format!(
            "not asked: the server said {}, and is left alone for another {}s",
            request.code,
            (request.not_before - now).as_secs() + 1
        )),
        known => Permission::Granted { only_once: known.is_some() },
    }
}

/// Remembers a kiss code; for how long the server is now left alone, and in words.
/// None for a code that asks for nothing.
pub fn remember(server: SocketAddr, reply: &Packet, now: Instant) -> Option<(Duration, String)> {
    let code = reply.reference_id;
    let mut requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let wait = match &code {
        b"RATE" => {
            // The server may say how often it wants to be asked.
            let polled = Duration::from_secs(1 << reply.poll.clamp(0, 12));
            // Whoever says it again was not left alone for long enough.
            let before = requests.get(&server).map_or(Duration::ZERO, |request| request.wait);
            (before * 2).max(polled).clamp(LEAST, MOST)
        }
        b"DENY" | b"RSTR" => DENIED,
        _ => return None,
    };
    if requests.len() >= SERVERS {
        requests.retain(|_, request| request.not_before > now);
    }
    let code = String::from_utf8_lossy(&code).into_owned();
    if requests.len() < SERVERS {
        requests.insert(server, Request { code, not_before: now + wait, wait });
    }
    Some((wait, format!("it is left alone for {}", show_duration(wait))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kiss(code: &[u8; 4], poll: i8) -> Packet {
        Packet { reference_id: *code, poll, ..Packet::default() }
    }

    #[test]
    fn a_server_that_says_rate_is_asked_less_and_less_often() {
        let server: SocketAddr = "192.0.2.1:123".parse().unwrap();
        let now = Instant::now();
        assert_eq!(permission(server, now), Permission::Granted { only_once: false });
        let wait = |poll| remember(server, &kiss(b"RATE", poll), now).unwrap().0.as_secs();
        assert_eq!(wait(4), 64);
        assert!(matches!(permission(server, now), Permission::Denied(why) if why.contains("RATE")));
        let later = now + Duration::from_secs(64);
        assert_eq!(permission(server, later), Permission::Granted { only_once: true });
        assert_eq!(wait(4), 128);
        assert_eq!(wait(10), 1024);
        assert_eq!(wait(127), 4096);
        assert_eq!(wait(-127), 4096);
    }

    #[test]
    fn a_server_that_denies_is_not_asked_again_today() {
        let server: SocketAddr = "192.0.2.2:123".parse().unwrap();
        let now = Instant::now();
        assert!(remember(server, &kiss(b"INIT", 6), now).is_none());
        remember(server, &kiss(b"DENY", 6), now).unwrap();
        let later = now + Duration::from_secs(23 * 3600);
        assert!(matches!(permission(server, later), Permission::Denied(_)));
    }
}
