//! Nobody reads stdout any more: whoever has another duty goes on with it.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use monitor::lab::Lab;
use monitor::lab::services::Service;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::common::{self, program};
use crate::{Folder, MONITOR, files, metrics, service};

/// Starts a program and reads its first line; its stdout then is closed.
fn unread(name: &str, folder: &Folder, args: &[&str], typed: &str) -> (Child, String) {
    let mut child = Command::new(program(name))
        .args(args)
        .current_dir(&folder.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.as_mut().unwrap(), "{typed}").unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    (child, first)
}

/// Ends it; its status and what it said on stderr.
fn end(child: Child) -> (Option<i32>, String) {
    kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

/// The whole lines of all files of a folder.
fn lines(folder: &Path) -> usize {
    let texts = files(folder).into_iter().map(|file| std::fs::read_to_string(file).unwrap());
    texts.map(|text| text.lines().count()).sum()
}

#[test]
fn a_monitor_with_another_duty_goes_on_with_it_and_says_so_once() {
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let often = "interval = '100ms'\ntimeout = '100ms'";
    let config = folder.config(&service("a", &format!("tcp {}", lab.address(Service::Tcp)), often));
    let data = folder.path("data");
    let args = ["run", &config, "--data", &data, "--metrics", "127.0.0.1:0"];
    let (child, first) = unread(MONITOR, &folder, &args, "");
    let at = first.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    common::wait_until("results are kept", || lines(Path::new(&data)) > 20);
    assert!(metrics::get(at, "/metrics").contains("probe_success{"));
    let (code, stderr) = end(child);
    assert_eq!(code, Some(0), "{stderr}");
    let expected =
        "monitor: nobody reads stdout any more; going on: results are kept, and metrics shown\n";
    assert_eq!(stderr, expected);
}

#[test]
fn a_monitor_that_does_nothing_else_ends_and_not_with_0() {
    let folder = Folder::new();
    let (child, _) = unread(MONITOR, &folder, &["run"], "");
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.starts_with("monitor: nobody reads stdout any more; ending"), "{stderr}");
}

#[test]
fn manager_and_agent_go_on() {
    let lab = Lab::start([127, 0, 0, 1].into(), 0).unwrap();
    let folder = Folder::new();
    let typed = format!("addconf 1 tcp {} 1", lab.address(Service::Tcp));
    let results = folder.path("kept");
    let args = ["--bind", "127.0.0.1:0", "--results", &results];
    let (manager, first) = unread("monitor_manager", &folder, &args, &typed);
    let at = first.split("listening on ").nth(1).unwrap().split([',', ' ']).next().unwrap();
    let (agent, _) = unread("monitor_agent", &folder, &["--manager", at], "");
    common::wait_until("results are stored", || lines(Path::new(&results)) > 3);
    for (child, expected) in [
        (
            agent,
            "monitor_agent: nobody reads stdout any more; going on: what the manager says is watched\n",
        ),
        (manager, "monitor_manager: nobody reads stdout any more; going on: agents are served\n"),
    ] {
        assert_eq!(end(child), (Some(0), expected.to_string()));
    }
}
