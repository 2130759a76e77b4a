//! Packets are matched by their addresses, kinds and numbers, whatever the order of the lines.

mod common;

use common::{client, request, run, sent, server};
use ladder::model::{Fate, Kind, Run};
use proptest::prelude::*;

/// Kind, label, fate, and when it left and came, in microseconds.
fn told(run: &Run) -> Vec<(Kind, &str, Fate, i64, i64)> {
    let us = |time: i64| time / 1000;
    run.packets
        .iter()
        .map(|p| (p.kind, p.label.as_str(), p.fate, us(p.left.at), us(p.came.at)))
        .collect()
}

/// A run in which everything happens: 1 is answered twice, 2 dropped, 3 lost
/// on the way, 4 late and 5 before it, 6 corrupt, 7's reply lost.
fn eventful() -> (Vec<String>, Vec<String>) {
    let mut of_client: Vec<String> =
        (1..=7).map(|seq| format!("sent {} \"seq\":{seq}", 1000 * seq)).collect();
    of_client.extend([
        "reply 1200 \"seq\":1".to_string(),
        "duplicate 1210 \"seq\":1".to_string(),
        "timeout 2900 \"seq\":2,\"timeout_ms\":0.9".to_string(),
        "reply 5500 \"seq\":5".to_string(),
        "late 5600 \"seq\":4".to_string(),
        "corrupt 6300 \"seq\":6,\"what\":\"wrong bytes\"".to_string(),
        "summary 9000 \"sent\":7".to_string(),
    ]);
    // The third never came, so that the server's own count is one behind.
    let of_server = vec![
        request(1050, 1, 1, "replied"),
        sent(1060, 1, 2),
        request(2050, 2, 2, "dropped"),
        request(4050, 3, 4, "delayed"),
        request(5050, 4, 5, "replied"),
        sent(5060, 4, 1),
        sent(5550, 3, 1),
        request(6050, 5, 6, "replied"),
        sent(6060, 5, 1),
        request(7050, 6, 7, "replied"),
        sent(7060, 6, 1),
        "summary 9500 \"received\":6,\"replied\":5".to_string(),
    ];
    (of_client, of_server)
}

fn drawn(of_client: &[String], of_server: &[String]) -> Run {
    let of_client: Vec<&str> = of_client.iter().map(String::as_str).collect();
    let of_server: Vec<&str> = of_server.iter().map(String::as_str).collect();
    let (run, wrong) = run(&[&client(&of_client), &server(&of_server)]);
    assert!(wrong.is_empty(), "{wrong:?}");
    run
}

#[test]
fn each_packet_is_drawn_once_with_its_fate_and_both_its_times() {
    let (of_client, of_server) = eventful();
    let run = drawn(&of_client, &of_server);
    assert_eq!(
        told(&run),
        [
            (Kind::Request, "1", Fate::Arrived, 1000, 1050),
            (Kind::Reply, "1", Fate::Arrived, 1060, 1200),
            (Kind::Reply, "1", Fate::Duplicate, 1060, 1210),
            (Kind::Request, "2", Fate::Dropped, 2000, 2050),
            // Where it died nobody tells: half a typical flight after it left.
            (Kind::Request, "3", Fate::Lost, 3000, 3025),
            (Kind::Request, "4", Fate::Arrived, 4000, 4050),
            (Kind::Request, "5", Fate::Arrived, 5000, 5050),
            (Kind::Reply, "5", Fate::Arrived, 5060, 5500),
            (Kind::Reply, "4", Fate::Late, 5550, 5600),
            (Kind::Request, "6", Fate::Arrived, 6000, 6050),
            (Kind::Reply, "6", Fate::Corrupt, 6060, 6300),
            (Kind::Request, "7", Fate::Arrived, 7000, 7050),
            (Kind::Reply, "7", Fate::Lost, 7060, 7135),
        ]
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn the_order_of_the_lines_does_not_matter(seed in any::<u64>()) {
        let (mut of_client, mut of_server) = eventful();
        let expected = drawn(&of_client, &of_server);
        let mut state = seed | 1;
        let mut shuffle = |lines: &mut Vec<String>| for last in (1..lines.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            lines.swap(last, (state >> 33) as usize % (last + 1));
        };
        shuffle(&mut of_client);
        shuffle(&mut of_server);
        let run = drawn(&of_client, &of_server);
        prop_assert_eq!(told(&run), told(&expected));
    }
}

#[test]
fn a_reply_that_was_overtaken_is_marked() {
    let (run, _) = run(&[&client(&[
        "sent 1 \"seq\":1",
        "sent 2 \"seq\":2",
        "reply 10 \"seq\":2",
        "reply 11 \"seq\":1",
        "summary 20",
    ])]);
    let replies = run.packets.iter().filter(|p| p.kind == Kind::Reply);
    let mut fates: Vec<_> = replies.map(|p| (p.label.as_str(), p.fate)).collect();
    fates.sort_unstable();
    assert_eq!(fates, [("1", Fate::Reordered), ("2", Fate::Arrived)]);
}

#[test]
fn an_icmp_error_is_an_arrow_of_its_own_and_ends_the_request() {
    let error = "icmp_error 30 \"seq\":1,\"type\":3,\"code\":3,\"meaning\":\"Destination Port Unreachable\",\
                 \"hard\":true,\"from\":\"127.0.0.1\"";
    let (run, _) = run(&[&client(&["sent 10 \"seq\":1", error, "summary 40"])]);
    assert_eq!(
        told(&run),
        [(Kind::Request, "1", Fate::Refused, 10, 20), (Kind::Error, "1", Fate::Arrived, 20, 30),]
    );
    assert_eq!(run.packets[1].why.as_deref(), Some("Destination Port Unreachable, from 127.0.0.1"));
}

#[test]
fn clocks_that_cannot_be_one_are_set_to_each_other_and_that_is_said() {
    let far = 1_000_000_000;
    let of_server = server(&[
        &request(far, 1, 1, "replied"),
        &sent(far + 10, 1, 1),
        &format!("summary {far} \"replied\":1"),
    ]);
    let of_client = client(&["sent 100 \"seq\":1", "reply 210 \"seq\":1", "summary 300"]);
    let (run, _) = run(&[&of_client, &of_server]);
    assert_eq!(
        told(&run),
        [
            (Kind::Request, "1", Fate::Arrived, 100, 150),
            (Kind::Reply, "1", Fate::Arrived, 160, 210),
        ]
    );
    assert!(run.notes[0].contains("one-way times are not known"), "{:?}", run.notes);
}

#[test]
fn an_offset_that_is_given_is_taken() {
    let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
    let of_server =
        server(&[&request(5030, 1, 1, "replied"), &sent(5040, 1, 1), "summary 6000 \"replied\":1"]);
    let of_client = client(&["sent 1 \"seq\":1", "reply 110 \"seq\":1", "summary 300"]);
    ladder::ledger::read("c", of_client.as_bytes(), &mut ledgers, &mut wrong);
    ladder::ledger::read("s", of_server.as_bytes(), &mut ledgers, &mut wrong);
    let run = ladder::run::run(ledgers, Some(5_000_000));
    assert_eq!(
        told(&run),
        [(Kind::Request, "1", Fate::Arrived, 1, 30), (Kind::Reply, "1", Fate::Arrived, 40, 110),]
    );
    assert!(run.notes.is_empty(), "{:?}", run.notes);
}
