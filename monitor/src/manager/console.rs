//! The manager's commands: a line in, lines out.

use std::time::{Duration, Instant};

use serde_json::json;
use socklab::cli::show_duration;
use socklab::output::harmless_json;

use super::live::{Live, Presence};
use super::service::Manager;
use super::tell::said;
use crate::protocol::Task;

/// The commands, with their usage and what they do, as `help` shows them.
pub const COMMANDS: [(&str, &str, &str); 11] = [
    ("viewconf", "viewconf [ID]", "what the agents watch, or one of them, task by task"),
    (
        "addconf",
        "addconf ID TYPE ADDRESS ... [INTERVAL]",
        "one more task: addconf 1 tcp localhost 80 5",
    ),
    ("delconf", "delconf ID SERVICE", "a task less, by its number or its check"),
    ("removeconf", "removeconf ID SERVICE", "the same"),
    ("list_queue", "list_queue ID", "all that is known of one agent"),
    ("list_all_queues", "list_all_queues", "all agents, a line each"),
    ("results", "results ID [N]", "the latest N results of an agent, 10 by default"),
    ("export", "export", "the whole configuration as JSON"),
    ("help", "help", "these lines"),
    ("exit", "exit", "ends the manager; the agents go on"),
    ("quit", "quit", "the same"),
];

/// The interval of a task that is added without one.
const INTERVAL: Duration = Duration::from_secs(60);

/// What becomes of a command.
#[derive(Debug, PartialEq, Eq)]
pub enum Reply {
    Lines(Vec<String>),
    /// It was wrong, and nothing was changed.
    Wrong(String),
    Exit,
}

/// Reads a typed check with its interval: gives it as it is always written.
pub type Grammar = fn(&str) -> Result<(String, Option<Duration>), String>;

/// Executes a line.
pub fn execute(manager: &Manager, grammar: Grammar, line: &str) -> Reply {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&command, arguments)) = words.split_first() else {
        return Reply::Lines(Vec::new());
    };
    let command = command.to_ascii_lowercase();
    let result = match (command.as_str(), arguments) {
        ("viewconf", []) => Ok(view_all(manager)),
        ("viewconf", [id]) => agent(id).and_then(|id| view(manager, id)),
        ("addconf", [id, _, ..]) => {
            agent(id).and_then(|id| add(manager, grammar, id, rest(line, 2)))
        }
        ("delconf" | "removeconf", [id, _, ..]) => {
            agent(id).and_then(|id| remove(manager, id, rest(line, 2)))
        }
        ("list_queue", [id]) => agent(id).and_then(|id| queue(manager, id)),
        ("list_all_queues", []) => Ok(all_queues(manager)),
        ("results", [id]) => agent(id).and_then(|id| results(manager, id, 10)),
        ("results", [id, count]) => match count.parse() {
            Ok(count) => agent(id).and_then(|id| results(manager, id, count)),
            Err(_) => Err(format!("{count:?} is no number of results")),
        },
        ("export", []) => Ok(export(manager)),
        ("help", _) => Ok(help()),
        ("exit" | "quit", []) => return Reply::Exit,
        (command, _) => Err(wrong(command)),
    };
    match result {
        Ok(lines) => Reply::Lines(lines),
        Err(why) => Reply::Wrong(why),
    }
}

/// What could stand at the end of a line that is being typed: from which byte
/// on, and the commands, then the identifiers, then the numbers of tasks.
pub fn complete(manager: &Manager, line: &str) -> (usize, Vec<String>) {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    let last = if line.ends_with(char::is_whitespace) { "" } else { words.pop().unwrap_or("") };
    let begin = line.len() - last.len();
    let candidates: Vec<String> = match words.as_slice() {
        [] => COMMANDS.iter().map(|(name, _, _)| name.to_string()).collect(),
        ["help" | "exit" | "quit" | "export" | "list_all_queues"] => Vec::new(),
        [_] => ids(manager).iter().map(u64::to_string).collect(),
        ["delconf" | "removeconf", id] => {
            let data = manager.data();
            let agent = id.parse().ok().and_then(|id: u64| data.agents.get(&id).cloned());
            agent.into_iter().flat_map(|agent| agent.tasks).map(|task| task.task).collect()
        }
        _ => Vec::new(),
    };
    (begin, candidates.into_iter().filter(|candidate| candidate.starts_with(last)).collect())
}

fn agent(id: &str) -> Result<u64, String> {
    match id.parse() {
        Ok(id) if id > 0 => Ok(id),
        _ => Err(format!("{id:?} is no agent's identifier, which is a number from 1 on")),
    }
}

fn wrong(command: &str) -> String {
    match COMMANDS.iter().find(|(name, _, _)| *name == command) {
        Some((_, usage, _)) => format!("usage: {usage}"),
        None => format!("unknown command {command:?}; help shows them all"),
    }
}

/// The line behind its first words, as it was typed.
fn rest(line: &str, words: usize) -> &str {
    let mut rest = line.trim();
    for _ in 0..words {
        rest = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

fn help() -> Vec<String> {
    COMMANDS.iter().map(|(_, usage, what)| format!("{usage:40}  {what}")).collect()
}

/// Everybody who is configured, or has come.
fn ids(manager: &Manager) -> Vec<u64> {
    let mut ids: Vec<u64> = manager.data().agents.keys().copied().collect();
    ids.extend(manager.with_live(|live| live.keys().copied().collect::<Vec<_>>()));
    ids.sort_unstable();
    ids.dedup();
    ids
}

fn view_all(manager: &Manager) -> Vec<String> {
    let ids = ids(manager);
    if ids.is_empty() {
        return vec!["no agents, and nothing configured; see help for addconf".to_string()];
    }
    ids.into_iter().flat_map(|id| view(manager, id).unwrap_or_default()).collect()
}

/// The tasks of one agent, and whether it has confirmed them.
fn view(manager: &Manager, id: u64) -> Result<Vec<String>, String> {
    let data = manager.data();
    let config = data.config(id);
    manager.with_live(|all| {
        let live = all.get(&id);
        if live.is_none() && !data.agents.contains_key(&id) {
            return Err(format!("there is no agent {id}"));
        }
        let name = data.agents.get(&id).and_then(|agent| agent.name.as_deref()).map(said);
        let name = name.map_or(String::new(), |name| format!(" {name}"));
        let confirmed = live.and_then(|live| live.confirmed_rev);
        let pending = if confirmed == Some(config.rev) { "confirmed" } else { "pending" };
        let presence = live.map_or(Presence::Never, |live| live.presence(Instant::now()));
        let presence = presence.word();
        let mut lines =
            vec![format!("agent {id}{name}: {presence}, revision {} {pending}", config.rev)];
        if config.tasks.is_empty() {
            lines.push("  no tasks".to_string());
        }
        for task in &config.tasks {
            lines.push(view_task(task, live, confirmed == Some(config.rev)));
        }
        Ok(lines)
    })
}

fn view_task(task: &Task, live: Option<&Live>, confirmed: bool) -> String {
    let answer = live.and_then(|live| live.answers.get(&task.task)).filter(|_| confirmed);
    let answer = match answer {
        None => "pending".to_string(),
        Some(answer) if answer.accepted => "confirmed".to_string(),
        Some(answer) => format!("refused: {}", said(answer.reason.as_deref().unwrap_or(""))),
    };
    let every = show_duration(Duration::from_millis(task.interval_ms));
    format!("  {:>3}  {:36} every {every:6} {answer}", task.task, said(&task.check))
}

fn add(manager: &Manager, grammar: Grammar, id: u64, typed: &str) -> Result<Vec<String>, String> {
    let (check, interval) = grammar(typed)?;
    let interval = interval.unwrap_or(INTERVAL);
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    let task = manager.add(id, &check, interval_ms)?;
    let every = show_duration(interval);
    Ok(vec![format!("agent {id}: task {task} added, {check} every {every}")])
}

fn remove(manager: &Manager, id: u64, service: &str) -> Result<Vec<String>, String> {
    let check = manager.remove(id, service)?;
    Ok(vec![format!("agent {id}: removed {}", said(&check))])
}

fn queue(manager: &Manager, id: u64) -> Result<Vec<String>, String> {
    let data = manager.data();
    let config = data.config(id);
    let count = manager.with_results(|results| results.counts.get(&id).copied());
    manager.with_live(|all| {
        let empty = Live::default();
        let live = match all.get(&id) {
            Some(live) => live,
            None if data.agents.contains_key(&id) => &empty,
            None => return Err(format!("there is no agent {id}")),
        };
        let count = count.unwrap_or_default();
        let boot = live.boot_id.as_deref().map_or("none".to_string(), said);
        let confirmed = live.confirmed_rev.map_or("none".to_string(), |rev| rev.to_string());
        let mut lines = vec![
            format!("agent {id}: {}", presence(live)),
            format!("  configuration: revision {} given, {confirmed} confirmed", config.rev),
            format!(
                "  results: {} stored, {} dropped by the agent, {} sent again; last number {} of boot {boot}",
                count.stored, count.dropped, count.repeated, live.last_seq
            ),
        ];
        for task in &config.tasks {
            let last = live.last.get(&task.task).map_or("no result yet".to_string(), |report| {
                format!("{} at {}: {}", report.verdict, said(&report.started_at), said(&report.reason))
            });
            lines.push(format!("  {:>3}  {:36} {last}", task.task, said(&task.check)));
        }
        Ok(lines)
    })
}

fn all_queues(manager: &Manager) -> Vec<String> {
    let ids = ids(manager);
    if ids.is_empty() {
        return vec!["no agents".to_string()];
    }
    let data = manager.data();
    let counts = manager.with_results(|results| results.counts.clone());
    manager.with_live(|all| {
        let empty = Live::default();
        ids.iter()
            .map(|id| {
                let live = all.get(id).unwrap_or(&empty);
                let tasks = data.config(*id).tasks.len();
                let count = counts.get(id).copied().unwrap_or_default();
                let presence = presence(live);
                format!(
                    "agent {id:<4} {tasks:>4} tasks {:>9} results {:>6} dropped  {presence}",
                    count.stored, count.dropped
                )
            })
            .collect()
    })
}

/// `connected from 127.0.0.1:40000 for 12s`.
fn presence(live: &Live) -> String {
    let now = Instant::now();
    let for_seconds = |since: Option<Instant>| {
        let seconds = since.map_or(0, |since| now.saturating_duration_since(since).as_secs());
        show_duration(Duration::from_secs(seconds))
    };
    let address = live.address.map_or("nowhere".to_string(), |address| address.to_string());
    match live.presence(now) {
        Presence::Never => "never seen since the manager started".to_string(),
        Presence::Connected => {
            format!("connected from {address} for {}", for_seconds(live.since))
        }
        other => format!("{} for {}, last from {address}", other.word(), for_seconds(live.since)),
    }
}

fn results(manager: &Manager, id: u64, most: usize) -> Result<Vec<String>, String> {
    use crate::protocol::Delivery;
    if !ids(manager).contains(&id) {
        return Err(format!("there is no agent {id}"));
    }
    let lines = manager.with_results(|results| {
        results
            .latest(id, most)
            .map(|stored| match &stored.delivery {
                Delivery::Result(report) => format!(
                    "{:>8}  {}  task {:3}  {:10}  {}  {:.1} ms",
                    report.seq,
                    said(&report.started_at),
                    said(&report.task),
                    report.verdict,
                    said(&report.reason),
                    report.duration_us as f64 / 1e3
                ),
                Delivery::Dropped(dropped) => {
                    format!("{:>8}  to {}: dropped by the agent", dropped.first, dropped.last)
                }
            })
            .collect::<Vec<_>>()
    });
    Ok(if lines.is_empty() { vec!["no results yet".to_string()] } else { lines })
}

fn export(manager: &Manager) -> Vec<String> {
    let text = serde_json::to_string_pretty(&json!(manager.data())).unwrap_or_default();
    text.lines().map(harmless_json).collect()
}

#[cfg(test)]
mod tests {
    use super::super::data::Data;
    use super::super::results::Results;
    use super::*;
    use crate::hostile::hostile;
    use crate::manager::notices;
    use proptest::prelude::*;

    /// Stands in for the monitor's grammar: the last word is the interval.
    fn grammar(text: &str) -> Result<(String, Option<Duration>), String> {
        match text.rsplit_once(' ') {
            Some((check, seconds)) if check.contains(' ') => {
                let seconds = seconds.parse().map_err(|_| "no interval".to_string())?;
                Ok((check.to_lowercase(), Some(Duration::from_secs(seconds))))
            }
            _ => Err("usage: tcp HOST PORT [INTERVAL]".to_string()),
        }
    }

    fn manager(folder: &tempfile::TempDir) -> Manager {
        let (results, _) = Results::open(None).unwrap();
        let path = folder.path().join("data.json");
        Manager::new(Data::default(), path, results, None, notices::queue().0)
    }

    fn lines(manager: &Manager, line: &str) -> Vec<String> {
        match execute(manager, grammar, line) {
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
        assert_eq!(shown[1], "    1  tcp bing.com 443                     every 10s    pending");
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
            ("addconf x tcp a 1 5", "\"x\" is no agent's identifier"),
            ("addconf 0 tcp a 1 5", "\"0\" is no agent's identifier"),
            ("addconf 3 nonsense", "usage: tcp HOST PORT"),
            ("delconf 3", "usage: delconf ID SERVICE"),
            ("delconf 3 7", "there is no agent 3"),
            ("list_queue", "usage: list_queue ID"),
            ("list_queue 9", "there is no agent 9"),
            ("results 1 many", "\"many\" is no number"),
            ("results 9", "there is no agent 9"),
            ("viewconf 9", "there is no agent 9"),
            ("explode", "unknown command \"explode\"; help"),
        ] {
            match execute(&manager, grammar, line) {
                Reply::Wrong(why) => assert!(why.contains(told), "{line}: {why}"),
                other => panic!("{line}: {other:?}"),
            }
        }
        assert_eq!(manager.data(), Data::default());
        assert_eq!(execute(&manager, grammar, "exit"), Reply::Exit);
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
                let _ = execute(&manager, grammar, &line);
            }
        }
    }
}
