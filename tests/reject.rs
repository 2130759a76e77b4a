//! ICMP errors on purpose, and those of a real firewall: what the clients make of them.

mod common;

use std::collections::BTreeSet;

use common::{in_a_namespace, lacks, named, program, seqs, skip};
use serde_json::Value;

/// What every script begins with: `serve FILE COMMAND` starts a server in the
/// background, in `$server`, and waits for its first line; `stop` ends it.
const SCRIPT: &str = r#"
    set -u; here=$(mktemp -d); trap 'rm -rf $here' EXIT; cd $here
    serve() {
        out=$1; shift; rm -f $out; touch $out; "$@" > $out & server=$!
        until grep -q listening $out; do kill -0 $server || exit 98; sleep 0.02; done
    }
    stop() { kill -TERM $server; wait $server; }
"#;

/// Two hosts: this namespace, which is alice, and `at_bob` behind a link.
const HOSTS: &str = r#"
    unshare -n sleep 239 & bob=$!
    trap 'kill $bob; rm -rf $here' EXIT
    until [ "$(readlink /proc/$bob/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.02; done
    at_bob="nsenter -t $bob -n"
    ip link add toward-bob type veth peer name toward-alice netns $bob
    ip addr add 10.0.2.1/24 dev toward-bob; ip addr add fd00::1/64 nodad dev toward-bob
    ip link set toward-bob up
    $at_bob ip addr add 10.0.2.2/24 dev toward-alice
    $at_bob ip addr add fd00::2/64 nodad dev toward-alice
    $at_bob ip link set lo up; $at_bob ip link set toward-alice up
    # Bob's kernel would send few errors a second; the second limit is for all together.
    $at_bob sh -c 'cd /proc/sys/net; echo 0 > ipv4/icmp_ratelimit; echo 0 > ipv6/icmp/ratelimit
        echo 100000 > ipv4/icmp_msgs_per_sec; echo 100000 > ipv4/icmp_msgs_burst' 2> /dev/null
"#;

type TypeAndCode = (u64, u64);

/// What can be asked for, its type and code over IPv4 and over IPv6, and
/// whether it is hard.
const KINDS: [(&str, TypeAndCode, TypeAndCode, bool); 5] = [
    ("net-unreachable", (3, 0), (1, 0), false),
    ("host-unreachable", (3, 1), (1, 3), false),
    ("protocol-unreachable", (3, 2), (4, 1), true),
    ("port-unreachable", (3, 3), (1, 4), true),
    ("admin-prohibited", (3, 13), (1, 1), true),
];

/// Runs a script; its output, unless this test has to be skipped.
fn output_of(test: &str, tools: &[&str], script: &str) -> Option<String> {
    if let Some(why) = lacks(&[&["timeout", "unshare", "ip"], tools].concat()) {
        skip(test, &why);
        return None;
    }
    let Some(output) = in_a_namespace(&format!("{SCRIPT}{script}")) else {
        skip(test, "no network namespace for this user (unshare -rn)");
        return None;
    };
    assert!(output.status.success(), "{output:#?}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The events of each run, which the script separates by lines `== NAME`.
fn runs(output: &str) -> Vec<(String, Vec<Value>)> {
    let mut runs: Vec<(String, Vec<Value>)> = Vec::new();
    for line in output.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            runs.push((name.to_string(), Vec::new()));
        } else if line.starts_with('{') {
            let event = serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"));
            runs.last_mut().expect("a run has a name").1.push(event);
        }
    }
    runs
}

fn type_and_code(event: &Value) -> Option<TypeAndCode> {
    event["type"].as_u64().zip(event["code"].as_u64())
}

/// The machine may be so slow that connecting takes all of a TCP ping's time.
/// A ping that times out later has heard of no error, and that is no excuse:
/// the kernel believes only one that quotes the right sequence number.
fn never_connected(events: &[Value]) -> usize {
    named(events, "timeout").iter().filter(|timeout| timeout["stage"] == "connect").count()
}

#[test]
fn each_error_is_named_right_and_tied_to_its_datagram() {
    let mut script = String::new();
    for (with, ..) in KINDS {
        for (host, from) in [("127.0.0.1:12000", "127.0.0.1"), ("[::1]:12000", "::1")] {
            script += &format!(
                "serve log udp_ping_server --bind {host} --loss 0 --reject-rate 1 --reject-with {with} -q
                 echo '== {with} {from}'; udp_ping_client {host} -n 20 -W 60s --json; stop\n"
            );
        }
    }
    script += "exit 0";
    let test = "reject: each_error_is_named_right_and_tied_to_its_datagram";
    let Some(output) = output_of(test, &[], &script) else { return };
    let runs = runs(&output);
    assert_eq!(runs.len(), 2 * KINDS.len());
    for (name, events) in runs {
        let (with, from) = name.split_once(' ').unwrap();
        let (_, v4, v6, hard) = *KINDS.iter().find(|kind| kind.0 == with).unwrap();
        let expected = if from.contains(':') { v6 } else { v4 };
        assert_eq!(seqs(&events, "icmp_error"), (1..=20).collect::<Vec<_>>(), "{name}");
        for event in named(&events, "icmp_error") {
            assert_eq!(type_and_code(event), Some(expected), "{event}");
            assert_eq!((&event["from"], &event["hard"]), (&from.into(), &hard.into()), "{event}");
        }
        assert_eq!(events.last().unwrap()["errors"], 20);
    }
}

#[test]
fn the_rate_is_kept_all_kinds_come_and_both_sides_tell_of_the_same_requests() {
    let script = "serve log udp_ping_server --loss 10% --seed 7 \
            --reject-rate 20% --reject-with random --json
        echo '== client'; udp_ping_client -n 3000 -i 1ms -W 5s --json; stop
        echo '== server'; cat log; exit 0";
    let test = "reject: the_rate_is_kept_all_kinds_come";
    let Some(output) = output_of(test, &[], script) else { return };
    let runs = runs(&output);
    let (client, server) = (&runs[0].1, &runs[1].1);
    let fate = |word: &str| -> BTreeSet<u64> {
        named(server, "request")
            .iter()
            .filter(|request| request["fate"] == word)
            .map(|request| request["request"].as_u64().unwrap())
            .collect()
    };
    let errors: BTreeSet<u64> = seqs(client, "icmp_error").into_iter().collect();
    assert_eq!(errors, fate("rejected"));
    let kinds: BTreeSet<_> =
        named(client, "icmp_error").iter().map(|event| type_and_code(event).unwrap()).collect();
    assert_eq!(kinds, KINDS.iter().map(|kind| kind.1).collect());
    // Of 2700 that are not lost, 540; five standard deviations are 104.
    assert!(errors.len().abs_diff(540) < 104, "{}", errors.len());
    let summary = client.last().unwrap();
    assert_eq!(summary["errors"], errors.len());
    assert_eq!(named(client, "not_sent").len(), 0);
    assert_eq!(server.last().unwrap()["rejected"], errors.len());
    assert_eq!(server.last().unwrap()["failed"], 0);
}

#[test]
fn tcpdump_finds_nothing_wrong_in_the_errors_and_in_what_they_quote() {
    let mut script = String::from(
        "tcpdump -i lo -s 2000 -B 20000 -nvv -l --immediate-mode \
            'icmp or icmp6' > dump 2> began & dump=$!
         until grep -q listening began; do kill -0 $dump || exit 97; sleep 0.02; done\n",
    );
    for host in ["127.0.0.1", "[::1]"] {
        script += &format!(
            "serve log udp_ping_server --bind {host}:12000 --loss 0 --reject-rate 1 --reject-with random -q --json
             for size in 40 41 519 520 521 1183 1184 1185 9000; do udp_ping_client {host}:12000 -n 20 -s $size -q; done
             stop; echo '== {host}'; cat log
             serve log tcp_ping server --bind {host}:12001 --loss 0 --reject-rate 1 --reject-with random -q --json
             tcp_ping client {host}:12001 -n 10 -W 50ms -q; stop; echo '== {host}'; cat log\n"
        );
    }
    // One packet more than the errors, to know that all of them are there.
    script += "ping -c 1 127.0.0.1 > pong; until grep -q 'echo reply' dump; do sleep 0.05; done
               kill $dump; cat dump; exit 0";
    let test = "reject: tcpdump_finds_nothing_wrong";
    let Some(output) = output_of(test, &["tcpdump", "ping"], &script) else { return };
    let count = |text: &str| output.matches(text).count();
    // How many that are is the servers' word: a ping of 50 ms may be over before
    // its connection is there.
    let rejected = |host: &str| -> u64 {
        let runs = runs(&output);
        let summaries = runs.iter().filter(|run| run.0 == host).map(|run| run.1.last().unwrap());
        summaries.map(|summary| summary["rejected"].as_u64().unwrap()).sum()
    };
    let errors_v4 = count("127.0.0.1: ICMP ") - count("ICMP echo");
    assert_eq!((errors_v4 as u64, rejected("127.0.0.1") > 180), (rejected("127.0.0.1"), true));
    assert_eq!((count("ICMP6, ") as u64, rejected("[::1]") > 180), (rejected("[::1]"), true));
    for wrong in ["bad", "wrong", "incorrect", "missing"] {
        assert!(!output.contains(wrong), "{output}");
    }
    // Cut datagrams have no checksum to be checked; the whole ones are right.
    assert!(count("[udp sum ok] UDP, length 40") >= 20, "{output}");
}

#[test]
fn on_a_connection_an_error_is_a_hint_and_the_ping_waits_on() {
    let mut script = String::new();
    for (with, ..) in KINDS {
        for host in ["127.0.0.1:12001", "[::1]:12001"] {
            script += &format!(
                "serve log tcp_ping server --bind {host} --loss 0 --reject-rate 1 --reject-with {with} -q
                 echo '== {with} {host}'; tcp_ping client {host} -n 5 -W 200ms --json; stop\n"
            );
        }
    }
    script += "exit 0";
    let test = "reject: on_a_connection_an_error_is_a_hint";
    let Some(output) = output_of(test, &[], &script) else { return };
    for (name, events) in runs(&output) {
        let kind = KINDS.iter().find(|kind| name.starts_with(kind.0)).unwrap();
        let expected = if name.contains("::1") { kind.2 } else { kind.1 };
        let connected = 5 - never_connected(&events);
        assert!(connected > 0, "{name}: {events:#?}");
        assert_eq!(named(&events, "unreachable").len(), connected, "{name}: {events:#?}");
        let hints = named(&events, "icmp_error");
        assert_eq!(hints.len(), connected, "{name}: {events:#?}");
        for hint in hints {
            // Linux tells the errno alone, which several errors share.
            let told = type_and_code(hint);
            assert!(told.is_none_or(|told| told == expected), "{name}: {hint}");
            assert_eq!((&hint["stage"], &hint["from"]), (&"request".into(), &Value::Null));
        }
        assert_eq!(events.last().unwrap()["errors"], connected);
    }
}

#[test]
fn a_connection_survives_the_error_and_brings_the_reply() {
    // Two segments of three are rejected by a real firewall, be it hard or soft,
    // and sent again. Linux keeps an error to itself that comes in while the
    // client is in a call on its socket. On one machine the first one always
    // does, during the write; the second comes when a timer has sent the segment
    // again, and is heard of, unless the client looks up in that very moment.
    let script = "serve log tcp_ping server --loss 0 -q
        for with in icmp-host-unreachable icmp-port-unreachable; do
            for every in 3 2; do
                iptables -A INPUT -p tcp --dport 12001 --tcp-flags PSH PSH \
                    -m statistic --mode nth --every $every --packet 0 \
                    -j REJECT --reject-with $with || exit 97
            done
            echo == $with; tcp_ping client -n 8 -W 60s --json
            iptables -F
        done
        stop; exit 0";
    let test = "reject: a_connection_survives_the_error_and_brings_the_reply";
    let Some(output) = output_of(test, &["iptables"], script) else { return };
    let runs = runs(&output);
    assert_eq!(runs.len(), 2);
    let mut hints = 0;
    for (name, events) in runs {
        assert_eq!(seqs(&events, "reply"), (1..=8).collect::<Vec<_>>(), "{name}: {events:#?}");
        let summary = events.last().unwrap();
        assert_eq!((&summary["errors"], &summary["received"]), (&0.into(), &8.into()));
        hints += named(&events, "icmp_error").len();
    }
    assert!(hints > 0, "{output}");
}

#[test]
fn a_firewall_on_another_host_is_named_for_every_probe() {
    const REJECTS: [(&str, &str, TypeAndCode); 9] = [
        ("iptables", "icmp-net-unreachable", (3, 0)),
        ("iptables", "icmp-host-unreachable", (3, 1)),
        ("iptables", "icmp-proto-unreachable", (3, 2)),
        ("iptables", "icmp-port-unreachable", (3, 3)),
        ("iptables", "icmp-admin-prohibited", (3, 13)),
        ("ip6tables", "icmp6-no-route", (1, 0)),
        ("ip6tables", "icmp6-adm-prohibited", (1, 1)),
        ("ip6tables", "icmp6-addr-unreachable", (1, 3)),
        ("ip6tables", "icmp6-port-unreachable", (1, 4)),
    ];
    let mut script = HOSTS.to_string();
    for (tool, with, _) in REJECTS {
        let host = if tool == "iptables" { "10.0.2.2" } else { "[fd00::2]" };
        script += &format!(
            "for protocol in udp tcp; do
                 $at_bob {tool} -A INPUT -p $protocol -j REJECT --reject-with {with} || exit 97
             done
             echo '== udp {with}'; udp_ping_client {host}:12000 -n 50 -i 5ms -W 60s --json
             echo '== tcp {with}'; tcp_ping client {host}:12001 -n 3 -W 60s --json
             echo '== beat {with}'; udp_heartbeat client {host}:12002 -n 3 -W 60s --json
             echo '== echo {with}'; echo_client {host}:10100 --message hello -n 3 -W 60s --json
             $at_bob {tool} -F\n"
        );
    }
    script += "exit 0";
    let test = "reject: a_firewall_on_another_host_is_named_for_every_probe";
    let tools = ["iptables", "ip6tables", "nsenter"];
    let Some(output) = output_of(test, &tools, &script) else { return };
    let runs = runs(&output);
    assert_eq!(runs.len(), 4 * REJECTS.len());
    for (name, events) in runs {
        let (program, with) = name.split_once(' ').unwrap();
        let (tool, _, expected) = *REJECTS.iter().find(|reject| reject.1 == with).unwrap();
        let from = if tool == "iptables" { "10.0.2.2" } else { "fd00::2" };
        let probes = if program == "udp" { 50 } else { 3 };
        let told = seqs(&events, "icmp_error");
        assert_eq!(told, (1..=probes).collect::<Vec<_>>(), "{name}: {events:#?}");
        for event in named(&events, "icmp_error") {
            assert_eq!(type_and_code(event), Some(expected), "{name}: {event}");
            assert_eq!(event["from"], from, "{name}: {event}");
        }
    }
}

#[test]
fn between_two_hosts_the_servers_errors_arrive_as_well() {
    let mut script = HOSTS.to_string();
    for (udp, tcp, host) in [
        ("0.0.0.0:12000", "0.0.0.0:12001", "10.0.2.2"),
        ("[::]:12000", "[::]:12001", "[fd00::2]"),
        // A client of IPv4 at a server on every address of IPv6.
        ("[::]:12000", "[::]:12001", "10.0.2.2"),
    ] {
        script += &format!(
            "serve log $at_bob udp_ping_server --bind {udp} --loss 0 --reject-rate 1 --reject-with random -q
             echo '== udp'; udp_ping_client {host}:12000 -n 200 -W 60s --json; stop
             serve log $at_bob tcp_ping server --bind {tcp} --loss 0 --reject-rate 1 --reject-with random -q
             echo '== tcp'; tcp_ping client {host}:12001 -n 20 -W 200ms --json; stop\n"
        );
    }
    script += "exit 0";
    let test = "reject: between_two_hosts_the_servers_errors_arrive_as_well";
    let Some(output) = output_of(test, &["nsenter"], &script) else { return };
    let runs = runs(&output);
    assert_eq!(runs.len(), 6);
    for (name, events) in runs {
        let connected = match name.as_str() {
            "udp" => 200,
            _ => 20 - never_connected(&events),
        };
        assert!(connected > 0, "{name}: {events:#?}");
        assert_eq!(named(&events, "icmp_error").len(), connected, "{name}: {events:#?}");
    }
}

#[test]
fn an_error_that_quotes_eight_bytes_is_the_oldest_probes() {
    // RFC 792 asks for no more; then nothing says which datagram it was.
    let script = r#"
        cat > router.py <<'END'
import socket, struct
def checksum(data):
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16: total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.bind(("127.0.0.1", 12000))
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
host = socket.inet_aton("127.0.0.1")
print("listening", flush=True)
while True:
    data, (_, port) = udp.recvfrom(9999)
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28 + len(data), 0, 0, 64, 17, 0, host, host)
    quoted = ip + struct.pack("!HHHH", port, 12000, 8 + len(data), 0)
    error = struct.pack("!BBHI", 3, 1, 0, 0) + quoted
    error = error[:2] + struct.pack("!H", checksum(error)) + error[4:]
    raw.sendto(error, ("127.0.0.1", 0))
END
        serve log python3 router.py
        echo == client; udp_ping_client -n 20 -i 1ms -W 60s --json; kill $server; exit 0"#;
    let test = "reject: an_error_that_quotes_eight_bytes_is_the_oldest_probes";
    let Some(output) = output_of(test, &["python3"], script) else { return };
    let events = &runs(&output)[0].1;
    assert_eq!(seqs(events, "icmp_error"), (1..=20).collect::<Vec<_>>(), "{events:#?}");
    assert!(named(events, "icmp_error").iter().all(|event| type_and_code(event) == Some((3, 1))));
}

#[test]
fn without_the_privilege_one_line_says_what_would_help() {
    let test = "reject: without_the_privilege_one_line_says_what_would_help";
    if let Some(why) = lacks(&["setpriv"]) {
        return skip(test, &why);
    }
    for words in [["udp_ping_server"].as_slice(), &["tcp_ping", "server"]] {
        let mut command = common::tool("setpriv");
        if nix::unistd::geteuid().is_root() {
            command.args(["--bounding-set=-net_raw", "--inh-caps=-net_raw"]);
        }
        command.arg(program(words[0])).args(&words[1..]);
        command.args(["--bind", "127.0.0.1:0", "--reject-rate", "20%"]);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(output.stdout.is_empty(), "{output:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        for mend in ["CAP_NET_RAW", "sudo ", "setcap cap_net_raw+ep ", "unshare -rn "] {
            assert!(text.contains(mend), "{text}");
        }
    }
}

#[test]
fn the_flags_are_checked_and_the_first_line_names_them() {
    let alone = common::run("udp_ping_server", &["--reject-with", "random"]);
    assert_eq!((alone.code(), alone.stderr.len()), (2, 1), "{alone:?}");
    assert!(alone.stderr[0].contains("--reject-rate"), "{alone:?}");
    let wrong = common::run("tcp_ping", &["server", "--reject-rate", "1", "--reject-with", "no"]);
    assert_eq!((wrong.code(), wrong.stderr.len()), (2, 1), "{wrong:?}");

    let script = "serve udp udp_ping_server --seed 1 --reject-rate 20%; stop
        serve tcp tcp_ping server --seed 1 --reject-rate 1/4 --reject-with random; stop
        head -n 1 udp; head -n 1 tcp; exit 0";
    let test = "reject: the_first_line_names_the_flags";
    let Some(output) = output_of(test, &[], script) else { return };
    let lines: Vec<&str> = output.lines().collect();
    let udp = "udp_ping_server: listening on 127.0.0.1:12000, loss 30%, \
               reject 20% with host-unreachable, seed 1";
    let tcp = "tcp_ping: listening on 127.0.0.1:12001, loss 20%, reject 25% with random, seed 1";
    assert_eq!(lines, [udp, tcp]);
}
