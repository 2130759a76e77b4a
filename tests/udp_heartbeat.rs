//! The heartbeat, watcher and watched, as a user runs them.

mod common;

use std::net::{SocketAddr, UdpSocket};
use std::time::SystemTime;

use common::{
    DEADLINE, Ended, Running, Server, alone, classic, have, json_lines, named, run, seqs, skip,
    with_a_name_of_two_addresses,
};
use serde_json::Value;

const NAME: &str = "udp_heartbeat";

/// A server of the program's, with these flags.
fn server(flags: &[&str]) -> Server {
    Server::start_command(NAME, &[&["server", "--bind", "127.0.0.1:0"], flags].concat())
}

fn client(address: &str, flags: &[&str]) -> Ended {
    run(NAME, &[&["client", address], flags].concat())
}

/// A socket of the test's own that plays client or server.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn read(socket: &UdpSocket) -> (String, SocketAddr) {
    let mut buffer = [0; 1000];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    (String::from_utf8(buffer[..length].to_vec()).unwrap(), from)
}

/// A beat as a client sends it now.
fn beat_now(seq: u64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("{seq} {:.6}", now.as_secs_f64()).into_bytes()
}

/// The next beat that comes in: its number, and who sent it.
fn beat(socket: &UdpSocket) -> (u64, SocketAddr) {
    let (text, from) = read(socket);
    (text.split(' ').next().unwrap().parse().unwrap(), from)
}

fn figure(event: &Value, name: &str) -> f64 {
    event[name].as_f64().unwrap_or_else(|| panic!("{name} in {event}"))
}

/// By how much the clocks of two processors may differ, in a virtual machine too; and rounding.
const CLOCKS_MS: f64 = 0.5;

#[test]
fn all_beats_are_answered_and_the_clocks_agree_within_the_bounds() {
    let server = server(&["--loss", "0"]);
    let ended = client(&server.at(), &["--json", "-n", "50"]);
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(seqs(&events, "reply"), (1..=50).collect::<Vec<_>>());
    for reply in named(&events, "reply") {
        // Both read the same clock.
        let (offset, bound) = (figure(reply, "offset_ms"), figure(reply, "offset_bound_ms"));
        assert!(offset.abs() <= bound + CLOCKS_MS, "{reply}");
        assert!((bound - figure(reply, "rtt_ms") / 2.0).abs() < 1e-9);
    }
}

#[test]
fn a_way_back_that_is_slower_than_the_way_there_counts_by_half() {
    let server = server(&["--loss", "0", "--delay", "200ms"]);
    let events = client(&server.at(), &["--json", "-n", "3", "-W", "60s"]).events();
    for reply in named(&events, "reply") {
        let (offset, rtt) = (figure(reply, "offset_ms"), figure(reply, "rtt_ms"));
        // The way there took no more than is left of the RTT.
        assert!(-offset >= 200.0 - rtt / 2.0 - CLOCKS_MS, "{reply}");
        assert!(-offset <= rtt / 2.0 + CLOCKS_MS, "{reply}");
    }
    assert_eq!(seqs(&events, "reply"), [1, 2, 3]);
}

#[test]
fn a_healthy_server_is_declared_down_by_chance_always_after_the_same_beat() {
    for _ in 0..2 {
        let server = server(&["--seed", "11"]);
        let ended = client(&server.at(), &["--json", "-W", "500ms"]);
        assert_eq!(ended.code(), 3);
        let events = ended.events();
        assert_eq!(seqs(&events, "down"), [12]);
        let summary = named(&events, "summary")[0];
        assert_eq!(summary["sent"], 12, "what was sent, and not what was planned");
    }
}

#[test]
fn a_slow_clock_is_told_with_its_bounds_and_a_negative_figure_is_explained() {
    let server = server(&["--loss", "0", "--clock-offset", "-2.5s"]);
    let events = client(&server.at(), &["--json", "-n", "5"]).events();
    for reply in named(&events, "reply") {
        let (offset, bound) = (figure(reply, "offset_ms"), figure(reply, "offset_bound_ms"));
        assert!((offset + 2500.0).abs() <= bound + CLOCKS_MS, "{reply}");
        assert!(figure(reply, "diff_ms") < 0.0);
    }
    let text = client(&server.at(), &["-n", "5"]);
    let explained = text.stdout.iter().any(|line| line.starts_with("diff was negative in 5"));
    assert!(explained, "{text:#?}");
}

#[test]
fn a_watch_with_retry_tells_the_outage_and_the_return() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let flags = ["client", &address, "--json", "--retry", "-n", "6", "-W", "300ms"];
    let watcher = Running::start(NAME, &flags);
    loop {
        let (seq, from) = beat(&server);
        // Beats 2, 3 and 4 go unanswered.
        if !(2..=4).contains(&seq) {
            server.send_to(format!("{seq} 0.001").as_bytes(), from).unwrap();
        }
        if seq == 6 {
            break;
        }
    }
    let ended = watcher.end();
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(seqs(&events, "down"), [4]);
    assert_eq!(seqs(&events, "recovered"), [5]);
    // Three timeouts have passed since the answer to beat 1, at the least.
    assert!(figure(named(&events, "down")[0], "silent_s") >= 0.9);
    assert!(figure(named(&events, "recovered")[0], "outage_s") >= 0.9);
}

#[test]
fn answered_beats_break_the_run_of_missed_ones_whenever_their_timeouts_come() {
    let server = server(&["--drop", "2,4,6"]);
    // The timeouts of 2, 4 and 6 come one after the other, when 3 and 5 are long answered.
    let ended = client(&server.at(), &["--json", "-n", "6", "-i", "20ms", "-W", "1s"]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let events = ended.events();
    assert_eq!(seqs(&events, "timeout"), [2, 4, 6]);
    assert!(named(&events, "down").is_empty());
}

#[test]
fn a_servers_answer_is_no_beat_and_is_not_answered() {
    let mut server = server(&["--loss", "0", "--json"]);
    let client = socket();
    // The answer of another server, a stamp from the year 2, and one beyond all clocks.
    for packet in ["1 0.000123", "2 -62000000000", "3 1e308"] {
        client.send_to(packet.as_bytes(), server.address).unwrap();
        let told: Value = serde_json::from_str(&server.running.line_with("malformed")).unwrap();
        let why = told["why"].as_str().unwrap();
        assert!(why.contains("years from this server's clock"), "{why}");
    }
    client.send_to(&beat_now(4), server.address).unwrap();
    assert_eq!(beat(&client).0, 4, "nothing came back for the others");
    // The furthest stamp that is taken: an answer is hardly longer than its beat.
    let year = 350.0 * 86_400.0;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
    let furthest = format!("5 {:.3e}", now + year);
    client.send_to(furthest.as_bytes(), server.address).unwrap();
    let answer = read(&client).0;
    assert!(answer.len() <= furthest.len() + 12, "{furthest} was answered {answer}");
    let ended = server.running.interrupt().events();
    assert_eq!(named(&ended, "way_up")[0]["malformed"], 3);
    assert_eq!(named(&ended, "summary")[0]["received"], 2);
}

#[test]
fn the_way_up_counts_the_clients_that_made_room_for_others() {
    let server = server(&["--loss", "0", "-q", "--json"]);
    let senders = 1100;
    let mut ports = std::collections::BTreeSet::new();
    while ports.len() < senders {
        let client = socket();
        if ports.insert(client.local_addr().unwrap().port()) {
            // Beat 2 never came.
            for seq in [1, 3] {
                client.send_to(&beat_now(seq), server.address).unwrap();
                read(&client);
            }
        }
    }
    let ended = server.running.interrupt().events();
    let way_up = named(&ended, "way_up")[0];
    assert_eq!(way_up["lost"], senders);
    let kept = way_up["clients"].as_array().unwrap();
    assert_eq!(kept.len(), logic::clients::MOST);
    assert_eq!(named(&ended, "summary")[0]["received"], 2 * senders);
}

#[test]
fn a_name_whose_first_address_refuses_is_watched_at_the_next_one() {
    let script = with_a_name_of_two_addresses(
        "udp_heartbeat server --loss 0 >$0.told & server=$!; \
         until grep -q listening $0.told; do sleep 0.01; done; \
         udp_heartbeat client twice.test -n 2 -W 60s --json; status=$?; \
         kill -INT $server; wait $server; exit $status",
    );
    let test = "a_name_whose_first_address_refuses_is_watched_at_the_next_one";
    let Some(text) = alone(test, &["mount"], &script) else { return };
    let events = json_lines(&text);
    assert_eq!(named(&events, "next_address").len(), 1, "{text}");
    assert_eq!(seqs(&events, "reply"), [1, 2], "{text}");
}

#[test]
fn a_server_that_is_killed_is_declared_down_at_once() {
    let mut server = server(&["--loss", "0"]);
    let flags = ["client", &server.at(), "--json", "-n", "0", "-i", "20ms", "-W", "10m"];
    let mut watcher = Running::start(NAME, &flags);
    watcher.line_with("\"reply\"");
    server.running.line_with("beat 1");
    drop(server);
    let down: Value = serde_json::from_str(&watcher.line_with("\"down\"")).unwrap();
    assert_eq!((&down["misses"], &down["ever_alive"]), (&3.into(), &true.into()));
    assert_eq!(watcher.end().code(), 3);
}

#[test]
fn where_nobody_ever_was_no_sign_of_life_is_invented() {
    let closed = socket().local_addr().unwrap().to_string();
    let ended = client(&closed, &["-W", "10m"]);
    assert_eq!(ended.code(), 3);
    let told = "server assumed down after beat 3: 3 unanswered in a row, no sign of life in ";
    assert!(ended.stdout.iter().any(|line| line.starts_with(told)), "{ended:#?}");
}

#[test]
fn malformed_late_double_and_foreign_answers_are_told_as_such() {
    let server = socket();
    let address = server.local_addr().unwrap().to_string();
    let flags = ["client", &address, "--json", "-n", "2", "-W", "1s", "--misses", "2"];
    let watcher = Running::start(NAME, &flags);
    let (_, from) = beat(&server);
    for malformed in ["hello", "", "1", "x 1.0", "1 nan"] {
        server.send_to(malformed.as_bytes(), from).unwrap();
    }
    server.send_to(b"99 0.5", from).unwrap();
    // The second beat comes when the first has timed out.
    assert_eq!(beat(&server).0, 2);
    for answer in ["1 0.001", "2 0.001", "2 0.001"] {
        server.send_to(answer.as_bytes(), from).unwrap();
    }
    let ended = watcher.end();
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(named(&events, "malformed").len(), 5);
    assert_eq!(named(&events, "foreign").len(), 1);
    assert_eq!(seqs(&events, "late"), [1]);
    assert_eq!(seqs(&events, "reply"), [2]);
}

#[test]
fn the_server_follows_each_clients_sequence() {
    let server = server(&["--loss", "0", "--json"]);
    let client = socket();
    for seq in [1, 2, 2, 5, 3] {
        client.send_to(&beat_now(seq), server.address).unwrap();
    }
    client.send_to(b"not a beat", server.address).unwrap();
    client.send_to(&beat_now(6), server.address).unwrap();
    let answered: Vec<u64> = (0..6).map(|_| beat(&client).0).collect();
    assert_eq!(answered, [1, 2, 2, 5, 3, 6]);
    let events = server.running.interrupt().events();
    let places: Vec<&Value> = named(&events, "beat").iter().map(|beat| &beat["place"]).collect();
    assert_eq!(places, ["first", "next", "duplicate", "after_a_gap", "reordered", "next"]);
    let way_up = named(&events, "way_up")[0];
    assert_eq!(way_up["malformed"], 1);
    let way = &way_up["clients"][0];
    for (name, count) in [("highest", 6), ("lost", 1), ("duplicates", 1), ("reordered", 1)] {
        assert_eq!(way[name], count, "{name}");
    }
}

#[test]
fn the_server_tells_who_stops_and_who_returns() {
    let mut server = server(&["--loss", "0", "--silence", "200ms"]);
    let client = socket();
    client.send_to(&beat_now(1), server.address).unwrap();
    server.running.line_with("has stopped: no beat for ");
    client.send_to(&beat_now(2), server.address).unwrap();
    server.running.line_with("is back with beat 2");
}

#[test]
fn a_hundred_thousand_random_datagrams_leave_the_server_serving() {
    let server = server(&["--loss", "0", "-q"]);
    let client = socket();
    // A small generator of one's own: the bytes only have to be various.
    let mut state = 1u64;
    for _ in 0..100_000 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let bytes = state.to_be_bytes();
        client.send_to(&bytes[..(state >> 60) as usize % 9], server.address).unwrap();
    }
    // What was sent last may find the socket's buffer full, so ask again.
    let address = server.at();
    let ended = self::client(&address, &["-n", "20", "--misses", "20"]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    let ended = server.running.interrupt();
    assert_eq!(ended.code(), 0);
    let malformed = ended.stdout.iter().any(|line| line.starts_with("malformed datagrams"));
    assert!(malformed, "{ended:#?}");
}

#[test]
fn the_classic_client_is_answered() {
    if !have("python3") {
        return skip("the_classic_client_is_answered", "python3 is not installed");
    }
    let server = server(&["--seed", "11"]);
    let port = server.address.port().to_string();
    let ended = classic("udp_heartbeat_client.py", &["127.0.0.1", &port, "30"]).end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(ended.stdout.len(), 13, "{ended:#?}");
    assert_eq!(ended.stdout[11..], ["12 timed out", "server down"]);
}

#[test]
fn the_classic_server_is_watched() {
    if !have("python3") {
        return skip("the_classic_server_is_watched", "python3 is not installed");
    }
    let mut server = classic("udp_heartbeat_server.py", &[]);
    let address = format!("127.0.0.1:{}", server.line());
    let ended = client(&address, &["--json", "-n", "10", "-W", "300ms"]);
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(seqs(&events, "timeout"), [3, 6, 9]);
    assert_eq!(seqs(&events, "reply").len(), 7);
    assert!(named(&events, "malformed").is_empty());
}

#[test]
fn predict_meets_the_known_values() {
    let ended = run(NAME, &["predict", "--loss", "30%", "--misses", "3"]);
    assert_eq!(ended.code(), 0);
    let text = ended.stdout.join("\n");
    for value in ["3          2.7%", "15.51%", "62.48%", "86.39%", "99.9999998%", "51.48 beats"] {
        assert!(text.contains(value), "{value} in {text}");
    }
}

#[test]
fn predict_takes_constant_memory_however_many_runs_it_simulates() {
    // Five million results, kept one by one, would take 80 MB and more.
    let mut command = std::process::Command::new("sh");
    let program = common::program(NAME);
    command.arg("-c").arg(format!(
        "ulimit -v 100000 && exec {} predict --beats 1 --simulate 5000000",
        program.display()
    ));
    let ended = Running::start_command(command).end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
}

#[test]
fn predict_says_never_only_where_it_is_never() {
    let last =
        |flags: &[&str]| run(NAME, &[&["predict"], flags].concat()).stdout.last().unwrap().clone();
    let never = "it is never declared down";
    assert_eq!(last(&["--loss", "0"]), never);
    let endless = "expected: more than 1e308 beats until it is";
    assert_eq!(last(&["--loss", "0.08%", "--misses", "100"]), endless);
}

#[test]
fn ctrl_c_ends_a_watch_with_its_summary() {
    let server = server(&["--loss", "0"]);
    let mut watcher = Running::start(NAME, &["client", &server.at(), "-n", "0", "-i", "10m"]);
    watcher.line_with("beat 1:");
    let ended = watcher.interrupt();
    assert_eq!(ended.code(), 0);
    assert!(ended.stdout.iter().any(|line| line.starts_with("1 sent, 1 received")), "{ended:#?}");
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let taken = server(&[]);
    let taken = taken.at();
    let cases: &[(&[&str], &str)] = &[
        (&[], "server, client, predict"),
        (&["watch"], "unrecognized subcommand"),
        (&["server", "--bind", &taken], "--bind 127.0.0.1:0"),
        (&["server", "--silence", "0"], "longer than 0"),
        (&["server", "--clock-offset", "fast"], "250ms, 1s, 1.5s or 2m"),
        (&["server", "--clock-offset", "--5s"], "250ms, 1s, 1.5s or 2m"),
        (&["client", "--misses", "0"], "1.."),
        (&["client", "-W", "0"], "longer than 0"),
        (&["client", "-n", "x"], "0 goes on until Ctrl-C"),
        (&["client", "-6", "127.0.0.1"], "leave out -6"),
        (&["predict", "--loss", "130%"], "30%, 0.3 or 3/10"),
        (&["predict", "--misses", "0"], "1..=100"),
        (&["predict", "--simulate", "0"], "1.."),
        (&["predict", "--loss", "1%", "--simulate", "1000000000"], "lower --simulate or --beats"),
        (
            &["predict", "--beats", "0", "--simulate", "18446744073709551615"],
            "lower --simulate or --beats",
        ),
        (&["client", "--loss", "30%"], "give it to udp_heartbeat server"),
        (&["client", "-i", "-1s"], "none is negative"),
        (&["server", "--seed", "abc"], "a whole number, such as 42"),
    ];
    for (args, mend) in cases {
        let ended = run(NAME, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stdout.is_empty(), "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with("udp_heartbeat: ") && line.contains(mend), "{line}");
    }
}
