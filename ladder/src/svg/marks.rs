//! What is drawn beside the packets: connections, timeouts, and words.

use super::{Sheet, escape, x};
use crate::model::Mark;
use crate::scale::length;

impl Sheet<'_> {
    /// Bands, behind everything else.
    pub(super) fn marks_behind(&mut self) {
        for mark in &self.run.marks {
            let Mark::Band { near, far, from, to, .. } = mark else { continue };
            let (a, b) = (x(self.run, *near), x(self.run, *far));
            let (top, height) = (self.y(*from), (self.y(*to) - self.y(*from)).max(4.0));
            let (left, width) = (a.min(b), (a - b).abs());
            self.add(&format!(
                "<rect class=\"band\" x=\"{left:.2}%\" y=\"{top:.1}\" width=\"{width:.2}%\" height=\"{height:.1}\"/>"
            ));
        }
    }

    pub(super) fn braces(&mut self) {
        let mut lanes: Vec<f64> = Vec::new();
        for mark in &self.run.marks {
            let Mark::Timeout { lifeline, from, to, .. } = mark else { continue };
            let (top, bottom) = (self.y(*from), self.y(*to));
            let lane = lanes.iter().position(|busy| *busy < top).unwrap_or(lanes.len());
            if lane > 5 {
                continue;
            }
            if lane == lanes.len() {
                lanes.push(bottom)
            } else {
                lanes[lane] = bottom
            }
            let at_left = *lifeline == 0
                || self.run.lifelines.len() > 2 && *lifeline + 1 < self.run.lifelines.len();
            let side = if at_left { -1.0 } else { 1.0 };
            let out = side * (9.0 + 6.0 * lane as f64);
            let x = x(self.run, *lifeline);
            let height = bottom - top;
            self.add(&format!(
                "<svg x=\"{x:.2}%\" y=\"{top:.1}\" overflow=\"visible\"><path class=\"brace\" \
                 d=\"M{side:.0} 0Q{out:.0} 0 {out:.0} 6V{:.1}Q{out:.0} {height:.1} {side:.0} {height:.1}\"/></svg>",
                (height - 6.0).max(6.0)
            ));
        }
    }

    /// What is written at lifelines and on bands, before everything else.
    pub(super) fn words(&mut self) {
        let last = self.run.lifelines.len() - 1;
        let mut taken: Vec<(usize, f64)> = Vec::new();
        // What is said at the same moment stands in lines of its own.
        let mut line = |lifeline: usize, mut y: f64| {
            let near = |used: f64, y: f64| (used - y).abs() < 14.0;
            while taken.iter().rev().take(9).any(|&(at, used)| at == lifeline && near(used, y)) {
                y += 14.0;
            }
            taken.push((lifeline, y));
            y
        };
        for mark in &self.run.marks {
            let at_right = |lifeline: usize| lifeline > 0 && lifeline == last;
            match mark {
                Mark::Timeout { lifeline, label, from, to, .. } => {
                    let x = x(self.run, *lifeline);
                    let (anchor, shift) =
                        if at_right(*lifeline) { ("end", -10.0) } else { ("start", 10.0) };
                    let y = line(*lifeline, self.y(*to) + 2.0);
                    let (label, after) = (escape(label), length(to - from));
                    self.add(&format!(
                        "<text class=\"said\" text-anchor=\"{anchor}\" x=\"{x:.2}%\" y=\"{y:.1}\" dx=\"{shift:.0}\">\
                         {label} timed out<tspan class=\"wide\"> after {after}</tspan></text>"
                    ));
                }
                Mark::Note { lifeline, at, text, .. } => {
                    let (anchor, shift) =
                        if at_right(*lifeline) { ("end", -10.0) } else { ("start", 10.0) };
                    let place = (x(self.run, *lifeline), line(*lifeline, self.y(*at) + 2.0));
                    self.text("note", anchor, place, shift, text);
                }
                Mark::Band { near, far, from, to, text, opening, .. } => {
                    let took =
                        if *opening { format!(", {}", length(to - from)) } else { String::new() };
                    let middle = f64::midpoint(x(self.run, *near), x(self.run, *far));
                    let y = f64::midpoint(self.y(*from), self.y(*to)) + 4.0;
                    self.text("dim label", "middle", (middle, y), 0.0, &format!("{text}{took}"));
                }
            }
        }
    }
}
