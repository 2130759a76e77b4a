//! The pages for contributors name files; every one of them is there.

use std::path::Path;

use regex::Regex;

const PAGES: [&str; 5] =
    ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "README.md", "sheets/README.md"];

#[test]
fn every_file_that_a_page_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let quoted = Regex::new(r"`([A-Za-z0-9_./-]+)`|\]\(([A-Za-z0-9_./-]+)").unwrap();
    // A path begins with one of the project's folders, or is a page of it.
    let ours = Regex::new(
        r"^(\.ci|\.cargo|benches|examples|fuzz|labs|ladder|logic|monitor|packets|scripts|sheets|suite|src|sys|tests)/|\.md$",
    );
    let ours = ours.unwrap();
    let mut missing = Vec::new();
    for page in PAGES {
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        for found in quoted.captures_iter(&text) {
            let path = found.get(1).or(found.get(2)).map_or("", |path| path.as_str());
            // Names of a kind stand for many: labs/NN-name.md.
            let one = !path.contains("NN") && !path.contains("NAME");
            if one && ours.is_match(path) && !root.join(path).exists() {
                missing.push(format!("{page}: {path}"));
            }
        }
    }
    assert_eq!(missing, Vec::<String>::new());
}
