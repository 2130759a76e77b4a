//! The tests of the harness: true sheets pass, and each kind of false one fails and says why.

use crate::parse::System;
use crate::{Mode, Place, execute_text};
use std::time::{Duration, Instant};

/// The programs of these sheets are the system's own.
fn place() -> Place {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf();
    let path = std::env::var_os("PATH").unwrap_or_default();
    Place { root, programs: "/bin".into(), path, system: System::Linux }
}

fn check(text: &str) -> Result<(), String> {
    execute_text(&place(), "labs/00-test.md", text, Mode::Check).map(|_| ())
}

fn bless(text: &str) -> Result<String, String> {
    execute_text(&place(), "labs/00-test.md", text, Mode::Bless).map(|(_, text)| text)
}

/// A fence, with the comment that names its terminal.
fn fence(options: &str, lines: &str) -> String {
    format!("Text.\n\n<!-- terminal: {options} -->\n\n```console\n{lines}\n```\n\n")
}

/// The sheet fails, and its report holds all these.
#[track_caller]
fn fails(sheet: &str, with: &[&str]) {
    let report = check(sheet).expect_err("the sheet is false, but passed");
    for text in with {
        assert!(report.contains(text), "{text:?} is not in the report:\n{report}");
    }
}

#[track_caller]
fn passes(sheet: &str) {
    check(sheet).unwrap_or_else(|report| panic!("{report}"));
}

/// A program such as a server: says that it is ready, then a line for each
/// that comes, until Ctrl-C; then its total.
const SERVER: &str = r#"$ trap 'printf "\ntotal 2\n"; exit 0' INT; echo ready; \
for n in 1 2; do echo "got $n"; done; while :; do sleep 0.02; done"#;

fn two_terminals(ready: &str, client: &str, more: &str) -> String {
    fence("server; until: ready", &format!("{SERVER}\n{ready}"))
        + &fence("client", &format!("$ printf 'sent 1\\nsent 2\\n'\n{client}"))
        + &fence("server", more)
        + &fence("server", "^C\ntotal 2")
}

#[test]
fn a_true_sheet_passes() {
    passes(&two_terminals("ready", "sent 1\nsent 2", "got 1\ngot 2"));
    passes(&two_terminals("ready\ngot 1", "...\nsent 2", "got [..]"));
    passes(&two_terminals("ready\n...", "sent 1\n...", "got 2"));
}

#[test]
fn a_wrong_line_in_either_terminal_is_shown() {
    fails(
        &two_terminals("ready", "sent 1\nsent 3", "got 1\ngot 2"),
        &[
            "labs/00-test.md:18: terminal client: $ printf",
            "should have printed \"sent 3\", but instead it was \"sent 2\"",
            "ok    labs/00-test.md:6  terminal server",
            "    - sent 3\n    + sent 2\n           ^\n",
            "Terminal server shows:\n    | $ trap",
        ],
    );
    fails(
        &two_terminals("ready", "sent 1\nsent 2", "got 1\ngot 3"),
        &[
            "labs/00-test.md:27: terminal server: $ trap",
            "should have printed \"got 3\", but instead it was \"got 2\"",
            "Terminal client shows:\n    | $ printf",
        ],
    );
    let last = two_terminals("ready", "sent 1\nsent 2", "got 1\ngot 2");
    fails(&last.replace("^C\ntotal 2", "^C\ntotal 3"), &["should have printed \"total 3\""]);
}

#[test]
fn missing_and_extra_lines_are_failures() {
    let sheet = fence("a", "$ printf 'one\\ntwo\\n'\none\ntwo\nthree");
    fails(&sheet, &["ended without the line \"three\"", "    - three\n"]);
    let sheet = fence("a", "$ printf 'one\\ntwo\\n'\none");
    fails(&sheet, &["printed more than the sheet quotes: \"two\"", "    + two\n"]);
    fails(&fence("a", "$ printf 'one\\n\\n'\none"), &["more than the sheet quotes: \"\""]);
    passes(&fence("a", "$ printf 'one\\n\\n'\none\n"));
    passes(&fence("a", "$ printf 'no newline'\nno newline"));
    passes(&fence("a", "$ true\n$ true"));
    // What a running program says at its end must be quoted as well.
    let ends = fence("a; until: one", "$ printf 'one\\ntwo\\n'\none");
    fails(&ends, &["printed more than the sheet quotes: \"two\""]);
    fails(&(ends.clone() + &fence("a", "$ true")), &["more than the sheet quotes"]);
    passes(&(ends + &fence("a", "two") + &fence("a", "$ true")));
}

#[test]
fn a_server_that_never_gets_ready_fails_within_its_deadline() {
    let started = Instant::now();
    let sheet = fence("server; until: ready; deadline: 1s", "$ echo hello; sleep 60");
    fails(&sheet, &["waited 1 s for \"ready\", in vain", "    | hello\n"]);
    let sheet = fence("server; deadline: 1s", "$ echo hello; sleep 60\nhello");
    fails(&sheet, &["waited 1 s for the end of the command, in vain"]);
    let sheet = fence("a; until: x; deadline: 1s", "$ echo x; sleep 60\nx\ny");
    fails(&sheet, &["waited 1 s for the line \"y\", in vain"]);
    // The commands would go on for a minute each.
    assert!(started.elapsed() < Duration::from_secs(55));
    fails(&fence("a; until: ready", "$ echo no"), &["ended without \"ready\""]);
}

/// The living processes with this text among their arguments.
fn processes_with(argument: &str) -> usize {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let command_lines = entries.map(|entry| std::fs::read(entry.path().join("cmdline")));
    let own = std::process::id().to_string();
    assert!(std::path::Path::new("/proc").join(own).exists(), "no /proc here");
    command_lines
        .filter_map(Result::ok)
        .filter(|line| String::from_utf8_lossy(line).contains(argument))
        .count()
}

#[test]
fn nothing_is_left_running() {
    // Found again by this number of seconds, which nobody else sleeps.
    let long = format!("98765.{}", std::process::id());
    // Two in the background, one of them in a process group of its own.
    let start = format!("$ sleep {long} & timeout {long} sleep {long} & echo up; sleep {long}");
    let up = fence("a; until: up", &format!("{start}\nup"));
    let wrong = fence("b", "$ echo right\nwrong");
    let silent = format!("$ sleep {long} >/dev/null 2>&1 </dev/null &");
    let silent = fence("a", &silent);
    for (sheet, is_true) in [(up.clone(), true), (up + &wrong, false), (silent, true)] {
        assert_eq!(check(&sheet).is_ok(), is_true);
        let deadline = Instant::now() + Duration::from_secs(10);
        while processes_with(&long) > 0 {
            assert!(Instant::now() < deadline, "something is left running");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    let holding = format!("$ trap '' HUP; sleep {long} &");
    fails(&fence("a; deadline: 1s", &holding), &["for the end of the command"]);
}

#[test]
fn ctrl_c_interrupts_and_its_echo_is_compared() {
    passes(&fence("a", "$ echo up; sleep 60\nup\n^C\n$ echo $?\n130"));
    let sticks = "$ trap 'echo bye; exit' INT; echo up; while :; do sleep 0.02; done\nup\n^C\nbye";
    fails(&fence("a", sticks), &["should have printed \"^C\", but instead it was \"^Cbye\""]);
    let deaf = "$ trap '' INT; echo up; sleep 60\nup\n^C";
    fails(&fence("a; deadline: 1s", deaf), &["waited 1 s for the end of the command"]);
    fails(&fence("a", "$ printf up\nup\n^C"), &["ended without the line \"^C\""]);
    fails(&fence("a", "$ sleep 60\n^C\n^C"), &["interrupted only once"]);
    fails(&fence("a; until: up", "$ echo up\n^C"), &["until and ^C exclude"]);
}

#[test]
fn ctrl_c_loses_nothing_and_its_echo_stands_before_the_last_words() {
    let command = "$ trap 'printf \"\\nbye\\n\"; exit' INT; seq 500; while :; do :; done";
    let lines: Vec<String> = (1..=500).map(|number| number.to_string()).collect();
    for _ in 0..10 {
        passes(&fence("a", &format!("{command}\n{}\n^C\nbye", lines.join("\n"))));
    }
}

#[test]
fn what_cannot_run_is_a_failure() {
    fails(&fence("a", "$ no_such_program_here\n..."), &["unknown command: ", "not found"]);
    fails(&fence("a; until: x", "$ /etc/passwd\n..."), &["unknown command: ", "denied"]);
    fails(&fence("a", "$ cargo run -q --bin no_such_program\n..."), &["is not built"]);
    fails(&fence("a", "$ cargo test\n..."), &["a sheet can only do: cargo run"]);
    fails(&fence("a", "going on"), &["labs/00-test.md:6: ", "no program is running"]);
    fails(
        "<!-- terminal: a -->
```console
```
",
        &["labs/00-test.md:2: ", "empty"],
    );
    fails(&fence("a; untill: x", "$ true"), &["labs/00-test.md:3: unknown key \"untill\""]);
    fails(&fence("a; until", "$ true"), &["\"until\" in the terminal comment has no value"]);
    fails(&fence("a; deadline: 0s", "$ true"), &["whole seconds"]);
    fails("```console\n$ true\n```\n", &["labs/00-test.md:1: ", "no terminal"]);
    fails("<!-- terminal: a -->\ntext\n```console\n$ true\n```\n", &["no console fence"]);
    fails("<!-- terminal: a -->\n```console\n$ true\n", &["never closed"]);
    fails("Text.\n```sh\nexit 1\n```\n<!-- not\n```console\n-->\n", &["nothing ran"]);
    assert!(execute_text(&place(), "README.md", "Text.", Mode::Check).is_ok());
}

#[test]
fn a_busy_terminal_takes_no_command() {
    let server = fence("s; until: up; deadline: 1s", "$ echo up; sleep 60\nup");
    let busy = server.clone() + &fence("s; deadline: 1s", "$ true");
    fails(&busy, &["terminal s is busy with \"echo up; sleep 60\"; interrupt it with ^C"]);
    passes(&(server + &fence("t", "$ true")));
}

#[test]
fn a_terminal_is_like_a_fresh_one() {
    passes(&fence("a", "$ (exit 3)\n$ echo $?\n3\n$ echo $?\n0"));
    passes(&fence("a", "$ kill -TERM $$\n$ echo $?\n143"));
    passes(&fence("a", "$ test -t 0 && test -t 1 && test -t 2 && stty size\n24 80"));
    passes(&fence(
        "a",
        "$ echo $TERM $LANG $TZ $NO_COLOR$MAKELEVEL$MAKEFLAGS.\nxterm-256color C.UTF-8 UTC .",
    ));
    passes(
        &fence("a", r"$ printf '\033[1;31mred\033[0m\033]0;title\a\033[K \r\n'; echo é")
            .replace("é\n", "é\nred\né\n"),
    );
    passes(&fence("a", "$ echo one \\\n  two\none two"));
    passes(&fence("a", "$ cargo run -q --bin echo -- --bin x\n--bin x"));
    passes(&fence("a", "$ test -f Cargo.toml"));
    let in_a_list = "1. Do:\n\n   <!-- terminal: a -->\n   ```console\n   $ printf ' x\\ny\\n'\n    x\n   y\n   ```\n";
    passes(in_a_list);
}

#[test]
fn bless_mends_what_is_wrong_and_keeps_the_wildcards() {
    let sheet = two_terminals("ready\nold", "s[..] 1\nwrong\ntoo much", "...\ngot 3")
        .replace("total 2\n```", "total [MS]\nold\n```");
    let blessed = bless(&sheet).unwrap_or_else(|report| panic!("{report}"));
    passes(&blessed);
    assert!(blessed.contains("s[..] 1\nsent 2\n```"), "{blessed}");
    assert!(blessed.contains("^C\ntotal [MS]\n```"), "{blessed}");
    assert!(!blessed.contains("old") && !blessed.contains("too much"), "{blessed}");
    assert_eq!(bless(&blessed).as_ref(), Ok(&blessed), "a true sheet stays as it is");

    let sheet = fence("a", "$ echo 'a 1.25 ms'; seq 3; echo z\nb [MS] ms\n...\ny\n$ echo $?");
    let blessed = bless(&sheet).unwrap_or_else(|report| panic!("{report}"));
    assert!(blessed.contains("\na [MS] ms\n...\nz\n$ echo $?\n0\n```"), "{blessed}");
    passes(&blessed);

    let sheet = two_terminals("ready\n...", "sent 1\nsent 2", "got 7");
    let blessed = bless(&sheet).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(blessed, sheet.replace("got 7", "got 2"));

    let ends = fence("a; until: one", "$ printf 'one\\ntwo\\n'\none");
    passes(&bless(&ends).unwrap_or_else(|report| panic!("{report}")));
    let in_a_list = "1. Do:\n\n   <!-- terminal: a -->\n   ```console\n   $ echo x\n   ```\n";
    let blessed = bless(in_a_list).unwrap_or_else(|report| panic!("{report}"));
    assert!(blessed.contains("\n   $ echo x\n   x\n   ```\n"), "{blessed}");
    let unknown = bless(&fence("a", "$ no_such_program_here"));
    assert!(unknown.is_err(), "bless must not quote a failing command");
}

/// A program with a prompt: each word that is typed, it says twice.
const CONSOLE: &str = r#"$ while printf 'lab> ' && read -r word && [ "$word" != exit ]; do \
echo "$word $word"; done; echo bye"#;

#[test]
fn what_stands_behind_a_prompt_is_typed() {
    let typed = |lines: &str| fence("A; prompt: lab>", &format!("{CONSOLE}\n{lines}"));
    passes(&typed("lab> one\none one\nlab> two\ntwo two\nlab> exit\nbye"));
    let later = fence("A; until: lab>", CONSOLE) + &fence("A; prompt: lab>", "lab> exit\nbye");
    passes(&later);
    fails(
        &typed("lab> one\none two"),
        &["should have printed \"one two\", but instead it was \"one one\"", "types one"],
    );
    fails(&fence("A; prompt: top>; deadline: 1s", "$ sleep 5\ntop> one"), &["the prompt \"top>\""]);
}

#[test]
fn blessing_mends_what_follows_on_a_typed_line() {
    let sheet = |answer: &str| {
        fence("A; prompt: lab>", &format!("{CONSOLE}\nlab> one\n{answer}\nlab> exit\nbye"))
    };
    assert_eq!(bless(&sheet("wrong")).unwrap(), sheet("one one"));
}

#[test]
fn an_answer_that_takes_its_time_is_blessed_behind_what_was_typed() {
    let slow = CONSOLE.replace("echo \"", "sleep 1; echo \"");
    let sheet = |answer: &str| {
        fence("A; prompt: lab>", &format!("{slow}\nlab> one\n{answer}"))
            + &fence("A; prompt: lab>", "lab> two\ntwo two\nlab> exit\nbye")
    };
    assert_eq!(bless(&sheet("wrong")).unwrap(), sheet("one one"));
}

#[test]
fn a_cursor_that_is_put_behind_the_prompt_leaves_it_there() {
    let editor = r"$ printf 'lab> \r\033[5C' && read -r word && echo $word";
    passes(&fence("A; prompt: lab>", &format!("{editor}\nlab> one\none")));
}

#[test]
fn another_systems_fences_and_words_are_taken_where_its_programs_run() {
    let sheet = "<!-- windows: hello => good-bye -->\n\
                 <!-- terminal: A -->\n```console\n$ echo hello\nhello\n```\n\
                 <!-- terminal: A; on: linux, macos -->\n```console\n$ echo $((1 + 1))\n2\n```\n\
                 <!-- terminal: A; on: windows -->\n```console\n$ echo $((1 + 1))\n2\n```\n\
                 <!-- terminal: A; not: wine -->\n```console\n$ echo it holds\nit holds\n```\n";
    let commands = |system| {
        let (sheet, _) =
            execute_text(&Place { system, ..place() }, "labs/x.md", sheet, Mode::Check).unwrap();
        let parts = sheet.fences.iter().flat_map(|fence| &fence.parts);
        parts.map(|part| part.command.clone().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(commands(System::Linux), ["echo hello", "echo $((1 + 1))", "echo it holds"]);
    assert_eq!(commands(System::Windows), ["echo good-bye", "echo $((1 + 1))"]);
    let wrong = sheet.replace("on: windows", "on: beos");
    assert!(execute_text(&place(), "labs/x.md", &wrong, Mode::Check).is_err());
}
