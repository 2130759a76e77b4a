//! No check leaves a thread or a descriptor behind, whatever becomes of it.
//!
//! A file of its own, since the tests of a file share their process.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::thread;
use std::time::Duration;

use monitor::config::typed;
use monitor::lab::Lab;
use monitor::lab::services::Service;
use monitor::outcome::Deadline;

/// The entries of a folder of /proc/self.
fn count(folder: &str) -> usize {
    fs::read_dir(format!("/proc/self/{folder}")).unwrap().count()
}

/// Waits until there are at most so many; the last reader's own is among them.
fn at_most(folder: &str, most: usize) -> bool {
    (0..3000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        count(folder) <= most
    })
}

#[test]
fn hundreds_of_checks_leave_no_thread_and_no_descriptor_behind() {
    let lab = Lab::start(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap();
    let ca = std::env::temp_dir().join(format!("monitor-leaks-{}.pem", std::process::id()));
    fs::write(&ca, lab.authority_pem()).unwrap();
    let at = |service| lab.address(service);
    let trickle = TcpListener::bind("127.0.0.1:0").unwrap();
    let trickles = trickle.local_addr().unwrap();
    thread::spawn(move || {
        for stream in trickle.incoming().flatten() {
            thread::spawn(move || {
                let mut stream = stream;
                while stream.write_all(b"a").is_ok() {
                    thread::sleep(Duration::from_millis(5));
                }
            });
        }
    });
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let lines = [
        format!("http {}", at(Service::Http)),
        format!("http {}/redirect", at(Service::Http)),
        format!("https {} ca_file={}", at(Service::Https), ca.display()),
        format!("https {}", at(Service::Https)),
        format!("https {}", at(Service::Tcp)),
        format!("dns {} www.lab.test A", at(Service::Dns)),
        format!("dns {} big.lab.test TXT", at(Service::Dns)),
        format!("dns {closed} www.lab.test A"),
        format!("ntp {}", at(Service::Ntp)),
        format!("tcp {} expect=220", at(Service::Tcp)),
        format!("echo {}", at(Service::Echo)),
        format!("tcp_echo {}", at(Service::Echo)),
        format!("udp {closed}"),
        format!("udp {} timeout=20ms", at(Service::Silent)),
        format!("tcp {trickles} expect=b timeout=20ms"),
        format!("http {trickles} timeout=20ms"),
        format!("tcp localhost {}", at(Service::Tcp).port()),
        "icmp 127.0.0.1 count=1".to_string(),
        "trace 127.0.0.1".to_string(),
    ];
    let round = || {
        for line in &lines {
            let typed = typed::parse(line).unwrap();
            let timeout = typed.settings.timeout.unwrap_or(Duration::from_secs(20));
            typed.check.run(&Deadline::of(timeout));
        }
    };
    // What is made once stays: the lab's threads, those that look names up.
    round();
    let (descriptors, threads) = (count("fd"), count("task"));
    for _ in 0..20 {
        round();
    }
    // The servers, too, need a moment to see that a connection has ended.
    let gone = at_most("fd", descriptors) && at_most("task", threads);
    let now = (count("fd"), count("task"));
    fs::remove_file(&ca).unwrap();
    assert!(gone, "descriptors and threads: {:?}, and then {now:?}", (descriptors, threads));
}
