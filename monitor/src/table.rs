//! A table for a person: columns that line up whatever stands in them.
//!
//! Every cell comes from anybody and is made harmless here, once. Columns are
//! as wide as their widest cell; where the window is too narrow, the last
//! column gives way.

use socklab::output::{Colour, Painter, harmless};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What stands between two columns.
const GAP: &str = "  ";

/// The last column is never cut to less than this.
const LEAST: usize = 8;

/// A column: its title, and how its cells are placed.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    title: &'static str,
    right: bool,
    most: usize,
}

impl Column {
    /// For words.
    pub const fn left(title: &'static str) -> Column {
        Column { title, right: false, most: usize::MAX }
    }

    /// For numbers.
    pub const fn right(title: &'static str) -> Column {
        Column { title, right: true, most: usize::MAX }
    }

    /// No wider than `most`: what is longer is cut, which a `~` at its end shows.
    pub const fn at_most(mut self, most: usize) -> Column {
        self.most = most;
        self
    }
}

/// One cell: harmless text, the columns that it takes on a screen, and its colour.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    width: usize,
    colour: Option<Colour>,
}

impl Cell {
    pub fn coloured(text: impl AsRef<str>, colour: Option<Colour>) -> Cell {
        Cell::of(harmless(text.as_ref()), colour)
    }

    fn of(text: String, colour: Option<Colour>) -> Cell {
        let width = if text.is_ascii() { text.len() } else { text.width() };
        Cell { text, width, colour }
    }

    /// Cuts it to a width, which a `~` at its end shows.
    fn cut(&mut self, width: usize) {
        if self.width > width {
            let mut taken = 1;
            let fits = |c: &char| {
                taken += c.width().unwrap_or(0);
                taken <= width
            };
            let text = self.text.chars().take_while(fits).chain(['~']).collect();
            *self = Cell::of(text, self.colour);
        }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::coloured(text, None)
    }
}

/// Rows of as many cells as there are columns.
#[derive(Debug, Clone)]
pub struct Table<const COLUMNS: usize> {
    columns: [Column; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub fn new(columns: [Column; COLUMNS]) -> Table<COLUMNS> {
        Table { columns, rows: Vec::new() }
    }

    pub fn row(&mut self, mut cells: [Cell; COLUMNS]) {
        for (cell, column) in cells.iter_mut().zip(&self.columns) {
            cell.cut(column.most);
        }
        self.rows.push(cells);
    }

    /// The lines: first the titles, if there are any. `window` is how many
    /// columns of characters the terminal has, if that is known.
    pub fn lines(mut self, painter: Painter, window: Option<usize>) -> Vec<String> {
        if self.columns.iter().any(|column| !column.title.is_empty()) {
            self.rows.insert(0, self.columns.map(|column| column.title.into()));
        }
        let widest = |at: usize| self.rows.iter().map(|row| row[at].width).max().unwrap_or(0);
        let widths: Vec<usize> = (0..COLUMNS).map(widest).collect();
        if let Some(window) = window {
            let taken: usize = widths.iter().rev().skip(1).map(|width| width + GAP.len()).sum();
            let last = self.rows.iter_mut().filter_map(|row| row.last_mut());
            last.for_each(|cell| cell.cut(window.saturating_sub(taken).max(LEAST)));
        }
        self.rows.iter().map(|row| self.line(row, &widths, painter)).collect()
    }

    fn line(&self, row: &[Cell; COLUMNS], widths: &[usize], painter: Painter) -> String {
        let mut line = String::new();
        for (at, (cell, column)) in row.iter().zip(&self.columns).enumerate() {
            let padding = " ".repeat(widths[at].saturating_sub(cell.width));
            let text = match cell.colour {
                Some(colour) => painter.paint(colour, &cell.text),
                None => cell.text.clone(),
            };
            line += if at == 0 { "" } else { GAP };
            line += &if column.right { padding + &text } else { text + &padding };
        }
        line.trim_end().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hostile::{hostile, is_harmful};
    use proptest::prelude::*;

    #[test]
    fn columns_line_up_and_the_last_gives_way() {
        let mut table = Table::new([
            Column::left("name").at_most(8),
            Column::right("n"),
            Column::left("what became of it"),
        ]);
        table.row(["\u{4e2d}\u{6587}".into(), "7".into(), "up".into()]);
        table.row(["a long name".into(), "12345".into(), "all is well".into()]);
        assert_eq!(
            table.clone().lines(Painter::plain(), None),
            [
                "name          n  what became of it",
                "\u{4e2d}\u{6587}          7  up",
                "a long ~  12345  all is well",
            ]
        );
        assert_eq!(table.lines(Painter::plain(), Some(25))[2], "a long ~  12345  all is ~");
    }

    #[test]
    fn a_table_without_titles_has_none() {
        let mut table = Table::new([Column::left(""), Column::left("")]);
        table.row(["exit".into(), "ends it".into()]);
        assert_eq!(table.lines(Painter::plain(), None), ["exit  ends it"]);
    }

    proptest! {
        #[test]
        fn whatever_stands_in_a_cell_it_lines_up_and_is_harmless(
            texts in prop::collection::vec(hostile(), 1..4),
            window in prop::option::of(0usize..200),
        ) {
            let mut table = Table::new([Column::left("a").at_most(20), Column::left("b")]);
            for text in &texts {
                table.row([text.into(), "|".into()]);
            }
            let lines = table.lines(Painter::plain(), window);
            let bars: Vec<usize> = lines.iter().skip(1).map(|line| line.width()).collect();
            prop_assert!(bars.windows(2).all(|two| two[0] == two[1]), "{lines:?}");
            prop_assert!(!lines.concat().chars().any(is_harmful));
        }
    }
}
