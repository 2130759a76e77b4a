//! What the manager's console shows: configurations, agents, results.

use std::time::{Duration, Instant};

use logic::units::show_duration;
use socklab::output::{Painter, plural};

use super::data::Agent;
use super::live::{Live, Presence};
use super::service::Manager;
use super::tell::said;
use crate::protocol::{Delivery, Task};
use crate::table::{Cell, Column, Table};

/// What an agent's tasks are set off by from the line about it.
const INDENT: &str = "  ";

pub fn no_agent(id: u64) -> String {
    format!("there is no agent {id}; list_all_queues shows them all")
}

/// The tasks of all agents.
pub fn all_configurations(manager: &Manager) -> Vec<String> {
    let ids = manager.ids();
    if ids.is_empty() {
        return vec!["no agents, and nothing configured; help shows how to add a task".to_string()];
    }
    ids.into_iter().flat_map(|id| configuration(manager, id).unwrap_or_default()).collect()
}

/// The tasks of one agent, and whether it has confirmed them.
///
/// # Errors
/// One line: there is no such agent.
pub fn configuration(manager: &Manager, id: u64) -> Result<Vec<String>, String> {
    let agent = manager.configured(id);
    manager.with_live(|all| {
        let live = all.get(&id);
        if live.is_none() && agent.is_none() {
            return Err(no_agent(id));
        }
        let agent = agent.unwrap_or_default();
        let confirmed = live.is_some_and(|live| live.confirmed_rev == Some(agent.rev));
        let name = agent.name.as_deref().map_or(String::new(), |name| format!(" {}", said(name)));
        let state = if confirmed { "confirmed" } else { "pending" };
        let mut lines = vec![format!(
            "agent {id}{name}: {}, revision {} {state}",
            presence_word(live, &agent),
            agent.rev
        )];
        let mut table =
            Table::new([Column::right(""), Column::left(""), Column::left(""), Column::left("")]);
        for task in &agent.tasks {
            let every = format!("every {}", show_duration(Duration::from_millis(task.interval_ms)));
            let answer = answer(task, live.filter(|_| confirmed));
            table.row([number(task), said(&task.check).into(), every.into(), answer.into()]);
        }
        lines.extend(indented(table));
        if agent.tasks.is_empty() {
            lines.push(format!("{INDENT}no tasks"));
        }
        Ok(lines)
    })
}

/// What the agent made of a task; `live` if it has answered this revision.
fn answer(task: &Task, live: Option<&Live>) -> String {
    match live.and_then(|live| live.answers.get(&task.task)) {
        None => "pending".to_string(),
        Some(answer) if answer.accepted => "confirmed".to_string(),
        Some(answer) => format!("refused: {}", said(answer.reason.as_deref().unwrap_or(""))),
    }
}

/// All that is known of one agent.
///
/// # Errors
/// One line: there is no such agent.
pub fn queue(manager: &Manager, id: u64) -> Result<Vec<String>, String> {
    let agent = manager.configured(id);
    let count = manager.with_results(|results| results.counts.get(&id).copied());
    manager.with_live(|all| {
        if !all.contains_key(&id) && agent.is_none() {
            return Err(no_agent(id));
        }
        let agent = agent.unwrap_or_default();
        let empty = Live::default();
        let live = all.get(&id).unwrap_or(&empty);
        let count = count.unwrap_or_default();
        let boot = live.boot_id.as_deref().map_or("none".to_string(), said);
        let confirmed = live.confirmed_rev.map_or("none".to_string(), |rev| rev.to_string());
        let mut lines = vec![
            format!("agent {id}: {}", presence(live, &agent)),
            format!("{INDENT}configuration: revision {} given, {confirmed} confirmed", agent.rev),
            format!(
                "{INDENT}results: {} stored, {} dropped by the agent, {} sent again; last number {} of boot {boot}",
                count.stored, count.dropped, count.repeated, live.last_seq
            ),
        ];
        let mut table = Table::new([Column::right(""), Column::left(""), Column::left("")]);
        for task in &agent.tasks {
            let last = live.last.get(&task.task).map_or("no result yet".to_string(), |last| {
                format!("{} at {}: {}", last.verdict, said(&last.started_at), said(&last.reason))
            });
            table.row([number(task), said(&task.check).into(), last.into()]);
        }
        lines.extend(indented(table));
        Ok(lines)
    })
}

/// All agents, a line each.
pub fn all_queues(manager: &Manager) -> Vec<String> {
    let ids = manager.ids();
    if ids.is_empty() {
        return vec!["no agents".to_string()];
    }
    let agents: Vec<(u64, Agent)> =
        ids.into_iter().map(|id| (id, manager.configured(id).unwrap_or_default())).collect();
    let counts = manager.with_results(|results| results.counts.clone());
    let mut table = Table::new([
        Column::left(""),
        Column::right(""),
        Column::right(""),
        Column::right(""),
        Column::left(""),
    ]);
    manager.with_live(|all| {
        let empty = Live::default();
        for (id, agent) in &agents {
            let count = counts.get(id).copied().unwrap_or_default();
            table.row([
                format!("agent {id}").into(),
                plural(agent.tasks.len() as u64, "task").into(),
                plural(count.stored, "result").into(),
                format!("{} dropped", count.dropped).into(),
                presence(all.get(id).unwrap_or(&empty), agent).into(),
            ]);
        }
    });
    table.lines(Painter::plain(), None)
}

/// The latest results of an agent, the oldest first.
///
/// # Errors
/// One line: there is no such agent.
pub fn results(manager: &Manager, id: u64, most: usize) -> Result<Vec<String>, String> {
    if !manager.ids().contains(&id) {
        return Err(no_agent(id));
    }
    let mut table = Table::new([
        Column::right(""),
        Column::left(""),
        Column::left(""),
        Column::left(""),
        Column::left(""),
    ]);
    manager.with_results(|results| {
        for stored in results.latest(id, most) {
            table.row(match &stored.delivery {
                Delivery::Result(report) => {
                    let took = report.duration_us as f64 / 1e3;
                    [
                        report.seq.to_string().into(),
                        said(&report.started_at).into(),
                        format!("task {}", said(&report.task)).into(),
                        report.verdict.word().into(),
                        format!("{}  {took:.1} ms", said(&report.reason)).into(),
                    ]
                }
                Delivery::Dropped(dropped) => {
                    let range = format!("to {}: dropped by the agent", dropped.last);
                    [
                        dropped.first.to_string().into(),
                        range.into(),
                        "".into(),
                        "".into(),
                        "".into(),
                    ]
                }
            });
        }
    });
    let lines = table.lines(Painter::plain(), None);
    Ok(if lines.is_empty() { vec!["no results yet".to_string()] } else { lines })
}

fn number(task: &Task) -> Cell {
    said(&task.task).into()
}

fn indented<const COLUMNS: usize>(table: Table<COLUMNS>) -> impl Iterator<Item = String> {
    table.lines(Painter::plain(), None).into_iter().map(|line| format!("{INDENT}{line}"))
}

fn presence_word(live: Option<&Live>, agent: &Agent) -> &'static str {
    match live.map_or(Presence::Never, |live| live.presence(Instant::now())) {
        // It was here before the manager was started anew.
        Presence::Never if agent.claimed => "not seen since the manager started",
        presence => presence.word(),
    }
}

/// `connected from 127.0.0.1:40000 for 12s`.
fn presence(live: &Live, agent: &Agent) -> String {
    let now = Instant::now();
    let seconds = live.since.map_or(0, |since| now.saturating_duration_since(since).as_secs());
    let lasted = show_duration(Duration::from_secs(seconds));
    let address = live.address.map_or("nowhere".to_string(), |address| address.to_string());
    let word = presence_word(Some(live), agent);
    match live.presence(now) {
        Presence::Never => word.to_string(),
        Presence::Connected => format!("{word} from {address} for {lasted}"),
        Presence::Reconnecting | Presence::Silent => {
            format!("{word} for {lasted}, last from {address}")
        }
    }
}
