//! `--data DIR`: every result of the monitor, kept in a [`DayLog`], so that the
//! uptime survives a restart.

use std::io;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::daylog::{self, DayLog, day};
use crate::outcome::Outcome;
use crate::service::Service;
use crate::stamp;
use crate::verdict::Verdict;

/// At the start at most this many bytes are read, the latest ones.
pub const READ_AT_MOST: u64 = 64 << 20;

/// Uptimes go back so far.
const BACK: Duration = Duration::from_secs(24 * 3600 + 300);

/// A result as it is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    #[serde(with = "stamp::utc")]
    pub time: Timestamp,
    pub service: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub verdict: Verdict,
    #[serde(rename = "took_ms", with = "stamp::as_millis")]
    pub took: Option<Duration>,
    pub reason: String,
}

impl Record {
    pub fn new(time: Timestamp, service: &Service, outcome: &Outcome) -> Record {
        Record {
            time,
            service: service.name.clone(),
            kind: service.check.kind().to_string(),
            verdict: outcome.verdict,
            took: outcome.took,
            reason: outcome.reason.clone(),
        }
    }

    /// The line of it, without the newline.
    pub fn line(&self) -> String {
        // A record of text and numbers can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Reads the results of the last day, the oldest first, and no more than
/// `most` bytes of them; what is wrong with the files is told in `notes`.
///
/// # Errors
/// One line: a file cannot be used.
pub fn restore(
    log: &DayLog,
    now: Timestamp,
    most: u64,
    notes: &mut Vec<String>,
    mut take: impl FnMut(Record),
) -> Result<(), String> {
    let oldest = now.checked_sub(BACK).unwrap_or(Timestamp::MIN);
    let mut room = most;
    let mut files = Vec::new();
    // From the latest back, as long as there is room.
    let mut date = day(now);
    while date >= day(oldest) && room > 0 {
        let path = log.path(date);
        date = date.yesterday().unwrap_or(Date::MIN);
        let size = match daylog::mend(&path, notes) {
            Ok(size) => size,
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            Err(why) => return Err(daylog::cannot_use(&path, &why)),
        };
        if size > room {
            notes.push(format!("{}: only the last {room} bytes are read", path.display()));
        }
        files.push((path, size.saturating_sub(room)));
        room = room.saturating_sub(size);
    }
    for (path, skip) in files.into_iter().rev() {
        let mut ahead = 0;
        let read = daylog::read(&path, skip, notes, |line| {
            let record: Record = serde_json::from_slice(line).map_err(|why| why.to_string())?;
            if record.time > now {
                ahead += 1;
            } else if record.time >= oldest {
                take(record);
            }
            Ok(())
        });
        read.map_err(|why| daylog::cannot_use(&path, &why))?;
        if ahead > 0 {
            notes.push(format!(
                "{}: {ahead} results are later than the clock, which was set back, and are left out",
                path.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
