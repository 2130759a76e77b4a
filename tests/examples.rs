//! The textbook's naive programs: they work, and each makes its mistake.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use common::{DEADLINE, Running, Server};
use socket2::SockRef;

/// An example, which `cargo test --test examples` alone does not build.
fn example(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    let profile = common::programs();
    BUILT.get_or_init(|| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", "socklab", "--examples", "--target-dir"]);
        cargo.arg(profile.parent().unwrap()).current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the examples are not built");
    });
    profile.join("examples").join(name)
}

fn start(name: &str, args: &[&str]) -> Running {
    let mut command = Command::new(example(name));
    command.args(args);
    Running::start_command(command)
}

/// A naive server on a free port.
fn server(name: &str) -> (Running, SocketAddr) {
    let mut running = start(name, &["127.0.0.1:0"]);
    let first = running.line();
    let address = first.strip_prefix("listening on ").unwrap().parse().unwrap();
    (running, address)
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Nothing is to be read from this stream, as yet.
fn assert_silent(stream: &mut TcpStream) {
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let why = stream.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
}

#[test]
fn each_pair_works_where_nothing_goes_wrong() {
    let (_running, address) = server("01_naive_server");
    let pings = start("01_naive_client", &[&address.to_string()]).end();
    assert_eq!((pings.code(), pings.stdout.len()), (0, 10), "{pings:#?}");

    let (_running, address) = server("02_naive_server");
    let mut beats = start("02_naive_client", &[&address.to_string()]);
    assert!(beats.line().starts_with("beat 1: 1 "));

    let (_running, address) = server("03_naive_server");
    let pings = start("03_naive_client", &[&address.to_string()]).end();
    assert_eq!(pings.code(), 0);
    assert!(pings.stdout[9].starts_with("ping 10: PING 10 "), "{pings:#?}");

    let (_running, address) = server("04_naive_server");
    let mut client = Command::new(example("04_naive_client"))
        .arg(address.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(b"hello\n").unwrap();
    assert_eq!(client.wait_with_output().unwrap().stdout, b"hello\n");
}

#[test]
fn the_udp_ping_client_takes_a_late_reply_for_the_next_pings() {
    let ours = socket();
    let mut pings = start("01_naive_client", &[&ours.local_addr().unwrap().to_string()]);
    let mut buffer = [0; 1024];
    let (length, client) = ours.recv_from(&mut buffer).unwrap();
    let late = buffer[..length].to_ascii_uppercase();
    // The second ping comes when the client has given up the first.
    ours.recv_from(&mut buffer).unwrap();
    ours.send_to(&late, client).unwrap();
    assert_eq!(pings.line(), "ping 1: request timed out");
    let second = pings.line();
    assert!(second.starts_with("ping 2: PING 1 "), "{second}");
}

#[test]
fn the_udp_ping_server_loses_four_in_eleven_and_dies_of_one_datagram() {
    let (server, address) = server("01_naive_server");
    let client = socket();
    client.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let answered = (0..300).filter(|_| {
        client.send_to(b"ping", address).unwrap();
        client.recv(&mut [0; 9]).is_ok()
    });
    let answered = answered.count();
    // 191 are expected; five standard deviations are 42. On a slow machine
    // fewer answers come in time.
    assert!(answered > 0 && answered < 240, "{answered}");
    // What it does not lose it takes for UTF-8. It has lost a hundred in a row
    // once in 10^44 runs.
    for _ in 0..100 {
        client.send_to(b"\xff", address).unwrap();
    }
    assert_eq!(server.end().code(), 1);
}

#[test]
fn the_heartbeat_client_gives_up_a_server_that_is_well() {
    let args = ["server", "--bind", "127.0.0.1:0", "--drop", "2,4,6"];
    let server = Server::start_command("udp_heartbeat", &args);
    let beats = start("02_naive_client", &[&server.at()]).end();
    let last: Vec<&str> = beats.stdout.iter().rev().take(3).map(String::as_str).collect();
    let [end, sixth, fifth] = last[..] else { panic!("{beats:#?}") };
    assert_eq!((end, sixth), ("the server is down", "beat 6: missed"));
    assert!(fifth.starts_with("beat 5: 5 "), "answered a moment ago: {fifth}");
}

#[test]
fn the_heartbeat_server_mixes_its_clients_up() {
    let (mut server, address) = server("02_naive_server");
    let (one, other) = (socket(), socket());
    for (client, beat) in [(&one, "1 0"), (&other, "1 0"), (&other, "2 0"), (&one, "2 0")] {
        client.send_to(beat.as_bytes(), address).unwrap();
        client.recv(&mut [0; 99]).unwrap();
    }
    let lost: Vec<String> = (0..4).map(|_| server.line()).collect();
    assert!(lost[1].ends_with("beat 1, -1 lost before it"), "{lost:#?}");
    assert!(lost[3].ends_with("beat 2, -1 lost before it"), "{lost:#?}");
    // One has stopped, but the other keeps the server from noticing.
    for seq in 3..=9 {
        other.send_to(format!("{seq} 0").as_bytes(), address).unwrap();
        other.recv(&mut [0; 99]).unwrap();
        assert!(server.line().contains(": beat "));
        thread::sleep(Duration::from_millis(200));
    }
    server.line_with("the client has stopped");
}

#[test]
fn the_tcp_ping_client_takes_the_first_piece_for_the_whole() {
    let args = ["server", "--bind", "127.0.0.1:0", "--loss", "0", "--trickle", "1"];
    let server = Server::start_command("tcp_ping", &args);
    let pings = start("03_naive_client", &[&server.at()]).end();
    // Under load the second piece may have come by then, of one ping or another.
    let first_piece = |line: &String| line.contains(": P, RTT ");
    assert!(pings.stdout.iter().any(first_piece), "{pings:#?}");
}

#[test]
fn the_tcp_ping_server_has_eyes_for_its_first_client_and_dies_of_a_rude_one() {
    let (server, address) = server("03_naive_server");
    let mut first = connect(address);
    let mut reply = [0; 1];
    first.write_all(b"a").unwrap();
    first.read_exact(&mut reply).unwrap();
    let mut second = connect(address);
    second.write_all(b"b").unwrap();
    assert_silent(&mut second);
    drop(first);
    second.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"B");
    SockRef::from(&second).set_linger(Some(Duration::ZERO)).unwrap();
    drop(second);
    assert_eq!(server.end().code(), 1);
}

#[test]
fn the_echo_server_says_nothing_before_its_client_has_said_all() {
    let (_running, address) = server("04_naive_server");
    let mut client = connect(address);
    client.write_all(b"hello\n").unwrap();
    assert_silent(&mut client);
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert_eq!(back, b"hello\n");
}

#[test]
fn the_echo_client_and_a_right_server_wait_for_each_other_when_the_input_is_large() {
    let mut server = Server::start("echo_server", &["--idle-timeout", "1s"]);
    let mut client = Command::new(example("04_naive_client"))
        .arg(server.at())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    client.stdin.take().unwrap().write_all(&vec![b'x'; 64 << 20]).unwrap();
    // Nothing moves any more: that is what this timeout means.
    let end = server.running.line_with("closed");
    assert!(end.contains("nothing moved for 1s"), "{end}");
    assert!(!client.wait().unwrap().success());
}
