//! The manager's page for Prometheus, in its text format 0.0.4.

use std::fmt::Write;
use std::time::Instant;

use super::live::Presence;
use super::service::Manager;
use crate::config::typed;
use crate::metrics::escaped;
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
            connected.push((format!("agent=\"{id}\""), f64::from(u8::from(there))));
            for task in data.config(*id).tasks {
                let Some(report) = agent.last.get(&task.task) else { continue };
                // Whoever reads the page may not be meant to know a token in a header.
                let check = typed::parse(&task.check)
                    .map_or_else(|_| "***".to_string(), |typed| typed.check.without_secrets());
                let labels = format!(
                    "agent=\"{id}\",task=\"{}\",check=\"{}\"",
                    escaped(&task.task),
                    escaped(&check)
                );
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
    let total = |count: fn(&super::results::Count) -> u64| {
        let samples = counts.iter();
        samples.map(|(id, one)| (format!("agent=\"{id}\""), count(one) as f64)).collect::<Vec<_>>()
    };
    let mut page = String::new();
    for (name, kind, help, samples) in [
        ("manager_agent_connected", "gauge", "Whether the agent is connected.", connected),
        (
            "manager_results_stored_total",
            "counter",
            "Results stored since the manager started.",
            total(|count| count.stored),
        ),
        (
            "manager_results_dropped_total",
            "counter",
            "Results that the agent had no room to keep.",
            total(|count| count.dropped),
        ),
        (
            "manager_results_repeated_total",
            "counter",
            "Results that were sent again and were there already.",
            total(|count| count.repeated),
        ),
        ("probe_success", "gauge", "Whether the task's last verdict is up or degraded.", tasks),
        ("probe_duration_seconds", "gauge", "How long the task's last check took.", took),
    ] {
        // Writing into memory cannot fail.
        let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
        for (labels, value) in samples {
            let _ = writeln!(page, "{name}{{{labels}}} {value}");
        }
    }
    page
}
