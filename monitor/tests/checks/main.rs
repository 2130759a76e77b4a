//! Every check against servers that do what they should, and against such as do not.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use monitor::config::typed;
use monitor::outcome::{Deadline, Outcome};
use monitor::verdict::Verdict;

mod addresses;
#[path = "../../../tests/common/mod.rs"]
mod common;
mod deadline;
mod dns;
mod http;
mod lacks;
mod ntp;
mod pause;
mod sockets;

/// Long enough for any machine, where an answer is to come.
const PATIENT: Duration = Duration::from_secs(60);

/// Where no answer is to come, and the check lasts to its deadline; the wrong
/// ones have to come within it.
const SHORT: Duration = Duration::from_secs(2);

fn check_within(line: &str, timeout: Duration) -> Outcome {
    let typed = typed::parse(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    let began = Instant::now();
    let outcome = typed.check.run(&Deadline::of(timeout));
    // Generous, for a machine with other things to do; a check that forgets
    // its deadline takes for ever.
    assert!(began.elapsed() < timeout + Duration::from_secs(30), "{line}: {outcome:?}");
    assert!(!outcome.reason.contains('\n'), "{line}: {outcome:?}");
    outcome
}

fn check(line: &str) -> Outcome {
    check_within(line, PATIENT)
}

/// Asserts the verdict, and words of the reason.
#[track_caller]
fn assert_says(outcome: &Outcome, verdict: Verdict, words: &str) {
    assert!(
        outcome.verdict == verdict && outcome.reason.contains(words),
        "not {verdict} with {words:?}: {outcome:#?}"
    );
}

/// A server of the test's own, on a free port of loopback; it ends when it is dropped.
struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// How often a server looks whether it is to end.
const LOOK_UP: Duration = Duration::from_millis(20);

impl Server {
    /// Over UDP: each datagram is answered with these.
    fn udp(answers: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Server {
        Server::udp_from(move |socket, query, from| {
            for answer in answers(query) {
                let _ = socket.send_to(&answer, from);
            }
        })
    }

    /// Over UDP: each datagram is handed over.
    fn udp_from(answer: impl Fn(&UdpSocket, &[u8], SocketAddr) + Send + 'static) -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(LOOK_UP)).unwrap();
        let address = socket.local_addr().unwrap();
        Server::spawn(address, move |stop| {
            let mut buffer = [0; 65_536];
            while !stop.load(Ordering::SeqCst) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    answer(&socket, &buffer[..length], from);
                }
            }
        })
    }

    /// Over TCP: each connection is handed over, one after another.
    fn tcp(serve: impl Fn(TcpStream, &AtomicBool) + Send + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Server::tcp_on(listener, serve)
    }

    fn tcp_on(
        listener: TcpListener,
        serve: impl Fn(TcpStream, &AtomicBool) + Send + 'static,
    ) -> Server {
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        Server::spawn(address, move |stop| {
            while !stop.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        stream.set_read_timeout(Some(PATIENT)).unwrap();
                        serve(stream, stop);
                    }
                    Err(why) if why.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK_UP),
                    Err(why) => panic!("{why}"),
                }
            }
        })
    }

    fn spawn(address: SocketAddr, run: impl FnOnce(&AtomicBool) + Send + 'static) -> Server {
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let thread = Some(thread::spawn(move || run(&told)));
        Server { address, stop, thread }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A port of loopback that nobody has now.
fn free_udp_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn free_tcp_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Reads a request's head.
fn head_of(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|length| length > 0) {
        head.push(byte[0]);
    }
    String::from_utf8_lossy(&head).into_owned()
}

/// Reads one, whatever stands in it.
fn read_head(stream: &mut TcpStream) {
    head_of(stream);
}
