//! Where a link of a Markdown file leads in the book.

use std::path::Path;

use crate::pages::{Edition, Page};

/// What a link's address becomes.
#[derive(Debug, PartialEq, Eq)]
pub enum Target {
    /// An address outside, or a place on the same page: as it is.
    Same,
    /// Another page of the book, with its anchor.
    Page(String),
    /// A file of the project, by its path: a program's text or a picture.
    File(String),
    /// A page that this edition leaves out: its text is no link.
    LeftOut,
}

pub struct Links<'a> {
    root: &'a Path,
    pages: &'a [Page],
    edition: Edition,
}

impl<'a> Links<'a> {
    pub fn new(root: &'a Path, pages: &'a [Page], edition: Edition) -> Links<'a> {
        Links { root, pages, edition }
    }

    /// Resolves an address that stands on the page of the file `from`.
    ///
    /// # Errors
    /// One line: there is no such file.
    pub fn resolve(&self, from: &str, address: &str) -> Result<Target, String> {
        if address.starts_with('#') || address.contains("://") || address.starts_with("mailto:") {
            return Ok(Target::Same);
        }
        let (path, anchor) = address.split_once('#').unwrap_or((address, ""));
        let path = join(from, path);
        if let Some(page) = self.pages.iter().find(|page| page.path == path) {
            let mark = if anchor.is_empty() { "" } else { "#" };
            return Ok(Target::Page(format!("{}{mark}{anchor}", page.file)));
        }
        let on_disk = self.root.join(&path);
        if !on_disk.exists() {
            return Err(format!("{from}: {address} leads to no file"));
        }
        let hidden = ["labs/answers", "labs/instructor"].iter().any(|left| path.starts_with(left));
        if hidden && self.edition.student {
            return Ok(Target::LeftOut);
        }
        // A folder has no page; the archive has it, and so has the project.
        if on_disk.is_dir() { Ok(Target::LeftOut) } else { Ok(Target::File(path)) }
    }
}

/// The name in the book of a file that is no page.
pub fn file_of(path: &str) -> String {
    let name = path.replace('/', "-");
    if is_picture(path) { name } else { format!("source-{name}.html") }
}

pub fn is_picture(path: &str) -> bool {
    [".svg", ".png"].iter().any(|end| path.ends_with(end))
}

/// `labs/01.md` and `../src/x.rs` make `src/x.rs`.
fn join(from: &str, address: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in address.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_joined_to_the_folder_of_its_page() {
        assert_eq!(join("labs/01.md", "../src/x.rs"), "src/x.rs");
        assert_eq!(join("labs/answers/01.md", "../01.md"), "labs/01.md");
        assert_eq!(join("README.md", "labs/01.md"), "labs/01.md");
    }
}
