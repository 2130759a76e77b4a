//! The protocol's page, labs/protocol.md, says what the code does.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use monitor::bounds;
use monitor::proof::{Handshake, Role};
use monitor::protocol::{LONGEST, MOST_TASKS, Message, PING_EVERY, SILENCE, VERSION};
use monitor::token::Token;
use serde_json::Value;

fn page() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/protocol.md")).unwrap()
}

/// The fenced blocks of a language.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let blocks = page.split(&fence).skip(1);
    blocks.map(|block| block.split("```").next().unwrap()).collect()
}

/// The fields named in the first columns of the tables of each section.
fn fields(page: &str) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut sections = BTreeMap::new();
    for section in page.split("\n### ").skip(1) {
        let (heading, text) = section.split_once('\n').unwrap();
        let text = text.split("\n## ").next().unwrap();
        let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let name = heading.split([' ', '(']).next().unwrap();
        sections.insert(name, rows.map(|(field, _)| field).collect());
    }
    sections
}

fn keys(value: &Value, keys_of: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                keys_of.insert(key.clone());
                // What stands in `detail` is the check's affair.
                if key != "detail" {
                    keys(value, keys_of);
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| keys(value, keys_of)),
        _ => {}
    }
}

#[test]
fn every_message_has_a_section_with_each_of_its_fields_and_an_example_that_is_right() {
    let page = page();
    let fields = fields(&page);
    let mut kinds = BTreeSet::new();
    for line in blocks(&page, "json").into_iter().flat_map(str::lines) {
        let message = Message::parse(line.as_bytes()).unwrap_or_else(|why| panic!("{line}: {why}"));
        assert_ne!(message, Message::Unknown, "{line}");
        // As our own programs would write it: with every field that there is.
        let written: Value = serde_json::from_str(&message.line().unwrap()).unwrap();
        let kind = written["type"].as_str().unwrap().to_string();
        let section = fields.get(kind.as_str()).or(fields.get("ping")).unwrap();
        let mut named = BTreeSet::new();
        keys(&written, &mut named);
        named.remove("type");
        // A field without a value may be left out where it is written.
        for optional in ["claim"] {
            if section.contains(optional) {
                named.insert(optional.to_string());
            }
        }
        if kind != "pong" {
            let section: BTreeSet<String> = section.iter().map(|field| field.to_string()).collect();
            assert_eq!(named, section, "{kind}");
        }
        kinds.insert(kind);
    }
    let all = [
        "ack",
        "auth",
        "challenge",
        "config",
        "config_ack",
        "dropped",
        "error",
        "hello",
        "ping",
        "pong",
        "result",
        "welcome",
    ];
    assert_eq!(kinds, all.map(str::to_string).into(), "a message has no example");
}

#[test]
fn the_worked_example_of_the_proof_is_right() {
    let page = page();
    let (_, example) = page.split_once("An example, with this token:").unwrap();
    let texts = blocks(example, "text");
    let token = Token::new(texts[0]).unwrap();
    assert_eq!(token.warning(), None);
    let said = texts[1];
    assert!(example.contains(&format!("are these {}:", said.len())), "{}", said.len());
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], format!("socklab {VERSION}"));
    let [agent_nonce, manager_nonce] = [lines[2], lines[3]];
    for (proof, role, agent_id) in [
        ("manager, to a new agent", Role::Manager, None),
        ("agent, new", Role::Agent, None),
        ("agent, with `agent_id` 7", Role::Agent, Some(7)),
    ] {
        let handshake = Handshake { agent_nonce, manager_nonce, agent_id };
        let row = format!("| {proof} | `{}` |", token.proof(role, &handshake));
        assert!(example.contains(&row), "{row}");
    }
    // The examples of challenge and auth are of the same handshake.
    for (kind, row) in [("challenge", "manager, to a new agent"), ("auth", "agent, new")] {
        let digest = example.split(&format!("| {row} | `")).nth(1).unwrap().split('`').next();
        let line = page.lines().find(|line| line.starts_with(&format!("{{\"type\":\"{kind}\"")));
        assert!(line.unwrap().contains(digest.unwrap()), "{kind}");
    }
}

#[test]
fn the_bounds_are_those_of_the_code() {
    let page = page().replace(',', "");
    for (what, number) in [
        ("A line has at most", LONGEST as u64),
        ("an integer from 0 to", bounds::HIGHEST),
        ("array of at most", MOST_TASKS as u64),
        ("send `ping` |", PING_EVERY.as_secs()),
        ("take the connection for dead |", SILENCE.as_secs()),
    ] {
        assert!(page.contains(&format!("{what} {number}")), "{what} {number}");
    }
    let name = format!("| `name` | text of at most {} bytes", bounds::NAME);
    assert!(page.contains(&name), "{name}");
}
