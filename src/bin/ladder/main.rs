//! Draws what happened: the space-time diagram of a run, from what its programs have told.
//!
//! ```text
//! cargo run -q --bin udp_ping_server -- --json >server.jsonl
//! cargo run -q --bin udp_ping_client -- --json >client.jsonl
//! cargo run -q --bin ladder -- client.jsonl server.jsonl
//! ```
//!
//! You see a vertical line for each program, an arrow for each packet, and a
//! cross where one died. Time runs downwards, to scale; pauses are shortened,
//! and marked with their length. It opens no socket.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use ladder::grid::Page;
use ladder::ledger;
use ladder::run::run as put_together;
use ladder::selection::{self, Selection};
use ladder::text;
use ladder::{html, svg};
use logic::units;
use socklab::cli::{self, Exit};
use socklab::output::{self, Painter};

const NAME: &str = "ladder";

/// Draw the space-time diagram of a run
///
/// It reads what the programs of one run have written with --json, matches
/// what was sent with what was received, and draws it.
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// What each program has written with --json; - is stdin
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// Draw from this time after the first packet
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    from: Option<Duration>,
    /// Draw up to this time after the first packet
    #[arg(long, value_name = "TIME", value_parser = units::duration)]
    to: Option<Duration>,
    /// Draw every Nth exchange only [default: as few as can be read]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    every: Option<u32>,
    /// The clocks of all files but the first are ahead of its clock by TIME, or behind with a minus
    #[arg(long, value_name = "TIME", value_parser = offset, allow_hyphen_values = true)]
    offset: Option<i64>,
    /// Write the drawing to this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write a page that shows the events of an arrow when it is pointed at or tapped
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Draw this many characters wide [default: as wide as the terminal, 100 at most; else 80]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(40..=1000))]
    width: Option<u16>,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
    for (index, file) in args.files.iter().enumerate() {
        if args.files[..index].contains(file) {
            return Err(format!("{file} is given twice; give each program's file once"));
        }
        let bytes = read(file)?;
        let name = if file == "-" { "stdin" } else { file };
        ledger::read(name, &bytes, &mut ledgers, &mut wrong);
    }
    let mut run = put_together(ledgers, args.offset);
    if run.packets.is_empty() && run.marks.is_empty() {
        let nothing = "there is nothing to draw: no packet in what was read".to_string();
        // The last one says what the file lacks; the others, what is odd in it.
        return Err(wrong.pop().unwrap_or(nothing));
    }
    for line in &wrong {
        output::complain(NAME, line);
    }
    let ns = |time: Duration| i64::try_from(time.as_nanos()).unwrap_or(i64::MAX);
    let every = args.every.map(|every| every as usize);
    let selection = Selection { from: args.from.map(ns), to: args.to.map(ns), every };
    selection::select(&mut run, selection);
    if run.packets.is_empty() && run.marks.is_empty() {
        return Err("there is nothing between --from and --to".to_string());
    }
    write(args.svg.as_deref(), || svg::draw(&run))?;
    write(args.html.as_deref(), || html::draw(&run))?;
    if args.svg.is_some() || args.html.is_some() {
        return Ok(Exit::Ok);
    }
    let page = Page { width: width(args.width), painter: Painter::for_stdout(), ascii: !utf8() };
    output::line(&text::draw(&run, page).join("\n"));
    Ok(Exit::Ok)
}

fn read(file: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = match file {
        "-" => io::stdin().read_to_end(&mut bytes).map(drop),
        _ => fs::read(file).map(|all| bytes = all),
    };
    read.map_err(|why| format!("cannot read {file}: {}", socklab::errors::cause(&why)))?;
    Ok(bytes)
}

/// Writes a drawing to its file, if there is one.
fn write(file: Option<&Path>, drawing: impl Fn() -> String) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, drawing())
        .map_err(|why| format!("cannot write {}: {}", file.display(), socklab::errors::cause(&why)))
}

/// A duration, with a minus in front of it if need be.
fn offset(text: &str) -> Result<i64, String> {
    let (sign, length) = match text.strip_prefix('-') {
        Some(length) => (-1, length),
        None => (1, text),
    };
    let time = units::duration(length)?;
    i64::try_from(time.as_nanos()).map(|ns| sign * ns).map_err(|_| "too long".to_string())
}

fn width(wanted: Option<u16>) -> usize {
    let terminal = || terminal_size::terminal_size().map(|(width, _)| width.0.clamp(40, 100));
    usize::from(wanted.or_else(terminal).unwrap_or(80))
}

/// Whether the locale has more than ASCII (locale(7)).
fn utf8() -> bool {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| set(name));
    let name = locale.unwrap_or_default().to_lowercase();
    cfg!(windows) || name.contains("utf-8") || name.contains("utf8")
}
