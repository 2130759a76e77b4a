//! What a quoted line may stand for: the wildcards, and matching a list of quoted lines.

use regex::Regex;

/// A quoted line, ready to be compared.
#[derive(Debug)]
pub enum Pattern {
    /// One line: literal text, with wildcards in it.
    Line(Regex),
    /// A line that is just `...`: any number of lines, also none.
    Gap,
}

/// What stands for what within a line.
const WILDCARDS: [(&str, &str); 4] = [
    ("[..]", r".*"),
    ("[MS]", r"\d+(?:\.\d+)?"),
    (
        "[TIME]",
        // As RFC 3339 and people write it; as ctime does, whose letters a
        // UDP ping server makes upper-case; as seconds since 1970.
        concat!(
            r"(?:(?:\d{4}-\d{2}-\d{2}[Tt ])?\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?:Z|z|[+-]\d{2}:?\d{2})?",
            r"|[A-Za-z]{3} [A-Za-z]{3} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}",
            r"|\d{10}(?:\.\d+)?)",
        ),
    ),
    (
        "[PORT]",
        concat!(r"(?:[1-9]\d{0,3}|[1-5]\d{4}|6[0-4]\d{3}", r"|65[0-4]\d{2}|655[0-2]\d|6553[0-5])",),
    ),
];

/// The regular expression of a quoted line, open at its end.
fn expression(quoted: &str) -> String {
    let mut expression = String::from("^");
    let mut rest = quoted;
    loop {
        let places = WILDCARDS.iter();
        let places = places.filter_map(|(name, meaning)| Some((rest.find(name)?, name, meaning)));
        let Some((position, name, meaning)) = places.min() else {
            return expression + &regex::escape(rest);
        };
        expression += &regex::escape(&rest[..position]);
        expression += meaning;
        rest = &rest[position + name.len()..];
    }
}

fn compiled(expression: &str) -> Regex {
    Regex::new(expression).expect("the pieces are escaped or our own")
}

/// Up to which character the printed line is as quoted.
pub fn first_difference(quoted: &str, printed: &str) -> usize {
    let ends = (0..=quoted.len()).rev();
    let beginnings = ends.filter_map(|end| quoted.get(..end));
    let alike = beginnings
        .map(|beginning| compiled(&expression(beginning)))
        .find_map(|beginning| Some(beginning.find(printed)?.end()));
    printed[..alike.unwrap_or(0)].chars().count()
}

impl Pattern {
    pub fn new(quoted: &str) -> Pattern {
        match quoted.trim_end() {
            "..." => Pattern::Gap,
            line => Pattern::Line(compiled(&(expression(line) + "$"))),
        }
    }

    pub fn is_gap(&self) -> bool {
        matches!(self, Pattern::Gap)
    }

    /// Whether this one line is what was quoted; a gap is no line.
    pub fn matches(&self, line: &str) -> bool {
        match self {
            Pattern::Line(expression) => expression.is_match(line.trim_end()),
            Pattern::Gap => false,
        }
    }
}

/// How far a list of quoted lines has got against the lines printed so far.
#[derive(Debug, PartialEq)]
pub enum Progress {
    /// All of them are seen, the last in the line before this one.
    Matched(usize),
    /// Right so far; the next line to come should be this quoted one.
    NeedsMore { quoted: usize },
    /// The printed line does not fit, where this quoted one should have been.
    Differs { quoted: usize, printed: usize },
}

/// Matches quoted lines against the beginning of what was printed, and stops
/// at the earliest line where all are seen, so that the answer does not depend
/// on how much more the program has printed meanwhile.
pub fn match_beginning(patterns: &[Pattern], printed: &[String]) -> Progress {
    follow(patterns, printed, true)
}

/// Matches quoted lines against everything that was printed: nothing may be
/// missing, nothing left over.
pub fn match_everything(patterns: &[Pattern], printed: &[String]) -> Progress {
    follow(patterns, printed, false)
}

fn follow(patterns: &[Pattern], printed: &[String], stop_early: bool) -> Progress {
    let mut reached = Reached::start(patterns);
    for (number, line) in printed.iter().enumerate() {
        if stop_early && reached.all(patterns) {
            return Progress::Matched(number);
        }
        let quoted = reached.furthest();
        reached = reached.after(patterns, line);
        if reached.0.is_empty() {
            let printed = number;
            return Progress::Differs { quoted, printed };
        }
    }
    if reached.all(patterns) {
        return Progress::Matched(printed.len());
    }
    let quoted = reached.furthest();
    Progress::NeedsMore { quoted }
}

/// The numbers of quoted lines that can have been seen so far, in rising
/// order. They are several where a gap may or may not have ended.
struct Reached(Vec<usize>);

impl Reached {
    fn start(patterns: &[Pattern]) -> Reached {
        let mut start = Reached(Vec::new());
        start.add(patterns, 0);
        start
    }

    /// A gap may also stand for no line, so what follows it is reached too.
    fn add(&mut self, patterns: &[Pattern], seen: usize) {
        if !self.0.contains(&seen) {
            self.0.push(seen);
        }
        if patterns.get(seen).is_some_and(Pattern::is_gap) {
            self.add(patterns, seen + 1);
        }
    }

    fn after(&self, patterns: &[Pattern], line: &str) -> Reached {
        let mut next = Reached(Vec::new());
        for &seen in &self.0 {
            match patterns.get(seen) {
                Some(Pattern::Gap) => next.add(patterns, seen),
                Some(pattern) if pattern.matches(line) => next.add(patterns, seen + 1),
                _ => {}
            }
        }
        next.0.sort_unstable();
        next
    }

    fn all(&self, patterns: &[Pattern]) -> bool {
        self.0.contains(&patterns.len())
    }

    fn furthest(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wildcard_stands_for_what_it_says_and_for_nothing_else() {
        let cases = [
            ("seq=[..] ok", "seq=12 (x) ok", true),
            ("seq=[..] ok", "seq= ok", true),
            ("seq=[..] ok", "seq=12 not", false),
            ("time=[MS] ms", "time=0.031 ms", true),
            ("time=[MS] ms", "time=12 ms", true),
            ("time=[MS] ms", "time=-1 ms", false),
            ("time=[MS] ms", "time=.5 ms", false),
            ("time=[MS] ms", "time= ms", false),
            ("at [TIME]:", "at 2026-11-21T08:18:28.123456Z:", true),
            ("at [TIME]:", "at 2026-11-21 08:18:28+01:00:", true),
            ("at [TIME]:", "at 08:18:28.123:", true),
            ("at [TIME]:", "at FRI SEP 20 13:12:19 2024:", true),
            ("at [TIME]:", "at 1795249108.25:", true),
            ("at [TIME]:", "at noon:", false),
            ("at [TIME]:", "at 8:18:", false),
            ("127.0.0.1:[PORT]", "127.0.0.1:1", true),
            ("127.0.0.1:[PORT]", "127.0.0.1:65535", true),
            ("127.0.0.1:[PORT]", "127.0.0.1:65536", false),
            ("127.0.0.1:[PORT]", "127.0.0.1:0", false),
            ("a.c (1+1)", "a.c (1+1)   ", true),
            ("a.c", "abc", false),
            ("[MS]/[MS] from [PORT]", "1/2.5 from 40000", true),
            ("trailing  ", "trailing", true),
            ("", "", true),
            ("", "x", false),
        ];
        for (quoted, printed, fits) in cases {
            assert_eq!(
                Pattern::new(quoted).matches(printed),
                fits,
                "{quoted:?} against {printed:?}"
            );
        }
    }

    #[test]
    fn the_first_difference_looks_through_wildcards() {
        assert_eq!(first_difference("rtt [MS] ms, ok", "rtt 0.25 ms, no"), 13);
        assert_eq!(first_difference("abc", "abcd"), 3);
        assert_eq!(first_difference("é1", "é2"), 1);
    }

    fn matched(quoted: &[&str], printed: &[&str]) -> (Progress, Progress) {
        let patterns: Vec<Pattern> = quoted.iter().map(|line| Pattern::new(line)).collect();
        let printed: Vec<String> = printed.iter().map(|line| line.to_string()).collect();
        (match_beginning(&patterns, &printed), match_everything(&patterns, &printed))
    }

    #[test]
    fn a_gap_stands_for_any_lines_and_for_none() {
        use Progress::{Differs, Matched, NeedsMore};
        let gap = ["a", "...", "z"];
        assert_eq!(matched(&gap, &["a", "z"]), (Matched(2), Matched(2)));
        assert_eq!(matched(&gap, &["a", "b", "z"]), (Matched(3), Matched(3)));
        assert_eq!(matched(&gap, &["a", "z", "b"]), (Matched(2), NeedsMore { quoted: 2 }));
        assert_eq!(
            matched(&gap, &["b"]),
            (Differs { quoted: 0, printed: 0 }, Differs { quoted: 0, printed: 0 })
        );
        assert_eq!(matched(&["a"], &["a", "b"]), (Matched(1), Differs { quoted: 1, printed: 1 }));
        assert_eq!(matched(&["..."], &[]), (Matched(0), Matched(0)));
        assert_eq!(matched(&["...", "z"], &["z", "y", "z"]), (Matched(1), Matched(3)));
    }
}
