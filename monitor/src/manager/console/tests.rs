//! Commands from the line to the file, to the agent, and back to what is shown.

use super::super::data::Data;
use super::super::results::Results;
use super::*;
use crate::agent::accept::judge;
use crate::check::value::Value;
use crate::check::{Check, TYPES};
use crate::config::understood::understood;
use crate::hostile::hostile;
use crate::manager::notices;
use crate::service::{Service, Settings};
use proptest::prelude::*;
use toml::de::DeTable;

fn manager(folder: &tempfile::TempDir) -> Manager {
    let (results, _) = Results::open(None).unwrap();
    let path = folder.path().join("data.json");
    Manager::new(Data::default(), path, results, None, notices::queue().0)
}

fn lines(manager: &Manager, line: &str) -> Vec<String> {
    match execute(manager, line) {
        Reply::Lines(lines) => lines,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn a_configuration_is_entered_shown_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let manager = manager(&folder);
    let added = lines(&manager, "addconf 3 TCP bing.com 443 10");
    assert_eq!(added, ["agent 3: task 1 added, tcp bing.com 443 every 10s"]);
    let shown = lines(&manager, "viewconf 3");
    assert_eq!(shown[0], "agent 3: never seen, revision 1 pending");
    assert_eq!(shown[1], "  1  tcp bing.com 443  every 10s  pending");
    assert_eq!(lines(&manager, "viewconf"), shown);
    assert_eq!(
        lines(&manager, "delconf 3 tcp bing.com 443"),
        ["agent 3: removed tcp bing.com 443"]
    );
    assert_eq!(lines(&manager, "viewconf 3")[1], "  no tasks");
    // It is on disk.
    let data = Data::load(&folder.path().join("data.json")).unwrap();
    assert_eq!(data, manager.data());
}

#[test]
fn a_wrong_command_is_told_with_its_usage_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let manager = manager(&folder);
    for (line, told) in [
        ("addconf", "usage: addconf ID TYPE"),
        ("addconf 3", "usage: addconf ID TYPE"),
        ("addconf x tcp a 1 5", "\"x\" is not the number of an agent"),
        ("addconf 0 tcp a 1 5", "\"0\" is not the number of an agent"),
        ("addconf 3 tcp", "usage: tcp HOST PORT"),
        ("delconf 3", "usage: delconf ID SERVICE"),
        ("delconf 3 7", "there is no agent 3"),
        ("list_queue", "usage: list_queue ID"),
        ("list_queue 9", "there is no agent 9"),
        ("results 1 many", "\"many\" is not a number"),
        ("results 9", "there is no agent 9"),
        ("viewconf 9", "there is no agent 9"),
        ("explode", "unknown command \"explode\"; help"),
    ] {
        match execute(&manager, line) {
            Reply::Wrong(why) => assert!(why.contains(told), "{line}: {why}"),
            other => panic!("{line}: {other:?}"),
        }
    }
    assert_eq!(manager.data(), Data::default());
    assert_eq!(execute(&manager, "exit"), Reply::Exit);
    assert_eq!(lines(&manager, "   "), Vec::<String>::new());
    assert_eq!(lines(&manager, "help").len(), COMMANDS.len());
}

#[test]
fn commands_identifiers_and_tasks_are_completed() {
    let folder = tempfile::tempdir().unwrap();
    let manager = manager(&folder);
    lines(&manager, "addconf 12 tcp a 1 5");
    for (line, begin, candidates) in [
        ("list_", 0, &["list_queue", "list_all_queues"][..]),
        ("viewconf 1", 9, &["12"]),
        ("delconf 12 ", 11, &["1"]),
        ("help ", 5, &[]),
        // Spaces of more than one byte.
        ("viewconf\u{a0}", 10, &["12"]),
        ("viewconf\u{3000}1", 11, &["12"]),
    ] {
        let candidates: Vec<String> = candidates.iter().map(|word| word.to_string()).collect();
        assert_eq!(complete(&manager, line), (begin, candidates), "{line:?}");
    }
}

proptest! {
    #[test]
    fn nothing_typed_makes_it_panic(line: String, words in prop::collection::vec(hostile(), 3)) {
        let folder = tempfile::tempdir().unwrap();
        let manager = manager(&folder);
        let typed = [line, format!("addconf 1 {}", words.join(" ")), words.join("\u{a0}")];
        for line in typed {
            let (begin, _) = complete(&manager, &line);
            prop_assert!(line.is_char_boundary(begin));
            let _ = execute(&manager, &line);
        }
    }
}

/// A manager that has just been started on this folder.
fn restarted(folder: &tempfile::TempDir) -> Manager {
    let (results, _) = Results::open(None).unwrap();
    let path = folder.path().join("data.json");
    Manager::new(Data::load(&path).unwrap(), path, results, None, notices::queue().0)
}

/// The value of a sample in TOML.
fn value(sample: &str) -> Value {
    let text = format!("x = {sample}");
    let table = DeTable::parse(&text).unwrap();
    understood(table.get_ref().get("x").unwrap().get_ref())
}

/// A check of each type with each of its parameters, and each setting of a service.
fn everything_that_can_be_typed() -> Vec<Typed> {
    let mut all = Vec::new();
    for kind in TYPES {
        let mut least = Check::draft(kind).unwrap();
        let parameters = least.parameters();
        let sample = |name| parameters.iter().find(|about| about.name == name).unwrap().sample;
        while let Some(name) = least.missing() {
            least.set(name, &value(sample(name))).unwrap().unwrap();
        }
        for about in &parameters {
            let mut check = least.clone();
            check.set(about.name, &value(about.sample)).unwrap().unwrap();
            all.push(Typed { check, settings: Settings::default() });
        }
        for parameter in Settings::PARAMETERS {
            let mut settings = Settings::default();
            (parameter.set)(&mut settings, &value(parameter.sample)).unwrap();
            all.push(Typed { check: least.clone(), settings });
        }
    }
    // Values that a sample does not have, for it is the default.
    for line in [
        "icmp h count=100 timeout=30s",
        "http http://h/ method=POST follow_redirects=false",
        "https h verify=false warn_cert_days=30 ca_file=ca.pem",
        r#"tcp h 25 send="HELO a b\r\n" expect='/^220 "it"/' name="the mail's""#,
    ] {
        all.push(typed::parse(line).unwrap());
    }
    all
}

#[test]
fn whatever_is_typed_is_kept_and_reaches_the_agent_and_the_list() {
    let all = everything_that_can_be_typed();
    assert!(all.len() > 90, "{}", all.len());
    for typed in all {
        let folder = tempfile::tempdir().unwrap();
        let line = format!("{typed} interval=77");
        let line = if typed.interval().is_some() { typed.to_string() } else { line };
        lines(&manager(&folder), &format!("addconf 1 {line}"));
        // From the file, as after a restart.
        let manager = restarted(&folder);
        let config = manager.data().config(1);
        let (accepted, ack) = judge(&config, &[]);
        let interval = Some(Duration::from_millis(config.tasks[0].interval_ms));
        if line.contains("ca_file") {
            assert!(ack.tasks[0].reason.as_ref().unwrap().contains("file"), "{line}");
        } else {
            let settings = Settings { interval, ..typed.settings.clone() };
            let expected = Service::new(typed.check.clone(), &settings, &Settings::default());
            let Some(task) = accepted.first() else { panic!("{line}: {ack:?}") };
            assert_eq!(*task.service, expected, "{line}");
        }
        let shown = lines(&manager, "viewconf 1").remove(1);
        assert!(shown.contains(&typed.to_string()), "{line}: {shown}");
        lines(&manager, &format!("delconf 1 {line}"));
    }
}

#[test]
fn a_task_is_taken_away_by_what_it_checks_or_its_number_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let manager = manager(&folder);
    for line in
        ["http http://h/Admin", "http http://h/admin", "tcp H.test 80", "tcp h.test 80 timeout=2s"]
    {
        lines(&manager, &format!("addconf 1 {line}"));
    }
    let wrong = |line: &str| match execute(&manager, line) {
        Reply::Wrong(why) => why,
        other => panic!("{line}: {other:?}"),
    };
    // A path is another one in other letters, and a host is not.
    assert!(wrong("delconf 1 http http://h/ADMIN").contains("has no task"));
    assert_eq!(
        lines(&manager, "delconf 1 HTTP http://H/admin"),
        ["agent 1: removed http http://h/admin"]
    );
    assert!(wrong("delconf 1 tcp h.test 80").ends_with("give its number, one of 3, 4"));
    assert_eq!(
        lines(&manager, "delconf 1 tcp h.test 80 timeout=2s"),
        ["agent 1: removed tcp h.test 80 timeout=2s"]
    );
    assert!(wrong("delconf 1 tcp h.test 80 5").contains("has no task"));
    assert_eq!(lines(&manager, "delconf 1 tcp H.TEST:80 60"), ["agent 1: removed tcp H.test 80"]);
    assert_eq!(lines(&manager, "delconf 1 1"), ["agent 1: removed http http://h/Admin"]);
}

#[test]
fn an_agent_that_was_here_before_the_manager_was_restarted_is_not_called_never_seen() {
    let folder = tempfile::tempdir().unwrap();
    let file = r#"{"version": 1, "agents": {
        "1": {"claimed": true, "name": "attic", "rev": 0, "next_task": 0, "tasks": []},
        "2": {"claimed": false, "name": null, "rev": 0, "next_task": 0, "tasks": []}}}"#;
    std::fs::write(folder.path().join("data.json"), file).unwrap();
    let manager = restarted(&folder);
    let shown = lines(&manager, "viewconf");
    assert_eq!(shown[0], "agent 1 attic: not seen since the manager started, revision 0 pending");
    assert_eq!(shown[2], "agent 2: never seen, revision 0 pending");
    assert!(lines(&manager, "list_all_queues")[0].ends_with("not seen since the manager started"));
}

#[test]
fn a_configuration_as_large_as_may_be_is_shown_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut agents = Vec::new();
    for id in 1..=500 {
        let task =
            |n| format!(r#"{{"task": "{n}", "check": "icmp 192.0.2.{n}", "interval_ms": 60000}}"#);
        let tasks: Vec<String> = (1..=500).map(task).collect();
        agents.push(format!(
            r#""{id}": {{"claimed": false, "name": null, "rev": 500, "next_task": 500, "tasks": [{}]}}"#,
            tasks.join(",")
        ));
    }
    let file = format!(r#"{{"version": 1, "agents": {{{}}}}}"#, agents.join(","));
    std::fs::write(folder.path().join("data.json"), file).unwrap();
    let manager = restarted(&folder);
    // Each line is made once. A copy of everything for each agent took minutes in this build.
    let began = std::time::Instant::now();
    assert_eq!(lines(&manager, "viewconf").len(), 500 * 501);
    let took = began.elapsed();
    println!("viewconf of 500 agents with 500 tasks each took {took:?}");
    assert!(took < Duration::from_secs(60), "{took:?}");
}
