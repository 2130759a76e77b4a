//! Looking up names, with a deadline.
//!
//! The operating system's resolver (getaddrinfo) may take half a minute, and
//! cannot be stopped. So it runs on threads of its own, a few for all checks
//! together, and a check waits for them no longer than to its deadline. Checks
//! that want the same name at the same time wait for one lookup. A thread with
//! nothing to do for ten seconds ends.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use idna::AsciiDenyList;
use logic::units::show_duration;

use crate::outcome::{Deadline, Outcome};

use super::lack;

/// The number of names that are looked up at the same time.
const THREADS: usize = 8;

/// A thread without work for this long ends.
const IDLE: Duration = Duration::from_secs(10);

static RESOLVER: LazyLock<Resolver> = LazyLock::new(|| {
    Resolver::new(THREADS, |host| (host, 0).to_socket_addrs().map(Iterator::collect))
});

/// The addresses of a host, in the order in which they are to be tried. An
/// address needs no lookup.
///
/// # Errors
/// The check's outcome: down if there is no such name; unverified if nobody
/// answered, since that says nothing of the service.
pub fn resolve(host: &str, port: u16, deadline: &Deadline) -> Result<Vec<SocketAddr>, Outcome> {
    let host = ascii(host).map_err(Outcome::unverified)?;
    if let Ok(address) = host.parse::<IpAddr>() {
        // ::ffff:192.0.2.1 is an IPv4 address in IPv6's clothes.
        return Ok(vec![SocketAddr::new(address.to_canonical(), port)]);
    }
    let mut addresses = RESOLVER.look_up(&host, deadline).map_err(|why| why.outcome(&host))?;
    for address in &mut addresses {
        address.set_port(port);
    }
    match addresses.is_empty() {
        false => Ok(addresses),
        true => Err(Outcome::down(format!("{host} has no address"))),
    }
}

/// A name as the DNS knows it: `bücher.de` is `xn--bcher-kva.de` (RFC 5890). One
/// in ASCII is left as it is.
///
/// # Errors
/// The end of a sentence: there can be no such name.
pub fn ascii(host: &str) -> Result<Cow<'_, str>, String> {
    if host.is_ascii() {
        return Ok(Cow::Borrowed(host));
    }
    idna::domain_to_ascii_cow(host.as_bytes(), AsciiDenyList::EMPTY)
        .map_err(|_| format!("cannot be {host:?}, which is no international domain name"))
}

/// Why there are no addresses.
#[derive(Debug, Clone)]
enum Unresolved {
    /// The resolver's answer, or what this machine lacks to get one.
    Failed(Outcome),
    TooSlow {
        timeout: Duration,
        busy: bool,
    },
}

impl Unresolved {
    fn outcome(self, host: &str) -> Outcome {
        match self {
            Unresolved::Failed(outcome) => outcome,
            Unresolved::TooSlow { timeout, busy } => {
                let timeout = show_duration(timeout);
                Outcome::unverified(match busy {
                    false => format!("{host} was not looked up within {timeout}"),
                    true => format!(
                        "{host} was not looked up within {timeout}: other lookups, which get no \
                         answer either, take up all {THREADS} places"
                    ),
                })
            }
        }
    }
}

type Lookup = fn(&str) -> io::Result<Vec<SocketAddr>>;
type Answer = Result<Vec<SocketAddr>, Outcome>;

/// The threads, and what they are to do.
struct Resolver {
    most: usize,
    lookup: Lookup,
    state: Mutex<State>,
    work: Condvar,
}

#[derive(Default)]
struct State {
    /// Names that no thread has taken yet.
    queue: VecDeque<String>,
    /// Who waits for a name, and until when; also while it is being looked up.
    waiting: HashMap<String, Vec<(Instant, Sender<Answer>)>>,
    threads: usize,
    idle: usize,
}

impl Resolver {
    fn new(most: usize, lookup: Lookup) -> Resolver {
        Resolver { most, lookup, state: Mutex::default(), work: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look_up(
        &'static self,
        host: &str,
        deadline: &Deadline,
    ) -> Result<Vec<SocketAddr>, Unresolved> {
        let too_slow = |busy| Unresolved::TooSlow { timeout: deadline.timeout, busy };
        let left = deadline.left().ok_or_else(|| too_slow(false))?;
        let (sender, answer) = mpsc::channel();
        let mut state = self.lock();
        let waiters = state.waiting.entry(host.to_string()).or_default();
        waiters.push((Instant::now() + left, sender));
        if waiters.len() == 1 {
            state.queue.push_back(host.to_string());
            if state.idle < state.queue.len() && state.threads < self.most {
                let thread = thread::Builder::new().name("resolver".to_string());
                match thread.spawn(|| self.work()) {
                    Ok(_) => state.threads += 1,
                    Err(_) if state.threads > 0 => {}
                    Err(why) => {
                        state.queue.pop_back();
                        state.waiting.remove(host);
                        return Err(Unresolved::Failed(lack::not_asked(&why)));
                    }
                }
            }
            self.work.notify_one();
        }
        drop(state);
        match answer.recv_timeout(left) {
            Ok(answer) => answer.map_err(Unresolved::Failed),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err(too_slow(self.lock().queue.iter().any(|queued| queued == host)))
            }
        }
    }

    /// What each thread does.
    fn work(&self) {
        let mut state = self.lock();
        loop {
            let Some(host) = state.queue.pop_front() else {
                state.idle += 1;
                let (again, wait) =
                    self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
                state = again;
                state.idle -= 1;
                if wait.timed_out() && state.queue.is_empty() {
                    state.threads -= 1;
                    return;
                }
                continue;
            };
            // Nobody may be waiting any more.
            let now = Instant::now();
            let wanted = state
                .waiting
                .get(&host)
                .is_some_and(|waiters| waiters.iter().any(|(until, _)| *until > now));
            let answer = if wanted {
                drop(state);
                let answer = (self.lookup)(&host).map_err(|why| lack::not_resolved(&host, &why));
                state = self.lock();
                answer
            } else {
                Err(Outcome::unverified("nobody waited"))
            };
            for (_, waiter) in state.waiting.remove(&host).unwrap_or_default() {
                // It may have given up by now.
                let _ = waiter.send(answer.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn an_address_needs_no_lookup_and_localhost_is_found() {
        let deadline = Deadline::of(Duration::from_secs(60));
        let found = resolve("::1", 80, &deadline).unwrap();
        assert_eq!(found, ["[::1]:80".parse().unwrap()]);
        let found = resolve("localhost", 80, &deadline).unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback() && address.port() == 80));
    }

    #[test]
    fn an_international_name_is_looked_up_in_ascii() {
        assert_eq!(ascii("Bücher.example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(ascii("straße。de").unwrap(), "xn--strae-oqa.de");
        assert_eq!(ascii("_dmarc.Example.").unwrap(), "_dmarc.Example.");
        assert!(ascii("\u{200d}.de").is_err());
    }

    #[test]
    fn threads_that_hang_are_waited_for_to_the_deadline_and_told() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        static STUCK: LazyLock<Resolver> = LazyLock::new(|| {
            Resolver::new(2, |_| {
                LOOKUPS.fetch_add(1, Ordering::SeqCst);
                loop {
                    thread::park();
                }
            })
        });
        let outcomes: Vec<Outcome> = thread::scope(|scope| {
            let ask = |host| {
                move || {
                    let deadline = Deadline::of(Duration::from_millis(300));
                    STUCK.look_up(host, &deadline).unwrap_err().outcome(host)
                }
            };
            let threads =
                ["a.test", "b.test", "b.test", "c.test"].map(|host| scope.spawn(ask(host)));
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(outcomes.iter().all(|outcome| outcome.verdict == Verdict::Unverified));
        let places = outcomes.iter().filter(|outcome| outcome.reason.contains("places")).count();
        assert!(places >= 1, "{outcomes:?}");
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 2);
        assert_eq!(STUCK.lock().threads, 2);
    }

    #[test]
    fn many_that_want_the_same_name_share_few_lookups() {
        static LOOKUPS: AtomicUsize = AtomicUsize::new(0);
        static SLOW: LazyLock<Resolver> = LazyLock::new(|| {
            Resolver::new(4, |_| {
                LOOKUPS.fetch_add(1, Ordering::SeqCst);
                while SLOW.lock().waiting.values().map(Vec::len).sum::<usize>() < 20 {
                    thread::yield_now();
                }
                Ok(vec!["192.0.2.1:0".parse().unwrap()])
            })
        });
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let deadline = Deadline::of(Duration::from_secs(300));
                    assert_eq!(SLOW.look_up("a.test", &deadline).unwrap().len(), 1);
                });
            }
        });
        assert_eq!(LOOKUPS.load(Ordering::SeqCst), 1);
    }
}
