//! Servers whose output nobody reads any more go on answering, and say so once.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Command, Stdio};

use common::{DEADLINE, program};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Starts a server, reads its first line and goes away; then asks it three
/// times, and ends it. What it said on stderr.
fn unread(name: &str, args: &[&str], ask: impl Fn(SocketAddr) -> String) -> String {
    let mut server = Command::new(program(name))
        .args(args)
        .args(["--bind", "127.0.0.1:0"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut first).unwrap();
    let address = first.split("listening on ").nth(1).unwrap().split([',', ' ', '\n']).next();
    let address = address.unwrap().parse().unwrap();
    for _ in 0..3 {
        assert_ne!(ask(address), "", "{name}");
    }
    kill(Pid::from_raw(server.id() as i32), Signal::SIGTERM).unwrap();
    let output = server.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{name}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn over_udp(request: &str) -> impl Fn(SocketAddr) -> String {
    move |server| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        socket.send_to(request.as_bytes(), server).unwrap();
        let mut reply = [0; 1000];
        let length = socket.recv(&mut reply).unwrap();
        String::from_utf8(reply[..length].to_vec()).unwrap()
    }
}

fn over_tcp(request: &str) -> impl Fn(SocketAddr) -> String {
    move |server| {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = [0; 1000];
        let length = stream.read(&mut reply).unwrap();
        String::from_utf8(reply[..length].to_vec()).unwrap()
    }
}

#[test]
fn servers_go_on_when_nobody_reads_what_they_print() {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let beat = format!("1 {:.6}", now.as_secs_f64());
    for (name, stderr) in [
        ("udp_ping_server", unread("udp_ping_server", &["--loss", "0"], over_udp("Ping 1 2"))),
        ("udp_heartbeat", unread("udp_heartbeat", &["server", "--loss", "0"], over_udp(&beat))),
        ("tcp_ping", unread("tcp_ping", &["server", "--loss", "0"], over_tcp("ping 1 2"))),
        ("echo_server", unread("echo_server", &["--udp"], over_udp("hello"))),
    ] {
        let expected =
            format!("{name}: nobody reads stdout any more; going on: clients are answered\n");
        assert_eq!(stderr, expected);
    }
}
