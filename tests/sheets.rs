//! Executes every sheet of the labs, and checks that none lacks a part.
//!
//! `SHEET=01 cargo test --test sheets` takes only the files whose names begin
//! so; `BLESS=1` rewrites what the sheets quote from what the programs print.
//! How it is done: the crate in `sheets/`.

mod common;

use sheets::namespace::{self, Namespaces, SHEET_ONE};
use sheets::{Mode, Place, lint};
use std::io::Write;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn place() -> Place {
    Place {
        root: root().to_path_buf(),
        programs: common::programs().to_path_buf(),
        path: common::path(),
    }
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
    let place = place();
    let mut files = files_to_execute();
    assert!(!files.is_empty(), "there is no sheet to execute");
    files.retain(|file| has_what_it_needs(file));
    let failures = match Namespaces::probe(&place) {
        Ok(namespaces) => sheets::side_by_side(files, |file| {
            let args = ["--exact", "one_sheet", "--ignored", "--nocapture"];
            namespaces.run(&place, &args, file).map(|said| say(&said))
        }),
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

fn execute(file: &Path) -> Result<String, String> {
    let bless = std::env::var_os("BLESS").is_some_and(|value| !value.is_empty());
    sheets::execute(&place(), file, if bless { Mode::Bless } else { Mode::Check })
}

/// The sheets, then their answers and the README, which may have terminals too.
fn files_to_execute() -> Vec<PathBuf> {
    let wanted = std::env::var("SHEET").unwrap_or_default();
    let mut files = Vec::new();
    for folder in ["labs", "labs/answers"] {
        let entries = std::fs::read_dir(root().join(folder)).into_iter().flatten();
        let mut names: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        // A sheet has a number; other pages have tests of their own.
        names.retain(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".md") && name.starts_with(|first: char| first.is_ascii_digit())
        });
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

/// A sheet without one of the programs that it needs is skipped, loudly.
fn has_what_it_needs(file: &Path) -> bool {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut missing = sheets::needs(&text);
    missing.retain(|tool| !common::have(tool));
    if !missing.is_empty() {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        common::skip(&name, &format!("not installed: {}", missing.join(", ")));
    }
    missing.is_empty()
}
