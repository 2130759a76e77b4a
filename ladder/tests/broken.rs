//! Ledgers that are cut off, mixed, foreign or no JSON: one line says so, and the rest is drawn.

mod common;

use common::{client, request, run, sent, server};
use ladder::grid::Page;
use ladder::model::Fate;
use ladder::text::draw;
use packets::paint::Painter;
use proptest::prelude::*;

fn pair() -> (String, String) {
    let of_client = client(&[
        "sent 10 \"seq\":1",
        "reply 50 \"seq\":1",
        "sent 60 \"seq\":2",
        "summary 90 \"sent\":2",
    ]);
    let of_server = server(&[
        &request(20, 1, 1, "replied"),
        &sent(30, 1, 1),
        &request(70, 2, 2, "dropped"),
        "summary 95 \"received\":2,\"replied\":1",
    ]);
    (of_client, of_server)
}

#[test]
fn a_line_that_is_cut_off_is_said_with_its_place() {
    let (of_client, of_server) = pair();
    let cut = &of_client[..of_client.len() - 15];
    let (run, wrong) = run(&[cut, &of_server]);
    assert_eq!(
        wrong,
        [
            "file1:5: cut off in the middle of a line",
            "file1: udp_ping_client has no `summary`: cut off, or it is still running",
        ]
    );
    assert_eq!(run.packets.len(), 3);
}

#[test]
fn what_a_server_may_not_have_told_any_more_is_not_called_lost() {
    let (of_client, of_server) = pair();
    let early: String = of_server.lines().take(3).map(|line| format!("{line}\n")).collect();
    let (run, _) = run(&[&of_client, &early]);
    assert_eq!(run.packets[2].fate, Fate::Unknown);
}

#[test]
fn lines_that_are_no_events_are_left_out_and_said_once() {
    let (of_client, of_server) = pair();
    let dirty = of_client.replacen('\n', "\nhello\n{}\n[1]\n", 1);
    let (run, wrong) = run(&[&dirty, &of_server]);
    assert_eq!(wrong, ["file1:2: no JSON; left out, and 2 more lines"]);
    assert_eq!(run.packets.len(), 3);
}

#[test]
fn two_programs_in_one_file_are_told_apart_behind_one_another_and_mixed() {
    let (of_client, of_server) = pair();
    let expected = run(&[&of_server, &of_client]).0.packets;
    let behind = format!("{of_server}{of_client}");
    let mut mixed = String::new();
    let (mut a, mut b) = (of_server.lines(), of_client.lines());
    for _ in 0..10 {
        for line in [a.next(), b.next()].into_iter().flatten() {
            mixed += line;
            mixed += "\n";
        }
    }
    for file in [behind, mixed] {
        let (run, wrong) = run(&[&file]);
        assert!(wrong.is_empty(), "{wrong:?}");
        assert_eq!(run.packets.len(), expected.len());
        for (packet, expected) in run.packets.iter().zip(&expected) {
            assert_eq!(
                (packet.left, packet.came, packet.fate),
                (expected.left, expected.came, expected.fate)
            );
        }
    }
}

#[test]
fn a_ledger_of_another_run_is_said() {
    let (of_client, _) = pair();
    let other = server(&[
        "request 20 \"client\":\"127.0.0.1:41111\",\"request\":1,\"fate\":\"dropped\"",
        "summary 95 \"replied\":0",
    ]);
    let (run, wrong) = run(&[&of_client, &other]);
    assert!(wrong.is_empty());
    assert!(
        run.notes
            .iter()
            .any(|note| note.contains("udp_ping_server (file2)") && note.contains("another run"))
    );
}

#[test]
fn a_file_without_a_start_is_said() {
    let (_, wrong) = run(&["{\"event\":\"sent\",\"at_ns\":5,\"seq\":1}\n"]);
    assert_eq!(
        wrong,
        [
            "file1:1: an event of a program whose `start` is missing; left out",
            "file1: no `start` of a program in it; write it with --json",
        ]
    );
}

/// How many lines of nonsense are tried; a million with `LADDER_LINES=1000000`.
fn lines() -> usize {
    std::env::var("LADDER_LINES").ok().and_then(|lines| lines.parse().ok()).unwrap_or(4_000)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("\"127.0.0.1:40000\"".to_string()),
        Just("\"127.0.0.1:12000\"".to_string()),
        Just("\"up\"".to_string()),
        Just("\"dropped\"".to_string()),
        Just("\"connect\"".to_string()),
        (0..4_u64).prop_map(|n| n.to_string()),
        any::<i64>().prop_map(|n| n.to_string()),
        any::<f64>().prop_map(|n| format!("{n:e}")),
        "\\PC{0,30}".prop_map(|text| serde_json::Value::from(text).to_string()),
        Just("null".to_string()),
        Just("[]".to_string()),
        Just("true".to_string()),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let names = [
        "start",
        "sent",
        "reply",
        "late",
        "duplicate",
        "corrupt",
        "timeout",
        "icmp_error",
        "not_sent",
        "request",
        "beat",
        "summary",
        "connected",
        "connecting",
        "end",
        "closed",
        "reset",
        "lost",
        "refused",
        "datagram",
        "down",
        "foreign",
        "unreachable",
        "recovered",
    ];
    let fields = [
        "seq",
        "client",
        "local",
        "server",
        "request",
        "copies",
        "text",
        "fate",
        "timeout_ms",
        "way",
        "near",
        "far",
        "ping",
        "number",
        "left_ns",
        "sent_ns",
        "read_ns",
        "connect_ms",
        "stage",
        "from",
        "meaning",
        "program",
        "listening",
        "clock",
        "identifier",
        "connection",
        "reason",
        "misses",
        "why",
        "retransmits",
    ];
    let field = (proptest::sample::select(fields.to_vec()), word());
    let event =
        (proptest::sample::select(names.to_vec()), word(), proptest::collection::vec(field, 0..8));
    prop_oneof![
        9 => event.prop_map(|(name, at, fields)| {
            let fields: String = fields.iter().map(|(name, value)| format!(",\"{name}\":{value}")).collect();
            format!("{{\"event\":\"{name}\",\"at_ns\":{at}{fields}}}")
        }),
        1 => "\\PC{0,80}",
    ]
}

#[test]
fn no_nonsense_in_a_ledger_makes_it_panic() {
    let per_case = 40;
    let cases = (lines() / per_case) as u32;
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let (of_client, of_server) = pair();
    proptest!(config, |(nonsense in proptest::collection::vec(line(), per_case), width in 20_usize..120, ascii: bool)| {
        let half = nonsense.len() / 2;
        let first = of_client.clone() + &nonsense[..half].join("\n");
        let second = of_server.clone() + &nonsense[half..].join("\n");
        let (run, _) = run(&[&first, &second]);
        draw(&run, Page { width, painter: Painter::plain(), ascii });
    });
}
