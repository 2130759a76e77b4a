//! A program on a pseudo-terminal of its own, as in the window of a learner.

use crate::Place;
use crate::parse::System;
use nix::sys::signal::{Signal, killpg};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Condvar, LazyLock, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// What a fresh terminal does not have: what make hands to its children, and
/// whatever would change a program's language or colour.
const NOT_INHERITED: [&str; 16] = [
    "MAKEFLAGS",
    "MFLAGS",
    "MAKELEVEL",
    "MAKEOVERRIDES",
    "MAKEFILES",
    "MAKE_TERMOUT",
    "MAKE_TERMERR",
    "NO_COLOR",
    "LC_ALL",
    "LINES",
    "COLUMNS",
    "BASH_ENV",
    "ENV",
    "BLESS",
    "SHEET_ONE",
    "SOCKLAB_STRICT",
];

/// The shell that takes the commands: bash, where there is one.
static SHELL: LazyLock<&str> = LazyLock::new(|| {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("bash").is_file());
    if found { "bash" } else { "sh" }
});

/// A running program. Dropping it kills it, with all that it started.
pub struct Program {
    child: Child,
    master: File,
    output: Arc<Output>,
}

#[derive(Default)]
struct Output {
    so_far: Mutex<SoFar>,
    grew: Condvar,
}

struct SoFar {
    bytes: Vec<u8>,
    /// Nobody holds the terminal any more: nothing further will come.
    ended: bool,
    last_growth: Instant,
}

impl Default for SoFar {
    fn default() -> SoFar {
        SoFar { bytes: Vec::new(), ended: false, last_growth: Instant::now() }
    }
}

/// What a person sees in the terminal, at one moment.
#[derive(Debug, Default)]
pub struct View {
    /// The finished lines; when the program has ended, also an unfinished last one.
    pub lines: Vec<String>,
    /// The line that the program is still writing.
    pub unfinished: String,
    pub ended: bool,
    pub quiet_for: Duration,
}

impl Program {
    /// Starts a command line in a shell whose `$?` is `previous_status`.
    pub fn start(place: &Place, command: &str, previous_status: i32) -> io::Result<Program> {
        let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("shim");
        let path = std::iter::once(shim).chain(std::env::split_paths(&place.path));
        let path = std::env::join_paths(path).map_err(io::Error::other)?;

        let (pty, pts) = pty_process::blocking::open().map_err(io::Error::other)?;
        // A console of Windows breaks long lines itself, and for good.
        let columns = if place.system == System::Windows { 400 } else { 80 };
        pty.resize(pty_process::Size::new(24, columns)).map_err(io::Error::other)?;
        let mut shell = pty_process::blocking::Command::new(*SHELL)
            .arg("-c")
            .arg(format!("(exit {previous_status})\n{command}"))
            .current_dir(&place.root)
            .env("PATH", path)
            .env("SOCKLAB_PROGRAMS", &place.programs)
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .env("TZ", "UTC");
        for name in NOT_INHERITED {
            shell = shell.env_remove(name);
        }
        let child = shell.spawn(pts).map_err(io::Error::other)?;
        let master = File::from(OwnedFd::from(pty));
        let output = Arc::new(Output::default());
        let program = Program { child, output: Arc::clone(&output), master };
        let reader = program.master.try_clone()?;
        std::thread::spawn(move || output.collect(reader));
        Ok(program)
    }

    pub fn view(&self) -> View {
        self.output.lock().view()
    }

    /// Waits until `condition` gives something, at most until the deadline.
    pub fn wait_for<T>(
        &self,
        deadline: Instant,
        mut condition: impl FnMut(&View) -> Option<T>,
    ) -> Option<T> {
        let mut so_far = self.output.lock();
        loop {
            if let Some(found) = condition(&so_far.view()) {
                return Some(found);
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            // Also looks again when nothing has come: quiet is a condition too.
            let pause = left.min(Duration::from_millis(100));
            let waited = self.output.grew.wait_timeout(so_far, pause);
            so_far = waited.expect("no thread panics with the lock").0;
        }
    }

    /// Types Ctrl-C. The terminal's driver would send SIGINT first, then throw
    /// away what nobody has read yet, and then echo `^C`: a quick program's
    /// last words could stand before the echo, and its earlier ones be lost.
    /// So the driver is told to do neither, and the echo is written here, if
    /// the terminal echoes at all.
    pub fn type_ctrl_c(&mut self) -> io::Result<()> {
        let mut settings = tcgetattr(&self.master)?;
        let echoes = settings.local_flags.contains(LocalFlags::ECHO);
        settings.local_flags.remove(LocalFlags::ECHO);
        settings.local_flags.insert(LocalFlags::NOFLSH);
        tcsetattr(&self.master, SetArg::TCSANOW, &settings)?;
        if echoes {
            self.output.append(b"^C");
        }
        self.master.write_all(b"\x03")
    }

    /// Types a line and Enter, which the terminal or the program itself echoes.
    pub fn type_line(&mut self, text: &str) -> io::Result<()> {
        self.master.write_all(format!("{text}\r").as_bytes())
    }

    /// The exit status as a shell tells it, once the program has ended.
    pub fn status(&mut self, deadline: Instant) -> io::Result<Option<i32>> {
        loop {
            if let Some(status) = self.child.try_wait()? {
                let signal = status.signal().map(|number| 128 + number);
                return Ok(status.code().or(signal));
            }
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // pty-process has made the shell the leader of a session.
        let session = self.child.id().cast_signed();
        let _ = killpg(Pid::from_raw(session), Signal::SIGKILL);
        // Again until none is left: one may have been about to fork.
        for _ in 0..100 {
            let members = session_members(session);
            if members.is_empty() {
                break;
            }
            for member in members {
                let _ = nix::sys::signal::kill(Pid::from_raw(member), Signal::SIGKILL);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = self.child.wait();
    }
}

/// The living processes of a session, also those that made a process group of
/// their own, as `timeout` does. Without /proc there are none to be found.
fn session_members(session: i32) -> Vec<i32> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.to_str()?.parse().ok())
        .filter(|process: &i32| {
            let stat = std::fs::read_to_string(format!("/proc/{process}/stat"));
            // proc(5): after the name in brackets: state, parent, group, session.
            let stat = stat.unwrap_or_default();
            let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
            let mut fields = fields.split_whitespace();
            let dead = matches!(fields.next(), None | Some("Z" | "X"));
            !dead && fields.nth(2) == Some(&session.to_string())
        })
        .collect()
}

impl Output {
    fn lock(&self) -> MutexGuard<'_, SoFar> {
        self.so_far.lock().expect("no thread panics with the lock")
    }

    fn append(&self, bytes: &[u8]) {
        let mut so_far = self.lock();
        so_far.bytes.extend_from_slice(bytes);
        so_far.last_growth = Instant::now();
        self.grew.notify_all();
    }

    /// Linux reports EIO where others report an end, once the last process
    /// that had the terminal open is gone.
    fn collect(&self, mut reader: File) {
        let mut buffer = [0; 4096];
        loop {
            match reader.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
                Ok(length) => self.append(&buffer[..length]),
            }
        }
        self.lock().ended = true;
        self.grew.notify_all();
    }
}

impl SoFar {
    fn view(&self) -> View {
        let text = as_seen(&self.bytes);
        let mut lines: Vec<String> = text.split('\n').map(|line| line.to_owned()).collect();
        let mut unfinished = lines.pop().unwrap_or_default();
        if self.ended && !unfinished.is_empty() {
            lines.push(std::mem::take(&mut unfinished));
        }
        View { lines, unfinished, ended: self.ended, quiet_for: self.last_growth.elapsed() }
    }
}

/// Text without colours, cursor movements and window titles, with plain line
/// ends, without the blanks before these, and without what was written over.
fn as_seen(bytes: &[u8]) -> String {
    static ESCAPES: LazyLock<regex::Regex> = LazyLock::new(|| {
        let sequences = concat!(
            r"\x1b\[[0-?]*[ -/]*[@-~]",
            r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)",
            r"|\x1b[@-Z\\^_]",
        );
        regex::Regex::new(sequences).expect("written here")
    });
    // So a line editor puts the cursor behind its prompt, which stays.
    static BEHIND_THE_PROMPT: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"\r\x1b\[\d+C").expect("written here"));
    let text = String::from_utf8_lossy(bytes);
    let text = BEHIND_THE_PROMPT.replace_all(&text, "");
    let text = ESCAPES.replace_all(&text, "");
    // A carriage return within a line begins it anew, as line editors do with
    // every key. (They erase what was there; who does not is shown cut short.)
    let lines = text.split('\n').map(str::trim_end);
    let lines = lines.map(|line| line.rsplit('\r').next().unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}
