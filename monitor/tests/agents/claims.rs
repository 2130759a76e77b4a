//! A new agent that is given its identifier, and does not hear it.

use std::fs;

use crate::world::{Cable, Manager, Process, wait_until};

/// What dies between the manager's decision and the agent's hearing of it.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Welcome,
    Manager,
    Agent,
}

#[test]
fn whoever_dies_while_it_is_claimed_an_identifier_stays_one() {
    for fault in [Fault::Welcome, Fault::Manager, Fault::Agent] {
        let folder = tempfile::tempdir().unwrap();
        let mut manager = Manager::start(folder.path(), &[]);
        manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
        let cable = Cable::to(manager.address);
        cable.set_mute(true);
        let address = cable.address.to_string();
        let args = ["--manager", &address, "--state", "agent.json"];
        let mut agent = Process::start("monitor_agent", folder.path(), &args);
        let data = folder.path().join("data.json");
        wait_until("the manager has given an identifier", || {
            fs::read_to_string(&data).unwrap().contains("\"claimed\": true")
        });
        match fault {
            Fault::Welcome => cable.cut(),
            Fault::Manager => manager.kill(),
            Fault::Agent => agent.kill_and_forget(),
        }
        cable.set_mute(false);
        match fault {
            Fault::Welcome => {}
            Fault::Manager => manager.restart(),
            Fault::Agent => agent = Process::start("monitor_agent", folder.path(), &args),
        }
        let line = agent.line_with("connected to").unwrap();
        assert!(line.ends_with("as agent 1"), "{fault:?}: {line}");
        agent.line_with("revision 1: 1 of 1 tasks").unwrap();
    }
}
