//! Nothing is lost and nothing is stored twice, while managers and agents die, cables are cut, clocks jump and disks fill.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use monitor::agent::journal;
use monitor::agent::state::AgentState;
use monitor::manager::data::Data;
use monitor::protocol::Delivery;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};

use crate::common::{lacks, skip, tool};
use crate::hostile::{TOKEN, memory};
use crate::page;
use crate::trouble::{INSIDERS, Trouble};
use crate::world::{CLOCK, CLOCK_LIBRARY, Cable, Manager, Process, setting, wait_until};

const NAME: &str = "soak::every_result_is_stored_exactly_once_whatever_dies";

/// The disk of the test, when it runs in a mount namespace of its own.
const DISK: &str = "SOAK_DISK";

/// Tasks of each agent, at one result a second each.
const TASKS: usize = 4;

/// So often everything that can go wrong does.
const FAULTS: u32 = 10;

#[test]
fn every_result_is_stored_exactly_once_whatever_dies() {
    if let Some(why) = lacks(&["python3"]) {
        return skip("the soak", &why);
    }
    if let Some(disk) = std::env::var_os(DISK) {
        return Soak::start(Path::new(&disk)).run();
    }
    let folder = tempfile::tempdir().unwrap();
    match on_a_small_disk(folder.path()) {
        Ok(said) => println!("{said}"),
        Err(why) => {
            skip("the soak's jumping clocks and full disks", &why);
            Soak::start(folder.path()).run();
        }
    }
}

/// Runs this very test once more, on a disk that can be filled and with a
/// clock that can be set. Gives what it said, or why that is not possible.
fn on_a_small_disk(folder: &Path) -> Result<String, String> {
    if let Some(why) = lacks(&["unshare", "mount", "cc"]) {
        return Err(why);
    }
    let (library, clock, disk) =
        (folder.join("clock.so"), folder.join("clock"), folder.join("disk"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/agents/clock.c");
    let compiled = tool("cc").args(["-shared", "-fPIC", "-o"]).arg(&library).arg(source).status();
    assert!(compiled.is_ok_and(|status| status.success()), "clock.c does not compile");
    fs::write(&clock, "0").unwrap();
    fs::create_dir(&disk).unwrap();
    // Room for what honest agents and insiders store, and some.
    let seconds = setting("SOAK_SECONDS", 20);
    let megabytes = 32 + seconds + seconds * setting("SOAK_AGENTS", 8) / 100;
    let inside = format!("mount -t tmpfs -o size={megabytes}m none \"$0\" || exit 99; exec \"$@\"");
    let mut command = tool("unshare");
    command.args(["-rm", "--kill-child", "--fork", "sh", "-c", &inside]).arg(&disk);
    command.arg(std::env::current_exe().unwrap()).args(["--exact", NAME, "--nocapture"]);
    command.env(DISK, &disk).env(CLOCK, &clock).env(CLOCK_LIBRARY, &library);
    let output = command.output().map_err(|why| why.to_string())?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => Ok(said),
        Some(1 | 99) if !said.contains("running 1 test") => {
            Err("this user may not mount anything, not even in a namespace of his own".to_string())
        }
        _ => panic!("{said}\n{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// An agent with its cable.
struct Agent {
    state: String,
    cable: Cable,
    process: Option<Process>,
}

impl Agent {
    fn new(number: usize, manager: &Manager) -> Agent {
        let state = format!("agent-{number}.json");
        Agent { state, cable: Cable::to(manager.address), process: None }
    }

    fn start(&mut self, folder: &Path) {
        let manager = self.cable.address.to_string();
        let token = ["--token-file", "token"];
        let args =
            [&["--manager", &manager, "--state", &self.state, "--json"][..], &token].concat();
        self.process = Some(Process::start("monitor_agent", folder, &args));
    }

    fn kill(&mut self) {
        if let Some(process) = self.process.take() {
            process.kill();
        }
    }
}

struct Page {
    cable: Cable,
    agent: Option<page::Agent>,
    end: serde_json::Value,
}

struct Soak {
    folder: PathBuf,
    clock: Option<PathBuf>,
    step: Duration,
    chance: ChaCha8Rng,
    manager: Manager,
    agents: Vec<Agent>,
    /// One that was written from the protocol's page alone. It keeps everything
    /// in memory, so it is cut off but not killed; what it said at its end.
    page: Page,
    /// The most memory that a manager ever had, in KiB.
    memory: u64,
    claims: u32,
}

impl Soak {
    fn start(folder: &Path) -> Soak {
        let agents = setting("SOAK_AGENTS", 8) as usize;
        fs::write(folder.join("token"), TOKEN).unwrap();
        let mut manager = Manager::start(folder, &["--quiet", "--token-file", "token"]);
        // What is watched: four ports that take connections.
        let ports: Vec<u16> = (0..TASKS).map(|_| open_port()).collect();
        for agent in 1..=agents + 1 + FAULTS as usize {
            for port in &ports {
                manager.command(&format!("addconf {agent} tcp 127.0.0.1 {port} 1"), "added");
            }
        }
        let mut soak = Soak {
            folder: folder.to_path_buf(),
            clock: std::env::var_os(CLOCK).map(PathBuf::from),
            step: Duration::from_secs(setting("SOAK_SECONDS", 20)) / FAULTS,
            chance: ChaCha8Rng::seed_from_u64(7),
            page: Page { cable: Cable::to(manager.address), agent: None, end: Default::default() },
            manager,
            agents: Vec::new(),
            memory: 0,
            claims: 0,
        };
        for number in 0..agents {
            let mut agent = Agent::new(number, &soak.manager);
            agent.start(folder);
            soak.agents.push(agent);
        }
        soak.page.agent = Some(page::Agent::start(folder, &soak.page.cable));
        wait_until("all agents have come", || soak.claimed() == agents + 1);
        soak
    }

    fn run(mut self) {
        let trouble = Trouble::start(self.manager.address);
        let began = Instant::now();
        for fault in 0..FAULTS {
            self.pause(0.1..0.3);
            self.jump();
            self.fill_the_disk();
            self.kill_and_cut();
            self.kill_while_it_claims(fault);
            let until = self.step * (fault + 1);
            thread::sleep(until.saturating_sub(began.elapsed()));
        }
        let took = began.elapsed();
        let trouble = trouble.stop();
        let kept = self.end();
        self.count(&kept, took, trouble);
    }

    fn pause(&mut self, share: std::ops::Range<f64>) {
        thread::sleep(self.step.mul_f64(self.chance.random_range(share)));
    }

    fn pick(&mut self) -> usize {
        self.chance.random_range(0..self.agents.len())
    }

    /// Sets everybody's clock, forwards or back, over some midnights.
    fn jump(&mut self) {
        if let Some(clock) = &self.clock {
            let hours: i64 = self.chance.random_range(-60..60);
            fs::write(clock, (hours * 3600).to_string()).unwrap();
        }
    }

    /// For a while nobody can write; in a namespace of the test's own alone.
    fn fill_the_disk(&mut self) {
        if self.clock.is_none() {
            return;
        }
        let filler = self.folder.join("filler");
        let mut file = File::create(&filler).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
        self.pause(0.1..0.3);
        fs::remove_file(&filler).unwrap();
    }

    /// The manager dies and comes back, an agent too, a cable is pulled, and
    /// another goes dead for a while.
    fn kill_and_cut(&mut self) {
        self.kill_manager();
        self.pause(0.0..0.1);
        let victim = self.pick();
        // Dead before its state is read again: two must not share one.
        self.agents[victim].kill();
        self.agents[victim].start(&self.folder);
        let dead = self.pick();
        self.agents[dead].cable.set_dead(true);
        self.manager.restart();
        let cut = self.pick();
        self.agents[cut].cable.cut();
        self.page.cable.cut();
        self.pause(0.1..0.2);
        self.agents[dead].cable.set_dead(false);
    }

    /// One more agent comes, and either side dies before it hears who it is.
    fn kill_while_it_claims(&mut self, fault: u32) {
        let mut agent = Agent::new(self.agents.len(), &self.manager);
        agent.cable.set_mute(true);
        agent.start(&self.folder);
        let known = self.agents.len() + 1;
        wait_until("an identifier is given", || self.claimed() > known);
        if fault.is_multiple_of(2) {
            self.kill_manager();
            self.manager.restart();
        } else {
            agent.kill();
            agent.start(&self.folder);
        }
        agent.cable.set_mute(false);
        agent.cable.cut();
        self.agents.push(agent);
        self.claims += 1;
    }

    fn kill_manager(&mut self) {
        self.memory = self.memory.max(memory(self.manager.process().id()));
        self.manager.kill();
    }

    /// How many honest agents have an identifier.
    fn claimed(&self) -> usize {
        let data = Data::load(&self.folder.join("data.json")).unwrap();
        data.agents.iter().filter(|(id, agent)| **id < INSIDERS && agent.claimed).count()
    }

    /// Everybody is left in peace until next to nothing is kept any more, and
    /// then ends. What they still keep is not lost either: by boot.
    fn end(&mut self) -> BTreeMap<String, Vec<u64>> {
        let mut kept: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for agent in &mut self.agents {
            let spool = self.folder.join(format!("{}.spool", agent.state));
            wait_until("next to nothing is unconfirmed", || {
                journal::read(&spool).is_ok_and(|spool| spool.results() <= TASKS)
            });
            let process = agent.process.take().expect("it was started again");
            let (code, lines) = process.terminate();
            assert_eq!(code, 0, "{lines:?}");
            for item in journal::read(&spool).unwrap().items() {
                let Delivery::Result(report) = item else { panic!("dropped: {item:?}") };
                kept.entry(report.boot_id.clone()).or_default().push(report.seq);
            }
        }
        self.page.end = self.page.agent.take().expect("it was started").end();
        self.kill_manager();
        kept
    }

    fn count(&self, kept: &BTreeMap<String, Vec<u64>>, took: Duration, trouble: u64) {
        let mut stored = self.manager.stored();
        stored.retain(|(agent, _), _| *agent < INSIDERS);
        let mut results = 0;
        for ((agent, boot), numbers) in &stored {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
            assert_eq!(sorted, expected, "agent {agent}, boot {boot}: lost, or stored twice");
            // What is kept goes on where the stored ones end, or was stored
            // but its acknowledgement did not come through.
            let first = kept.get(boot).and_then(|kept| kept.first()).copied();
            assert!(first.is_none_or(|first| first <= numbers.len() as u64 + 1), "a gap in {boot}");
            results += numbers.len();
        }
        let states =
            self.agents.iter().map(|agent| AgentState::load(&self.folder.join(&agent.state)));
        let ids: BTreeSet<u64> = states.map(|state| state.unwrap().agent_id.unwrap()).collect();
        let all: BTreeSet<u64> = (1..=self.agents.len() as u64 + 1).collect();
        let others: Vec<u64> = all.difference(&ids).copied().collect();
        let [page] = others[..] else { panic!("an agent became another one: {ids:?}") };
        assert_eq!(self.claimed(), all.len());
        self.count_the_pages(&stored, page);
        let files = fs::read_dir(self.folder.join("results")).unwrap();
        let days = files.filter(|file| file.as_ref().unwrap().path().extension().is_some());
        println!(
            "{results} results of {} agents in {took:.0?}, {} boots, {} days: each stored exactly \
             once; {} killed while they claimed, {trouble} troublemakers, the manager took at \
             most {} KiB",
            self.agents.len(),
            stored.len(),
            days.count(),
            self.claims,
            self.memory
        );
        // Agents were dead for moments only.
        let made = setting("SOAK_AGENTS", 8) * TASKS as u64 * setting("SOAK_SECONDS", 20);
        assert!(results as u64 > made / 2, "{results} of {made}");
        assert!(self.memory < 128 * 1024, "{} KiB", self.memory);
    }
}

impl Soak {
    /// What the agent from the page made is stored, or it still has it.
    fn count_the_pages(&self, stored: &BTreeMap<(u64, String), Vec<u64>>, agent: u64) {
        let mut boots = stored.iter().filter(|((id, _), _)| *id == agent);
        let (Some((_, numbers)), None) = (boots.next(), boots.next()) else {
            panic!("the agent from the page has one boot");
        };
        let kept = self.page.end["kept"].as_array().unwrap().iter();
        let there: BTreeSet<u64> =
            numbers.iter().copied().chain(kept.map(|seq| seq.as_u64().unwrap())).collect();
        let made = self.page.end["made"].as_u64().unwrap();
        assert_eq!(there, (1..=made).collect(), "the agent from the page has lost something");
        // Of its four tasks each second it has time for one at least.
        assert!(made >= setting("SOAK_SECONDS", 20), "{made}");
    }
}

/// A port that takes connections until the test's process ends.
fn open_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || for _ in listener.incoming() {});
    port
}
