//! Our programs with those of others: the classic Python pair, and tcpdump's eyes on the wire.

mod common;

use common::{Server, classic, have, in_a_namespace, lacks, named, run, seqs, skip};

const SERVER: &str = "udp_ping_server";
const CLIENT: &str = "udp_ping_client";

#[test]
fn the_classic_client_pings_our_server() {
    if !have("python3") {
        return skip("the_classic_client_pings_our_server", "python3 is not installed");
    }
    let server = Server::start(SERVER, &["--drop", "2,5"]);
    let port = server.address.port().to_string();
    let client = classic("udp_ping_client.py", &["127.0.0.1", &port]).end();
    assert_eq!(client.code(), 0, "{client:#?}");
    for (line, number) in client.stdout.iter().zip(1..=10) {
        let expected = match number {
            2 | 5 => "Request timed out".to_string(),
            _ => format!("PING {number} "),
        };
        assert!(line.starts_with(&expected), "{line}");
    }
    assert_eq!(client.stdout.len(), 10);
}

#[test]
fn our_client_pings_the_classic_server() {
    if !have("python3") {
        return skip("our_client_pings_the_classic_server", "python3 is not installed");
    }
    let mut server = classic("udp_ping_server.py", &["1"]);
    let address = format!("127.0.0.1:{}", server.line());
    let events = run(CLIENT, &[&address, "--json", "-n", "20", "-W", "500ms"]).events();
    let fates: Vec<String> = (0..20).map(|_| server.line()).collect();
    let numbers = |fate: &str| -> Vec<u64> {
        (1..).zip(&fates).filter(|(_, said)| *said == fate).map(|(number, _)| number).collect()
    };
    assert_eq!(seqs(&events, "reply"), numbers("reply"));
    assert_eq!(seqs(&events, "timeout"), numbers("drop"));
    assert!(!numbers("drop").is_empty());
}

#[test]
fn tcpdump_sees_on_the_wire_what_both_programs_say_of_it() {
    let test = "tcpdump_sees_on_the_wire_what_both_programs_say_of_it";
    if let Some(why) = lacks(&["timeout", "unshare", "ip", "tcpdump"]) {
        return skip(test, &why);
    }
    let folder = std::env::temp_dir().join(format!("socklab-wire-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    // tcpdump is stopped when it has written down as many packets as there
    // were, which it does a moment after they passed.
    let script = format!(
        "cd {folder}
        tcpdump -i lo -n -A -l --immediate-mode udp port 12000 > wire 2> tcpdump & tcpdump=$!
        until grep -q 'listening on' tcpdump; do kill -0 $tcpdump || exit 98; sleep 0.05; done
        {SERVER} --seed 42 --json > server & server=$!
        until grep -q start server; do sleep 0.05; done
        {CLIENT} --json -n 40 -s 60 -i 5ms -W 500ms > client
        kill $server; wait $server
        until [ $(grep -c 'UDP, length 60' wire) -ge $((40 + $(grep -c rtt_ms.: client))) ]
        do sleep 0.05; done
        kill $tcpdump; wait $tcpdump",
        folder = folder.display(),
    );
    let Some(output) = in_a_namespace(&script) else {
        return skip(test, "no network namespace for this user (unshare -rn)");
    };
    assert!(output.status.success() || output.status.code() == Some(143), "{output:?}");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let (wire, client) = (read("wire"), read("client"));
    std::fs::remove_dir_all(&folder).unwrap();
    let events: Vec<serde_json::Value> =
        client.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let summary = named(&events, "summary")[0];
    assert_eq!(summary["sent"], 40, "{output:?}");
    assert_eq!(seqs(&events, "timeout")[..5], [4, 5, 8, 9, 10]);

    let lengths = |direction: &str| {
        let packets = wire.lines().filter(|line| line.contains(direction)).collect::<Vec<_>>();
        assert!(packets.iter().all(|line| line.ends_with("UDP, length 60")), "{packets:?}");
        packets.len() as u64
    };
    assert_eq!(lengths("> 127.0.0.1.12000:"), 40);
    assert_eq!(summary["received"], lengths("127.0.0.1.12000 >"));
    assert!(wire.contains("Ping 1 20") && wire.contains("PING 1 20"));
}
