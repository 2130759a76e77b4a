//! Reading a file of results, whatever happened to it meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// A line of ours is much shorter; what is longer is cut, and none.
const LONGEST: u64 = 1 << 20;

/// Gives the lines of a file, each with its end, from the first whole one after
/// `skip` bytes on. What `take` refuses, saying why, is left out, and that is
/// told in `notes`.
///
/// # Errors
/// Those of the file system.
pub fn read(
    path: &Path,
    skip: u64,
    notes: &mut Vec<String>,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> io::Result<()> {
    let mut file = File::open(path)?;
    let (mut strange, mut first) = (0, String::new());
    let mut line = Vec::new();
    file.seek(SeekFrom::Start(skip.saturating_sub(1)))?;
    let mut lines = BufReader::new(file);
    if skip > 0 {
        lines.read_until(b'\n', &mut line)?;
    }
    loop {
        line.clear();
        if (&mut lines).take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if let Err(why) = take(&line) {
            if strange == 0 {
                first = why;
            }
            strange += 1;
        }
    }
    if strange > 0 {
        let path = path.display();
        notes.push(format!("{path}: {strange} lines are no results, and are left out: {first}"));
    }
    Ok(())
}

/// Cuts off a last line that was not written to its end; the size that is left.
///
/// # Errors
/// Those of the file system.
pub fn mend(path: &Path, notes: &mut Vec<String>) -> io::Result<u64> {
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
