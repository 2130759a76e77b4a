//! data.json under kill -9: always readable, never behind what was confirmed.

use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

use monitor::manager::data::Data;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::world::{Manager, setting};

#[test]
fn a_manager_killed_while_it_is_given_tasks_remembers_what_it_confirmed() {
    let kills = setting("SOAK_KILLS", 40);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    let mut chance = ChaCha8Rng::seed_from_u64(11);
    let mut manager = Manager::start(folder.path(), &[]);
    let mut confirmed = BTreeSet::new();
    let mut port = 0;
    for kill in 0..kills {
        // More than it gets done before it dies; at most 60000 ports in all.
        for _ in 0..20 {
            port = port % 60_000 + 1;
            manager.process().type_line(&format!("addconf {} tcp 10.0.0.1 {port} 60", kill + 1));
        }
        // However slow the machine is, it gets so far; and then a bit further.
        let done = chance.random_range(0..=5);
        let mut lines = Vec::new();
        for _ in 0..done {
            lines.extend(manager.process().line_with(" added, "));
        }
        // Not a wait for anything: the kill comes at any moment of its work.
        thread::sleep(Duration::from_micros(chance.random_range(0..20_000)));
        lines.extend(manager.kill_and_read());
        for line in lines {
            // `agent 3: task 7 added, tcp 10.0.0.1 80 every 60s`
            if let Some((head, check)) = line.split_once(" added, ") {
                let check = check.trim_end_matches(" every 60s").to_string();
                confirmed.insert((head.to_string(), check));
            }
        }
        let data = Data::load(&path).unwrap_or_else(|why| panic!("after kill {kill}: {why}"));
        let mut there = BTreeSet::new();
        for (id, agent) in &data.agents {
            for task in &agent.tasks {
                there.insert((format!("agent {id}: task {}", task.task), task.check.clone()));
            }
        }
        let lost: Vec<_> = confirmed.difference(&there).collect();
        assert!(lost.is_empty(), "after kill {kill}: {lost:?}");
        manager.restart();
    }
    println!("{kills} times kill -9: {} changes confirmed, all there", confirmed.len());
    assert!(confirmed.len() as u64 > kills, "hardly anything was confirmed");
}
