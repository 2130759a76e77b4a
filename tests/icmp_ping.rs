//! ICMP ping as a user runs it, in network namespaces of the test's own, beside the programs of others.

mod common;

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use common::{in_a_namespace, lacks, named, run, seqs, skip};
use nix::unistd::geteuid;
use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use regex::Regex;
use serde_json::Value;

const PING: &str = "icmp_ping";

/// Two hosts joined by a cable: alice, where a script runs, and bob, whose
/// commands begin with `$bob`. Behind bob lie 10.8.0.0/24 and fd08::/64, over a
/// cable whose MTU is 1280. Bob sends as many ICMP errors as he likes.
const HOSTS: &str = r#"
unshare -n sleep 240 >/dev/null 2>&1 & pid=$!
trap 'kill $pid' EXIT
mine=$(readlink /proc/self/ns/net)
until theirs=$(readlink /proc/$pid/ns/net) && [ "$theirs" != "$mine" ]; do sleep 0.01; done
bob="nsenter -t $pid -n"
host() { # its name, its number, and how commands of its begin
    $3 ip link set lo up
    $3 ip link set "$1" addrgenmode none up
    $3 ip addr add 10.9.0.$2/24 dev "$1"
    $3 ip addr add fd09::$2/64 dev "$1" nodad
    $3 ip addr add fe80::$2/64 dev "$1" nodad
}
ip link add name alice type veth peer name bob
ip link set bob netns $pid
host alice 1 '' && host bob 2 "$bob"
$bob ip link add name narrow mtu 1280 type veth peer name wall
$bob ip link set wall up
$bob ip link set narrow addrgenmode none up
$bob ip addr add 10.8.0.1/24 dev narrow
$bob ip addr add fd08::1/64 dev narrow nodad
$bob sh -c 'cd /proc/sys/net
    echo 1 > ipv4/ip_forward; echo 1 > ipv6/conf/all/forwarding
    echo 0 > ipv4/icmp_ratelimit; echo 0 > ipv6/icmp/ratelimit; echo 10000 > ipv4/icmp_msgs_per_sec'
ip route add 10.8.0.0/24 via 10.9.0.2
ip route add fd08::/64 via fd09::2
"#;

/// A datagram socket for this group, and in a namespace of an ordinary user's
/// there is no other.
const ALLOW_DATAGRAM: &str = r#"g=$(id -g); echo "$g $g" > /proc/sys/net/ipv4/ping_group_range"#;

/// Without CAP_NET_RAW, whoever runs it.
const WITHOUT_RAW: &str = "setpriv --bounding-set=-net_raw --inh-caps=-all --ambient-caps=-all";

/// Runs a script where there is nothing but loopback; `None`, and a loud skip,
/// where that is not possible.
fn alone(test: &str, tools: &[&str], script: &str) -> Option<Output> {
    let output = match lacks(tools) {
        Some(why) => Err(why),
        None => in_a_namespace(script).ok_or("no network namespace is allowed here".to_string()),
    };
    match output {
        Ok(output) => Some(output),
        Err(why) => {
            skip(test, &why);
            None
        }
    }
}

/// Runs a script on alice.
fn on_alice(test: &str, tools: &[&str], script: &str) -> Option<Output> {
    alone(test, &[tools, &["ip", "nsenter"]].concat(), &format!("{HOSTS}\n{script}"))
}

fn text(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The JSON lines among those of a script.
fn events(output: &Output) -> Vec<Value> {
    let json = |line: &str| serde_json::from_str(line).ok();
    text(output).lines().filter_map(json).collect()
}

fn summaries(output: &Output) -> Vec<Value> {
    events(output).into_iter().filter(|event| event["event"] == "summary").collect()
}

/// A folder of the test's own, which everybody may read.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("socklab-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    folder
}

#[test]
fn every_line_of_ping_stands_in_our_output_too() {
    let test = "every_line_of_ping_stands_in_our_output_too";
    let script = "ping -c 3 -i 0.01 127.0.0.1; echo ===; icmp_ping -n 3 -i 10ms 127.0.0.1";
    let Some(output) = alone(test, &["ping"], script) else { return };
    let times = Regex::new(r"time[= ]?[\d.]+|= [\d./]+ ms").unwrap();
    let text = times.replace_all(&text(&output), "TIME").into_owned();
    let (theirs, ours) = text.split_once("===\n").unwrap();
    let mut rest = ours.lines();
    for line in theirs.lines() {
        assert!(rest.any(|ours| ours == line), "{line:?} is missing in {ours}");
    }
}

#[test]
fn replies_have_their_ttl_and_rtt_over_both_versions() {
    let test = "replies_have_their_ttl_and_rtt_over_both_versions";
    for host in ["127.0.0.1", "::1"] {
        let script = format!("icmp_ping -n 3 -i 0 -s 100 --json {host}");
        let Some(output) = alone(test, &[], &script) else { return };
        let events = events(&output);
        assert_eq!(seqs(&events, "reply"), [1, 2, 3], "{events:?}");
        let reply = named(&events, "reply")[0];
        assert_eq!((&reply["bytes"], &reply["ttl"]), (&108.into(), &64.into()));
        assert_eq!(reply["from"], host);
        assert!(reply["rtt_ms"].as_f64().unwrap() > 0.0);
        let start = named(&events, "start")[0];
        assert_eq!((&start["socket"], &start["rtt_ends_at"]), (&"raw".into(), &"kernel".into()));
        let summary = named(&events, "summary")[0];
        assert_eq!((&summary["received"], &summary["foreign"]), (&3.into(), &0.into()));
    }
}

#[test]
fn every_size_comes_back_and_the_largest_is_the_one_that_fits() {
    let test = "every_size_comes_back_and_the_largest_is_the_one_that_fits";
    let script =
        "for s in 0 1 7 8 15 16 17 1472 65507; do icmp_ping -n 2 -i 0 -s $s --json 127.0.0.1; done
        for s in 0 1 9 65527; do icmp_ping -n 2 -i 0 -s $s --json ::1; done";
    let Some(output) = alone(test, &[], script) else { return };
    let summaries = summaries(&output);
    assert_eq!(summaries.len(), 13);
    assert!(summaries.iter().all(|summary| summary["received"] == 2), "{summaries:?}");
}

#[test]
fn past_65535_the_numbers_on_the_wire_begin_again_and_ours_go_on() {
    let test = "past_65535_the_numbers_on_the_wire_begin_again_and_ours_go_on";
    let script = "icmp_ping -n 66000 -i 0 --json 127.0.0.1 | tail -5";
    let Some(output) = alone(test, &[], script) else { return };
    let events = events(&output);
    assert_eq!(seqs(&events, "reply"), [65_999, 66_000]);
    let summary = named(&events, "summary")[0];
    for (name, count) in [("received", 66_000), ("duplicates", 0), ("foreign", 0), ("corrupt", 0)] {
        assert_eq!(summary[name], count, "{name}");
    }
}

#[test]
fn seven_pingers_at_once_get_their_own_replies_and_nobody_elses() {
    let test = "seven_pingers_at_once_get_their_own_replies_and_nobody_elses";
    let script = "for i in 1 2 3 4 5; do icmp_ping -n 200 -i 5ms -W 60s --json 10.9.0.2 | tail -1 & all=\"$all $!\"; done
        ping -c 200 -i 0.005 -W 60 -q 10.9.0.2 & all=\"$all $!\"
        fping -q -c 200 -p 5 -t 60000 10.9.0.2 2>&1 & all=\"$all $!\"
        wait $all";
    let Some(output) = on_alice(test, &["ping", "fping"], script) else { return };
    let summaries = summaries(&output);
    assert_eq!(summaries.len(), 5, "{output:?}");
    for summary in summaries {
        for (name, count) in [("sent", 200), ("received", 200), ("duplicates", 0), ("foreign", 0)] {
            assert_eq!(summary[name], count, "{name} {summary}");
        }
    }
    let text = text(&output);
    assert!(text.contains("200 packets transmitted, 200 received, 0% packet loss"), "{text}");
    assert!(text.contains("xmt/rcv/%loss = 200/200/0%"), "{text}");
}

#[test]
fn tcpdump_finds_every_checksum_right_in_10_000_requests() {
    let test = "tcpdump_finds_every_checksum_right_in_10_000_requests";
    let folder = folder("checksums");
    let capture = folder.join("capture");
    let mut random = ChaCha8Rng::seed_from_u64(4);
    let (mut pings, runs, each) = (String::new(), 200, 50);
    for run in 0..runs {
        let host = if run % 2 == 0 { "127.0.0.1" } else { "::1" };
        let largest = if run % 20 < 2 { 65_400 } else { 1500 };
        let size = random.random_range(0..largest);
        let length = random.random_range(1..=16);
        let pattern: String =
            (0..length).map(|_| format!("{:02x}", random.random_range(0..=255u8))).collect();
        pings +=
            &format!("icmp_ping -q -n {each} -i 0 -W 60s -s {size} --pattern {pattern} {host}\n");
    }
    let script = format!(
        "tcpdump -i lo -B 262144 -c {packets} -w {capture} 2>{capture}.log & dump=$!
        until grep -qs listening {capture}.log; do sleep 0.01; done
        {{ {pings} }} > /dev/null
        wait $dump; cat {capture}.log >&2
        tcpdump -vvnr {capture} 2>/dev/null",
        capture = capture.display(),
        // Requests and replies.
        packets = 2 * runs * each
    );
    let output = alone(test, &["tcpdump"], &script);
    let _ = fs::remove_dir_all(&folder);
    let Some(output) = output else { return };
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let text = text(&output);
    let requests = text.lines().filter(|line| line.contains("echo request")).count();
    assert_eq!(requests, runs * each, "{log}");
    let good_v6 = text.lines().filter(|line| line.contains("[icmp6 sum ok]")).count();
    assert_eq!(good_v6, runs * each, "requests and replies: {log}");
    let bad = Regex::new("(?i)bad|wrong|incorrect|trunc").unwrap();
    let bad: Vec<&str> = text.lines().filter(|line| bad.is_match(line)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[test]
fn every_error_that_a_firewall_sends_is_named_as_ping_names_it() {
    let test = "every_error_that_a_firewall_sends_is_named_as_ping_names_it";
    let cases = [
        ("iptables", "icmp-host-unreachable", 3, 1),
        ("iptables", "icmp-net-unreachable", 3, 0),
        ("iptables", "icmp-port-unreachable", 3, 3),
        ("iptables", "icmp-proto-unreachable", 3, 2),
        ("iptables", "icmp-admin-prohibited", 3, 13),
        ("ip6tables", "icmp6-no-route", 1, 0),
        ("ip6tables", "icmp6-adm-prohibited", 1, 1),
        ("ip6tables", "icmp6-addr-unreachable", 1, 3),
        ("ip6tables", "icmp6-port-unreachable", 1, 4),
    ];
    let mut script = format!("{ALLOW_DATAGRAM}\n");
    for (tables, with, ..) in cases {
        let (host, protocol, kind) = match tables {
            "iptables" => ("10.9.0.2", "icmp", "--icmp-type echo-request"),
            _ => ("fd09::2", "icmpv6", "--icmpv6-type echo-request"),
        };
        script += &format!(
            "$bob {tables} -A INPUT -p {protocol} {kind} -j REJECT --reject-with {with} || exit 98
            icmp_ping -n 5 -i 20ms -W 60s --json {host}
            {WITHOUT_RAW} icmp_ping -n 5 -i 20ms -W 60s --json {host}
            ping -c 5 -i 0.02 -W 60 {host} | grep '^From'
            $bob {tables} -F INPUT\n"
        );
    }
    let Some(output) = on_alice(test, &["iptables", "ip6tables", "ping", "setpriv"], &script)
    else {
        return;
    };
    let (events, said) = (events(&output), text(&output));
    let sockets: Vec<&Value> =
        named(&events, "start").iter().map(|start| &start["socket"]).collect();
    assert!(sockets.chunks(2).all(|pair| pair == ["raw", "datagram"]), "{sockets:?}");
    assert_eq!(seqs(&events, "icmp_error"), [1, 2, 3, 4, 5].repeat(2 * cases.len()));
    let errors = named(&events, "icmp_error");
    let theirs: Vec<&str> = said.lines().filter(|line| line.starts_with("From")).collect();
    assert_eq!(theirs.len(), 5 * cases.len(), "{theirs:#?}");
    for (index, (tables, with, kind, code)) in cases.into_iter().enumerate() {
        for ours in &errors[10 * index..10 * (index + 1)] {
            assert_eq!((&ours["type"], &ours["code"]), (&kind.into(), &code.into()), "{with}");
            assert!(["10.9.0.2", "fd09::2"].contains(&ours["from"].as_str().unwrap()));
            // Over IPv6 ping has words of its own.
            if tables == "iptables" {
                let meaning = ours["meaning"].as_str().unwrap();
                let named =
                    |line: &&str| with == "icmp-admin-prohibited" || line.ends_with(meaning);
                let theirs = &theirs[5 * index..5 * (index + 1)];
                assert!(theirs.iter().all(named), "{meaning}: {theirs:?}");
            }
        }
    }
}

#[test]
fn forged_foreign_and_damaged_replies_are_each_told_as_such() {
    let test = "forged_foreign_and_damaged_replies_are_each_told_as_such";
    let folder = folder("forged");
    let script = format!(
        "echo 1 > /proc/sys/net/ipv4/icmp_echo_ignore_all
        python3 {forger} > {ready} & forger=$!
        until grep -qs ready {ready}; do sleep 0.01; done
        icmp_ping -n 13 -i 0 -W 700ms --json 127.0.0.1
        kill $forger",
        forger = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/classic/forger.py"),
        ready = folder.join("ready").display(),
    );
    let output = alone(test, &["python3"], &script);
    let _ = fs::remove_dir_all(&folder);
    let Some(output) = output else { return };
    let events = events(&output);
    assert_eq!(seqs(&events, "reply"), [1, 4, 5, 6, 9, 10, 13], "{events:#?}");
    assert_eq!(seqs(&events, "duplicate"), [1, 11]);
    assert_eq!(seqs(&events, "timeout"), [7]);
    assert_eq!(seqs(&events, "late"), [7]);
    assert_eq!(seqs(&events, "redirect"), [10]);
    assert_eq!(seqs(&events, "icmp_error"), [11]);
    let what: Vec<&str> =
        named(&events, "corrupt").iter().map(|event| event["what"].as_str().unwrap()).collect();
    let expected = [
        "bad checksum",
        "byte 20 is 0xee, was 0x14",
        "cut off at 20 bytes of 56",
        "the number 99 in its header",
    ];
    assert_eq!(what, expected);
    assert_eq!(seqs(&events, "corrupt"), [2, 3, 8, 12]);
    let foreign: Vec<&str> =
        named(&events, "foreign").iter().map(|event| event["why"].as_str().unwrap()).collect();
    let expected = [
        "not what request 4 carried",
        "from a host that was not asked",
        "no request had the number 99",
        "an ICMP error that quotes no request 10 of ours",
        "an ICMP error with a bad checksum",
        "an ICMP error about request 10, whose fate was known",
    ];
    assert_eq!(foreign, expected);
    let summary = named(&events, "summary")[0];
    let counts = [("received", 7), ("late", 1), ("corrupt", 4), ("errors", 1), ("foreign", 6)];
    for (name, count) in counts {
        assert_eq!(summary[name], count, "{name}");
    }
}

/// The packets in what `tcpdump -x` prints, as hexadecimal digits.
fn packets(dump: &str) -> Vec<String> {
    let mut packets: Vec<String> = Vec::new();
    for line in dump.lines() {
        let hexadecimal = line.trim_start().strip_prefix("0x");
        if let Some((offset, words)) = hexadecimal.and_then(|rest| rest.split_once(':')) {
            if offset.ends_with("0000") {
                packets.push(String::new());
            }
            let last = packets.last_mut().expect("a packet begins at offset 0");
            last.extend(words.split_whitespace());
        }
    }
    packets
}

#[test]
fn what_is_explained_is_what_tcpdump_sees_on_the_wire() {
    let test = "what_is_explained_is_what_tcpdump_sees_on_the_wire";
    let folder = folder("explain");
    for host in ["127.0.0.1", "::1"] {
        let script = format!(
            "rm -f {log}
            tcpdump -i lo -c 4 -nx --immediate-mode > {dump} 2> {log} & dump=$!
            until grep -qs listening {log}; do sleep 0.01; done
            icmp_ping -n 2 -i 0 -s 57 -t 9 --explain=all --json {host} | grep -v '\"summary'
            icmp_ping -n 2 -i 0 -s 57 -t 9 --explain {host}
            wait $dump; cat {dump} >&2",
            dump = folder.join("dump").display(),
            log = folder.join("log").display(),
        );
        let Some(output) = alone(test, &["tcpdump"], &script) else { return };
        let seen = packets(&String::from_utf8_lossy(&output.stderr));
        let events = events(&output);
        let explained: Vec<String> = named(&events, "explain")
            .iter()
            .map(|event| event["packet"].as_str().unwrap().replace(' ', ""))
            .collect();
        assert_eq!(seen.len(), 4, "{output:?}");
        for (seen, explained) in seen.iter().zip(&explained) {
            assert_eq!(seen, explained);
        }
        assert_eq!(explained.len(), 4);
        let ways: Vec<&Value> =
            named(&events, "explain").iter().map(|event| &event["way"]).collect();
        assert_eq!(ways, ["sent", "received", "sent", "received"]);
        // Without "all", the first of each.
        let text = text(&output);
        assert_eq!(text.matches("Request 1, as it leaves:").count(), 1, "{text}");
        assert_eq!(text.matches("Request 2, as it leaves:").count(), 0);
        assert_eq!(text.matches(&format!("What came in from {host}:")).count(), 1);
        let long = text.lines().find(|line| !line.starts_with('{') && line.chars().count() > 80);
        assert_eq!(long, None);
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn a_flipped_bit_is_noticed_by_the_receiver_who_says_nothing() {
    let test = "a_flipped_bit_is_noticed_by_the_receiver_who_says_nothing";
    let script = r#"spoilt() { sed -n 's/^Icmp: //p' /proc/net/snmp | tail -1 | cut -d' ' -f3; }
        for bit in 0 20 40 511; do
            before=$(spoilt); icmp_ping -n 2 -i 0 -W 50ms --flip-bit $bit --json 127.0.0.1
            echo $(($(spoilt) - before)) spoilt
        done
        icmp_ping --flip-bit 512 127.0.0.1 2>&1; icmp_ping --flip-bit 1 ::1 2>&1; true"#;
    let Some(output) = alone(test, &[], script) else { return };
    let summaries = summaries(&output);
    assert_eq!(summaries.len(), 4, "{output:?}");
    assert!(summaries.iter().all(|summary| summary["lost"] == 2), "{summaries:?}");
    let text = text(&output);
    assert_eq!(text.matches("2 spoilt").count(), 4, "{text}");
    assert!(text.contains("has 512 bits with its header, 0 to 511"), "{text}");
    assert!(text.contains("--flip-bit needs a raw socket, and IPv4"), "{text}");
}

#[test]
fn routers_errors_are_tied_to_their_requests() {
    let test = "routers_errors_are_tied_to_their_requests";
    let script = "icmp_ping -n 2 -i 2ms -W 60s -t 1 --json 10.8.0.9
        icmp_ping -n 2 -i 2ms -W 60s -t 1 --json fd08::9
        icmp_ping -n 1 -W 60s --df -s 1400 --json 10.8.0.9
        icmp_ping -n 1 -W 60s --df -s 1400 --json fd08::9
        icmp_ping -n 3 -W 60s -i 10ms 10.9.0.77; true";
    let Some(output) = on_alice(test, &[], script) else { return };
    let events = events(&output);
    let errors: Vec<String> = named(&events, "icmp_error")
        .iter()
        .map(|event| format!("{} {} {}", event["seq"], event["meaning"], event["from"]))
        .collect();
    let expected = [
        r#"1 "Time to Live Exceeded" "10.9.0.2""#,
        r#"2 "Time to Live Exceeded" "10.9.0.2""#,
        r#"1 "Hop Limit Exceeded" "fd09::2""#,
        r#"2 "Hop Limit Exceeded" "fd09::2""#,
        r#"1 "Fragmentation Needed, next-hop MTU 1280" "10.9.0.2""#,
        r#"1 "Packet Too Big, next-hop MTU 1280" "fd09::2""#,
    ];
    assert_eq!(errors, expected);
    // Nobody has the address: alice's own kernel says so.
    let text = text(&output);
    for seq in 1..=3 {
        let line =
            format!("From 10.9.0.1 icmp_seq={seq} Destination Host Unreachable (type 3, code 1)");
        assert!(text.contains(&line), "{text}");
    }
}

#[test]
fn what_is_too_large_for_the_cable_is_not_sent_and_the_size_is_told() {
    let test = "what_is_too_large_for_the_cable_is_not_sent_and_the_size_is_told";
    let script = "icmp_ping -n 1 --df -s 1473 10.9.0.2; icmp_ping -n 1 --df -s 1472 10.9.0.2
        icmp_ping -n 1 --df -s 1453 fd09::2; icmp_ping -n 1 --df -s 1452 fd09::2
        icmp_ping -n 1 -s 5000 10.9.0.2; icmp_ping -n 1 -s 5000 fd09::2";
    let script = format!(
        "{script}\n{ALLOW_DATAGRAM}
        {WITHOUT_RAW} icmp_ping -n 1 --df -s 1473 10.9.0.2; {WITHOUT_RAW} icmp_ping -n 1 -s 1473 10.9.0.2"
    );
    let Some(output) = on_alice(test, &["setpriv"], &script) else { return };
    let text = text(&output);
    let line = "icmp_seq=1 could not be sent: message too long, mtu=1500";
    assert_eq!(text.matches(line).count(), 3, "{text}");
    assert_eq!(text.matches(" 1 received, 0% packet loss").count(), 5, "{text}");
}

#[test]
fn a_cable_further_on_that_is_too_small_is_told_by_its_router_once_and_then_by_the_kernel() {
    let test =
        "a_cable_further_on_that_is_too_small_is_told_by_its_router_once_and_then_by_the_kernel";
    let script = "icmp_ping -n 2 -i 2s -W 60s --df -s 1400 10.8.0.9
        icmp_ping -n 2 -i 2s -W 60s --df -s 1400 fd08::9; true";
    let Some(output) = on_alice(test, &[], script) else { return };
    let text = text(&output);
    assert_eq!(text.matches("icmp_seq=1 Fragmentation Needed, next-hop MTU 1280").count(), 1);
    assert_eq!(text.matches("icmp_seq=1 Packet Too Big, next-hop MTU 1280").count(), 1, "{text}");
    let line = "icmp_seq=2 could not be sent: message too long, mtu=1280";
    assert_eq!(text.matches(line).count(), 2, "{text}");
}

#[test]
fn link_local_addresses_take_their_interface_either_way() {
    let test = "link_local_addresses_take_their_interface_either_way";
    let script =
        "icmp_ping -n 1 --json fe80::2%alice; icmp_ping -n 1 --json fe80::2 --interface alice
        icmp_ping -n 1 --json fe80::2%alice --interface fe80::1%alice
        icmp_ping -n 1 --json 10.9.0.2 --interface alice
        icmp_ping -n 1 --json 127.0.0.1 --interface 10.9.0.1
        icmp_ping fe80::2 2>&1; icmp_ping 10.9.0.2 --interface eth99 2>&1
        icmp_ping 10.9.0.2 --interface 10.9.0.99 2>&1; icmp_ping 10.9.0.2 --interface ::1 2>&1
        icmp_ping 10.9.0.255 2>&1; icmp_ping 192.0.2.1 2>&1; true";
    let Some(output) = on_alice(test, &[], script) else { return };
    let (events, text) = (events(&output), text(&output));
    let from: Vec<&Value> = named(&events, "reply").iter().map(|event| &event["from"]).collect();
    assert_eq!(from, ["fe80::2%alice", "fe80::2", "fe80::2%alice", "10.9.0.2", "127.0.0.1"]);
    for line in [
        "icmp_ping: every interface has its own fe80::2: say which, as in fe80::2%eth0",
        "icmp_ping: cannot send through interface eth99: no such device; see: ip link",
        "icmp_ping: no interface of this machine has the address 10.9.0.99 (see: ip addr)",
        "icmp_ping: 10.9.0.2 cannot be reached from ::1: one is IPv4, one IPv6",
        "icmp_ping: cannot reach 10.9.0.255: permission denied; a broadcast address?",
        "icmp_ping: cannot reach 192.0.2.1: network is unreachable; is the network up",
    ] {
        assert!(text.lines().any(|found| found.starts_with(line)), "{line} in {text}");
    }
}

#[test]
fn without_the_privilege_a_datagram_socket_does_and_says_so() {
    let test = "without_the_privilege_a_datagram_socket_does_and_says_so";
    let script = format!(
        "{ALLOW_DATAGRAM}
        for host in 10.9.0.2 fd09::2 fe80::2%alice; do
            {WITHOUT_RAW} icmp_ping -n 2 -i 10ms -W 60s -t 9 $host
        done"
    );
    let Some(output) = on_alice(test, &["setpriv"], &script) else { return };
    let text = text(&output);
    assert_eq!(text.matches("\ndatagram socket, as a raw one is not allowed; id ").count(), 3);
    assert_eq!(text.matches("icmp_seq=2 ttl=64 time=").count(), 3, "{text}");
    assert_eq!(text.matches("2 packets transmitted, 2 received, 0% packet loss").count(), 3);
}

#[test]
fn where_neither_socket_is_allowed_one_line_has_every_mend() {
    let test = "where_neither_socket_is_allowed_one_line_has_every_mend";
    // Nobody's group is what a namespace shows for every group that it does not
    // know, so that none may be left out.
    if nix::unistd::getgid().as_raw() == 65_534 {
        return skip(test, "the group is that of nobody");
    }
    let script = format!(
        "{WITHOUT_RAW} icmp_ping 127.0.0.1; echo $?; {WITHOUT_RAW} icmp_ping ::1; echo $?; id -g"
    );
    let Some(output) = alone(test, &["setpriv"], &script) else { return };
    let said = text(&output);
    let [first, second, group] = said.lines().collect::<Vec<_>>()[..] else { panic!("{said}") };
    assert_eq!((first, second), ("2", "2"));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(errors.lines().count(), 2, "{errors}");
    let program = common::program(PING).canonicalize().unwrap();
    for line in errors.lines() {
        for mend in [
            format!("sudo {} ", program.display()),
            format!("sudo setcap cap_net_raw+ep {}", program.display()),
            "net.ipv4.ping_group_range is \"".to_string(),
            format!("sudo sysctl net.ipv4.ping_group_range=\"{group} {group}\""),
            "unshare -rn".to_string(),
        ] {
            assert!(line.contains(&mend), "{mend} in {line}");
        }
    }
}

#[test]
fn an_ordinary_user_may_not_flood_other_hosts() {
    let test = "an_ordinary_user_may_not_flood_other_hosts";
    let folder = folder("ordinary");
    // Nobody may not read every folder in which a toolkit can stand.
    let program = folder.join(PING);
    fs::copy(common::program(PING), &program).unwrap();
    let (range, ordinary) = if geteuid().is_root() {
        let range = "echo '0 65535' > /proc/sys/net/ipv4/ping_group_range";
        (range, "setpriv --reuid=65534 --regid=65534 --clear-groups")
    } else {
        (ALLOW_DATAGRAM, WITHOUT_RAW)
    };
    let ping = format!("{ordinary} {}", program.display());
    let script = format!(
        "{range}
        for i in 0 1ms 1.9ms; do {ping} -n 2 -i $i 10.9.0.2 2>&1; done
        {ping} -n 2 -i 2ms --json 10.9.0.2; {ping} -n 2 -i 0 --json 127.0.0.1; {ping} -n 2 -i 0 --json ::1"
    );
    let output = on_alice(test, &["setpriv"], &script);
    let _ = fs::remove_dir_all(&folder);
    let Some(output) = output else { return };
    let refused = text(&output).lines().filter(|line| line.contains("is for root alone")).count();
    assert_eq!(refused, 3, "{output:?}");
    let summaries = summaries(&output);
    assert_eq!(summaries.len(), 3, "{output:?}");
    assert!(summaries.iter().all(|summary| summary["received"] == 2));
}

#[test]
fn the_exit_statuses_are_pings() {
    let test = "the_exit_statuses_are_pings";
    // Nobody answers at 10.8.0.9, and bob drops what would say so.
    let script = "$bob iptables -P OUTPUT DROP
        for host in 127.0.0.1 10.8.0.9 no..such.host; do
            ping -q -c 2 -i 0.01 -W 1 $host >/dev/null 2>&1; echo ping $host $?
            icmp_ping -q -n 2 -i 10ms -W 1s $host >/dev/null 2>&1; echo ours $host $?
        done";
    let Some(output) = on_alice(test, &["ping", "iptables"], script) else { return };
    let text = text(&output);
    for (host, status) in [("127.0.0.1", 0), ("10.8.0.9", 1), ("no..such.host", 2)] {
        for whose in ["ping", "ours"] {
            assert!(text.contains(&format!("{whose} {host} {status}\n")), "{text}");
        }
    }
}

#[test]
fn where_nothing_comes_back_no_figure_is_shown() {
    let test = "where_nothing_comes_back_no_figure_is_shown";
    let script = "iptables -P INPUT DROP
        for i in 0 10ms; do icmp_ping -n 3 -i $i -W 200ms 127.0.0.1; done
        icmp_ping -n 1 -W 100ms --json 127.0.0.1; true";
    let Some(output) = alone(test, &["iptables"], script) else { return };
    let said = text(&output);
    for seq in 1..=3 {
        assert_eq!(said.matches(&format!("no reply to icmp_seq={seq} within 200ms")).count(), 2);
    }
    assert_eq!(said.matches("3 packets transmitted, 0 received, 100% packet loss").count(), 2);
    assert!(!said.contains("rtt min"), "{said}");
    let summaries = summaries(&output);
    assert!(summaries[0]["rtt_avg_ms"].is_null() && summaries[0]["lost"] == 1);
}

#[test]
fn ctrl_c_prints_the_summary() {
    let test = "ctrl_c_prints_the_summary";
    let folder = folder("ctrl-c");
    let script = format!(
        "for signal in INT TERM; do
            icmp_ping -n 0 -i 10m 127.0.0.1 > {out} & pid=$!
            until grep -qs icmp_seq=1 {out}; do sleep 0.01; done
            kill -$signal $pid; wait $pid; echo status $?; cat {out}; rm {out}
        done",
        out = folder.join("out").display()
    );
    let output = alone(test, &[], &script);
    let _ = fs::remove_dir_all(&folder);
    let Some(output) = output else { return };
    let text = text(&output);
    assert_eq!(text.matches("status 0\n").count(), 2, "{text}");
    assert_eq!(text.matches("\n1 packets transmitted, 1 received, 0% packet loss").count(), 2);
}

#[test]
fn ctrl_c_ends_a_flood_at_once_whatever_else_comes_in() {
    let test = "ctrl_c_ends_a_flood_at_once_whatever_else_comes_in";
    // The real ping's requests and replies reach our raw socket as well. Both
    // ends, text and JSON, five times: the machine may be slow once.
    let script = "
        out=$(mktemp); ping -q -i 0.002 127.0.0.1 > /dev/null & flood=$!
        for try in 1 2 3 4 5; do
            for flags in '-i 0' '-i 0 --json' '-i 5ms'; do
                # Emptied here: a signal that came before the program is ready would be lost.
                : > $out; icmp_ping -n 0 $flags 127.0.0.1 > $out & pid=$!
                until grep -q 'seq.*[^0-9]20[^0-9]' $out; do kill -0 $pid || exit 97; done
                kill -INT $pid; began=$(date +%s%N); wait $pid
                echo $flags: $(( ($(date +%s%N) - began) / 1000000 ))
            done
        done
        kill $flood; rm $out; exit 0";
    let Some(output) = alone(test, &["ping"], script) else { return };
    let text = text(&output);
    for flags in ["-i 0:", "-i 0 --json:", "-i 5ms:"] {
        let took = text.lines().filter_map(|line| line.strip_prefix(flags)?.trim().parse().ok());
        let took: Vec<u64> = took.collect();
        assert_eq!(took.len(), 5, "{text}");
        assert!(took.iter().any(|ms| *ms < 100), "{flags} {took:?} ms");
    }
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let cases: &[(&[&str], &str)] = &[
        (&[], "<HOST>"),
        (&["127.0.0.1", "-n", "-1"], "0 goes on until Ctrl-C"),
        (&["127.0.0.1", "-i", "-1"], "250ms, 1s, 1.5s or 2m"),
        (&["127.0.0.1", "-W", "0"], "longer than 0"),
        (&["127.0.0.1", "-s", "-1"], "invalid"),
        (&["127.0.0.1", "-s", "65508"], "at most 65507 bytes"),
        (&["::1", "-s", "65528"], "at most 65527 bytes"),
        (&["127.0.0.1", "-t", "0"], "0 is not in 1..="),
        (&["127.0.0.1", "-t", "256"], "256 is not in 1..="),
        (&["127.0.0.1", "--pattern", "f"], "two hexadecimal digits each"),
        (&["127.0.0.1", "--pattern", "xy"], "two hexadecimal digits each"),
        (&["127.0.0.1", "--pattern", ""], "two hexadecimal digits each"),
        (&["127.0.0.1", "--interface", "1.2.3"], "neither an interface's name nor an address"),
        (&["127.0.0.1", "--interface", "1:2"], "neither an interface's name nor an address"),
        (&["127.0.0.1:80"], "ICMP has no ports"),
        (&["224.0.0.1"], "a group of hosts"),
        (&["ff02::1%lo"], "a group of hosts"),
        (&["no..such.host"], "check the spelling"),
        (&["-6", "127.0.0.1"], "leave out -6"),
        (&["-4", "::1"], "leave out -4"),
    ];
    for (args, mend) in cases {
        let ended = run(PING, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stdout.is_empty(), "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with("icmp_ping: ") && line.contains(mend), "{args:?} {line}");
    }
}
