//! Many agents at once: no backlog, bounded memory, and a console that answers.

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use monitor::agent::link::Link;
use monitor::agent::storage::Storage;
use monitor::protocol::{Config, ConfigAck, Delivery, Report};
use monitor::random;
use socklab::endpoint::Endpoint;

use crate::world::{Manager, setting, wait_until};

/// An agent whose results are made up, two a second.
fn made_up(
    manager: SocketAddr,
    stop: &Arc<AtomicBool>,
    kept: &Arc<Mutex<Vec<Arc<Mutex<Storage>>>>>,
) {
    let (keep, _) = Storage::open(None, 10_000).unwrap();
    let keep = Arc::new(Mutex::new(keep));
    kept.lock().unwrap().push(Arc::clone(&keep));
    let boot_id = random::hex(16).unwrap();
    let link = Link {
        manager: Endpoint { host: manager.ip().to_string(), port: Some(manager.port()) },
        name: None,
        boot_id: boot_id.clone(),
        token: None,
        tls: None,
        storage: Arc::clone(&keep),
    };
    let (ending, making) = (Arc::clone(stop), Arc::clone(stop));
    let small = || thread::Builder::new().stack_size(256 * 1024);
    let configure = |config: &Config| ConfigAck { rev: config.rev, tasks: Vec::new() };
    small().spawn(move || link.run(|| ending.load(Ordering::SeqCst), configure, |_| {})).unwrap();
    small()
        .spawn(move || {
            for seq in 1.. {
                if making.load(Ordering::SeqCst) {
                    return;
                }
                let report = Report {
                    boot_id: boot_id.clone(),
                    seq,
                    task: "1".into(),
                    rev: 0,
                    started_at: "2026-11-21T08:18:28.123456Z".into(),
                    duration_us: 1000,
                    verdict: monitor::verdict::Verdict::Up,
                    reason: "open".into(),
                    detail: serde_json::Map::new(),
                };
                keep.lock().unwrap().push(Delivery::Result(report));
                // Not a wait for anything: this is the load.
                thread::sleep(Duration::from_millis(500));
            }
        })
        .unwrap();
}

#[test]
fn a_crowd_of_agents_is_served_without_a_backlog() {
    let (agents, seconds) = (setting("SOAK_CROWD", 60), setting("SOAK_CROWD_SECONDS", 6));
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--quiet"]);
    let (stop, kept) = (Arc::new(AtomicBool::new(false)), Arc::default());
    for _ in 0..agents {
        made_up(manager.address, &stop, &kept);
    }
    let began = Instant::now();
    let mut slowest = Duration::ZERO;
    while began.elapsed() < Duration::from_secs(seconds) {
        let asked = Instant::now();
        manager.command("list_all_queues", "agent");
        slowest = slowest.max(asked.elapsed());
        manager.process().printed();
        // Not a wait for anything: a person asks now and then.
        thread::sleep(Duration::from_millis(100));
    }
    let status = fs::read_to_string(format!("/proc/{}/status", manager.process().id())).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("").to_string();
    stop.store(true, Ordering::SeqCst);
    let backlog = || {
        let kept: std::sync::MutexGuard<Vec<Arc<Mutex<Storage>>>> = kept.lock().unwrap();
        kept.iter().map(|keep| keep.lock().unwrap().spool().results()).sum::<usize>()
    };
    let left = backlog();
    println!(
        "{agents} agents, 2 results a second each, for {seconds} s: {left} results not yet \
         confirmed, slowest answer of the console {slowest:?}, {memory}"
    );
    // A result is confirmed within a tenth of a second; two agents in ten may
    // have one under way, on a machine that does other things as well many more.
    assert!((left as u64) < agents * 10, "{left} unconfirmed");
    let stored = || manager.stored().values().map(Vec::len).sum::<usize>();
    wait_until("results were stored", || stored() as u64 > agents * seconds);
}
