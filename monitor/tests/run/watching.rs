//! Results, changes, the end, reloading.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use monitor::lab::Lab;
use monitor::lab::services::Service;
use nix::sys::signal::Signal;
use serde_json::Value;

use crate::common::{Running, named, run};
use crate::{Folder, MONITOR, event, service, silent};

#[test]
fn without_a_file_the_services_of_the_lab_are_watched() {
    for args in [&["run", "--json"] as &[&str], &["--json"]] {
        let mut monitor = Running::start(MONITOR, args);
        let start = event(&mut monitor, |event| event["event"] == "start");
        assert_eq!((&start["services"], &start["config"]), (&7.into(), &Value::Null));
        let mut seen = BTreeSet::new();
        while seen.len() < 7 {
            let result = event(&mut monitor, |event| event["event"] == "result");
            let kind = result["type"].as_str().unwrap().to_string();
            let expected = if kind == "udp" { "unverified" } else { "up" };
            assert_eq!(result["verdict"], expected, "{result}");
            seen.insert(kind);
        }
        let ended = monitor.interrupt();
        assert_eq!(ended.code(), 0);
        let events = ended.events();
        let summary = named(&events, "summary")[0];
        assert!(summary["checks"].as_u64().unwrap() >= 7, "{summary}");
        assert_eq!(summary["down"], 0);
    }
}

#[test]
fn it_ends_while_checks_block_and_invents_no_results_for_them() {
    let (folder, (_socket, check)) = (Folder::new(), silent());
    let slow = "interval = '10m'\ntimeout = '10m'";
    let text: String = (0..20).map(|n| service(&format!("hole {n}"), &check, slow)).collect();
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let path = folder.config(&text);
        let mut monitor =
            Running::start(MONITOR, &["run", &path, "--json", "--metrics", "127.0.0.1:0"]);
        let start = event(&mut monitor, |event| event["event"] == "start");
        let at = crate::metrics_at(&start);
        // Until all of them are under way.
        while !crate::metrics::get(at, "/metrics").contains("monitor_threads_busy 20\n") {}
        let began = Instant::now();
        monitor.signal(signal);
        let ended = monitor.end();
        // Far less than the checks would take, and more than a busy machine needs.
        assert!(began.elapsed() < Duration::from_secs(60));
        assert_eq!(ended.code(), 0);
        let events = ended.events();
        assert_eq!((events.len(), &events[0]["checks"]), (1, &0.into()), "{events:#?}");
    }
}

#[test]
fn a_service_that_stops_and_starts_is_told_both_times() {
    let lab = Lab::start(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
    let folder = Folder::new();
    let often = "interval = '200ms'\ndown_after = 2";
    let mut text = String::new();
    for post in [Service::Http, Service::Tcp, Service::Echo] {
        let kind =
            if post == Service::Http { "http http://".to_string() } else { format!("{post} ") };
        text += &service(post.word(), &format!("{kind}{}", lab.address(post)), often);
    }
    let mut monitor =
        Running::start(MONITOR, &["run", &folder.config(&text), "--json", "--changes-only"]);
    for post in [Service::Http, Service::Tcp, Service::Echo] {
        let mut change = |to: &str| {
            event(&mut monitor, |event| {
                event["event"] == "change" && event["service"] == post.word() && event["to"] == to
            })
        };
        if post == Service::Http {
            change("up");
        }
        lab.obey(format!("stop {post}").parse().unwrap()).unwrap();
        let down = change("down");
        assert_eq!((&down["from"], &down["results"]), (&"up".into(), &2.into()));
        lab.obey(format!("start {post}").parse().unwrap()).unwrap();
        let up = change("up");
        assert_eq!(up["from"], "down");
    }
    let ended = monitor.interrupt();
    assert!(named(&ended.events(), "result").is_empty());
}

#[test]
fn lines_for_a_person_stand_in_columns_and_mark_changes() {
    let (folder, closed) = (Folder::new(), TcpListener::bind("127.0.0.1:0").unwrap());
    let check = format!("tcp {}", closed.local_addr().unwrap());
    drop(closed);
    let text = service("web \u{e9}", &check, "interval = '100ms'\ntimeout = '100ms'");
    let mut monitor = Running::start(MONITOR, &["run", &folder.config(&text)]);
    let first = monitor.line();
    assert!(first.starts_with("monitor: watching 1 services of "), "{first}");
    assert!(first.ends_with(", at most 512 checks at once"), "{first}");
    let result = monitor.line();
    let (stamp, rest) = result.split_at(19);
    assert!(stamp.chars().all(|c| c.is_ascii_digit() || "-: ".contains(c)), "{result}");
    assert!(rest.starts_with("  down       tcp   web \u{e9}   connection refused"), "{result}");
    let change = monitor.line_with("DOWN");
    assert!(
        change.contains("  DOWN       tcp   web \u{e9}   was not known; now: connection refused")
    );
    let ended = monitor.interrupt();
    assert!(ended.stdout.last().unwrap().starts_with("monitor: ran for "), "{ended:#?}");
}

#[test]
fn quiet_shows_the_first_line_and_the_last() {
    let mut monitor = Running::start(MONITOR, &["run", "-q", "--metrics", "127.0.0.1:0"]);
    let first = monitor.line();
    let at = first.split("http://").nth(1).unwrap().split('/').next().unwrap().parse().unwrap();
    while !crate::metrics::get(at, "/metrics").contains("probe_success{") {}
    let ended = monitor.interrupt();
    assert_eq!((ended.stdout.len(), ended.stderr.len()), (1, 0), "{ended:#?}");
}

#[test]
fn checks_that_find_no_thread_are_told() {
    let (folder, (_socket, check)) = (Folder::new(), silent());
    let often = "interval = '1s'\ntimeout = '1s'";
    let text: String = (0..3).map(|n| service(&format!("hole {n}"), &check, often)).collect();
    let path = folder.config(&text);
    let mut monitor = Running::start(MONITOR, &["run", &path, "--json", "--threads", "2"]);
    let skipped = event(&mut monitor, |event| event["event"] == "skipped");
    assert_eq!(
        (&skipped["why"], &skipped["reason"]),
        (&"busy".into(), &"all 2 threads busy; see --threads".into())
    );
    let ended = monitor.interrupt();
    let events = ended.events();
    assert!(named(&events, "summary")[0]["skipped"].as_u64().unwrap() >= 1);
}

#[test]
fn a_changed_file_is_taken_and_a_bad_one_is_not() {
    let lab = Lab::start(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
    let folder = Folder::new();
    let check = format!("tcp {}", lab.address(Service::Tcp));
    let often = "interval = '100ms'\ntimeout = '100ms'";
    let (a, b) = (service("a", &check, often), service("b", &check, often));
    let path = folder.config(&a);
    let mut monitor = Running::start(MONITOR, &["run", &path, "--json"]);
    let result = |monitor: &mut Running, name: &str| {
        event(monitor, |event| event["event"] == "result" && event["service"] == name)
    };
    result(&mut monitor, "a");

    folder.config(&format!("{a}{b}"));
    monitor.signal(Signal::SIGHUP);
    let reload = event(&mut monitor, |event| event["event"] == "reload");
    assert_eq!((&reload["added"], &reload["unchanged"]), (&1.into(), &1.into()));
    result(&mut monitor, "b");

    // Two errors, and both are told; what was watched goes on.
    folder.config(&format!(
        "{a}\n[[service]]\nname = 'a'\ncheck = 'tcp 127.0.0.1 99999'\ncolour = 'red'\n"
    ));
    monitor.signal(Signal::SIGHUP);
    result(&mut monitor, "a");
    // The next reload comes after the answer to this one.
    folder.config(&b);
    monitor.signal(Signal::SIGHUP);
    let reload = loop {
        let reload = event(&mut monitor, |event| event["event"] == "reload");
        if reload["removed"] == 1 {
            break reload;
        }
    };
    assert_eq!(reload["unchanged"], 1);
    result(&mut monitor, "b");
    let ended = monitor.interrupt();
    assert_eq!(ended.code(), 0);
}

#[test]
fn every_error_of_a_file_is_told_at_once() {
    let folder = Folder::new();
    let path = folder.config(
        "[[service]]\nname = 'a'\ncheck = 'tcp 127.0.0.1 80'\ncolour = 'red'\n\
         [[service]]\nname = 'a'\ncheck = 'tcp 127.0.0.1 99999'\n",
    );
    for args in [vec!["run", &path], vec!["run", "--check-config", &path], vec![&path]] {
        let ended = run(MONITOR, &args);
        assert_eq!(ended.code(), 2);
        assert!(ended.stdout.is_empty() && ended.stderr.len() >= 2, "{ended:#?}");
        let named = format!("monitor: {path}:");
        assert!(ended.stderr.iter().all(|line| line.starts_with(&named)), "{ended:#?}");
    }
    fs::write(&path, service("a", "tcp 127.0.0.1 80", "")).unwrap();
    let ended = run(MONITOR, &["run", "--check-config", &path]);
    assert_eq!((ended.code(), &ended.stdout), (0, &vec![format!("{path}: 1 services, no errors")]));
    let ended = run(MONITOR, &["run", "--check-config", &path, "--json"]);
    assert_eq!((ended.code(), &ended.events()[0]["services"]), (0, &1.into()));
}

#[test]
fn wrong_usage_is_one_line_and_status_2() {
    let folder = Folder::new();
    let empty = folder.config("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (args, word) in [
        (vec!["run", "/nonexistent.toml"], "cannot read /nonexistent.toml"),
        (vec!["run", &empty], "names no service to watch"),
        (vec!["run", "--check-config"], "needs a file"),
        (vec!["run", "--threads", "0"], "1 to 10000"),
        (vec!["run", "--threads", "-1"], "1 to 10000"),
        (vec!["run", "--metrics", &taken], "address already in use"),
        (vec!["run", "--data", "/proc/nothing"], "cannot use /proc/nothing"),
    ] {
        let ended = run(MONITOR, &args);
        assert_eq!(ended.code(), 2, "{args:?}");
        assert!(ended.stdout.is_empty() && ended.stderr.len() == 1, "{args:?} {ended:#?}");
        assert!(ended.stderr[0].contains(word), "{args:?} {ended:#?}");
    }
}
