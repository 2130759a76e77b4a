//! What this machine lacks is never the service's fault: no route, no descriptors, a firewall of its own.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::process::{Command, Stdio};

use monitor::config::typed;
use monitor::lab::Lab;
use monitor::lab::services::Service;
use monitor::outcome::Deadline;
use monitor::verdict::Verdict;

use crate::PATIENT;
use crate::common::alone;

/// A check of each type of whoever has this address.
fn each_type(address: &str) -> Vec<String> {
    ["http", "icmp", "trace", "ntp"]
        .map(|kind| format!("{kind} {address}"))
        .into_iter()
        .chain(["tcp", "udp", "echo", "tcp_echo"].map(|kind| format!("{kind} {address} 9")))
        .chain([format!("dns {address} www.lab.test")])
        .collect()
}

#[test]
fn without_a_route_every_type_is_unverified_with_the_same_words() {
    let checks = each_type("192.0.2.1");
    let script: String =
        checks.iter().map(|check| format!("monitor check {check} -W 5s | head -n 1; ")).collect();
    let test = "without_a_route_every_type_is_unverified_with_the_same_words";
    let Some(text) = alone(test, &[], &script) else { return };
    assert_eq!(text.lines().count(), checks.len(), "{text}");
    let words = "not asked: this machine lacks a route (see: ip route): network is unreachable";
    for line in text.lines() {
        assert!(line.starts_with("unverified  ") && line.contains(words), "{line}");
    }
}

#[test]
fn a_firewall_of_this_machine_is_not_the_services_fault() {
    // The address is a neighbour's on a cable that nobody is at the other end of.
    let checks: Vec<String> =
        each_type("10.9.9.2").into_iter().filter(|check| !check.starts_with("trace")).collect();
    let checks: String =
        checks.iter().map(|check| format!("monitor check {check} -W 5s | head -n 1; ")).collect();
    let script = format!(
        "ip link add cable type veth peer name far && ip link set far up && ip addr add 10.9.9.1/24 dev cable && \
         ip link set cable up || exit 1; \
         iptables -A OUTPUT -d 10.9.9.2 -j REJECT || exit 1; {checks}"
    );
    let test = "a_firewall_of_this_machine_is_not_the_services_fault";
    let Some(text) = alone(test, &["iptables"], &script) else { return };
    let said: Vec<&str> = text
        .lines()
        .filter(|line| line.contains("not asked: this machine does not allow it (see: nft"))
        .collect();
    assert_eq!(said.len(), 8, "{text}");
    assert!(said.iter().all(|line| line.starts_with("unverified  ")), "{text}");
}

/// The first line of each of these checks, made from 10.8.1.1 while a router,
/// 10.8.1.2, is the way to 10.8.0.0/16; `there` runs a command on the router.
fn behind_a_router(test: &str, router: &str, checks: &[&str]) -> Option<Vec<String>> {
    let checks: String =
        checks.iter().map(|check| format!("monitor check {check} -W 20s | head -n 1; ")).collect();
    let script = format!(
        "unshare -n sleep 239 & router=$!; \
         until [ $(readlink /proc/$router/ns/net) != $(readlink /proc/self/ns/net) ]; do :; done; \
         ip link add cable type veth peer name cable netns $router || exit 1; \
         ip addr add 10.8.1.1/24 dev cable; ip link set cable up; \
         there() {{ nsenter -t $router -n \"$@\"; }}; \
         there ip addr add 10.8.1.2/24 dev cable; there ip link set cable up; \
         there sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0; \
         ip route add 10.8.0.0/16 via 10.8.1.2 || exit 1; {router} || exit 1; \
         {checks} kill $router"
    );
    let text = alone(test, &["nsenter", "sysctl", "iptables"], &script)?;
    Some(text.lines().map(str::to_string).collect())
}

#[test]
fn an_unreachable_from_a_router_is_the_networks_answer() {
    let checks = ["tcp 10.8.2.2 9", "udp 10.8.2.2 9", "icmp 10.8.2.2", "dns 10.8.2.2 x.test"];
    let test = "an_unreachable_from_a_router_is_the_networks_answer";
    let router = "there ip route add unreachable 10.8.2.0/24";
    let Some(lines) = behind_a_router(test, router, &checks) else { return };
    assert_eq!(lines.len(), 4, "{lines:#?}");
    for line in lines {
        let words = "10.8.1.2 says Destination Host Unreachable";
        assert!(line.starts_with("down  ") && line.contains(words), "{line}");
    }
}

#[test]
fn a_firewall_on_the_way_is_named_or_at_least_thought_of() {
    // By default iptables rejects with a port unreachable, from the router's own
    // address; its reset bears the address of the host that never saw the request.
    let router = "there ip route add 10.8.2.0/24 via 10.8.1.9 && \
         there iptables -A FORWARD -p tcp --dport 10 -j REJECT --reject-with tcp-reset && \
         there iptables -A FORWARD -j REJECT";
    let checks = ["udp 10.8.2.2 9", "tcp 10.8.2.2 9", "tcp 10.8.2.2 10", "http 10.8.2.2:10"];
    let test = "a_firewall_on_the_way_is_named_or_at_least_thought_of";
    let Some(lines) = behind_a_router(test, router, &checks) else { return };
    assert_eq!(lines.len(), 4, "{lines:#?}");
    assert!(lines.iter().all(|line| line.starts_with("down  ")), "{lines:#?}");
    let router = "port unreachable, says 10.8.1.2, and not 10.8.2.2 itself: a firewall rejects it";
    let host = "refused by 10.8.2.2: no program listens there, or a firewall answers for it";
    assert!(lines[..2].iter().all(|line| line.contains(router)), "{lines:#?}");
    assert!(lines[2..].iter().all(|line| line.contains(host)), "{lines:#?}");
}

#[test]
fn without_descriptors_nothing_is_down() {
    let lab = Lab::start(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap();
    let port = |service| lab.address(service).port();
    let checks = [
        format!("http localhost:{}/", port(Service::Http)),
        format!("dns localhost:{} www.lab.test", port(Service::Dns)),
        format!("ntp localhost:{}", port(Service::Ntp)),
        format!("tcp localhost {}", port(Service::Tcp)),
        format!("udp localhost {} send=x", port(Service::Echo)),
        format!("echo localhost {}", port(Service::Echo)),
        format!("tcp_echo localhost {}", port(Service::Echo)),
        format!("tcp 127.0.0.1 {}", port(Service::Tcp)),
        "icmp localhost count=1".to_string(),
        "trace 127.0.0.1".to_string(),
    ];
    let program = std::env::current_exe().unwrap();
    let script = "ulimit -n 64; exec \"$0\" --exact lacks::starved --nocapture";
    let output = Command::new("sh")
        .args(["-c", script, &program.display().to_string()])
        .env(STARVED, checks.join("\n"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

const STARVED: &str = "SOCKLAB_STARVED_CHECKS";

/// Not a test of its own, but the other process of the one above, which takes
/// all descriptors but a few before it checks.
#[test]
fn starved() {
    let Ok(checks) = std::env::var(STARVED) else { return };
    let mut lacking = 0;
    for free in 0..=4 {
        for line in checks.lines() {
            let typed = typed::parse(line).unwrap();
            let mut held = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                held.push(file);
            }
            held.truncate(held.len() - free);
            let outcome = typed.check.run(&Deadline::of(PATIENT));
            drop(held);
            assert_ne!(outcome.verdict, Verdict::Down, "{free} free, {line}: {outcome:?}");
            if outcome.reason.contains("lacks a free descriptor") {
                assert_eq!(outcome.verdict, Verdict::Unverified);
                lacking += 1;
            }
        }
    }
    // At the least where none was free.
    assert!(lacking >= checks.lines().count(), "only {lacking} lacked a descriptor");
}
