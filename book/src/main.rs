//! Writes the book: `cargo run -p book -- [--student] [FOLDER]`, from the
//! project's folder. With `--link` it links the glossary's terms in the sheets.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use book::pages::Edition;
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
    let (mut edition, mut out) = (Edition::Whole, PathBuf::from("target/book"));
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--student" => edition = Edition::Student,
            "--link" => return glossary::link_sheets(Path::new(".")),
            flag if flag.starts_with('-') => {
                return Err(format!("{flag} is unknown; there are --student and --link"));
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
