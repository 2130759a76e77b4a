//! The page that Prometheus scrapes, in its text format 0.0.4.
//!
//! Names that users of the blackbox exporter know mean the same here. Every
//! sample of a service has the labels `service` and `type`; a figure that the
//! latest check did not give has no sample, and is not 0.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::outcome::Outcome;
use crate::service::Service;
use crate::state::State;
use crate::uptime::{Moment, Share};
use crate::verdict::Verdict;
use crate::watch::{Counts, Watched};

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

/// Where a figure of [`Outcome::detail`] goes.
struct Figure {
    detail: &'static str,
    /// What stands for it where there is no such figure.
    or: Option<&'static str>,
    /// The metric, and a label of its own if several figures share it.
    metric: &'static str,
    label: Option<(&'static str, &'static str)>,
    help: &'static str,
}

const fn figure(detail: &'static str, metric: &'static str, help: &'static str) -> Figure {
    Figure { detail, or: None, metric, label: None, help }
}

/// One of several phases of a request.
const fn phase(detail: &'static str, metric: &'static str, phase: &'static str) -> Figure {
    let help = "How long each phase of the request took";
    Figure { detail, or: None, metric, label: Some(("phase", phase)), help }
}

/// Every figure of every check that is on the page. Those of one metric stand together.
const FIGURES: &[Figure] = &[
    phase("name_seconds", "probe_http_duration_seconds", "resolve"),
    phase("connect_seconds", "probe_http_duration_seconds", "connect"),
    phase("tls_seconds", "probe_http_duration_seconds", "tls"),
    phase("first_byte_seconds", "probe_http_duration_seconds", "processing"),
    phase("transfer_seconds", "probe_http_duration_seconds", "transfer"),
    figure("status", "probe_http_status_code", "The status that the server answered with"),
    figure("redirects", "probe_http_redirects", "How many redirects were followed"),
    figure("body_bytes", "probe_http_content_length", "Bytes of the body that were read"),
    Figure {
        detail: "chain_expires",
        or: Some("certificate_expires"),
        metric: "probe_ssl_earliest_cert_expiry",
        label: None,
        help: "When the first certificate of the chain expires, in Unix time",
    },
    figure("answers", "probe_dns_answer_rrs", "Records in the answer section"),
    figure("authorities", "probe_dns_authority_rrs", "Records in the authority section"),
    figure("additionals", "probe_dns_additional_rrs", "Records in the additional section"),
    figure("serial", "probe_dns_serial", "The serial number of the zone, from an SOA record"),
    figure("offset_seconds", "probe_ntp_offset_seconds", "The server's clock minus this machine's"),
    figure(
        "offset_bound_seconds",
        "probe_ntp_offset_bound_seconds",
        "The offset is wrong by this at most, if the server's clock is right",
    ),
    figure("delay_seconds", "probe_ntp_delay_seconds", "The round trip, without the server's part"),
    figure("stratum", "probe_ntp_stratum", "How many servers away the reference clock is"),
    figure("loss_pct", "probe_icmp_loss_percent", "Pings that were not answered, in per cent"),
    Figure {
        detail: "rtt_avg_seconds",
        or: None,
        metric: "probe_icmp_duration_seconds",
        label: Some(("phase", "rtt")),
        help: "The average round-trip time of the pings",
    },
    figure("ttl", "probe_icmp_reply_hop_limit", "The TTL or hop limit with which the replies came"),
    figure("hops", "probe_trace_hops", "How many hops away the host is"),
];

/// The page.
pub fn page(mut snapshot: Snapshot) -> String {
    tell_apart(&mut snapshot.services);
    let mut page = Page { text: String::new() };
    let services = &snapshot.services;
    let outcome = |of: &Figures| of.latest.as_ref().map(|(_, outcome)| Arc::clone(outcome));

    page.head(
        "probe_success",
        "gauge",
        "1 if the latest check found the service up or degraded, 0 if down; none if unverified",
    );
    for of in services {
        let success = outcome(of).and_then(|outcome| match outcome.verdict {
            Verdict::Up | Verdict::Degraded => Some(1.0),
            Verdict::Down => Some(0.0),
            Verdict::Unverified => None,
        });
        page.sample("probe_success", of, &[], success);
    }
    page.head(
        "probe_duration_seconds",
        "gauge",
        "How long the service took to answer the latest check",
    );
    for of in services {
        let took = outcome(of).and_then(|outcome| outcome.took);
        page.sample("probe_duration_seconds", of, &[], took.map(|took| took.as_secs_f64()));
    }
    page.head(
        "probe_dns_lookup_time_seconds",
        "gauge",
        "How long looking up the service's address took",
    );
    for of in services {
        let lookup = outcome(of).and_then(|outcome| number(outcome.detail.get("name_seconds")?));
        page.sample("probe_dns_lookup_time_seconds", of, &[], lookup);
    }
    let mut headed = "";
    for figure in FIGURES {
        let given = |of: &Figures| {
            let http = figure.metric.starts_with("probe_http");
            let fits = !http || of.service.check.kind().starts_with("http");
            let outcome = outcome(of).filter(|_| fits)?;
            let detail = |name: &str| number(outcome.detail.get(name)?);
            detail(figure.detail).or_else(|| detail(figure.or?))
        };
        let samples: Vec<(&Figures, f64)> =
            services.iter().filter_map(|of| Some((of, given(of)?))).collect();
        if !samples.is_empty() && headed != figure.metric {
            page.head(figure.metric, "gauge", figure.help);
            headed = figure.metric;
        }
        for (of, value) in samples {
            page.sample(figure.metric, of, figure.label.as_slice(), Some(value));
        }
    }

    page.head(
        "monitor_state",
        "gauge",
        "1 for the state that the results add up to, 0 for the others; all 0 while it is not known",
    );
    for of in services {
        for state in Verdict::ALL {
            let value = f64::from(of.state == Some(state));
            page.sample("monitor_state", of, &[("state", state.word())], Some(value));
        }
    }
    page.head(
        "monitor_paused",
        "gauge",
        "1 while the service is not checked because somebody said so",
    );
    for of in services {
        page.sample("monitor_paused", of, &[], Some(f64::from(of.paused)));
    }
    page.head("monitor_checks_total", "counter", "Checks that ended, by what they found");
    for of in services {
        for (verdict, count) in Verdict::ALL.into_iter().zip(of.counts.checks) {
            let label = ("verdict", verdict.word());
            page.sample("monitor_checks_total", of, &[label], Some(count as f64));
        }
    }
    page.head("monitor_checks_skipped_total", "counter", "Checks that were due and were not run");
    for of in services {
        page.sample("monitor_checks_skipped_total", of, &[], Some(of.counts.not_run as f64));
    }
    page.head("monitor_state_changes_total", "counter", "How often the state became another");
    for of in services {
        page.sample("monitor_state_changes_total", of, &[], Some(of.counts.changes as f64));
    }
    page.head(
        "monitor_last_check_timestamp_seconds",
        "gauge",
        "When the latest check ended, in Unix time",
    );
    for of in services {
        let time = of.latest.as_ref().map(|(wall, _)| wall.as_microsecond() as f64 / 1e6);
        page.sample("monitor_last_check_timestamp_seconds", of, &[], time);
    }
    page.head(
        "monitor_uptime_ratio",
        "gauge",
        "The share of the known time of the window for which the service was up",
    );
    for of in services {
        for (window, share) in [("1h", of.hour), ("24h", of.day)] {
            page.sample("monitor_uptime_ratio", of, &[("window", window)], share.ratio());
        }
    }
    page.head(
        "monitor_uptime_samples",
        "gauge",
        "How many results the uptime of the window rests on",
    );
    for of in services {
        for (window, share) in [("1h", of.hour), ("24h", of.day)] {
            let samples = Some(share.samples as f64);
            page.sample("monitor_uptime_samples", of, &[("window", window)], samples);
        }
    }
    for (name, value, help) in [
        ("monitor_services", services.len(), "Services under watch"),
        ("monitor_threads", snapshot.threads, "Threads for checks"),
        ("monitor_threads_busy", snapshot.threads_busy, "Threads that run a check"),
        ("monitor_threads_limit", snapshot.threads_most, "Threads for checks at most"),
    ] {
        page.head(name, "gauge", help);
        // Writing to a String cannot fail.
        let _ = writeln!(page.text, "{name} {value}");
    }
    page.text
}

struct Page {
    text: String,
}

impl Page {
    fn head(&mut self, metric: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {metric} {help}.\n# TYPE {metric} {kind}");
    }

    /// A sample, if there is a value.
    fn sample(&mut self, metric: &str, of: &Figures, labels: &[(&str, &str)], value: Option<f64>) {
        let Some(value) = value else { return };
        let _ = write!(
            self.text,
            "{metric}{{service=\"{}\",type=\"{}\"",
            escaped(&of.label),
            of.service.check.kind()
        );
        for (name, value) in labels {
            let _ = write!(self.text, ",{name}=\"{}\"", escaped(value));
        }
        let _ = writeln!(self.text, "}} {value}");
    }
}

/// A label's value: backslash, quote and newline are escaped, nothing else.
pub fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// A figure as a number: `true` is 1, and a date is Unix time.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(yes) => Some(f64::from(*yes)),
        Value::String(text) => {
            text.parse::<Timestamp>().ok().map(|time| time.as_microsecond() as f64 / 1e6)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::typed;
    use crate::example;
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
    fn names_are_escaped() {
        let page = page_of(vec![figures("a\"b\\c\nd", Some(Outcome::up("")))]);
        assert_eq!(value(&page, r#"probe_success{service="a\"b\\c\nd",type="tcp"}"#), Some("1"));
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
