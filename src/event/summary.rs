//! The end of every pinger's run: what was sent, and what became of it.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use super::Event;
use crate::clock::At;
use crate::output::plural;
use logic::histogram;
use logic::stats::{Counts, Rtts};
use logic::units::percent;

/// The event `summary`. Its JSON fields are those of `Figures`, below.
#[derive(Debug, Clone)]
pub struct Summary<'a> {
    pub at_ns: At,
    /// Whom the probes were sent to, as it is to be shown.
    pub target: &'a str,
    /// `UDP ping`, for example.
    pub protocol: &'a str,
    pub counts: &'a Counts,
    pub rtts: &'a Rtts,
    /// How long the run took.
    pub took: Duration,
    /// Whether to draw the distribution of the RTTs.
    pub histogram: bool,
}

/// The fields of a `summary`. A figure that does not exist is `null`, never 0.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
struct Figures {
    at_ns: At,
    sent: u64,
    received: u64,
    lost: u64,
    late: u64,
    duplicates: u64,
    corrupt: u64,
    errors: u64,
    foreign: u64,
    waiting: u64,
    loss_pct: Option<f64>,
    loss_ci95_low_pct: Option<f64>,
    loss_ci95_high_pct: Option<f64>,
    rtt_min_ms: Option<f64>,
    rtt_avg_ms: Option<f64>,
    rtt_max_ms: Option<f64>,
    rtt_mdev_ms: Option<f64>,
    rtt_p50_ms: Option<f64>,
    rtt_p95_ms: Option<f64>,
    rtt_p99_ms: Option<f64>,
    jitter_ms: Option<f64>,
}

impl<'a> Summary<'a> {
    /// The summary of a run that is over now.
    pub fn new(
        target: &'a str,
        protocol: &'a str,
        counts: &'a Counts,
        rtts: &'a Rtts,
        took: Duration,
    ) -> Summary<'a> {
        Summary { at_ns: At::now(), target, protocol, counts, rtts, took, histogram: false }
    }

    fn figures(&self) -> Figures {
        let (counts, rtts) = (self.counts, self.rtts);
        let interval = counts.loss_interval();
        Figures {
            at_ns: self.at_ns,
            sent: counts.sent,
            received: counts.received,
            lost: counts.lost,
            late: counts.late,
            duplicates: counts.duplicates,
            corrupt: counts.corrupt,
            errors: counts.errors,
            foreign: counts.foreign,
            waiting: counts.waiting(),
            loss_pct: counts.loss().map(|loss| 100.0 * loss),
            loss_ci95_low_pct: interval.map(|(low, _)| 100.0 * low),
            loss_ci95_high_pct: interval.map(|(_, high)| 100.0 * high),
            rtt_min_ms: rtts.min(),
            rtt_avg_ms: rtts.avg(),
            rtt_max_ms: rtts.max(),
            rtt_mdev_ms: rtts.mdev(),
            rtt_p50_ms: rtts.percentile(50.0),
            rtt_p95_ms: rtts.percentile(95.0),
            rtt_p99_ms: rtts.percentile(99.0),
            jitter_ms: rtts.jitter(),
        }
    }

    /// The lines below the counts, each with a newline before it.
    pub(super) fn write_figures(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for line in rtt_lines(self.rtts).iter().chain(&loss_sentence(self.counts)) {
            write!(f, "\n{line}")?;
        }
        Ok(())
    }

    /// The lines for a person without the histogram, for a summary that has
    /// more to say before it.
    pub fn write_counts(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { target, protocol, took, .. } = self;
        let ms = took.as_secs_f64() * 1e3;
        write!(f, "\n--- {target} {protocol} statistics ---\n")?;
        write!(f, "{}, time {ms:.0} ms", counts_line(self.counts))?;
        self.write_figures(f)
    }

    /// The histogram, if it is wanted, with a newline before each line.
    pub fn write_histogram(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.histogram && self.rtts.count() > 0 {
            write!(f, "\nrtt histogram:")?;
            for line in histogram::draw(&self.rtts.sorted()) {
                write!(f, "\n{line}")?;
            }
        }
        Ok(())
    }
}

impl Serialize for Summary<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.figures().serialize(serializer)
    }
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.write_counts(f)?;
        self.write_histogram(f)
    }
}

impl Event for Summary<'_> {}

/// `10 sent, 7 received, 3 lost, 30% loss`; kinds that did not happen are left out.
fn counts_line(counts: &Counts) -> String {
    let mut words = vec![
        format!("{} sent", counts.sent),
        format!("{} received", counts.received),
        format!("{} lost", counts.lost),
    ];
    for (count, text) in [
        (counts.late, format!("{} late", counts.late)),
        (counts.corrupt, format!("{} corrupt", counts.corrupt)),
        (counts.errors, plural(counts.errors, "error")),
        (counts.waiting(), format!("{} still under way", counts.waiting())),
        // These are beside the probes that were sent, as ping marks its duplicates.
        (counts.duplicates, format!("+{}", plural(counts.duplicates, "duplicate"))),
        (counts.foreign, format!("+{} foreign", counts.foreign)),
    ] {
        if count > 0 {
            words.push(text);
        }
    }
    if let Some(loss) = counts.loss() {
        words.push(format!("{} loss", percent(loss)));
    }
    words.join(", ")
}

fn rtt_lines(rtts: &Rtts) -> Vec<String> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_that_do_not_exist_are_null_and_not_zero() {
        let (counts, rtts) = (Counts::default(), Rtts::default());
        let summary = Summary::new("server", "UDP ping", &counts, &rtts, Duration::ZERO);
        let nothing = serde_json::to_value(&summary).unwrap();
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
        assert!(rtt_lines(&rtts).is_empty());
        assert_eq!(loss_sentence(&counts), None);
    }

    #[test]
    fn the_summary_tells_what_happened_and_leaves_out_what_did_not() {
        let counts = Counts { sent: 10, received: 7, lost: 3, ..Counts::default() };
        assert_eq!(counts_line(&counts), "10 sent, 7 received, 3 lost, 30% loss");
        let sentence = "3 of 10 unanswered: the true loss is 10.8% to 60.3% (95% confidence)";
        assert_eq!(loss_sentence(&counts).as_deref(), Some(sentence));
        let counts = Counts { sent: 3, errors: 1, duplicates: 1, foreign: 1, ..Counts::default() };
        let text = "3 sent, 0 received, 0 lost, 1 error, 2 still under way, +1 duplicate, \
                    +1 foreign, 100% loss";
        assert_eq!(counts_line(&counts), text);
        assert_eq!(loss_sentence(&counts), None);
    }
}
