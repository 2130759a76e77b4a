//! What the manager knows of its agents while it runs: who is there, and what came of the tasks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::protocol::{Config, ConfigAck, Report, TaskAck};
use crate::verdict::Verdict;

/// An agent tries to come back at least once a minute; one that has been away
/// for longer than this is not merely reconnecting.
pub const AWAY: Duration = Duration::from_secs(90);

/// A peer's reason is remembered up to so many characters.
const LONGEST_REASON: usize = 200;

/// What is remembered of an agent. Of what the agent says, only that about
/// tasks which it was given: so it cannot make this grow.
#[derive(Debug, Default)]
pub struct Live {
    /// The number of its connection, which tells it from an earlier one.
    pub connection: Option<u64>,
    /// The revision of the configuration that it is to have.
    pub rev: u64,
    /// When it was last heard.
    pub heard: Option<Instant>,
    /// When it came, or went.
    pub since: Option<Instant>,
    /// The last address it had.
    pub address: Option<SocketAddr>,
    pub boot_id: Option<String>,
    pub last_seq: u64,
    /// The revision that it has confirmed, and what it made of each task.
    pub confirmed_rev: Option<u64>,
    pub answers: BTreeMap<String, TaskAck>,
    /// The last result of each task.
    pub last: BTreeMap<String, Last>,
    /// Whether "away" was told.
    pub told_away: bool,
    /// Whether its clock was told as wrong.
    pub told_skewed: bool,
}

/// What is remembered of a task's last result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Last {
    pub started_at: String,
    pub duration_us: u64,
    pub verdict: Verdict,
    pub reason: String,
}

/// Whether an agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has not come since the manager started.
    Never,
    Connected,
    /// Its connection was lost not long ago.
    Reconnecting,
    /// It has been away for longer than an agent takes to come back.
    Silent,
}

impl Presence {
    pub fn word(self) -> &'static str {
        match self {
            Presence::Never => "never seen",
            Presence::Connected => "connected",
            Presence::Reconnecting => "reconnecting",
            Presence::Silent => "silent",
        }
    }
}

impl Live {
    pub fn presence(&self, now: Instant) -> Presence {
        match (&self.connection, self.since) {
            (Some(_), _) => Presence::Connected,
            (None, None) => Presence::Never,
            (None, Some(since)) if now.saturating_duration_since(since) < AWAY => {
                Presence::Reconnecting
            }
            (None, Some(_)) => Presence::Silent,
        }
    }

    /// A connection was let in. Gives the number of the one that it takes over from.
    pub fn connected(
        &mut self,
        number: u64,
        address: SocketAddr,
        boot_id: &str,
        now: Instant,
    ) -> Option<u64> {
        self.since = Some(now);
        self.heard = Some(now);
        self.address = Some(address);
        self.told_away = false;
        if self.boot_id.as_deref() != Some(boot_id) {
            self.boot_id = Some(boot_id.to_string());
            self.last_seq = 0;
        }
        self.connection.replace(number)
    }

    /// A connection ended. False if another one had taken over.
    pub fn disconnected(&mut self, number: u64, now: Instant) -> bool {
        let current = self.connection == Some(number);
        if current {
            self.connection = None;
            self.since = Some(now);
        }
        current
    }

    /// The agent's answer to a configuration, as far as it is about `config`.
    pub fn answered(&mut self, ack: &ConfigAck, config: &Config) {
        self.confirmed_rev = Some(ack.rev);
        self.answers = BTreeMap::new();
        for answer in &ack.tasks {
            if config.tasks.iter().any(|task| task.task == answer.task) {
                let reason = answer.reason.as_deref().map(shortened);
                let answer = TaskAck { reason, ..answer.clone() };
                self.answers.insert(answer.task.clone(), answer);
            }
        }
    }

    /// A result was stored; `given` if its task is one that the agent has now.
    pub fn reported(&mut self, report: &Report, given: bool) {
        if self.boot_id.as_deref() == Some(report.boot_id.as_str()) {
            self.last_seq = self.last_seq.max(report.seq);
        }
        if given {
            let last = Last {
                started_at: report.started_at.clone(),
                duration_us: report.duration_us,
                verdict: report.verdict,
                reason: shortened(&report.reason),
            };
            self.last.insert(report.task.clone(), last);
        }
    }

    /// There is a configuration to be given: its connection will see to it.
    /// What became of tasks that are no more is forgotten.
    pub fn configure(&mut self, config: &Config) {
        self.last.retain(|name, _| config.tasks.iter().any(|task| task.task == *name));
        // Two changes at once may come here in either order.
        self.rev = self.rev.max(config.rev);
    }
}

fn shortened(reason: &str) -> String {
    reason.chars().take(LONGEST_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Task;
    use crate::verdict::Verdict;

    const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    #[test]
    fn an_agent_is_connected_then_reconnecting_then_silent() {
        let now = Instant::now();
        let mut live = Live::default();
        assert_eq!(live.presence(now), Presence::Never);
        assert!(live.connected(1, ADDRESS, "a", now).is_none());
        assert_eq!(live.presence(now), Presence::Connected);
        assert!(live.disconnected(1, now));
        assert_eq!(live.presence(now + Duration::from_secs(89)), Presence::Reconnecting);
        assert_eq!(live.presence(now + Duration::from_secs(91)), Presence::Silent);
    }

    #[test]
    fn the_end_of_a_connection_that_was_taken_over_changes_nothing() {
        let now = Instant::now();
        let mut live = Live::default();
        live.connected(1, ADDRESS, "a", now);
        let old = live.connected(2, ADDRESS, "a", now);
        assert_eq!(old, Some(1));
        assert!(!live.disconnected(1, now));
        assert_eq!(live.presence(now), Presence::Connected);
        assert!(live.disconnected(2, now));
    }

    #[test]
    fn what_an_agent_says_of_tasks_that_it_does_not_have_is_not_remembered() {
        let report = Report {
            boot_id: "a".into(),
            seq: 7,
            task: "1".into(),
            rev: 1,
            started_at: String::new(),
            duration_us: 1,
            verdict: Verdict::Up,
            reason: "x".repeat(1000),
            detail: serde_json::Map::new(),
        };
        let task = Task { task: "1".into(), check: "tcp a 1".into(), interval_ms: 1000 };
        let config = Config { rev: 1, tasks: vec![task] };
        let answer = |task: &str| TaskAck {
            task: task.into(),
            accepted: false,
            reason: Some("x".repeat(1000)),
        };
        let mut live = Live::default();
        live.connected(1, ADDRESS, "a", Instant::now());
        live.reported(&Report { task: "other".into(), ..report.clone() }, false);
        live.reported(&report, true);
        let ack = ConfigAck { rev: 1, tasks: vec![answer("1"), answer("other")] };
        live.answered(&ack, &config);
        assert_eq!(live.last.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(live.last["1"].reason.len(), LONGEST_REASON);
        assert_eq!(live.answers.keys().collect::<Vec<_>>(), ["1"]);
        assert_eq!(live.answers["1"].reason.as_ref().unwrap().len(), LONGEST_REASON);
        assert_eq!((live.last_seq, live.confirmed_rev), (7, Some(1)));
        // A task that is taken away takes its last result with it.
        live.configure(&Config { rev: 2, tasks: Vec::new() });
        assert!(live.last.is_empty());
    }
}
