//! The prompt, on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::Pid;

use crate::common::{DEADLINE, program};
use crate::{Folder, MONITOR, service, silent};

/// The monitor in a terminal, and all that it wrote there.
struct Window {
    child: Child,
    keys: File,
    seen: Arc<Mutex<String>>,
    /// What was looked at already.
    read: usize,
}

impl Window {
    fn open(args: &[&str]) -> Window {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 100)).unwrap();
        let command = pty_process::blocking::Command::new(program(MONITOR))
            .args(args)
            .env("TERM", "xterm")
            .env("NO_COLOR", "1");
        let child = command.spawn(pts).unwrap();
        let keys = File::from(OwnedFd::from(pty));
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut screen, all) = (keys.try_clone().unwrap(), Arc::clone(&seen));
        thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = screen.read(&mut piece) {
                all.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        Window { child, keys, seen, read: 0 }
    }

    /// Waits until `text` is written, after what was waited for before.
    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        loop {
            let seen = self.seen.lock().unwrap();
            if let Some(place) = seen[self.read..].find(text) {
                self.read += place + text.len();
                return;
            }
            assert!(began.elapsed() < DEADLINE, "no {text:?} in {:?}", &seen[self.read..]);
            drop(seen);
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn type_in(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Types a line at the prompt.
    fn enter(&mut self, line: &str) {
        self.type_in(&format!("{line}\r"));
    }

    /// The mode of the terminal: whether it echoes, and hands over by lines.
    fn is_as_usual(&self) -> bool {
        let flags = tcgetattr(&self.keys).unwrap().local_flags;
        flags.contains(LocalFlags::ECHO) && flags.contains(LocalFlags::ICANON)
    }

    fn ends(mut self) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.code(), Some(0), "{}", self.seen.lock().unwrap());
                break;
            }
            assert!(began.elapsed() < DEADLINE, "{}", self.seen.lock().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
        assert!(self.is_as_usual());
        self.wait_for("monitor: ran for ");
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file with a service that is never checked by itself, but at the start.
fn file(folder: &Folder, check: &str) -> String {
    let seldom = "interval = '1h'\ntimeout = '1s'\ndown_after = 1";
    let services = service("google MX", check, seldom) + &service("other", check, seldom);
    folder.config(&format!("exit_commands = ['over and out']\n{services}"))
}

#[test]
fn every_command_does_what_the_help_says() {
    let (folder, (_socket, check)) = (Folder::new(), silent());
    let path = file(&folder, &check);
    let mut window = Window::open(&["run", &path]);
    window.wait_for("monitor> ");
    window.wait_for("DOWN");
    window.wait_for("DOWN");
    window.enter("help");
    window.wait_for("over and out");
    window.enter("status");
    window.wait_for("google MX");
    window.wait_for("down");
    window.wait_for("threads of at most 512");
    window.enter("check google MX");
    window.wait_for("checking google MX");
    window.wait_for("down       echo  google MX");
    window.enter("history google MX");
    window.wait_for("google MX: echo 127.0.0.1");
    window.wait_for("from 2 results");
    window.enter(&format!("add {check} 1h name=third"));
    window.wait_for("watching third");
    window.wait_for("down       echo  third");
    window.enter(&format!("add {check} 1h name=third"));
    window.wait_for("there is a service \"third\" already");
    window.enter("pause third");
    window.wait_for("1 paused");
    window.enter("status");
    window.wait_for("paused");
    window.enter("resume");
    window.wait_for("3 under watch again");
    window.enter("remove third");
    window.wait_for("no longer watching third");
    window.enter("check third");
    window.wait_for("there is no service \"third\"");
    window.enter("reload");
    window.wait_for("0 added, 0 changed, 0 removed, 2 unchanged");
    std::fs::write(&path, "nonsense = 1").unwrap();
    window.enter("reload");
    window.wait_for("unknown key nonsense");
    window.wait_for("everything stays as it was");
    window.enter("exit");
    window.wait_for("there is no command \"exit\"");
    window.enter("over and out");
    window.ends();
}

#[test]
fn commands_and_names_are_completed_and_results_do_not_tear_the_line() {
    let (folder, (_socket, check)) = (Folder::new(), silent());
    let mut window = Window::open(&["run", &file(&folder, &check)]);
    window.wait_for("monitor> ");
    window.wait_for("DOWN");
    window.wait_for("DOWN");
    window.type_in("che\tgoo\t");
    window.wait_for("check google MX");
    window.type_in("\r");
    window.wait_for("checking google MX");
    // Half a line stands at the prompt when the result comes, and is there again after it.
    window.type_in("stat");
    window.wait_for("down       echo  google MX");
    window.wait_for("monitor> stat");
    window.type_in("us\r");
    window.wait_for("threads of at most");
    // Ctrl-C takes back what was typed, and then ends.
    window.type_in("nonsense");
    window.wait_for("nonsense");
    window.type_in("\x03status\r");
    window.wait_for("threads of at most");
    window.wait_for("monitor> ");
    window.type_in("\x03");
    window.ends();
}

#[test]
fn ctrl_d_ends_it() {
    let mut window = Window::open(&["run"]);
    window.wait_for("monitor> ");
    window.type_in("\x04");
    window.ends();
}

#[test]
fn a_signal_ends_it_and_leaves_the_terminal_as_it_was() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut window = Window::open(&["run"]);
        window.wait_for("monitor> ");
        let began = Instant::now();
        while window.is_as_usual() {
            assert!(began.elapsed() < DEADLINE);
            thread::sleep(Duration::from_millis(5));
        }
        signal::kill(Pid::from_raw(window.child.id() as i32), signal).unwrap();
        window.ends();
    }
}
