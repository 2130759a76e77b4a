//! The spool on disk, so that results survive the agent's crash: a file of JSON lines to which is only added.
//!
//! Each item is added when it comes, each acknowledgement too; who reads the
//! file from the beginning has the spool as it was. When most of it is
//! confirmed, it is written anew. The lines are handed to the operating system
//! at once, which keeps them when the agent dies; only a power cut could take
//! the latest ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::spool::{Item, Spool};
use crate::atomic;
use crate::protocol::Ack;

/// It is written anew when it has more than twice as many lines as are
/// needed, and so many more.
const SLACK: usize = 1000;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Item(Item),
    Acked(Ack),
}

/// A spool with its file.
#[derive(Debug)]
pub struct Journal {
    pub spool: Spool,
    path: PathBuf,
    file: File,
    lines: usize,
}

/// What was wrong with the file when it was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Torn {
    /// The last line was cut off: it was being written when the agent died.
    LastLine,
    /// This line, counted from 1, is none of ours, nor is what follows it.
    Line(usize),
}

impl Journal {
    /// Reads the file, if there is one, and opens it for more. What cannot be
    /// read is left out, told, and kept in a copy beside it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path, limit: usize) -> io::Result<(Journal, Option<Torn>)> {
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(why) if why.kind() == ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(why),
        };
        let (spool, torn) = replay(&content, limit);
        if matches!(torn, Some(Torn::Line(_))) {
            fs::write(atomic::beside(path, ".damaged"), &content)?;
        }
        // Written anew, it has no torn line in its middle.
        let file = write_anew(path, &spool)?;
        let lines = spool.items().count();
        Ok((Journal { spool, path: path.to_path_buf(), file, lines }, torn))
    }

    /// Adds an item. The spool has it even where the file could not take it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn push(&mut self, item: Item) -> io::Result<()> {
        let line = Line::Item(item.clone());
        self.spool.push(item);
        self.append(&line)
    }

    /// Forgets what an acknowledgement confirms.
    ///
    /// # Errors
    /// Those of the file system; the spool has forgotten it all the same.
    pub fn acked(&mut self, ack: &Ack) -> io::Result<()> {
        self.spool.acked(ack);
        self.append(&Line::Acked(ack.clone()))?;
        let needed = self.spool.items().count();
        if self.lines > 2 * needed + SLACK {
            self.file = write_anew(&self.path, &self.spool)?;
            self.lines = needed;
        }
        Ok(())
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        let mut text = serde_json::to_string(line)?;
        text.push('\n');
        self.lines += 1;
        // In one piece, so that a crash leaves all of it or a torn last line.
        self.file.write_all(text.as_bytes())
    }
}

/// What a file holds, without a change to it: an agent may be adding to it.
///
/// # Errors
/// Those of the file system.
pub fn read(path: &Path) -> io::Result<Spool> {
    Ok(replay(&fs::read(path)?, usize::MAX).0)
}

/// The spool that a journal's lines add up to.
fn replay(content: &[u8], limit: usize) -> (Spool, Option<Torn>) {
    let mut spool = Spool::new(limit);
    let lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    for (index, line) in lines.iter().enumerate() {
        let last = index + 1 == lines.len();
        if last && line.is_empty() {
            break;
        }
        match serde_json::from_slice(line) {
            // Without its end it is whole by accident alone: not to be trusted.
            Ok(_) | Err(_) if last => return (spool, Some(Torn::LastLine)),
            Ok(Line::Item(item)) => spool.push(item),
            Ok(Line::Acked(ack)) => spool.acked(&ack),
            Err(_) => return (spool, Some(Torn::Line(index + 1))),
        }
    }
    (spool, None)
}

fn write_anew(path: &Path, spool: &Spool) -> io::Result<File> {
    let mut content = Vec::new();
    for item in spool.items() {
        serde_json::to_writer(&mut content, &Line::Item(item.clone()))?;
        content.push(b'\n');
    }
    atomic::replace(path, &content)?;
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Report;
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
            reason: "two\nlines".into(),
            detail: Map::new(),
        })
    }

    fn kept(journal: &Journal) -> Vec<Item> {
        journal.spool.items().cloned().collect()
    }

    #[test]
    fn an_agent_that_died_finds_what_was_not_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, torn) = Journal::open(&path, 100).unwrap();
        assert_eq!(torn, None);
        for seq in 1..=5 {
            journal.push(item(seq)).unwrap();
        }
        journal.acked(&Ack { boot_id: "a".into(), seq: 2 }).unwrap();
        drop(journal);
        let (journal, torn) = Journal::open(&path, 100).unwrap();
        assert_eq!((kept(&journal), torn), (vec![item(3), item(4), item(5)], None));
    }

    #[test]
    fn a_crash_in_the_middle_of_a_line_loses_that_line_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        for seq in 1..=3 {
            journal.push(item(seq)).unwrap();
        }
        let whole = fs::read(&path).unwrap();
        let third = whole.len() - whole.len() / 3;
        for cut in third + 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let (journal, torn) = Journal::open(&path, 100).unwrap();
            assert_eq!((kept(&journal), torn), (vec![item(1), item(2)], Some(Torn::LastLine)));
        }
    }

    #[test]
    fn a_damaged_file_is_kept_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        for seq in 1..=3 {
            journal.push(item(seq)).unwrap();
        }
        let mut content = fs::read_to_string(&path).unwrap();
        let second = content.find('\n').unwrap() + 1;
        content.replace_range(second..=second, "?");
        fs::write(&path, &content).unwrap();
        let (journal, torn) = Journal::open(&path, 100).unwrap();
        assert_eq!((kept(&journal), torn), (vec![item(1)], Some(Torn::Line(2))));
        assert_eq!(fs::read_to_string(folder.path().join("spool.damaged")).unwrap(), content);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        for seq in 1..=5000 {
            journal.push(item(seq)).unwrap();
            journal.acked(&Ack { boot_id: "a".into(), seq }).unwrap();
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SLACK + 2, "{lines}");
    }
}
