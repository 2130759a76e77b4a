//! Peers that mean no good, at the port of a manager that honest agents need.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;

use monitor::proof::{Handshake, Role};
use monitor::protocol::{Auth, Challenge, Hello, Message, VERSION};
use monitor::random;
use monitor::token::Token;

use crate::common::{DEADLINE, skip};
use crate::world::{Manager, Process, wait_until};

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const WRONG: &str = "0123456789abcdef0123456789abcdee";

/// More memory than this, and an attack has cost the manager too much.
const MOST_MEMORY: u64 = 128 * 1024;

/// A manager with a token, and an honest agent that reports four results a second.
pub struct World {
    pub manager: Manager,
    agent: Process,
}

impl World {
    pub fn start(folder: &Path) -> World {
        fs::write(folder.join("token"), TOKEN).unwrap();
        let mut manager = Manager::start(folder, &["--token-file", "token", "--quiet"]);
        for port in 1..=4 {
            manager.command(&format!("addconf 1 tcp 127.0.0.1 {port} 1"), "added");
        }
        let agent = start_agent(folder, manager.address);
        manager.process().line_with("agent 1 connected").unwrap();
        World { manager, agent }
    }

    /// Waits until results are stored that were made after this moment, and
    /// checks that the manager is not swollen.
    pub fn goes_on(&mut self, during: &str) {
        let before = self.results();
        // One round of four could have been under way.
        wait_until(&format!("results go on being stored during {during}"), || {
            self.results() > before + 4
        });
        let memory = memory(self.manager.process().id());
        println!("{during}: results go on, the manager took at most {memory} KiB");
        assert!(memory < MOST_MEMORY, "{during}: {memory} KiB");
    }

    pub fn connect(&self) -> Peer {
        Peer::connect(self.manager.address)
    }

    /// How many results of the honest agent are stored.
    fn results(&mut self) -> u64 {
        self.manager.process().printed();
        let line = self.manager.command("list_queue 1", "  results: ");
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// One who knows the token, and has been let in as a new agent.
    pub fn insider(&self) -> Peer {
        let mut insider = self.connect();
        let hello = hello(None);
        let challenge = insider.challenged(&hello);
        insider.say(&auth(TOKEN, &hello, &challenge));
        assert!(matches!(insider.hear(), Message::Welcome(_)));
        assert!(matches!(insider.hear(), Message::Config(_)));
        insider
    }
}

fn start_agent(folder: &Path, manager: SocketAddr) -> Process {
    let manager = manager.to_string();
    let args = ["--manager", &manager, "--token-file", "token"];
    Process::start("monitor_agent", folder, &args)
}

/// The most memory that a process ever had, in KiB.
pub fn memory(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Somebody who talks to the manager by hand.
pub struct Peer {
    pub stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Peer {
    fn connect(manager: SocketAddr) -> Peer {
        let stream = TcpStream::connect(manager).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, reader }
    }

    pub fn say(&mut self, message: &Message) {
        self.stream.write_all(message.line().unwrap().as_bytes()).unwrap();
    }

    pub fn hear(&mut self) -> Message {
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).unwrap();
        Message::parse(&line).unwrap()
    }

    pub fn challenged(&mut self, hello: &Hello) -> Challenge {
        self.say(&Message::Hello(hello.clone()));
        match self.hear() {
            Message::Challenge(challenge) => challenge,
            other => panic!("no challenge: {other:?}"),
        }
    }

    /// The reason that the manager gives before it closes the connection.
    pub fn refused(mut self) -> String {
        let Message::Error { reason } = self.hear() else { panic!("it was not refused") };
        assert_eq!(self.reader.read(&mut [0]).unwrap(), 0, "the connection goes on");
        reason
    }

    /// Sends this again and again until the manager has had enough; it may say
    /// so, but what it says may be lost where unread bytes were left behind.
    pub fn floods(mut self, piece: &[u8], most: usize) -> usize {
        let mut sent = 0;
        while sent < most && self.stream.write_all(piece).is_ok() {
            sent += piece.len();
        }
        let mut rest = Vec::new();
        let end = self.reader.read_to_end(&mut rest);
        let timed_out = |why: &std::io::Error| {
            matches!(why.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
        };
        assert!(!end.is_err_and(|why| timed_out(&why)), "the connection goes on");
        sent
    }
}

pub fn hello(agent_id: Option<u64>) -> Hello {
    Hello {
        version: VERSION,
        agent_id,
        claim: None,
        name: None,
        boot_id: random::hex(16).unwrap(),
        config_rev: 0,
        nonce: random::nonce().unwrap(),
        time: String::new(),
    }
}

pub fn auth(token: &str, hello: &Hello, challenge: &Challenge) -> Message {
    let handshake = Handshake {
        agent_nonce: &hello.nonce,
        manager_nonce: &challenge.nonce,
        agent_id: hello.agent_id,
    };
    Message::Auth(Auth { proof: Token::new(token).unwrap().proof(Role::Agent, &handshake) })
}

/// As much as an endless line may have before somebody must have had enough:
/// the buffers of both kernels take some megabytes.
const ENDLESS: usize = 1 << 30;

#[test]
fn honest_agents_are_served_whatever_others_send() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path());

    let sent = world.connect().floods(&[b'a'; 4096], ENDLESS);
    assert!(sent < ENDLESS, "a line without an end was taken in");
    world.goes_on("an endless line");

    world.connect().floods(&vec![0; 1 << 20], 1 << 20);
    world.goes_on("a megabyte of zeros");

    let mut silent = world.connect();
    silent.stream.write_all(br#"{"type":"hello","vers"#).unwrap();
    world.goes_on("half a message and silence");
    assert!(silent.refused().contains("not let in within 5 s"));

    // One who knows the token may say more, but a line has its limit for him too.
    let insider = world.insider();
    let sent = insider.floods(&[b'a'; 4096], ENDLESS);
    assert!(sent < ENDLESS, "a line without an end was taken in");
    world.goes_on("an endless line of one who was let in");

    let stored = world.manager.stored();
    assert_eq!(stored.len(), 1, "somebody else's results were stored: {stored:?}");
    world.ends_whole();
}

#[test]
fn two_thousand_idle_connections_keep_nobody_out() {
    let many = 2000;
    sys::allow_many_files();
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path());
    let idle: Result<Vec<TcpStream>, _> =
        (0..many).map(|_| TcpStream::connect(world.manager.address)).collect();
    let idle = match idle {
        // The limit of open files cannot be raised so far everywhere.
        Err(why) if why.raw_os_error() == Some(nix::libc::EMFILE) => {
            return skip("2,000 idle connections", "the limit of open files is too low");
        }
        idle => idle.unwrap(),
    };
    world.goes_on("2,000 idle connections");
    // One that has never been here comes through the crowd.
    let mut newcomer = start_agent(folder.path(), world.manager.address);
    newcomer.line_with("as agent 2").unwrap();
    drop(idle);
    world.ends_whole();
}

#[test]
fn nobody_gets_in_by_guessing_replaying_or_claiming() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path());

    for _ in 0..1000 {
        let mut guesser = world.connect();
        let hello = hello(None);
        let challenge = guesser.challenged(&hello);
        guesser.say(&auth(WRONG, &hello, &challenge));
        assert_eq!(guesser.refused(), "its proof of the token is wrong");
    }
    world.goes_on("1,000 wrong tokens");

    // What was right once, on a connection that somebody has listened to.
    let mut heard = world.connect();
    let hello_heard = hello(None);
    let challenge = heard.challenged(&hello_heard);
    let auth_heard = auth(TOKEN, &hello_heard, &challenge);
    heard.say(&auth_heard);
    assert!(matches!(heard.hear(), Message::Welcome(_)));
    for _ in 0..20 {
        let mut replayer = world.connect();
        let challenge = replayer.challenged(&hello_heard);
        // The manager's own proof is no agent's either.
        let reflected = Message::Auth(Auth { proof: challenge.proof });
        replayer.say(&reflected);
        assert_eq!(replayer.refused(), "its proof of the token is wrong");
        let mut replayer = world.connect();
        replayer.challenged(&hello_heard);
        replayer.say(&auth_heard);
        assert_eq!(replayer.refused(), "its proof of the token is wrong");
    }
    world.goes_on("replayed handshakes");

    let before = world.connected_from();
    for _ in 0..20 {
        let mut claimant = world.connect();
        let hello = hello(Some(1));
        let challenge = claimant.challenged(&hello);
        claimant.say(&auth(WRONG, &hello, &challenge));
        assert_eq!(claimant.refused(), "its proof of the token is wrong");
        // A proof for one identifier is none for another.
        let mut claimant = world.connect();
        let challenge = claimant.challenged(&hello);
        let mine = Hello { agent_id: Some(2), ..hello.clone() };
        claimant.say(&auth(TOKEN, &mine, &challenge));
        assert_eq!(claimant.refused(), "its proof of the token is wrong");
        // Nor does it help to leave the proof out.
        let mut claimant = world.connect();
        claimant.challenged(&hello);
        claimant.say(&Message::Pong);
        assert_eq!(claimant.refused(), "auth must follow the challenge");
    }
    world.goes_on("claims of another's identifier");
    assert_eq!(world.connected_from(), before, "the honest agent's place was taken");
    world.ends_whole();
}

impl World {
    /// Where the manager says that agent 1 is connected from.
    fn connected_from(&mut self) -> String {
        self.manager.process().printed();
        let line = self.manager.command("list_queue 1", "agent 1: connected from");
        line.split_whitespace().nth(4).unwrap().to_string()
    }

    /// The honest agent ends with all its results stored once, or still in hand.
    pub fn ends_whole(mut self) {
        let printed = self.agent.printed().join("\n");
        assert!(!printed.contains("no manager"), "the honest agent was thrown out:\n{printed}");
        let (code, lines) = self.agent.terminate();
        assert_eq!(code, 0, "{lines:?}");
        for ((agent, boot), numbers) in self.manager.stored() {
            let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
            assert_eq!(numbers, expected, "agent {agent}, boot {boot}");
        }
    }
}
