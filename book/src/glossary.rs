//! The terms of `labs/glossary.md`, and whether every sheet links them.
//!
//! A term is a heading of level 3 with two or three lines below it. A comment
//! under the heading names other spellings, and the sheets in which the term is
//! looked for, where it has another sense elsewhere:
//!
//! ```text
//! ### TTL (of a DNS record)
//! <!-- also: TTL; sheets: 08 -->
//! ```
//!
//! In each sheet the first use of a term in running text is a link to it.

use std::fs;
use std::ops::Range;
use std::path::Path;

use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use regex::{Regex, RegexBuilder};

use crate::pages::{self, Edition, Kind, Page};
use crate::render::options;

pub const PATH: &str = "labs/glossary.md";

#[derive(Debug)]
pub struct Glossary {
    pub terms: Vec<Term>,
}

#[derive(Debug)]
pub struct Term {
    pub name: String,
    pub anchor: String,
    /// What it means, as it stands in the file, without comments.
    pub meaning: String,
    /// The sheets in which it is looked for; all if there are none.
    sheets: Vec<String>,
    spelling: Regex,
}

impl Glossary {
    /// # Errors
    /// One line: a term whose spellings make no expression.
    pub fn parse(text: &str) -> Result<Glossary, String> {
        let entries = text.split("\n### ").skip(1);
        Ok(Glossary { terms: entries.map(Term::parse).collect::<Result<_, _>>()? })
    }

    /// What the term with this anchor means, as plain text.
    pub fn meaning(&self, anchor: &str) -> Option<String> {
        let term = self.terms.iter().find(|term| term.anchor == anchor)?;
        let mut plain = String::new();
        for event in Parser::new_ext(&term.meaning, options()) {
            match event {
                Event::Text(text) | Event::Code(text) => plain += &text,
                Event::SoftBreak => plain.push(' '),
                _ => {}
            }
        }
        // Where it is shown stands at the end, and is no part of the meaning.
        Some(plain.split(" Sheet ").next().unwrap_or("").trim().to_owned())
    }
}

impl Term {
    fn parse(entry: &str) -> Result<Term, String> {
        let (name, body) = entry.split_once('\n').unwrap_or((entry, ""));
        let body = body.split("\n## ").next().unwrap_or("");
        let comments: Vec<&str> = body.lines().filter(|line| line.starts_with("<!--")).collect();
        let meaning: Vec<&str> = body.lines().filter(|line| !line.starts_with("<!--")).collect();
        let option = |key: &str| -> Vec<String> {
            let inner = comments.iter().map(|line| line.trim_matches(['<', '!', '-', '>', ' ']));
            let options = inner.flat_map(|line| line.split(';'));
            let found = options.filter_map(|option| option.trim().strip_prefix(key));
            found.flat_map(|list| list.split(',')).map(|item| item.trim().to_owned()).collect()
        };
        let mut spellings = option("also:");
        // `TTL (of a packet)` is no spelling that a sheet would have.
        if !name.contains('(') {
            spellings.push(name.to_owned());
        }
        Ok(Term {
            name: name.to_owned(),
            anchor: anchor(name),
            meaning: meaning.join("\n").trim().to_owned(),
            sheets: option("sheets:"),
            spelling: expression(&spellings)?,
        })
    }

    /// Whether a text has one of the term's spellings, be it in code.
    pub fn stands_in(&self, text: &str) -> bool {
        self.spelling.is_match(text)
    }

    /// Whether the term is looked for on this sheet.
    pub fn is_for(&self, sheet: &Page) -> bool {
        let number = sheet.number().unwrap_or("");
        self.sheets.is_empty() || self.sheets.iter().any(|sheet| sheet == number)
    }
}

/// One of the spellings as a word, also in the plural, also across the end of a line.
fn expression(spellings: &[String]) -> Result<Regex, String> {
    let words = spellings.iter().map(|spelling| regex::escape(spelling).replace(' ', r"\s+"));
    let words: Vec<String> = words.collect();
    let text = format!(r"\b(?:{})s?\b", words.join("|"));
    let build = RegexBuilder::new(&text).case_insensitive(true).build();
    build.map_err(|why| format!("{}: {why}", spellings.join(", ")))
}

/// The anchor of a heading, as GitHub makes it.
pub fn anchor(heading: &str) -> String {
    let kept = |char: &char| char.is_alphanumeric() || matches!(char, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The first use of a term on a sheet.
#[derive(Debug, PartialEq, Eq)]
pub struct Use {
    pub anchor: String,
    /// Where it stands in the sheet's text, in bytes.
    pub place: Range<usize>,
    /// Whether it is a link to the term.
    pub linked: bool,
}

/// The first use of each term in the running text of a sheet: not in headings,
/// in code, or in links to elsewhere. Longer terms come first: within a "tail
/// loss probe" there is no "probe".
pub fn uses(glossary: &Glossary, sheet: &Page) -> Vec<Use> {
    let (prose, linked) = prose(&sheet.text);
    let mut terms: Vec<&Term> = glossary.terms.iter().filter(|term| term.is_for(sheet)).collect();
    terms.sort_by_key(|term| std::cmp::Reverse(term.name.len()));
    let mut uses: Vec<Use> = Vec::new();
    for term in terms {
        let href = format!("glossary.md#{}", term.anchor);
        let apart = |place: &Range<usize>| {
            uses.iter()
                .all(|other| place.end <= other.place.start || other.place.end <= place.start)
        };
        let matches = term.spelling.find_iter(&prose).map(|found| found.range());
        let found = matches.filter(apart).find(|place| {
            let link = linked.iter().find(|(range, _)| range.contains(&place.start));
            link.is_none_or(|(_, address)| *address == href)
        });
        if let Some(place) = found {
            let is_link = |(range, _): &(Range<usize>, String)| range.contains(&place.start);
            let linked = linked.iter().any(is_link);
            uses.push(Use { anchor: term.anchor.clone(), place, linked });
        }
    }
    uses.sort_by_key(|used| used.place.start);
    uses
}

/// The running text, at the places that it has in the file, with NUL for all the
/// rest; and the links, with their addresses.
fn prose(text: &str) -> (String, Vec<(Range<usize>, String)>) {
    let mut bytes = vec![0; text.len()];
    let mut links = Vec::new();
    // Headings, code and pictures are no running text.
    let (mut outside, mut end) = (0, 0);
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { .. } | Tag::CodeBlock(_) | Tag::Image { .. }) => {
                outside += 1
            }
            Event::End(TagEnd::Heading(_) | TagEnd::CodeBlock | TagEnd::Image) => outside -= 1,
            Event::Start(Tag::Link { dest_url, .. }) => links.push((range, dest_url.to_string())),
            Event::Text(_) if outside == 0 => {
                // Between two texts of a paragraph: the end of a line, and an item's indentation.
                let joined = end > 0 && text[end..range.start].trim().is_empty();
                let from = if joined { end } else { range.start };
                bytes[from..range.end].copy_from_slice(&text.as_bytes()[from..range.end]);
                end = range.end;
            }
            _ => {}
        }
    }
    (String::from_utf8_lossy(&bytes).into_owned(), links)
}

/// The sheets of the project, and its glossary.
///
/// # Errors
/// One line: what cannot be read.
pub fn read(root: &Path) -> Result<(Glossary, Vec<Page>), String> {
    let pages = pages::read(root, Edition::default())?;
    let glossary = pages.iter().find(|page| page.path == PATH);
    let glossary = glossary.ok_or_else(|| format!("there is no {PATH}"))?;
    let glossary = Glossary::parse(&glossary.text)?;
    let sheets = pages.into_iter().filter(|page| page.kind == Kind::Sheet).collect();
    Ok((glossary, sheets))
}

/// Links each term's first use on each sheet, and says how many it has linked.
///
/// # Errors
/// One line: what cannot be read or written.
pub fn link_sheets(root: &Path) -> Result<String, String> {
    let (glossary, sheets) = read(root)?;
    let mut count = 0;
    for sheet in sheets {
        let linked = link(&glossary, &sheet);
        if linked != sheet.text {
            count += 1;
            fs::write(root.join(&sheet.path), linked)
                .map_err(|why| format!("{}: {why}", sheet.path))?;
        }
    }
    Ok(format!("{count} sheets changed"))
}

/// The sheet's text with its terms linked: `[jitter]`, and its address at the end.
pub fn link(glossary: &Glossary, sheet: &Page) -> String {
    let mut text = sheet.text.clone();
    let mut addresses = Vec::new();
    for used in uses(glossary, sheet).iter().rev().filter(|used| !used.linked) {
        let words: Vec<&str> = sheet.text[used.place.clone()].split_whitespace().collect();
        text.insert(used.place.end, ']');
        text.insert(used.place.start, '[');
        addresses.push(format!(
            "[{}]: glossary.md#{}",
            words.join(" ").to_lowercase(),
            used.anchor
        ));
    }
    addresses.retain(|address| !text.contains(&format!("\n{address}\n")));
    if addresses.is_empty() {
        return text;
    }
    addresses.sort();
    let last = text.trim_end().lines().next_back().unwrap_or("");
    let gap = if last.contains("]: glossary.md#") { "" } else { "\n" };
    format!("{}\n{gap}{}\n", text.trim_end(), addresses.join("\n"))
}
