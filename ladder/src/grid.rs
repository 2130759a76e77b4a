//! A page of characters, each with a colour: what stands nearer to the reader hides what is behind it.

use packets::paint::{Colour, Painter};

/// How the page is to be.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// In characters.
    pub width: usize,
    pub painter: Painter,
    pub ascii: bool,
}

/// Which character hides which: a later layer the earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    Empty,
    Lifeline,
    Arrow,
    Words,
    Head,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    character: char,
    colour: Option<Colour>,
    layer: Layer,
}

const EMPTY: Cell = Cell { character: ' ', colour: None, layer: Layer::Empty };

#[derive(Debug)]
pub struct Grid {
    width: usize,
    rows: Vec<Vec<Cell>>,
}

impl Grid {
    pub fn new(width: usize, height: usize) -> Grid {
        Grid { width, rows: vec![vec![EMPTY; width]; height] }
    }

    /// Puts a character, unless something nearer is there, or it is off the page.
    pub fn put(
        &mut self,
        row: usize,
        column: usize,
        character: char,
        colour: Option<Colour>,
        layer: Layer,
    ) {
        let Some(cell) = self.rows.get_mut(row).and_then(|row| row.get_mut(column)) else { return };
        if layer < cell.layer {
            return;
        }
        let upright = matches!(cell.character, '│' | '┊') && "─┄╌·═~".contains(character);
        let flat = cell.layer == Layer::Arrow && "─┄╌".contains(cell.character) && character == '│';
        let crossing = cell.layer != Layer::Words && (upright || flat);
        let character = if crossing && layer == Layer::Arrow { '┼' } else { character };
        *cell = Cell { character, colour, layer };
    }

    /// Writes words from a column on; what is off the page is cut off.
    pub fn write(&mut self, row: usize, column: usize, words: &str, colour: Option<Colour>) {
        for (place, character) in words.chars().enumerate() {
            self.put(row, column + place, character, colour, Layer::Words);
        }
    }

    /// The page as lines, without the blanks at their ends. With `ascii`, in
    /// ASCII alone.
    pub fn lines(&self, painter: Painter, ascii: bool) -> Vec<String> {
        self.rows.iter().map(|row| line(row, self.width, painter, ascii)).collect()
    }
}

fn line(row: &[Cell], width: usize, painter: Painter, ascii: bool) -> String {
    let used = row.iter().rposition(|cell| cell.character != ' ').map_or(0, |last| last + 1);
    let mut line = String::new();
    let mut start = 0;
    let row = &row[..used.min(width)];
    while start < row.len() {
        let colour = row[start].colour;
        let same = row[start..].iter().take_while(|cell| cell.colour == colour).count();
        let cells = row[start..start + same].iter().map(|cell| cell.character);
        let text: String = if ascii { cells.map(in_ascii).collect() } else { cells.collect() };
        line += &colour.map_or(text.clone(), |colour| painter.paint(colour, &text));
        start += same;
    }
    line
}

/// The nearest ASCII character, for a terminal that has no other.
pub fn in_ascii(character: char) -> char {
    match character {
        '│' | '┊' | '╷' | '╵' | '⋮' => '|',
        '─' | '┄' | '╌' => '-',
        '═' => '=',
        '·' => '.',
        '╮' | '╭' => '.',
        '╯' => '\'',
        '╰' => '`',
        '├' | '┤' | '┼' | '┬' | '┴' => '+',
        '▶' => '>',
        '◀' => '<',
        '▷' | '◁' => '~',
        '»' | '«' => '=',
        '✗' => 'x',
        '⊗' => '!',
        '≠' => '#',
        '⇄' => '%',
        '●' => '*',
        'µ' => 'u',
        ascii if ascii.is_ascii() => ascii,
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_nearer_hides_what_is_behind_and_lines_cross() {
        let mut grid = Grid::new(6, 1);
        for column in 0..6 {
            grid.put(0, column, '│', None, Layer::Lifeline);
        }
        grid.put(0, 1, '─', None, Layer::Arrow);
        grid.put(0, 2, '▶', Some(Colour::Red), Layer::Head);
        grid.put(0, 2, '─', None, Layer::Arrow);
        grid.write(0, 4, "words", None);
        grid.put(9, 9, 'x', None, Layer::Head);
        assert_eq!(grid.lines(Painter::plain(), false), ["│┼▶│wo"]);
        assert_eq!(grid.lines(Painter::plain(), true), ["|+>|wo"]);
    }
}
