//! Whether every sheet has all that a lab needs, and every question its answer.

use crate::parse::{Block, blocks};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const HEADINGS: [&str; 9] = [
    "Goal",
    "Time",
    "You need",
    "Steps",
    "What happened and why",
    "Questions",
    "Write your own",
    "If it goes wrong",
    "Going further",
];

/// The files of the labs, by their names, and the programs there are.
#[derive(Clone, Default)]
pub struct Labs {
    pub sheets: BTreeMap<String, String>,
    pub answers: BTreeMap<String, String>,
    pub programs: BTreeSet<String>,
}

impl Labs {
    pub fn read(root: &Path) -> Result<Labs, String> {
        let mut programs = BTreeSet::new();
        let entry = regex(r#"(?m)^\[\[bin\]\]\s*\nname = "(.+)""#);
        for manifest in ["Cargo.toml", "monitor/Cargo.toml"] {
            let text = read(&root.join(manifest))?;
            programs.extend(entry.captures_iter(&text).map(|found| found[1].to_owned()));
        }
        // Cargo finds the examples by itself, and so do we.
        for entry in std::fs::read_dir(root.join("examples")).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            programs.extend(name.strip_suffix(".rs").map(str::to_owned));
        }
        Ok(Labs {
            sheets: markdown_files(&root.join("labs"))?,
            answers: markdown_files(&root.join("labs/answers"))?,
            programs,
        })
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn markdown_files(folder: &Path) -> Result<BTreeMap<String, String>, String> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.map_err(|error| format!("{}: {error}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    names
        .filter_map(|name| name.into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .map(|name| Ok((name.clone(), read(&folder.join(name))?)))
        .collect()
}

fn regex(expression: &str) -> Regex {
    Regex::new(expression).expect("written here")
}

/// Everything that is missing, a line each.
pub fn lint(labs: &Labs) -> Vec<String> {
    let numbered = regex(r"^\d\d-");
    let mut faults = Vec::new();
    let mut numbers: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, text) in &labs.sheets {
        let path = format!("labs/{name}");
        let mut fault = |what: String| faults.push(format!("{path}: {what}"));
        unknown_programs(text, &labs.programs, &mut fault);
        if !numbered.is_match(name) {
            continue;
        }
        if let Some(other) = numbers.insert(&name[..2], name) {
            fault(format!("has the same number as labs/{other}"));
        }
        match Sections::of(text) {
            Err((line, what)) => fault(format!("line {line}: {what}")),
            Ok(sections) => {
                headings(&sections, &mut fault);
                questions(&sections, labs.answers.get(name), &mut fault);
            }
        }
    }
    for name in labs.answers.keys() {
        if !labs.sheets.contains_key(name) {
            faults.push(format!("labs/answers/{name}: there is no labs/{name}"));
        }
    }
    faults
}

fn unknown_programs(text: &str, programs: &BTreeSet<String>, fault: &mut impl FnMut(String)) {
    let mention = regex(r"--(?:bin|example)[ =]([A-Za-z0-9_-]+)");
    let names: BTreeSet<String> =
        mention.captures_iter(text).map(|found| found[1].to_owned()).collect();
    for name in names.difference(programs) {
        if name != "NAME" {
            fault(format!("{name}, to be run by cargo: there is no such program"));
        }
    }
}

fn headings(sections: &Sections, fault: &mut impl FnMut(String)) {
    for heading in HEADINGS {
        let mut found = sections.0.iter().filter(|section| section.heading == heading);
        match (found.next(), found.next()) {
            (None, _) => fault(format!("has no heading \"## {heading}\"")),
            (_, Some(_)) => fault(format!("has the heading \"## {heading}\" twice")),
            (Some(section), None) if section.is_empty() => {
                fault(format!("has nothing under \"## {heading}\""));
            }
            _ => {}
        }
    }
    let mut furthest = 0;
    for Section { heading, .. } in &sections.0 {
        match HEADINGS.iter().position(|known| known == heading) {
            // What stands above the first heading.
            None if heading.is_empty() => {}
            None => fault(format!("\"## {heading}\" is none of a sheet's headings")),
            Some(place) if place < furthest => {
                fault(format!(
                    "\"## {heading}\" should stand before \"## {}\"",
                    HEADINGS[furthest]
                ));
            }
            Some(place) => furthest = place,
        }
    }
}

fn questions(sheet: &Sections, answers: Option<&String>, fault: &mut impl FnMut(String)) {
    let section = sheet.0.iter().find(|section| section.heading == "Questions");
    let Some(section) = section else {
        return;
    };
    let questions = items(&section.lines, &regex(r"^(\d+)\. *(.*)$"));
    if questions.is_empty() {
        fault("has no numbered question (\"1. …\") under \"## Questions\"".into());
    }
    for (place, (number, text)) in (1..).zip(&questions) {
        if *number != place {
            fault(format!("question {number} should have the number {place}"));
        }
        if text.is_empty() {
            fault(format!("question {number} is empty"));
        }
    }
    let Some(answers) = answers else {
        fault("has no answers in labs/answers/".into());
        return;
    };
    let answers = match Sections::of(answers) {
        Ok(sections) => sections.answers(),
        Err((line, what)) => return fault(format!("its answers, line {line}: {what}")),
    };
    for (number, _) in &questions {
        match answers.iter().find(|(answered, _)| answered == number) {
            None => fault(format!("question {number} has no answer in labs/answers/")),
            Some((_, text)) if text.is_empty() => {
                fault(format!("the answer to question {number} is empty"));
            }
            Some(_) => {}
        }
    }
    for (place, (number, _)) in answers.iter().enumerate() {
        if !questions.iter().any(|(asked, _)| asked == number) {
            fault(format!("answer {number} has no question"));
        }
        if answers[..place].iter().any(|(earlier, _)| earlier == number) {
            fault(format!("there are two answers {number}"));
        }
    }
}

/// Numbered items with all that stands in them, the lines joined.
fn items(lines: &[String], start: &Regex) -> Vec<(usize, String)> {
    let mut items: Vec<(usize, String)> = Vec::new();
    for line in lines {
        if let Some(found) = start.captures(line) {
            let number = found[1].parse().unwrap_or(0);
            let text = found.get(2).map_or("", |text| text.as_str());
            items.push((number, text.trim().to_owned()));
        } else if let Some((_, text)) = items.last_mut() {
            text.push_str(line.trim());
        }
    }
    items
}

/// A file, divided by its headings of level 2; the first part has none.
struct Sections(Vec<Section>);

struct Section {
    heading: String,
    /// Of a fence, a word stands for all its lines: they are not headings.
    lines: Vec<String>,
}

impl Section {
    fn is_empty(&self) -> bool {
        self.lines.iter().all(String::is_empty)
    }
}

impl Sections {
    fn of(text: &str) -> Result<Sections, (usize, String)> {
        let preamble = Section { heading: String::new(), lines: Vec::new() };
        let mut sections = vec![preamble];
        for block in blocks(text)? {
            let line = match block {
                Block::Prose(text) => text,
                Block::Fence(_) => "(fence)",
                Block::Comment { .. } => "",
            };
            if let Some(heading) = line.strip_prefix("## ") {
                sections.push(Section { heading: heading.trim().to_owned(), lines: Vec::new() });
            } else if let Some(section) = sections.last_mut() {
                section.lines.push(line.to_owned());
            }
        }
        Ok(Sections(sections))
    }

    /// Answers are numbered headings (`## 1. …`) or items (`1. …`); under such
    /// headings, items are part of an answer.
    fn answers(&self) -> Vec<(usize, String)> {
        let numbered = regex(r"^(\d+)\.");
        let sections = self.0.iter();
        let under_headings: Vec<(usize, String)> = sections
            .filter_map(|section| {
                let number = numbered.captures(&section.heading)?[1].parse().ok()?;
                Some((number, section.lines.concat()))
            })
            .collect();
        if !under_headings.is_empty() {
            return under_headings;
        }
        let lines: Vec<String> = self.0.iter().flat_map(|s| s.lines.clone()).collect();
        items(&lines, &regex(r"^(\d+)\. *(.*)$"))
    }
}

#[cfg(test)]
mod tests;
