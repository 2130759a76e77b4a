//! An agent that was written from the protocol's page alone goes through what ours go through.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{DEADLINE, lacks, skip, tool};
use crate::world::{CLOCK_LIBRARY, Cable, Manager, wait_until};

/// A program in Python, killed when it is dropped.
pub struct Agent(std::process::Child);

impl Agent {
    pub fn start(folder: &Path, cable: &Cable) -> Agent {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/page_agent.py");
        let mut command: Command = tool("python3");
        command.arg(script).args(["127.0.0.1", &cable.address.port().to_string(), "token"]);
        if let Some(library) = std::env::var_os(CLOCK_LIBRARY) {
            command.env("LD_PRELOAD", library);
        }
        Agent(command.current_dir(folder).stdout(Stdio::piped()).spawn().unwrap())
    }

    /// What it says at its end: how many results it `made`, and the numbers that it has `kept`.
    pub fn end(mut self) -> Value {
        kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGTERM).unwrap();
        let stdout = self.0.stdout.take().unwrap();
        serde_json::from_reader(stdout).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn an_agent_from_the_page_loses_nothing_when_managers_die_and_welcomes_are_lost() {
    if let Some(why) = lacks(&["python3"]) {
        return skip("an agent from the page", &why);
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("token"), "4f".repeat(32) + "\n").unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (checked, checks) = mpsc::channel();
    thread::spawn(move || listener.incoming().try_for_each(|_| checked.send(())));

    let mut manager = Manager::start(folder.path(), &["--token-file", "token"]);
    manager.command(&format!("addconf 1 tcp 127.0.0.1 {port} 1"), "added");
    manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
    manager.command("addconf 1 icmp 127.0.0.1 1", "added");
    let cable = Cable::to(manager.address);
    let agent = Agent::start(folder.path(), &cable);
    manager.process().line_with("agent 1 page connected").unwrap();
    manager.process().line_with("agent 1 refuses part of revision 3: task 3: only tcp").unwrap();
    let stored = |manager: &Manager| manager.stored().values().map(Vec::len).sum::<usize>();
    for _ in 0..3 {
        let before = stored(&manager);
        wait_until("results are stored", || stored(&manager) > before + 3);
        manager.kill();
        // It goes on alone for a while.
        checks.try_iter().for_each(drop);
        (0..3).for_each(|_| checks.recv_timeout(DEADLINE).unwrap());
        manager.restart();
        manager.process().line_with("agent 1 page connected").unwrap();
        cable.cut();
    }
    wait_until("results are stored", || stored(&manager) > 20);
    let end = agent.end();
    let all = manager.stored();
    assert_eq!(all.len(), 1, "one agent, one boot: {all:?}");
    let mut numbers = all.into_values().next().unwrap();
    let kept = end["kept"].as_array().unwrap().iter().map(|seq| seq.as_u64().unwrap());
    let last = *numbers.last().unwrap();
    numbers.extend(kept.filter(|seq| *seq > last));
    let made = end["made"].as_u64().unwrap();
    assert_eq!(numbers, (1..=made).collect::<Vec<_>>(), "lost, or stored twice");
    println!("{made} results: each stored exactly once, or still in hand");
}
