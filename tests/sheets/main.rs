//! Executes every sheet of the labs, and checks that none lacks a part.
//!
//! `SHEET=01 cargo test --test sheets` takes only the files whose names begin
//! so; `BLESS=1` rewrites what the sheets quote from what the programs print.
//! parse: from Markdown to steps; run: does them, with a program in each
//! terminal (running, terminal); pattern, align, report: what is compared and
//! how a difference is shown; bless: mends a sheet; lint: what a sheet must
//! have; namespace: a network for each; selftest: the tests of all this.

mod align;
mod bless;
#[path = "../common/mod.rs"]
mod common;
mod lint;
mod lint_test;
mod namespace;
mod parse;
mod pattern;
mod report;
mod run;
mod running;
mod selftest;
mod terminal;

use namespace::{Namespaces, SHEET_ONE};
use parse::Sheet;
use running::Mode;
use std::collections::VecDeque;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// To standard error itself: the test runner holds back what eprintln! prints.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

#[test]
fn every_sheet_has_what_a_lab_needs() {
    let labs = lint::Labs::read(root()).unwrap_or_else(|error| panic!("{error}"));
    let faults = lint::lint(&labs);
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn every_sheet_is_true() {
    let mut files = files_to_execute();
    assert!(!files.is_empty(), "there is no sheet to execute");
    files.retain(|file| has_what_it_needs(file));
    let failures = match Namespaces::probe() {
        Ok(namespaces) => side_by_side(files, |file| namespaces.run(file).map(|said| say(&said))),
        Err(reason) => {
            say(&format!(
                "sheets: no networks of their own here ({reason}); they run one after the other\n"
            ));
            let results = files.iter().map(|file| execute(file).map(|said| say(&said)));
            results.filter_map(Result::err).collect()
        }
    };
    assert!(failures.is_empty(), "\n\n{}", failures.join("\n\n"));
}

#[test]
#[ignore = "every_sheet_is_true starts it in a network of its own, for each sheet"]
fn one_sheet() {
    let Some(sheet) = std::env::var_os(SHEET_ONE) else {
        return;
    };
    namespace::end_with_parent();
    match execute(Path::new(&sheet)) {
        Ok(said) => say(&said),
        Err(report) => {
            say(&report);
            // A panic would only add to the report.
            std::process::exit(1);
        }
    }
}

/// As many at a time as there are processors; gives what failed.
fn side_by_side(
    files: Vec<PathBuf>,
    execute: impl Fn(&Path) -> Result<(), String> + Sync,
) -> Vec<String> {
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let queue = Mutex::new(VecDeque::from(files));
    let failures = Mutex::new(Vec::new());
    let next = || queue.lock().expect("nobody panics with it").pop_front();
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(file) = next() {
                    if let Err(report) = execute(&file) {
                        failures.lock().expect("nobody panics with it").push(report);
                    }
                }
            });
        }
    });
    failures.into_inner().expect("nobody panics with it")
}

/// The sheets, then their answers and the README, which may have terminals too.
fn files_to_execute() -> Vec<PathBuf> {
    let wanted = std::env::var("SHEET").unwrap_or_default();
    let mut files = Vec::new();
    for folder in ["labs", "labs/answers"] {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
        let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        names.retain(|path| path.extension().is_some_and(|end| end == "md"));
        names.sort();
        assert!(!names.is_empty() || folder != "labs", "labs/ has no sheet");
        files.extend(names);
    }
    files.extend(Some(root().join("README.md")).filter(|path| path.exists()));
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default();
        name.to_string_lossy().starts_with(&wanted)
    });
    files
}

/// A sheet may use programs of others, which it names in a comment:
/// `<!-- needs: nc, python3 -->`. Without one of them it is skipped, loudly.
fn has_what_it_needs(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let needs =
        text.lines().filter_map(|line| line.strip_prefix("<!-- needs: ")).flat_map(|list| {
            list.trim_end().trim_end_matches("-->").split(',').map(str::trim).map(str::to_owned)
        });
    let missing: Vec<String> = needs.filter(|tool| !common::have(tool)).collect();
    if !missing.is_empty() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        common::skip(&name, &format!("not installed: {}", missing.join(", ")));
    }
    missing.is_empty()
}

/// Executes a file, or blesses it; gives the line to say about it, if any.
fn execute(file: &Path) -> Result<String, String> {
    let started = Instant::now();
    let name = file.strip_prefix(root()).unwrap_or(file);
    let name = name.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let bless = std::env::var_os("BLESS").is_some_and(|value| !value.is_empty());
    let mode = if bless { Mode::Bless } else { Mode::Check };
    let (sheet, blessed) = execute_text(&name, &text, mode)?;
    if sheet.fences.is_empty() {
        return Ok(String::new());
    }
    let mut outcome = "ok";
    if blessed != text {
        bless::write(file, &blessed).map_err(|error| format!("{name}: {error}"))?;
        outcome = "rewritten";
    }
    let (commands, terminals) = (sheet.commands(), sheet.terminals().len());
    let seconds = started.elapsed().as_secs_f32();
    Ok(format!("{name}: {commands} commands, {terminals} terminals, {outcome} ({seconds:.1} s)\n"))
}

/// Executes a sheet; gives it back with its text, which blessing may change.
fn execute_text(name: &str, text: &str, mode: Mode) -> Result<(Sheet, String), String> {
    let sheet = Sheet::parse(name, text)?;
    // Answers and the README may do without terminals.
    let is_lab = name.starts_with("labs/") && !name.starts_with("labs/answers/");
    if is_lab && sheet.fences.is_empty() {
        return Err(format!("{name}: nothing ran: it has no console fence"));
    }
    let edits = run::run(&sheet, mode)?;
    let blessed = match edits.is_empty() {
        true => text.to_owned(),
        false => bless::apply(text, edits),
    };
    Ok((sheet, blessed))
}
