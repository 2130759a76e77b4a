//! Ladders of real runs, beside what the programs told and what tcpdump saw.

mod common;

use std::collections::BTreeMap;

use common::{Running, alone, json_lines, listening, run, skip};
use ladder::grid::Page;
use ladder::ledger::read;
use ladder::model::{Fate, Kind, Packet, Run};
use ladder::scale::{Scale, Sizes};
use ladder::text::draw;
use packets::paint::Painter;

/// What each program of a run wrote, the client first.
struct Told {
    files: Vec<String>,
}

impl Told {
    /// A server on a free port, and a client of it to its end. In `client` the
    /// word SERVER stands for the address.
    fn by(server: &[&str], client: &[&str]) -> Told {
        let bound = [&server[1..], &["--bind", "127.0.0.1:0", "--json"]].concat();
        let mut running = Running::start(server[0], &bound);
        let first = running.line();
        let address = listening(&first).expect("it tells where it listens").to_string();
        let of_client: Vec<&str> = client[1..]
            .iter()
            .map(|word| if *word == "SERVER" { &address } else { *word })
            .collect();
        let of_client = run(client[0], &[&of_client[..], &["--json"]].concat()).stdout;
        let of_server = [vec![first], running.interrupt().stdout].concat();
        let file = |lines: Vec<String>| lines.join("\n") + "\n";
        Told { files: vec![file(of_client), file(of_server)] }
    }

    fn run(&self) -> Run {
        let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
        for file in &self.files {
            read("file", file.as_bytes(), &mut ledgers, &mut wrong);
        }
        assert!(wrong.is_empty(), "{wrong:?}");
        ladder::run::run(ledgers, None)
    }

    /// The moments of all events with one of these names; `field` is where the moment stands.
    fn moments(&self, file: usize, names: &[&str], field: &str) -> Vec<i64> {
        let events = json_lines(self.files.get(file).map_or("", String::as_str));
        let of = events.iter().filter(|event| names.contains(&event["event"].as_str().unwrap()));
        of.filter_map(|event| event[field].as_i64()).collect()
    }
}

fn sorted(mut list: Vec<i64>) -> Vec<i64> {
    list.sort_unstable();
    list
}

/// The known moments of all packets of these kinds, of one of their ends.
fn drawn(run: &Run, kinds: &[Kind], came: bool) -> Vec<i64> {
    let of = run.packets.iter().filter(|packet| kinds.contains(&packet.kind));
    let ends = of.map(|packet| if came { packet.came } else { packet.left });
    ends.filter(|end| end.known).map(|end| end.at).collect()
}

/// Every event of a packet is one end of one packet, and no end is anything else.
#[track_caller]
fn compare(told: &Told, run: &Run, requests_at: &str, replies_left: &[(&str, &str)]) {
    let requests = [Kind::Request];
    let back = [Kind::Reply, Kind::Error, Kind::End];
    let answers =
        ["reply", "late", "duplicate", "corrupt", "lost", "icmp_error", "closed", "reset"];
    assert_eq!(sorted(drawn(run, &requests, false)), sorted(told.moments(0, &["sent"], "at_ns")));
    assert_eq!(sorted(drawn(run, &back, true)), sorted(told.moments(0, &answers, "at_ns")));
    let arrivals = sorted(told.moments(1, &["request", "beat"], requests_at));
    assert_eq!(sorted(drawn(run, &requests, true)), arrivals);
    let mut left = Vec::new();
    for (name, field) in replies_left {
        left.extend(told.moments(1, &[name], field));
    }
    let copies = json_lines(&told.files[1]);
    left.extend(
        copies
            .iter()
            .filter(|event| event["copies"] == 2)
            .map(|event| event["at_ns"].as_i64().unwrap()),
    );
    assert_eq!(sorted(drawn(run, &back, false)), sorted(left));
    all_are_drawn_once(run);
}

/// Each packet is one arrow or one cross, in text and as SVG, and no moment is
/// drawn above an earlier one.
#[track_caller]
fn all_are_drawn_once(run: &Run) {
    let page = Page { width: 100, painter: Painter::plain(), ascii: false };
    let lines = draw(run, page);
    let ladder = lines.iter().take_while(|line| !line.is_empty());
    let heads = ladder.flat_map(|line| line.chars()).filter(|c| "▶◀▷◁»«✗⊗≠⇄?".contains(*c)).count();
    assert_eq!(heads, run.packets.len(), "{}", lines.join("\n"));
    assert_eq!(ladder::svg::draw(run).matches("<g class=\"p ").count(), run.packets.len());
    let sizes = Sizes { exchange: 84.0, busy: 200.0, idle: 100.0, broken: 30.0, apart: 15.0 };
    let scale = Scale::new(run, sizes);
    let mut moments: Vec<i64> =
        run.packets.iter().flat_map(|packet| [packet.left.at, packet.came.at]).collect();
    moments.sort_unstable();
    let heights: Vec<f64> = moments.iter().map(|time| scale.y(*time)).collect();
    assert!(heights.is_sorted(), "{heights:?}");
    assert!(run.packets.iter().all(|packet| packet.left.at <= packet.came.at));
}

fn count(run: &Run, kind: Kind, fate: Fate) -> usize {
    run.packets.iter().filter(|packet| packet.kind == kind && packet.fate == fate).count()
}

#[test]
fn a_run_of_udp_ping_with_every_damage_is_drawn_as_both_programs_tell_it() {
    let told = Told::by(
        &[
            "udp_ping_server",
            "--seed",
            "3",
            "--loss",
            "20%",
            "--duplicate",
            "20%",
            "--corrupt",
            "10%",
            "--reorder",
            "20%",
            "--delay",
            "5ms",
            "--jitter",
            "10ms",
        ],
        &["udp_ping_client", "SERVER", "-n", "40", "-i", "10ms", "-W", "500ms"],
    );
    let run = told.run();
    compare(&told, &run, "at_ns", &[("sent", "at_ns")]);
    let dropped = told.files[1].matches("\"fate\":\"dropped\"").count();
    assert!(dropped > 0);
    assert_eq!(count(&run, Kind::Request, Fate::Dropped), dropped);
    assert_eq!(
        count(&run, Kind::Reply, Fate::Corrupt),
        told.moments(0, &["corrupt"], "at_ns").len()
    );
    assert_eq!(
        count(&run, Kind::Reply, Fate::Duplicate),
        told.moments(0, &["duplicate"], "at_ns").len()
    );
    assert!(count(&run, Kind::Reply, Fate::Reordered) > 0);
}

#[test]
fn a_run_of_heartbeats_is_drawn_as_both_programs_tell_it() {
    let told = Told::by(
        &["udp_heartbeat", "server", "--seed", "1", "--loss", "40%"],
        &[
            "udp_heartbeat",
            "client",
            "SERVER",
            "-n",
            "20",
            "-i",
            "20ms",
            "-W",
            "100ms",
            "--misses",
            "2",
        ],
    );
    let run = told.run();
    compare(&told, &run, "at_ns", &[("sent", "at_ns")]);
    let names: Vec<&str> = run.lifelines.iter().map(|lifeline| lifeline.name.as_str()).collect();
    assert_eq!(names, ["udp_heartbeat client", "udp_heartbeat server"]);
}

#[test]
fn a_run_of_tcp_ping_is_drawn_as_both_programs_tell_it_with_a_connection_a_ping_or_one_for_all() {
    for more in [&["-n", "8"][..], &["-n", "8", "--keep-open"]] {
        let client = [&["tcp_ping", "client", "SERVER", "-i", "10ms"], more].concat();
        let told = Told::by(&["tcp_ping", "server", "--seed", "1", "--loss", "30%"], &client);
        let run = told.run();
        compare(&told, &run, "read_ns", &[("request", "at_ns")]);
        assert_eq!(
            count(&run, Kind::Reply, Fate::SaidLost),
            told.moments(0, &["lost"], "at_ns").len()
        );
        let opened = told.moments(0, &["connected"], "at_ns").len();
        let ended = told.moments(1, &["end"], "at_ns").len();
        let bands = |wanted: bool| {
            run.marks.iter().filter(|mark| {
            matches!(mark, ladder::model::Mark::Band { opening, .. } if *opening == wanted)
        }).count()
        };
        assert_eq!((bands(true), bands(false)), (opened, ended));
    }
}

#[test]
fn a_run_of_the_echo_is_drawn_as_both_programs_tell_it_over_udp_and_over_tcp() {
    let server = ["echo_server"];
    let told = Told::by(&server, &["echo_client", "SERVER", "--message", "hello", "-n", "5"]);
    compare(&told, &told.run(), "at_ns", &[("request", "sent_ns")]);
    let told =
        Told::by(&server, &["echo_client", "SERVER", "--tcp", "--message", "hello", "-n", "5"]);
    // Of a stream's bytes the server tells no single message.
    let run = told.run();
    compare(&told, &run, "at_ns", &[]);
    assert_eq!(run.packets.len(), 10);
    assert!(
        run.notes.iter().any(|note| note.contains("one-way times are not known")),
        "{:?}",
        run.notes
    );
}

#[test]
fn a_run_of_icmp_ping_has_one_ledger_and_says_that_one_way_times_are_not_known() {
    let ended = run("icmp_ping", &["127.0.0.1", "-n", "4", "-i", "10ms", "--json"]);
    if ended.code() == 2 {
        return skip(
            "a_run_of_icmp_ping_has_one_ledger_and_says_that_one_way_times_are_not_known",
            &ended.stderr.join(" "),
        );
    }
    let told = Told { files: vec![ended.stdout.join("\n") + "\n"] };
    let run = told.run();
    assert_eq!(
        sorted(drawn(&run, &[Kind::Request], false)),
        sorted(told.moments(0, &["sent"], "at_ns"))
    );
    assert_eq!(
        sorted(drawn(&run, &[Kind::Reply], true)),
        sorted(told.moments(0, &["reply"], "at_ns"))
    );
    assert_eq!((run.packets.len(), run.lifelines.len()), (8, 2));
    all_are_drawn_once(&run);
    assert!(
        run.notes.iter().any(|note| note.contains("one-way times are not known")),
        "{:?}",
        run.notes
    );
}

#[test]
fn a_refused_ping_and_a_refused_connection_end_in_a_cross() {
    let refusing =
        std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for (program, kind) in [("udp_ping_client", Kind::Request), ("tcp_ping", Kind::Syn)] {
        let client = if program == "tcp_ping" { vec!["client"] } else { vec![] };
        let args = [&client[..], &[&refusing, "-n", "2", "-i", "10ms", "--json"]].concat();
        let told = Told { files: vec![run(program, &args).stdout.join("\n") + "\n"] };
        let run = told.run();
        assert_eq!(count(&run, kind, Fate::Refused), 2, "{program}: {:#?}", run.packets);
        all_are_drawn_once(&run);
    }
}

/// The time by the wall clock at which tcpdump saw each datagram of so many bytes.
fn seen(dump: &str, towards: &str) -> Vec<i64> {
    let of = dump.lines().filter(|line| line.contains(towards));
    of.filter_map(|line| {
        let (seconds, fraction) = line.split_whitespace().next()?.split_once('.')?;
        Some(seconds.parse::<i64>().ok()? * 1_000_000_000 + fraction.parse::<i64>().ok()?)
    })
    .collect()
}

#[test]
fn a_capture_of_the_run_has_every_packet_at_the_same_time() {
    const PINGS: usize = 40;
    // On a quiet machine they agree within 100 us; others may be using this one.
    const BOUND: i64 = 50_000_000;
    let script = format!(
        "folder=$(mktemp -d); cd $folder; \
         tcpdump -l --immediate-mode -Q in -nqtt --time-stamp-precision nano -c {} -i lo udp port 12000 \
         >dump 2>ready & dump=$!; until grep -q listening ready; do sleep 0.01; done; \
         udp_ping_server --loss 0 --json >server & server=$!; until grep -q start server; do sleep 0.01; done; \
         udp_ping_client -n {PINGS} -i 5ms --json >client; wait $dump; kill -INT $server; wait $server; \
         python3 -c 'import time; r, m = time.CLOCK_REALTIME, time.CLOCK_MONOTONIC; \
         pairs = [(time.clock_gettime_ns(m), time.clock_gettime_ns(r), time.clock_gettime_ns(m)) for _ in range(99)]; \
         a, b, c = min(pairs, key=lambda pair: pair[2] - pair[0]); print(b - (a + c) // 2)'; \
         for file in client server dump; do echo ---; cat $file; done; rm -r $folder",
        2 * PINGS
    );
    let test = "a_capture_of_the_run_has_every_packet_at_the_same_time";
    let Some(output) = alone(test, &["tcpdump", "python3"], &script) else { return };
    let parts: Vec<&str> = output.split("---\n").collect();
    let wall: i64 = parts[0].trim().parse().unwrap();
    let told = Told { files: vec![parts[1].to_string(), parts[2].to_string()] };
    let run = told.run();
    let mut worst: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (kind, towards) in
        [(Kind::Request, "> 127.0.0.1.12000"), (Kind::Reply, "127.0.0.1.12000 >")]
    {
        let captured = seen(parts[3], towards);
        let of: Vec<&Packet> = run.packets.iter().filter(|packet| packet.kind == kind).collect();
        // One at a time was under way, so that the order is that of the numbers.
        assert_eq!((of.len(), captured.len()), (PINGS, PINGS));
        for (packet, stamp) in of.iter().zip(&captured) {
            worst.entry("send").or_default().push((packet.left.at + wall - stamp).abs());
            worst.entry("arrival").or_default().push((packet.came.at + wall - stamp).abs());
        }
    }
    for (what, apart) in worst {
        let apart = sorted(apart);
        let (median, most) = (apart[apart.len() / 2], apart[apart.len() - 1]);
        eprintln!("{what}: ladder and capture differ by {median} ns (median), {most} ns at most");
        assert!(most < BOUND, "{what}: {most} ns");
    }
}

#[test]
fn ten_thousand_pings_are_thinned_out_and_that_is_said() {
    let mut lines = vec!["{\"event\":\"start\",\"at_ns\":1,\"program\":\"udp_ping_client\",\"server\":\"127.0.0.1:9\",\"local\":\"127.0.0.1:8\"}".to_string()];
    for seq in 1..=10_000_u64 {
        lines.push(format!("{{\"event\":\"sent\",\"at_ns\":{},\"seq\":{seq}}}", seq * 1_000_000));
        lines.push(format!(
            "{{\"event\":\"reply\",\"at_ns\":{},\"seq\":{seq}}}",
            seq * 1_000_000 + 300_000
        ));
    }
    lines.push("{\"event\":\"summary\",\"at_ns\":99000000000}".to_string());
    let mut run = Told { files: vec![lines.join("\n")] }.run();
    assert_eq!(run.packets.len(), 20_000);
    ladder::selection::select(&mut run, ladder::selection::Selection::default());
    assert_eq!(run.packets.len(), 400);
    assert!(
        run.notes.iter().any(|note| note.contains("Every 50th of 10000 exchanges")),
        "{:?}",
        run.notes
    );
    all_are_drawn_once(&run);
}

/// A client, a link and a server, each with its ledger.
fn through_a_link(server: &[&str], link: &[&str], client: &[&str]) -> Told {
    let start = |words: &[&str]| {
        let mut running = Running::start(words[0], &[&words[1..], &["--json"]].concat());
        let first = running.line();
        let address = listening(&first).expect("it tells where it listens").to_string();
        (running, first, address)
    };
    let (server, first_of_server, address) = start(&[server, &["--bind", "127.0.0.1:0"]].concat());
    let link = [&["lossy_link", "--listen", "127.0.0.1:0", "--to", &address], link].concat();
    let (link, first_of_link, address) = start(&link);
    let of_client = run(client[0], &[&client[1..], &[&address, "--json"]].concat()).stdout;
    let of_link = [vec![first_of_link], link.interrupt().stdout].concat();
    let of_server = [vec![first_of_server], server.interrupt().stdout].concat();
    let file = |lines: Vec<String>| lines.join("\n") + "\n";
    Told { files: vec![file(of_client), file(of_link), file(of_server)] }
}

#[test]
fn a_run_through_a_lossy_link_has_three_lifelines_and_each_packet_is_two_arrows_or_one_cross() {
    for (server, client) in [
        (
            &["udp_ping_server", "--loss", "0"][..],
            &["udp_ping_client", "-n", "20", "-i", "10ms", "-W", "300ms"][..],
        ),
        (
            &["udp_heartbeat", "server", "--loss", "0"],
            &["udp_heartbeat", "client", "-n", "20", "-i", "10ms", "-W", "300ms", "--misses", "20"],
        ),
    ] {
        let told = through_a_link(
            server,
            &["--up-drop", "2,5", "--down-drop", "3", "--seed", "1"],
            client,
        );
        let run = told.run();
        assert!(run.notes.is_empty(), "{:?}", run.notes);
        assert_eq!(run.lifelines.len(), 3, "{:?}", run.lifelines);
        // 20 to the link, of which 18 go on to the server; 18 replies to the link, 17 to the client.
        assert_eq!(run.packets.len(), 20 + 18 + 18 + 17, "{client:?}");
        let died: Vec<(Kind, &str, usize)> = run
            .packets
            .iter()
            .filter(|packet| packet.fate == Fate::Dropped)
            .map(|packet| (packet.kind, packet.label.as_str(), packet.to))
            .collect();
        // The third reply is that to the fourth request.
        assert_eq!(died, [(Kind::Request, "2", 1), (Kind::Reply, "4", 1), (Kind::Request, "5", 1)]);
        assert!(run.packets.iter().all(|packet| packet.left.known && packet.came.known));
        all_are_drawn_once(&run);
        // Of a pair that writes no ledger, the link's alone has the same packets.
        let alone = Told { files: vec![told.files[1].clone()] }.run();
        assert_eq!(alone.packets.len(), run.packets.len());
        assert_eq!(alone.lifelines.len(), 3);
        assert!(alone.notes.iter().any(|note| note.contains("one-way")), "{:?}", alone.notes);
        all_are_drawn_once(&alone);
    }
}

#[test]
fn messages_through_a_tcp_link_are_found_in_its_pieces() {
    for keep in [&[][..], &["--keep-open"]] {
        let client = [&["tcp_ping", "client", "-n", "5", "-i", "10ms"], keep].concat();
        let told = through_a_link(
            &["tcp_ping", "server", "--loss", "0"],
            &["--tcp", "--delay", "20ms"],
            &client,
        );
        let run = told.run();
        assert_eq!((run.packets.len(), run.lifelines.len()), (20, 3), "{:#?}", run.packets);
        assert!(
            run.packets.iter().all(|p| p.fate == Fate::Arrived && p.left.known && p.came.known)
        );
        all_are_drawn_once(&run);
    }
}
