//! The prompt, on a pseudo-terminal.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::common::DEADLINE;
use crate::window::Window;
use crate::{Folder, MONITOR, service, silent};

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
    let mut window = Window::open(MONITOR, &["run", &path]);
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
    window.wait_for("3 resumed");
    window.enter("remove third");
    window.wait_for("no longer watching third");
    window.enter("check third");
    window.wait_for("there is no service \"third\"");
    window.enter("reload");
    window.wait_for("0 added, 0 changed, 0 removed, 2 unchanged");
    std::fs::write(&path, "nonsense = 1").unwrap();
    window.enter("reload");
    window.wait_for("unknown key nonsense");
    window.wait_for("nothing was changed");
    window.enter("exit");
    window.wait_for("there is no command \"exit\"");
    window.enter("over and out");
    window.ends("monitor: ran for ");
}

#[test]
fn commands_and_names_are_completed_and_results_do_not_tear_the_line() {
    let (folder, (_socket, check)) = (Folder::new(), silent());
    let mut window = Window::open(MONITOR, &["run", &file(&folder, &check)]);
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
    window.ends("monitor: ran for ");
}

#[test]
fn ctrl_d_ends_it() {
    let mut window = Window::open(MONITOR, &["run"]);
    window.wait_for("monitor> ");
    window.type_in("\x04");
    window.ends("monitor: ran for ");
}

#[test]
fn a_signal_ends_it_and_leaves_the_terminal_as_it_was() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut window = Window::open(MONITOR, &["run"]);
        window.wait_for("monitor> ");
        let began = Instant::now();
        while window.is_as_usual() {
            assert!(began.elapsed() < DEADLINE);
            thread::sleep(Duration::from_millis(5));
        }
        signal::kill(Pid::from_raw(window.id() as i32), signal).unwrap();
        window.ends("monitor: ran for ");
    }
}
