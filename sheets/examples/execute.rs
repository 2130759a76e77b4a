//! Executes one sheet in any folder: `execute FOLDER PROGRAMS SHEET`. The commands
//! are typed in FOLDER, with PROGRAMS first on the PATH. What holds on Windows only
//! is taken where the folder's programs are Windows programs.

use std::path::PathBuf;
use std::process::ExitCode;

use sheets::parse::System;
use sheets::{Mode, Place, execute};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(root), Some(programs), Some(sheet)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        eprintln!("execute FOLDER PROGRAMS SHEET");
        return ExitCode::from(2);
    };
    let others = std::env::var_os("PATH").unwrap_or_default();
    let mine = [programs.clone(), programs.join("examples")];
    let path = std::env::join_paths(mine.into_iter().chain(std::env::split_paths(&others)));
    let windows = root.join("bin/demo.exe").exists();
    let system = if windows { System::Windows } else { System::Linux };
    let place = Place { root, programs, path: path.unwrap_or(others), system };
    match execute(&place, &sheet, Mode::Check) {
        Ok(said) => {
            print!("{said}");
            ExitCode::SUCCESS
        }
        Err(report) => {
            eprintln!("{report}");
            ExitCode::FAILURE
        }
    }
}
