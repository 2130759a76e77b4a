//! The names of routers, looked up in threads of their own: a slow resolver holds nothing up for long.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use logic::pace::LOOK_UP;
use socklab::cli;

/// So long a name is waited for, at the most. After one was not there in time
/// no further one is waited for: the resolver is slow, or not there.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks addresses up, each once.
#[derive(Debug)]
pub struct Names {
    /// The names that came; `None` stands for an address without one.
    known: HashMap<IpAddr, Option<String>>,
    asked: HashMap<IpAddr, Instant>,
    answers: (Sender<Lookup>, Receiver<Lookup>),
    patience: Duration,
    /// Whether nobody wants to know.
    pub numeric: bool,
}

type Lookup = (IpAddr, Option<String>);

impl Names {
    pub fn new(numeric: bool) -> Names {
        Names {
            known: HashMap::new(),
            asked: HashMap::new(),
            answers: mpsc::channel(),
            patience: PATIENCE,
            numeric,
        }
    }

    /// Begins to look an address up, unless that has begun before. By the time
    /// its hop is shown, the name may be here.
    pub fn ask(&mut self, address: IpAddr) {
        if self.numeric || self.asked.contains_key(&address) {
            return;
        }
        self.asked.insert(address, Instant::now());
        let answers = self.answers.0.clone();
        // Without a thread no name will come, as with a resolver that is silent.
        let _ = thread::Builder::new().spawn(move || {
            let name = sys::name_of(address).filter(|name| is_plain(name));
            answers.send((address, name))
        });
    }

    /// The name of an address that was asked for, if it comes in time, and
    /// before Ctrl-C says that nobody wants to wait any longer.
    pub fn name(&mut self, address: IpAddr) -> Option<String> {
        self.name_unless(address, cli::stopping)
    }

    fn name_unless(&mut self, address: IpAddr, stopped: impl Fn() -> bool) -> Option<String> {
        let until = *self.asked.get(&address)? + self.patience;
        while !self.known.contains_key(&address) {
            let left = until.saturating_duration_since(Instant::now());
            // No signal ends this wait, so that it has to be a short one.
            match self.answers.1.recv_timeout(left.min(LOOK_UP)) {
                Ok((address, name)) => {
                    self.known.insert(address, name);
                }
                Err(_) if left > LOOK_UP && !stopped() => {}
                Err(_) => {
                    self.patience = Duration::ZERO;
                    return None;
                }
            }
        }
        self.known.get(&address)?.clone()
    }
}

/// Whether a name can be shown. Whoever owns an address may give it any bytes
/// for a name, even such as move a terminal's cursor.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_a_terminal_would_obey_are_not_shown() {
        assert!(is_plain("core1.ams_2.example.net"));
        for name in ["", "a b", "\x1b[2J", "r\u{202e}x", "1.2.3.4\n 9  evil"] {
            assert!(!is_plain(name), "{name:?}");
        }
    }

    #[test]
    fn what_was_not_asked_for_or_does_not_come_has_no_name() {
        let mut names = Names { patience: Duration::ZERO, ..Names::new(false) };
        let address = IpAddr::from([10, 0, 0, 1]);
        assert_eq!(names.name(address), None);
        names.asked.insert(address, Instant::now());
        assert_eq!(names.name(address), None);
        names.answers.0.send((address, Some("router".into()))).unwrap();
        assert_eq!(names.name(address), Some("router".to_string()));
    }

    #[test]
    fn ctrl_c_ends_the_wait_for_a_name() {
        let hour = Duration::from_secs(3600);
        let mut names = Names { patience: hour, ..Names::new(false) };
        let (address, began) = (IpAddr::from([10, 0, 0, 1]), Instant::now());
        names.asked.insert(address, began);
        assert_eq!(names.name_unless(address, || true), None);
        assert!(began.elapsed() < hour / 60);
        assert_eq!(names.patience, Duration::ZERO, "nor is another name waited for");
    }
}
