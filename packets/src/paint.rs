//! Colour on a terminal, where it helps and is wanted.

use std::io::{self, IsTerminal};

/// The colours in use, by what they mean to the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// Something is missing: lost, late.
    Yellow,
    /// Something is wrong: corrupt, refused.
    Red,
    /// Nothing is wrong, and yet it is not as it was: overtaken by a later one.
    Blue,
    /// There is more of it than there was: a duplicate.
    Magenta,
    /// Not known.
    Cyan,
    /// Beside the point.
    Dim,
    /// The point.
    Bold,
}

/// Colours text, or leaves it alone: colour is for a terminal only, and never
/// used where NO_COLOR is set to anything (no-color.org).
#[derive(Debug, Clone, Copy)]
pub struct Painter {
    enabled: bool,
}

impl Painter {
    /// For what goes to stdout.
    pub fn for_stdout() -> Painter {
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Painter { enabled: io::stdout().is_terminal() && !unwanted }
    }

    /// Colours all text, whatever the terminal.
    #[cfg(test)]
    pub(crate) fn colourful() -> Painter {
        Painter { enabled: true }
    }

    /// Leaves all text as it is: for a file, or a test.
    pub fn plain() -> Painter {
        Painter { enabled: false }
    }

    pub fn paint(self, colour: Colour, text: &str) -> String {
        if !self.enabled {
            return text.to_string();
        }
        let code = match colour {
            Colour::Red => 31,
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Blue => 34,
            Colour::Magenta => 35,
            Colour::Cyan => 36,
            Colour::Dim => 2,
            Colour::Bold => 1,
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_colour_where_it_is_not_wanted() {
        assert_eq!(Painter::plain().paint(Colour::Red, "x"), "x");
        let painted = Painter::colourful().paint(Colour::Red, "x");
        assert_eq!(painted, "\x1b[31mx\x1b[0m");
    }
}
