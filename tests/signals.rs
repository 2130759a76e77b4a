//! Ctrl-C ends every program with its summary, however much flows.

mod common;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::{Running, Server};
use nix::sys::signal::Signal;

/// It takes milliseconds. A program that looks at the signal only when nothing
/// flows never ends here.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Traffic in a thread, until it is told to stop.
struct Flow {
    stopped: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Flow {
    fn start(mut step: impl FnMut() + Send + 'static) -> Flow {
        let stopped = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stopped);
        let thread = thread::spawn(move || {
            while !told.load(Ordering::SeqCst) {
                step();
            }
        });
        Flow { stopped, thread: Some(thread) }
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

/// Stops a program amid the flow; it has to tell its summary.
fn assert_ends(what: &str, running: Running, signal: Signal) {
    // Not a wait for something that is hoped for: it is to be busy.
    thread::sleep(Duration::from_millis(300));
    running.signal(signal);
    let began = Instant::now();
    let ended = running.end();
    assert!(began.elapsed() < AT_ONCE, "{what} took {:?}", began.elapsed());
    assert!(matches!(ended.code(), 0 | 1), "{what}: {ended:#?}");
    let told = ended.stdout.iter().any(|line| line.starts_with(r#"{"event":"summary""#));
    assert!(told, "{what}: {:#?}", ended.stdout);
}

/// Sends this to a server without a pause, and reads nothing.
fn flood(server: SocketAddr, datagram: &'static [u8]) -> Flow {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    Flow::start(move || {
        let _ = socket.send_to(datagram, server);
    })
}

#[test]
fn servers_that_are_flooded_end() {
    let udp = ["--bind", "127.0.0.1:0", "--json", "-q"];
    let heartbeat = [&["server"][..], &udp].concat();
    let cases: [(&str, &[&str], &[u8]); 5] = [
        ("udp_ping_server", &udp, b"Ping 1 T"),
        ("udp_ping_server", &[&udp[..], &["--delay", "1ms"]].concat(), b"Ping 1 T"),
        ("udp_ping_server", &[&udp[..], &["--duplicate", "1"]].concat(), b"Ping 1 T"),
        ("udp_heartbeat", &heartbeat, b"1 0"),
        ("echo_server", &udp, b"hello"),
    ];
    for (name, args, datagram) in cases {
        let server = Server::start_command(name, args);
        let _flow = flood(server.address, datagram);
        assert_ends(&format!("{name} {args:?}"), server.running, Signal::SIGINT);
    }
}

#[test]
fn servers_of_busy_connections_end() {
    let ping = ["server", "--bind", "127.0.0.1:0", "--json", "-q", "--loss", "0"];
    let one = [&ping[..], &["--one-at-a-time"]].concat();
    let echo = ["--bind", "127.0.0.1:0", "--json", "-q"];
    let cases: [(&str, &[&str]); 3] =
        [("tcp_ping", &ping), ("tcp_ping", &one), ("echo_server", &echo)];
    for (name, args) in cases {
        let server = Server::start_command(name, args);
        let mut stream = TcpStream::connect(server.address).unwrap();
        let _flow = Flow::start(move || {
            let _ = stream.write_all(b"ping").and_then(|()| stream.read(&mut [0; 4]));
        });
        assert_ends(&format!("{name} {args:?}"), server.running, Signal::SIGTERM);
    }
}

#[test]
fn clients_that_are_flooded_end() {
    let cases: [(&str, &[&str]); 3] = [
        ("udp_ping_client", &["-i", "1h"]),
        ("udp_heartbeat", &["-i", "1h"]),
        ("echo_client", &["--message", "hello"]),
    ];
    for (name, args) in cases {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(common::DEADLINE)).unwrap();
        let at = socket.local_addr().unwrap().to_string();
        let side: &[&str] = if name == "udp_heartbeat" { &["client"] } else { &[] };
        let flags = [at.as_str(), "--json", "-q", "-n", "0", "-W", "1h"];
        let client = Running::start(name, &[side, &flags, args].concat());
        let (_, client_at) = socket.recv_from(&mut [0; 99]).unwrap();
        let _flow = Flow::start(move || {
            let _ = socket.send_to(b"hello", client_at);
        });
        assert_ends(&format!("{name} {args:?}"), client, Signal::SIGINT);
    }
}
