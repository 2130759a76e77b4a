//! A manager, agents, and the cables between them.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{DEADLINE, program};
use monitor::manager::results::Stored;
use monitor::protocol::Delivery;

/// Where a clock library finds by how many seconds the clock is wrong (see
/// clock.c), and where the library is, for the programs that are started.
pub const CLOCK: &str = "TEST_CLOCK";
pub const CLOCK_LIBRARY: &str = "TEST_CLOCK_LIBRARY";

/// A number from the environment, for the long runs.
pub fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

#[track_caller]
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// A program with a pipe to its stdin; killed when it is dropped.
pub struct Process {
    child: Child,
    stdin: ChildStdin,
    lines: Receiver<String>,
}

impl Process {
    pub fn start(name: &str, folder: &Path, args: &[&str]) -> Process {
        let mut command = Command::new(program(name));
        if let Some(library) = std::env::var_os(CLOCK_LIBRARY) {
            command.env("LD_PRELOAD", library);
        }
        let mut child = command
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take().unwrap();
        let (sender, lines) = mpsc::channel();
        // Both together, as on a terminal.
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().unwrap()), Box::new(child.stderr.take().unwrap())];
        for stream in streams {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Process { child, stdin, lines }
    }

    /// Types a line; false if the program is gone.
    pub fn type_line(&mut self, line: &str) -> bool {
        writeln!(self.stdin, "{line}").is_ok()
    }

    /// Reads on until a line contains `text`, and gives that line; None if the
    /// program ends before.
    pub fn line_with(&mut self, text: &str) -> Option<String> {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line with {text:?}");
            match self.lines.recv_timeout(left) {
                Ok(line) if line.contains(text) => return Some(line),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    }

    /// What has been printed and not read.
    pub fn printed(&mut self) -> Vec<String> {
        self.lines.try_iter().collect()
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// kill -9, and waits until it is dead.
    pub fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        // The pipes are closed now: the rest comes, and then no more.
        self.lines.iter().collect()
    }

    /// kill -9, with what it was asked for and has not read.
    pub fn kill_and_forget(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the end.
    pub fn terminate(mut self) -> (i32, Vec<String>) {
        let id = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        let code = status.and_then(|status| status.code()).unwrap_or(-1);
        (code, self.lines.iter().collect())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A manager in a folder of its own, always at the same address.
pub struct Manager {
    pub folder: PathBuf,
    pub address: SocketAddr,
    /// Its first line.
    pub said: String,
    options: Vec<String>,
    process: Option<Process>,
}

impl Manager {
    /// Started, with further options.
    pub fn start(folder: &Path, options: &[&str]) -> Manager {
        let mut manager = Manager {
            folder: folder.to_path_buf(),
            address: "127.0.0.1:0".parse().unwrap(),
            said: String::new(),
            options: options.iter().map(|option| option.to_string()).collect(),
            process: None,
        };
        manager.restart();
        manager
    }

    /// Starts it (again), and waits until it listens.
    pub fn restart(&mut self) {
        let bind = self.address.to_string();
        let mut args = vec!["--bind", &bind, "--data", "data.json", "--results", "results"];
        args.extend(self.options.iter().map(String::as_str));
        let mut process = Process::start("monitor_manager", &self.folder, &args);
        let line = process.line_with("listening on").expect("it listens");
        let address =
            line.split_whitespace().find_map(|word| word.trim_end_matches(',').parse().ok());
        self.address = address.unwrap_or_else(|| panic!("no address in {line:?}"));
        self.said = line;
        self.process = Some(process);
    }

    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("it was started")
    }

    pub fn kill(&mut self) {
        self.kill_and_read();
    }

    /// The same, and what it had printed.
    pub fn kill_and_read(&mut self) -> Vec<String> {
        self.process.take().map(Process::kill).unwrap_or_default()
    }

    /// Types a command, and waits for a line of the reply.
    pub fn command(&mut self, command: &str, reply: &str) -> String {
        assert!(self.process().type_line(command));
        self.process().line_with(reply).expect("the manager lives")
    }

    /// The numbers stored, by agent and boot; those dropped count too.
    pub fn stored(&self) -> BTreeMap<(u64, String), Vec<u64>> {
        let mut numbers: BTreeMap<(u64, String), Vec<u64>> = BTreeMap::new();
        let files = std::fs::read_dir(self.folder.join("results")).unwrap();
        for file in files {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for line in text.lines() {
                let stored: Stored = serde_json::from_str(line).unwrap();
                let (first, last) = stored.delivery.numbers();
                assert!(matches!(stored.delivery, Delivery::Result(_)), "dropped: {line}");
                let key = (stored.agent_id, stored.delivery.boot_id().to_string());
                numbers.entry(key).or_default().extend(first..=last);
            }
        }
        numbers
    }
}

/// A cable from an agent to the manager: it can be pulled, and go dead.
pub struct Cable {
    pub address: SocketAddr,
    state: Arc<Mutex<CableState>>,
}

#[derive(Default)]
struct CableState {
    /// Nothing goes through, and nobody is told.
    dead: bool,
    /// The manager's welcome is lost, and all that it says after it.
    mute: bool,
    open: Vec<TcpStream>,
}

impl Cable {
    pub fn to(manager: SocketAddr) -> Cable {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(CableState::default()));
        let shared = Arc::clone(&state);
        // It ends with the test's process.
        thread::spawn(move || {
            for agent in listener.incoming().map_while(Result::ok) {
                // A manager that is down: the agent sees its connection closed.
                let Ok(manager) = TcpStream::connect(manager) else { continue };
                let mut open = shared.lock().unwrap();
                open.open.retain(|stream| stream.peer_addr().is_ok());
                open.open.push(agent.try_clone().unwrap());
                open.open.push(manager.try_clone().unwrap());
                drop(open);
                for (from, to, back) in [(&agent, &manager, false), (&manager, &agent, true)] {
                    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || carry(from, to, back, &shared));
                }
            }
        });
        Cable { address, state }
    }

    /// Pulled, and put back at once: both sides see their connection reset.
    pub fn cut(&self) {
        for stream in self.state.lock().unwrap().open.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    pub fn set_mute(&self, mute: bool) {
        self.state.lock().unwrap().mute = mute;
    }

    pub fn set_dead(&self, dead: bool) {
        self.state.lock().unwrap().dead = dead;
    }
}

/// `back` is the way from the manager to the agent.
fn carry(mut from: TcpStream, mut to: TcpStream, back: bool, state: &Mutex<CableState>) {
    let mut buffer = [0; 4096];
    let mut lost = false;
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        // What was on its way into a dead cable is lost, as in a real one TCP
        // would send it again: so this connection is over.
        if state.lock().unwrap().dead {
            while state.lock().unwrap().dead {
                thread::sleep(Duration::from_millis(50));
            }
            break;
        }
        let welcome = buffer[..length].windows(9).any(|part| part == b"\"welcome\"");
        lost |= back && welcome && state.lock().unwrap().mute;
        if !lost && to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}
