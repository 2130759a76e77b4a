//! The sheets, their answers and the reference pages as HTML: a folder of files
//! that a browser opens as they are, without a server and without a network.
//!
//! `make book` writes it to `target/book`. The modules, in the order of the work:
//!
//! - [`pages`]: which Markdown files become pages, and for whom
//! - [`ready`]: what a page says to somebody who has the programs built
//! - [`render`]: from Markdown to HTML, a page at a time; [`console`] does the terminals
//! - [`links`]: where a link of a Markdown file leads in the book
//! - [`layout`]: what stands around a page, and the front page
//! - [`source`]: the program texts that the pages point to
//! - [`search`]: the index that the browser searches
//! - [`check`]: whether every link of the written book leads somewhere
//! - [`glossary`]: the terms, and whether every sheet links them

pub mod check;
pub mod console;
pub mod glossary;
pub mod layout;
pub mod links;
pub mod pages;
pub mod ready;
pub mod render;
pub mod search;
pub mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use glossary::Glossary;
use links::Links;
use pages::Edition;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("book.js");

/// Writes the book of the project at `root` to the folder `out`; gives the
/// number of its files.
///
/// # Errors
/// One line: a file that cannot be read or written, or a link that leads to no file.
pub fn build(root: &Path, out: &Path, edition: Edition) -> Result<usize, String> {
    let pages = pages::read(root, edition)?;
    let glossary = pages.iter().find(|page| page.path == glossary::PATH);
    let glossary = glossary.map(|page| Glossary::parse(&page.text)).transpose()?;
    let links = Links::new(root, &pages, edition);

    let mut files = vec![
        ("style.css".to_owned(), STYLE.as_bytes().to_vec()),
        ("book.js".to_owned(), SCRIPT.as_bytes().to_vec()),
    ];
    let (mut sections, mut wanted) = (Vec::new(), BTreeSet::new());
    for page in &pages {
        let rendered = render::render(page, &links, glossary.as_ref())?;
        let html = layout::page(page, &rendered, &pages);
        files.push((page.file.clone(), html.into_bytes()));
        sections.extend(rendered.sections);
        wanted.extend(rendered.files);
    }
    files.push(("index.html".to_owned(), layout::front(&pages, edition).into_bytes()));
    files.push(("search.js".to_owned(), search::index(&sections).into_bytes()));
    for path in wanted {
        let bytes = fs::read(root.join(&path)).map_err(|why| format!("{path}: {why}"))?;
        files.push((links::file_of(&path), source::file(&path, bytes, &pages)));
    }

    fs::create_dir_all(out).map_err(|why| format!("{}: {why}", out.display()))?;
    for (name, bytes) in &files {
        fs::write(out.join(name), bytes).map_err(|why| format!("{name}: {why}"))?;
    }
    Ok(files.len())
}
