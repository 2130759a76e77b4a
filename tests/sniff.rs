//! sniff beside Wireshark's tshark and capinfos.
#![cfg(target_os = "linux")]

mod common;

use std::fs;
use std::path::PathBuf;

use common::{alone, have, lacks, skip, tool};

/// A file of this test's own, which does not exist yet.
fn file(test: &str) -> PathBuf {
    let name = format!("socklab-{test}-{}.pcapng", std::process::id());
    let file = std::env::temp_dir().join(name);
    let _ = fs::remove_file(&file);
    file
}

/// Sniffs with these flags while `traffic` passes; the script prints what sniff does.
fn sniffing(flags: &str, traffic: &str) -> String {
    format!(
        "told=$(mktemp); sniff {flags} >$told 2>$told.2 & sniff=$!; \
         until grep -q listening $told.2; do sleep 0.01; done; \
         {{ {traffic}; }} >/dev/null 2>&1; sleep 0.5; kill -INT $sniff; wait $sniff; status=$?; \
         cat $told $told.2; rm $told $told.2; exit $status"
    )
}

/// The fields that tshark finds in each packet of a file; of those that stand
/// there twice, as in an ICMP error, the first.
fn tshark(file: &str, fields: &[&str]) -> Vec<Vec<String>> {
    let mut tshark = tool("tshark");
    tshark.args(["-n", "-r", file, "-T", "fields", "-E", "occurrence=f"]);
    // A fragment is to stay one, and a port is to make no protocol of it.
    tshark.args(["-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]);
    tshark.args(fields.iter().flat_map(|field| ["-e", field]));
    let output = tshark.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.split('\t').map(str::to_string).collect()).collect()
}

const FIELDS: [&str; 19] = [
    "frame.time_epoch",
    "ip.src",
    "ip.dst",
    "ipv6.src",
    "ipv6.dst",
    "udp.srcport",
    "udp.dstport",
    "udp.length",
    "tcp.srcport",
    "tcp.dstport",
    "tcp.flags",
    "tcp.seq_raw",
    "tcp.ack_raw",
    "tcp.window_size_value",
    "tcp.len",
    "icmp.type",
    "icmpv6.type",
    "icmp.ident",
    "icmp.seq",
];

/// The line that our program should have printed for a packet, worked out from
/// tshark's fields. Of ICMP and of what is neither UDP nor TCP, the beginning.
fn expected(fields: &[String]) -> String {
    let [
        _,
        v4,
        v4_to,
        v6,
        v6_to,
        udp,
        udp_to,
        udp_length,
        tcp,
        tcp_to,
        flags,
        seq,
        ack,
        window,
        length,
        icmp,
        icmp6,
        ident,
        number,
    ] = fields
    else {
        panic!("{fields:?}")
    };
    let (ip, from, to) = if v4.is_empty() { ("IP6", v6, v6_to) } else { ("IP", v4, v4_to) };
    if !icmp.is_empty() || !icmp6.is_empty() {
        let said = match icmp.as_str() {
            "8" => format!("ICMP echo request, id {ident}, seq {number}, "),
            "0" => format!("ICMP echo reply, id {ident}, seq {number}, "),
            "3" => "ICMP Destination Port Unreachable, ".to_string(),
            _ => ["ICMP6, echo request", "ICMP6, echo reply"][usize::from(icmp6 == "129")]
                .to_string(),
        };
        return format!("{ip} {from} > {to}: {said}");
    }
    if !udp.is_empty() {
        let length = udp_length.parse::<usize>().unwrap() - 8;
        return format!("{ip} {from}.{udp} > {to}.{udp_to}: UDP, length {length}");
    }
    if tcp.is_empty() {
        return format!("{ip} {from} > {to}: ip-proto-17, length ");
    }
    let bits = u32::from_str_radix(flags.trim_start_matches("0x"), 16).unwrap();
    let letters: String = "FSRP.UEW"
        .chars()
        .enumerate()
        .filter(|(bit, _)| bits >> bit & 1 == 1)
        .map(|(_, c)| c)
        .collect();
    let mut line = format!("{ip} {from}.{tcp} > {to}.{tcp_to}: Flags [{letters}]");
    let (first, bytes): (u32, u32) = (seq.parse().unwrap(), length.parse().unwrap());
    if bytes > 0 {
        line += &format!(", seq {first}:{}", first.wrapping_add(bytes));
    } else if bits & 7 != 0 {
        line += &format!(", seq {first}");
    }
    if bits & 16 != 0 {
        line += &format!(", ack {ack}");
    }
    format!("{line}, win {window}, length {length}")
}

#[test]
fn tshark_reads_of_a_thousand_packets_of_all_kinds_what_we_read() {
    let file = file("tshark");
    let path = file.display();
    // Fragments of IPv4 and IPv6; echoes; errors; connections, whole, reset and refused.
    let traffic = "ip link set lo mtu 1500; \
        icmp_ping 127.0.0.1 -n 100 -i 1ms; icmp_ping ::1 -n 100 -i 1ms; \
        udp_ping_server --loss 10% --seed 1 & udp=$!; tcp_ping server --seed 1 & tcp=$!; \
        echo_server & echo=$!; sleep 1; \
        udp_ping_client -n 100 -i 1ms -W 100ms; udp_ping_client -n 5 -s 9000 -i 1ms -W 100ms; \
        udp_ping_client -n 20 -i 1ms 9; tcp_ping client -n 50 -i 1ms; tcp_ping client 9 -n 3 -i 1ms; \
        echo_client --tcp --message hello -n 50; echo_client --message hello -n 50; \
        kill $udp $tcp $echo";
    let script = sniffing(&format!("--write {path}"), traffic);
    let tools = ["tshark", "capinfos"];
    let test = "tshark_reads_of_a_thousand_packets_of_all_kinds_what_we_read";
    let Some(said) = alone(test, &tools, &script) else { return };
    let lines: Vec<&str> = said.lines().filter(|line| line.contains(" IP")).collect();
    assert!(lines.len() >= 1000, "only {}", lines.len());
    let theirs = tshark(&path.to_string(), &FIELDS);
    assert_eq!(theirs.len(), lines.len());
    let mut kinds = std::collections::BTreeSet::new();
    for (ours, theirs) in lines.iter().zip(&theirs) {
        let (time, line) = ours.split_once(' ').unwrap();
        let expected = expected(theirs);
        assert!(line.starts_with(&expected), "{line}\n{expected}\n{theirs:?}");
        // Of the seconds since 1970, those of the day; and theirs in nanoseconds.
        let (seconds, fraction) = theirs[0].split_once('.').unwrap();
        let seconds = seconds.parse::<u64>().unwrap() % 86_400;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        let time_of_day = format!("{hours:02}:{minutes:02}:{:02}.{}", seconds % 60, &fraction[..6]);
        assert_eq!(time, time_of_day);
        kinds.insert(line.split(": ").nth(1).unwrap().chars().take(14).collect::<String>());
    }
    for kind in
        ["UDP, length 34", "ip-proto-17, l", "Flags [S], seq", "Flags [R.], se", "ICMP Destinati"]
    {
        assert!(kinds.contains(kind), "{kind} is not among {kinds:?}");
    }
    // What was lost on purpose says so.
    let comments = tshark(&path.to_string(), &["frame.comment", "data.data"]);
    let lost = comments.iter().filter(|fields| fields[0].starts_with("LOST")).count();
    assert!(lost > 0, "{comments:?}");

    let capinfos = tool("capinfos").arg(&file).output().unwrap();
    let capinfos = String::from_utf8_lossy(&capinfos.stdout).into_owned();
    for fact in ["pcapng", "Raw IP", "nanoseconds", "Name = lo", "sniff of socklab"] {
        assert!(capinfos.contains(fact), "{fact:?}: {capinfos}");
    }
    fs::remove_file(&file).unwrap();
}

#[test]
fn a_file_can_be_read_at_any_moment_even_after_kill_9() {
    let file = file("killed");
    let path = file.display();
    let script = format!(
        "sniff --write {path} >/dev/null 2>&1 & sniff=$!; until [ -s {path} ]; do sleep 0.01; done; \
         icmp_ping 127.0.0.1 -n 0 -i 0 -q >/dev/null & ping=$!; \
         for turn in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; cp {path} {path}.now; \
         capinfos {path}.now >/dev/null || exit 1; done; \
         kill -9 $sniff; kill -INT $ping; wait $sniff $ping; capinfos {path} >/dev/null || exit 1; \
         rm {path}.now"
    );
    let test = "a_file_can_be_read_at_any_moment_even_after_kill_9";
    if alone(test, &["capinfos"], &script).is_some() {
        fs::remove_file(&file).unwrap();
    }
}

#[test]
fn only_what_was_asked_for_is_shown_each_packet_once_and_so_many_of_them() {
    let test = "only_what_was_asked_for_is_shown_each_packet_once_and_so_many_of_them";
    let traffic = "icmp_ping 127.0.0.1 -n 2 -i 1ms; udp_ping_server --loss 0 & server=$!; sleep 0.5; \
                   udp_ping_client -n 2 -i 1ms; kill $server";
    for (flags, seen) in [("--icmp", 4), ("--udp 12000", 4), ("--udp 7", 0), ("-i any", 8)] {
        let Some(said) = alone(test, &[], &sniffing(flags, traffic)) else { return };
        assert_eq!(
            said.lines().filter(|line| line.contains(" IP ")).count(),
            seen,
            "{flags}: {said}"
        );
        assert!(said.contains(&format!("{seen} packets shown")), "{said}");
        assert!(said.contains("for it (each twice on loopback: leaving, and arriving)"), "{said}");
        assert!(said.contains("dropped 0 of them"), "{said}");
    }
    let ends =
        "(sleep 1; icmp_ping 127.0.0.1 -n 2 -q >/dev/null) & sniff -n 3 --explain 2>/dev/null";
    let Some(said) = alone(test, &[], ends) else { return };
    assert_eq!(said.matches("IPv4 header, 20 bytes").count(), 3, "{said}");
}

#[test]
fn a_sniffer_that_is_too_slow_says_so() {
    let test = "a_sniffer_that_is_too_slow_says_so";
    let traffic =
        "kill -STOP $sniff; icmp_ping 127.0.0.1 -n 30000 -s 1400 -i 0 -q; kill -CONT $sniff";
    let Some(said) = alone(test, &[], &sniffing("", traffic)) else { return };
    let last = said.lines().last().unwrap();
    assert!(last.contains("too slow") && !last.contains("dropped 0 of them"), "{last}");
}

#[test]
fn where_it_cannot_sniff_it_says_what_mends_it() {
    let test = "where_it_cannot_sniff_it_says_what_mends_it";
    let Some(said) =
        alone(test, &[], "sniff -i nowhere 2>&1; [ $? = 2 ] && sniff --write / 2>&1; [ $? = 2 ]")
    else {
        return;
    };
    assert!(said.contains("there is no interface nowhere (see: ip link)"), "{said}");
    assert!(said.contains("cannot write /: is a directory; give another with --write"), "{said}");
    if !have("setpriv") {
        return skip(test, "setpriv is not installed");
    }
    let without =
        "setpriv --bounding-set -all --inh-caps -all --ambient-caps -all sniff 2>&1; [ $? = 2 ]";
    let Some(said) = alone(test, &[], without) else { return };
    for mend in ["sudo setcap cap_net_raw+ep", "unshare -rn"] {
        assert!(said.contains(mend), "{mend}: {said}");
    }
}

#[test]
fn a_host_of_labs_hosts_is_captured_without_root() {
    let test = "a_host_of_labs_hosts_is_captured_without_root";
    if let Some(why) = lacks(&["unshare", "ip", "ping", "capinfos"]) {
        return skip(test, &why);
    }
    let file = file("host");
    let path = file.display();
    let script = format!(
        "labs/hosts capture bob {path} >{path}.said 2>&1 & sniff=$!; \
         until grep -q listening {path}.said; do sleep 0.01; done; \
         labs/hosts exec alice ping -c 2 -i 0.2 bob >/dev/null; \
         until [ $(grep -c 'echo reply' {path}.said) = 2 ]; do sleep 0.01; done; \
         kill -INT $sniff; wait $sniff; cat {path}.said; rm {path}.said"
    );
    let mut hosts = tool("timeout");
    let here = common::path();
    let path_of_ours = [common::programs().as_os_str(), &here].join(std::ffi::OsStr::new(":"));
    hosts.args(["240", "labs/hosts", "run", "sh", "-c", &script]).env("PATH", path_of_ours);
    let output = hosts.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return skip(test, String::from_utf8_lossy(&output.stderr).trim());
    }
    assert!(said.contains("eth0 IP 10.0.1.2 > 10.0.2.2: ICMP echo request"), "{said}");
    assert!(tool("capinfos").arg(&file).output().unwrap().status.success());
    fs::remove_file(&file).unwrap();
}
