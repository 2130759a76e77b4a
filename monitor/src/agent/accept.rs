//! What an agent makes of a configuration: which tasks it takes on, and why not the others.
//!
//! A configuration comes from somebody else, over the network. It may name
//! hosts that the agent is to contact, and nothing more: not a file of the
//! agent's machine, not a command, not a flood of checks.

use std::sync::Arc;
use std::time::Duration;

use super::allow::{Allowed, permit};
use crate::check::Check;
use crate::config::typed;
use crate::protocol::{Config, ConfigAck, MOST_TASKS, Message, Task, TaskAck};
use crate::service::{Service, Settings};

/// No task is run more often.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// Or more seldom: a day.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// One agent runs no more checks a second than this, all in all.
const MOST_A_SECOND: f64 = 200.0;

/// A reason has so many characters at most; where there are too many refusals
/// for that, fewer.
const REASONS: [usize; 4] = [200, 80, 30, 0];

/// A task that was taken on.
#[derive(Debug, Clone, PartialEq)]
pub struct Accepted {
    pub task: String,
    pub rev: u64,
    pub service: Arc<Service>,
}

/// Judges a configuration, task by task.
pub fn judge(config: &Config, allowed: &[Allowed]) -> (Vec<Accepted>, ConfigAck) {
    let mut accepted: Vec<Accepted> = Vec::new();
    let mut answers = Vec::new();
    let mut a_second = 0.0;
    for task in &config.tasks {
        let rate = 1000.0 / task.interval_ms.max(1) as f64;
        let judged = if accepted.len() >= MOST_TASKS {
            Err(format!("an agent takes on {MOST_TASKS} tasks at most"))
        } else if a_second + rate > MOST_A_SECOND {
            Err(format!("an agent runs {MOST_A_SECOND} checks a second at most"))
        } else if accepted.iter().any(|other| other.task == task.task) {
            Err("another task has the same name".to_string())
        } else {
            service(task, allowed)
        };
        let reason = judged.as_ref().err().cloned();
        if let Ok(service) = judged {
            a_second += rate;
            let service = Arc::new(service);
            accepted.push(Accepted { task: task.task.clone(), rev: config.rev, service });
        }
        let accepted = reason.is_none();
        answers.push(TaskAck { task: task.task.clone(), accepted, reason });
    }
    (accepted, fitting(ConfigAck { rev: config.rev, tasks: answers }))
}

/// Shortens the reasons until the answer fits into one message. Without any it
/// does: a configuration that came in one says more of each task.
fn fitting(mut ack: ConfigAck) -> ConfigAck {
    for longest in REASONS {
        for task in &mut ack.tasks {
            task.reason = task.reason.take().filter(|_| longest > 0);
            if let Some(reason) = &mut task.reason {
                *reason = reason.chars().take(longest).collect();
            }
        }
        if Message::ConfigAck(ack.clone()).line().is_ok() {
            break;
        }
    }
    ack
}

fn service(task: &Task, allowed: &[Allowed]) -> Result<Service, String> {
    let typed = typed::parse(&task.check)?;
    let interval = Duration::from_millis(task.interval_ms);
    if interval < SHORTEST {
        return Err("an interval of less than 1 s is not taken on".to_string());
    }
    if interval > LONGEST {
        return Err("an interval of more than a day is not taken on".to_string());
    }
    permit(allowed, &typed.check.host()?)?;
    if let Check::Http(http) = &typed.check {
        if http.ca_file.is_some() {
            return Err("a task may not name a file of the agent's machine".to_string());
        }
        // A redirect leads wherever the server likes.
        if http.follow_redirects && !allowed.is_empty() {
            return Err("with --allow, add follow_redirects=false to the task".to_string());
        }
    }
    let settings = Settings { interval: Some(interval), ..typed.settings };
    let service = Service::new(typed.check, &settings, &Settings::default());
    match service.faults().into_iter().next() {
        None => Ok(service),
        Some(fault) => Err(fault.what),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(name: &str, check: &str, interval_ms: u64) -> Task {
        Task { task: name.into(), check: check.into(), interval_ms }
    }

    /// Why the only task is refused.
    fn refused(check: &str, interval_ms: u64, allowed: &[Allowed]) -> String {
        let config = Config { rev: 1, tasks: vec![task("1", check, interval_ms)] };
        let (accepted, ack) = judge(&config, allowed);
        assert!(accepted.is_empty(), "{check}: {accepted:?}");
        ack.tasks[0].reason.clone().unwrap()
    }

    #[test]
    fn what_is_right_is_taken_on_and_the_rest_told() {
        let tasks = vec![
            task("1", "tcp 127.0.0.1 80", 5000),
            task("2", "nonsense", 5000),
            task("3", "http http://example.com/", 1000),
        ];
        let (accepted, ack) = judge(&Config { rev: 7, tasks }, &[]);
        let names: Vec<&str> = accepted.iter().map(|task| task.task.as_str()).collect();
        assert_eq!((names, accepted[0].rev, ack.rev), (vec!["1", "3"], 7, 7));
        assert_eq!(
            ack.tasks.iter().map(|task| task.accepted).collect::<Vec<_>>(),
            [true, false, true]
        );
        assert!(ack.tasks[1].reason.as_ref().unwrap().contains("not a type of check"));
    }

    #[test]
    fn what_is_not_allowed_is_refused() {
        let allowed: Vec<Allowed> =
            vec!["10.0.0.0/8".parse().unwrap(), "www.lab.test".parse().unwrap()];
        for check in [
            "tcp 192.168.0.1 80",
            "icmp evil.test",
            "dns 8.8.8.8 www.lab.test A",
            "http http://evil.test/?http://www.lab.test follow_redirects=false",
        ] {
            assert!(refused(check, 5000, &allowed).contains("may not contact"), "{check}");
        }
        // Not the host that it seems to name: the grammar refuses it already.
        let disguised = "http http://www.lab.test@evil.test/ follow_redirects=false";
        assert!(refused(disguised, 5000, &allowed).contains("password"));
        assert!(refused("http http://www.lab.test/", 5000, &allowed).contains("follow_redirects"));
        let fine = Config {
            rev: 1,
            tasks: vec![
                task("1", "http http://www.lab.test/ follow_redirects=false", 5000),
                task("2", "ntp 10.1.2.3", 60_000),
            ],
        };
        assert_eq!(judge(&fine, &allowed).0.len(), 2);
    }

    #[test]
    fn a_host_is_what_the_check_makes_of_it() {
        let allowed: Vec<Allowed> = ["10.0.0.0/8", "0xc0a80001", "bücher.test"]
            .map(|allowed| allowed.parse().unwrap())
            .to_vec();
        // A URL's host may be a number, as for every browser.
        let number = "http http://0xc0a80001/ follow_redirects=false";
        assert!(refused(number, 5000, &allowed).contains("may not contact 192.168.0.1"));
        for check in [
            "http http://10.1/ follow_redirects=false",
            "http http://BÜCHER.test/ follow_redirects=false",
            "tcp bücher.test 80",
            "tcp xn--bcher-kva.test 80",
        ] {
            let config = Config { rev: 1, tasks: vec![task("1", check, 5000)] };
            assert_eq!(judge(&config, &allowed).0.len(), 1, "{check}");
        }
    }

    #[test]
    fn a_flood_and_a_file_are_refused() {
        assert!(refused("tcp 127.0.0.1 80", 999, &[]).contains("less than 1 s"));
        assert!(refused("tcp 127.0.0.1 80", u64::MAX, &[]).contains("more than a day"));
        let file = "https https://127.0.0.1/ ca_file=/etc/shadow";
        assert!(refused(file, 5000, &[]).contains("may not name a file"));
        let tasks: Vec<Task> =
            (0..300).map(|n| task(&n.to_string(), "tcp 127.0.0.1 80", 1000)).collect();
        assert_eq!(judge(&Config { rev: 1, tasks }, &[]).0.len(), 200);
        let tasks: Vec<Task> =
            (0..600).map(|n| task(&n.to_string(), "tcp 127.0.0.1 80", 60_000)).collect();
        assert_eq!(judge(&Config { rev: 1, tasks }, &[]).0.len(), MOST_TASKS);
        let twins = vec![task("1", "tcp 127.0.0.1 80", 1000), task("1", "tcp 127.0.0.1 81", 1000)];
        assert_eq!(judge(&Config { rev: 1, tasks: twins }, &[]).0.len(), 1);
    }

    #[test]
    fn hundreds_of_refusals_fit_into_one_message() {
        for (tasks, check) in [
            (400, "https https://127.0.0.1/ ca_file=/etc/some/where/far/away/ca.pem".to_string()),
            (500, format!("tcp 127.0.0.1 80 {}", "oops".repeat(5))),
            (500, "\u{1}".repeat(12)),
            (60, format!("http http://{}.test/", "x".repeat(900))),
        ] {
            let tasks = (0..tasks).map(|n| task(&n.to_string(), &check, 60_000)).collect();
            let config = Config { rev: 1, tasks };
            assert!(Message::Config(config.clone()).line().is_ok(), "{check}");
            let allowed = ["10.0.0.0/8".parse().unwrap()];
            let (accepted, ack) = judge(&config, &allowed);
            assert_eq!((accepted.len(), ack.tasks.len()), (0, config.tasks.len()));
            assert!(Message::ConfigAck(ack.clone()).line().is_ok(), "{check}");
            let reason = ack.tasks[0].reason.as_deref().unwrap();
            assert!((30..=200).contains(&reason.chars().count()), "{reason}");
        }
    }
}
