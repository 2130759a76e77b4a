//! The pictures of the sheets and of the README are ladders of real runs. Here each run is made
//! again: what its picture shows must still be what happens. Times may differ, structure may not.
//!
//! `BLESS=1` draws them anew (`make bless`).

mod common;

use std::fs;
use std::path::{Path, PathBuf};

use common::{Running, alone, listening, skip};
use ladder::ledger::read;
use ladder::selection::{Selection, beginning, select};
use ladder::svg;
use regex::Regex;

/// The picture of a run, and the events that it was drawn from.
fn draw(files: &[String]) -> String {
    draw_from(files, None)
}

/// The same, from the sending of this request on.
fn draw_from(files: &[String], first: Option<&str>) -> String {
    let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
    for file in files {
        read("a ledger", file.as_bytes(), &mut ledgers, &mut wrong);
    }
    assert!(wrong.is_empty(), "{wrong:?}");
    let mut run = ladder::run::run(ledgers, None);
    let left = run.packets.iter().find(|packet| Some(packet.label.as_str()) == first);
    let from = left.map(|packet| packet.left.at - beginning(&run));
    select(&mut run, Selection { from, ..Selection::default() });
    svg::draw(&run)
}

/// Runs a server and these clients of it, which start at the same moment.
fn ladder_of(server: &[&str], clients: &[&[&str]]) -> String {
    draw(&told_by(server, clients))
}

/// What they tell.
fn told_by(server: &[&str], clients: &[&[&str]]) -> Vec<String> {
    let bound = [&server[1..], &["--bind", "127.0.0.1:0", "--json"]].concat();
    let mut running = Running::start(server[0], &bound);
    let first = running.line();
    let address = listening(&first).expect("it tells where it listens").to_string();
    let start = |client: &&[&str]| {
        Running::start(client[0], &[&client[1..], &[&address, "--json"]].concat())
    };
    let clients: Vec<Running> = clients.iter().map(start).collect();
    let mut files: Vec<String> =
        clients.into_iter().map(|client| client.end().stdout.join("\n") + "\n").collect();
    files.push([vec![first], running.interrupt().stdout].concat().join("\n") + "\n");
    files
}

/// What does not depend on the moment: the lifelines, each packet with its fate,
/// and each mark, without times and without ports that the system chose.
fn structure(picture: &str) -> Vec<String> {
    let shown = Regex::new(
        r#"class="name"[^>]*>([^<]*)<|<g class="p (\w+)"[^>]*><title>([^<]*)<|class="(?:said|note|dim label)"[^>]*>([^<]*)<"#,
    );
    let time = Regex::new(r", [\d.]+ (µs|ms|s)( under way)?\b|port \d+").unwrap();
    let piece = |found: regex::Captures| {
        let words: Vec<&str> = found.iter().skip(1).flatten().map(|part| part.as_str()).collect();
        time.replace_all(&words.join(" "), "").into_owned()
    };
    let mut pieces: Vec<String> = shown.unwrap().captures_iter(picture).map(piece).collect();
    pieces.sort_unstable();
    pieces
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("labs/pictures").join(format!("{name}.svg"))
}

/// Compares a picture with a new one of the same run, or replaces it. A machine
/// that stops for a moment makes a packet late: such a run is made again.
#[track_caller]
fn compare(name: &str, picture: impl Fn() -> String) {
    let path = file(name);
    if std::env::var_os("BLESS").is_some_and(|bless| bless == "1") {
        let same = fs::read_to_string(&path).is_ok_and(|old| {
            let drawn = picture();
            structure(&old) == structure(&drawn) && !is_of_another_drawing(&old, &drawn)
        });
        if !same {
            fs::write(&path, picture()).expect("the pictures have a folder");
        }
        return;
    }
    let old = fs::read_to_string(&path).unwrap_or_default();
    let mut new = Vec::new();
    for _ in 0..3 {
        new = structure(&picture());
        if structure(&old) == new {
            return;
        }
    }
    assert_eq!(structure(&old), new, "{name}.svg shows what does not happen any more: make bless");
}

/// Whether the drawing itself has changed, its colours or its legend.
fn is_of_another_drawing(old: &str, new: &str) -> bool {
    let style = |picture: &str| {
        picture
            .split("</style>")
            .next()
            .map(|head| head.split("<style>").nth(1).map(str::to_string))
    };
    style(old) != style(new)
}

#[test]
fn ten_pings_of_which_some_are_dropped() {
    compare("udp-ping", || {
        ladder_of(&["udp_ping_server", "--seed", "3"], &[&["udp_ping_client", "-n", "6"]])
    });
}

#[test]
fn replies_that_are_late() {
    compare("01-late", || {
        let server = ["udp_ping_server", "--loss", "0", "--delay", "1500ms", "--seed", "1"];
        ladder_of(&server, &[&["udp_ping_client", "-n", "3"]])
    });
}

#[test]
fn a_false_alarm() {
    compare("02-false-alarm", || {
        // The eight beats before are all answered.
        let told =
            told_by(&["udp_heartbeat", "server", "--seed", "11"], &[&["udp_heartbeat", "client"]]);
        draw_from(&told, Some("9"))
    });
}

#[test]
fn two_clients_one_at_a_time_and_with_threads() {
    let client: &[&str] = &["tcp_ping", "client", "-n", "1", "-W", "10s"];
    let server = ["tcp_ping", "server", "--loss", "0", "--seed", "1", "--delay", "2s"];
    compare("03-threads", || ladder_of(&server, &[client, client]));
    let naive = [&server[..], &["--one-at-a-time"]].concat();
    compare("03-one-at-a-time", || ladder_of(&naive, &[client, client]));
}

#[test]
fn three_pings_that_a_kernel_answers() {
    let test = "three_pings_that_a_kernel_answers";
    let ended = common::run("icmp_ping", &["-n", "3", "127.0.0.1", "--json"]);
    if ended.code() == 2 {
        return skip(test, &ended.stderr.join(" "));
    }
    compare("05-three-pings", || {
        draw(&[
            common::run("icmp_ping", &["-n", "3", "127.0.0.1", "--json"]).stdout.join("\n") + "\n"
        ])
    });
}

#[test]
fn two_losses_that_tcp_repairs() {
    // The first two segments with data, of 86 bytes each, are lost.
    let script = "folder=$(mktemp -d); cd $folder; \
        nft add table ip t && nft 'add chain ip t input { type filter hook input priority 0; }' && \
        nft add rule ip t input tcp dport 12001 'tcp flags & psh == psh' quota until 180 bytes drop || exit 1; \
        tcp_ping server --loss 0 --seed 1 --json >server & server=$!; \
        until grep -q start server; do sleep 0.01; done; \
        tcp_ping client --keep-open -n 2 -W 60s --json >client; kill -INT $server; wait $server; \
        cat client; echo ---; cat server; rm -r $folder";
    let test = "two_losses_that_tcp_repairs";
    let Some(told) = alone(test, &["nft"], script) else { return };
    let draw_told = |told: &str| draw(&told.split("---\n").map(str::to_string).collect::<Vec<_>>());
    assert!(told.contains("\"retransmits\":2"), "{told}");
    compare("07-repaired", || draw_told(&alone(test, &["nft"], script).unwrap_or(told.clone())));
}
