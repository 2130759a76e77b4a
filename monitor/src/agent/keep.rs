//! What an agent holds while it runs: who it is, what it watches by, and the unconfirmed results; on disk where there is one.

use std::path::{Path, PathBuf};

use super::journal::{Journal, Torn};
use super::spool::{Item, Spool};
use super::state::State;
use crate::atomic;
use crate::protocol::{Ack, Config};

/// The agent's state and its spool.
#[derive(Debug)]
pub struct Keep {
    pub state: State,
    path: Option<PathBuf>,
    results: Results,
    /// The last error of the disk, until it is told.
    trouble: Option<String>,
}

#[derive(Debug)]
enum Results {
    Memory(Spool),
    Disk(Box<Journal>),
}

impl Keep {
    /// Reads the state file and its spool beside it; without a path, all is
    /// in memory. The notes say what was damaged.
    ///
    /// # Errors
    /// One line: a file cannot be read, or the state is damaged.
    pub fn open(path: Option<&Path>, limit: usize) -> Result<(Keep, Vec<String>), String> {
        let Some(path) = path else {
            let results = Results::Memory(Spool::new(limit));
            let keep = Keep { state: State::default(), path: None, results, trouble: None };
            return Ok((keep, Vec::new()));
        };
        let state = State::load(path)?;
        let spool = atomic::beside(path, ".spool");
        let (journal, torn) = Journal::open(&spool, limit)
            .map_err(|why| format!("cannot use {}: {why}", spool.display()))?;
        let shown = spool.display();
        let notes = match torn {
            None => Vec::new(),
            Some(Torn::LastLine) => {
                vec![format!("{shown}: a crash cut the last line off; that result is lost")]
            }
            Some(Torn::Line(line)) => vec![format!(
                "{shown}:{line}: damaged from here on; the whole file is kept as {shown}.damaged"
            )],
        };
        let results = Results::Disk(Box::new(journal));
        Ok((Keep { state, path: Some(path.to_path_buf()), results, trouble: None }, notes))
    }

    pub fn spool(&self) -> &Spool {
        match &self.results {
            Results::Memory(spool) => spool,
            Results::Disk(journal) => &journal.spool,
        }
    }

    /// Takes one more item in.
    pub fn push(&mut self, item: Item) {
        match &mut self.results {
            Results::Memory(spool) => spool.push(item),
            Results::Disk(journal) => {
                if let Err(why) = journal.push(item) {
                    self.trouble = Some(format!("cannot write the spool: {why}"));
                }
            }
        }
    }

    /// Forgets what the manager has.
    pub fn confirmed(&mut self, boot_id: &str, seq: u64) {
        let ack = Ack { boot_id: boot_id.to_string(), seq };
        match &mut self.results {
            Results::Memory(spool) => spool.acked(&ack),
            Results::Disk(journal) => {
                if let Err(why) = journal.acked(&ack) {
                    self.trouble = Some(format!("cannot write the spool: {why}"));
                }
            }
        }
    }

    /// The manager has given it an identifier.
    pub fn identified(&mut self, agent_id: u64) {
        if self.state.agent_id != Some(agent_id) {
            self.state.agent_id = Some(agent_id);
            self.save();
        }
    }

    /// The manager has given it a configuration.
    pub fn configured(&mut self, config: Config) {
        if self.state.config.as_ref() != Some(&config) {
            self.state.config = Some(config);
            self.save();
        }
    }

    /// The last error of the disk, once.
    pub fn take_trouble(&mut self) -> Option<String> {
        self.trouble.take()
    }

    fn save(&mut self) {
        if let Some(path) = &self.path
            && let Err(why) = self.state.save(path)
        {
            self.trouble = Some(why);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Report, Task};
    use serde_json::Map;

    fn item(seq: u64) -> Item {
        Item::Result(Report {
            boot_id: "a".into(),
            seq,
            task: "1".into(),
            rev: 1,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1,
            verdict: "up".into(),
            reason: String::new(),
            detail: Map::new(),
        })
    }

    #[test]
    fn after_a_restart_identity_configuration_and_results_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        let (mut keep, _) = Keep::open(Some(&path), 10).unwrap();
        keep.identified(3);
        let task = Task { task: "1".into(), check: "tcp a 1".into(), interval_ms: 1000 };
        let config = Config { rev: 2, tasks: vec![task] };
        keep.configured(config.clone());
        for seq in 1..=4 {
            keep.push(item(seq));
        }
        keep.confirmed("a", 1);
        let (again, notes) = Keep::open(Some(&path), 10).unwrap();
        assert!(notes.is_empty());
        assert_eq!((again.state.agent_id, again.state.config), (Some(3), Some(config)));
        assert_eq!(keep.spool().results(), 3);
        let (again, _) = Keep::open(Some(&path), 10).unwrap();
        assert_eq!(again.spool().results(), 3);
    }

    #[test]
    fn a_disk_that_fails_is_told_and_results_stay_in_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        let (mut keep, _) = Keep::open(Some(&path), 10).unwrap();
        drop(folder);
        keep.identified(3);
        assert!(keep.take_trouble().unwrap().contains("cannot write"));
        assert_eq!(keep.take_trouble(), None);
        keep.push(item(1));
        assert_eq!(keep.spool().results(), 1);
    }
}
