//! The plan of the house: inside each crate and each program no modules need each other in a circle,
//! and the table in a crate's `lib.rs` has them in an order in which none knows of those below it.
//!
//! A reader of `crate::` and `super::` paths is enough for that. What tests need is left out: they
//! may look at anything.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The members of the workspace that have a library.
const LIBRARIES: [&str; 7] = [".", "ladder", "logic", "monitor", "packets", "sheets", "sys"];

/// Which top-level module needs which others.
type Graph = BTreeMap<String, BTreeSet<String>>;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file below a folder, but for the programs, which are crates of their own.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && entry.file_name().is_some_and(|name| name != "bin") {
            files.extend(rust_files(&entry));
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    files.sort();
    files
}

/// The code of a file without comments and without what is for tests alone.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let word = line.trim_start();
        if word.starts_with("#[cfg(test)]") || word.starts_with("#[cfg(all(test") {
            // The item that follows, up to a line that ends it at the same depth.
            let depth = line.len() - word.len();
            let ends = |line: &&str| {
                let flat = line.len() - line.trim_start().len() == depth;
                flat && (line.ends_with(';') || line.trim_start().starts_with('}'))
            };
            lines.find(ends);
        } else if !word.starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code
}

/// The first names of all that stands between braces: `a::b, c::{d, e}` gives a and c.
fn first_names(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut names = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    let first = |path: &String| path.trim().split("::").next().unwrap_or_default().to_string();
    names.iter().map(first).collect()
}

/// The names that code takes from its crate's root; `depth` is how many modules deep it stands.
fn taken_from_the_root(path: &Regex, code: &str, depth: usize) -> Vec<String> {
    let mut names = Vec::new();
    for found in path.captures_iter(code) {
        let way_up = found[1].matches("super::").count();
        match found.get(2) {
            _ if found[1] != *"crate::" && way_up != depth => {}
            Some(name) => names.push(name.as_str().to_string()),
            None => names.extend(first_names(&code[found.get(0).unwrap().end()..])),
        }
    }
    names
}

/// A path that begins at the root, or so many modules above.
fn path() -> Regex {
    Regex::new(r"\b(crate::|(?:super::)+)(?:(\w+)|\{)").unwrap()
}

/// The graph of a crate whose root, `lib.rs` or `main.rs`, is in `folder`.
fn graph(folder: &Path) -> Graph {
    let root = ["lib.rs", "main.rs"].map(|name| fs::read_to_string(folder.join(name)));
    let root = code(&root.into_iter().find_map(Result::ok).expect("a crate's root"));
    let declared = Regex::new(r"(?m)^(?:pub )?mod (\w+);").unwrap();
    let mut graph: Graph = declared
        .captures_iter(&root)
        .map(|found| (found[1].to_string(), BTreeSet::new()))
        .collect();
    // What is no module stands in the root itself: a constant, the flags of a program.
    let modules: BTreeSet<String> = graph.keys().cloned().collect();
    let path = path();
    for file in rust_files(folder) {
        let inside = file.strip_prefix(folder).unwrap().with_extension("");
        let mut parts: Vec<_> = inside.iter().map(|part| part.to_str().unwrap()).collect();
        parts.pop_if(|part| *part == "mod");
        if parts.iter().any(|part| *part == "tests" || part.ends_with("_tests")) {
            continue;
        }
        if let Some(needs) = graph.get_mut(parts[0]) {
            let text = code(&fs::read_to_string(&file).unwrap());
            let names = taken_from_the_root(&path, &text, parts.len());
            needs.extend(
                names.into_iter().filter(|name| name != parts[0] && modules.contains(name)),
            );
        }
    }
    graph
}

/// The modules that need each other in a circle, if any: those that remain when everything that
/// needs nothing, or is needed by nothing, is taken away again and again.
fn circle(graph: &Graph) -> Vec<String> {
    let mut left = graph.clone();
    loop {
        let needed: BTreeSet<String> = left.values().flatten().cloned().collect();
        let names: BTreeSet<String> = left.keys().cloned().collect();
        let before = left.len();
        left.retain(|name, needs| !needs.is_empty() && needed.contains(name));
        left.values_mut().for_each(|needs| needs.retain(|need| names.contains(need)));
        let names: BTreeSet<String> = left.keys().cloned().collect();
        left.values_mut().for_each(|needs| needs.retain(|need| names.contains(need)));
        if left.len() == before {
            let arrows = |(name, needs): (&String, &BTreeSet<String>)| {
                let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
                format!("{name} needs {}", needs.join(", "))
            };
            return left.iter().map(arrows).collect();
        }
    }
}

/// What the table in a `lib.rs` has in an order that is not from the bottom up, or does not have.
fn wrong_in_table(lib: &str, graph: &Graph) -> Vec<String> {
    let row = Regex::new(r"(?m)^//! \| (\[.*?) \|").unwrap();
    let link = Regex::new(r"\[`(\w+)`\]").unwrap();
    let rows = row.captures_iter(lib).map(|found| found[1].to_string());
    let rows: Vec<String> = rows
        .flat_map(|row| link.captures_iter(&row).map(|l| l[1].to_string()).collect::<Vec<_>>())
        .collect();
    let place = |name: &String| rows.iter().position(|row| row == name);
    let mut wrong = Vec::new();
    for (module, needs) in graph {
        let Some(own) = place(module) else {
            wrong.push(format!("{module} is not in the table"));
            continue;
        };
        let below = needs.iter().filter(|need| place(need).is_some_and(|place| place > own));
        wrong.extend(below.map(|need| format!("{module} needs {need}, which stands below it")));
    }
    wrong
}

#[test]
fn no_modules_of_a_library_need_each_other() {
    for library in LIBRARIES {
        let circle = circle(&graph(&root().join(library).join("src")));
        assert_eq!(circle, Vec::<String>::new(), "in {library}");
    }
}

#[test]
fn no_modules_of_a_program_need_each_other() {
    let entries = fs::read_dir(root().join("src/bin")).unwrap();
    let folders: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    assert!(folders.len() >= 12, "{folders:?}");
    let circle = |folder: &PathBuf| (folder.clone(), circle(&graph(folder)));
    let circles: Vec<_> =
        folders.iter().map(circle).filter(|(_, circle)| !circle.is_empty()).collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn the_tables_of_modules_are_from_the_bottom_up() {
    for library in [".", "ladder", "logic", "monitor"] {
        let folder = root().join(library).join("src");
        let lib = fs::read_to_string(folder.join("lib.rs")).unwrap();
        assert_eq!(wrong_in_table(&lib, &graph(&folder)), Vec::<String>::new(), "in {library}");
    }
}

#[test]
fn a_circle_is_found_and_named() {
    let needs = |names: &[&str]| names.iter().map(|name| (*name).to_string()).collect();
    let mut graph: Graph = [
        ("top".to_string(), needs(&["left"])),
        ("left".to_string(), needs(&["right"])),
        ("right".to_string(), needs(&["bottom"])),
        ("bottom".to_string(), needs(&[])),
    ]
    .into();
    assert!(circle(&graph).is_empty());
    graph.insert("right".to_string(), needs(&["bottom", "left"]));
    assert_eq!(circle(&graph), ["left needs right", "right needs left"]);
    let table = "//! | [`bottom`] | x |\n//! | [`left`], [`right`] | x |\n//! | [`top`] | x |\n";
    assert_eq!(wrong_in_table(table, &graph), ["left needs right, which stands below it"]);
}

#[test]
fn paths_are_read_as_the_compiler_reads_them() {
    let text = "use crate::a;\nuse crate::{b::{x, y}, c};\n// crate::no\nfn f() { super::super::d::g() }\n\
                use super::mine;\n#[cfg(test)]\nmod tests {\n    use crate::no;\n}\nuse crate::e;\n";
    assert_eq!(taken_from_the_root(&path(), &code(text), 2), ["a", "b", "c", "d", "e"]);
    assert_eq!(taken_from_the_root(&path(), "use super::a;", 1), ["a"]);
}
