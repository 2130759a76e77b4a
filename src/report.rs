//! What a pinger tells: one event, shown as a line like `ping`'s or as a JSON line, and the summary.

use std::net::IpAddr;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::cli::show_duration;
use crate::endpoint::REFUSED;
use crate::histogram;
use crate::output::{self, Colour, Painter, printable};
use crate::probes::Answer;
use crate::stats::{Counts, Rtts};
use packets::icmp_error::Problem;

/// Something that happened to a probe.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A reply came; `answer` says whether in time, late, twice, or spoilt.
    Answer { seq: u64, answer: Answer, bytes: usize, ttl: Option<u8> },
    /// As an answer that is corrupt, where more can be said than that.
    Corrupt { seq: u64, rtt: Duration, bytes: usize, ttl: Option<u8>, what: &'a str },
    /// No reply came within the timeout.
    Timeout { seq: u64, after: Duration },
    /// An ICMP error came in place of a reply; `from` is who sent it, where that is known.
    IcmpError { seq: u64, problem: Problem, from: Option<IpAddr> },
    /// The operating system would not send the probe.
    NotSent { seq: u64, why: &'a str },
    /// A packet came that answers nothing of ours.
    Foreign { packet: &'a [u8] },
}

/// An ICMP error for a person: `Destination Host Unreachable (ICMP type 3, code 1), soft`.
/// Of a soft one the sender hopes that it passes (RFC 1122, section 4.2.3.9).
pub fn icmp_error_text(problem: Problem) -> String {
    let hint = if problem.is_port_unreachable() { format!(": {REFUSED}") } else { String::new() };
    let soft = if problem.is_hard() { "" } else { ", soft" };
    format!("{problem}{hint} (ICMP type {}, code {}){soft}", problem.kind, problem.code)
}

/// The event `icmp_error`.
pub fn icmp_error_json(seq: u64, problem: Problem, from: Option<IpAddr>) -> Value {
    json!({
        "event": "icmp_error",
        "seq": seq,
        "type": problem.kind,
        "code": problem.code,
        "meaning": problem.to_string(),
        "hard": problem.is_hard(),
        "from": from.map(|from| from.to_string()),
    })
}

/// What one protocol adds to the summary.
#[derive(Debug, Clone, Default)]
pub struct Extra {
    /// For a person, behind the other lines.
    pub lines: Vec<String>,
    /// For JSON, behind the other fields.
    pub fields: Map<String, Value>,
}

/// Whose words the text has; the JSON is the same.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    Ours,
    /// Those of iputils' `ping`, which heads its statistics with the host as
    /// it was typed.
    Pings {
        host: String,
    },
}

/// Writes events to stdout, as text or as JSON lines.
#[derive(Debug)]
pub struct Reporter {
    pub json: bool,
    /// No events, only the summary.
    pub quiet: bool,
    /// Whom the probes are sent to, as it is to be shown.
    pub target: String,
    words: Words,
    painter: Painter,
}

impl Reporter {
    pub fn new(json: bool, quiet: bool, target: &str) -> Reporter {
        let painter = Painter::for_stdout();
        Reporter { json, quiet, target: target.to_string(), words: Words::Ours, painter }
    }

    /// In `ping`'s words, for who has read those a thousand times; `host` as it
    /// was typed.
    pub fn in_pings_words(json: bool, quiet: bool, host: &str, target: &str) -> Reporter {
        let words = Words::Pings { host: host.to_string() };
        Reporter { words, ..Reporter::new(json, quiet, target) }
    }

    /// The first line: `text` for a person, or the event `start`.
    pub fn start(&self, text: &str, event: &Value) {
        self.tell_always(None, text, event);
    }

    pub fn event(&self, event: &Event) {
        if !self.quiet {
            let (colour, text) = self.text(event);
            self.tell_always(colour, &text, &self.json(event));
        }
    }

    /// What only one protocol has to tell: as a line for a person, or as a
    /// JSON event.
    pub fn tell(&self, colour: Option<Colour>, text: &str, event: &Value) {
        if !self.quiet {
            self.tell_always(colour, text, event);
        }
    }

    /// The same, also with --quiet: for what a program exists to tell.
    pub fn tell_always(&self, colour: Option<Colour>, text: &str, event: &Value) {
        output::line(&match (self.json, colour) {
            (true, _) => event.to_string(),
            (false, Some(colour)) => self.painter.paint(colour, text),
            (false, None) => text.to_string(),
        });
    }

    fn text(&self, event: &Event) -> (Option<Colour>, String) {
        // ping's name for the sequence number, and ours.
        let number = if self.words == Words::Ours { "seq" } else { "icmp_seq" };
        let head = |seq, bytes, ttl: &Option<u8>| {
            let ttl = ttl.map_or(String::new(), |ttl| format!(" ttl={ttl}"));
            format!("{bytes} bytes from {}: {number}={seq}{ttl}", self.target)
        };
        match event {
            Event::Answer { seq, answer, bytes, ttl } => {
                let head = head(seq, bytes, ttl);
                match answer {
                    Answer::Reply(rtt) => (None, format!("{head} time={:.3} ms", ms(*rtt))),
                    Answer::Late(rtt) => {
                        let text =
                            format!("{head} time={:.3} ms (late: after its timeout)", ms(*rtt));
                        (Some(Colour::Yellow), text)
                    }
                    Answer::Duplicate(rtt) => {
                        (Some(Colour::Yellow), format!("{head} time={:.3} ms (DUP!)", ms(*rtt)))
                    }
                    Answer::Corrupt(rtt) => {
                        let text = format!("{head} time={:.3} ms (corrupt: wrong bytes)", ms(*rtt));
                        (Some(Colour::Red), text)
                    }
                    Answer::Foreign => (Some(Colour::Dim), format!("{head} (no such request)")),
                }
            }
            Event::Corrupt { seq, rtt, bytes, ttl, what } => {
                let head = head(seq, bytes, ttl);
                let text = format!("{head} time={:.3} ms (corrupt: {what})", ms(*rtt));
                (Some(Colour::Red), text)
            }
            Event::Timeout { seq, after } => (
                Some(Colour::Yellow),
                format!("no reply to {number}={seq} within {}", show_duration(*after)),
            ),
            Event::IcmpError { seq, problem, from } => {
                let from = from.map_or(self.target.clone(), |from| from.to_string());
                let text = match self.words {
                    Words::Ours => format!("from {from}: seq={seq} {}", icmp_error_text(*problem)),
                    Words::Pings { .. } => {
                        let Problem { kind, code, .. } = problem;
                        format!("From {from} icmp_seq={seq} {problem} (type {kind}, code {code})")
                    }
                };
                (Some(Colour::Red), text)
            }
            Event::NotSent { seq, why } => {
                (Some(Colour::Red), format!("{number}={seq} could not be sent: {why}"))
            }
            Event::Foreign { packet } => {
                let (bytes, from) = (packet.len(), &self.target);
                let text = printable(packet, 40);
                (
                    Some(Colour::Dim),
                    format!("{bytes} bytes from {from} that answer no request: {text}"),
                )
            }
        }
    }

    fn json(&self, event: &Event) -> Value {
        match event {
            Event::Answer { seq, answer, bytes, ttl } => {
                let (name, rtt) = match answer {
                    Answer::Reply(rtt) => ("reply", Some(*rtt)),
                    Answer::Late(rtt) => ("late", Some(*rtt)),
                    Answer::Duplicate(rtt) => ("duplicate", Some(*rtt)),
                    Answer::Corrupt(rtt) => ("corrupt", Some(*rtt)),
                    Answer::Foreign => ("foreign", None),
                };
                let mut fields = json!({
                    "event": name,
                    "seq": seq,
                    "rtt_ms": rtt.map(ms),
                    "bytes": bytes,
                    "from": self.target,
                });
                if let Some(ttl) = ttl {
                    fields["ttl"] = json!(ttl);
                }
                fields
            }
            Event::Corrupt { seq, rtt, bytes, ttl, what } => {
                let answer = Answer::Corrupt(*rtt);
                let answer = Event::Answer { seq: *seq, answer, bytes: *bytes, ttl: *ttl };
                let mut fields = self.json(&answer);
                fields["what"] = json!(what);
                fields
            }
            Event::Timeout { seq, after } => {
                json!({"event": "timeout", "seq": seq, "timeout_ms": ms(*after)})
            }
            Event::IcmpError { seq, problem, from } => icmp_error_json(*seq, *problem, *from),
            Event::NotSent { seq, why } => json!({"event": "not_sent", "seq": seq, "why": why}),
            Event::Foreign { packet } => json!({
                "event": "foreign",
                "seq": null,
                "bytes": packet.len(),
                "from": self.target,
            }),
        }
    }

    /// The end of every run: what was sent and what became of it.
    pub fn summary(
        &self,
        protocol: &str,
        counts: &Counts,
        rtts: &Rtts,
        took: Duration,
        bars: bool,
    ) {
        self.summary_with(protocol, counts, rtts, took, bars, Extra::default());
    }

    /// The same, and what only one protocol has to add to it.
    pub fn summary_with(
        &self,
        protocol: &str,
        counts: &Counts,
        rtts: &Rtts,
        took: Duration,
        bars: bool,
        extra: Extra,
    ) {
        if self.json {
            let mut event = summary_json(counts, rtts);
            if let Some(event) = event.as_object_mut() {
                event.extend(extra.fields);
            }
            return output::line(&event.to_string());
        }
        let (whose, counted) = match &self.words {
            Words::Ours => {
                (&self.target, format!("{}, time {:.0} ms", counts_text(counts), ms(took)))
            }
            Words::Pings { host } => {
                (host, format!("{}, time {:.0}ms", pings_counts_text(counts), ms(took).floor()))
            }
        };
        output::line(&format!("\n--- {whose} {protocol} statistics ---"));
        output::line(&counted);
        for line in rtt_text(rtts) {
            output::line(&line);
        }
        if let Some(sentence) = loss_sentence(counts) {
            output::line(&sentence);
        }
        extra.lines.iter().for_each(|line| output::line(line));
        if bars && rtts.count() > 0 {
            output::line("rtt histogram:");
            histogram::draw(&rtts.sorted()).iter().for_each(|line| output::line(line));
        }
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

/// A share as per cent, with one decimal where it has one: `30%`, `36.4%`; a
/// very small one with two digits that say something: `0.038%`.
pub fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    let decimals = match percent {
        small if small > 0.0 && small < 0.1 => 1 + (-small.log10()).ceil() as usize,
        _ => 1,
    };
    let text = format!("{percent:.decimals$}");
    format!("{}%", text.trim_end_matches(".0"))
}

/// `10 sent, 7 received, 3 lost, 30% loss`; kinds that did not happen are left out.
fn counts_text(counts: &Counts) -> String {
    let mut words = vec![
        format!("{} sent", counts.sent),
        format!("{} received", counts.received),
        format!("{} lost", counts.lost),
    ];
    for (count, name) in [
        (counts.late, "late"),
        (counts.corrupt, "corrupt"),
        (counts.errors, "errors"),
        (counts.waiting(), "still under way"),
    ] {
        if count > 0 {
            words.push(format!("{count} {name}"));
        }
    }
    // These are beside the probes that were sent, as ping marks its duplicates.
    for (count, name) in [(counts.duplicates, "duplicates"), (counts.foreign, "foreign")] {
        if count > 0 {
            words.push(format!("+{count} {name}"));
        }
    }
    if let Some(loss) = counts.loss() {
        words.push(format!("{} loss", percent(loss)));
    }
    words.join(", ")
}

/// `10 packets transmitted, 7 received, +1 duplicates, 30% packet loss`, in
/// ping's words and order; what ping does not tell apart stands behind its own.
fn pings_counts_text(counts: &Counts) -> String {
    let mut words = vec![
        format!("{} packets transmitted", counts.sent),
        format!("{} received", counts.received),
    ];
    for (count, name) in [
        (counts.duplicates, "duplicates"),
        (counts.corrupt, "corrupted"),
        (counts.errors, "errors"),
        (counts.late, "late"),
        (counts.foreign, "foreign"),
        (counts.waiting(), "still under way"),
    ] {
        if count > 0 {
            words.push(format!("+{count} {name}"));
        }
    }
    if let Some(loss) = counts.loss() {
        words.push(format!("{}% packet loss", six_digits(100.0 * loss)));
    }
    words.join(", ")
}

/// As C's `%g` has it: six digits, no zeros behind them. `33.3333`, `100`, `0`.
fn six_digits(percent: f64) -> String {
    let before = if percent < 1.0 { 0 } else { percent.log10() as usize + 1 };
    let text = format!("{percent:.*}", 6usize.saturating_sub(before));
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

fn rtt_text(rtts: &Rtts) -> Vec<String> {
    let (Some(min), Some(avg), Some(max), Some(mdev)) =
        (rtts.min(), rtts.avg(), rtts.max(), rtts.mdev())
    else {
        return Vec::new();
    };
    let mut lines = vec![format!("rtt min/avg/max/mdev = {min:.3}/{avg:.3}/{max:.3}/{mdev:.3} ms")];
    let percentiles = [50.0, 95.0, 99.0].map(|percent| rtts.percentile(percent));
    if let [Some(p50), Some(p95), Some(p99)] = percentiles {
        let jitter =
            rtts.jitter().map_or(String::new(), |jitter| format!(", jitter {jitter:.3} ms"));
        lines.push(format!("rtt p50/p95/p99 = {p50:.3}/{p95:.3}/{p99:.3} ms{jitter}"));
    }
    lines
}

/// What the run says about the loss of the path, and what it cannot say.
/// Nothing where errors came: they are no matter of chance.
fn loss_sentence(counts: &Counts) -> Option<String> {
    if counts.errors > 0 {
        return None;
    }
    let (low, high) = counts.loss_interval()?;
    let (unanswered, of) = counts.loss_fraction();
    Some(format!(
        "{unanswered} of {of} unanswered: the true loss is {} to {} (95% confidence)",
        percent(low),
        percent(high)
    ))
}

fn summary_json(counts: &Counts, rtts: &Rtts) -> Value {
    let interval = counts.loss_interval();
    json!({
        "event": "summary",
        "sent": counts.sent,
        "received": counts.received,
        "lost": counts.lost,
        "late": counts.late,
        "duplicates": counts.duplicates,
        "corrupt": counts.corrupt,
        "errors": counts.errors,
        "foreign": counts.foreign,
        "waiting": counts.waiting(),
        "loss_pct": counts.loss().map(|loss| 100.0 * loss),
        "loss_ci95_low_pct": interval.map(|(low, _)| 100.0 * low),
        "loss_ci95_high_pct": interval.map(|(_, high)| 100.0 * high),
        "rtt_min_ms": rtts.min(),
        "rtt_avg_ms": rtts.avg(),
        "rtt_max_ms": rtts.max(),
        "rtt_mdev_ms": rtts.mdev(),
        "rtt_p50_ms": rtts.percentile(50.0),
        "rtt_p95_ms": rtts.percentile(95.0),
        "rtt_p99_ms": rtts.percentile(99.0),
        "jitter_ms": rtts.jitter(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use packets::icmp::Version;

    fn reporter() -> Reporter {
        Reporter::new(false, false, "127.0.0.1:12000")
    }

    #[test]
    fn an_event_says_the_same_in_text_and_in_json() {
        let rtt = Duration::from_micros(1234);
        let answer = |answer| Event::Answer { seq: 7, answer, bytes: 34, ttl: None };
        let port = Problem::port_unreachable(Version::V4);
        let host = Problem { code: 1, ..port };
        let cases = [
            (
                answer(Answer::Reply(rtt)),
                "34 bytes from 127.0.0.1:12000: seq=7 time=1.234 ms",
                json!({"event": "reply", "seq": 7, "rtt_ms": 1.234, "bytes": 34, "from": "127.0.0.1:12000"}),
            ),
            (
                answer(Answer::Late(rtt)),
                "34 bytes from 127.0.0.1:12000: seq=7 time=1.234 ms (late: after its timeout)",
                json!({"event": "late", "seq": 7, "rtt_ms": 1.234, "bytes": 34, "from": "127.0.0.1:12000"}),
            ),
            (
                Event::Timeout { seq: 7, after: Duration::from_secs(1) },
                "no reply to seq=7 within 1s",
                json!({"event": "timeout", "seq": 7, "timeout_ms": 1000.0}),
            ),
            (
                Event::IcmpError { seq: 7, problem: port, from: None },
                "from 127.0.0.1:12000: seq=7 Destination Port Unreachable: \
                 no program listens there, or a firewall answers for it (ICMP type 3, code 3)",
                json!({"event": "icmp_error", "seq": 7, "type": 3, "code": 3, "hard": true,
                       "meaning": "Destination Port Unreachable", "from": null}),
            ),
            (
                Event::IcmpError { seq: 7, problem: host, from: Some([10, 0, 2, 1].into()) },
                "from 10.0.2.1: seq=7 Destination Host Unreachable (ICMP type 3, code 1), soft",
                json!({"event": "icmp_error", "seq": 7, "type": 3, "code": 1, "hard": false,
                       "meaning": "Destination Host Unreachable", "from": "10.0.2.1"}),
            ),
        ];
        for (event, text, json) in cases {
            assert_eq!(reporter().text(&event).1, text);
            assert_eq!(reporter().json(&event), json);
        }
    }

    #[test]
    fn in_pings_words_it_reads_as_ping_prints_it() {
        let reporter = Reporter::in_pings_words(false, false, "localhost", "127.0.0.1");
        let rtt = Duration::from_micros(34);
        let answer = Answer::Reply(rtt);
        let problem = Problem { code: 1, ..Problem::port_unreachable(Version::V4) };
        let from = Some([10, 0, 0, 1].into());
        for (event, text) in [
            (
                Event::Answer { seq: 1, answer, bytes: 64, ttl: Some(64) },
                "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.034 ms",
            ),
            (
                Event::Corrupt { seq: 2, rtt, bytes: 8, ttl: None, what: "bad checksum" },
                "8 bytes from 127.0.0.1: icmp_seq=2 time=0.034 ms (corrupt: bad checksum)",
            ),
            (
                Event::IcmpError { seq: 3, problem, from },
                "From 10.0.0.1 icmp_seq=3 Destination Host Unreachable (type 3, code 1)",
            ),
        ] {
            assert_eq!(reporter.text(&event).1, text);
        }
        let counts = Counts { sent: 3, received: 2, errors: 1, duplicates: 4, ..Counts::default() };
        let text =
            "3 packets transmitted, 2 received, +4 duplicates, +1 errors, 33.3333% packet loss";
        assert_eq!(pings_counts_text(&counts), text);
    }

    #[test]
    fn per_cent_have_the_six_digits_that_ping_gives_them() {
        for (percent, text) in [
            (0.0, "0"),
            (100.0, "100"),
            (30.0, "30"),
            (100.0 / 3.0, "33.3333"),
            (200.0 / 3.0, "66.6667"),
            (1.0 / 3.0, "0.333333"),
            (0.002, "0.002"),
        ] {
            assert_eq!(six_digits(percent), text);
        }
    }

    #[test]
    fn a_ttl_is_shown_where_it_is_known() {
        let answer = Answer::Reply(Duration::from_millis(1));
        let event = Event::Answer { seq: 1, answer, bytes: 64, ttl: Some(63) };
        assert!(reporter().text(&event).1.contains(" seq=1 ttl=63 time=1.000 ms"));
        assert_eq!(reporter().json(&event)["ttl"], 63);
    }

    #[test]
    fn a_small_share_is_not_shown_as_none() {
        let shares = [(0.0, "0%"), (0.3, "30%"), (4.0 / 11.0, "36.4%"), (1.0, "100%")];
        let small = [(0.000384, "0.038%"), (0.001, "0.1%"), (0.0000071, "0.00071%")];
        for (share, text) in shares.into_iter().chain(small) {
            assert_eq!(percent(share), text);
        }
    }

    #[test]
    fn figures_that_do_not_exist_are_null_and_not_zero() {
        let nothing = summary_json(&Counts::default(), &Rtts::default());
        for name in [
            "loss_pct",
            "loss_ci95_low_pct",
            "rtt_min_ms",
            "rtt_mdev_ms",
            "rtt_p99_ms",
            "jitter_ms",
        ] {
            assert!(nothing[name].is_null(), "{name}");
        }
        assert!(rtt_text(&Rtts::default()).is_empty());
        assert_eq!(loss_sentence(&Counts::default()), None);
    }

    #[test]
    fn the_summary_tells_what_happened_and_leaves_out_what_did_not() {
        let counts = Counts { sent: 10, received: 7, lost: 3, ..Counts::default() };
        assert_eq!(counts_text(&counts), "10 sent, 7 received, 3 lost, 30% loss");
        let sentence = "3 of 10 unanswered: the true loss is 10.8% to 60.3% (95% confidence)";
        assert_eq!(loss_sentence(&counts).as_deref(), Some(sentence));
        let counts = Counts { sent: 3, errors: 2, duplicates: 1, ..Counts::default() };
        let text =
            "3 sent, 0 received, 0 lost, 2 errors, 1 still under way, +1 duplicates, 100% loss";
        assert_eq!(counts_text(&counts), text);
        assert_eq!(loss_sentence(&counts), None);
    }
}
