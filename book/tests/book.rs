//! The book of this project: every link leads somewhere, nothing is loaded from
//! a network, and each block shows its terminal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use book::pages::Edition;
use book::{build, check};

const STUDENT: Edition = Edition { student: true, ready: false };

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let folder = std::env::temp_dir().join(format!("book-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }

    fn with_book(name: &str, edition: Edition) -> Folder {
        let folder = Folder::new(name);
        build(root(), &folder.0, edition).unwrap();
        folder
    }

    /// The files by their names.
    fn texts(&self) -> BTreeMap<String, String> {
        let entries = fs::read_dir(&self.0).unwrap().flatten();
        let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
        entries.map(|entry| (name(&entry), fs::read_to_string(entry.path()).unwrap())).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn every_link_of_both_editions_leads_somewhere() {
    for (name, edition) in [("whole", Edition::default()), ("student", STUDENT)] {
        let folder = Folder::with_book(name, edition);
        assert_eq!(check::dangling(&folder.0).unwrap(), Vec::<String>::new(), "{name}");
    }
}

#[test]
fn students_get_no_answers() {
    let whole = Folder::with_book("answers", Edition::default()).texts();
    assert!(whole.contains_key("answers-01-udp-ping.html"), "{:?}", whole.keys());
    let student = Folder::with_book("no-answers", STUDENT).texts();
    let told: Vec<_> = student
        .iter()
        .filter(|(name, text)| {
            ["answers-", "instructor-"]
                .iter()
                .any(|left| name.contains(left) || text.contains(left))
        })
        .map(|(name, _)| name)
        .collect();
    assert_eq!(told, Vec::<&String>::new());
}

#[test]
fn each_block_of_a_sheet_shows_its_terminal() {
    let texts = Folder::with_book("terminals", STUDENT).texts();
    for (name, html) in
        texts.iter().filter(|(name, _)| name.starts_with(|c: char| c.is_ascii_digit()))
    {
        let source = root().join("labs").join(name.replace(".html", ".md"));
        let source = fs::read_to_string(source).unwrap();
        for terminal in ["A", "B", "C"] {
            let wanted = source.matches(&format!("<!-- terminal: {terminal}")).count();
            let shown = html.matches(&format!("<b>Terminal {terminal}</b>")).count();
            assert_eq!(shown, wanted, "{name}, terminal {terminal}");
        }
    }
}

#[test]
fn the_book_needs_no_network_and_no_server() {
    for (name, text) in Folder::with_book("offline", Edition::default()).texts() {
        // Links may lead out; what a page loads may not. A page that is a file
        // may not ask for data either.
        for loads in ["src=\"http", "stylesheet\" href=\"http", "@import", "url(http", "fetch("] {
            let ours = name.ends_with(".html") || name.ends_with(".css") || name == "book.js";
            assert!(
                !ours || name.starts_with("source-") || !text.contains(loads),
                "{name}: {loads}"
            );
        }
    }
}

#[test]
fn a_search_can_find_every_section() {
    let texts = Folder::with_book("search", Edition::default()).texts();
    let index = texts["search.js"].strip_prefix("const INDEX = ").unwrap();
    let rows: Vec<[String; 5]> =
        serde_json::from_str(index.trim_end().trim_end_matches(';')).unwrap();
    for (name, text) in texts.iter().filter(|(name, _)| !name.starts_with("source-")) {
        let headings = text.matches("class=\"anchor\"").count();
        let found = rows.iter().filter(|row| row[0] == *name && !row[2].is_empty()).count();
        assert_eq!(found, headings, "{name}");
    }
    // What stands in terminals is found too.
    assert!(
        rows.iter().any(|row| row[0] == "01-udp-ping.html" && row[4].contains("no reply to seq=2"))
    );
}

#[test]
fn a_link_to_nowhere_is_told() {
    let folder = Folder::new("dangling");
    let page = r##"<h2 id="here">x</h2><a href="#here"></a><a href="#gone"></a>
        <a href="other.html#top"></a><a href="none.html"></a><img src="https://192.0.2.1/x.png">
        <a href="https://192.0.2.1/"></a>"##;
    fs::write(folder.0.join("page.html"), page).unwrap();
    fs::write(folder.0.join("other.html"), "<p id=\"bottom\">").unwrap();
    let told = check::dangling(&folder.0).unwrap();
    let expected = ["#gone", "other.html#top", "none.html", "https://192.0.2.1/x.png"];
    assert_eq!(told, expected.map(|address| format!("page.html: {address}")));
}
