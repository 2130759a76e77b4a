//! What an agent keeps for its next start: who it is, and its last good configuration.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use socklab::errors::cause;

use crate::atomic;
use crate::protocol::Config;

/// The file's content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentState {
    /// As the manager gave it; none before the first time.
    pub agent_id: Option<u64>,
    /// What it asks for an identifier with, until it has one (see `hello` in
    /// the protocol): an agent that is killed before it hears its identifier
    /// asks for the same one again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// The last configuration, as it came.
    pub config: Option<Config>,
}

impl AgentState {
    /// Reads the file; where there is none, the agent is new.
    ///
    /// # Errors
    /// One line: the file cannot be read, or is damaged, and where.
    pub fn load(path: &Path) -> Result<AgentState, String> {
        let shown = path.display();
        match fs::read(path) {
            Ok(content) => serde_json::from_slice(&content).map_err(|why| {
                format!(
                    "{shown} is damaged: {why}; move it away, and the agent begins as a new one"
                )
            }),
            Err(why) if why.kind() == ErrorKind::NotFound => Ok(AgentState::default()),
            Err(why) => Err(format!("cannot read {shown}: {}", cause(&why))),
        }
    }

    /// Writes the file whole, or leaves the old one whole.
    ///
    /// # Errors
    /// One line: it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let mut content = serde_json::to_vec_pretty(self).map_err(|why| why.to_string())?;
        content.push(b'\n');
        atomic::replace(path, &content)
            .map_err(|why| format!("cannot write {}: {}", path.display(), cause(&why)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Task;

    #[test]
    fn what_is_saved_is_loaded_and_a_damaged_file_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent.json");
        assert_eq!(AgentState::load(&path), Ok(AgentState::default()));
        let task = Task { task: "1".into(), check: "tcp a 1".into(), interval_ms: 1000 };
        let config = Config { rev: 7, tasks: vec![task] };
        let state = AgentState { agent_id: Some(3), claim: None, config: Some(config) };
        state.save(&path).unwrap();
        assert_eq!(AgentState::load(&path), Ok(state));
        fs::write(&path, "{\n\"agent_id\": 3").unwrap();
        assert!(AgentState::load(&path).unwrap_err().contains("line 2"));
    }
}
