//! Peers that send their bytes one by one, and hosts that do not answer at all: every wait has its end.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use monitor::protocol::Message;
use rustls::{ClientConnection, Stream};

use crate::common::{DEADLINE, in_a_namespace, lacks, program, skip};
use crate::hostile::hello;
use crate::programs::certificates;
use crate::world::{Manager, Process, wait_until};

/// Shorter than any program here waits for more.
const BETWEEN: Duration = Duration::from_millis(10);

/// Sends the bytes one by one, until there are none or the peer has had
/// enough: gives how long that took.
fn drip(stream: &mut TcpStream, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    for byte in bytes {
        assert!(began.elapsed() < DEADLINE, "the connection goes on");
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        // Not a wait for anything: this is the drip.
        thread::sleep(BETWEEN);
    }
    began.elapsed()
}

fn with_certificates(folder: &std::path::Path) {
    let (authority, certificate, key) = certificates();
    fs::write(folder.join("ca.pem"), authority).unwrap();
    fs::write(folder.join("cert.pem"), certificate).unwrap();
    fs::write(folder.join("key.pem"), key).unwrap();
}

#[test]
fn a_managers_handshake_has_one_end_however_it_drips() {
    let folder = tempfile::tempdir().unwrap();
    with_certificates(folder.path());
    let mut manager = Manager::start(folder.path(), &["--tls", "cert.pem", "--tls-key", "key.pem"]);
    // A record of a handshake of 16 KiB, of which a ClientHello is to come.
    let mut record = vec![22, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xfb, 3, 3];
    record.resize(16 * 1024, 0);
    let mut stream = TcpStream::connect(manager.address).unwrap();
    let took = drip(&mut stream, &record);
    let line = manager.process().line_with("not let in").unwrap();
    println!("{took:?}: {line}");

    // One who was let in, and then has a record of 16 KiB come byte by byte.
    let (config, name) = monitor::tls::client(&folder.path().join("ca.pem"), "127.0.0.1").unwrap();
    let mut stream = TcpStream::connect(manager.address).unwrap();
    let mut tls = ClientConnection::new(Arc::clone(&config), name).unwrap();
    let hello = Message::Hello(hello(None)).line().unwrap();
    Stream::new(&mut tls, &mut stream).write_all(hello.as_bytes()).unwrap();
    let mut welcome = String::new();
    BufReader::new(Stream::new(&mut tls, &mut stream)).read_line(&mut welcome).unwrap();
    assert!(welcome.contains("\"agent_id\":1"), "{welcome}");
    tls.writer().write_all(&[b' '; 16_000]).unwrap();
    let mut record = Vec::new();
    tls.write_tls(&mut record).unwrap();
    let took = drip(&mut stream, &record);
    let line = manager.process().line_with("agent 1 lost").unwrap();
    println!("{took:?}: {line}");
    assert!(line.contains("nothing heard for 25 s"), "{line}");
}

/// A manager that drips, and tells when somebody has connected.
fn dripping() -> (String, Receiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (connected, connections) = mpsc::channel();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let _ = connected.send(());
            // A record of a handshake of 16 KiB, of which a ServerHello is to come.
            let mut record = vec![22, 3, 3, 0x3f, 0xff, 2, 0, 0x3f, 0xfb, 3, 3];
            record.resize(16 * 1024, 0);
            drip(&mut stream, &record);
        }
    });
    (address, connections)
}

#[test]
fn an_agent_gives_a_dripping_manager_up_and_hears_its_signal() {
    let folder = tempfile::tempdir().unwrap();
    with_certificates(folder.path());
    let (address, _connections) = dripping();
    let start = |address: &str| {
        let args = ["--manager", address, "--tls-ca", "ca.pem"];
        Process::start("monitor_agent", folder.path(), &args)
    };
    let mut agent = start(&address);
    let line = agent.line_with("no manager").unwrap();
    assert!(line.contains("does not let it in within 10 s"), "{line}");
    ends_soon(agent);
    // And while it waits for the first time.
    let (address, connections) = dripping();
    let agent = start(&address);
    connections.recv_timeout(DEADLINE).unwrap();
    ends_soon(agent);
}

/// SIGTERM ends it within milliseconds; on a machine that does other things as
/// well, later. What it waits for here would take ten seconds.
const SOON: Duration = Duration::from_secs(8);

fn ends_soon(agent: Process) {
    let began = Instant::now();
    let (code, lines) = agent.terminate();
    assert_eq!(code, 0, "{lines:?}");
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let last = |line: &String| line.contains("confirmed") || line.contains("no results");
    assert!(lines.iter().any(last), "{lines:?}");
}

#[test]
fn an_agent_ends_at_once_whatever_it_waits_for() {
    const NAME: &str = "an_agent_ends_at_once_whatever_it_waits_for";
    if let Some(why) = lacks(&["timeout", "unshare", "ip", "mount", "ss"]) {
        return skip(NAME, &why);
    }
    // A host that takes every packet and answers none: as the manager, and as
    // the server that knows its name.
    let world = "ip link add d0 type veth peer name d1 && ip link set d1 up && ip addr add 198.51.100.1/24 dev d0 && \
                 ip link set d0 up && \
                 ip neigh add 198.51.100.2 lladdr 02:00:00:00:00:01 dev d0 || exit 98; ";
    let ends = "until [ \"$(ss -Hatun dst 198.51.100.2)\" ]; do sleep 0.01; done; began=$(date +%s%N); kill $agent; wait $agent; echo status $?; \
                echo took $((($(date +%s%N) - began) / 1000000)) ms";
    for start in [
        "monitor_agent --manager 198.51.100.2 & agent=$!; ",
        "echo nameserver 198.51.100.2 >$folder/resolv && \
         mount --bind $folder/resolv /etc/resolv.conf || exit 98; \
         monitor_agent --manager manager.lab.test & agent=$!; ",
    ] {
        let inside = format!("{world}{start}{ends}").replace('\'', "'\\''");
        let script =
            format!("export folder=$(mktemp -d); unshare -m sh -c '{inside}'; rm -r $folder");
        let Some(output) = in_a_namespace(&script) else {
            return skip(NAME, "no network namespace for this user");
        };
        let said = String::from_utf8_lossy(&output.stdout);
        let took = said.split_once("took ").and_then(|(_, rest)| rest.split_once(' '));
        let took: u64 = took.unwrap_or_else(|| panic!("{output:?}")).0.parse().unwrap();
        println!("{took} ms");
        assert!(said.contains("status 0") && u128::from(took) < SOON.as_millis(), "{said}");
    }
}

#[test]
fn a_terminal_that_stands_still_stops_neither_the_watching_nor_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &[]);
    manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
    // A pipe that is full, and that nobody reads.
    let (_reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b'.'; 64 * 1024]).unwrap();
    let mut agent = Command::new(program("monitor_agent"))
        .args(["--manager", &manager.address.to_string(), "--state", "agent.json"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(OwnedFd::from(writer))
        .spawn()
        .unwrap();
    manager.process().line_with("tcp 127.0.0.1 1  connection refused").unwrap();
    let id = nix::unistd::Pid::from_raw(agent.id().cast_signed());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
    let mut status = None;
    wait_until("the agent ends", || {
        status = agent.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
}
