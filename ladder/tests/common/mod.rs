//! Ledgers for the tests, as the programs write them.

// Each test file is a crate of its own, and none uses everything.
#![allow(dead_code)]

use ladder::ledger::read;
use ladder::model::Run;

/// A client of UDP ping: its start, and the lines of `events`, whose times are in microseconds.
pub fn client(events: &[&str]) -> String {
    ledger(
        "udp_ping_client",
        "\"server\":\"127.0.0.1:12000\",\"local\":\"127.0.0.1:40000\"",
        events,
    )
}

pub fn server(events: &[&str]) -> String {
    let local = "\"listening\":\"127.0.0.1:12000\",\"local\":\"127.0.0.1:12000\"";
    ledger("udp_ping_server", local, events)
}

/// Each event is written `NAME MICROSECONDS FIELDS`.
pub fn ledger(program: &str, start: &str, events: &[&str]) -> String {
    let clock = "\"clock\":\"CLOCK_MONOTONIC\"";
    let mut lines =
        format!("{{\"event\":\"start\",\"at_ns\":0,{clock},\"program\":\"{program}\",{start}}}\n");
    for event in events {
        let mut words = event.splitn(3, ' ');
        let (name, time) = (words.next().unwrap(), words.next().unwrap());
        let fields = words.next().map_or(String::new(), |fields| format!(",{fields}"));
        lines += &format!("{{\"event\":\"{name}\",\"at_ns\":{time}000{fields}}}\n");
    }
    lines
}

/// What the server says of a request with this number, which came at `at`.
pub fn request(at: u64, place: u64, seq: u64, fate: &str) -> String {
    format!(
        "request {at} \"client\":\"127.0.0.1:40000\",\"request\":{place},\"bytes\":34,\
         \"text\":\"\\\"Ping {seq} now\\\"\",\"fate\":\"{fate}\""
    )
}

/// A reply of the server's.
pub fn sent(at: u64, place: u64, copies: u64) -> String {
    format!(
        "sent {at} \"client\":\"127.0.0.1:40000\",\"request\":{place},\"bytes\":34,\"copies\":{copies}"
    )
}

/// The run of these ledgers, and what is wrong with them.
pub fn run(files: &[&str]) -> (Run, Vec<String>) {
    let (mut ledgers, mut wrong) = (Vec::new(), Vec::new());
    for (index, file) in files.iter().enumerate() {
        read(&format!("file{}", index + 1), file.as_bytes(), &mut ledgers, &mut wrong);
    }
    (ladder::run::run(ledgers, None), wrong)
}
