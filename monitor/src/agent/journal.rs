//! The spool on disk, so that results survive the agent's crash: a file of lines to which is only added.
//!
//! Each item is added when it comes, each acknowledgement too; who reads the
//! file from the beginning has the spool as it was. Each line is JSON behind a
//! checksum (CRC-32, as in Ethernet, in hexadecimal), so that a damaged one is
//! noticed and left out. When the file has grown to twice what it holds, it is
//! written anew. The lines are handed to the operating system at once, which
//! keeps them when the agent dies; only a power cut could take the latest ones.
//!
//! A disk may be full. Then the file ends with its last whole line and takes
//! nothing more, until [`mend`](Journal::mend) can write all of it anew.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::spool::Spool;
use crate::protocol::{Ack, Delivery, Dropped, Message, Report};
use crate::{atomic, bounds};

/// The file is written anew when it has more than twice as many lines as are
/// needed, or twice as many bytes as when it was written anew before; and so
/// much more.
const SLACK_LINES: usize = 1000;
const SLACK_BYTES: u64 = 256 * 1024;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Item(#[serde(with = "InSpool")] Delivery),
    Acked(Ack),
}

/// How a delivery stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Delivery", rename_all = "snake_case")]
enum InSpool {
    Result(Report),
    Dropped(Dropped),
}

/// A spool with its file.
#[derive(Debug)]
pub struct Journal {
    pub spool: Spool,
    path: PathBuf,
    file: File,
    /// Whole lines in the file, and their bytes.
    lines: usize,
    bytes: u64,
    /// How many bytes it had when it was last written anew, or could not be.
    before: u64,
    /// The file lacks what came last: the disk did not take it.
    behind: bool,
}

/// What was wrong with the file when it was read.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// The last line was cut off: it was being written when the agent died.
    pub cut_off: bool,
    /// The first line, counted from 1, that is none of ours, and how many are
    /// not. The others were read.
    pub lines: Option<(usize, usize)>,
    /// Results that are missing between others: noted as dropped.
    pub missing: u64,
}

impl Journal {
    /// Reads the file, if there is one, and opens it for more. What cannot be
    /// read is left out, told, and kept in a copy beside it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn open(path: &Path, limit: usize) -> io::Result<(Journal, Damage)> {
        let content = match fs::read(path) {
            Ok(content) => content,
            Err(why) if why.kind() == ErrorKind::NotFound => Vec::new(),
            Err(why) => return Err(why),
        };
        let (spool, damage) = replay(&content, limit);
        if damage.lines.is_some() {
            fs::write(atomic::beside(path, ".damaged"), &content)?;
        }
        // Written anew, it has no damaged line in its middle.
        let (file, lines, bytes) = write_anew(path, &spool)?;
        let path = path.to_path_buf();
        Ok((Journal { spool, path, file, lines, bytes, before: bytes, behind: false }, damage))
    }

    /// Adds an item. The spool has it even where the file could not take it.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn push(&mut self, item: Delivery) -> io::Result<()> {
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
        self.append(&Line::Acked(ack.clone()))
    }

    /// Whether the file has everything that the spool has.
    pub fn is_whole(&self) -> bool {
        !self.behind
    }

    /// Writes the file anew if it lacks something.
    ///
    /// # Errors
    /// Those of the file system: it lacks it still.
    pub fn mend(&mut self) -> io::Result<()> {
        if self.behind { self.renew() } else { Ok(()) }
    }

    fn append(&mut self, line: &Line) -> io::Result<()> {
        if self.behind {
            return Ok(());
        }
        let text = checked(line)?;
        // In one piece, so that a crash leaves all of it or a torn last line.
        if let Err(why) = self.file.write_all(text.as_bytes()) {
            self.behind = true;
            self.file.set_len(self.bytes)?;
            return Err(why);
        }
        self.lines += 1;
        self.bytes += text.len() as u64;
        let needed = self.spool.len();
        let too_long = self.lines > 2 * needed + SLACK_LINES
            || self.bytes > self.before.saturating_mul(2).saturating_add(SLACK_BYTES);
        if too_long { self.renew() } else { Ok(()) }
    }

    fn renew(&mut self) -> io::Result<()> {
        // Not tried again with the next line, if it fails.
        self.before = self.bytes;
        (self.file, self.lines, self.bytes) = write_anew(&self.path, &self.spool)?;
        (self.before, self.behind) = (self.bytes, false);
        Ok(())
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
fn replay(content: &[u8], limit: usize) -> (Spool, Damage) {
    let (mut spool, mut damage) = (Spool::new(limit), Damage::default());
    // Up to which number of which boot something is known.
    let mut known: Option<(String, u64)> = None;
    let mut lines: Vec<&[u8]> = content.split(|&byte| byte == b'\n').collect();
    // Without its end the last one is whole by accident alone: not to be trusted.
    damage.cut_off = lines.pop().is_some_and(|last| !last.is_empty());
    for (index, line) in lines.into_iter().enumerate() {
        match parse(line) {
            None => {
                let (first, count) = damage.lines.unwrap_or((index + 1, 0));
                damage.lines = Some((first, count + 1));
            }
            Some(Line::Acked(ack)) => {
                spool.acked(&ack);
                let seq = match &known {
                    Some((boot_id, seq)) if *boot_id == ack.boot_id => ack.seq.max(*seq),
                    _ => ack.seq,
                };
                known = Some((ack.boot_id, seq));
            }
            Some(Line::Item(item)) => {
                let (first, last) = item.numbers();
                let boot_id = item.boot_id().to_string();
                let before = match &known {
                    Some((known, seq)) if *known == boot_id => *seq,
                    // Of a boot that begins here the first ones may be damaged.
                    _ if damage.lines.is_some() => 0,
                    _ => first.saturating_sub(1),
                };
                if let Some(missing) = first.checked_sub(before + 1).filter(|count| *count > 0) {
                    damage.missing = damage.missing.saturating_add(missing);
                    let boot_id = boot_id.clone();
                    spool.push(Delivery::Dropped(Dropped {
                        boot_id,
                        first: before + 1,
                        last: first - 1,
                    }));
                }
                known = Some((boot_id, last.max(before)));
                spool.push(item);
            }
        }
    }
    (spool, damage)
}

/// A line with its checksum and its end.
fn checked(line: &Line) -> io::Result<String> {
    let text = serde_json::to_string(line)?;
    Ok(format!("{:08x} {text}\n", crc32fast::hash(text.as_bytes())))
}

/// A line without its end, if nothing is wrong with it. Version 0.1.0 wrote
/// them without a checksum.
fn parse(line: &[u8]) -> Option<Line> {
    let text = if line.starts_with(b"{") { line } else { unchecked(line)? };
    let line: Line = serde_json::from_slice(text).ok()?;
    let message = match &line {
        Line::Item(item) => Message::from(item.clone()),
        Line::Acked(ack) => Message::Ack(ack.clone()),
    };
    bounds::check(&message).is_ok().then_some(line)
}

/// A line without its checksum, if that is right.
fn unchecked(line: &[u8]) -> Option<&[u8]> {
    let (sum, text) = line.split_at_checked(8)?;
    let text = text.strip_prefix(b" ")?;
    // Just as it is written: no sign, no capitals.
    (sum == format!("{:08x}", crc32fast::hash(text)).as_bytes()).then_some(text)
}

/// Gives the file, open for more, with its lines and bytes.
fn write_anew(path: &Path, spool: &Spool) -> io::Result<(File, usize, u64)> {
    let (mut content, mut lines) = (String::new(), 0);
    let mut add = |line: &Line| -> io::Result<()> {
        content += &checked(line)?;
        lines += 1;
        Ok(())
    };
    // That the ones before it are confirmed: so a missing first line shows.
    if let Some(first) = spool.items().next() {
        let seq = first.numbers().0.saturating_sub(1);
        add(&Line::Acked(Ack { boot_id: first.boot_id().to_string(), seq }))?;
    }
    spool.items().try_for_each(|item| add(&Line::Item(item.clone())))?;
    atomic::replace(path, content.as_bytes())?;
    let file = OpenOptions::new().append(true).open(path)?;
    Ok((file, lines, content.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Map;

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
            reason: "two\nlines".into(),
            detail: Map::new(),
        })
    }

    fn kept(journal: &Journal) -> Vec<Delivery> {
        journal.spool.items().cloned().collect()
    }

    #[test]
    fn an_agent_that_died_finds_what_was_not_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, damage) = Journal::open(&path, 100).unwrap();
        assert_eq!(damage, Damage::default());
        for seq in 1..=5 {
            journal.push(item(seq)).unwrap();
        }
        journal.acked(&Ack { boot_id: BOOT.into(), seq: 2 }).unwrap();
        drop(journal);
        let (journal, damage) = Journal::open(&path, 100).unwrap();
        assert_eq!(kept(&journal), vec![item(3), item(4), item(5)]);
        assert_eq!(damage, Damage::default());
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
            let (journal, damage) = Journal::open(&path, 100).unwrap();
            assert_eq!(kept(&journal), vec![item(1), item(2)]);
            assert_eq!(damage, Damage { cut_off: true, ..Damage::default() });
        }
    }

    #[test]
    fn a_damaged_line_is_left_out_and_its_numbers_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        for damaged in 1..=3u64 {
            let _ = fs::remove_file(&path);
            let (mut journal, _) = Journal::open(&path, 100).unwrap();
            (1..=4).for_each(|seq| journal.push(item(seq)).unwrap());
            let content = fs::read_to_string(&path).unwrap();
            let line = content.lines().nth(damaged as usize - 1).unwrap();
            let content = content.replace(line, &line.replace("up", "uq"));
            fs::write(&path, &content).unwrap();
            let (journal, damage) = Journal::open(&path, 100).unwrap();
            let note = Dropped { boot_id: BOOT.into(), first: damaged, last: damaged };
            let mut expected: Vec<Delivery> = (1..=4).map(item).collect();
            expected[damaged as usize - 1] = Delivery::Dropped(note);
            assert_eq!(kept(&journal), expected);
            let lines = Some((damaged as usize, 1));
            assert_eq!(damage, Damage { cut_off: false, lines, missing: 1 });
            let beside = folder.path().join("spool.damaged");
            assert_eq!(fs::read_to_string(beside).unwrap(), content);
        }
    }

    #[test]
    fn no_flipped_bit_goes_unnoticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        (1..=4).for_each(|seq| journal.push(item(seq)).unwrap());
        let whole = fs::read(&path).unwrap();
        for bit in 0..whole.len() * 8 {
            let mut content = whole.clone();
            content[bit / 8] ^= 1 << (bit % 8);
            let (spool, damage) = replay(&content, 100);
            assert_ne!(damage, Damage::default(), "bit {bit}");
            // What is there is right.
            for result in spool.items().filter(|kept| matches!(kept, Delivery::Result(_))) {
                assert_eq!(*result, item(result.numbers().0), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_missing_first_line_of_a_file_written_anew_shows_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        (1..=9).for_each(|seq| journal.push(item(seq)).unwrap());
        journal.acked(&Ack { boot_id: BOOT.into(), seq: 5 }).unwrap();
        drop(Journal::open(&path, 100).unwrap());
        let content = fs::read_to_string(&path).unwrap().replace("\"seq\":6", "\"seq\":66");
        fs::write(&path, content).unwrap();
        let (journal, damage) = Journal::open(&path, 100).unwrap();
        let note = Dropped { boot_id: BOOT.into(), first: 6, last: 6 };
        assert_eq!(kept(&journal), [Delivery::Dropped(note), item(7), item(8), item(9)]);
        assert_eq!(damage.missing, 1);
    }

    #[test]
    fn the_file_does_not_grow_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 100).unwrap();
        for seq in 1..=5000 {
            journal.push(item(seq)).unwrap();
            journal.acked(&Ack { boot_id: BOOT.into(), seq }).unwrap();
        }
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= SLACK_LINES + 2, "{lines}");
    }

    #[test]
    fn nor_does_it_while_nothing_is_confirmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spool");
        let (mut journal, _) = Journal::open(&path, 10).unwrap();
        let mut longest = 0;
        for seq in 1..=10_000 {
            journal.push(item(seq)).unwrap();
            longest = longest.max(fs::metadata(&path).unwrap().len());
        }
        // Ten results are kept, and one note.
        let held = fs::read(&path).unwrap().len() as u64 / journal.lines as u64 * 12;
        assert!(longest < 2 * held + SLACK_BYTES + 1000, "{longest} bytes for {held}");
    }
}
