//! What an agent holds while it runs: who it is, what it watches by, and the unconfirmed results; on disk where there is one.
//!
//! A disk that takes nothing stops nothing: all is in memory too, and is
//! written as soon as there is room again.

use std::io;
use std::path::{Path, PathBuf};

use socklab::errors::cause;

use super::journal::{Damage, Journal};
use super::spool::Spool;
use super::state::AgentState;
use crate::protocol::{Ack, Config, Delivery};
use crate::{atomic, random};

/// The agent's state and its spool.
#[derive(Debug)]
pub struct Storage {
    pub state: AgentState,
    path: Option<PathBuf>,
    results: Results,
    /// The state file lacks something: the disk did not take it.
    unsaved: bool,
    /// The first error of the disk since it last took everything.
    trouble: Option<String>,
    /// Whether it was told.
    told: bool,
}

#[derive(Debug)]
enum Results {
    Memory(Spool),
    Disk(Box<Journal>),
}

impl Storage {
    /// Reads the state file and its spool beside it; without a path, all is
    /// in memory. The notes say what was damaged.
    ///
    /// # Errors
    /// One line: a file cannot be read, or the state is damaged.
    pub fn open(path: Option<&Path>, limit: usize) -> Result<(Storage, Vec<String>), String> {
        let Some(path) = path else {
            let results = Results::Memory(Spool::new(limit));
            return Ok((Storage::new(AgentState::default(), None, results)?, Vec::new()));
        };
        let state = AgentState::load(path)?;
        let spool = atomic::beside(path, ".spool");
        let (journal, damage) = Journal::open(&spool, limit)
            .map_err(|why| format!("cannot use {}: {}", spool.display(), cause(&why)))?;
        let results = Results::Disk(Box::new(journal));
        let storage = Storage::new(state, Some(path.to_path_buf()), results)?;
        Ok((storage, notes(&spool, &damage)))
    }

    fn new(
        mut state: AgentState,
        path: Option<PathBuf>,
        results: Results,
    ) -> Result<Storage, String> {
        // On disk before the manager hears of it: a crash must not make it two.
        let claims = state.agent_id.is_none() && state.claim.is_none();
        if claims {
            state.claim = Some(random::hex(16)?);
        }
        let mut storage =
            Storage { state, path, results, unsaved: claims, trouble: None, told: false };
        storage.mend();
        Ok(storage)
    }

    pub fn spool(&self) -> &Spool {
        match &self.results {
            Results::Memory(spool) => spool,
            Results::Disk(journal) => &journal.spool,
        }
    }

    /// Takes one more item in.
    pub fn push(&mut self, item: Delivery) {
        let written = match &mut self.results {
            Results::Memory(spool) => {
                spool.push(item);
                Ok(())
            }
            Results::Disk(journal) => journal.push(item),
        };
        self.judge(written.map_err(spool_failed));
    }

    /// Forgets what the manager has.
    pub fn confirmed(&mut self, boot_id: &str, seq: u64) {
        let ack = Ack { boot_id: boot_id.to_string(), seq };
        let written = match &mut self.results {
            Results::Memory(spool) => {
                spool.acked(&ack);
                Ok(())
            }
            Results::Disk(journal) => journal.acked(&ack),
        };
        self.judge(written.map_err(spool_failed));
    }

    /// The manager has given it an identifier.
    pub fn identified(&mut self, agent_id: u64) {
        if self.state.agent_id != Some(agent_id) || self.state.claim.is_some() {
            self.state.agent_id = Some(agent_id);
            self.state.claim = None;
            self.unsaved = true;
            self.save();
        }
    }

    /// The manager has given it a configuration.
    pub fn configured(&mut self, config: Config) {
        if self.state.config.as_ref() != Some(&config) {
            self.state.config = Some(config);
            self.unsaved = true;
            self.save();
        }
    }

    /// Writes again what the disk did not take; to be called now and then.
    pub fn mend(&mut self) {
        self.save();
        if let Results::Disk(journal) = &mut self.results {
            let written = journal.mend();
            self.judge(written.map_err(spool_failed));
        }
        if !self.unsaved && self.spool_is_on_disk() {
            self.trouble = None;
            self.told = false;
        }
    }

    /// Whether the results that are kept will be there at the next start.
    pub fn spool_is_on_disk(&self) -> bool {
        match &self.results {
            Results::Memory(_) => false,
            Results::Disk(journal) => journal.is_whole(),
        }
    }

    /// The error of the disk: once, until it has taken everything again.
    pub fn take_trouble(&mut self) -> Option<String> {
        if self.told {
            return None;
        }
        self.told = self.trouble.is_some();
        self.trouble.clone()
    }

    fn save(&mut self) {
        let Some(path) = self.path.as_deref().filter(|_| self.unsaved) else { return };
        let written = self.state.save(path);
        self.unsaved = written.is_err();
        self.judge(written);
    }

    fn judge(&mut self, written: Result<(), String>) {
        if let Err(why) = written {
            self.trouble.get_or_insert(why);
        }
    }
}

fn spool_failed(why: io::Error) -> String {
    format!("cannot write the spool: {}", cause(&why))
}

/// What is told of a damaged file.
fn notes(spool: &Path, damage: &Damage) -> Vec<String> {
    let shown = spool.display();
    let mut notes = Vec::new();
    if damage.cut_off {
        notes.push(format!("{shown}: a crash cut the last line off; that result is lost"));
    }
    if let Some((first, count)) = damage.lines {
        notes.push(format!(
            "{shown}:{first}: damaged, {count} lines left out; the file is kept as {shown}.damaged"
        ));
    }
    if damage.missing > 0 {
        let missing = damage.missing;
        notes.push(format!("{shown}: {missing} results are missing, and noted as dropped"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Report, Task};
    use serde_json::Map;
    use std::fs;

    const BOOT: &str = "00112233445566778899aabbccddeeff";

    fn item(seq: u64) -> Delivery {
        Delivery::Result(Report {
            boot_id: BOOT.into(),
            seq,
            task: "1".into(),
            rev: 1,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1,
            verdict: crate::verdict::Verdict::Up,
            reason: String::new(),
            detail: Map::new(),
        })
    }

    #[test]
    fn after_a_restart_identity_configuration_and_results_are_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        let (mut storage, _) = Storage::open(Some(&path), 10).unwrap();
        storage.identified(3);
        let task = Task { task: "1".into(), check: "tcp a 1".into(), interval_ms: 1000 };
        let config = Config { rev: 2, tasks: vec![task] };
        storage.configured(config.clone());
        for seq in 1..=4 {
            storage.push(item(seq));
        }
        storage.confirmed(BOOT, 1);
        let (again, notes) = Storage::open(Some(&path), 10).unwrap();
        assert!(notes.is_empty());
        assert_eq!((again.state.agent_id, again.state.config), (Some(3), Some(config)));
        assert_eq!(storage.spool().results(), 3);
        let (again, _) = Storage::open(Some(&path), 10).unwrap();
        assert_eq!(again.spool().results(), 3);
    }

    #[test]
    fn a_claim_is_on_disk_before_anybody_hears_of_it_and_until_it_is_granted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        let (storage, _) = Storage::open(Some(&path), 10).unwrap();
        let claim = storage.state.claim.clone();
        assert!(claim.is_some());
        let (mut storage, _) = Storage::open(Some(&path), 10).unwrap();
        assert_eq!(storage.state.claim, claim);
        storage.identified(3);
        let (storage, _) = Storage::open(Some(&path), 10).unwrap();
        assert_eq!((storage.state.agent_id, storage.state.claim), (Some(3), None));
    }

    #[test]
    fn a_disk_that_fails_is_told_once_and_written_when_it_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("disk"), folder.path().join("away"));
        fs::create_dir(&path).unwrap();
        let (mut storage, _) = Storage::open(Some(&path.join("agent.json")), 10).unwrap();
        fs::rename(&path, &moved).unwrap();
        storage.identified(3);
        assert!(storage.take_trouble().unwrap().contains("cannot write"));
        storage.mend();
        assert_eq!(storage.take_trouble(), None);
        fs::rename(&moved, &path).unwrap();
        storage.mend();
        assert_eq!(AgentState::load(&path.join("agent.json")).unwrap().agent_id, Some(3));
        fs::rename(&path, &moved).unwrap();
        storage.identified(4);
        assert!(storage.take_trouble().is_some());
    }
}
