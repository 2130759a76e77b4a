//! Writes the book: `cargo run -p book -- [--student] [--ready] [FOLDER]`, from the
//! project's folder. `--student` leaves the answers out; `--ready` is for an
//! archive that has the programs built. With `--link` it links the glossary's
//! terms in the sheets, and with `--sheet FILE` it prints a sheet as `--ready` has it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use book::pages::Edition;
use book::ready::ready;
use book::{build, check, glossary};

fn main() -> ExitCode {
    match run() {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("book: {why}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<String, String> {
    let (mut edition, mut out) = (Edition::default(), PathBuf::from("target/book"));
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--student" => edition.student = true,
            "--ready" => edition.ready = true,
            "--sheet" => return sheet(&arguments.next().unwrap_or_default()),
            "--link" => return glossary::link_sheets(Path::new(".")),
            flag if flag.starts_with('-') => {
                return Err(format!(
                    "{flag} is unknown; there are --student, --ready, --link and --sheet"
                ));
            }
            folder => out = PathBuf::from(folder),
        }
    }
    let files = build(Path::new("."), &out, edition)?;
    match &check::dangling(&out)?[..] {
        [] => Ok(format!("{files} files; open {}", out.join("index.html").display())),
        dangling => Err(format!("links that lead nowhere:\n{}", dangling.join("\n"))),
    }
}

fn sheet(file: &str) -> Result<String, String> {
    std::fs::read_to_string(file).map(|text| ready(&text)).map_err(|why| format!("{file}: {why}"))
}
