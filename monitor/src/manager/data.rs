//! Who is to watch what: the configuration of every agent, kept in data.json.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use socklab::endpoint::cause;

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
mod tests {
    use super::*;

    fn hello(agent_id: Option<u64>, boot_id: &str, name: Option<&str>) -> Hello {
        Hello {
            version: 1,
            agent_id,
            claim: None,
            name: name.map(str::to_string),
            boot_id: boot_id.into(),
            config_rev: 0,
            nonce: String::new(),
            time: String::new(),
        }
    }

    #[test]
    fn who_claims_again_gets_the_same_identifier() {
        let mut data = Data::default();
        data.add(1, "icmp 8.8.8.8", 1000).unwrap();
        assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
        // The welcome was lost: the same start of the agent asks again.
        assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
        // The agent was killed, and has kept what it claimed with.
        let claims = |boot: &str| Hello { claim: Some("z".into()), ..hello(None, boot, None) };
        assert_eq!(data.claim(&claims("b")), Ok(2));
        assert_eq!(data.claim(&claims("c")), Ok(2));
        assert_eq!(data.claim(&hello(None, "b", None)), Ok(3));
        let again: Data = serde_json::from_str(&serde_json::to_string(&data).unwrap()).unwrap();
        assert_eq!(again, data);
    }

    #[test]
    fn tasks_that_do_not_fit_into_a_message_are_refused_when_they_are_added() {
        let mut data = Data::default();
        let url = |n: usize| format!("http http://www.example.com/{}/{n}", "path/".repeat(20));
        let added = (1..=MOST_TASKS).take_while(|n| data.add(1, &url(*n), 1000).is_ok()).count();
        assert!((300..MOST_TASKS).contains(&added), "{added}");
        assert!(data.add(1, &url(0), 1000).unwrap_err().contains("do not fit into one message"));
        assert_eq!(data.config(1).tasks.len(), added);
        assert!(Message::Config(data.config(1)).line().is_ok());
        // Nor does a file that somebody has edited get an agent stuck.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let task = Task { task: "x".into(), check: url(7), interval_ms: 1 };
        data.agents.entry(1).or_default().tasks.extend(vec![task; 300]);
        data.save(&path).unwrap();
        assert!(Data::load(&path).unwrap_err().contains("the tasks of agent 1 do not fit"));
    }

    #[test]
    fn no_number_in_the_file_overflows() {
        let mut data = Data::default();
        data.add(1, "tcp a 1", 1000).unwrap();
        data.agents.entry(1).or_default().rev = u64::MAX;
        assert!(data.add(1, "tcp b 1", 1000).unwrap_err().contains("no revisions"));
        assert!(data.remove(1, "1").unwrap_err().contains("no revisions"));
        data.agents.entry(1).or_default().next_task = u64::MAX;
        assert!(data.add(1, "tcp b 1", 1000).unwrap_err().contains("no numbers"));
        assert_eq!(data.config(1).tasks.len(), 1);
    }

    #[test]
    fn what_is_saved_is_loaded_and_nothing_is_there_before() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let mut data = Data::load(&path).unwrap();
        assert_eq!(data, Data::default());
        assert_eq!(data.add(3, "tcp bing.com 443", 10_000).unwrap(), "1");
        assert_eq!(data.add(3, "icmp 8.8.8.8", 1000).unwrap(), "2");
        data.save(&path).unwrap();
        assert_eq!(Data::load(&path).unwrap(), data);
        assert_eq!(data.config(3).rev, 2);
        assert_eq!(data.config(4), Config { rev: 0, tasks: Vec::new() });
    }

    #[test]
    fn a_damaged_file_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        for content in ["{\n\"version\": 1,\n", "", "{\n  \"version\": 1,\n  \"agents\": 7\n}"] {
            fs::write(&path, content).unwrap();
            let why = Data::load(&path).unwrap_err();
            assert!(why.contains("is damaged") && why.contains("line "), "{why}");
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        fs::write(&path, "{\"version\": 2, \"agents\": {}}").unwrap();
        assert!(Data::load(&path).unwrap_err().contains("version 2"));
    }

    #[test]
    fn a_file_edited_by_hand_gives_no_number_twice() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data.json");
        let task = |name: &str| {
            format!(r#"{{"task": "{name}", "check": "tcp {name} 1", "interval_ms": 1000}}"#)
        };
        let file = |tasks: &[String]| {
            let tasks = tasks.join(",");
            format!(
                r#"{{"version": 1, "agents": {{"1": {{"claimed": false, "rev": 1, "next_task": 0, "tasks": [{tasks}]}}}}}}"#
            )
        };
        fs::write(&path, file(&[task("7"), task("mail"), task("2")])).unwrap();
        let mut data = Data::load(&path).unwrap();
        assert_eq!(data.add(1, "icmp 8.8.8.8", 1000).unwrap(), "8");
        fs::write(&path, file(&[task("7"), task("7")])).unwrap();
        assert!(Data::load(&path).unwrap_err().contains("agent 1 has two tasks \"7\""));
    }

    #[test]
    fn a_configuration_may_be_there_before_its_agent() {
        let mut data = Data::default();
        data.add(2, "icmp 8.8.8.8", 1000).unwrap();
        assert_eq!(data.claim(&hello(None, "a", None)), Ok(1));
        assert_eq!(data.claim(&hello(None, "b", Some("attic"))), Ok(2));
        assert_eq!(data.config(2).tasks.len(), 1);
        assert_eq!(data.claim(&hello(None, "c", None)), Ok(3));
        // Who was here before keeps its identifier, though the file was lost.
        assert_eq!(data.claim(&hello(Some(9), "d", None)), Ok(9));
        assert_eq!(data.claim(&hello(Some(2), "e", None)), Ok(2));
        assert_eq!(data.agents[&2].name.as_deref(), Some("attic"));
        for id in 100..100 + MOST_AGENTS as u64 {
            let _ = data.claim(&hello(Some(id), "f", None));
        }
        assert_eq!(data.agents.len(), MOST_AGENTS);
        assert!(data.claim(&hello(None, "g", None)).is_err());
        assert!(data.claim(&hello(Some(9), "h", None)).is_ok());
    }

    #[test]
    fn tasks_are_taken_away_by_number() {
        let mut data = Data::default();
        for check in ["tcp a 1", "tcp b 2", "tcp c 3"] {
            data.add(1, check, 1000).unwrap();
        }
        assert!(data.add(1, "tcp b 2", 5).unwrap_err().contains("as task 2"));
        assert_eq!(data.remove(1, "2").unwrap().check, "tcp b 2");
        assert_eq!(data.remove(1, "3").unwrap().check, "tcp c 3");
        assert!(data.remove(1, "3").unwrap_err().contains("no task \"3\""));
        assert!(data.remove(7, "3").unwrap_err().contains("no agent 7"));
        // A number is never given again, and each change is a revision.
        assert_eq!(data.add(1, "tcp d 4", 1000).unwrap(), "4");
        assert_eq!(data.config(1).rev, 6);
    }
}
