//! UDP ping, server and client, as a user runs them.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{DEADLINE, Running, Server, named, run, seqs, skip};
use nix::sys::signal::Signal;

const SERVER: &str = "udp_ping_server";
const CLIENT: &str = "udp_ping_client";

/// A socket of the test's own that plays client or server.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Reads a request, and tells who sent it.
fn request(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, client) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, client)
}

fn upper(request: &[u8]) -> Vec<u8> {
    request.to_ascii_uppercase()
}

#[test]
fn without_loss_every_ping_is_answered() {
    let server = Server::start(SERVER, &["--loss", "0"]);
    let client = run(CLIENT, &[&server.at(), "--json"]);
    assert_eq!(client.code(), 0);
    let events = client.events();
    assert_eq!(seqs(&events, "reply"), (1..=10).collect::<Vec<_>>());
    let reply = named(&events, "reply")[0];
    assert_eq!(reply["bytes"], 34);
    assert_eq!(reply["from"], server.at());
    assert!(reply["rtt_ms"].as_f64().unwrap() > 0.0);
    let summary = named(&events, "summary")[0];
    for (name, count) in [("sent", 10), ("received", 10), ("lost", 0), ("late", 0), ("errors", 0)] {
        assert_eq!(summary[name], count, "{name}");
    }
    assert_eq!(summary["loss_pct"], 0.0);
    let high = summary["loss_ci95_high_pct"].as_f64().unwrap();
    assert!((high - 27.8).abs() < 0.05, "{high}");
}

#[test]
fn a_seed_loses_the_same_pings_every_time_and_a_second_client_loses_others() {
    for _ in 0..2 {
        let server = Server::start(SERVER, &["--seed", "3"]);
        for lost in [vec![2, 3, 9], vec![7, 8]] {
            let client = run(CLIENT, &[&server.at(), "--json", "-W", "500ms"]);
            assert_eq!(seqs(&client.events(), "timeout"), lost);
        }
    }
}

#[test]
fn listed_requests_are_dropped_for_each_client_anew() {
    let server = Server::start(SERVER, &["--drop", "2,5,9"]);
    for _ in 0..2 {
        let client = run(CLIENT, &[&server.at(), "--json", "-W", "500ms"]);
        assert_eq!(seqs(&client.events(), "timeout"), [2, 5, 9]);
    }
}

#[test]
fn a_closed_port_is_told_at_once() {
    let closed = socket().local_addr().unwrap().to_string();
    // With the timeout waited for, this would take half an hour.
    let client = run(CLIENT, &[&closed, "--json", "-n", "3", "-W", "10m"]);
    assert_eq!(client.code(), 1);
    let events = client.events();
    assert_eq!(seqs(&events, "icmp_error"), [1, 2, 3]);
    let error = named(&events, "icmp_error")[0];
    assert_eq!((&error["type"], &error["code"]), (&3.into(), &3.into()));
    let summary = named(&events, "summary")[0];
    assert_eq!((&summary["errors"], &summary["lost"]), (&3.into(), &0.into()));
    assert_eq!(summary["loss_pct"], 100.0);
    assert!(summary["rtt_avg_ms"].is_null());
}

#[test]
fn replies_are_matched_by_what_they_say_and_not_by_their_order() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "3", "-i", "1ms", "-W", "60s"]);
    let requests: Vec<_> = (0..3).map(|_| request(&server)).collect();
    for (request, from) in requests.iter().rev() {
        server.send_to(&upper(request), from).unwrap();
    }
    assert_eq!(seqs(&client.end().events(), "reply"), [3, 2, 1]);
}

#[test]
fn a_late_reply_is_not_taken_for_the_next_ones() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "2", "-W", "2s"]);
    let (first, from) = request(&server);
    // The second is sent when the first has timed out.
    let (second, _) = request(&server);
    server.send_to(&upper(&first), from).unwrap();
    server.send_to(&upper(&second), from).unwrap();
    let events = client.end().events();
    assert_eq!(seqs(&events, "timeout"), [1]);
    assert_eq!(seqs(&events, "late"), [1]);
    assert_eq!(seqs(&events, "reply"), [2]);
    assert!(named(&events, "late")[0]["rtt_ms"].as_f64().unwrap() >= 2000.0);
    let summary = named(&events, "summary")[0];
    assert_eq!((&summary["late"], &summary["lost"]), (&1.into(), &0.into()));
}

#[test]
fn duplicates_and_foreign_packets_are_told_apart_from_replies() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "2", "-W", "60s"]);
    let (first, from) = request(&server);
    let never_sent = b"PING 7 1999-12-31T23:59:59.999999Z";
    for packet in [b"hello" as &[u8], b"", never_sent, &upper(&first), &upper(&first)] {
        server.send_to(packet, from).unwrap();
    }
    let (second, _) = request(&server);
    server.send_to(&upper(&second), from).unwrap();
    let events = client.end().events();
    assert_eq!(seqs(&events, "reply"), [1, 2]);
    assert_eq!(seqs(&events, "duplicate"), [1]);
    assert_eq!(named(&events, "foreign").len(), 3);
}

#[test]
fn a_corrupt_reply_is_given_to_its_own_request_whatever_number_it_bears() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "2", "-i", "1ms", "-W", "60s"]);
    let (first, from) = request(&server);
    let (second, _) = request(&server);
    // One bit turns the reply to 2 into one that says it answers 0, and
    // another the reply to 1 into one that says it answers 3, or 5, or 9.
    let mut spoilt = upper(&second);
    assert_eq!(spoilt[5], b'2');
    spoilt[5] ^= 0x02;
    server.send_to(&spoilt, from).unwrap();
    let mut spoilt = upper(&first);
    spoilt[5] ^= 0x02;
    server.send_to(&spoilt, from).unwrap();
    let events = client.end().events();
    assert_eq!(seqs(&events, "corrupt"), [2, 1]);
    assert_eq!(named(&events, "summary")[0]["corrupt"], 2);
}

#[test]
fn a_server_that_does_not_upper_case_is_caught() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "1", "-s", "500", "-W", "60s"]);
    let (first, from) = request(&server);
    server.send_to(&first, from).unwrap();
    assert_eq!(seqs(&client.end().events(), "corrupt"), [1]);
}

#[test]
fn another_senders_packets_do_not_reach_the_client() {
    let (server, stranger) = (socket(), socket());
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "1", "-W", "60s"]);
    let (first, from) = request(&server);
    stranger.send_to(&upper(&first), from).unwrap();
    server.send_to(&upper(&first), from).unwrap();
    let events = client.end().events();
    assert_eq!((seqs(&events, "reply").len(), seqs(&events, "duplicate").len()), (1, 0));
}

#[test]
fn the_server_answers_any_bytes_at_all() {
    let mut server = Server::start(SERVER, &["--loss", "0"]);
    let client = socket();
    let largest: Vec<u8> = (0..65_507u32).map(|n| n as u8).collect();
    let all_bytes: Vec<u8> = (0..=255).collect();
    for message in [b"" as &[u8], b"\x1b[2Jping\r\n\0", b"\xff\xfe", &all_bytes, &largest] {
        client.send_to(message, server.address).unwrap();
        let (reply, _) = request(&client);
        assert_eq!(reply, upper(message));
        let shown = server.running.line();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.contains(&format!("  {} bytes  ", message.len())), "{shown}");
    }
}

#[test]
fn a_delay_does_not_hold_up_the_receiver() {
    let server = Server::start(SERVER, &["--loss", "0", "--delay", "500ms"]);
    let client = run(CLIENT, &[&server.at(), "--json", "-n", "100", "-i", "5ms", "-W", "60s"]);
    let events = client.events();
    assert_eq!(seqs(&events, "reply").len(), 100);
    // One after the other they would take 50 s.
    let summary = named(&events, "summary")[0];
    assert!(summary["rtt_min_ms"].as_f64().unwrap() >= 500.0);
    assert!(summary["rtt_max_ms"].as_f64().unwrap() < 20_000.0, "{summary}");
}

#[test]
fn replies_that_wait_when_the_server_ends_are_told() {
    let mut server = Server::start(SERVER, &["--loss", "0", "--delay", "10m"]);
    let client = socket();
    for _ in 0..3 {
        client.send_to(b"x", server.address).unwrap();
        server.running.line_with("by 600000 ms");
    }
    let ended = server.running.interrupt();
    assert_eq!(ended.code(), 0);
    let told = "replies still held back, and lost: 3";
    assert!(ended.stdout.iter().any(|line| line == told), "{ended:#?}");
}

#[test]
fn damage_of_every_kind_is_seen_by_the_client_as_what_it_is() {
    let flags = ["--loss", "0", "--seed", "1", "--duplicate", "20%", "--reorder", "20%"];
    let server = Server::start(SERVER, &[&flags[..], &["--corrupt", "20%", "--json"]].concat());
    let client = run(CLIENT, &[&server.at(), "--json", "-n", "200", "-i", "2ms", "-W", "20s"]);
    let events = client.events();

    let ended = server.running.interrupt().events();
    let treated = named(&ended, "request");
    let numbers = |flag: &str| -> BTreeSet<u64> {
        let hit = treated.iter().filter(|event| event[flag] == true);
        hit.map(|event| event["request"].as_u64().unwrap()).collect()
    };
    let (twice, held, corrupt) = (numbers("twice"), numbers("held"), numbers("corrupt"));
    assert!(twice.len() > 20 && held.len() > 20 && corrupt.len() > 20);
    let seen = |name: &str| -> BTreeSet<u64> { seqs(&events, name).into_iter().collect() };
    assert_eq!(seen("corrupt"), corrupt);
    assert_eq!(seen("duplicate"), twice);
    let arrived: Vec<u64> = events
        .iter()
        .filter(|event| event["event"] == "reply" || event["event"] == "corrupt")
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(arrived.len(), 200);
    // Of two held ones in a row the first is overtaken with the second, by a
    // later one; so look at those whose successor was not held.
    let place = |wanted: u64| arrived.iter().position(|&seq| seq == wanted).unwrap();
    let held: Vec<u64> =
        held.iter().copied().filter(|seq| *seq < 200 && !held.contains(&(seq + 1))).collect();
    let overtaken = held.iter().filter(|&&seq| place(seq + 1) < place(seq)).count();
    // Nothing is held for longer than 200 ms: where the machine stood still for
    // so long, nothing came to overtake it.
    assert!(2 * overtaken > held.len(), "{overtaken} of {} overtaken: {arrived:?}", held.len());
}

#[test]
fn ctrl_c_ends_both_with_their_summaries() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut server = Server::start(SERVER, &["--loss", "0"]);
        let mut client = Running::start(CLIENT, &[&server.at(), "-n", "0", "-i", "10m"]);
        client.line_with("seq=1 ");
        client.signal(signal);
        let client = client.end();
        assert_eq!(client.code(), 0);
        let summary =
            client.stdout.iter().any(|line| line.starts_with("1 sent, 1 received, 0 lost"));
        assert!(summary, "{client:#?}");
        server.running.line_with("#1   replied");
        server.running.signal(signal);
        let server = server.running.end();
        assert_eq!(server.code(), 0);
        assert!(server.stdout.iter().any(|line| line.contains("served 1 client")), "{server:#?}");
    }
}

#[test]
fn a_ping_under_way_at_ctrl_c_is_neither_received_nor_lost() {
    let silent = socket();
    let address = silent.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-W", "10m"]);
    request(&silent);
    let client = client.interrupt();
    assert_eq!(client.code(), 1);
    let events = client.events();
    let summary = named(&events, "summary")[0];
    for (name, count) in [("sent", 1), ("received", 0), ("lost", 0), ("waiting", 1)] {
        assert_eq!(summary[name], count, "{name}");
    }
    assert!(summary["loss_pct"].is_null());
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let taken = Server::start(SERVER, &[]);
    let taken = taken.at();
    let cases: &[(&str, &[&str], &str)] = &[
        (SERVER, &["--loss", "130%"], "30%, 0.3 or 3/10"),
        (SERVER, &["--loss", "abc"], "30%, 0.3 or 3/10"),
        (SERVER, &["--loss", "-1"], "30%, 0.3 or 3/10"),
        (SERVER, &["--los", "3"], "--loss"),
        (SERVER, &["--loss", "10%", "--drop", "1"], "cannot be used with"),
        (SERVER, &["--drop", "0"], "from 1"),
        (SERVER, &["--drop", "1,x"], "invalid"),
        (SERVER, &["--loss", "90%", "--burst", "2"], "raise --burst"),
        (SERVER, &["--delay", "soon"], "250ms, 1s, 1.5s or 2m"),
        (SERVER, &["--seed", "x"], "invalid"),
        (SERVER, &["--bind", &taken], "--bind 127.0.0.1:0"),
        (SERVER, &["--bind", "192.0.2.1:12000"], "ip addr"),
        (SERVER, &["--bind", "127.0.0.1:99999"], "from 0 to 65535"),
        (CLIENT, &["-n", "-1"], "0 goes on until Ctrl-C"),
        (CLIENT, &["-n", "ten"], "0 goes on until Ctrl-C"),
        (CLIENT, &["-W", "0"], "longer than 0"),
        (CLIENT, &["-W", "-1"], "250ms, 1s, 1.5s or 2m"),
        (CLIENT, &["-i", "-1"], "250ms, 1s, 1.5s or 2m"),
        (CLIENT, &["-s", "65508"], "at most 65507"),
        (CLIENT, &["-s", "3"], "35 or more"),
        (CLIENT, &["-s", "-1"], "invalid"),
        // Two dots in a row: no resolver is asked for such a name.
        (CLIENT, &["no..such.host"], "check the spelling"),
        (CLIENT, &["127.0.0.1:0"], "see its first line"),
        (CLIENT, &["-6", "127.0.0.1"], "leave out -6"),
        (CLIENT, &["-4", "::1"], "leave out -4"),
        (CLIENT, &["-4", "-6", "::1"], "cannot be used with"),
        (CLIENT, &["127.0.0.1:port"], "from 0 to 65535"),
        (CLIENT, &["127.0.0.1", "127.0.0.2"], "unexpected argument"),
    ];
    for (name, args, mend) in cases {
        let ended = run(name, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stdout.is_empty(), "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
        assert!(line.contains(mend), "{line}");
    }
}

#[test]
fn many_clients_at_once_are_kept_apart() {
    let server = Server::start(SERVER, &["--seed", "5", "-q"]);
    let at = server.at();
    let clients: Vec<_> = (0..8)
        .map(|_| Running::start(CLIENT, &[&at, "--json", "-n", "50", "-i", "2ms", "-W", "3s"]))
        .collect();
    let lost: u64 = clients
        .into_iter()
        .map(|client| named(&client.end().events(), "summary")[0]["lost"].as_u64().unwrap())
        .sum();
    let ended = server.running.interrupt();
    assert!(ended.stdout.iter().any(|line| line.contains("served 8 clients")), "{ended:#?}");
    let all = ended.stdout.iter().find(|line| line.starts_with("all ")).unwrap();
    let columns: Vec<&str> = all.split_whitespace().collect();
    assert_eq!(columns[..4], ["all", "400", &(400 - lost).to_string(), &lost.to_string()]);
}

#[test]
fn forged_senders_do_not_fill_the_memory_and_nothing_is_lost_from_the_totals() {
    let mut server = Server::start(SERVER, &["--loss", "0"]);
    // As many senders as there are: each socket has a port of its own.
    let senders = 1500;
    let mut ports = BTreeSet::new();
    for _ in 0..senders {
        let client = socket();
        ports.insert(client.local_addr().unwrap().port());
        client.send_to(b"x", server.address).unwrap();
        server.running.line();
    }
    assert!(ports.len() > socklab::clients::MOST, "only {} ports were to be had", ports.len());
    let ended = server.running.interrupt();
    assert!(ended.stdout.len() < 50, "the table is short: {ended:#?}");
    let all = ended.stdout.iter().find(|line| line.starts_with("all ")).unwrap();
    assert_eq!(all.split_whitespace().nth(1), Some("1500"));
}

#[test]
fn a_reader_that_goes_away_causes_no_panic() {
    let server = Server::start(SERVER, &["--loss", "0"]);
    let mut client = Command::new(common::program(CLIENT))
        .args([&server.at(), "-n", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(client.stdout.take());
    let ended = client.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn a_full_disk_is_told() {
    if !std::path::Path::new("/dev/full").exists() {
        return skip("a_full_disk_is_told", "this system has no /dev/full");
    }
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let ended = Command::new(common::program(CLIENT)).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
    let line = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(line.contains("cannot write") && line.lines().count() == 1, "{line}");
}

#[test]
fn ipv6_works_as_well() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return skip("ipv6_works_as_well", "this machine has no IPv6 loopback");
    }
    let server = Server::start_at("[::1]:0", SERVER, &["--loss", "0"]);
    let client = run(CLIENT, &[&server.at(), "-6", "-n", "2", "--json"]);
    assert_eq!(seqs(&client.events(), "reply"), [1, 2]);
    let mut server = server;
    server.running.line_with("[::1]:");
}

/// The probability of at most `k` hits in `n` trials, exactly, from the
/// logarithms of the terms.
fn binomial_up_to(k: u64, n: u64, p: f64) -> f64 {
    let (n_f, mut log_term, mut sum) = (n as f64, n as f64 * (1.0 - p).ln(), 0.0);
    for i in 0..=k {
        sum += log_term.exp();
        log_term += ((n_f - i as f64) / (i as f64 + 1.0)).ln() + (p / (1.0 - p)).ln();
    }
    sum
}

#[test]
fn over_20_000_pings_the_loss_is_30_percent_and_both_ledgers_agree() {
    let server = Server::start(SERVER, &["--json", "--seed", "42"]);
    let at = server.at();
    let client = thread::spawn(move || {
        run(CLIENT, &[&at, "--json", "-n", "20000", "-i", "0.2ms", "-W", "10s"]).events()
    });
    let client = client.join().unwrap();
    let server = server.running.interrupt().events();

    // The server's word for each request, and the client's.
    let mut ledger = BTreeMap::new();
    for event in named(&server, "request") {
        let text = event["text"].as_str().unwrap();
        let seq: u64 = text.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(event["request"], seq);
        assert!(ledger.insert(seq, event["fate"] == "replied").is_none());
    }
    assert_eq!(ledger.len(), 20_000);
    let answered: BTreeSet<u64> = seqs(&client, "reply").into_iter().collect();
    let unanswered: BTreeSet<u64> = seqs(&client, "timeout").into_iter().collect();
    assert_eq!(answered.len() + unanswered.len(), 20_000);
    for (seq, replied) in &ledger {
        assert_eq!(answered.contains(seq), *replied, "ping {seq}");
        assert_eq!(unanswered.contains(seq), !replied, "ping {seq}");
    }
    let (ours, theirs) = (named(&client, "summary")[0], named(&server, "summary")[0]);
    assert_eq!(ours["lost"], theirs["dropped"]);
    assert_eq!(ours["received"], theirs["replied"]);
    assert_eq!(ours["loss_ci95_low_pct"], theirs["loss_ci95_low_pct"]);

    let lost = unanswered.len() as u64;
    let tail = binomial_up_to(lost, 20_000, 0.3);
    assert!((0.0005..0.9995).contains(&tail), "{lost} lost of 20000, beyond the 99.9% bounds");
}

#[test]
fn the_interval_holds_although_nothing_comes_back() {
    let silent = socket();
    let address = silent.local_addr().unwrap().to_string();
    // Five under way at once: with one after the other this takes 5 s.
    let client = run(CLIENT, &[&address, "--json", "-n", "5", "-i", "10ms", "-W", "1s"]);
    let events = client.events();
    assert_eq!(client.code(), 1);
    assert_eq!(seqs(&events, "timeout"), [1, 2, 3, 4, 5]);
    silent.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    let sent: Vec<_> = (0..5).map(|_| request(&silent).0).collect();
    assert!(sent.iter().all(|request| request.starts_with(b"Ping ")));
}
