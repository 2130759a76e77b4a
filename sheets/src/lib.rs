//! Executes lab sheets: types into real terminals what a page tells a reader to
//! type, and compares what is printed with what the page quotes.
//!
//! How a sheet is written stands in `README.md`, beside `src/`. The modules, in
//! the order of the work:
//!
//! - [`parse`]: from Markdown to steps
//! - [`run`]: does the steps, with a program in each terminal ([`step`], [`running`], [`terminal`])
//! - [`pattern`], [`align`]: whether a quoted line is the printed one, and which belongs to which
//! - [`report`]: how a difference is shown
//! - [`bless`]: rewrites what a sheet quotes from what was printed
//! - [`namespace`]: a network for each sheet, so that they run side by side
//! - [`lint`]: the parts that every lab sheet must have
//!
//! ```
//! use sheets::parse::System;
//! use sheets::{Mode, Place, execute_text};
//!
//! let place = Place {
//!     root: "/".into(),
//!     programs: "/bin".into(),
//!     path: "/usr/bin:/bin".into(),
//!     system: System::Linux,
//! };
//! let sheet = "<!-- terminal: A -->\n```console\n$ echo hello\nhello\n```\n";
//! assert!(execute_text(&place, "hello.md", sheet, Mode::Check).is_ok());
//!
//! let untrue = sheet.replace("\nhello", "\ngood-bye");
//! let report = execute_text(&place, "hello.md", &untrue, Mode::Check).unwrap_err();
//! assert!(report.contains("should have printed \"good-bye\""));
//! ```

pub mod align;
pub mod bless;
pub mod lint;
pub mod namespace;
pub mod parse;
pub mod pattern;
pub mod report;
pub mod run;
pub mod running;
#[cfg(test)]
mod selftest;
pub mod step;
pub mod terminal;

use parse::{Sheet, System};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Where sheets are executed.
#[derive(Debug, Clone)]
pub struct Place {
    /// The project's folder: commands are typed there.
    pub root: PathBuf,
    /// What Cargo has built: `cargo run --bin NAME` on a sheet starts what is there.
    pub programs: PathBuf,
    /// The PATH of the terminals.
    pub path: OsString,
    /// What the programs were built for: it decides which lines of a sheet hold.
    pub system: System,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Check,
    /// A wrong quotation is no failure: it is rewritten.
    Bless,
}

/// Executes a file, or blesses it; gives the line to say about it, if any.
///
/// # Errors
/// The whole report: where the sheet is not true, and what every terminal shows.
pub fn execute(place: &Place, file: &Path, mode: Mode) -> Result<String, String> {
    let started = Instant::now();
    let name = file.strip_prefix(&place.root).unwrap_or(file);
    let name = name.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
    let (sheet, blessed) = execute_text(place, &name, &text, mode)?;
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
///
/// # Errors
/// As for [`execute`].
pub fn execute_text(
    place: &Place,
    name: &str,
    text: &str,
    mode: Mode,
) -> Result<(Sheet, String), String> {
    let mut sheet = Sheet::parse(name, text)?;
    sheet.keep_for(place.system);
    // Answers and the README may do without terminals.
    let is_lab = name.starts_with("labs/") && !name.starts_with("labs/answers/");
    if is_lab && sheet.fences.is_empty() {
        return Err(format!("{name}: nothing ran: it has no console fence"));
    }
    let edits = run::run(place, &sheet, mode)?;
    let blessed = match edits.is_empty() {
        true => text.to_owned(),
        false => bless::apply(text, edits),
    };
    Ok((sheet, blessed))
}

/// The programs of others that a sheet uses, which it names in a comment:
/// `<!-- needs: nc, python3 -->`.
pub fn needs(text: &str) -> Vec<&str> {
    let lists = text.lines().filter_map(|line| line.strip_prefix("<!-- needs: "));
    let tools = lists.flat_map(|list| list.trim_end().trim_end_matches("-->").split(','));
    tools.map(str::trim).collect()
}
