//! What the manager knows of its agents while it runs: who is there, and what came of the tasks.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use crate::protocol::{Config, ConfigAck, Message, Report, TaskAck};

/// An agent tries to come back at least once a minute; one that has been away
/// for longer than this is not merely reconnecting.
pub const AWAY: Duration = Duration::from_secs(90);

/// What is remembered of an agent.
#[derive(Debug, Default)]
pub struct Live {
    pub connection: Option<Connection>,
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
    pub last: BTreeMap<String, Report>,
    /// Whether "away" was told.
    pub told_away: bool,
    /// Whether its clock was told as wrong.
    pub told_skewed: bool,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// Tells it from an earlier one of the same agent.
    pub number: u64,
    /// What is to be sent.
    pub outgoing: Sender<Message>,
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

    /// A connection was let in. Gives the one that it takes over from.
    pub fn connected(
        &mut self,
        connection: Connection,
        address: SocketAddr,
        boot_id: &str,
        now: Instant,
    ) -> Option<Connection> {
        self.since = Some(now);
        self.heard = Some(now);
        self.address = Some(address);
        self.told_away = false;
        if self.boot_id.as_deref() != Some(boot_id) {
            self.boot_id = Some(boot_id.to_string());
            self.last_seq = 0;
        }
        self.connection.replace(connection)
    }

    /// A connection ended. False if another one had taken over.
    pub fn disconnected(&mut self, number: u64, now: Instant) -> bool {
        let current = self.connection.as_ref().is_some_and(|current| current.number == number);
        if current {
            self.connection = None;
            self.since = Some(now);
        }
        current
    }

    /// The agent's answer to a configuration.
    pub fn answered(&mut self, ack: &ConfigAck) {
        self.confirmed_rev = Some(ack.rev);
        self.answers = ack.tasks.iter().map(|task| (task.task.clone(), task.clone())).collect();
    }

    pub fn reported(&mut self, report: &Report) {
        if self.boot_id.as_deref() == Some(report.boot_id.as_str()) {
            self.last_seq = self.last_seq.max(report.seq);
        }
        self.last.insert(report.task.clone(), report.clone());
    }

    /// Hands a configuration over to the connection, if there is one; forgets
    /// what became of tasks that are no more.
    pub fn configure(&mut self, config: &Config) {
        self.last.retain(|name, _| config.tasks.iter().any(|task| task.task == *name));
        if let Some(connection) = &self.connection {
            // A connection that is just ending will come again, and ask.
            let _ = connection.outgoing.send(Message::Config(config.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    const ADDRESS: SocketAddr =
        SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 1);

    fn connection(number: u64) -> Connection {
        Connection { number, outgoing: mpsc::channel().0 }
    }

    #[test]
    fn an_agent_is_connected_then_reconnecting_then_silent() {
        let now = Instant::now();
        let mut live = Live::default();
        assert_eq!(live.presence(now), Presence::Never);
        assert!(live.connected(connection(1), ADDRESS, "a", now).is_none());
        assert_eq!(live.presence(now), Presence::Connected);
        assert!(live.disconnected(1, now));
        assert_eq!(live.presence(now + Duration::from_secs(89)), Presence::Reconnecting);
        assert_eq!(live.presence(now + Duration::from_secs(91)), Presence::Silent);
    }

    #[test]
    fn the_end_of_a_connection_that_was_taken_over_changes_nothing() {
        let now = Instant::now();
        let mut live = Live::default();
        live.connected(connection(1), ADDRESS, "a", now);
        let old = live.connected(connection(2), ADDRESS, "a", now);
        assert_eq!(old.map(|old| old.number), Some(1));
        assert!(!live.disconnected(1, now));
        assert_eq!(live.presence(now), Presence::Connected);
        assert!(live.disconnected(2, now));
    }
}
