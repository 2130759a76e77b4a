//! The page that Prometheus scrapes, in its text format 0.0.4.
//!
//! Names that users of the blackbox exporter know mean the same here. Every
//! sample of a service has the labels `service` and `type`; a figure that the
//! latest check did not give has no sample, and is not 0.

mod figures;
pub mod page;

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::outcome::Outcome;
use crate::service::Service;
use crate::state::State;
use crate::uptime::{Moment, Share};
use crate::verdict::Verdict;
use crate::watch::{Counts, Watched};

use figures::{FIGURES, number};
use page::{Page, Sample};

/// What the page says of one service.
#[derive(Debug)]
pub struct Figures {
    pub service: Arc<Service>,
    /// The service's name, which no two on the page have in common.
    label: String,
    /// Up, down …; none if that is not known.
    pub state: Option<Verdict>,
    pub paused: bool,
    pub counts: Counts,
    pub latest: Option<(Timestamp, Arc<Outcome>)>,
    pub hour: Share,
    pub day: Share,
}

impl Figures {
    pub fn of(watched: &Watched, now: Moment) -> Figures {
        let state: &State = &watched.state;
        Figures {
            service: Arc::clone(&watched.service),
            label: label(&watched.service),
            state: state.now(now).map(|(verdict, _)| verdict),
            paused: watched.paused,
            counts: watched.counts,
            latest: watched.latest.clone(),
            hour: state.uptime.hour(now),
            day: state.uptime.day(now),
        }
    }

    fn outcome(&self) -> Option<&Outcome> {
        self.latest.as_ref().map(|(_, outcome)| &**outcome)
    }

    /// 1 or 0, and nothing where nothing can be said.
    fn success(&self) -> Option<f64> {
        match self.outcome()?.verdict {
            Verdict::Up | Verdict::Degraded => Some(1.0),
            Verdict::Down => Some(0.0),
            Verdict::Unverified => None,
        }
    }

    /// Both windows of the uptime, each with a figure of it.
    fn windows(&self, figure: impl Fn(&Share) -> Option<f64>) -> Vec<(&'static str, Option<f64>)> {
        vec![("1h", figure(&self.hour)), ("24h", figure(&self.day))]
    }
}

/// A name that somebody gave is shown; one that is the check as it is typed
/// may hold a secret, which whoever reads the page need not know.
fn label(service: &Service) -> String {
    match service.name == service.check.to_string() {
        true => service.check.without_secrets(),
        false => service.name.clone(),
    }
}

/// Numbers the labels that have become the same without their secrets.
fn tell_apart(services: &mut [Figures]) {
    let mut seen = HashMap::<String, usize>::new();
    for of in services {
        let number = seen.entry(of.label.clone()).or_default();
        *number += 1;
        if *number > 1 {
            of.label += &format!(" ({number})");
        }
    }
}

/// All that the page says.
#[derive(Debug)]
pub struct Snapshot {
    pub services: Vec<Figures>,
    pub threads: usize,
    pub threads_busy: usize,
    pub threads_most: usize,
}

/// The page.
pub fn page(mut snapshot: Snapshot) -> String {
    tell_apart(&mut snapshot.services);
    let mut page = Page::default();
    latest_checks(&mut page, &snapshot.services);
    states(&mut page, &snapshot.services);
    for (name, value, help) in [
        ("monitor_services", snapshot.services.len(), "Services under watch"),
        ("monitor_threads", snapshot.threads, "Threads for checks"),
        ("monitor_threads_busy", snapshot.threads_busy, "Threads that run a check"),
        ("monitor_threads_limit", snapshot.threads_most, "Threads for checks at most"),
    ] {
        page.gauge(name, help, [(Vec::new(), value as f64)]);
    }
    page.text()
}

/// What the latest check of each service found.
fn latest_checks(page: &mut Page, services: &[Figures]) {
    page.gauge(
        "probe_success",
        "1 if the latest check found the service up or degraded, 0 if down; none if unverified",
        each(services, Figures::success),
    );
    page.gauge(
        "probe_duration_seconds",
        "How long the service took to answer the latest check",
        each(services, |of| Some(of.outcome()?.took?.as_secs_f64())),
    );
    page.gauge(
        "probe_dns_lookup_time_seconds",
        "How long looking up the service's address took",
        each(services, |of| number(of.outcome()?.detail.get("name_seconds")?)),
    );
    for figures in FIGURES.chunk_by(|one, next| one.metric == next.metric) {
        let samples: Vec<Sample> = figures
            .iter()
            .flat_map(|figure| {
                let value = |of: &Figures| figure.of(of.service.check.kind(), of.outcome()?);
                let label = |(mut labels, value): Sample| {
                    labels.extend(figure.label.map(|(name, value)| (name, value.to_string())));
                    (labels, value)
                };
                each(services, value).map(label).collect::<Vec<_>>()
            })
            .collect();
        if let (Some(figure), false) = (figures.first(), samples.is_empty()) {
            page.gauge(figure.metric, figure.help, samples);
        }
    }
}

/// What the results of each service add up to.
fn states(page: &mut Page, services: &[Figures]) {
    page.gauge(
        "monitor_state",
        "1 for the state that the results add up to, 0 for the others; all 0 while it is not known",
        each_by(services, "state", |of| {
            let is = |state| f64::from(of.state == Some(state));
            Verdict::ALL.map(|state| (state.word(), Some(is(state)))).to_vec()
        }),
    );
    page.gauge(
        "monitor_paused",
        "1 while the service is not checked because somebody said so",
        each(services, |of| Some(f64::from(of.paused))),
    );
    page.counter(
        "monitor_checks_total",
        "Checks that ended, by what they found",
        each_by(services, "verdict", |of| {
            let counts = Verdict::ALL.into_iter().zip(of.counts.checks);
            counts.map(|(verdict, count)| (verdict.word(), Some(count as f64))).collect()
        }),
    );
    page.counter(
        "monitor_checks_skipped_total",
        "Checks that were due and were not run",
        each(services, |of| Some(of.counts.not_run as f64)),
    );
    page.counter(
        "monitor_state_changes_total",
        "How often the state became another",
        each(services, |of| Some(of.counts.changes as f64)),
    );
    page.gauge(
        "monitor_last_check_timestamp_seconds",
        "When the latest check ended, in Unix time",
        each(services, |of| Some(of.latest.as_ref()?.0.as_microsecond() as f64 / 1e6)),
    );
    page.gauge(
        "monitor_uptime_ratio",
        "The share of the known time of the window for which the service was up",
        each_by(services, "window", |of| of.windows(Share::ratio)),
    );
    page.gauge(
        "monitor_uptime_samples",
        "How many results the uptime of the window rests on",
        each_by(services, "window", |of| of.windows(|share| Some(share.samples as f64))),
    );
}

/// A sample of each service that has a value.
fn each(
    services: &[Figures],
    value: impl Fn(&Figures) -> Option<f64>,
) -> impl Iterator<Item = Sample> {
    services.iter().filter_map(move |of| Some((labels(of), value(of)?)))
}

/// Several samples of each service, told apart by one more label.
fn each_by(
    services: &[Figures],
    label: &'static str,
    values: impl Fn(&Figures) -> Vec<(&'static str, Option<f64>)>,
) -> impl Iterator<Item = Sample> {
    services.iter().flat_map(move |of| {
        let sample = |(name, value): (&str, Option<f64>)| {
            let mut labels = labels(of);
            labels.push((label, name.to_string()));
            Some((labels, value?))
        };
        values(of).into_iter().filter_map(sample).collect::<Vec<_>>()
    })
}

fn labels(of: &Figures) -> Vec<page::Label> {
    vec![("service", of.label.clone()), ("type", of.service.check.kind().to_string())]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::typed;
    use crate::example;
    use serde_json::Value;
    use std::collections::HashSet;
    use std::time::Duration;

    fn figures(name: &str, outcome: Option<Outcome>) -> Figures {
        Figures {
            service: Arc::new(example::service(name)),
            label: label(&example::service(name)),
            state: outcome.as_ref().map(|outcome| outcome.verdict),
            paused: false,
            counts: Counts { checks: [3, 0, 1, 0], ..Counts::default() },
            latest: outcome
                .map(|outcome| ("2024-04-20T19:14:31.5Z".parse().unwrap(), Arc::new(outcome))),
            hour: Share { up: 1, known: 4, samples: 2 },
            day: Share::default(),
        }
    }

    fn page_of(services: Vec<Figures>) -> String {
        page(Snapshot { services, threads: 3, threads_busy: 1, threads_most: 512 })
    }

    fn value<'a>(page: &'a str, sample: &str) -> Option<&'a str> {
        page.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))
    }

    #[test]
    fn the_page_says_what_the_latest_check_found() {
        let outcome = Outcome::up("fine")
            .after(Duration::from_micros(1500))
            .with("offset_seconds", -0.25)
            .with("chain_expires", Value::Null)
            .with("certificate_expires", "2025-01-01T00:00:00Z");
        let page = page_of(vec![figures("web", Some(outcome)), figures("new", None)]);
        let labels = r#"{service="web",type="tcp"}"#;
        for (metric, expected) in [
            ("probe_success", "1"),
            ("probe_duration_seconds", "0.0015"),
            ("probe_ntp_offset_seconds", "-0.25"),
            ("probe_ssl_earliest_cert_expiry", "1735689600"),
            ("monitor_last_check_timestamp_seconds", "1713640471.5"),
        ] {
            assert_eq!(value(&page, &format!("{metric}{labels}")), Some(expected), "{page}");
            assert!(!page.contains(&format!("{metric}{{service=\"new\"")), "{page}");
        }
        assert_eq!(
            value(&page, r#"monitor_checks_total{service="web",type="tcp",verdict="down"}"#),
            Some("1")
        );
        assert_eq!(
            value(&page, r#"monitor_state{service="new",type="tcp",state="up"}"#),
            Some("0")
        );
        assert_eq!(
            value(&page, r#"monitor_uptime_ratio{service="web",type="tcp",window="1h"}"#),
            Some("0.25")
        );
        assert_eq!(
            value(&page, r#"monitor_uptime_ratio{service="web",type="tcp",window="24h"}"#),
            None
        );
        assert_eq!(value(&page, "monitor_threads_limit"), Some("512"));
    }

    #[test]
    fn what_is_unverified_is_neither_a_success_nor_a_failure() {
        let page = page_of(vec![
            figures("a", Some(Outcome::unverified("silent"))),
            figures("b", Some(Outcome::down(""))),
        ]);
        assert_eq!(value(&page, r#"probe_success{service="a",type="tcp"}"#), None);
        assert_eq!(value(&page, r#"probe_success{service="b",type="tcp"}"#), Some("0"));
        assert_eq!(
            value(&page, r#"monitor_state{service="a",type="tcp",state="unverified"}"#),
            Some("1")
        );
    }

    #[test]
    fn the_secrets_of_a_service_without_a_name_are_not_shown() {
        let of = |check: &str| {
            let service = typed::parse(check).unwrap().service(&Default::default()).unwrap();
            Figures { label: label(&service), service: Arc::new(service), ..figures("a", None) }
        };
        let page = page_of(vec![of("http http://h/?key=hush"), of("http http://h/?key=secret")]);
        assert!(!page.contains("hush") && !page.contains("secret"), "{page}");
        for label in ["http http://h/?***", "http http://h/?*** (2)"] {
            let sample = format!("monitor_paused{{service=\"{label}\",type=\"http\"}}");
            assert_eq!(value(&page, &sample), Some("0"), "{page}");
        }
    }

    #[test]
    fn every_metric_has_its_head_once_and_before_its_samples() {
        let full =
            FIGURES.iter().fold(Outcome::up(""), |outcome, figure| outcome.with(figure.detail, 1));
        let page = page_of(vec![figures("a", Some(full)), figures("b", Some(Outcome::down("")))]);
        let mut heads = HashSet::new();
        let mut current = String::new();
        for line in page.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                current = rest.split(' ').next().unwrap().to_string();
                assert!(heads.insert(current.clone()), "{current} twice");
            } else if !line.starts_with('#') {
                assert_eq!(line.split(['{', ' ']).next(), Some(current.as_str()));
            }
        }
        assert!(
            heads.contains("probe_dns_answer_rrs") && !heads.contains("probe_http_status_code")
        );
    }
}
