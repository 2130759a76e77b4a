//! Prompts and pipes that are given what is no text, or text with surprising spaces.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::common::program;
use crate::window::Window;

#[test]
fn a_prompt_survives_strange_spaces_before_tab_and_bytes_that_are_no_text() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data.json").display().to_string();
    let results = folder.path().join("results").display().to_string();
    let manager = ["--bind", "127.0.0.1:0", "--data", &data, "--results", &results];
    let monitor = ("monitor", &["run"][..], "monitor> ", "status", "threads of at most", "ran for");
    let manager = ("monitor_manager", &manager[..], "manager> ", "viewconf", "no agents", "");
    for (name, args, prompt, command, answer, end) in [monitor, manager] {
        let mut window = Window::open(name, args);
        window.wait_for(prompt);
        for space in ["\u{a0}", "\u{3000}", "\u{2028}x\u{a0}"] {
            window.type_in(format!("check{space}\t"));
            // Ctrl-C takes the line back.
            window.type_in("\x03");
        }
        window.type_in(b"stat\xffus");
        window.wait_for("a byte that is not UTF-8");
        window.wait_for(prompt);
        // What stood behind it may be gone with it, or be a line of its own.
        window.type_in("\r");
        // Two lines at once, as they come when they are pasted.
        window.type_in(format!("help\r{command}\r"));
        window.wait_for("help     ");
        window.wait_for(answer);
        window.wait_for(prompt);
        window.enter("exit");
        window.ends(end);
    }
}

#[test]
fn a_bad_line_in_a_pipe_is_told_and_the_next_one_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Command::new(program("monitor_manager"))
        .args(["--bind", "127.0.0.1:0"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let long = [b"addconf 1 tcp ".as_slice(), &[b'x'; 70_000], b" 80\n"].concat();
    let mut stdin = manager.stdin.take().unwrap();
    for bytes in [b"viewconf \xff\n".as_slice(), &long, b"addconf 7 icmp 192.0.2.1\nexit\n"] {
        stdin.write_all(bytes).unwrap();
    }
    let output = manager.wait_with_output().unwrap();
    let (said, complained) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(complained.contains("line 1 is not UTF-8, at byte 10: ignored"), "{complained}");
    assert!(complained.contains("line 2 is longer than 65536 bytes: ignored"), "{complained}");
    assert!(said.contains("agent 7: task 1 added"), "{said}");
    assert!(output.status.success());
}
