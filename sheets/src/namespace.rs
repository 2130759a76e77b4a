//! A network of its own for each sheet, so that sheets with the same ports run side by side; and
//! a mount table of its own, so that each can bring up the two hosts of `labs/hosts`, and has a
//! /tmp to itself.

use crate::Place;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Every step in a sheet has its own deadline; this is for what nobody foresaw.
const LIMIT: Duration = Duration::from_secs(900);
/// The sheet that a child of the tests is to execute.
pub const SHEET_ONE: &str = "SHEET_ONE";

/// What unshare(1) is told in order to give a program its own network and mounts.
#[derive(Clone, Copy)]
pub struct Namespaces(&'static str);

impl Namespaces {
    /// Tries it out; the error says why it is not possible here.
    pub fn probe(place: &Place) -> Result<Namespaces, String> {
        let mut reason = String::new();
        // The first needs root, the second an ordinary user who may have
        // namespaces; root in a container may be refused either.
        for options in ["-nm", "-rnm"] {
            match Namespaces(options).command(place, "true").output() {
                Ok(output) if output.status.success() => return Ok(Namespaces(options)),
                Ok(output) => reason = String::from_utf8_lossy(&output.stderr).into_owned(),
                Err(error) => reason = format!("unshare: {error}"),
            }
        }
        Err(reason.trim().replace('\n', "; "))
    }

    fn command(self, place: &Place, program: &str) -> Command {
        let mut command = Command::new("unshare");
        // Brings loopback up, and sees to it that the names of hosts and of
        // networks are no one else's, nor is /tmp.
        let settle = place.root.join("labs/hosts");
        command.arg(self.0).arg(settle).args(["world", "bare", program]);
        command
    }

    /// Executes one sheet in this very program, a test, started anew with
    /// `args`; gives what it says, as Ok if the sheet is true.
    pub fn run(self, place: &Place, args: &[&str], sheet: &Path) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("{}: {error}", sheet.display());
        let program = std::env::current_exe().map_err(failed)?;
        let mut child = self
            .command(place, &program.to_string_lossy())
            .args(args)
            .env(SHEET_ONE, sheet)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut stderr = child.stderr.take().expect("it was asked for");
        let reader = std::thread::spawn(move || {
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().map_err(failed)? {
                break status;
            }
            if started.elapsed() > LIMIT {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("{}: no end after {LIMIT:?}", sheet.display()));
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        let said = reader.join().expect("it only reads");
        if status.success() { Ok(said) } else { Err(said) }
    }
}

/// Ends this process when its parent is gone, however that came about: the
/// parent holds the other end of its standard input and never writes there.
/// The terminals close with it, which hangs up on their programs.
pub fn end_with_parent() {
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(1);
    });
}
