//! What a watcher makes of answers and silences: whether the server is down, and how its clock stands.

use std::time::{Duration, Instant};

use serde_json::json;
use socklab::output::Colour;
use socklab::report::{Extra, Reporter};

/// The judgement: misses in a row, and the last sign of life.
pub struct Watch {
    misses: u64,
    in_a_row: u64,
    /// When the server was last heard, or when the watch began.
    last_life: Instant,
    ever_alive: bool,
    pub down: bool,
}

impl Watch {
    /// A watch that begins now, and takes so many misses in a row for death.
    pub fn new(misses: u64) -> Watch {
        Watch { misses, in_a_row: 0, last_life: Instant::now(), ever_alive: false, down: false }
    }

    /// Enters a beat that nothing came back for.
    pub fn missed(&mut self, seq: u64, reporter: &Reporter) {
        self.in_a_row += 1;
        if self.down || self.in_a_row < self.misses {
            return;
        }
        self.down = true;
        let (misses, silent) = (self.in_a_row, self.last_life.elapsed().as_secs_f64());
        let since = match self.ever_alive {
            true => format!("{silent:.3} s after the last sign of life"),
            false => format!("no sign of life in {silent:.3} s"),
        };
        let text =
            format!("server assumed down after beat {seq}: {misses} unanswered in a row, {since}");
        let event = json!({
            "event": "down",
            "seq": seq,
            "misses": misses,
            "silent_s": silent,
            "ever_alive": self.ever_alive,
        });
        reporter.tell_always(Some(Colour::Red), &text, &event);
    }

    /// Enters an answer, be it late: a dead server would not have sent it.
    pub fn alive(&mut self, seq: u64, reporter: &Reporter) {
        if self.down {
            let outage = self.last_life.elapsed().as_secs_f64();
            let text = format!("server is back with beat {seq}, after {outage:.3} s of silence");
            let event = json!({"event": "recovered", "seq": seq, "outage_s": outage});
            reporter.tell_always(Some(Colour::Green), &text, &event);
        }
        (self.in_a_row, self.down, self.ever_alive) = (0, false, true);
        self.last_life = Instant::now();
    }
}

/// What all answers together say about the server's clock.
#[derive(Default)]
pub struct Clocks {
    /// RTT and DIFF, in milliseconds, of the answer with the shortest RTT: the
    /// shorter the RTT, the closer the bounds.
    best: Option<(f64, f64)>,
    negative: u64,
}

impl Clocks {
    /// Enters an answer that came in time; `diff` in seconds, as it stands in it.
    pub fn compare(&mut self, rtt: Duration, diff: f64) {
        let rtt = rtt.as_secs_f64() * 1e3;
        if self.best.is_none_or(|(shortest, _)| rtt < shortest) {
            self.best = Some((rtt, diff * 1e3));
        }
        self.negative += u64::from(diff < 0.0);
    }

    /// What to add to the summary.
    pub fn extra(&self) -> Extra {
        let mut extra = Extra::default();
        let best = self.best.map(|(rtt, diff)| (diff - rtt / 2.0, rtt / 2.0));
        extra.fields.insert("offset_ms".into(), json!(best.map(|(offset, _)| offset)));
        extra.fields.insert("offset_bound_ms".into(), json!(best.map(|(_, bound)| bound)));
        if let Some((offset, bound)) = best {
            extra.lines.push(format!(
                "server's clock minus ours: {offset:+.3} ms, give or take {bound:.3} \
                 (beat with the shortest RTT)"
            ));
        }
        if self.negative > 0 {
            extra.lines.push(format!(
                "diff was negative in {} answers: not a way of negative length, but a server's \
                 clock behind ours",
                self.negative
            ));
        }
        extra
    }
}
