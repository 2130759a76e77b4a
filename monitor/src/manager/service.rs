//! The manager itself: what all connections and the console share, and every change to it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::Sender;
use std::time::Instant;

use jiff::Timestamp;
use socklab::clock;

use super::data::Data;
use super::live::{Connection, Live, Presence};
use super::results::{Entry, Outcome, Results, Stored};
use super::tell::Notice;
use crate::guard::lock;
use crate::proof::Token;
use crate::protocol::{Ack, ConfigAck, Hello, Message, Report, Welcome};

/// A clock that is wrong by more than this is told.
const SKEW: f64 = 5.0;

/// What all connections and the console share. No two of its locks are held at
/// once, so that none waits for another.
pub struct Manager {
    data: Mutex<Data>,
    data_path: PathBuf,
    results: Mutex<Results>,
    live: Mutex<BTreeMap<u64, Live>>,
    pub token: Option<Token>,
    /// Whoever tells the notices.
    notices: Sender<Notice>,
}

/// A connection that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    pub agent: u64,
    pub number: u64,
    pub address: SocketAddr,
}

impl Manager {
    pub fn new(
        data: Data,
        data_path: PathBuf,
        results: Results,
        token: Option<Token>,
        notices: Sender<Notice>,
    ) -> Manager {
        Manager {
            data: Mutex::new(data),
            data_path,
            results: Mutex::new(results),
            live: Mutex::new(BTreeMap::new()),
            token,
            notices,
        }
    }

    pub fn tell(&self, notice: Notice) {
        // At the end nobody listens any more.
        let _ = self.notices.send(notice);
    }

    /// Lets an agent in: gives what to send it first.
    ///
    /// # Errors
    /// One line: its identifier cannot be kept.
    pub fn admit(
        &self,
        hello: &Hello,
        address: SocketAddr,
        connection: Connection,
    ) -> Result<(Admitted, Vec<Message>), String> {
        let (agent, config) = self.change(|data| {
            let agent = data.claim(hello.agent_id, hello.name.as_deref())?;
            Ok((agent, data.config(agent)))
        })?;
        let stored_seq = lock(&self.results).highest(agent, &hello.boot_id);
        let number = connection.number;
        let now = Instant::now();
        let (before, taken_over, since) = {
            let mut live = lock(&self.live);
            let live = live.entry(agent).or_default();
            let (before, since) = (live.address, live.since);
            live.last_seq = live.last_seq.max(stored_seq);
            let old = live.connected(connection, address, &hello.boot_id, now);
            live.last_seq = live.last_seq.max(stored_seq);
            if let Some(old) = &old {
                let reason = "another connection of the same identifier takes over".to_string();
                let _ = old.outgoing.send(Message::Error { reason });
            }
            (before, old.is_some(), since)
        };
        self.tell(match (taken_over, since) {
            (true, _) => Notice::TakenOver { agent, address, before },
            (false, Some(since)) => {
                Notice::Reconnected { agent, address, after: now.duration_since(since) }
            }
            (false, None) => Notice::Connected { agent, address, name: hello.name.clone() },
        });
        let welcome = Message::Welcome(Welcome { agent_id: agent, stored_seq });
        let admitted = Admitted { agent, number, address };
        Ok((admitted, vec![welcome, Message::Config(config)]))
    }

    /// A connection ended.
    pub fn gone(&self, admitted: Admitted, reason: String) {
        let agent = admitted.agent;
        let current = lock(&self.live)
            .get_mut(&agent)
            .is_some_and(|live| live.disconnected(admitted.number, Instant::now()));
        if current {
            self.tell(Notice::Lost { agent, reason });
        }
    }

    pub fn heard(&self, agent: u64) {
        if let Some(live) = lock(&self.live).get_mut(&agent) {
            live.heard = Some(Instant::now());
        }
    }

    /// Compares an agent's clock, as it has just told it, with this machine's.
    pub fn told_time(&self, agent: u64, time: &str) {
        let Some(seconds) = skew(time, clock::now()) else { return };
        let wrong = seconds.abs() > SKEW;
        let news = lock(&self.live).get_mut(&agent).is_some_and(|live| {
            let news = wrong && !live.told_skewed;
            live.told_skewed = wrong;
            news
        });
        if news {
            self.tell(Notice::Skewed { agent, seconds });
        }
    }

    /// Stores a result, or what was dropped; gives the acknowledgement.
    ///
    /// # Errors
    /// It could not be stored: nothing may be acknowledged then.
    pub fn store(&self, admitted: Admitted, entry: Entry) -> Result<Ack, String> {
        let agent = admitted.agent;
        let boot_id = entry.boot_id().to_string();
        let received_at = clock::stamp(clock::now());
        let stored = Stored { agent_id: agent, received_at, entry: entry.clone() };
        let (outcome, seq) = {
            let mut results = lock(&self.results);
            let outcome = results.store(stored).map_err(|why| why.to_string())?;
            (outcome, results.highest(agent, &boot_id))
        };
        if outcome == Outcome::New {
            match entry {
                Entry::Result(report) => self.reported(admitted, report),
                Entry::Dropped(dropped) => self.tell(Notice::Dropped { agent, dropped }),
            }
        }
        Ok(Ack { boot_id, seq })
    }

    fn reported(&self, admitted: Admitted, report: Report) {
        let agent = admitted.agent;
        lock(&self.live).entry(agent).or_default().reported(&report);
        let check = self.check_of(agent, &report.task);
        self.tell(Notice::Result {
            agent,
            address: Some(admitted.address),
            check,
            report: Box::new(report),
        });
    }

    /// The agent's answer to a configuration.
    pub fn answered(&self, agent: u64, ack: &ConfigAck) {
        if let Some(live) = lock(&self.live).get_mut(&agent) {
            live.answered(ack);
        }
        let refused = ack.tasks.iter().filter(|task| !task.accepted).cloned().collect();
        let tasks = ack.tasks.len();
        self.tell(Notice::Configured { agent, rev: ack.rev, tasks, refused });
    }

    /// Gives an agent one more task; its name. It is on disk when this returns.
    ///
    /// # Errors
    /// One line, and nothing was changed.
    pub fn add(&self, agent: u64, check: &str, interval_ms: u64) -> Result<String, String> {
        let task = self.change(|data| data.add(agent, check, interval_ms))?;
        self.push(agent);
        Ok(task)
    }

    /// Takes a task away; gives what it checked.
    ///
    /// # Errors
    /// One line, and nothing was changed.
    pub fn remove(&self, agent: u64, service: &str) -> Result<String, String> {
        let task = self.change(|data| data.remove(agent, service))?;
        self.push(agent);
        Ok(task.check)
    }

    /// Changes the configuration as a whole: on disk first, then in memory.
    fn change<T>(&self, change: impl FnOnce(&mut Data) -> Result<T, String>) -> Result<T, String> {
        let mut data = lock(&self.data);
        let mut changed = data.clone();
        let result = change(&mut changed)?;
        if changed != *data {
            changed.save(&self.data_path)?;
            *data = changed;
        }
        Ok(result)
    }

    /// Sends an agent what it is to watch, if it is there.
    fn push(&self, agent: u64) {
        let config = lock(&self.data).config(agent);
        if let Some(live) = lock(&self.live).get_mut(&agent) {
            live.configure(&config);
        }
    }

    /// Tells agents that have been away for too long; to be called now and then.
    pub fn look_for_silent(&self) {
        let now = Instant::now();
        let mut silent = Vec::new();
        for (&agent, live) in lock(&self.live).iter_mut() {
            if live.presence(now) == Presence::Silent && !live.told_away {
                live.told_away = true;
                let after = live.since.map_or_else(Default::default, |since| now - since);
                silent.push(Notice::Silent { agent, after });
            }
        }
        silent.into_iter().for_each(|notice| self.tell(notice));
    }

    /// A copy of the configuration, to be shown.
    pub fn data(&self) -> Data {
        lock(&self.data).clone()
    }

    /// Looks at what is known of the agents, while nobody changes it: briefly.
    pub fn with_live<T>(&self, look: impl FnOnce(&BTreeMap<u64, Live>) -> T) -> T {
        look(&lock(&self.live))
    }

    /// Looks at the results, while none is stored: briefly.
    pub fn with_results<T>(&self, look: impl FnOnce(&Results) -> T) -> T {
        look(&lock(&self.results))
    }

    fn check_of(&self, agent: u64, task: &str) -> String {
        let data = lock(&self.data);
        let tasks = data.agents.get(&agent).map_or(&[][..], |agent| &agent.tasks);
        let known = tasks.iter().find(|known| known.task == task);
        known.map_or_else(|| format!("task {task}"), |task| task.check.clone())
    }
}

/// By how many seconds another clock is ahead of `now`.
fn skew(time: &str, now: Timestamp) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    Some((time.as_microsecond() - now.as_microsecond()) as f64 / 1e6)
}
