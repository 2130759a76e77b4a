//! Executes every sheet of the labs, and checks that none lacks a part.
//!
//! `cargo test --test sheets sheet_01` executes one, with its answers; BLESS=1
//! rewrites what it quotes from what the programs print. How it is done: the
//! crate in `sheets/`.

mod common;

use sheets::namespace::{self, Namespaces, SHEET_ONE};
use sheets::parse::System;
use sheets::{Mode, Place, lint};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn place() -> Place {
    // The folder of programs that were built for Windows: scripts/portable.
    let windows = std::env::var_os("SOCKLAB_WINDOWS_PROGRAMS");
    Place {
        root: root().to_path_buf(),
        programs: windows.as_ref().map_or(common::programs(), Path::new).to_path_buf(),
        path: common::path(),
        system: if windows.is_some() { System::Windows } else { System::Linux },
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
fn sheet_01() {
    is_true("01-");
}

#[test]
fn sheet_02() {
    is_true("02-");
}

#[test]
fn sheet_03() {
    is_true("03-");
}

#[test]
fn sheet_04() {
    is_true("04-");
}

#[test]
fn sheet_05() {
    is_true("05-");
}

#[test]
fn sheet_06() {
    is_true("06-");
}

#[test]
fn sheet_07() {
    is_true("07-");
}

#[test]
fn sheet_08() {
    is_true("08-");
}

#[test]
fn sheet_09() {
    is_true("09-");
}

#[test]
fn sheet_readme() {
    is_true("README");
}

#[test]
fn no_sheet_lacks_its_test() {
    for file in files(&["labs"], "") {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A sheet has a number; other pages have tests of their own.
        let number: String = name.chars().take_while(char::is_ascii_digit).collect();
        let test = format!("is_true(\"{number}-\")");
        assert!(number.is_empty() || include_str!("sheets.rs").contains(&test), "{name}");
    }
}

/// Executes the pages whose names begin so, each in a network and a /tmp of its own.
fn is_true(begin: &str) {
    let place = place();
    let files = files(&["labs", "labs/answers", ""], begin);
    assert!(!files.is_empty(), "no page {begin}");
    let namespaces = Namespaces::probe(&place);
    for file in files.iter().filter(|file| has_what_it_needs(file)) {
        let said = match &namespaces {
            Ok(namespaces) => {
                let args = ["--exact", "one_sheet", "--ignored", "--nocapture"];
                namespaces.run(&place, &args, file)
            }
            Err(reason) => {
                say(&format!("no network of its own here ({reason}); one page at a time\n"));
                let lock = File::create(std::env::temp_dir().join("socklab-sheets.lock"));
                let _until_the_end = lock.and_then(|file| file.lock().map(|()| file)).unwrap();
                execute(file)
            }
        };
        match said {
            Ok(said) => say(&said),
            Err(report) => panic!("\n\n{report}"),
        }
    }
}

#[test]
#[ignore = "is_true starts it in a network of its own, for each page"]
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

/// The pages in these folders whose names begin so.
fn files(folders: &[&str], begin: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(root().join(folder)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        files.extend(paths.filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(begin) && name.ends_with(".md")
        }));
    }
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
