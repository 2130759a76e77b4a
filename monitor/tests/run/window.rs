//! A program on a pseudo-terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::termios::{LocalFlags, tcgetattr};

use crate::common::{DEADLINE, program};

/// A program in a terminal, and all that it wrote there.
pub struct Window {
    child: Child,
    keys: File,
    seen: Arc<Mutex<String>>,
    /// What was looked at already.
    read: usize,
}

// Not every test looks at everything.
#[allow(dead_code)]
impl Window {
    pub fn open(name: &str, args: &[&str]) -> Window {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(pty_process::Size::new(24, 100)).unwrap();
        let command = pty_process::blocking::Command::new(program(name))
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
    pub fn wait_for(&mut self, text: &str) {
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

    pub fn type_in(&mut self, keys: impl AsRef<[u8]>) {
        self.keys.write_all(keys.as_ref()).unwrap();
    }

    /// Types a line at the prompt.
    pub fn enter(&mut self, line: &str) {
        self.type_in(format!("{line}\r"));
    }

    /// The mode of the terminal: whether it echoes, and hands over by lines.
    pub fn is_as_usual(&self) -> bool {
        let flags = tcgetattr(&self.keys).unwrap().local_flags;
        flags.contains(LocalFlags::ECHO) && flags.contains(LocalFlags::ICANON)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the end, before which these words come.
    pub fn ends(mut self, words: &str) {
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
        self.wait_for(words);
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
