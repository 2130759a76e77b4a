//! What a person meets at a terminal: prompts that survive everything, and
//! texts of peers and files that cannot do anything to the screen.

#[path = "../../../tests/common/mod.rs"]
mod common;
#[path = "../../../tests/common/hostile.rs"]
mod hostile;
mod peers;
mod prompts;
#[path = "../run/window.rs"]
mod window;

use std::process::Command;

use common::program;
use hostile::is_harmful;

/// Fails if a program printed anything that a terminal could take for more than text.
#[track_caller]
fn assert_harmless(printed: &[u8], what: &str) {
    let text = std::str::from_utf8(printed).unwrap_or_else(|why| panic!("{what}: {why}"));
    for line in text.split('\n') {
        let raw = line.chars().find(|c| is_harmful(*c));
        assert!(raw.is_none(), "{what}: {raw:?} in {line:?}");
    }
}

#[test]
fn the_errors_of_a_file_are_a_line_each_whatever_its_names_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("watch.toml");
    let mut wrong = 0;
    for evil in peers::texts(40) {
        let text = serde_json::to_string(&evil).unwrap();
        // TOML has most of JSON's escapes; what it has not is an error, and told too.
        let file = format!(
            "[[service]]\nname = {text}\ntype = {text}\n\
             [[service]]\nname = {text}\ntype = \"tcp\"\nhost = {text}\n{text} = {text}\n\
             [[service]]\ncheck = {text}\n[defaults]\n{text} = 1\ninterval = {text}\n"
        );
        std::fs::write(&path, file).unwrap();
        let output = Command::new(program("monitor"))
            .args(["run", "--check-config"])
            .arg(&path)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert_harmless(&output.stderr, "--check-config");
        let lines = String::from_utf8(output.stderr).unwrap();
        assert!(lines.lines().all(|line| line.starts_with("monitor: ")), "{lines}");
        wrong += lines.lines().count();
    }
    assert!(wrong > 80, "{wrong}");
}
