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

/// A line without its end, if nothing is wrong with it.
fn parse(line: &[u8]) -> Option<Line> {
    let line: Line = serde_json::from_slice(unchecked(line)?).ok()?;
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
mod tests;
