//! Nothing is lost and nothing is stored twice, while managers and agents die and cables are cut.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use monitor::agent::journal;
use monitor::protocol::Delivery;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::world::{Cable, Manager, Process, setting, wait_until};

/// Tasks of each agent, at one result a second each.
const TASKS: usize = 4;

fn start_agent(folder: &Path, number: usize, cable: &Cable) -> Process {
    let state = format!("agent-{number}.json");
    let manager = cable.address.to_string();
    let args = ["--manager", &manager, "--state", &state, "--json"];
    Process::start("monitor_agent", folder, &args)
}

#[test]
fn every_result_is_stored_exactly_once_whatever_dies() {
    let seconds = setting("SOAK_SECONDS", 20);
    let agents = setting("SOAK_AGENTS", 8) as usize;
    let faults = 10;

    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--quiet"]);
    let cables: Vec<Cable> = (0..agents).map(|_| Cable::to(manager.address)).collect();

    // What is watched: four ports that take connections.
    let ports: Vec<u16> = (0..TASKS)
        .map(|_| {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            thread::spawn(move || for _ in listener.incoming() {});
            port
        })
        .collect();
    for agent in 1..=agents {
        for port in &ports {
            manager.command(&format!("addconf {agent} tcp 127.0.0.1 {port} 1"), "added");
        }
    }
    let start = |number: usize| Some(start_agent(folder.path(), number, &cables[number]));
    let mut running: Vec<Option<Process>> = (0..agents).map(start).collect();

    // Ten times: the manager dies and comes back, an agent too, a cable is
    // pulled, and another goes dead for a while. When and which is chance, of a seed.
    let mut chance = ChaCha8Rng::seed_from_u64(7);
    let step = Duration::from_secs(seconds) / faults;
    let began = Instant::now();
    for fault in 0..faults {
        let pick = |chance: &mut ChaCha8Rng| chance.random_range(0..agents);
        let pause = step.mul_f64(chance.random_range(0.1..0.3));
        thread::sleep(pause);
        manager.kill();
        thread::sleep(step.mul_f64(chance.random_range(0.0..0.2)));
        let victim = pick(&mut chance);
        // Dead before its state is read again: two must not share one.
        if let Some(agent) = running[victim].take() {
            agent.kill();
        }
        running[victim] = start(victim);
        let dead = pick(&mut chance);
        cables[dead].set_dead(true);
        manager.restart();
        cables[pick(&mut chance)].cut();
        let until = step * (fault + 1);
        thread::sleep(until.saturating_sub(began.elapsed()));
        cables[dead].set_dead(false);
    }

    // Now everybody is left in peace until next to nothing is kept any more;
    // then the agents end. What they still keep is not lost either.
    let mut kept = BTreeMap::new();
    for (number, agent) in running.into_iter().enumerate() {
        let spool = folder.path().join(format!("agent-{number}.json.spool"));
        wait_until("next to nothing is unconfirmed", || {
            journal::read(&spool).is_ok_and(|spool| spool.results() <= TASKS)
        });
        let (code, lines) = agent.expect("it was started again").terminate();
        assert_eq!(code, 0, "{lines:?}");
        for item in journal::read(&spool).unwrap().items() {
            let Delivery::Result(report) = item else { panic!("dropped: {item:?}") };
            kept.entry(report.boot_id.clone()).or_insert_with(Vec::new).push(report.seq);
        }
    }
    manager.kill();

    let stored = manager.stored();
    let mut results = 0;
    for ((agent, boot), numbers) in &stored {
        let mut sorted = numbers.clone();
        sorted.sort_unstable();
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(sorted, expected, "agent {agent}, boot {boot}: lost, or stored twice");
        // What is kept goes on where the stored ones end, or was stored but
        // its acknowledgement did not come through.
        let first = kept.get(boot).and_then(|kept| kept.first()).copied();
        assert!(first.is_none_or(|first| first <= numbers.len() as u64 + 1), "a gap in {boot}");
        results += numbers.len();
    }
    let made = agents as u64 * TASKS as u64 * seconds;
    println!(
        "{results} results of {agents} agents in {seconds} s, {} boots: each stored exactly once \
         (about {made} were due)",
        stored.len()
    );
    // Agents were dead for moments only.
    assert!(results as u64 > made / 2, "{results} of {made}");
}
