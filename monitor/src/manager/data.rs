//! Who is to watch what: the configuration of every agent, kept in data.json.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use socklab::errors::cause;

use crate::atomic;
use crate::bounds::HIGHEST;
use crate::protocol::{Config, Hello, MOST_TASKS, Message, Task};

/// The version of the file's format.
const VERSION: u32 = 1;

/// The most agents that are remembered: whoever connects is one more.
const MOST_AGENTS: usize = 10_000;

/// All of it, as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    version: u32,
    pub agents: BTreeMap<u64, Agent>,
}

/// One agent's part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agent {
    /// Whether an agent has ever come for it: a configuration may be there before.
    pub claimed: bool,
    /// What the agent told when it was given its identifier: whoever tells the
    /// same and has none was not told it, and is given the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    claim: Option<String>,
    /// As the agent calls itself.
    #[serde(default)]
    pub name: Option<String>,
    /// Rises by one with each change.
    pub rev: u64,
    /// The highest number that a task was ever named by; none is used again.
    next_task: u64,
    pub tasks: Vec<Task>,
}

impl Default for Data {
    fn default() -> Data {
        Data { version: VERSION, agents: BTreeMap::new() }
    }
}

impl Data {
    /// Reads the file; where there is none, nothing is configured.
    ///
    /// # Errors
    /// One line: the file cannot be read, or is damaged, and where. It is not
    /// to be written over then.
    pub fn load(path: &Path) -> Result<Data, String> {
        let shown = path.display();
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Data::default()),
            Err(why) => return Err(format!("cannot read {shown}: {}", cause(&why))),
        };
        let mend = "put it right, or move it away to begin with nothing";
        let mut data: Data = serde_json::from_slice(&content)
            .map_err(|why| format!("{shown} is damaged: {why}; {mend}"))?;
        if data.version != VERSION {
            let version = data.version;
            return Err(format!("{shown} is of version {version}, this program knows {VERSION}"));
        }
        for (id, agent) in &mut data.agents {
            agent.fits(*id).map_err(|why| format!("{shown}: {why}"))?;
            agent.number(*id).map_err(|why| format!("{shown} is damaged: {why}; {mend}"))?;
        }
        Ok(data)
    }

    /// Writes the file whole, or leaves the old one whole.
    ///
    /// # Errors
    /// One line: it cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), String> {
        let mut content = serde_json::to_vec_pretty(self).map_err(|why| why.to_string())?;
        content.push(b'\n');
        atomic::replace(path, &content).map_err(|why| {
            let (shown, why) = (path.display(), cause(&why));
            format!("cannot write {shown}: {why}; nothing was changed")
        })
    }

    /// The identifier of an agent that has just come. One that had none gets
    /// the lowest that no agent has come for, or the one that it claimed before.
    ///
    /// # Errors
    /// One line: there are too many.
    pub fn claim(&mut self, hello: &Hello) -> Result<u64, String> {
        let claim = hello.claim.as_ref().unwrap_or(&hello.boot_id);
        let id = hello.agent_id.unwrap_or_else(|| {
            let mut agents = self.agents.iter();
            let before = agents.find(|(_, agent)| agent.claim.as_ref() == Some(claim));
            let free = |id: &u64| !self.agents.get(id).is_some_and(|agent| agent.claimed);
            before.map_or_else(|| (1..).find(free).unwrap_or(HIGHEST), |(id, _)| *id)
        });
        if self.agents.len() >= MOST_AGENTS && !self.agents.contains_key(&id) {
            return Err(format!("{MOST_AGENTS} agents are known, and no more are taken"));
        }
        let agent = self.agents.entry(id).or_default();
        agent.claimed = true;
        if hello.agent_id.is_none() {
            agent.claim = Some(claim.clone());
        }
        agent.name = hello.name.clone().or(agent.name.take());
        Ok(id)
    }

    /// Gives an agent, which need not have come yet, one more task; its name.
    ///
    /// # Errors
    /// One line: it has the same already, or has too many.
    pub fn add(&mut self, id: u64, check: &str, interval_ms: u64) -> Result<String, String> {
        let empty = Agent::default();
        let tasks = &self.agents.get(&id).unwrap_or(&empty).tasks;
        if let Some(same) = tasks.iter().find(|task| task.check == check) {
            return Err(format!("agent {id} watches that already, as task {}", same.task));
        }
        if tasks.len() >= MOST_TASKS {
            return Err(format!("agent {id} has {MOST_TASKS} tasks, the most that one may have"));
        }
        let mut changed = self.agents.get(&id).cloned().unwrap_or_default();
        changed.next_task = changed.next_task.checked_add(1).ok_or("no numbers are left")?;
        changed.rev = next(changed.rev)?;
        let task = changed.next_task.to_string();
        changed.tasks.push(Task { task: task.clone(), check: check.to_string(), interval_ms });
        changed.fits(id)?;
        self.agents.insert(id, changed);
        Ok(task)
    }

    /// Takes the task of this number away; gives it.
    ///
    /// # Errors
    /// One line: there is no such agent, or no such task.
    pub fn remove(&mut self, id: u64, task: &str) -> Result<Task, String> {
        let agent = self.agents.get_mut(&id).ok_or_else(|| format!("there is no agent {id}"))?;
        let index = agent.tasks.iter().position(|known| known.task == task).ok_or_else(|| {
            format!("agent {id} has no task {task:?}; viewconf {id} shows its tasks")
        })?;
        agent.rev = next(agent.rev)?;
        Ok(agent.tasks.remove(index))
    }

    /// What an agent is to be given.
    pub fn config(&self, id: u64) -> Config {
        let agent = self.agents.get(&id);
        Config {
            rev: agent.map_or(0, |agent| agent.rev),
            tasks: agent.map_or_else(Vec::new, |agent| agent.tasks.clone()),
        }
    }
}

impl Agent {
    /// Sees to it that a file edited by hand gives no number twice.
    fn number(&mut self, id: u64) -> Result<(), String> {
        let mut known = HashSet::new();
        if let Some(twice) = self.tasks.iter().find(|task| !known.insert(&task.task)) {
            return Err(format!("agent {id} has two tasks {:?}", twice.task));
        }
        let highest = self.tasks.iter().filter_map(|task| task.task.parse().ok()).max();
        self.next_task = self.next_task.max(highest.unwrap_or(0));
        Ok(())
    }

    /// Whether the tasks fit into one message, whatever the revision.
    fn fits(&self, id: u64) -> Result<(), String> {
        let config = Config { rev: HIGHEST, tasks: self.tasks.clone() };
        Message::Config(config).line().map(drop).map_err(|why| {
            format!("the tasks of agent {id} do not fit into one message: {why}; take others away")
        })
    }
}

/// The revision behind this one.
fn next(rev: u64) -> Result<u64, String> {
    let next = rev.checked_add(1).filter(|next| *next <= HIGHEST);
    next.ok_or_else(|| "no revisions are left".to_string())
}

#[cfg(test)]
mod tests;
