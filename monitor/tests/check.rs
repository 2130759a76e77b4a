//! `monitor check` and `monitor sample-config`, as they are typed.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::net::{IpAddr, Ipv4Addr};

use common::{named, run};
use monitor::config::file;
use monitor::lab::Lab;
use monitor::lab::services::Service;

const MONITOR: &str = "monitor";

fn lab() -> Lab {
    Lab::start(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap()
}

#[test]
fn the_exit_status_is_the_verdict() {
    let lab = lab();
    let dns = lab.address(Service::Dns).to_string();
    let up = run(MONITOR, &["check", "dns", &dns, "www.lab.test", "A"]);
    assert_eq!(up.code(), 0, "{up:#?}");
    let line = &up.stdout[0];
    assert!(line.starts_with(&format!("up  dns  {dns} www.lab.test  127.0.0.1  ")), "{line}");
    assert!(line.ends_with(" ms"), "{line}");
    let down = run(MONITOR, &["check", "DNS", &dns, "nothing.lab.test"]);
    assert_eq!(down.code(), 1, "{down:#?}");
    assert!(down.stdout[0].starts_with("down  dns  ") && down.stdout[0].contains("NXDOMAIN"));
    let silent = lab.address(Service::Silent).to_string();
    let unverified = run(MONITOR, &["check", "udp", &silent, "--timeout", "200ms"]);
    assert_eq!(unverified.code(), 3, "{unverified:#?}");
    let reason = "open or filtered: no answer to 3 datagrams within 200ms";
    assert!(unverified.stdout[0].contains(reason), "{unverified:#?}");
}

#[test]
fn wrong_usage_is_one_line_and_exit_2() {
    for (words, expected) in [
        (&["check"][..], "required arguments"),
        (&["check", "tcp", "host"], "no port; usage: tcp HOST PORT"),
        (&["check", "gopher", "host"], "is not a type of check"),
        (&["check", "tcp", "host", "80", "-W", "0"], "longer than 0"),
        (&["check", "tcp", "host", "80", "--explain"], "--explain is for dns, ntp and icmp"),
        (&["check", "icmp", "host", "count=50"], "the pings take 10s"),
        (&["chek"], "cannot read chek: no such file"),
    ] {
        let ended = run(MONITOR, words);
        assert_eq!(ended.code(), 2, "{ended:#?}");
        assert_eq!(ended.stderr.len(), 1, "{ended:#?}");
        assert!(ended.stderr[0].contains(expected), "{ended:#?}");
    }
}

#[test]
fn json_has_one_object_and_null_for_what_does_not_exist() {
    let lab = lab();
    let ntp = lab.address(Service::Ntp).to_string();
    let ended = run(MONITOR, &["check", "ntp", &ntp, "--json"]);
    let [event] = &ended.events()[..] else { panic!("{ended:#?}") };
    assert_eq!(event["event"], "result");
    assert_eq!((&event["type"], &event["verdict"]), (&"ntp".into(), &"up".into()));
    assert_eq!(event["detail"]["stratum"], 10);
    assert!(event["took_ms"].as_f64().is_some());
    let silent = lab.address(Service::Silent).to_string();
    let ended = run(MONITOR, &["check", "udp", &silent, "-W", "100ms", "--json"]);
    assert!(ended.events()[0]["took_ms"].is_null(), "{ended:#?}");
}

#[test]
fn explain_shows_every_byte_of_each_packet() {
    let lab = lab();
    let at = |service| lab.address(service).to_string();
    for (words, names, packets) in [
        (vec!["dns".to_string(), at(Service::Dns), "www.lab.test".into()], "question", 2),
        (vec!["ntp".to_string(), at(Service::Ntp)], "transmit", 8),
    ] {
        let mut args = vec!["check", "--explain"];
        args.extend(words.iter().map(String::as_str));
        let text = run(MONITOR, &args);
        assert_eq!(text.code(), 0, "{text:#?}");
        assert!(text.stdout[0].starts_with("packet 1, sent: "), "{text:#?}");
        assert!(text.stdout.iter().any(|line| line.contains(names)), "{text:#?}");
        args.push("--json");
        let events = run(MONITOR, &args).events();
        let shown = named(&events, "packet");
        assert_eq!(shown.len(), packets, "{events:#?}");
        assert_eq!(shown[1]["direction"], "received");
        for packet in shown {
            let bytes = packet["bytes"].as_str().unwrap().len() as u64 / 2;
            let ends =
                packet["fields"].as_array().unwrap().iter().map(|field| {
                    field["offset"].as_u64().unwrap() + field["length"].as_u64().unwrap()
                });
            assert_eq!(ends.max(), Some(bytes), "{packet:#}");
        }
    }
}

#[test]
fn the_sample_is_a_file_that_is_understood() {
    let ended = run(MONITOR, &["sample-config"]);
    assert_eq!(ended.code(), 0);
    let text = ended.stdout.join("\n");
    assert_eq!(file::parse(&text).unwrap().services.len(), 9);
    assert!(ended.stdout.iter().all(|line| line.len() <= 100), "{text}");
}
