//! Peers that know the token, and send what makes a manager swell, or count wrongly.

use std::io::{Read, Write};
use std::thread;

use monitor::random;

use crate::hostile::{Peer, World};

/// How many bytes of each kind are sent.
const MUCH: usize = 16 << 20;

/// Sends lines until there were enough, or the manager has had enough; reads
/// what comes. Gives what the manager said last.
fn flood(peer: Peer, mut line: impl FnMut(u64) -> String) -> String {
    let mut stream = peer.stream;
    let mut reader = stream.try_clone().unwrap();
    let reading = thread::spawn(move || {
        let (mut last, mut piece) = (Vec::new(), vec![0; 64 * 1024]);
        while let Ok(length @ 1..) = reader.read(&mut piece) {
            last.extend_from_slice(&piece[..length]);
            let begin = last.len().saturating_sub(1000);
            last.drain(..begin);
        }
        String::from_utf8_lossy(&last).into_owned()
    });
    let mut sent = 0;
    for number in 1.. {
        let line = line(number) + "\n";
        sent += line.len();
        if sent > MUCH || stream.write_all(line.as_bytes()).is_err() {
            break;
        }
    }
    // All of it has been taken when the answer to this comes, and then the end.
    let _ = stream.write_all(b"{\"type\":\"ping\"}\n");
    let _ = stream.shutdown(std::net::Shutdown::Write);
    reading.join().unwrap()
}

fn result(boot: &str, seq: u64, task: &str, reason: &str, detail: &str) -> String {
    format!(
        r#"{{"type":"result","boot_id":"{boot}","seq":{seq},"task":"{task}","rev":0,"started_at":"2026-01-01T00:00:00Z","duration_us":7,"verdict":"up","reason":"{reason}","detail":{{{detail}}}}}"#
    )
}

#[test]
fn nothing_that_a_peer_sends_makes_the_manager_swell() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path());
    let boot = random::hex(16).unwrap();
    let long = "x".repeat(2000);
    let figures: Vec<String> = (0..5000).map(|n| format!(r#""{n:x}":{n}"#)).collect();
    let figures = figures.join(",");

    let end = flood(world.insider(), |n| result(&boot, n, &format!("t{n}"), &long, ""));
    assert!(end.contains("{\"type\":\"pong\"}"), "{end}");
    world.goes_on("results of tasks that were never given");

    let end = flood(world.insider(), |n| result(&format!("{n:032x}"), 1, "1", &long, ""));
    assert!(end.contains("{\"type\":\"pong\"}"), "{end}");
    world.goes_on("results of countless boots");

    let end = flood(world.insider(), |n| result(&boot, n, "1", "", &figures));
    assert!(end.contains("{\"type\":\"pong\"}"), "{end}");
    world.goes_on("results with thousands of figures");

    let answers: Vec<String> = (0..400)
        .map(|n| format!(r#"{{"task":"{n}","accepted":false,"reason":"{}"}}"#, "y".repeat(90)))
        .collect();
    let answers = answers.join(",");
    let end = flood(world.insider(), |n| {
        format!(r#"{{"type":"config_ack","rev":{n},"tasks":[{answers}]}}"#)
    });
    world.goes_on("answers to configurations that were never given");
    assert!(end.contains("which was not given") || end.is_empty(), "{end}");

    // One who sends and reads nothing: what waits for him has its bound, too.
    let insider = world.insider();
    let sent = insider.floods(b"{\"type\":\"ping\"}\n", 1 << 30);
    assert!(sent < 1 << 30, "pings were taken in without an end");
    world.goes_on("pings of one who reads no answer");
    world.ends_whole();
}

#[test]
fn a_number_that_cannot_be_ends_the_connection_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::start(folder.path());
    let boot = random::hex(16).unwrap();
    let most = u64::MAX;
    for (line, why) in [
        (format!(r#"{{"type":"dropped","boot_id":"{boot}","first":0,"last":{most}}}"#), "first"),
        (format!(r#"{{"type":"dropped","boot_id":"{boot}","first":1,"last":{most}}}"#), "last"),
        (format!(r#"{{"type":"dropped","boot_id":"{boot}","first":7,"last":6}}"#), "last"),
        (result(&boot, most, "1", "", ""), "seq"),
        (result("anything", 1, "1", "", ""), "boot_id"),
        (format!(r#"{{"type":"config_ack","rev":{most},"tasks":[]}}"#), "rev"),
        (r#"{"type":"config_ack","rev":5,"tasks":[]}"#.to_string(), "revision 5, which was not"),
        (
            [r#"{"type":"config_ack","rev":0,"tasks":[]}"#; 2].join("\n"),
            "revision 0, which was not",
        ),
    ] {
        let mut insider = world.insider();
        insider.stream.write_all((line.clone() + "\n").as_bytes()).unwrap();
        let reason = insider.refused();
        assert!(reason.contains(why), "{line}: {reason}");
    }
    // The highest that can be is taken; what comes after it is known already.
    let mut insider = world.insider();
    let highest = (1u64 << 53) - 1;
    let line =
        format!(r#"{{"type":"dropped","boot_id":"{boot}","first":1,"last":{highest}}}"#) + "\n";
    let lines = line + &result(&boot, highest, "1", "", "") + "\n";
    insider.stream.write_all(lines.as_bytes()).unwrap();
    for _ in 0..2 {
        let monitor::protocol::Message::Ack(ack) = insider.hear() else { panic!("no ack") };
        assert_eq!(ack.seq, highest);
    }
    world.goes_on("numbers that cannot be");
    // It starts again with what it has stored.
    world.manager.kill();
    world.manager.restart();
    world.goes_on("a start with the highest number");
}
