//! What EVENTS.md lists, and its comparison with what a program prints; for the
//! tests of the toolkit's programs and of the monitor's.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The fields of an event by name, and whether they may be missing.
pub type Fields = BTreeMap<String, bool>;
/// The events of a program.
pub type Section = BTreeMap<String, Fields>;

/// The sections that monitor/tests/events.rs tries.
pub const MONITOR: [&str; 8] = [
    "monitor check",
    "monitor run",
    "Details of a result",
    "monitor, results-DAY.jsonl",
    "monitor_manager",
    "monitor_manager, results-DAY.jsonl",
    "monitor_agent",
    "lab_services",
];

/// Reads the page: a section for each program, a row for each event and field.
pub fn page() -> BTreeMap<String, Section> {
    let mut page: BTreeMap<String, Section> = BTreeMap::new();
    let (mut program, mut event) = (String::new(), String::new());
    for line in include_str!("../../EVENTS.md").lines() {
        let mut named = line.split('`').skip(1).step_by(2).map(str::to_string);
        if let Some(heading) = line.strip_prefix("## ") {
            program = heading.to_string();
            page.entry(program.clone()).or_default();
        } else if line.starts_with("As `") {
            let other = page[&named.next().unwrap()].clone();
            let events = page.get_mut(&program).unwrap();
            events.extend(named.map(|name| (name.clone(), other[&name].clone())));
        } else if line.starts_with("| **`") && !program.is_empty() {
            event = named.next().unwrap();
            page.get_mut(&program).unwrap().insert(event.clone(), Fields::new());
        } else if line.starts_with("| `") && !program.is_empty() {
            let optional = line.starts_with(&format!("| `{}`?", named.next().unwrap()));
            let name = line.split('`').nth(1).unwrap().to_string();
            page.get_mut(&program).unwrap().get_mut(&event).unwrap().insert(name, optional);
        }
    }
    page
}

/// The fields of an object, those of objects within it as `list[].field`.
fn fields(value: &Value, before: &str, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let dot = if before.is_empty() { "" } else { "." };
                fields(value, &format!("{before}{dot}{name}"), names);
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            list.iter().for_each(|value| fields(value, &format!("{before}[]"), names));
        }
        _ => drop(names.insert(before.to_string())),
    }
}

/// Compares what a program has printed with its section.
pub fn compare(program: &str, section: &Section, printed: &[Value]) {
    let mut seen: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for event in printed {
        let name = event["event"].as_str().unwrap();
        let known = section.get(name).unwrap_or_else(|| {
            panic!("EVENTS.md has no event {name} of {program}: {event}");
        });
        let first: Vec<&String> = event.as_object().unwrap().keys().take(2).collect();
        assert_eq!(first, ["event", "at_ns"], "{program}: {event}");
        let mut found = BTreeSet::new();
        fields(event, "", &mut found);
        found.retain(|field| field != "event" && field != "at_ns");
        for (field, optional) in known {
            // A list without entries says nothing of their fields.
            let list = field.split("[]").next().unwrap();
            let is_empty = event[list].as_array().is_some_and(Vec::is_empty);
            let there = found.contains(field) || *optional || is_empty;
            assert!(there, "{program}: {name} lacks {field}: {event}");
        }
        for field in &found {
            // An empty list stands for itself, whatever it would be a list of.
            let is_list = || known.keys().any(|known| known.starts_with(&format!("{field}[]")));
            let listed = known.contains_key(field) || is_list();
            assert!(listed, "{program}: EVENTS.md lacks {field}: {event}");
        }
        seen.entry(name).or_default().extend(found);
    }
    for (event, known) in section {
        let found = seen.get(event.as_str());
        let found = found.unwrap_or_else(|| panic!("{program}: {event} was never printed"));
        let missing: Vec<&String> = known.keys().filter(|field| !found.contains(*field)).collect();
        assert!(missing.is_empty(), "{program}: {event} never had {missing:?}");
    }
}

/// Runs a server in the background while `client` runs, and prints what the
/// one that is of interest has printed.
pub fn pair(server: &str, client: &str, show_server: bool) -> String {
    let (of_server, of_client) =
        if show_server { ("cat $told", " >/dev/null") } else { ("true", "") };
    format!(
        "told=$(mktemp) && {{ {server} --json >$told & server=$!; \
         until grep -q start $told; do sleep 0.01; done; {{ {client}; }}{of_client}; \
         kill -INT $server; wait $server; {of_server}; rm $told; }}"
    )
}
