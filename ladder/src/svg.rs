//! Drawing as SVG: arrows slanted by the time that they were really under way.
//!
//! Sideways everything is in per cent of the width, so that the same drawing
//! fits a page of any width; downwards it is in pixels.

mod marks;

use crate::look::{class, escape, looks, words};
use crate::model::{Ended, Fate, Kind, Packet, Run, Time};
use crate::scale::{Scale, Sizes, clock, length};
use crate::selection::beginning;

const SIZES: Sizes = Sizes { exchange: 84.0, busy: 220.0, idle: 130.0, broken: 34.0, apart: 24.0 };
/// The head of the page, above the first moment.
const TOP: f64 = 72.0;
/// The width of a drawing that stands by itself.
const WIDTH: f64 = 760.0;
const ROW: f64 = 22.0;
/// The first and the last lifeline, and the end of the figures, in per cent of the width.
const LEFT: f64 = 28.0;
const RIGHT: f64 = 84.0;
const FIGURES: f64 = 22.5;

/// Colours for the colour-blind (after Okabe and Ito), and dashes that tell the
/// same in grey. Each class has one for light and one for dark paper.
pub const STYLE: &str = include_str!("svg.css");

/// The pieces from which both a file and a page are made.
#[derive(Debug)]
pub struct Drawing {
    pub body: String,
    pub height: f64,
}

/// A file that stands by itself, as wide as a column of text.
pub fn draw(run: &Run) -> String {
    let Drawing { body, height } = drawing(run, true);
    let title = title(run);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"ladder\" role=\"img\" width=\"{WIDTH}\" \
         height=\"{height:.0}\" viewBox=\"0 0 {WIDTH} {height:.0}\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"var(--paper)\"/>\n\
         {body}</svg>\n"
    )
}

/// What is to be seen, for who cannot see it.
pub fn title(run: &Run) -> String {
    let names: Vec<&str> = run.lifelines.iter().map(|lifeline| lifeline.name.as_str()).collect();
    let dead = run.packets.iter().filter(|packet| packet.fate.is_cross()).count();
    let packets = run.packets.len();
    escape(&format!(
        "Space-time diagram of {}: {packets} packets, {dead} of which did not arrive",
        names.join(", ")
    ))
}

/// The drawing; with its legend, if it has to explain itself.
pub fn drawing(run: &Run, legend: bool) -> Drawing {
    let scale = Scale::new(run, SIZES);
    let mut sheet = Sheet { run, scale: &scale, out: String::new() };
    let bottom = TOP + scale.height() + 26.0;
    if run.lifelines.is_empty() {
        return Drawing { body: String::new(), height: bottom };
    }
    sheet.marks_behind();
    sheet.lifelines(bottom - 10.0);
    sheet.times();
    sheet.braces();
    for (index, packet) in run.packets.iter().enumerate() {
        sheet.packet(index, packet);
    }
    sheet.words();
    let height = if legend { sheet.legend(bottom + 8.0) } else { bottom };
    Drawing { body: sheet.out, height }
}

struct Sheet<'a> {
    run: &'a Run,
    scale: &'a Scale,
    out: String,
}

/// Where a lifeline stands, in per cent of the width.
fn x(run: &Run, lifeline: usize) -> f64 {
    let last = run.lifelines.len() - 1;
    let (left, right) = (LEFT, if last == 0 { LEFT } else { RIGHT });
    left + (right - left) * lifeline as f64 / last.max(1) as f64
}

impl Sheet<'_> {
    fn y(&self, time: Time) -> f64 {
        TOP + self.scale.y(time)
    }

    fn add(&mut self, piece: &str) {
        self.out.push_str(piece);
        self.out.push('\n');
    }

    fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), shift: f64, words: &str) {
        let words = escape(words);
        self.add(&format!(
            "<text class=\"{class}\" text-anchor=\"{anchor}\" x=\"{x:.2}%\" y=\"{y:.1}\" dx=\"{shift:.0}\">{words}</text>"
        ));
    }

    fn lifelines(&mut self, bottom: f64) {
        for (index, lifeline) in self.run.lifelines.iter().enumerate() {
            let x = x(self.run, index);
            self.text("name", "middle", (x, 24.0), 0.0, &lifeline.name);
            let address = match (&lifeline.address, lifeline.told) {
                (Some(address), _) => address.as_str(),
                (None, true) => "",
                (None, false) => "(tells nothing)",
            };
            // On a narrow page, of many addresses there is room for the ports.
            let (host, port) = address.rsplit_once(':').unwrap_or(("", address));
            let narrow = if self.run.lifelines.len() > 2 { "wide" } else { "" };
            let (host, port) = (escape(host), escape(port));
            let colon = if host.is_empty() { "" } else { ":" };
            self.add(&format!(
                "<text class=\"dim\" text-anchor=\"middle\" x=\"{x:.2}%\" y=\"41\">\
                 <tspan class=\"{narrow}\">{host}</tspan>{colon}{port}</text>"
            ));
            self.add(&format!(
                "<line class=\"life\" x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"50\" y2=\"{bottom:.1}\"/>"
            ));
            for pause in &self.scale.breaks {
                let (top, bottom) = (TOP + pause.top + 7.0, TOP + pause.bottom - 7.0);
                let at =
                    format!("x1=\"{x:.2}%\" x2=\"{x:.2}%\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"");
                self.out
                    .push_str(&format!("<line class=\"gap\" {at}/><line class=\"pause\" {at}/>\n"));
            }
        }
    }

    /// The moments at the left, where there is room for them, and the lengths of pauses.
    fn times(&mut self) {
        let beginning = beginning(self.run);
        let mut times: Vec<Time> = self
            .run
            .packets
            .iter()
            .flat_map(|packet| {
                let left =
                    (packet.left.known && packet.fate != Fate::NotSent).then_some(packet.left.at);
                [left, packet.came.known.then_some(packet.came.at)]
            })
            .flatten()
            .collect();
        times.sort_unstable();
        let mut free = f64::MIN;
        for pause in &self.scale.breaks {
            let middle = TOP + (pause.top + pause.bottom) / 2.0 + 4.0;
            self.text(
                "time",
                "end",
                (FIGURES, middle),
                0.0,
                &format!("⋮ {}", length(pause.to - pause.from)),
            );
        }
        let pauses: Vec<f64> = self
            .scale
            .breaks
            .iter()
            .map(|pause| TOP + (pause.top + pause.bottom) / 2.0 + 4.0)
            .collect();
        for time in times {
            let y = self.y(time) + 4.0;
            let clear = pauses.iter().all(|pause| (pause - y).abs() >= 14.0);
            if y >= free && clear {
                self.text("time", "end", (FIGURES, y), 0.0, &clock(time - beginning));
                free = y + 15.0;
            }
        }
    }

    fn packet(&mut self, index: usize, packet: &Packet) {
        let (from, there) = (x(self.run, packet.from), x(self.run, packet.to));
        let right = from <= there;
        let end = match packet.fate.ended() {
            Ended::Arrived | Ended::ThereDead => there,
            Ended::Midway => f64::midpoint(from, there),
            Ended::Here => from + if right { 6.0 } else { -6.0 },
        };
        let (top, mut bottom) = (self.y(packet.left.at), self.y(packet.came.at));
        if bottom - top < 2.5 {
            // A line that is a fraction of a pixel off looks like two.
            bottom = top;
        }
        let class = class(packet);
        let line = format!("x1=\"{from:.2}%\" y1=\"{top:.1}\" x2=\"{end:.2}%\" y2=\"{bottom:.1}\"");
        let title = escape(&words(packet));
        self.add(&format!(
            "<g class=\"p {class}\" data-p=\"{index}\" tabindex=\"0\"><title>{title}</title>\
             <line class=\"hit\" {line}/><line class=\"a body\" {line}/>"
        ));
        let dy = bottom - top;
        // The slope in pixels is known for one width only; heads turn a little at most.
        let slope = dy / (WIDTH * (end - from).abs().max(1.0) / 100.0);
        self.head(packet, (end, bottom), right, slope);
        let words = [packet.label.as_str(), packet.fate.short()];
        let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
        // At the arrow's beginning; of copies, which begin together, at its end.
        let (at, y, start) = match packet.fate {
            Fate::Duplicate => (end, bottom, !right),
            _ => (from, top, right),
        };
        let (anchor, shift) = if start { ("start", 14.0) } else { ("end", -14.0) };
        let above = if dy > 6.0 && packet.fate == Fate::Duplicate { 14.0 } else { -6.0 };
        let (words, y) = (escape(&words.join(" ")), y + above);
        let why = packet
            .why
            .as_deref()
            .filter(|_| packet.fate != Fate::Refused || packet.kind == Kind::Syn);
        let why = why.map_or(String::new(), |why| {
            format!("<tspan class=\"wide\">: {}</tspan>", escape(why))
        });
        self.add(&format!(
            "<text class=\"label\" text-anchor=\"{anchor}\" x=\"{at:.2}%\" y=\"{y:.1}\" dx=\"{shift:.0}\">{words}{why}</text>"
        ));
        self.add("</g>");
    }

    /// What stands at the arrow's end: its head, or a cross. The shape of each
    /// fate differs, not its colour alone.
    fn head(&mut self, packet: &Packet, (x, y): (f64, f64), right: bool, slope: f64) {
        let tilt = slope.atan().to_degrees().clamp(-35.0, 35.0);
        let turn = if right { tilt } else { 180.0 - tilt };
        let arrow = "M-1 0L-11 -5L-11 5Z";
        let shape = match packet.fate {
            Fate::Arrived | Fate::Reordered | Fate::SaidLost => {
                format!("<path class=\"fill\" d=\"{arrow}\"/>")
            }
            Fate::Duplicate => format!(
                "<path class=\"fill\" d=\"{arrow}\"/><path class=\"fill\" d=\"M-9 0L-19 -5L-19 5Z\"/>"
            ),
            Fate::Late => format!("<path class=\"a hollow\" d=\"{arrow}\"/>"),
            Fate::Corrupt => "<path class=\"a hollow\" d=\"M-1 0L-7 -6L-13 0L-7 6Z\"/>".to_string(),
            Fate::Dropped | Fate::Lost => {
                "<path class=\"a\" stroke-width=\"2.6\" d=\"M-6 -6L6 6M-6 6L6 -6\"/>".to_string()
            }
            Fate::Refused | Fate::NotSent => {
                "<circle class=\"a hollow\" r=\"6.5\"/><path class=\"a\" d=\"M-4.5 -4.5L4.5 4.5\"/>"
                    .to_string()
            }
            Fate::Unanswered | Fate::Unknown => "<circle class=\"a hollow\" r=\"5\"/>".to_string(),
        };
        self.add(&format!(
            "<svg x=\"{x:.2}%\" y=\"{y:.1}\" overflow=\"visible\"><g transform=\"rotate({turn:.1})\">{shape}</g></svg>"
        ));
    }

    /// The marks that occur, the scale bar, the notes; returns where they end.
    fn legend(&mut self, mut y: f64) -> f64 {
        let (time, bar) = self.scale.bar(60.0);
        self.add(&format!(
            "<svg x=\"4%\" y=\"{y:.1}\" overflow=\"visible\"><path class=\"a\" d=\"M-4 0H4M0 0V{bar:.1}M-4 {bar:.1}H4\"/></svg>"
        ));
        self.text("time", "start", (4.0, y + bar / 2.0 + 4.0), 10.0, &length(time));
        let top = y;
        for (packet, words) in looks(self.run) {
            let class = class(packet);
            self.add(&format!(
                "<g class=\"{class}\"><line class=\"a body\" x1=\"28%\" x2=\"36%\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
            ));
            self.head(packet, (36.0, y), true, 0.0);
            self.add("</g>");
            self.text("", "start", (36.0, y + 4.0), 14.0, words);
            y += ROW;
        }
        if !self.scale.breaks.is_empty() {
            self.text("dim", "middle", (32.0, y + 4.0), 0.0, "⋮");
            self.text("", "start", (36.0, y + 4.0), 14.0, "a pause, shortened");
            y += ROW;
        }
        y = y.max(top + bar + ROW);
        for note in self.run.notes.clone() {
            self.text("dim", "start", (4.0, y + 4.0), 0.0, &note);
            y += ROW;
        }
        y + 6.0
    }
}
