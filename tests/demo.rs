//! The demo, as Cargo starts it and beside its programs in any folder.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{Ended, Running};
use nix::sys::signal::Signal;

/// The demo with these programs, in a folder of its own.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, programs: &[&str]) -> Folder {
        let folder = std::env::temp_dir().join(format!("demo-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for program in programs {
            fs::copy(common::program(program), folder.join(program)).unwrap();
        }
        Folder(folder)
    }

    fn demo(&self) -> Running {
        Running::start_command(demo_of(&self.0))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Without Cargo's variable, which the tests themselves have got.
fn demo_of(folder: &Path) -> Command {
    let mut command = Command::new(folder.join("demo"));
    command.env_remove("CARGO").current_dir("/");
    command
}

fn has(ended: &Ended, text: &str) -> bool {
    ended.stdout.iter().any(|line| line.contains(text))
}

#[test]
fn the_demo_runs_in_any_folder_that_has_the_two_programs() {
    let folder = Folder::with("whole", &["demo", "udp_ping_server", "udp_ping_client"]);
    let ended = folder.demo().end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert!(has(&ended, "10 sent, "), "{ended:#?}");
    // What the server told, to its last line.
    assert!(has(&ended, "== udp_ping_server --loss 30%"), "{ended:#?}");
    assert!(has(&ended, "served 1 client"), "{ended:#?}");
    assert_eq!(ended.stderr, Vec::<String>::new());
}

#[test]
fn a_missing_program_is_named() {
    let folder = Folder::with("server", &["demo", "udp_ping_server"]);
    for (missing, folder) in
        [("udp_ping_client", &folder), ("udp_ping_server", &Folder::with("none", &["demo"]))]
    {
        let ended = folder.demo().end();
        assert_eq!(ended.code(), 2, "{ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("{ended:#?}") };
        assert!(line.starts_with("demo: cannot start ") && line.contains(missing), "{line}");
    }
}

#[test]
fn a_demo_that_is_interrupted_shows_what_there_was_and_leaves_no_server() {
    let folder = Folder::with("stopped", &["demo", "udp_ping_server", "udp_ping_client"]);
    // In a group of its own, as a terminal's programs are: Ctrl-C goes to all three.
    let mut command = demo_of(&folder.0);
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut demo = Running::start_command(command);
    demo.line_with("UDP PING");
    let group = nix::unistd::Pid::from_raw(demo.id() as i32);
    nix::sys::signal::killpg(group, Signal::SIGINT).unwrap();
    let ended = demo.end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert!(has(&ended, "--- 127.0.0.1:") && has(&ended, "served "), "{ended:#?}");
    let left = nix::sys::signal::killpg(group, None);
    assert_eq!(left, Err(nix::errno::Errno::ESRCH), "a program of the demo goes on");
}
