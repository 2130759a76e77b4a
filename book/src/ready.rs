//! The pages for somebody who has the programs built, in `bin/`, and no Cargo.

use std::sync::LazyLock;

use regex::Regex;

/// Stands in each sheet under "You need".
const BOX: &str = "\n> **Your copy has the programs built**, and needs no Rust. Type `labs/shell` \
    (on Windows `shell`) once in each terminal, in the folder that you have unpacked; then the \
    commands are as they stand here. What this section says of Rust and `cargo` is for those who \
    build the programs.\n";

/// The page with `udp_ping_server --seed 3` in place of `cargo run -q --bin
/// udp_ping_server -- --seed 3`, and without commands that build.
pub fn ready(page: &str) -> String {
    let builds = |line: &&str| line.trim().trim_start_matches("$ ").starts_with("cargo build");
    let kept: Vec<&str> = page.lines().filter(|line| !builds(line)).collect();
    let text = format!("{}\n", kept.join("\n")).replace("target/debug/", "bin/");
    let text = match RUN.as_ref() {
        Some(run) => run.replace_all(&text, "$name$blank").into_owned(),
        None => text,
    };
    text.replacen("\n## You need\n", &format!("\n## You need\n{BOX}"), 1)
}

static RUN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let flags = r"cargo\s+run(?: -q)?(?: --release)?\s--(?:bin|example)[ =]";
    Regex::new(&format!(r"{flags}(?P<name>\w+)(?: --(?P<blank>\s))?")).ok()
});

#[cfg(test)]
mod tests {
    use super::ready;

    #[test]
    fn a_command_of_cargos_becomes_the_program_itself() {
        for (cargo, itself) in [
            ("$ cargo run -q --bin a -- -n 3 | wc\n", "$ a -n 3 | wc\n"),
            ("$ cargo run -q --bin a | wc\n", "$ a | wc\n"),
            ("`cargo run --example 01_a`\n", "`01_a`\n"),
            (
                "$ labs/hosts exec bob cargo run -q --bin a -- \\\n  -n 3\n",
                "$ labs/hosts exec bob a \\\n  -n 3\n",
            ),
            ("$ cargo build -q --bins\n$ b\n", "$ b\n"),
            ("sudo target/debug/a\n", "sudo bin/a\n"),
        ] {
            assert_eq!(ready(cargo), itself);
        }
        assert!(ready("\n## You need\n\n- Rust\n").contains("labs/shell"));
    }
}
