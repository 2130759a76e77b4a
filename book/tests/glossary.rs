//! The glossary of this project, and whether every sheet links its terms.

use std::path::Path;

use book::glossary::{self, Glossary};
use book::pages::{Kind, Page};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A sheet with this number and text.
fn sheet(number: &str, text: &str) -> Page {
    Page {
        path: format!("labs/{number}-x.md"),
        kind: Kind::Sheet,
        file: format!("{number}-x.html"),
        text: text.to_owned(),
        title: format!("{number} x"),
    }
}

#[test]
fn each_terms_first_use_on_each_sheet_is_a_link() {
    let (glossary, sheets) = glossary::read(root()).unwrap();
    let mut faults = Vec::new();
    for sheet in &sheets {
        for used in glossary::uses(&glossary, sheet).iter().filter(|used| !used.linked) {
            let line = sheet.text[..used.place.start].matches('\n').count() + 1;
            let words = &sheet.text[used.place.clone()];
            faults.push(format!(
                "{}:{line}: {words:?} is the first use of {}",
                sheet.path, used.anchor
            ));
        }
    }
    let mend = "link them all: cargo run -p book -- --link";
    assert!(faults.is_empty(), "\n{}\n{mend}\n", faults.join("\n"));
}

#[test]
fn each_link_to_a_term_has_its_entry() {
    let (glossary, sheets) = glossary::read(root()).unwrap();
    for sheet in sheets {
        for link in sheet.text.split("glossary.md#").skip(1) {
            let anchor: &str = link.split([')', '\n', ' ']).next().unwrap();
            let entry = glossary.terms.iter().any(|term| term.anchor == anchor);
            assert!(entry, "{}: {anchor} is not in the glossary", sheet.path);
        }
    }
}

#[test]
fn each_entry_is_short_names_a_sheet_that_shows_it_and_stands_in_order() {
    let (glossary, sheets) = glossary::read(root()).unwrap();
    let names: Vec<String> = glossary.terms.iter().map(|term| term.name.to_lowercase()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for term in &glossary.terms {
        assert!(term.meaning.lines().count() <= 3, "{}: more than three lines", term.name);
        assert!(!glossary.meaning(&term.anchor).unwrap().is_empty(), "{} says nothing", term.name);
        let (_, file) = term.meaning.rsplit_once("](").unwrap_or_default();
        let path = format!("labs/{}", file.trim_end_matches([')', '.']));
        let shown = sheets.iter().find(|sheet| sheet.path == path);
        let shown = shown.unwrap_or_else(|| panic!("{} names no sheet: {path:?}", term.name));
        assert!(term.stands_in(&shown.text), "{}: {path} never says it", term.name);
    }
}

#[test]
fn the_first_use_is_linked_outside_of_headings_code_and_other_links() {
    let glossary = Glossary::parse(
        "# Glossary\n\n### tail loss probe\nA.\n\n### probe\nB.\n\n\
         ### TTL (of a record)\n<!-- also: TTL; sheets: 08 -->\nC.\n",
    )
    .unwrap();
    let text = "# A probe\n\n`probe` [a probe](x.md), a tail\nloss probe, Probes, a probe. TTL\n";
    let linked = "# A probe\n\n`probe` [a probe](x.md), a [tail\nloss probe], [Probes], a probe. TTL\n\n\
                  [probes]: glossary.md#probe\n[tail loss probe]: glossary.md#tail-loss-probe\n";
    assert_eq!(glossary::link(&glossary, &sheet("01", text)), linked);
    // What is linked already stays as it is.
    let again = sheet("01", linked);
    assert_eq!(glossary::link(&glossary, &again), linked);
    assert!(glossary::uses(&glossary, &again).iter().all(|used| used.linked));
    // A term with another sense elsewhere is looked for in its own sheets.
    assert!(glossary::link(&glossary, &sheet("08", "TTL")).contains("[TTL]"));
}

#[test]
fn an_anchor_is_the_one_that_a_reader_of_markdown_makes() {
    assert_eq!(glossary::anchor("TTL (of a DNS record)"), "ttl-of-a-dns-record");
    assert_eq!(glossary::anchor("10. On two machines"), "10-on-two-machines");
    assert_eq!(glossary::anchor("Wilson's interval"), "wilsons-interval");
}
