//! The manager itself: what all connections and the console share, and every change to it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

use jiff::Timestamp;
use socklab::clock;

use super::data::{Agent, Data};
use super::live::{Live, Presence};
use super::notices::Notices;
use super::results::{Results, Stored};
use super::tell::Notice;
use crate::guard::lock;
use crate::protocol::{Ack, Config, ConfigAck, Delivery, Hello, Report, Welcome};
use crate::token::Token;

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
    /// To whoever tells them.
    notices: Notices,
}

/// A connection that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Admitted {
    pub agent: u64,
    pub number: u64,
    pub address: SocketAddr,
}

/// What a connection is to do for its agent.
#[derive(Debug, PartialEq, Eq)]
pub enum Due {
    Nothing,
    /// The agent is to be given this.
    Config(Config),
    /// The agent has another connection: this one is to end.
    TakenOver,
}

impl Manager {
    pub fn new(
        data: Data,
        data_path: PathBuf,
        results: Results,
        token: Option<Token>,
        notices: Notices,
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
        self.notices.put(notice);
    }

    /// Lets an agent in, on the connection of this number.
    ///
    /// # Errors
    /// One line: its identifier cannot be kept.
    pub fn admit(
        &self,
        hello: &Hello,
        address: SocketAddr,
        number: u64,
    ) -> Result<(Admitted, Welcome), String> {
        let agent = self.change(|data| data.claim(hello))?;
        let stored_seq = lock(&self.results).highest(agent, &hello.boot_id);
        let now = Instant::now();
        let (before, taken_over, since) = {
            let mut live = lock(&self.live);
            let live = live.entry(agent).or_default();
            let (before, since) = (live.address, live.since);
            let old = live.connected(number, address, &hello.boot_id, now);
            live.last_seq = live.last_seq.max(stored_seq);
            (before, old.is_some(), since)
        };
        self.tell(match (taken_over, since) {
            (true, _) => Notice::TakenOver { agent, address, before },
            (false, Some(since)) => {
                Notice::Reconnected { agent, address, after: now.saturating_duration_since(since) }
            }
            (false, None) => Notice::Connected { agent, address, name: hello.name.clone() },
        });
        let admitted = Admitted { agent, number, address };
        Ok((admitted, Welcome { agent_id: agent, stored_seq }))
    }

    /// What a connection is to do, whose agent was given this revision last. A
    /// change is in what is copied here, or finds the connection and says so.
    pub fn due(&self, admitted: Admitted, given: Option<u64>) -> Due {
        let agent = admitted.agent;
        let wanted = lock(&self.live)
            .get(&agent)
            .and_then(|live| (live.connection == Some(admitted.number)).then_some(live.rev));
        match wanted {
            None => Due::TakenOver,
            Some(rev) if given.is_some_and(|given| given >= rev) => Due::Nothing,
            Some(_) => Due::Config(lock(&self.data).config(agent)),
        }
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
    pub fn store(&self, admitted: Admitted, delivery: Delivery) -> Result<Ack, String> {
        let agent = admitted.agent;
        let boot_id = delivery.boot_id().to_string();
        let received_at = clock::now();
        let stored = Stored { agent_id: agent, received_at, delivery: delivery.clone() };
        let (new, seq) = {
            let mut results = lock(&self.results);
            let new = results.store(stored).map_err(|why| why.to_string())?;
            (new, results.highest(agent, &boot_id))
        };
        if new {
            match delivery {
                Delivery::Result(report) => self.reported(admitted, report),
                Delivery::Dropped(dropped) => self.tell(Notice::Dropped { agent, dropped }),
            }
        }
        Ok(Ack { boot_id, seq })
    }

    fn reported(&self, admitted: Admitted, report: Report) {
        let agent = admitted.agent;
        let check = self.check_of(agent, &report.task);
        lock(&self.live).entry(agent).or_default().reported(&report, check.is_some());
        let check = check.unwrap_or_else(|| format!("task {}", report.task));
        let (address, report) = (Some(admitted.address), Box::new(report));
        self.tell(Notice::Result { agent, address, check, report });
    }

    /// The agent's answer to a configuration.
    pub fn answered(&self, agent: u64, ack: &ConfigAck) {
        let config = lock(&self.data).config(agent);
        let refused = match lock(&self.live).get_mut(&agent) {
            None => Vec::new(),
            Some(live) => {
                live.answered(ack, &config);
                live.answers.values().filter(|answer| !answer.accepted).cloned().collect()
            }
        };
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

    /// Takes the task of this number away; gives what it checked.
    ///
    /// # Errors
    /// One line, and nothing was changed.
    pub fn remove(&self, agent: u64, task: &str) -> Result<String, String> {
        let task = self.change(|data| data.remove(agent, task))?;
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

    /// Says what an agent is to watch, if it has been here: its connection
    /// compares, and sends it.
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
                let since = live.since.unwrap_or(now);
                let after = now.saturating_duration_since(since);
                silent.push(Notice::Silent { agent, after });
            }
        }
        silent.into_iter().for_each(|notice| self.tell(notice));
    }

    /// Everybody who is configured, or has come.
    pub fn ids(&self) -> Vec<u64> {
        let mut ids: BTreeSet<u64> = lock(&self.data).agents.keys().copied().collect();
        ids.extend(lock(&self.live).keys());
        ids.into_iter().collect()
    }

    /// A copy of one agent's configuration, to be shown.
    pub fn configured(&self, agent: u64) -> Option<Agent> {
        lock(&self.data).agents.get(&agent).cloned()
    }

    /// A copy of the whole configuration: of 250,000 tasks, at the most rarely.
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

    /// What a task checks, if the agent has it.
    fn check_of(&self, agent: u64, task: &str) -> Option<String> {
        let data = lock(&self.data);
        let tasks = &data.agents.get(&agent)?.tasks;
        tasks.iter().find(|known| known.task == task).map(|task| task.check.clone())
    }
}

/// By how many seconds another clock is ahead of `now`.
fn skew(time: &str, now: Timestamp) -> Option<f64> {
    let time: Timestamp = time.parse().ok()?;
    Some((time.as_microsecond() - now.as_microsecond()) as f64 / 1e6)
}
