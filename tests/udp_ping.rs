//! UDP ping, server and client, as a user runs them.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{SocketAddr, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use common::{
    DEADLINE, Running, Server, alone, json_lines, named, run, seqs, skip,
    with_a_name_of_two_addresses,
};
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
    let what = &named(&events, "corrupt")[0]["what"];
    assert_eq!(what, "byte 6 came back as 0x30, not 0x32");
    assert_eq!(named(&events, "summary")[0]["corrupt"], 2);
}

#[test]
fn a_server_that_does_not_upper_case_is_caught() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "1", "-s", "500", "-W", "60s"]);
    let (first, from) = request(&server);
    server.send_to(&first, from).unwrap();
    let events = client.end().events();
    assert_eq!(seqs(&events, "corrupt"), [1]);
    let what = "not upper-cased, byte 2 came back as 0x69, not 0x49";
    assert_eq!(named(&events, "corrupt")[0]["what"], what);
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

/// Each reply that left a server is told once, with the number of its request.
fn left(events: &[serde_json::Value]) -> BTreeMap<u64, u64> {
    let sent = named(events, "sent").into_iter();
    sent.map(|sent| (sent["request"].as_u64().unwrap(), sent["at_ns"].as_u64().unwrap())).collect()
}

#[test]
fn a_held_reply_is_told_when_it_leaves_and_not_before() {
    let flags = ["--loss", "0", "--reorder", "50%", "--jitter", "10m", "--seed", "1", "--json"];
    let server = Server::start(SERVER, &flags);
    let client = socket();
    for _ in 0..20 {
        client.send_to(b"x", server.address).unwrap();
    }
    // What leaves within ten minutes is another matter; none has left yet.
    let ended = server.running.interrupt().events();
    for request in named(&ended, "request") {
        assert_eq!(request["fate"], "delayed");
        assert_eq!(request["delay_ms"].is_null(), request["held"] == true, "{request}");
    }
    let summary = named(&ended, "summary")[0];
    assert_eq!(summary["received"], named(&ended, "request").len());
    assert_eq!(summary["waiting"], summary["received"], "{summary}");

    let server = Server::start(SERVER, &["--loss", "0", "--reorder", "100%", "--json"]);
    client.send_to(b"x", server.address).unwrap();
    request(&client);
    let ended = server.running.interrupt().events();
    let began = named(&ended, "request")[0]["at_ns"].as_u64().unwrap();
    // Nothing overtook it: it left after the 200 ms for which it was held at most.
    let after = left(&ended)[&1] - began;
    assert!(after >= 199_000_000, "{after} ns");
    let summary = named(&ended, "summary")[0];
    assert_eq!((&summary["replied"], &summary["waiting"]), (&1.into(), &0.into()));
}

#[test]
fn a_request_whose_reply_cannot_be_sent_is_counted_once() {
    // A datagram whose sender has an address that nobody can be reached at.
    let forge = "import socket, struct\n\
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n\
        udp = struct.pack('!4H', 7, 12000, 9, 0) + b'x'\n\
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 29, 1, 0, 64, 17, 0)\n\
        ip += socket.inet_aton('192.0.2.1') + socket.inet_aton('127.0.0.1')\n\
        raw.sendto(ip + udp, ('127.0.0.1', 0))";
    for flags in ["", "--delay 1ms", "--duplicate 100%", "--delay 1ms --duplicate 100%"] {
        let script = format!(
            "sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.lo.rp_filter=0; \
             ip route add 192.0.2.0/24 dev lo; \
             udp_ping_server --bind 0.0.0.0:12000 --loss 0 --json {flags} >told & server=$!; \
             until grep -q start told; do sleep 0.01; done; \
             ip route replace prohibit 192.0.2.0/24; \
             python3 -c \"{forge}\"; \
             until grep -qE '\"request\"|ended' told; do sleep 0.01; done; sleep 0.1; \
             kill -INT $server; wait $server; cat told"
        );
        let script = format!("cd $(mktemp -d) && {{ {script}; rm -r $PWD; }}");
        let test = "a_request_whose_reply_cannot_be_sent_is_counted_once";
        let Some(text) = alone(test, &["python3", "sysctl"], &script) else { return };
        let events = json_lines(&text);
        let summary = named(&events, "summary")[0];
        for (name, count) in [("received", 1), ("replied", 0), ("failed", 1), ("waiting", 0)] {
            assert_eq!(summary[name], count, "{flags}: {name} in {summary}");
        }
    }
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
    // received, replied, dropped
    let row = ended.stdout.iter().find(|line| line.starts_with("127.0.0.1:")).unwrap();
    assert_eq!(row.split_whitespace().skip(1).take(3).collect::<Vec<_>>(), ["3", "0", "0"]);
}

#[test]
fn a_name_whose_first_address_refuses_is_pinged_at_the_next_one() {
    let script = with_a_name_of_two_addresses(
        "udp_ping_server --loss 0 >$0.told & server=$!; \
         until grep -q listening $0.told; do sleep 0.01; done; \
         udp_ping_client twice.test -n 1 -i 10m -W 10m --json; \
         for i in 1 2; do udp_ping_client twice.test -n 2 --json; done; \
         kill -INT $server; wait $server; \
         udp_ping_client twice.test -n 2 --json; true",
    );
    let test = "a_name_whose_first_address_refuses_is_pinged_at_the_next_one";
    let Some(text) = alone(test, &["mount"], &script) else { return };
    let events = json_lines(&text);
    let runs: Vec<&[serde_json::Value]> =
        events.split_inclusive(|event| event["event"] == "summary").collect();
    for run in &runs[..3] {
        let next = named(run, "next_address")[0];
        assert_eq!(
            (&next["asked"], &next["next"]),
            (&"[::1]:12000".into(), &"127.0.0.1:12000".into())
        );
        assert!(next["why"].as_str().unwrap().contains("or a firewall answers for it"), "{next}");
        let reply = named(run, "reply")[0];
        assert_eq!((&reply["seq"], &reply["from"]), (&1.into(), &"127.0.0.1:12000".into()));
    }
    // Where no address answers, the last one has the errors.
    let last = runs.last().unwrap();
    assert_eq!(named(last, "next_address").len(), 1);
    assert_eq!(seqs(last, "icmp_error"), [1, 2]);
}

#[test]
fn no_client_is_given_the_port_of_its_server() {
    // Of four ports the kernel gives the client the server's own in every fourth run.
    let script = "sysctl -qw net.ipv4.ip_local_port_range='32750 32753' || exit 1; \
         for turn in $(seq 30); do \
         udp_ping_client 127.0.0.1:32750 -n 1 --json; udp_ping_client [::1]:32750 -n 1 --json; \
         done; true";
    let test = "no_client_is_given_the_port_of_its_server";
    let Some(text) = alone(test, &["sysctl"], script) else { return };
    let events = json_lines(&text);
    assert_eq!(seqs(&events, "icmp_error").len(), 60, "{text}");
}

#[test]
fn an_rtt_ends_when_the_kernel_has_the_reply_and_not_when_the_program_wakes_up() {
    if !cfg!(target_os = "linux") {
        let test = "an_rtt_ends_when_the_kernel_has_the_reply_and_not_when_the_program_wakes_up";
        return skip(test, "this system does not stamp datagrams");
    }
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let began = std::time::Instant::now();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "1", "-W", "60s"]);
    let (first, from) = request(&server);
    client.signal(Signal::SIGSTOP);
    server.send_to(&upper(&first), from).unwrap();
    let answered = began.elapsed();
    // Not a wait for something to happen: the program is to sleep for so long.
    thread::sleep(Duration::from_secs(3));
    client.signal(Signal::SIGCONT);
    let events = client.end().events();
    let rtt = named(&events, "reply")[0]["rtt_ms"].as_f64().unwrap();
    assert!(rtt < answered.as_secs_f64() * 1e3 + 1000.0, "{rtt} ms, answered after {answered:?}");
}

#[test]
fn a_reply_that_came_in_time_is_not_lost_by_a_pause_of_the_program() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&address, "--json", "-n", "1", "-W", "5s"]);
    let (first, from) = request(&server);
    client.signal(Signal::SIGSTOP);
    server.send_to(&upper(&first), from).unwrap();
    // Past the timeout, while the reply waits in the socket's buffer.
    thread::sleep(Duration::from_secs(6));
    client.signal(Signal::SIGCONT);
    let events = client.end().events();
    assert_eq!((seqs(&events, "reply"), seqs(&events, "timeout").len()), (vec![1], 0));
}

#[test]
fn what_cannot_be_sent_is_not_tried_a_million_times_a_second() {
    // The way disappears while the client runs.
    let script = "ip route add 192.0.2.0/24 dev lo; \
         udp_ping_client 192.0.2.7:7 -n 0 -W 50ms --json >told & client=$!; \
         until grep -q timeout told; do sleep 0.01; done; \
         ip route replace prohibit 192.0.2.0/24; sleep 2; \
         kill -INT $client; wait $client; cat told";
    let script = format!("cd $(mktemp -d) && {{ {script}; rm -r $PWD; }}");
    let test = "what_cannot_be_sent_is_not_tried_a_million_times_a_second";
    let Some(text) = alone(test, &[], &script) else { return };
    let failed = named(&json_lines(&text), "not_sent").len();
    assert!((1..=40).contains(&failed), "{failed} in two seconds\n{text}");
}

#[test]
fn its_own_address_as_a_sender_is_not_answered() {
    let forge = "import socket, struct\n\
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n\
        udp = struct.pack('!4H', 12000, 12000, 9, 0) + b'x'\n\
        ip = struct.pack('!BBHHHBBH', 0x45, 0, 29, 1, 0, 64, 17, 0)\n\
        ip += 2 * socket.inet_aton('127.0.0.1')\n\
        raw.sendto(ip + udp, ('127.0.0.1', 0))";
    for bind in ["127.0.0.1", "0.0.0.0"] {
        let script = format!(
            "udp_ping_server --bind {bind}:12000 --loss 0 --json >told & server=$!; \
             until grep -q start told; do sleep 0.01; done; python3 -c \"{forge}\"; \
             udp_ping_client 127.0.0.1:12000 -n 1 -q; \
             kill -INT $server; wait $server; cat told"
        );
        let script = format!("cd $(mktemp -d) && {{ {script}; rm -r $PWD; }}");
        let test = "its_own_address_as_a_sender_is_not_answered";
        let Some(text) = alone(test, &["python3"], &script) else { return };
        let events = json_lines(&text);
        assert_eq!(named(&events, "ignored").len(), 1, "{text}");
        assert_eq!(named(&events, "summary").last().unwrap()["received"], 1, "{text}");
    }
}

#[test]
fn a_number_alone_is_a_port_on_127_0_0_1() {
    let server = Server::start(SERVER, &["--loss", "0"]);
    let port = server.address.port().to_string();
    assert_eq!(seqs(&run(CLIENT, &[&port, "--json", "-n", "1"]).events(), "reply"), [1]);
    let bound = Server::start_at("0", SERVER, &[]);
    assert!(bound.address.ip().is_loopback(), "{}", bound.address);
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
        (SERVER, &["--drop", "1,x"], "a whole number, such as 42"),
        (SERVER, &["--loss", "90%", "--burst", "2"], "raise --burst"),
        (SERVER, &["--delay", "soon"], "250ms, 1s, 1.5s or 2m"),
        (SERVER, &["--seed", "abc"], "a whole number, such as 42"),
        (SERVER, &["--seed", "-1"], "a whole number, such as 42"),
        (SERVER, &["--delay", "-1s"], "none is negative"),
        (SERVER, &["--bind", &taken], "--bind 127.0.0.1:0"),
        (SERVER, &["--bind", "192.0.2.1:12000"], "ip addr"),
        (SERVER, &["--bind", "127.0.0.1:99999"], "from 0 to 65535"),
        (CLIENT, &["-n", "-1"], "0 goes on until Ctrl-C"),
        (CLIENT, &["-n", "ten"], "0 goes on until Ctrl-C"),
        (CLIENT, &["-W", "0"], "longer than 0"),
        (CLIENT, &["-W", "-1"], "250ms, 1s, 1.5s or 2m"),
        (CLIENT, &["-i", "-1"], "250ms, 1s, 1.5s or 2m"),
        (CLIENT, &["-i", "-1s"], "none is negative"),
        (CLIENT, &["-W", "-250ms"], "none is negative"),
        (CLIENT, &["--loss", "30%"], "is a flag of the server: give it to udp_ping_server"),
        (CLIENT, &["--reject-rate", "1"], "give it to udp_ping_server"),
        (CLIENT, &["99999"], "port on 127.0.0.1"),
        (SERVER, &["--bind", "99999"], "port on 127.0.0.1"),
        (CLIENT, &["-s", "65508"], "at most 65507"),
        (CLIENT, &["-s", "3"], "35 or more"),
        (CLIENT, &["-s", "-1"], "a whole number, such as 42"),
        // Two dots in a row: no resolver is asked for such a name.
        (CLIENT, &["no..such.host"], "check the spelling"),
        (CLIENT, &["127.0.0.1:0"], "see the server's first line"),
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
    assert!(ports.len() > logic::clients::MOST, "only {} ports were to be had", ports.len());
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
        run(CLIENT, &[&at, "--json", "-n", "20000", "-i", "0.5ms", "-W", "10s"]).events()
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
