//! Results in files of JSON lines, one a day, for the monitor and the manager alike.
//!
//! A file is called `results-2024-04-20.jsonl`. The days are those of UTC: a
//! local day may have 23 hours or 25, and name one hour twice. What is appended
//! is with the operating system when the call returns, so a crash of the
//! program loses none of it; after a power cut the last seconds may be missing.
//! Nothing is ever deleted.
//!
//! A file may be moved away at any time, as logrotate does: what comes next
//! goes to a new one. Whoever opens a folder has [locked](crate::atomic::lock_folder)
//! it, because a last line that is not whole is cut off.

mod read;
mod writer;

pub use read::{mend, read};
pub use writer::Writer;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use socklab::errors::cause;

/// A folder of results.
#[derive(Debug)]
pub struct DayLog {
    folder: PathBuf,
    open: Option<Day>,
}

/// The file that is written to.
#[derive(Debug)]
struct Day {
    date: Date,
    file: File,
    /// How long it is while all its lines are whole.
    whole: u64,
}

impl DayLog {
    /// The results in a folder, which is made if need be.
    ///
    /// # Errors
    /// One line: the folder cannot be used.
    pub fn open(folder: &Path) -> Result<DayLog, String> {
        fs::create_dir_all(folder).map_err(|why| cannot_use(folder, &why))?;
        Ok(DayLog { folder: folder.to_path_buf(), open: None })
    }

    /// The file of a day.
    pub fn path(&self, date: Date) -> PathBuf {
        self.folder.join(format!("results-{date}.jsonl"))
    }

    /// All files of results, in the order of their names.
    ///
    /// # Errors
    /// One line: the folder cannot be read.
    pub fn files(&self) -> Result<Vec<PathBuf>, String> {
        let failed = |why| cannot_use(&self.folder, &why);
        let mut paths = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|ending| ending == "jsonl") {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// How many bytes all files of results take now.
    ///
    /// # Errors
    /// One line: the folder cannot be read.
    pub fn size(&self) -> Result<u64, String> {
        let sizes = self.files()?.into_iter();
        // One that was moved away in the meantime takes nothing.
        Ok(sizes.map(|path| fs::metadata(path).map_or(0, |found| found.len())).sum())
    }

    /// Appends lines, each with its end, to the file of a day.
    ///
    /// # Errors
    /// Those of the file system; then none of the lines is there.
    pub fn append(&mut self, date: Date, lines: &[u8]) -> io::Result<()> {
        let path = self.path(date);
        // Another file may bear the name by now, or none: it was moved away.
        let same = |day: &Day| {
            day.date == date && fs::metadata(&path).is_ok_and(|found| found.len() >= day.whole)
        };
        let mut day = match self.open.take().filter(same) {
            Some(day) => day,
            None => {
                let file = OpenOptions::new().append(true).create(true).open(&path)?;
                let whole = file.metadata()?.len();
                Day { date, file, whole }
            }
        };
        if let Err(why) = day.file.write_all(lines) {
            // A part may have been written, and would spoil the next line. If it
            // cannot be cut off now, then the next start does.
            let _ = day.file.set_len(day.whole);
            return Err(why);
        }
        day.whole += lines.len() as u64;
        self.open = Some(day);
        Ok(())
    }

    /// Has the file opened anew before the next line.
    pub fn reopen(&mut self) {
        self.open = None;
    }
}

/// The day of a moment, in UTC.
pub fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}

/// The error of a folder or a file that cannot be used.
pub fn cannot_use(path: &Path, why: &io::Error) -> String {
    format!("cannot use {}: {}", path.display(), cause(why))
}

#[cfg(test)]
mod tests;
