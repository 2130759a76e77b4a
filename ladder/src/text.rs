//! Drawing for a terminal: a row for every moment at which something happens.
//!
//! Rows follow the scale. Where two things at one lifeline would fall into the
//! same row, the later one gets a row of its own, and all below it moves down;
//! the figures at the left stay right.

use packets::paint::Colour;

use crate::grid::{Grid, Layer, Page};
use crate::legend::{headings, legend, style};
use crate::model::{Ended, Fate, Kind, Mark, Packet, Run};
use crate::points::Point;
use crate::rows::Rows;
use crate::scale::{Scale, Sizes, clock, length};
use crate::selection::beginning;

const SIZES: Sizes = Sizes { exchange: 4.0, busy: 10.0, idle: 6.0, broken: 2.0, apart: 0.0 };
/// The figures at the left.
const FIGURES: usize = 12;
/// So many timeouts that run at the same time have a brace; further ones only an end.
const LANES: usize = 3;

/// Draws a run, as lines.
pub fn draw(run: &Run, page: Page) -> Vec<String> {
    if run.lifelines.is_empty() {
        return Vec::new();
    }
    let columns = columns(run, page.width);
    let scale = Scale::new(run, SIZES);
    let rows = Rows::new(run, &scale);
    let mut sheet =
        Sheet { run, rows: &rows, columns: &columns, grid: Grid::new(page.width, rows.count) };
    sheet.lifelines();
    sheet.braces();
    sheet.marks();
    run.packets.iter().enumerate().for_each(|(index, packet)| sheet.packet(index, packet));
    sheet.figures();
    let mut lines = headings(run, &columns, page);
    lines.extend(sheet.grid.lines(page.painter, page.ascii));
    lines.push(String::new());
    lines.extend(legend(run, &scale, page));
    lines
}

/// The column of each lifeline.
fn columns(run: &Run, width: usize) -> Vec<usize> {
    let braces = |lifeline: usize| {
        run.marks
            .iter()
            .any(|mark| matches!(mark, Mark::Timeout { lifeline: at, .. } if *at == lifeline))
    };
    let last = run.lifelines.len() - 1;
    let left = FIGURES + 2 + if braces(0) { LANES + 1 } else { 0 };
    let margin = if last > 0 && braces(last) { LANES + 2 } else { 8 };
    let right = width.saturating_sub(margin).max(left + 10 * last.max(1));
    (0..=last).map(|index| left + (right - left) * index / last.max(1)).collect()
}

struct Sheet<'a> {
    run: &'a Run,
    rows: &'a Rows,
    columns: &'a [usize],
    grid: Grid,
}

impl Sheet<'_> {
    fn lifelines(&mut self) {
        for &column in self.columns {
            for row in 0..self.rows.count {
                self.grid.put(row, column, '│', Some(Colour::Dim), Layer::Lifeline);
            }
            for (row, _) in &self.rows.breaks {
                self.grid.put(*row, column, '┊', Some(Colour::Dim), Layer::Lifeline);
            }
        }
    }

    /// The moments and the lengths of pauses, at the left.
    fn figures(&mut self) {
        let beginning = beginning(self.run);
        for (row, pause) in &self.rows.breaks {
            let words = format!("⋮ {}", length(pause.to - pause.from));
            self.grid.write(*row, 1, &format!("{words:>FIGURES$}"), Some(Colour::Dim));
        }
        for (row, time) in &self.rows.times {
            let words = clock(time - beginning);
            self.grid.write(*row, 0, &format!("{words:>FIGURES$}"), None);
        }
    }

    fn packet(&mut self, index: usize, packet: &Packet) {
        let (top, bottom) = (self.rows.row(Point::Left(index)), self.rows.row(Point::Came(index)));
        let (from, to) = (self.columns[packet.from], self.columns[packet.to]);
        let right = from <= to;
        let (colour, line, head) = style(packet, right);
        let near = if right { from + 1 } else { from - 1 };
        let there = if right { to - 1 } else { to + 1 };
        let end = match packet.fate.ended() {
            Ended::Arrived | Ended::ThereDead => there,
            Ended::Midway => (from + to) / 2,
            Ended::Here => near,
        };
        let room = near.abs_diff(there).saturating_sub(4 + 2 * (bottom - top));
        let words: String = words(packet).chars().take(room.max(6)).collect();
        let longest = words.chars().count() + 3;
        for (row, a, b) in steps(top, bottom, near, end, longest) {
            for column in a.min(b)..=a.max(b) {
                self.grid.put(row, column, line, colour, Layer::Arrow);
            }
            if a == b && row != top && row != bottom {
                self.grid.put(row, a, '│', colour, Layer::Arrow);
            }
            let (up, down) = if right { ('╰', '╮') } else { ('╯', '╭') };
            if row > top && (a != b || row == bottom) {
                self.grid.put(row, a, up, colour, Layer::Arrow);
            }
            if row < bottom && (a != b || row == top) {
                self.grid.put(row, b, down, colour, Layer::Arrow);
            }
        }
        if packet.left.known && packet.fate != Fate::NotSent {
            self.grid.put(
                top,
                from,
                if right { '├' } else { '┤' },
                Some(Colour::Dim),
                Layer::Lifeline,
            );
        }
        self.grid.put(bottom, end, head, colour, Layer::Head);
        self.label(packet, top, near, right, &words, colour);
    }

    /// The number and fate, on the arrow behind its beginning.
    fn label(
        &mut self,
        packet: &Packet,
        row: usize,
        near: usize,
        right: bool,
        words: &str,
        colour: Option<Colour>,
    ) {
        if words.is_empty() {
            return;
        }
        let padded = format!(" {words} ");
        let length = padded.chars().count();
        let begin = match (right, packet.fate.ended()) {
            (true, _) => near + 1,
            (false, _) => (near - 1).saturating_sub(length - 1),
        };
        self.grid.write(row, begin, &padded, colour);
    }

    /// Timeouts, at the outer side of their lifeline.
    fn braces(&mut self) {
        let mut lanes = [[None::<usize>; LANES]; 2];
        let last = self.run.lifelines.len() - 1;
        for (index, mark) in self.run.marks.iter().enumerate() {
            let Mark::Timeout { lifeline, exchange, .. } = mark else { continue };
            let sent = |packet: &Packet| packet.exchange == *exchange && packet.from == *lifeline;
            let Some(begin) = self.run.packets.iter().position(sent) else { continue };
            let (top, bottom) =
                (self.rows.row(Point::Left(begin)), self.rows.row(Point::Mark(index)));
            let at_left = *lifeline == 0;
            if !at_left && *lifeline != last {
                continue;
            }
            let lanes = &mut lanes[usize::from(at_left)];
            let Some(lane) = lanes.iter().position(|busy| busy.is_none_or(|busy| busy < top))
            else {
                continue;
            };
            lanes[lane] = Some(bottom);
            self.brace(self.columns[*lifeline], at_left, lane, top, bottom);
        }
    }

    fn brace(&mut self, line: usize, at_left: bool, lane: usize, top: usize, bottom: usize) {
        let column = if at_left { line - 1 - lane } else { line + 1 + lane };
        let (first, last) = if at_left { ('╭', '╰') } else { ('╮', '╯') };
        let colour = Some(Colour::Yellow);
        for row in top..=bottom {
            let character = match row {
                row if row == top => first,
                row if row == bottom => last,
                _ => '│',
            };
            self.grid.put(row, column, character, colour, Layer::Words);
        }
        // Above the lifeline itself, and beneath the arrow that begins there.
        self.grid.put(top, line, '┼', Some(Colour::Dim), Layer::Head);
        self.grid.put(
            bottom,
            line,
            if at_left { '┤' } else { '├' },
            Some(Colour::Dim),
            Layer::Lifeline,
        );
        for between in line.min(column) + 1..line.max(column) {
            self.grid.put(top, between, '─', colour, Layer::Arrow);
            self.grid.put(bottom, between, '─', colour, Layer::Arrow);
        }
    }

    fn marks(&mut self) {
        let run = self.run;
        for (index, mark) in run.marks.iter().enumerate() {
            let row = self.rows.row(Point::Mark(index));
            match mark {
                Mark::Timeout { lifeline, label, from, to, .. } => {
                    let words = format!("{label} timed out after {}", length(to - from));
                    self.beside(row, *lifeline, &words, Colour::Yellow);
                }
                Mark::Note { lifeline, text, .. } => {
                    self.beside(row, *lifeline, &format!("● {text}"), Colour::Bold);
                }
                Mark::Band { near, far, from, to, text, opening, .. } => {
                    let took =
                        if *opening { format!(", {}", length(to - from)) } else { String::new() };
                    self.band(row, *near, *far, &format!("{text}{took}"));
                }
            }
        }
    }

    /// Words at a lifeline: on its right, but of the last one on its left.
    fn beside(&mut self, row: usize, lifeline: usize, words: &str, colour: Colour) {
        let column = self.columns[lifeline];
        let last = self.columns.len() - 1;
        if lifeline < last || last == 0 {
            let room = self.columns.get(lifeline + 1).map_or(60, |next| next - column - 3);
            let words: String = words.chars().take(room).collect();
            self.grid.write(row, column + 2, &words, Some(colour));
        } else {
            let room = column - self.columns[lifeline - 1] - 3;
            let words: String = words.chars().take(room).collect();
            self.grid.write(row, column - 1 - words.chars().count(), &words, Some(colour));
        }
    }

    fn band(&mut self, row: usize, near: usize, far: usize, words: &str) {
        let (a, b) = (self.columns[near.min(far)], self.columns[near.max(far)]);
        for column in a + 1..b {
            self.grid.put(row, column, '═', Some(Colour::Dim), Layer::Arrow);
        }
        let words: String = words.chars().take((b - a).saturating_sub(6)).collect();
        let begin = a + (b - a - words.chars().count()) / 2 - 1;
        self.grid.write(row, begin, &format!(" {words} "), None);
    }
}

/// The rows that a slanted line passes, with the columns between which it runs in
/// each. The first stretch is long enough for the words on it.
fn steps(
    top: usize,
    bottom: usize,
    from: usize,
    to: usize,
    longest: usize,
) -> Vec<(usize, usize, usize)> {
    let rows = bottom - top + 1;
    let length = from.abs_diff(to);
    let at = |distance: usize| if to >= from { from + distance } else { from - distance };
    // Each further row takes two columns, if there are as many.
    let room = length.saturating_sub(2 * (rows - 1));
    let first = if rows == 1 { length } else { (length / rows).max(longest.min(room)) };
    let edge = |row: usize| match row {
        0 => 0,
        row => first + (length - first) * (row - 1) / (rows - 1).max(1),
    };
    (0..rows)
        .map(|row| {
            (top + row, at(edge(row)), at(if row + 1 == rows { length } else { edge(row + 1) }))
        })
        .collect()
}

/// What stands on an arrow: its number, its fate, and more about that.
fn words(packet: &Packet) -> String {
    // An error that came back says itself which it is.
    let said = packet.kind == Kind::Request && packet.fate == Fate::Refused;
    let why = packet.why.as_deref().filter(|_| !said).unwrap_or("");
    let fate = packet.fate.short();
    let words = [packet.label.as_str(), fate];
    let words: Vec<&str> = words.into_iter().filter(|word| !word.is_empty()).collect();
    let colon = if why.is_empty() { "" } else { ": " };
    format!("{}{colon}{why}", words.join(" "))
}
