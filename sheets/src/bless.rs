//! Rewrites a sheet's quoted output from the real one, keeping the wildcards.

use crate::align::{Pair, align};
use crate::parse::{Fence, Part};
use regex::{Captures, Regex};
use std::path::Path;
use std::sync::LazyLock;

/// New lines in the place of a part's quoted ones.
pub struct Edit {
    /// The line in the file where they begin, counted from 1.
    pub first: usize,
    /// How many lines they replace.
    pub count: usize,
    pub lines: Vec<String>,
}

impl Edit {
    /// What a part of a fence should quote, given all that the program printed
    /// for it. `after_gap`: the part before it ended with `...`.
    pub fn of(
        fence: &Fence,
        part: &Part,
        printed: &[String],
        after_gap: bool,
    ) -> Result<Edit, String> {
        let lines = match part.interrupt {
            None => merge(&part.quoted, printed, after_gap),
            Some(at) => {
                let echo = printed.iter().position(|line| line == "^C");
                let echo = echo.ok_or(
                    "the echo of ^C shares its line with other output; \
                     the program should print a newline before its summary",
                )?;
                let mut lines = merge(&part.quoted[..at], &printed[..echo], after_gap);
                lines.push("^C".to_owned());
                lines.extend(merge(&part.quoted[at + 1..], &printed[echo + 1..], false));
                lines
            }
        };
        let indented = |line: String| (fence.indent.clone() + &line).trim_end().to_owned();
        Ok(Edit {
            first: part.first_quoted,
            count: part.quoted.len(),
            lines: lines.into_iter().map(indented).collect(),
        })
    }
}

/// Quoted lines that are still true, and the others as they were printed.
fn merge(quoted: &[String], printed: &[String], after_gap: bool) -> Vec<String> {
    let gap = after_gap.then(|| "...".to_owned());
    let quoted: Vec<String> = gap.into_iter().chain(quoted.iter().cloned()).collect();
    let pairs = align(&quoted, printed);
    let lines = pairs.iter().filter_map(|pair| match *pair {
        Pair::Same { quoted: q, .. } | Pair::Gap { quoted: q } => Some(quoted[q].clone()),
        Pair::Changed { printed: p, .. } | Pair::Extra { printed: p } => {
            Some(with_wildcards(&printed[p]))
        }
        Pair::Missing { .. } | Pair::Skipped { .. } => None,
    });
    // The earlier fence's gap comes first, and stays there.
    lines.skip(usize::from(after_gap)).collect()
}

/// A printed line with wildcards for what differs from run to run.
fn with_wildcards(line: &str) -> String {
    static STAMP: LazyLock<Regex> = LazyLock::new(|| {
        let date_and_time = r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:?\d{2})?";
        Regex::new(date_and_time).expect("written here")
    });
    // One time with a fraction, or ping's min/avg/max/mdev, or its whole run's
    // time; other whole milliseconds are what the command line asked for.
    static TIMES: LazyLock<Regex> = LazyLock::new(|| {
        let times = r"\d+\.\d+(?:/\d+\.\d+)* ms|, time \d+ ?ms";
        Regex::new(times).expect("written here")
    });
    static NUMBER: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\d+(?:\.\d+)?").expect("written here"));
    static PORT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(\d\.\d+|\]):(\d{5})\b").expect("written here"));
    let line = STAMP.replace_all(line, "[TIME]");
    let line = TIMES
        .replace_all(&line, |times: &Captures| NUMBER.replace_all(&times[0], "[MS]").into_owned());
    let line = PORT.replace_all(&line, |port: &Captures| {
        // Linux gives clients ports from 32768 on; below is what a server was told.
        match port[2].parse::<u16>() {
            Ok(32768..) => format!("{}:[PORT]", &port[1]),
            _ => port[0].to_owned(),
        }
    });
    line.into_owned()
}

/// The sheet's text with the edits made.
pub fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    // From the end, so that the line numbers above stay what they are.
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.first));
    for edit in edits {
        let start = edit.first - 1;
        lines.splice(start..start + edit.count, edit.lines);
    }
    lines.join("\n") + "\n"
}

/// Replaces a file in one step, so that a reader or a crash never meets half.
pub fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let beside = path.with_extension("md.new");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_gets_its_wildcard() {
        let cases = [
            (
                "rtt min/avg/max/mdev = 0.01/0.02/0.03/0.01 ms",
                "rtt min/avg/max/mdev = [MS]/[MS]/[MS]/[MS] ms",
            ),
            ("from 127.0.0.1:54321 at 2026-11-21T08:18:28.1Z", "from 127.0.0.1:[PORT] at [TIME]"),
            ("[::1]:40000, 127.0.0.1:12000", "[::1]:[PORT], 127.0.0.1:12000"),
            ("1 lost, time 201 ms", "1 lost, time [MS] ms"),
            ("no reply within 200 ms", "no reply within 200 ms"),
            ("time=0.031 ms, 10 replies, 30.0%", "time=[MS] ms, 10 replies, 30.0%"),
        ];
        for (printed, quoted) in cases {
            assert_eq!(with_wildcards(printed), quoted);
        }
    }
}
