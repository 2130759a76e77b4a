//! The manager's commands: a line in, lines out.

use std::time::Duration;

use logic::units::show_duration;
use socklab::output::{Painter, harmless_json};

use super::service::Manager;
use super::tell::said;
use super::view;
use crate::config::typed::{self, Typed};
use crate::protocol::Task;
use crate::table::{Column, Table};

/// The commands, with their usage and what they do, as `help` shows them.
pub const COMMANDS: [(&str, &str, &str); 11] = [
    ("viewconf", "viewconf [ID]", "show what each agent watches, or one of them"),
    (
        "addconf",
        "addconf ID TYPE ADDRESS ... [INTERVAL]",
        "add a task: addconf 1 tcp localhost 80 5",
    ),
    ("delconf", "delconf ID SERVICE", "remove a task, named by its number or its check"),
    ("removeconf", "removeconf ID SERVICE", "the same as delconf"),
    ("list_queue", "list_queue ID", "show all that is known about one agent"),
    ("list_all_queues", "list_all_queues", "show all agents, one line each"),
    ("results", "results ID [N]", "show the last N results of an agent (10)"),
    ("export", "export", "print the whole configuration as JSON"),
    ("help", "help", "show this list"),
    ("exit", "exit", "end the manager; the agents keep running"),
    ("quit", "quit", "the same as exit"),
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

/// Executes a line.
pub fn execute(manager: &Manager, line: &str) -> Reply {
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((&command, arguments)) = words.split_first() else {
        return Reply::Lines(Vec::new());
    };
    let command = command.to_ascii_lowercase();
    let result = match (command.as_str(), arguments) {
        ("viewconf", []) => Ok(view::all_configurations(manager)),
        ("viewconf", [id]) => agent(id).and_then(|id| view::configuration(manager, id)),
        ("addconf", [id, _, ..]) => agent(id).and_then(|id| add(manager, id, rest(line, 2))),
        ("delconf" | "removeconf", [id, _, ..]) => {
            agent(id).and_then(|id| remove(manager, id, rest(line, 2)))
        }
        ("list_queue", [id]) => agent(id).and_then(|id| view::queue(manager, id)),
        ("list_all_queues", []) => Ok(view::all_queues(manager)),
        ("results", [id]) => agent(id).and_then(|id| view::results(manager, id, 10)),
        ("results", [id, count]) => match count.parse() {
            Ok(count) => agent(id).and_then(|id| view::results(manager, id, count)),
            Err(_) => Err(format!("{count:?} is not a number of results")),
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
        [_] => manager.ids().iter().map(u64::to_string).collect(),
        ["delconf" | "removeconf", id] => {
            let agent = id.parse().ok().and_then(|id| manager.configured(id));
            agent.into_iter().flat_map(|agent| agent.tasks).map(|task| task.task).collect()
        }
        _ => Vec::new(),
    };
    (begin, candidates.into_iter().filter(|candidate| candidate.starts_with(last)).collect())
}

fn agent(id: &str) -> Result<u64, String> {
    match id.parse() {
        Ok(id) if id > 0 => Ok(id),
        _ => Err(format!("{id:?} is not the number of an agent: these begin at 1")),
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
    let mut table = Table::new([Column::left(""), Column::left("")]);
    for (_, usage, what) in COMMANDS {
        table.row([usage.into(), what.into()]);
    }
    table.lines(Painter::plain(), None)
}

/// Whatever was typed is kept, in the text of the task; but for the interval,
/// which has a field of its own.
fn add(manager: &Manager, id: u64, line: &str) -> Result<Vec<String>, String> {
    let typed = typed::parse(line)?;
    let interval = typed.interval().unwrap_or(INTERVAL);
    let text = typed.to_string();
    typed.service(&Default::default())?;
    let interval_ms = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
    if Duration::from_millis(interval_ms) != interval {
        return Err("an interval is a whole number of milliseconds".to_string());
    }
    let task = manager.add(id, &text, interval_ms)?;
    let every = show_duration(interval);
    Ok(vec![format!("agent {id}: task {task} added, {} every {every}", said(&text))])
}

fn remove(manager: &Manager, id: u64, service: &str) -> Result<Vec<String>, String> {
    let agent = manager.configured(id).ok_or_else(|| view::no_agent(id))?;
    let number = number_of(&agent.tasks, service, id)?;
    let check = manager.remove(id, &number)?;
    Ok(vec![format!("agent {id}: removed {}", said(&check))])
}

/// The number of the task that a person means: by its number, by its text, or
/// by a check that asks the same of the same host.
fn number_of(tasks: &[Task], service: &str, id: u64) -> Result<String, String> {
    if let Some(task) = tasks.iter().find(|task| task.task == service) {
        return Ok(task.task.clone());
    }
    let wanted = typed::parse(service).ok();
    let means = |task: &Task, wanted: &Typed| {
        let interval = wanted.interval().map(|interval| interval.as_millis());
        interval.is_none_or(|interval| interval == u128::from(task.interval_ms))
            && typed::parse(&task.check).is_ok_and(|known| wanted.means(&known))
    };
    let is_meant =
        |task: &&Task| task.check == service || wanted.as_ref().is_some_and(|w| means(task, w));
    let meant: Vec<&str> = tasks.iter().filter(is_meant).map(|task| task.task.as_str()).collect();
    match meant.as_slice() {
        [number] => Ok(number.to_string()),
        [] => Err(format!("agent {id} has no task {service:?}; viewconf {id} shows its tasks")),
        numbers => {
            let numbers = numbers.join(", ");
            Err(format!(
                "agent {id} has more than one such task: give its number, one of {numbers}"
            ))
        }
    }
}

fn export(manager: &Manager) -> Vec<String> {
    let text = serde_json::to_string_pretty(&manager.data()).unwrap_or_default();
    text.lines().map(harmless_json).collect()
}

#[cfg(test)]
mod tests;
