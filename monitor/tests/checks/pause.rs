//! An answer that came in time is not lost by a pause: a laptop that slept, a process that was stopped.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use monitor::wire::{dns, ntp};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::common::alone;
use crate::common::program;
use crate::{PATIENT, Server, head_of};

const TIMEOUT: Duration = Duration::from_secs(8);

/// How far server and test have come.
#[derive(Clone, Default)]
struct Stage(Arc<AtomicU8>);

const ASKED: u8 = 1;
const STOPPED: u8 = 2;

impl Stage {
    fn reach(&self, stage: u8) {
        self.0.fetch_max(stage, Ordering::SeqCst);
    }

    fn wait_for(&self, stage: u8) {
        let began = Instant::now();
        while self.0.load(Ordering::SeqCst) < stage {
            assert!(began.elapsed() < PATIENT, "never came to stage {stage}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What the server does between a request and its answer.
    fn pause(&self) {
        self.reach(ASKED);
        self.wait_for(STOPPED);
    }
}

/// Checks, stands still from before the answer until after the deadline, and
/// goes on: the line that the check prints.
fn check_with_a_pause(check: &str, stage: &Stage) -> String {
    let began = Instant::now();
    let child = Command::new(program("monitor"))
        .args(["check", "-W", "8s"])
        .args(check.split(' '))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let id = Pid::from_raw(child.id() as i32);
    stage.wait_for(ASKED);
    kill(id, Signal::SIGSTOP).unwrap();
    waitpid(id, Some(WaitPidFlag::WUNTRACED)).unwrap();
    stage.reach(STOPPED);
    thread::sleep((TIMEOUT + Duration::from_secs(2)).saturating_sub(began.elapsed()));
    kill(id, Signal::SIGCONT).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_string()
}

/// A server over TCP that hears a request to its end, and then waits.
fn over_tcp(
    stage: &Stage,
    hear: fn(&mut std::net::TcpStream) -> Vec<u8>,
    answers: fn(&[u8]) -> Vec<Vec<u8>>,
) -> Server {
    let stage = stage.clone();
    Server::tcp(move |mut stream, _| {
        let request = hear(&mut stream);
        stage.pause();
        for piece in answers(&request) {
            let _ = stream.write_all(&piece);
        }
        // Closed by whom it serves, so that nothing is thrown away.
        let _ = stream.read(&mut [0]);
    })
}

fn over_udp(stage: &Stage, answer: fn(&[u8]) -> Vec<u8>) -> Server {
    let stage = stage.clone();
    Server::udp(move |request| {
        stage.pause();
        vec![b"no answer to anything".to_vec(), answer(request)]
    })
}

#[test]
fn an_answer_that_came_in_time_is_not_lost_by_a_pause() {
    let line = |stream: &mut std::net::TcpStream| {
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap_or(0);
        request[..length].to_vec()
    };
    let head = |stream: &mut std::net::TcpStream| head_of(stream).into_bytes();
    let page = |_: &[u8]| {
        vec![
            b"HTTP/1.1 200 OK\r\nConnection: close\r\n".to_vec(),
            b"Content-Length: 7\r\n\r\nwelcome".to_vec(),
        ]
    };
    let stages: [Stage; 7] = std::array::from_fn(|_| Stage::default());
    let servers = [
        over_tcp(&stages[0], head, page),
        over_tcp(&stages[1], line, |_| vec![b"220 ".to_vec(), b"ready\r\n".to_vec()]),
        over_tcp(&stages[2], line, |request| vec![request.to_vec()]),
        over_udp(&stages[3], |request| request.to_vec()),
        over_udp(&stages[4], |_| b"pong".to_vec()),
        over_udp(&stages[5], |query| {
            let query = dns::Message::parse(query).unwrap();
            let mut reply = dns::Message::reply_to(&query);
            reply.rcode = dns::Rcode::NX_DOMAIN;
            reply.emit().unwrap()
        }),
        over_udp(&stages[6], |request| {
            let origin = ntp::Packet::parse(request).unwrap().transmit;
            let now = ntp::Timestamp::from_system(std::time::SystemTime::now());
            let (receive, transmit) = (now, now);
            let reply = ntp::Packet { mode: 4, stratum: 3, origin, ..ntp::Packet::default() };
            ntp::Packet { receive, transmit, ..reply }.emit().to_vec()
        }),
    ];
    let at: Vec<String> = servers.iter().map(|server| server.address.to_string()).collect();
    let checks = [
        format!("http {} expect_body=welcome", at[0]),
        format!("tcp {} send=hello expect=ready", at[1]),
        format!("tcp_echo {}", at[2]),
        format!("echo {}", at[3]),
        format!("udp {} expect=pong", at[4]),
        format!("dns {} www.lab.test expect_rcode=NXDOMAIN", at[5]),
        format!("ntp {} max_offset=1h", at[6]),
    ];
    thread::scope(|scope| {
        for (check, stage) in checks.iter().zip(&stages) {
            scope.spawn(move || {
                let line = check_with_a_pause(check, stage);
                assert!(line.starts_with("up  "), "{check}: {line}");
            });
        }
    });
}

#[test]
fn what_comes_after_the_deadline_holds_up_no_check_that_was_paused() {
    // So much that the check would read on for as long as the server sends.
    let stage = Stage::default();
    let told = stage.clone();
    let server = Server::tcp(move |mut stream, stop| {
        let mut alive = stream.read(&mut [0; 9]).is_ok();
        told.pause();
        while alive && !stop.load(Ordering::SeqCst) {
            alive = stream.write_all(&[b'a'; 100]).is_ok();
        }
    });
    let check = format!("tcp {} send=hello expect=zzz", server.address);
    let line = check_with_a_pause(&check, &stage);
    assert!(line.starts_with("down  ") && line.contains("not a word of \"zzz\""), "{line}");
}

#[test]
fn pings_that_were_answered_during_a_pause_are_not_lost() {
    // The neighbour gets its address, and so the pings their answers, while the
    // check stands still.
    let script = "unshare -n sleep 239 & other=$!; \
         until [ $(readlink /proc/$other/ns/net) != $(readlink /proc/self/ns/net) ]; do :; done; \
         ip link add cable type veth peer name cable netns $other || exit 1; \
         ip addr add 10.8.1.1/24 dev cable; ip link set cable up; \
         there() { nsenter -t $other -n \"$@\"; }; there ip link set cable up || exit 1; \
         monitor check icmp 10.8.1.2 count=3 -W 8s --explain >said & check=$!; \
         until grep -q '^packet 3, sent' said; do sleep 0.05; done; \
         kill -STOP $check; there ip addr add 10.8.1.2/24 dev cable || exit 1; sleep 10; \
         kill -CONT $check; wait $check; kill $other; cat said";
    let script = format!("folder=$(mktemp -d); cd $folder; {script}; rm -r $folder");
    let test = "pings_that_were_answered_during_a_pause_are_not_lost";
    let Some(text) = alone(test, &["nsenter"], &script) else { return };
    assert!(text.contains("\nup  icmp  10.8.1.2  3 of 3 pings came back"), "{text}");
}
