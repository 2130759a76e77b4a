//! What lines and heads mean in a drawing of characters, and the legend that says so.

use packets::paint::Colour;

use crate::grid::Page;
use crate::grid::{Grid, in_ascii};
use crate::look::looks;
use crate::model::{Fate, Kind, Packet, Run};
use crate::scale::{Scale, length};

/// Colour, line and head: each fate has its own, also without colour.
pub fn style(packet: &Packet, right: bool) -> (Option<Colour>, char, char) {
    let (colour, line, heads) = match packet.fate {
        Fate::Arrived if packet.kind == Kind::Error => (Some(Colour::Red), '┄', ['◀', '▶']),
        Fate::Arrived if packet.kind == Kind::End => (Some(Colour::Red), '═', ['◀', '▶']),
        Fate::Arrived => (None, '─', ['◀', '▶']),
        Fate::Reordered => (Some(Colour::Blue), '─', ['⇄', '⇄']),
        Fate::Duplicate => (Some(Colour::Magenta), '═', ['«', '»']),
        Fate::Late => (Some(Colour::Yellow), '╌', ['◁', '▷']),
        Fate::Corrupt => (Some(Colour::Red), '~', ['≠', '≠']),
        Fate::SaidLost => (Some(Colour::Yellow), '─', ['◀', '▶']),
        Fate::Dropped | Fate::Lost => (Some(Colour::Yellow), '─', ['✗', '✗']),
        Fate::Refused | Fate::NotSent => (Some(Colour::Red), '─', ['⊗', '⊗']),
        Fate::Unanswered | Fate::Unknown => (Some(Colour::Cyan), '·', ['?', '?']),
    };
    let line = if packet.left.known || packet.came.known { line } else { '·' };
    (colour, line, heads[usize::from(right)])
}

/// What the marks mean, of those that occur, beside the scale bar; then the notes.
pub fn legend(run: &Run, scale: &Scale, page: Page) -> Vec<String> {
    let mut words: Vec<String> = looks(run)
        .into_iter()
        .map(|(packet, words)| {
            let (colour, line, head) = style(packet, true);
            let sample: String = [line, line, line, head]
                .iter()
                .map(|c| if page.ascii { in_ascii(*c) } else { *c })
                .collect();
            format!(
                "{}  {words}",
                colour.map_or(sample.clone(), |colour| page.painter.paint(colour, &sample))
            )
        })
        .collect();
    if !scale.breaks.is_empty() {
        words.push(in_page("   ⋮  a pause, shortened", page));
    }
    let (time, rows) = scale.bar(4.5);
    let rows = rows.round().max(1.0) as usize;
    let mut lines = Vec::new();
    for row in 0..words.len().max(rows + 1) {
        let bar = match row {
            0 => "┬",
            row if row == rows => "┴",
            row if row < rows => "│",
            _ => " ",
        };
        let figure = if row == rows / 2 { length(time) } else { String::new() };
        let left = in_page(&format!("  {bar} {figure:<9}"), page);
        lines.push(
            format!("{left} {}", words.get(row).map_or("", String::as_str)).trim_end().to_string(),
        );
    }
    lines.extend(run.notes.iter().flat_map(|note| wrapped(&in_page(note, page), page.width)));
    lines
}

fn in_page(text: &str, page: Page) -> String {
    if page.ascii { text.chars().map(in_ascii).collect() } else { text.to_string() }
}

/// Lines of at most `width` characters, broken at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::from(" ")];
    for word in text.split(' ') {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > 1 && used + 1 + word.chars().count() > width {
            lines.push(String::from("   "));
        }
        if let Some(line) = lines.last_mut() {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines
}

/// Names and addresses, above their lifelines.
pub fn headings(run: &Run, columns: &[usize], page: Page) -> Vec<String> {
    let mut grid = Grid::new(page.width, 2);
    let last = columns.len() - 1;
    for (index, lifeline) in run.lifelines.iter().enumerate() {
        let room =
            (columns[last] - columns[0]).checked_div(last).map_or(page.width, |room| room - 1);
        let address = match (&lifeline.address, lifeline.told) {
            (Some(address), _) => address.clone(),
            (None, true) => String::new(),
            (None, false) => "(tells nothing)".to_string(),
        };
        for (row, words, colour) in
            [(0, &lifeline.name, Some(Colour::Bold)), (1, &address, Some(Colour::Dim))]
        {
            let words: String = words.chars().take(room).collect();
            let length = words.chars().count();
            let middle = columns[index].saturating_sub(length / 2);
            grid.write(row, middle.min(page.width.saturating_sub(length)), &words, colour);
        }
    }
    grid.lines(page.painter, page.ascii)
}
