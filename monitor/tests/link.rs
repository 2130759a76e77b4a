//! Manager and agents in one process, over real connections: nothing is lost,
//! nothing is stored twice, nobody gets in without the token.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use monitor::agent::link::{Change, Link};
use monitor::agent::storage::Storage;
use monitor::manager::data::Data;
use monitor::manager::listener;
use monitor::manager::notices::{self, Inbox};
use monitor::manager::results::Results;
use monitor::manager::service::Manager;
use monitor::manager::tell::Notice;
use monitor::proof::{Handshake, Role};
use monitor::protocol::{
    Ack, Auth, Config, ConfigAck, Delivery, Hello, Message, Report, TaskAck, VERSION, Welcome,
};
use monitor::random;
use monitor::token::Token;
use socklab::endpoint::Endpoint;

const DEADLINE: Duration = Duration::from_secs(120);
const TOKEN: &str = "correct horse battery staple";

/// A manager that listens, with its files in `folder`.
struct Served {
    manager: Arc<Manager>,
    address: SocketAddr,
    notices: Inbox,
}

fn serve(folder: &tempfile::TempDir, token: Option<&str>) -> Served {
    let (sender, notices) = notices::queue();
    let path = folder.path().join("data.json");
    let data = Data::load(&path).unwrap();
    let (results, _) = Results::open(Some(&folder.path().join("results"))).unwrap();
    let token = token.map(|token| Token::new(token).unwrap());
    let manager = Arc::new(Manager::new(data, path, results, token, sender));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let own = Arc::clone(&manager);
    // It ends with the process.
    thread::spawn(move || listener::accept("test", &listener, &own, None));
    Served { manager, address, notices }
}

struct Agent {
    keep: Arc<Mutex<Storage>>,
    boot_id: String,
    next: u64,
    stop: Arc<AtomicBool>,
    changes: Receiver<Change>,
    thread: Option<JoinHandle<()>>,
}

/// Accepts every task.
fn accept_all(config: &Config) -> ConfigAck {
    let accept = |task: &monitor::protocol::Task| TaskAck {
        task: task.task.clone(),
        accepted: true,
        reason: None,
    };
    ConfigAck { rev: config.rev, tasks: config.tasks.iter().map(accept).collect() }
}

impl Agent {
    fn start(manager: SocketAddr, token: Option<&str>) -> Agent {
        Agent::start_with_room(manager, token, 10_000)
    }

    fn start_with_room(manager: SocketAddr, token: Option<&str>, room: usize) -> Agent {
        let (keep, _) = Storage::open(None, room).unwrap();
        let keep = Arc::new(Mutex::new(keep));
        let stop = Arc::new(AtomicBool::new(false));
        let boot_id = random::hex(16).unwrap();
        let link = Link {
            manager: Endpoint { host: manager.ip().to_string(), port: Some(manager.port()) },
            name: Some("test".into()),
            boot_id: boot_id.clone(),
            token: token.map(|token| Token::new(token).unwrap()),
            tls: None,
            storage: Arc::clone(&keep),
        };
        let (sender, changes) = mpsc::channel();
        let stopping = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            let tell = |change| drop(sender.send(change));
            link.run(|| stopping.load(Ordering::SeqCst), accept_all, tell);
        });
        Agent { keep, boot_id, next: 1, stop, changes, thread: Some(thread) }
    }

    fn report(&mut self, count: u64) {
        self.report_long(count, 4);
    }

    /// Results whose reasons are `length` bytes long.
    fn report_long(&mut self, count: u64, length: usize) {
        for _ in 0..count {
            let report = Report {
                boot_id: self.boot_id.clone(),
                seq: self.next,
                task: "1".into(),
                rev: 1,
                started_at: "2026-11-21T08:18:28.123456Z".into(),
                duration_us: 1,
                verdict: monitor::verdict::Verdict::Up,
                reason: "o".repeat(length),
                detail: serde_json::Map::new(),
            };
            self.next += 1;
            self.keep.lock().unwrap().push(Delivery::Result(report));
        }
    }

    fn kept(&self) -> usize {
        self.keep.lock().unwrap().spool().results()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[track_caller]
fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A connection by hand.
struct Peer {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Peer {
    fn connect(manager: SocketAddr) -> Peer {
        let stream = TcpStream::connect(manager).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let reader = BufReader::new(stream.try_clone().unwrap());
        Peer { stream, reader }
    }

    fn say(&mut self, message: &Message) {
        self.stream.write_all(message.line().unwrap().as_bytes()).unwrap();
    }

    /// The next message; None at the end of the connection.
    fn hear(&mut self) -> Option<Message> {
        let mut line = String::new();
        match self.reader.read_line(&mut line) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(Message::parse(line.as_bytes()).unwrap()),
        }
    }

    fn hear_error(&mut self) -> String {
        match self.hear() {
            Some(Message::Error { reason }) => reason,
            other => panic!("no error, but {other:?}"),
        }
    }

    /// Says hello, and is let in.
    fn enter(&mut self, agent_id: Option<u64>) {
        self.say(&Message::Hello(hello(agent_id)));
        assert!(matches!(self.hear(), Some(Message::Welcome(_))));
        assert!(matches!(self.hear(), Some(Message::Config(_))));
    }
}

fn hello(agent_id: Option<u64>) -> Hello {
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

#[test]
fn every_result_is_stored_once_and_then_forgotten_by_the_agent() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut agent = Agent::start(served.address, None);
    agent.report(1000);
    wait_until("all is confirmed", || agent.kept() == 0);
    let count = served.manager.with_results(|results| results.counts[&1]);
    assert_eq!((count.stored, count.dropped), (1000, 0));
}

#[test]
fn a_configuration_reaches_a_connected_agent_and_is_confirmed() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, Some(TOKEN));
    let agent = Agent::start(served.address, Some(TOKEN));
    let connected = agent.changes.recv_timeout(DEADLINE);
    assert!(matches!(connected, Ok(Change::Connected { agent: 1, .. })), "{connected:?}");
    served.manager.add(1, "tcp a 1", 1000).unwrap();
    let confirmed = |notice| matches!(notice, Notice::Configured { rev: 1, tasks: 1, .. });
    wait_until("revision 1 is confirmed", || served.notices.drain().any(confirmed));
    served.manager.with_live(|live| assert_eq!(live[&1].confirmed_rev, Some(1)));
    assert_eq!(agent.keep.lock().unwrap().state.agent_id, Some(1));
}

#[test]
fn nobody_gets_in_with_a_wrong_token_a_replay_or_the_managers_own_proof() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, Some(TOKEN));
    let wrong = Agent::start(served.address, Some("incorrect horse battery staple"));
    let Ok(Change::Away { reason }) = wrong.changes.recv_timeout(DEADLINE) else {
        panic!("it was let in")
    };
    assert!(reason.contains("does not know the token"), "{reason}");

    // A handshake by hand, which is right.
    let mut peer = Peer::connect(served.address);
    let hello = hello(Some(7));
    peer.say(&Message::Hello(hello.clone()));
    let Some(Message::Challenge(challenge)) = peer.hear() else { panic!("no challenge") };
    let handshake =
        Handshake { agent_nonce: &hello.nonce, manager_nonce: &challenge.nonce, agent_id: Some(7) };
    let token = Token::new(TOKEN).unwrap();
    assert!(token.verify(Role::Manager, &handshake, &challenge.proof));
    let auth = Auth { proof: token.proof(Role::Agent, &handshake) };
    peer.say(&Message::Auth(auth.clone()));
    assert!(matches!(peer.hear(), Some(Message::Welcome(welcome)) if welcome.agent_id == 7));

    let mut replay = Peer::connect(served.address);
    replay.say(&Message::Hello(hello.clone()));
    assert!(matches!(replay.hear(), Some(Message::Challenge(_))));
    replay.say(&Message::Auth(auth));
    assert!(replay.hear_error().contains("proof of the token is wrong"));
    assert_eq!(replay.hear(), None);

    let mut mirror = Peer::connect(served.address);
    mirror.say(&Message::Hello(hello));
    let Some(Message::Challenge(challenge)) = mirror.hear() else { panic!("no challenge") };
    mirror.say(&Message::Auth(Auth { proof: challenge.proof }));
    assert!(mirror.hear_error().contains("proof of the token is wrong"));

    let agents: Vec<u64> = served.manager.data().agents.keys().copied().collect();
    assert_eq!(agents, [7]);
}

#[test]
fn a_manager_that_does_not_prove_the_token_gets_no_results() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut agent = Agent::start(served.address, Some(TOKEN));
    agent.report(3);
    let Ok(Change::Away { reason }) = agent.changes.recv_timeout(DEADLINE) else {
        panic!("it trusted a manager without a token")
    };
    assert!(reason.contains("did not prove"), "{reason}");
    assert_eq!(agent.kept(), 3);
}

#[test]
fn a_second_connection_takes_over_and_the_first_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut first = Peer::connect(served.address);
    first.enter(Some(1));
    let mut second = Peer::connect(served.address);
    second.enter(Some(1));
    assert!(first.hear_error().contains("takes over"));
    assert_eq!(first.hear(), None);
    let told = |notice| matches!(notice, Notice::TakenOver { agent: 1, .. });
    wait_until("the manager tells", || served.notices.drain().any(told));
    second.say(&Message::Ping { time: String::new() });
    assert_eq!(second.hear(), Some(Message::Pong));
}

#[test]
fn a_change_while_an_agent_is_let_in_reaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    served.manager.add(1, "tcp a 1", 1000).unwrap();
    let mut peer = Peer::connect(served.address);
    // While somebody has the results in hand, it is let in half way: its
    // identifier is decided on, and its connection not known yet.
    served.manager.with_results(|_| {
        peer.say(&Message::Hello(hello(Some(1))));
        wait_until("its identifier is decided on", || served.manager.data().agents[&1].claimed);
        served.manager.add(1, "tcp a 2", 1000).unwrap();
    });
    assert!(matches!(peer.hear(), Some(Message::Welcome(_))));
    let Some(Message::Config(mut config)) = peer.hear() else { panic!("no configuration") };
    if config.rev == 1 {
        let Some(Message::Config(next)) = peer.hear() else { panic!("the change is lost") };
        config = next;
    }
    assert_eq!((config.rev, config.tasks.len()), (2, 2));
}

#[test]
fn a_configuration_that_is_not_confirmed_is_given_again() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut peer = Peer::connect(served.address);
    peer.enter(None);
    let deadline = Instant::now() + DEADLINE;
    // An agent says something now and then; the pings here come more often.
    let config = loop {
        assert!(Instant::now() < deadline, "waited in vain");
        peer.say(&Message::Ping { time: String::new() });
        match peer.hear() {
            Some(Message::Config(config)) => break config,
            Some(Message::Pong) => thread::sleep(Duration::from_millis(100)),
            other => panic!("{other:?}"),
        }
    };
    peer.say(&Message::ConfigAck(accept_all(&config)));
    wait_until("it is confirmed", || {
        served.manager.with_live(|live| live[&1].confirmed_rev == Some(config.rev))
    });
}

/// A manager by hand that lets everybody in, and does not read.
fn manager_that_does_not_read() -> (SocketAddr, Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, streams) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let welcome = Message::Welcome(Welcome { agent_id: 1, stored_seq: 0 });
            stream.write_all(welcome.line().unwrap().as_bytes()).unwrap();
            if sender.send(stream).is_err() {
                return;
            }
        }
    });
    (address, streams)
}

#[test]
fn an_agent_reads_while_it_cannot_write() {
    let (address, streams) = manager_that_does_not_read();
    let mut agent = Agent::start(address, None);
    // More than all buffers on the way take.
    agent.report_long(10_000, 4000);
    let mut manager = streams.recv_timeout(DEADLINE).unwrap();
    // Until nothing comes any more: the agent has filled them. Where a machine is so
    // slow that this is seen too early, the test is weaker, not wrong.
    let (mut buffer, mut before, mut waiting) = (vec![0; 64 << 20], 0, 1);
    while before != waiting {
        before = waiting;
        thread::sleep(Duration::from_millis(300));
        waiting = manager.peek(&mut buffer).unwrap();
    }
    let config = Message::Config(Config { rev: 7, tasks: Vec::new() });
    manager.write_all(config.line().unwrap().as_bytes()).unwrap();
    let began = Instant::now();
    wait_until("the configuration is read", || {
        agent.keep.lock().unwrap().state.config.as_ref().is_some_and(|config| config.rev == 7)
    });
    // Not only after it gave up writing, on another connection.
    assert!(streams.try_recv().is_err(), "the connection was given up");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    // Everything that it keeps is confirmed, before it was read.
    let ack = Message::Ack(Ack { boot_id: agent.boot_id.clone(), seq: 10_000 });
    manager.write_all(ack.line().unwrap().as_bytes()).unwrap();
    wait_until("all is confirmed", || agent.kept() == 0);
}

#[test]
fn a_full_spool_comes_in_on_one_connection() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut agent = Agent::start_with_room(served.address, None, 50_000);
    agent.report(50_000);
    let began = Instant::now();
    wait_until("all is confirmed", || agent.kept() == 0);
    println!("50000 results in {:?}", began.elapsed());
    let connected = agent.changes.try_iter().collect::<Vec<_>>();
    assert!(matches!(connected[..], [Change::Connected { .. }]), "{connected:?}");
    let count = served.manager.with_results(|results| results.counts[&1]);
    assert_eq!((count.stored, count.repeated), (50_000, 0));
}

#[test]
fn an_unknown_message_is_skipped_and_a_malformed_line_ends_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    let mut peer = Peer::connect(served.address);
    peer.enter(None);
    peer.stream.write_all(b"{\"type\":\"weather\"}\n{\"type\":\"ping\"}\nnonsense\n").unwrap();
    assert_eq!(peer.hear(), Some(Message::Pong));
    assert!(peer.hear_error().contains("no message"));
    assert_eq!(peer.hear(), None);
}

#[test]
fn who_dawdles_at_the_door_keeps_nobody_out() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve(&folder, None);
    // Each is three open files here: the peer's end, the manager's, and its handle.
    sys::allow_many_files();
    // Zeros beyond every bound, silent ones, and half a message: the latter two are
    // more than may wait.
    let mut crowd = Vec::new();
    for number in 0..300 {
        let mut stream = TcpStream::connect(served.address).unwrap();
        let said: &[u8] = match number % 10 {
            0 => &[0; 5000],
            1..=6 => b"",
            _ => b"{\"type\":\"hel",
        };
        // It may have been closed already.
        let _ = stream.write_all(said);
        crowd.push(stream);
    }
    let mut honest = Agent::start(served.address, None);
    honest.report(10);
    wait_until("the honest one is served", || honest.kept() == 0);
    // Nobody of the crowd has closed: who is gone before its time is up made room.
    let made_room = |notice: Notice| matches!(notice, Notice::Refused { reason, .. } if reason == "it said nothing");
    wait_until("the oldest make room", || served.notices.drain().any(made_room));
    drop(crowd);
}
