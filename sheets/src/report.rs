//! How a failure shows what should have been printed, what was, and the terminals.

use crate::align::{Pair, align};
use crate::pattern::first_difference;

/// The two lists as one, with `-` before what only the sheet says, `+` before
/// what only the program says, and a mark under the first difference in a line.
pub fn difference(quoted: &[String], printed: &[String]) -> String {
    let pairs = align(quoted, printed);
    let lines = pairs.iter().map(|pair| match *pair {
        Pair::Same { printed: p, .. } => format!("      {}\n", printed[p]),
        Pair::Skipped { printed: p } => format!("    . {}\n", printed[p]),
        Pair::Gap { .. } => "      ...\n".to_owned(),
        Pair::Missing { quoted: q } => format!("    - {}\n", quoted[q]),
        Pair::Extra { printed: p } => format!("    + {}\n", printed[p]),
        Pair::Changed { quoted: q, printed: p } => {
            let (should, is) = (&quoted[q], &printed[p]);
            let mark = " ".repeat(first_difference(should, is));
            format!("    - {should}\n    + {is}\n      {mark}^\n")
        }
    });
    lines.collect()
}

/// Everything that stands in a terminal.
pub fn screen(name: &str, lines: &[String]) -> String {
    let mut text = format!("\n  Terminal {name} shows:\n");
    for line in lines {
        text += &format!("    | {line}\n");
    }
    text
}
