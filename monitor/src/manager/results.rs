//! The results of all agents: each stored exactly once, in a [`DayLog`].
//!
//! What was stored is known by agent, boot and number. A result is new if its
//! number is higher than all of that boot: an agent sends them in order. After
//! a restart the files themselves say what they hold.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use serde::{Deserialize, Serialize};

use super::highest::Highest;
use super::latest::Latest;
use crate::daylog::{self, DayLog, day};
use crate::protocol::Delivery;
use crate::stamp;

/// One line: a result and whose it is, or what an agent had to drop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub agent_id: u64,
    /// When the manager had it, by its own wall clock.
    #[serde(with = "stamp::utc")]
    pub received_at: Timestamp,
    #[serde(flatten)]
    pub delivery: Delivery,
}

/// The store. Without a folder it is in memory alone, and bounded.
#[derive(Debug)]
pub struct Results {
    log: Option<DayLog>,
    /// The most bytes that the folder's files may have, and how many they had when that was
    /// last looked up, with what was added since.
    most: u64,
    size: u64,
    highest: Highest,
    latest: Latest,
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

impl Results {
    /// Opens the folder, making it if need be, and reads what its files hold.
    /// A last line that a crash cut off is taken away; the notes say so.
    ///
    /// # Errors
    /// One line: the folder cannot be used.
    pub fn open(folder: Option<&Path>) -> Result<(Results, Vec<String>), String> {
        let log = folder.map(DayLog::open).transpose()?;
        let files = log.as_ref().map_or(Ok(Vec::new()), DayLog::files)?;
        let mut results = Results {
            log,
            most: u64::MAX,
            size: 0,
            highest: Highest::default(),
            latest: Latest::default(),
            counts: BTreeMap::new(),
        };
        let mut notes = Vec::new();
        for path in files {
            let failed = |why: io::Error| daylog::cannot_use(&path, &why);
            daylog::mend(&path, &mut notes).map_err(failed)?;
            let enter = |line: &[u8]| {
                let stored = serde_json::from_slice(line).map_err(|why| why.to_string())?;
                results.enter(&stored, line);
                Ok(())
            };
            daylog::read(&path, 0, &mut notes, enter).map_err(failed)?;
        }
        results.counts.clear();
        Ok((results, notes))
    }

    /// The same, and together its files get no longer than `most` bytes: no
    /// agent can fill the disk.
    ///
    /// # Errors
    /// One line: the folder cannot be read.
    pub fn bounded(mut self, most: u64) -> Result<Results, String> {
        self.most = most;
        self.size = self.log.as_ref().map_or(Ok(0), DayLog::size)?;
        Ok(self)
    }

    /// The highest number stored of this boot; 0 for none.
    pub fn highest(&self, agent_id: u64, boot_id: &str) -> u64 {
        self.highest.of(agent_id, boot_id)
    }

    /// Stores a delivery, unless it is there already; true if it was new. When this returns, the
    /// operating system has it: a manager that is killed loses nothing.
    ///
    /// # Errors
    /// Those of the file system; the delivery is then not stored, and not to be
    /// acknowledged.
    pub fn store(&mut self, stored: Stored) -> io::Result<bool> {
        let (_, last) = stored.delivery.numbers();
        if last <= self.highest(stored.agent_id, stored.delivery.boot_id()) {
            self.counts.entry(stored.agent_id).or_default().repeated += 1;
            return Ok(false);
        }
        let mut line = serde_json::to_vec(&stored)?;
        line.push(b'\n');
        if let Some(log) = &mut self.log {
            let after = |size: u64| size.saturating_add(line.len() as u64);
            if after(self.size) > self.most {
                // Files may have been moved away.
                self.size = log.size().map_err(io::Error::other)?;
            }
            if after(self.size) > self.most {
                return Err(io::Error::other(format!(
                    "its folder has {} bytes, and may have {} (--max-disk); move the files of \
                     older days away, or allow more",
                    self.size, self.most
                )));
            }
            log.append(day(stored.received_at), &line)?;
            self.size = after(self.size);
        }
        self.enter(&stored, &line);
        Ok(true)
    }

    /// The latest results of an agent, from the oldest on.
    pub fn latest(&self, agent_id: u64, most: usize) -> impl Iterator<Item = Stored> {
        let lines = self.latest.of(agent_id, usize::MAX);
        let all: Vec<Stored> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        let skipped = all.len().saturating_sub(most);
        in_their_order(all).into_iter().skip(skipped)
    }

    fn enter(&mut self, stored: &Stored, line: &[u8]) {
        let (first, last) = stored.delivery.numbers();
        let (agent, boot_id) = (stored.agent_id, stored.delivery.boot_id());
        let highest = self.highest.of(agent, boot_id);
        self.highest.raise(agent, boot_id, last);
        let count = self.counts.entry(agent).or_default();
        match stored.delivery {
            Delivery::Result(_) => count.stored += 1,
            // Of a range that has grown, only what is new counts.
            Delivery::Dropped(_) => {
                let before = highest.max(first.saturating_sub(1));
                count.dropped = count.dropped.saturating_add(last.saturating_sub(before));
            }
        }
        self.latest.push(agent, line);
    }
}

/// Puts the results of each boot into the order of their numbers, and leaves
/// the boots in theirs: files are read by their days, and a clock that was set
/// back over midnight has written an earlier day's after a later one's.
fn in_their_order(all: Vec<Stored>) -> Vec<Stored> {
    let mut boots: Vec<String> = Vec::new();
    for stored in &all {
        let boot = stored.delivery.boot_id();
        if !boots.iter().any(|known| known == boot) {
            boots.push(boot.to_string());
        }
    }
    let place = |stored: &Stored| boots.iter().position(|boot| boot == stored.delivery.boot_id());
    let mut all = all;
    all.sort_by_cached_key(|stored| (place(stored), stored.delivery.numbers()));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Dropped, Report};
    use serde_json::Map;
    use std::fs;

    fn result(agent_id: u64, boot_id: &str, seq: u64) -> Stored {
        let report = Report {
            boot_id: boot_id.into(),
            seq,
            task: "1".into(),
            rev: 1,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1,
            verdict: crate::verdict::Verdict::Up,
            reason: String::new(),
            detail: Map::new(),
        };
        let received_at = "2026-11-21T08:18:29Z".parse().unwrap();
        Stored { agent_id, received_at, delivery: Delivery::Result(report) }
    }

    fn lines(folder: &Path) -> usize {
        let paths = DayLog::open(folder).unwrap().files().unwrap();
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
        assert!(!results.store(result(1, "a", 4)).unwrap());
        // Another boot, and another agent, count for themselves.
        assert!(results.store(result(1, "b", 1)).unwrap());
        assert!(results.store(result(2, "a", 1)).unwrap());
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
        let path = folder.path().join("results-2026-11-21.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 5]).unwrap();
        let (mut results, notes) = Results::open(Some(folder.path())).unwrap();
        assert!(notes[0].contains("its last line was torn"), "{notes:?}");
        assert_eq!(results.highest(1, "a"), 2);
        results.store(result(1, "a", 3)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), whole);
    }

    #[test]
    fn a_clock_set_back_over_midnight_makes_no_result_come_twice() {
        let folder = tempfile::tempdir().unwrap();
        let (mut results, _) = Results::open(Some(folder.path())).unwrap();
        let at = |seq: u64, received_at: &str| {
            let received_at = received_at.parse().unwrap();
            Stored { received_at, ..result(1, "a", seq) }
        };
        for seq in 1..=10 {
            let time = if seq <= 5 { "2026-11-22T00:00:01Z" } else { "2026-11-21T23:59:01Z" };
            results.store(at(seq, time)).unwrap();
        }
        drop(results);
        let (mut results, notes) = Results::open(Some(folder.path())).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(results.highest(1, "a"), 10);
        assert!(!results.store(at(10, "2026-11-21T23:59:02Z")).unwrap());
        let numbers: Vec<u64> =
            results.latest(1, 10).map(|stored| stored.delivery.numbers().0).collect();
        assert_eq!(numbers, (1..=10).collect::<Vec<_>>());
        assert_eq!(lines(folder.path()), 10);
    }

    #[test]
    fn the_latest_are_in_the_order_of_their_boots_and_in_each_of_their_numbers() {
        let (mut results, _) = Results::open(None).unwrap();
        for (boot, seq) in [("b", 1), ("b", 2), ("a", 1), ("a", 2), ("c", 1)] {
            results.store(result(1, boot, seq)).unwrap();
        }
        let boots = |most| {
            let latest = results.latest(1, most);
            latest.map(|stored| stored.delivery.boot_id().to_string()).collect::<String>()
        };
        assert_eq!((boots(9).as_str(), boots(3).as_str()), ("bbaac", "aac"));
    }

    #[test]
    fn a_folder_that_is_full_takes_nothing_until_files_are_moved_away() {
        let folder = tempfile::tempdir().unwrap();
        let open = |most| Results::open(Some(folder.path())).unwrap().0.bounded(most).unwrap();
        let mut results = open(u64::MAX);
        results.store(result(1, "a", 1)).unwrap();
        let line = results.log.as_ref().unwrap().size().unwrap();
        // What is there from before counts.
        let mut results = open(2 * line);
        results.store(result(1, "a", 2)).unwrap();
        let why = results.store(result(1, "a", 3)).unwrap_err().to_string();
        assert!(why.contains(&format!("may have {}", 2 * line)), "{why}");
        assert_eq!((results.highest(1, "a"), lines(folder.path())), (2, 2));
        let file = results.log.as_ref().unwrap().files().unwrap().remove(0);
        fs::rename(&file, folder.path().join("away")).unwrap();
        assert!(results.store(result(1, "a", 3)).unwrap());
        assert_eq!(lines(folder.path()), 1);
    }

    #[test]
    fn what_was_dropped_is_stored_and_counted_too() {
        let (mut results, _) = Results::open(None).unwrap();
        let dropped = |first, last| Stored {
            delivery: Delivery::Dropped(Dropped { boot_id: "a".into(), first, last }),
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
    fn no_range_and_no_order_of_days_keeps_a_manager_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let dropped = |first, last| Stored {
            delivery: Delivery::Dropped(Dropped { boot_id: "a".into(), first, last }),
            ..result(1, "a", 0)
        };
        let line = |stored: &Stored| serde_json::to_string(stored).unwrap() + "\n";
        // By a clock that was set back the later ones are in the earlier day.
        fs::write(folder.path().join("2026-11-20.jsonl"), line(&dropped(6, 10))).unwrap();
        let later = line(&dropped(0, u64::MAX - 1)) + &line(&dropped(9, 3)) + &line(&dropped(1, 5));
        fs::write(folder.path().join("results-2026-11-21.jsonl"), later).unwrap();
        let (mut results, notes) = Results::open(Some(folder.path())).unwrap();
        assert!(notes.is_empty(), "{notes:?}");
        assert_eq!(results.highest(1, "a"), u64::MAX - 1);
        results.store(dropped(0, u64::MAX)).unwrap();
        results.store(dropped(0, u64::MAX)).unwrap();
        assert_eq!(results.counts[&1].dropped, 1);
    }

    #[test]
    fn a_stored_line_has_the_results_own_fields() {
        let text = serde_json::to_string(&result(7, "a", 1)).unwrap();
        let beginning = r#"{"agent_id":7,"received_at":"2026-11-21T08:18:29.000000Z","entry":"result","boot_id":"a","seq":1,"#;
        assert!(text.starts_with(beginning), "{text}");
    }
}
