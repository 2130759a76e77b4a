//! Reading the results of earlier runs: the latest, and no more than so many bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use socklab::endpoint::cause;

use super::{Record, day, path, record};

/// At the start no more than so many bytes are read, the latest.
pub const READ_AT_MOST: u64 = 64 << 20;

/// Uptimes go back so far.
const BACK: Duration = Duration::from_secs(24 * 3600 + 300);

/// Reads the results of the last day, the oldest first, and no more than
/// `most` bytes of them; what is wrong with the files is told in `notes`.
///
/// # Errors
/// One line: the folder is none, and cannot become one.
pub fn restore(
    folder: &Path,
    now: Timestamp,
    most: u64,
    notes: &mut Vec<String>,
    mut take: impl FnMut(Record),
) -> Result<(), String> {
    let failed =
        |what: &Path, why: io::Error| format!("cannot use {}: {}", what.display(), cause(&why));
    fs::create_dir_all(folder).map_err(|why| failed(folder, why))?;
    let oldest = now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
    let mut room = most;
    let mut files = Vec::new();
    // From the latest back, as long as there is room.
    let mut date = day(now);
    while date >= day(oldest) {
        let path = path(folder, date);
        date = date.yesterday().unwrap_or(Date::MIN);
        let size = match mend(&path, notes) {
            Ok(size) => size,
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(failed(&path, why)),
        };
        if size > room {
            notes.push(format!("{}: only the last {room} bytes are read", path.display()));
        }
        files.push((path, size.saturating_sub(room)));
        room = room.saturating_sub(size);
        if room == 0 {
            break;
        }
    }
    for (path, skip) in files.into_iter().rev() {
        read(&path, skip, oldest..=now, notes, &mut take).map_err(|why| failed(&path, why))?;
    }
    Ok(())
}

/// Reads one file, from the first whole line after `skip` bytes on.
fn read(
    path: &Path,
    skip: u64,
    wanted: RangeInclusive<Timestamp>,
    notes: &mut Vec<String>,
    take: &mut impl FnMut(Record),
) -> io::Result<()> {
    let mut file = File::open(path)?;
    let (mut strange, mut ahead) = (0, 0);
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(skip.saturating_sub(1)))?;
    let mut lines = BufReader::new(file);
    if skip > 0 {
        lines.read_until(b'\n', &mut line)?;
    }
    loop {
        line.clear();
        // A line of ours is much shorter; what is longer is cut, and not one.
        if (&mut lines).take(1 << 20).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match std::str::from_utf8(&line).ok().and_then(record) {
            Some(record) if wanted.contains(&record.time) => take(record),
            Some(record) => ahead += u64::from(record.time > *wanted.end()),
            None => strange += 1,
        }
    }
    if strange > 0 {
        notes.push(format!("{}: {strange} lines are no results, and are left out", path.display()));
    }
    if ahead > 0 {
        notes.push(format!(
            "{}: {ahead} results are later than the clock, which was set back, and are left out",
            path.display()
        ));
    }
    Ok(())
}

/// Cuts off a last line that was not written to its end; the size that is left.
fn mend(path: &Path, notes: &mut Vec<String>) -> io::Result<u64> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let size = file.metadata()?.len();
    let mut whole = size;
    let mut piece = vec![0; 4096];
    while whole > 0 {
        let begin = whole.saturating_sub(piece.len() as u64);
        let piece = &mut piece[..(whole - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(piece)?;
        match piece.iter().rposition(|byte| *byte == b'\n') {
            Some(place) => {
                whole = begin + place as u64 + 1;
                break;
            }
            None => whole = begin,
        }
    }
    if whole < size {
        file.set_len(whole)?;
        notes.push(format!(
            "{}: its last line was torn, and its {} bytes are dropped",
            path.display(),
            size - whole
        ));
    }
    Ok(whole)
}
