//! The manager's page for Prometheus, in its text format 0.0.4.

use std::time::Instant;

use super::live::Presence;
use super::results::Count;
use super::service::Manager;
use crate::config::typed;
use crate::metrics::page::{Label, Page, Sample};
use crate::verdict::Verdict;

/// The page, as it is now.
pub fn page(manager: &Manager) -> String {
    let counts = manager.with_results(|results| results.counts.clone());
    let now = Instant::now();
    // Of each agent: its labels, and whether it is connected; of each task its last result.
    let (mut connected, mut tasks, mut took) = (Vec::new(), Vec::new(), Vec::new());
    let data = manager.data();
    manager.with_live(|live| {
        for (id, agent) in live {
            let there = agent.presence(now) == Presence::Connected;
            connected.push((agent_label(*id), f64::from(there)));
            for task in data.config(*id).tasks {
                let Some(report) = agent.last.get(&task.task) else { continue };
                // Whoever reads the page may not be meant to know a token in a header.
                let check = typed::parse(&task.check)
                    .map_or_else(|_| "***".to_string(), |typed| typed.check.without_secrets());
                let mut labels = agent_label(*id);
                labels.extend([("task", task.task), ("check", check)]);
                // Of what could not be verified there is nothing to say.
                match report.verdict {
                    Verdict::Up | Verdict::Degraded => tasks.push((labels.clone(), 1.0)),
                    Verdict::Down => tasks.push((labels.clone(), 0.0)),
                    Verdict::Unverified => {}
                }
                took.push((labels, report.duration_us as f64 / 1e6));
            }
        }
    });
    let total = |count: fn(&Count) -> u64| -> Vec<Sample> {
        counts.iter().map(|(id, one)| (agent_label(*id), count(one) as f64)).collect()
    };
    let mut page = Page::default();
    page.gauge("manager_agent_connected", "Whether the agent is connected", connected);
    for (name, help, samples) in [
        (
            "manager_results_stored_total",
            "Results stored since the manager started",
            total(|count| count.stored),
        ),
        (
            "manager_results_dropped_total",
            "Results that the agent had no room to keep",
            total(|count| count.dropped),
        ),
        (
            "manager_results_repeated_total",
            "Results that were sent again and were there already",
            total(|count| count.repeated),
        ),
    ] {
        page.counter(name, help, samples);
    }
    page.gauge("probe_success", "Whether the task's last verdict is up or degraded", tasks);
    page.gauge("probe_duration_seconds", "How long the task's last check took", took);
    page.text()
}

fn agent_label(id: u64) -> Vec<Label> {
    vec![("agent", id.to_string())]
}
