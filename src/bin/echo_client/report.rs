//! What the echo client tells: of each message what became of it, and the sum at the end.

use std::io::{self, IsTerminal};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::{Value, json};

use crate::compare::{Difference, Flow, difference};
use crate::screen::Screen;
use packets::icmp_error::Problem;
use socklab::cli::{Exit, show_duration};
use socklab::output::{self, Colour, Painter};
use socklab::report::{icmp_error_json, icmp_error_text};

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The same bytes came back.
    Equal { rtt: Duration },
    /// They did, but after the timeout.
    Late { rtt: Duration },
    /// Something else came back.
    Different { first: Difference },
    /// Nothing, or not all of it, came back in time.
    NoAnswer { after: Duration },
    /// An ICMP error came in its place; `from` is who sent it, where that is known.
    IcmpError { problem: Problem, from: Option<IpAddr> },
    /// The server ended the connection before all had come back.
    Closed { why: String },
    /// It could not be sent.
    NotSent { why: String },
}

impl Verdict {
    /// Compares what came back with what was sent, and its time with the timeout.
    pub fn of(sent: &[u8], got: &[u8], rtt: Duration, timeout: Duration) -> Verdict {
        match difference(sent, got) {
            None if rtt > timeout => Verdict::Late { rtt },
            None => Verdict::Equal { rtt },
            Some(first) => Verdict::Different { first },
        }
    }
}

/// Messages by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub sent: u64,
    pub equal: u64,
    pub late: u64,
    pub different: u64,
    pub unanswered: u64,
    /// Refused, closed, or not sent.
    pub errors: u64,
}

impl Counts {
    fn enter(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Equal { .. } => self.equal += 1,
            Verdict::Late { .. } => self.late += 1,
            Verdict::Different { .. } => self.different += 1,
            Verdict::NoAnswer { .. } => self.unanswered += 1,
            _ => self.errors += 1,
        }
    }

    /// Sent, and nothing is known of them: Ctrl-C came first.
    fn waiting(&self) -> u64 {
        self.sent - self.equal - self.late - self.different - self.unanswered - self.errors
    }

    fn exit(&self) -> Exit {
        let wrong = self.late + self.different + self.unanswered + self.errors;
        // Ctrl-C may leave one under way, which is neither.
        match wrong == 0 && (self.equal > 0 || self.sent == 0) {
            true => Exit::Ok,
            false => Exit::NoReply,
        }
    }
}

/// Writes what happens. With `typed` messages stdout has the answers and
/// nothing else, so that it can be a pipe; all else goes to stderr.
#[derive(Debug)]
pub struct Report {
    program: &'static str,
    /// `UDP` or `TCP`.
    protocol: &'static str,
    /// The server, as it is to be shown.
    server: String,
    typed: bool,
    json: bool,
    quiet: bool,
    counts: Counts,
    screen: Screen,
}

impl Report {
    pub fn new(program: &'static str, protocol: &'static str, server: SocketAddr) -> Report {
        Report {
            program,
            protocol,
            server: server.to_string(),
            typed: false,
            json: false,
            quiet: false,
            counts: Counts::default(),
            screen: Screen::for_stdout(),
        }
    }

    /// The same, but for typed messages, as JSON lines, or with less to say.
    pub fn with(self, typed: bool, json: bool, quiet: bool) -> Report {
        Report { typed, json, quiet, ..self }
    }

    /// The first line; `bytes` is the length of a message, where it is known.
    pub fn start(&self, bytes: Option<usize>, timeout: Duration) {
        let Report { protocol, server, .. } = self;
        if self.json {
            let event = json!({
                "event": "start",
                "program": self.program,
                "protocol": protocol,
                "server": server,
                "bytes": bytes,
                "timeout_ms": ms(timeout),
            });
            output::line(&event.to_string());
        } else if let (Some(bytes), false) = (bytes, self.typed) {
            let timeout = show_duration(timeout);
            output::line(&format!("{protocol} ECHO {server}: {bytes} bytes, timeout {timeout}"));
        } else if self.typed && !self.quiet && io::stdin().is_terminal() {
            let hint = "type lines to send; Ctrl-D ends";
            output::complain(self.program, &format!("{protocol} ECHO {server}: {hint}"));
        }
    }

    /// A message goes out.
    pub fn sending(&mut self) {
        self.counts.sent += 1;
    }

    /// A message and what became of it; `answer` is what came back.
    pub fn verdict(&mut self, answer: &[u8], verdict: &Verdict) {
        self.counts.enter(verdict);
        let (seq, bytes) = (self.counts.sent, answer.len());
        if self.typed && !self.json {
            self.screen.show(answer);
            if !matches!(verdict, Verdict::Equal { .. }) {
                output::complain(self.program, &self.text(seq, bytes, verdict).1);
            }
        } else if self.quiet {
        } else if self.json {
            output::line(&self.event(seq, bytes, verdict).to_string());
        } else {
            let (colour, text) = self.text(seq, bytes, verdict);
            output::line(&Painter::for_stdout().paint(colour, &text));
        }
    }

    fn text(&self, seq: u64, bytes: usize, verdict: &Verdict) -> (Colour, String) {
        let from = &self.server;
        let head = format!("{bytes} bytes from {from}: seq={seq}");
        match verdict {
            Verdict::Equal { rtt } => {
                (Colour::Green, format!("{head} equal, time={:.3} ms", ms(*rtt)))
            }
            Verdict::Late { rtt } => {
                let time = ms(*rtt);
                (
                    Colour::Yellow,
                    format!("{head} equal, time={time:.3} ms (late: after its timeout)"),
                )
            }
            Verdict::Different { first } => {
                (Colour::Red, format!("{head} different: {}", show(first, bytes as u64)))
            }
            Verdict::NoAnswer { after } => {
                let only = if bytes > 0 { format!(", only {bytes} bytes") } else { String::new() };
                let after = show_duration(*after);
                (Colour::Yellow, format!("no answer to seq={seq} within {after}{only}"))
            }
            Verdict::IcmpError { problem, from } => {
                let from = from.map_or(self.server.clone(), |from| from.to_string());
                (Colour::Red, format!("from {from}: seq={seq} {}", icmp_error_text(*problem)))
            }
            Verdict::Closed { why } => {
                let text = format!("from {from}: seq={seq} broken off after {bytes} bytes: {why}");
                (Colour::Red, text)
            }
            Verdict::NotSent { why } => {
                (Colour::Red, format!("seq={seq} could not be sent: {why}"))
            }
        }
    }

    fn event(&self, seq: u64, bytes: usize, verdict: &Verdict) -> Value {
        let from = &self.server;
        match verdict {
            Verdict::Equal { rtt } | Verdict::Late { rtt } => json!({
                "event": if matches!(verdict, Verdict::Late { .. }) { "late" } else { "reply" },
                "seq": seq,
                "rtt_ms": ms(*rtt),
                "bytes": bytes,
                "from": from,
            }),
            Verdict::Different { first } => json!({
                "event": "corrupt",
                "seq": seq,
                "bytes": bytes,
                "first_difference": first.byte,
                "from": from,
            }),
            Verdict::NoAnswer { after } => {
                json!({"event": "timeout", "seq": seq, "bytes": bytes, "timeout_ms": ms(*after)})
            }
            Verdict::IcmpError { problem, from } => icmp_error_json(seq, *problem, *from),
            Verdict::Closed { why } => {
                json!({"event": "closed", "seq": seq, "bytes": bytes, "why": why})
            }
            Verdict::NotSent { why } => json!({"event": "not_sent", "seq": seq, "why": why}),
        }
    }

    /// Part of a stream, as it came back.
    pub fn piece(&mut self, piece: &[u8]) {
        if !self.json {
            self.screen.show(piece);
        }
    }

    /// The sum of all messages, and the exit status that follows from it.
    pub fn summary(&self) -> Exit {
        let Counts { sent, equal, late, different, unanswered, errors } = self.counts;
        let mut sum = format!(
            "{sent} sent, {equal} equal, {different} different, {unanswered} without an answer"
        );
        let waiting = self.counts.waiting();
        for (count, what) in [(late, "late"), (errors, "errors"), (waiting, "still under way")] {
            if count > 0 {
                sum += &format!(", {count} {what}");
            }
        }
        if self.json {
            let event = json!({
                "event": "summary",
                "sent": sent,
                "received": equal,
                "late": late,
                "corrupt": different,
                "lost": unanswered,
                "errors": errors,
                "waiting": waiting,
            });
            output::line(&event.to_string());
        } else if self.typed {
            if !self.quiet {
                output::complain(self.program, &sum);
            }
        } else {
            let Report { server, protocol, .. } = self;
            output::line(&format!("\n--- {server} {protocol} echo statistics ---\n{sum}"));
        }
        self.counts.exit()
    }

    /// The sum of a stream, and the exit status. `trouble` is why it ended
    /// early, if it did; `first` the first difference, if there is one.
    pub fn stream(&self, flow: &Flow, first: Option<&Difference>, trouble: Option<&str>) -> Exit {
        let Flow { sent, returned, .. } = *flow;
        if self.json {
            let event = json!({
                "event": "summary",
                "bytes_sent": sent,
                "bytes_equal": returned,
                "first_difference": first.map(|first| first.byte),
                "trouble": trouble,
            });
            output::line(&event.to_string());
        } else {
            let sum = match (first, sent - returned) {
                (Some(first), _) => {
                    format!("{sent} bytes sent, different: {}", show(first, returned))
                }
                (None, 0) => format!("{sent} bytes sent, all came back equal"),
                (None, missing) => {
                    format!("{sent} bytes sent, {returned} came back equal, {missing} did not come")
                }
            };
            if let Some(trouble) = trouble {
                output::complain(self.program, trouble);
            }
            if !self.quiet {
                output::complain(self.program, &sum);
            }
        }
        let whole = trouble.is_none() || flow.finished;
        match first.is_none() && sent == returned && whole {
            true => Exit::Ok,
            false => Exit::NoReply,
        }
    }
}

/// A difference in words; `came` bytes came back in all.
fn show(first: &Difference, came: u64) -> String {
    let Difference { byte, sent, got } = first;
    match (sent, got) {
        (Some(sent), Some(got)) => {
            format!("byte {byte} was sent as 0x{sent:02x} and came back as 0x{got:02x}")
        }
        (Some(_), None) => format!("only {came} bytes came back"),
        _ => format!("more came back than the {} bytes sent", byte - 1),
    }
}

fn ms(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_in_which_all_was_equal_is_a_success() {
        let counts = |sent, equal, different, unanswered, errors| Counts {
            sent,
            equal,
            different,
            unanswered,
            errors,
            ..Counts::default()
        };
        for (counts, exit) in [
            (counts(0, 0, 0, 0, 0), Exit::Ok),
            (counts(2, 2, 0, 0, 0), Exit::Ok),
            // One was under way at Ctrl-C.
            (counts(2, 1, 0, 0, 0), Exit::Ok),
            (counts(1, 0, 0, 0, 0), Exit::NoReply),
            (counts(2, 1, 1, 0, 0), Exit::NoReply),
            (counts(2, 1, 0, 1, 0), Exit::NoReply),
            (counts(2, 1, 0, 0, 1), Exit::NoReply),
        ] {
            assert_eq!(counts.exit(), exit, "{counts:?}");
        }
    }

    #[test]
    fn a_difference_is_put_into_words() {
        let words = |sent, got| show(&Difference { byte: 5, sent, got }, 4);
        let changed = "byte 5 was sent as 0x61 and came back as 0x41";
        assert_eq!(words(Some(b'a'), Some(b'A')), changed);
        assert_eq!(words(Some(b'a'), None), "only 4 bytes came back");
        assert_eq!(words(None, Some(b'a')), "more came back than the 4 bytes sent");
    }
}
