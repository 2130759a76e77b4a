//! Which Markdown files become pages.

use std::fs;
use std::path::Path;

use crate::ready::ready;

/// For whom the book is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Edition {
    /// Without answers and without what is for instructors.
    pub student: bool,
    /// For an archive that has the programs built.
    pub ready: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Sheet,
    Reference,
    Answers,
    Instructor,
}

impl Kind {
    /// What stands above such pages in the list of all pages.
    pub fn heading(self) -> &'static str {
        match self {
            Kind::Sheet => "Sheets",
            Kind::Reference => "Reference",
            Kind::Answers => "Answers",
            Kind::Instructor => "For instructors",
        }
    }
}

/// A Markdown file that becomes a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// From the project's folder, with `/`.
    pub path: String,
    pub kind: Kind,
    /// The name of the page's file; all files of the book lie in one folder.
    pub file: String,
    pub text: String,
    /// Its first heading, as plain text.
    pub title: String,
}

impl Page {
    /// A sheet's number, `07`.
    pub fn number(&self) -> Option<&str> {
        let name = self.path.rsplit('/').next()?;
        let (number, _) = name.split_once('-')?;
        (number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())).then_some(number)
    }

    /// The title without the number that it begins with.
    pub fn name(&self) -> &str {
        let number = self.number().unwrap_or("");
        let title = self.title.strip_prefix("Answers to ").unwrap_or(&self.title);
        title.strip_prefix(number).unwrap_or(title).trim_start()
    }

    /// The text of a section of level 2, up to the next one.
    pub fn section(&self, heading: &str) -> &str {
        let Some((_, after)) = self.text.split_once(&format!("\n## {heading}\n")) else {
            return "";
        };
        after.split("\n## ").next().unwrap_or("").trim()
    }
}

/// The book's pages, in the order in which they are listed.
///
/// # Errors
/// One line: a folder or file that cannot be read, or a page without a heading.
pub fn read(root: &Path, edition: Edition) -> Result<Vec<Page>, String> {
    let numbered = |name: &str| name.starts_with(|first: char| first.is_ascii_digit());
    let mut pages = Vec::new();
    let mut add = |kind, path| page(root, kind, path, edition).map(|page| pages.push(page));
    for name in markdown(root, "labs")?.iter().filter(|name| numbered(name)) {
        add(Kind::Sheet, format!("labs/{name}"))?;
    }
    for name in markdown(root, "labs")?.iter().filter(|name| !numbered(name)) {
        add(Kind::Reference, format!("labs/{name}"))?;
    }
    add(Kind::Reference, "EVENTS.md".to_owned())?;
    if !edition.student {
        for (kind, folder) in
            [(Kind::Answers, "labs/answers"), (Kind::Instructor, "labs/instructor")]
        {
            for name in markdown(root, folder)? {
                add(kind, format!("{folder}/{name}"))?;
            }
        }
    }
    Ok(pages)
}

fn page(root: &Path, kind: Kind, path: String, edition: Edition) -> Result<Page, String> {
    let text = fs::read_to_string(root.join(&path)).map_err(|why| format!("{path}: {why}"))?;
    let text = if edition.ready { ready(&text) } else { text };
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    let title = title.ok_or_else(|| format!("{path}: it has no heading of level 1"))?;
    let title = title.replace(['`', '*'], "").trim().to_owned();
    let name = path.strip_prefix("labs/").unwrap_or(&path);
    let file = name.replace('/', "-").to_lowercase().replace(".md", ".html");
    Ok(Page { kind, file, text, title, path })
}

/// The names of a folder's Markdown files, sorted; none if there is no folder.
fn markdown(root: &Path, folder: &str) -> Result<Vec<String>, String> {
    if !root.join(folder).exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(root.join(folder)).map_err(|why| format!("{folder}: {why}"))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    Ok(names)
}
