//! One test, or all examples in the documentation, in a process of its own.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::{build, processes};

/// A test that takes longer hangs: its own deadlines are shorter.
const LIMIT: Duration = Duration::from_secs(900);
/// How often a process is asked whether it has ended.
pub const LOOK: Duration = Duration::from_millis(5);

/// A binary full of tests.
#[derive(Debug)]
pub struct Binary {
    /// Such as `monitor/tests/agents`.
    pub name: String,
    pub program: PathBuf,
    /// Where Cargo would run it: in its package's folder.
    pub folder: PathBuf,
}

/// What is run as one process.
#[derive(Debug, Clone)]
pub struct Job {
    /// `None` for the documentation.
    binary: Option<Arc<Binary>>,
    test: String,
}

/// How it went.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub passed: usize,
    pub failed: usize,
    pub ignored: usize,
    /// Standard output and error, as they came.
    pub output: String,
    pub took: Duration,
}

impl Job {
    pub fn new(binary: Arc<Binary>, test: String) -> Job {
        Job { binary: Some(binary), test }
    }

    pub fn documentation() -> Job {
        Job { binary: None, test: "documentation".to_string() }
    }

    /// One that cannot be started.
    #[cfg(test)]
    pub fn missing(test: &str) -> Job {
        let (name, program) = ("missing".to_string(), PathBuf::from("/nonexistent"));
        Job::new(Arc::new(Binary { name, program, folder: "/".into() }), test.to_string())
    }

    /// The binary's name.
    pub fn group(&self) -> &str {
        self.binary.as_ref().map_or("documentation", |binary| &binary.name)
    }

    pub fn name(&self) -> String {
        format!("{} {}", self.group(), self.test)
    }

    /// Runs it to its end, or until `stopped`.
    pub fn run(&self, stopped: &AtomicBool) -> Outcome {
        let began = Instant::now();
        let (ended_well, mut output) = match self.supervise(stopped) {
            Ok((ended_well, output)) => (ended_well, output),
            Err(why) => (false, format!("cannot run it: {why}\n")),
        };
        let [passed, failed, ignored] =
            ["passed", "failed", "ignored"].map(|word| count(&output, word));
        // A process that was killed, or that dies of a signal, counts nothing.
        let failed = if ended_well { failed } else { failed.max(1) };
        if ended_well && passed + failed + ignored == 0 {
            output += "it ended without a result\n";
            return Outcome { passed, failed: 1, ignored, output, took: began.elapsed() };
        }
        Outcome { passed, failed, ignored, output, took: began.elapsed() }
    }

    fn command(&self) -> Command {
        match &self.binary {
            Some(binary) => {
                let mut command = Command::new(&binary.program);
                command.args(["--exact", &self.test]).current_dir(&binary.folder);
                command.env("CARGO_MANIFEST_DIR", &binary.folder);
                command
            }
            None => {
                let mut command = build::cargo();
                command.args(["test", "--workspace", "--doc", "--quiet"]);
                command
            }
        }
    }

    /// Whether it ended with status 0, and what it printed. That goes to a file:
    /// a pipe would stay open as long as anything that the test has left behind.
    fn supervise(&self, stopped: &AtomicBool) -> std::io::Result<(bool, String)> {
        let mut file = tempfile::tempfile()?;
        let mut command = self.command();
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
        let mut child = processes::in_a_group(&mut command).spawn()?;
        let began = Instant::now();
        let mut remark = String::new();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let late = began.elapsed() > LIMIT;
            if late || stopped.load(Ordering::SeqCst) {
                if late {
                    remark = format!("\nkilled: no end after {LIMIT:?}\n");
                }
                processes::kill_group(&child);
                break child.wait()?;
            }
            std::thread::sleep(LOOK);
        };
        // What it left running in its group.
        processes::kill_group(&child);
        if !status.success() {
            remark += &format!("{status}\n");
        }
        Ok((status.success(), read_all(&mut file)? + &remark))
    }
}

fn read_all(file: &mut File) -> std::io::Result<String> {
    file.rewind()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// How many tests `passed`, `failed` or are `ignored`, by all closing lines in the output:
/// `test result: ok. 1 passed; 0 failed; 0 ignored; …`
fn count(output: &str, word: &str) -> usize {
    let results = output.lines().filter_map(|line| line.strip_prefix("test result: "));
    let parts = results.flat_map(|result| result.split([';', '.']));
    parts.filter_map(|part| part.trim().strip_suffix(word)?.trim().parse::<usize>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_closing_lines_are_counted() {
        let output = "running 3 tests\n\ntest result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; \
                      0 filtered out; finished in 0.11s\n\ntest result: FAILED. 40 passed; 3 failed; \
                      0 ignored; 0 measured; 7 filtered out; finished in 1.00s\n";
        assert_eq!(["passed", "failed", "ignored"].map(|word| count(output, word)), [42, 3, 1]);
        assert_eq!(count("3 passed\n", "passed"), 0);
    }

    /// A shell script in the place of a test binary.
    #[cfg(unix)]
    fn script(folder: &std::path::Path, text: &str) -> Job {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("script");
        std::fs::write(&program, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let binary = Binary { name: "script".to_string(), program, folder: folder.to_path_buf() };
        Job::new(Arc::new(binary), "its_test".to_string())
    }

    #[cfg(unix)]
    #[test]
    fn what_a_test_prints_and_its_status_say_how_it_went() {
        let folder = tempfile::tempdir().unwrap();
        let run = |text: &str| {
            let outcome = script(folder.path(), text).run(&AtomicBool::new(false));
            ([outcome.passed, outcome.failed, outcome.ignored], outcome.output)
        };
        let good = "echo $1 $2; echo 'test result: ok. 1 passed; 0 failed; 0 ignored'";
        let (counts, output) = run(good);
        assert_eq!(counts, [1, 0, 0]);
        assert!(output.starts_with("--exact its_test\n"), "{output}");
        let (counts, output) = run("echo before; echo why >&2; kill -SEGV $$");
        assert_eq!(counts, [0, 1, 0]);
        assert!(output.starts_with("before\nwhy\nsignal: 11"), "{output}");
        // Whoever ends without a word has not passed.
        assert_eq!(run("exit 0").0, [0, 1, 0]);
        assert_eq!(run("exit 101").0, [0, 1, 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_run_that_is_stopped_ends_and_what_a_test_leaves_behind_too() {
        let folder = tempfile::tempdir().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = folder.path().join("seen");
        let (flag, file) = (Arc::clone(&stopped), seen.clone());
        std::thread::spawn(move || {
            let written = || std::fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n'));
            while !written() {
                std::thread::sleep(LOOK);
            }
            flag.store(true, Ordering::SeqCst);
        });
        let outcome = script(folder.path(), "sleep 1000 & echo $! >seen; wait").run(&stopped);
        assert_eq!((outcome.failed, outcome.passed), (1, 0));
        let pid = std::fs::read_to_string(seen).unwrap();
        let state = || std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        // It is gone, or waits for whoever inherited it.
        let began = Instant::now();
        while state().is_ok_and(|stat| !stat.contains(") Z ")) {
            assert!(began.elapsed() < Duration::from_secs(60), "it goes on");
            std::thread::sleep(LOOK);
        }
    }
}
