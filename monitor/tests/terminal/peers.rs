//! Peers whose every text is hostile, shown by the real programs.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::assert_harmless;
use crate::common::{DEADLINE, program};
use crate::hostile::hostile;

/// Generated texts, and one of a length that an escaper once took for harmless.
pub fn texts(count: usize) -> Vec<String> {
    let mut runner = TestRunner::default();
    let generated = (0..count).map(|_| hostile().new_tree(&mut runner).unwrap().current());
    generated.chain([format!("\u{1b}[2J{}", "A".repeat(204))]).collect()
}

/// Its beginning, at most `most` bytes: a field that is too long is never shown.
fn short(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

fn say(stream: &mut TcpStream, message: &Value) -> bool {
    stream.write_all(format!("{message}\n").as_bytes()).is_ok()
}

fn hear(reader: &mut impl BufRead) -> Value {
    let mut line = String::new();
    let _ = reader.read_line(&mut line);
    serde_json::from_str(&line).unwrap_or(Value::Null)
}

fn start(name: &str, args: &[&str], folder: &std::path::Path) -> Child {
    Command::new(program(name))
        .args(args)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Ends it, and looks at all that it printed.
fn end(child: Child, what: &str) -> String {
    signal::kill(Pid::from_raw(child.id() as i32), Signal::SIGTERM).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_harmless(&output.stdout, what);
    assert_harmless(&output.stderr, what);
    String::from_utf8(output.stdout).unwrap()
}

/// Lets an agent in, gives it tasks and errors that mean no good, and cuts it off.
fn bad_manager(listener: &TcpListener, evil: &str) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    assert_eq!(hear(&mut reader)["type"], "hello");
    say(&mut stream, &json!({"type": "welcome", "agent_id": 1, "stored_seq": 0}));
    let tasks = json!([
        {"task": short(evil, 40), "check": evil, "interval_ms": 1000},
        {"task": format!("{}2", short(evil, 39)), "check": format!("tcp {evil} 80"), "interval_ms": 1000},
    ]);
    say(&mut stream, &json!({"type": "config", "rev": 1, "tasks": tasks}));
    // It has shown what it refuses before it says so.
    while !["config_ack", ""].contains(&hear(&mut reader)["type"].as_str().unwrap_or("")) {}
    say(&mut stream, &json!({"type": "error", "reason": evil}));
    while !hear(&mut reader).is_null() {}
}

#[test]
fn an_agent_shows_nothing_raw_of_what_a_manager_says() {
    for json in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let mut args = vec!["--manager", &address];
        args.extend(json.then_some("--json"));
        let agent = start("monitor_agent", &args, folder.path());
        texts(6).iter().for_each(|evil| bad_manager(&listener, evil));
        // It is told of the last error before it comes again.
        drop(listener.accept().unwrap());
        let said = end(agent, "an agent");
        assert!(said.contains("refused"), "{said}");
        assert!(said.contains("2J"), "{said}");
    }
}

#[test]
fn an_agent_shows_nothing_raw_of_what_an_impostor_says_before_any_proof() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "0123456789abcdef0123456789abcdef").unwrap();
    for evil in texts(4) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let args = ["--manager", &address, "--token-file", "token"];
        let agent = start("monitor_agent", &args, folder.path());
        let (mut stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        hear(&mut reader);
        say(&mut stream, &json!({"type": "error", "reason": evil}));
        drop((stream, reader));
        drop(listener.accept().unwrap());
        assert!(end(agent, "an agent").contains("no manager: "));
    }
}

/// An agent whose name, results and refusals mean no good.
fn bad_agent(manager: SocketAddr, number: usize, evil: &str) {
    let Ok(mut stream) = TcpStream::connect(manager) else { return };
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let boot = format!("{number:032x}");
    let hello = json!({"type": "hello", "version": 1, "agent_id": 1, "name": short(evil, 100), "boot_id": boot,
                       "config_rev": 0, "nonce": "0".repeat(64), "time": short(evil, 40)});
    say(&mut stream, &hello);
    let mut seq = 0;
    let mut result = |task: &str, text: &str| {
        seq += 1;
        json!({"type": "result", "boot_id": boot, "seq": seq, "task": task, "rev": 1,
               "started_at": "2026-11-21T08:18:28.123456Z", "duration_us": 1,
               "verdict": "up", "reason": text, "detail": {evil: evil}})
    };
    let first = result("1", evil);
    let mut unusual = result("1", "");
    unusual["started_at"] = short(evil, 40).into();
    let foreign = result(short(evil, 40), evil);
    let refused = json!([{"task": "1", "accepted": false, "reason": evil},
                         {"task": short(evil, 40), "accepted": false, "reason": evil}]);
    let ack = json!({"type": "config_ack", "rev": 1, "tasks": refused});
    let mut wrong = first.clone();
    wrong["verdict"] = evil.into();
    for message in [ack, first, unusual, foreign, wrong] {
        // It may have been cut off for the last one.
        say(&mut stream, &message);
    }
    let _ = stream.write_all(format!("{evil}\n").as_bytes());
    while !hear(&mut reader).is_null() {}
}

#[test]
fn a_manager_shows_nothing_raw_of_what_an_agent_says() {
    for json in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut args = vec!["--bind", "127.0.0.1:0"];
        args.extend(json.then_some("--json"));
        let mut manager = start("monitor_manager", &args, folder.path());
        let mut lines = BufReader::new(manager.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let at = first.find("127.0.0.1:").unwrap();
        let port = first[at + 10..].split(|c: char| !c.is_ascii_digit()).next().unwrap();
        let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
        let (done, all) = mpsc::channel();
        thread::spawn(move || {
            let mut printed = Vec::new();
            for line in lines.split(b'\n').map_while(Result::ok) {
                printed.extend(line);
                printed.push(b'\n');
            }
            let _ = done.send(printed);
        });
        let mut stdin = manager.stdin.take().unwrap();
        writeln!(stdin, "addconf 1 tcp 127.0.0.1 80 60").unwrap();
        for (number, evil) in texts(20).iter().enumerate() {
            bad_agent(address, number, evil);
            for command in ["viewconf", "list_queue 1", "list_all_queues", "results 1", "export"] {
                writeln!(stdin, "{command}").unwrap();
            }
            writeln!(stdin, "addconf 1 {evil}\ndelconf 1 {evil}\n{evil}\naddconf {evil} x")
                .unwrap();
        }
        // All of it is obeyed before this is.
        writeln!(stdin, "exit").unwrap();
        let output = manager.wait_with_output().unwrap();
        assert_harmless(&output.stderr, "a manager");
        let printed = all.recv_timeout(DEADLINE).unwrap();
        assert_harmless(&printed, "a manager");
        let printed = String::from_utf8(printed).unwrap();
        assert!(printed.contains("2J"));
        assert!(output.status.success());
    }
}
