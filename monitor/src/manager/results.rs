//! The results of all agents: each stored exactly once, in a file of JSON lines for each day.
//!
//! What was stored is known by agent, boot and number. A result is new if its
//! number is higher than all of that boot: an agent sends them in order. After
//! a restart the files themselves say what they hold.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::protocol::{Dropped, Report};

/// So many of the latest results of an agent are at hand for the console.
const LATEST: usize = 1000;

/// One line: a result and whose it is, or what an agent had to drop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub agent_id: u64,
    /// When the manager had it, by its own wall clock.
    pub received_at: String,
    #[serde(flatten)]
    pub entry: Entry,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    Result(Report),
    Dropped(Dropped),
}

impl Entry {
    pub fn boot_id(&self) -> &str {
        match self {
            Entry::Result(report) => &report.boot_id,
            Entry::Dropped(dropped) => &dropped.boot_id,
        }
    }

    /// The first and the last number.
    pub fn numbers(&self) -> (u64, u64) {
        match self {
            Entry::Result(report) => (report.seq, report.seq),
            Entry::Dropped(dropped) => (dropped.first, dropped.last),
        }
    }
}

/// The store. Without a folder it is in memory alone, and bounded.
#[derive(Debug)]
pub struct Results {
    folder: Option<PathBuf>,
    /// The day's file, with the day.
    open: Option<(String, File)>,
    /// The highest number stored, by agent and boot.
    highest: BTreeMap<(u64, String), u64>,
    latest: BTreeMap<u64, VecDeque<Stored>>,
    /// How many results were stored of each agent since the start.
    pub counts: BTreeMap<u64, Count>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    pub stored: u64,
    pub dropped: u64,
    /// Sent again, and already there.
    pub repeated: u64,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    New,
    Repeated,
}

impl Results {
    /// Opens the folder, making it if need be, and reads what its files hold.
    /// A last line that a crash cut off is taken away; the notes say so.
    ///
    /// # Errors
    /// One line: the folder cannot be used.
    pub fn open(folder: Option<&Path>) -> Result<(Results, Vec<String>), String> {
        let mut results = Results {
            folder: folder.map(Path::to_path_buf),
            open: None,
            highest: BTreeMap::new(),
            latest: BTreeMap::new(),
            counts: BTreeMap::new(),
        };
        let mut notes = Vec::new();
        if let Some(folder) = folder {
            let failed = |why: io::Error| format!("cannot use {}: {why}", folder.display());
            fs::create_dir_all(folder).map_err(failed)?;
            for path in days(folder).map_err(failed)? {
                notes.extend(results.read(&path).map_err(failed)?);
            }
            results.counts.clear();
        }
        Ok((results, notes))
    }

    /// The highest number stored of this boot; 0 for none.
    pub fn highest(&self, agent_id: u64, boot_id: &str) -> u64 {
        self.highest.get(&(agent_id, boot_id.to_string())).copied().unwrap_or(0)
    }

    /// Stores an entry, unless it is there already. When this returns, the
    /// operating system has it: a manager that is killed loses nothing.
    ///
    /// # Errors
    /// Those of the file system; the entry is then not stored, and not to be
    /// acknowledged.
    pub fn store(&mut self, stored: Stored) -> io::Result<Outcome> {
        let (_, last) = stored.entry.numbers();
        if last <= self.highest(stored.agent_id, stored.entry.boot_id()) {
            self.counts.entry(stored.agent_id).or_default().repeated += 1;
            return Ok(Outcome::Repeated);
        }
        if let Some(folder) = self.folder.clone() {
            let mut line = serde_json::to_vec(&stored)?;
            line.push(b'\n');
            self.append(&folder, &stored.received_at, &line)?;
        }
        self.enter(stored);
        Ok(Outcome::New)
    }

    /// The latest results of an agent, from the oldest on.
    pub fn latest(&self, agent_id: u64, most: usize) -> impl Iterator<Item = &Stored> {
        let of_agent = self.latest.get(&agent_id);
        let skipped = of_agent.map_or(0, |latest| latest.len().saturating_sub(most));
        of_agent.into_iter().flatten().skip(skipped)
    }

    fn enter(&mut self, stored: Stored) {
        let (first, last) = stored.entry.numbers();
        let key = (stored.agent_id, stored.entry.boot_id().to_string());
        let highest = self.highest.entry(key).or_default();
        let count = self.counts.entry(stored.agent_id).or_default();
        match stored.entry {
            Entry::Result(_) => count.stored += 1,
            // Of a range that has grown, only what is new counts.
            Entry::Dropped(_) => count.dropped += last - first.max(*highest + 1) + 1,
        }
        *highest = last;
        let latest = self.latest.entry(stored.agent_id).or_default();
        if latest.len() == LATEST {
            latest.pop_front();
        }
        latest.push_back(stored);
    }

    fn append(&mut self, folder: &Path, received_at: &str, line: &[u8]) -> io::Result<()> {
        let day = received_at.get(..10).unwrap_or("unknown");
        if self.open.as_ref().is_none_or(|(open, _)| open != day) {
            let path = folder.join(format!("{day}.jsonl"));
            let file = OpenOptions::new().create(true).append(true).open(path)?;
            self.open = Some((day.to_string(), file));
        }
        let Some((_, file)) = &mut self.open else { return Ok(()) };
        let before = file.metadata()?.len();
        // Half a line, on a disk that is full, would spoil the next one.
        file.write_all(line).inspect_err(|_| drop(file.set_len(before)))
    }

    /// Enters what a day's file holds.
    fn read(&mut self, path: &Path) -> io::Result<Vec<String>> {
        let shown = path.display();
        let mut notes = Vec::new();
        let mut file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut reader = BufReader::new(&mut file);
        let (mut line, mut number, mut end) = (Vec::new(), 0, 0);
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            number += 1;
            if line.last() != Some(&b'\n') {
                notes.push(format!("{shown}:{number}: a crash cut this last line off; taken away"));
                break;
            }
            end += length as u64;
            match serde_json::from_slice::<Stored>(&line) {
                Ok(stored) => self.enter(stored),
                Err(why) => notes.push(format!("{shown}:{number}: skipped, no result: {why}")),
            }
        }
        drop(reader);
        if file.seek(SeekFrom::End(0))? > end {
            file.set_len(end)?;
        }
        Ok(notes)
    }
}

/// The files of the days, oldest first.
fn days(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == "jsonl") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

    fn result(agent_id: u64, boot_id: &str, seq: u64) -> Stored {
        let report = Report {
            boot_id: boot_id.into(),
            seq,
            task: "1".into(),
            rev: 1,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1,
            verdict: "up".into(),
            reason: String::new(),
            detail: Map::new(),
        };
        let received_at = "2026-11-21T08:18:29.000000Z".into();
        Stored { agent_id, received_at, entry: Entry::Result(report) }
    }

    fn lines(folder: &Path) -> usize {
        let paths = days(folder).unwrap();
        let text: String = paths.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
        text.lines().count()
    }

    #[test]
    fn what_is_sent_again_is_stored_once_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let (mut results, _) = Results::open(Some(folder.path())).unwrap();
        for seq in [1, 2, 3, 2, 3, 4] {
            results.store(result(1, "a", seq)).unwrap();
        }
        assert_eq!(results.counts[&1], Count { stored: 4, dropped: 0, repeated: 2 });
        drop(results);
        let (mut results, notes) = Results::open(Some(folder.path())).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!((results.highest(1, "a"), results.highest(1, "b")), (4, 0));
        assert_eq!(results.store(result(1, "a", 4)).unwrap(), Outcome::Repeated);
        // Another boot, and another agent, count for themselves.
        assert_eq!(results.store(result(1, "b", 1)).unwrap(), Outcome::New);
        assert_eq!(results.store(result(2, "a", 1)).unwrap(), Outcome::New);
        assert_eq!(lines(folder.path()), 6);
        assert_eq!(results.latest(1, 2).count(), 2);
    }

    #[test]
    fn a_line_cut_off_by_a_crash_is_taken_away_and_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut results, _) = Results::open(Some(folder.path())).unwrap();
        for seq in 1..=3 {
            results.store(result(1, "a", seq)).unwrap();
        }
        let path = folder.path().join("2026-11-21.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let (mut results, notes) = Results::open(Some(folder.path())).unwrap();
        assert!(notes[0].contains(":3: a crash cut"), "{notes:?}");
        assert_eq!(results.highest(1, "a"), 2);
        results.store(result(1, "a", 3)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn what_was_dropped_is_stored_and_counted_too() {
        let (mut results, _) = Results::open(None).unwrap();
        let dropped = |first, last| Stored {
            entry: Entry::Dropped(Dropped { boot_id: "a".into(), first, last }),
            ..result(1, "a", 0)
        };
        results.store(dropped(1, 5)).unwrap();
        // The range has grown before it was confirmed.
        results.store(dropped(1, 7)).unwrap();
        results.store(result(1, "a", 8)).unwrap();
        assert_eq!(results.counts[&1], Count { stored: 1, dropped: 7, repeated: 0 });
        assert_eq!(results.highest(1, "a"), 8);
    }

    #[test]
    fn a_stored_line_has_the_results_own_fields() {
        let text = serde_json::to_string(&result(7, "a", 1)).unwrap();
        let beginning = r#"{"agent_id":7,"received_at":"2026-11-21T08:18:29.000000Z","entry":"result","boot_id":"a","seq":1,"#;
        assert!(text.starts_with(beginning), "{text}");
    }
}
