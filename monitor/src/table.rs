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

/// One cell: harmless text, and its colour.
#[derive(Debug, Clone)]
pub struct Cell {
    text: String,
    colour: Option<Colour>,
}

impl Cell {
    pub fn coloured(text: impl AsRef<str>, colour: Option<Colour>) -> Cell {
        Cell { text: harmless(text.as_ref()), colour }
    }
}

impl<T: AsRef<str>> From<T> for Cell {
    fn from(text: T) -> Cell {
        Cell::coloured(text, None)
    }
}

/// Rows of as many cells as there are columns.
#[derive(Debug)]
pub struct Table<const COLUMNS: usize> {
    columns: [Column; COLUMNS],
    rows: Vec<[Cell; COLUMNS]>,
}

impl<const COLUMNS: usize> Table<COLUMNS> {
    pub fn new(columns: [Column; COLUMNS]) -> Table<COLUMNS> {
        Table { columns, rows: Vec::new() }
    }

    pub fn row(&mut self, cells: [Cell; COLUMNS]) {
        self.rows.push(cells);
    }

    /// The lines: first the titles, if there are any. `window` is how many
    /// columns of characters the terminal has, if that is known.
    pub fn lines(&self, painter: Painter, window: Option<usize>) -> Vec<String> {
        let titles = self.columns.map(|column| Cell::from(column.title));
        let has_titles = titles.iter().any(|title| !title.text.is_empty());
        let all = || has_titles.then_some(&titles).into_iter().chain(&self.rows);
        let widths: Vec<usize> = (0..COLUMNS)
            .map(|at| all().map(|row| row[at].text.width()).max().unwrap_or(0))
            .zip(&self.columns)
            .map(|(widest, column)| widest.min(column.most))
            .collect();
        all().map(|row| self.line(row, &widths, painter, window)).collect()
    }

    fn line(
        &self,
        row: &[Cell; COLUMNS],
        widths: &[usize],
        painter: Painter,
        window: Option<usize>,
    ) -> String {
        let (mut line, mut taken) = (String::new(), 0);
        for (at, ((cell, column), width)) in row.iter().zip(&self.columns).zip(widths).enumerate() {
            let last = at + 1 == COLUMNS;
            let left =
                window.filter(|_| last).map(|window| window.saturating_sub(taken).max(LEAST));
            let text = shortened(&cell.text, left.unwrap_or(usize::MAX).min(column.most));
            let padding = " ".repeat(width.saturating_sub(text.width()));
            let (before, after) =
                if column.right { (padding, String::new()) } else { (String::new(), padding) };
            let text = cell.colour.map_or(text.clone(), |colour| painter.paint(colour, &text));
            line += &before;
            line += &text;
            if !last {
                line += &after;
                line += GAP;
                taken += width + GAP.len();
            }
        }
        line.trim_end().to_string()
    }
}

/// Cut to a width, which the cut shows.
pub fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_string();
    }
    let mut taken = 1;
    let fits = |c: &char| {
        taken += c.width().unwrap_or(0);
        taken <= width
    };
    text.chars().take_while(fits).chain(['~']).collect()
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
            table.lines(Painter::plain(), None),
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
