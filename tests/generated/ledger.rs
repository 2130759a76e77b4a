//! What must be true of every program's events and sums.

use serde_json::Value;

use crate::common::{Ended, named, seqs};

/// A figure of a summary; one that a program does not have is 0.
pub fn figure(summary: &Value, name: &str) -> u64 {
    match &summary[name] {
        Value::Null => 0,
        value => value.as_u64().unwrap_or_else(|| panic!("{name} in {summary}")),
    }
}

fn sum(summary: &Value, names: &[&str]) -> u64 {
    names.iter().map(|name| figure(summary, name)).sum()
}

/// The events, of which one is the summary; the program ended as it should.
fn whole(ended: &Ended, statuses: &[i32]) -> (Vec<Value>, Value) {
    assert!(statuses.contains(&ended.code()), "{ended:#?}");
    assert!(!ended.stderr.iter().any(|line| line.contains("panicked")), "{ended:#?}");
    let events = ended.events();
    let summaries = named(&events, "summary");
    assert_eq!(summaries.len(), 1, "{ended:#?}");
    let summary = summaries[0].clone();
    (events, summary)
}

/// A client's books; gives its summary.
pub fn client(ended: &Ended) -> Value {
    // 3: the heartbeat's client has found the server down.
    let (events, summary) = whole(ended, &[0, 1, 3]);
    let fates = ["received", "lost", "late", "corrupt", "errors", "waiting"];
    assert_eq!(figure(&summary, "sent"), sum(&summary, &fates), "{ended:#?}");
    for (event, name) in [("reply", "received"), ("late", "late"), ("corrupt", "corrupt")] {
        let told = named(&events, event).len() as u64;
        assert_eq!(told, figure(&summary, name), "{event}: {ended:#?}");
    }
    // What came back after its timeout is no longer lost.
    let timeouts = named(&events, "timeout").len() as u64;
    assert!(timeouts <= sum(&summary, &["lost", "late", "corrupt"]), "{ended:#?}");
    let mut replied = seqs(&events, "reply");
    replied.sort_unstable();
    replied.dedup();
    assert_eq!(replied.len() as u64, figure(&summary, "received"), "{ended:#?}");
    // 1 is "no reply came"; of an echo it is "not everything came back".
    if ended.code() == 1 && events[0]["program"] != "echo_client" {
        assert_eq!(figure(&summary, "received"), 0, "{ended:#?}");
    }
    if let [Some(least), Some(mean), Some(most)] =
        ["rtt_min_ms", "rtt_avg_ms", "rtt_max_ms"].map(|name| summary[name].as_f64())
    {
        let rounding = 1e-9;
        assert!(0.0 <= least && least <= mean + rounding && mean <= most + rounding, "{summary}");
    }
    summary
}

/// Whether a server's line tells of a request.
pub fn is_request(line: &str) -> bool {
    let told = serde_json::from_str(line).map(|event: Value| event["event"].clone());
    matches!(told.ok().as_ref().and_then(Value::as_str), Some("request" | "beat" | "malformed"))
}

/// A server's books; gives its summary.
pub fn server(ended: &Ended) -> Value {
    let (_, summary) = whole(ended, &[0]);
    let fates = ["replied", "dropped", "rejected", "failed", "ignored", "waiting"];
    assert_eq!(figure(&summary, "received"), sum(&summary, &fates), "{ended:#?}");
    summary
}

/// How many datagrams of a server's can have come to its client. A reply that was
/// held back is told again when it leaves; where a server does not say of one that
/// left at once whether it went twice, it may have.
pub fn most_replies(server: &Ended) -> u64 {
    let copies = |event: &Value| match (event["event"].as_str(), event["fate"].as_str()) {
        (Some("sent"), _) => figure(event, "copies"),
        (_, Some("replied")) => 1 + u64::from(event["twice"] != false),
        _ => 0,
    };
    server.events().iter().map(copies).sum()
}

/// What came to a client, whatever it was taken for.
pub fn arrived(summary: &Value) -> u64 {
    sum(summary, &["received", "late", "corrupt", "duplicates", "foreign"])
}

/// The books of a traceroute.
pub fn trace(ended: &Ended) {
    let (_, summary) = whole(ended, &[0, 1]);
    let fates = ["received", "lost", "late", "corrupt", "errors", "waiting"];
    assert_eq!(figure(&summary, "sent"), sum(&summary, &fates), "{ended:#?}");
}
