//! How long each test took last time, so that the longest begin first: what
//! begins late and takes long is waited for alone.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::job::Job;

/// A test that was never timed is taken for a long one: begun early it does no harm.
const UNKNOWN: Duration = Duration::from_secs(5);

pub struct Times {
    file: PathBuf,
    known: BTreeMap<String, Duration>,
}

impl Times {
    /// What is in the target folder; nothing, if there is nothing.
    pub fn read(target: &Path) -> Times {
        let file = target.join("test-times.txt");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let entry = |line: &str| {
            let (seconds, name) = line.split_once(' ')?;
            let took = Duration::try_from_secs_f64(seconds.parse().ok()?).ok()?;
            Some((name.to_string(), took))
        };
        Times { file, known: text.lines().filter_map(entry).collect() }
    }

    /// By this they are to be sorted.
    pub fn rank(&self, job: &Job) -> Reverse<Duration> {
        Reverse(self.known.get(&job.name()).copied().unwrap_or_else(|| guess(&job.name())))
    }

    pub fn took(&mut self, job: &Job, took: Duration) {
        self.known.insert(job.name(), took);
    }

    /// A failure to write is no failure of the tests.
    pub fn write(&self) {
        let line =
            |(name, took): (&String, &Duration)| format!("{:.3} {name}\n", took.as_secs_f64());
        let text: String = self.known.iter().map(line).collect();
        if let Err(why) = std::fs::write(&self.file, text) {
            eprintln!("suite: cannot keep the times in {}: {why}", self.file.display());
        }
    }
}

/// How long a test takes that was never timed, by what it is.
fn guess(name: &str) -> Duration {
    if name.contains(" sheet_") || name.starts_with("documentation") {
        Duration::from_secs(60)
    } else if name.contains("src ") {
        Duration::ZERO
    } else {
        UNKNOWN
    }
}
