//! The sheets say which line of the code does what they explain. Here each of these pointers is
//! followed: the file is there, the function in it, and the words in the function.
//!
//! A pointer is written ``[main.rs](../src/bin/udp_ping_client/main.rs), `fn run`: `socket.connect(server)` ``.

use std::fs;
use std::path::{Path, PathBuf};

use regex::Regex;

/// The sheets of which every claim about the code has its pointer.
const THOROUGH: [&str; 3] = ["01-udp-ping.md", "03-tcp-ping.md", "05-icmp-ping.md"];

struct Pointer {
    file: PathBuf,
    function: String,
    words: String,
}

fn labs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("labs")
}

/// A pointer may be broken between lines wherever there is a space.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn pattern() -> Regex {
    Regex::new(r"\[[^\]]+\]\((\.\./[^)]+\.rs)\), `fn (\w+)`: `([^`]+)`").unwrap()
}

fn pointers(text: &str) -> Vec<Pointer> {
    let (pattern, text) = (pattern(), in_one_line(text));
    let found = pattern.captures_iter(&text).map(|found| Pointer {
        file: labs().join(&found[1]),
        function: found[2].to_string(),
        words: found[3].to_string(),
    });
    found.collect()
}

/// The section in which a sheet explains itself.
fn explanation(sheet: &str) -> String {
    let text = fs::read_to_string(labs().join(sheet)).unwrap();
    let (_, section) = text.split_once("\n## What happened and why\n").expect("a section of it");
    section.split("\n## ").next().unwrap_or_default().to_string()
}

/// Each function of that name in a file, from its `fn` to the brace that ends it.
fn functions(code: &str, name: &str) -> Vec<String> {
    let head = Regex::new(&format!(r"(?m)^( *)(?:pub(?:\([a-z]+\))? )?fn {name}\b")).unwrap();
    let body = |found: regex::Captures| {
        let rest = &code[found.get(0).unwrap().start()..];
        let end = rest.find(&format!("\n{}}}", &found[1])).unwrap_or(rest.len());
        in_one_line(&rest[..end])
    };
    head.captures_iter(code).map(body).collect()
}

/// What is wrong with a pointer, if anything.
fn fault(pointer: &Pointer) -> Option<String> {
    let Pointer { file, function, words } = pointer;
    let shown = file.display();
    let Ok(code) = fs::read_to_string(file) else {
        return Some(format!("there is no {shown}"));
    };
    let bodies = functions(&code, function);
    if bodies.is_empty() {
        return Some(format!("there is no fn {function} in {shown}"));
    }
    let there = bodies.iter().any(|body| body.contains(words));
    (!there).then(|| format!("{words:?} does not stand in fn {function} of {shown}"))
}

#[test]
fn every_pointer_leads_to_the_line_that_it_quotes() {
    let mut count = 0;
    for entry in fs::read_dir(labs()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let pointers = pointers(&fs::read_to_string(&path).unwrap());
            count += pointers.len();
            let faults: Vec<String> = pointers.iter().filter_map(fault).collect();
            assert!(faults.is_empty(), "{}: {faults:#?}", path.display());
        }
    }
    assert!(count >= 15, "{count}: are they still written as they are looked for?");
}

#[test]
fn the_explanations_of_three_sheets_name_no_file_without_the_line() {
    for sheet in THOROUGH {
        let text = in_one_line(&explanation(sheet));
        assert!(pointers(&text).len() >= 5, "{sheet}: {}", pointers(&text).len());
        let without = pattern().replace_all(&text, "");
        assert!(!without.contains(".rs"), "{sheet} names a file and no line of it: {without}");
    }
}

#[test]
fn a_pointer_that_is_wrong_is_found() {
    let fault_of = |file: &str, function: &str, words: &str| {
        let text = format!("see [it]({file}), `fn {function}`:\n`{words}`");
        fault(&pointers(&text)[0])
    };
    let file = "../tests/pointers.rs";
    assert_eq!(fault_of(file, "labs", "env!(\"CARGO_MANIFEST_DIR\")"), None);
    assert!(fault_of("../tests/no.rs", "labs", "labs").unwrap().starts_with("there is no /"));
    assert!(fault_of(file, "nowhere", "labs").unwrap().starts_with("there is no fn nowhere"));
    // It stands in the file, but in another function.
    assert!(fault_of(file, "labs", "split_whitespace").unwrap().contains("does not stand"));
}
