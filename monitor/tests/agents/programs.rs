//! The command lines: refusals, token, TLS, names, and an agent alone.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::common::program;
use crate::world::{Manager, Process, wait_until};

fn refused(name: &str, folder: &Path, args: &[&str]) -> String {
    let output = Command::new(program(name)).args(args).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "{said}");
    said
}

#[test]
fn what_cannot_be_is_told_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let said = refused("monitor_manager", path, &["--bind", "0.0.0.0:0"]);
    assert!(said.contains("without a token") && said.contains("--token-file"), "{said}");
    fs::write(path.join("short"), "secret\n").unwrap();
    let said = refused("monitor_manager", path, &["--token-file", "short"]);
    assert!(said.contains("too short") && !said.contains("secret"), "{said}");
    fs::write(path.join("data.json"), "{\n  \"version\": 1,\n  oops\n").unwrap();
    let said = refused("monitor_manager", path, &["--bind", "127.0.0.1:0"]);
    assert!(said.contains("data.json is damaged") && said.contains("line 3"), "{said}");
    assert!(fs::read_to_string(path.join("data.json")).unwrap().contains("oops"));
    let said = refused("monitor_agent", path, &["--allow", "10.0.0.0/33"]);
    assert!(said.contains("prefix length"), "{said}");
    let said = refused("monitor_agent", path, &["--tls-ca", "data.json"]);
    assert!(said.contains("certificate"), "{said}");
}

#[test]
fn a_manager_keeps_what_it_confirms_unless_it_is_told_not_to() {
    let folder = tempfile::tempdir().unwrap();
    for (options, kept) in [(&[][..], true), (&["--results", "none"][..], false)] {
        let path = folder.path().join(if kept { "with" } else { "without" });
        fs::create_dir(&path).unwrap();
        let data = path.join("data.json");
        let mut args = vec!["--bind", "127.0.0.1:0", "--data", data.to_str().unwrap()];
        args.extend(options);
        let mut manager = Process::start("monitor_manager", folder.path(), &args);
        let said = manager.line_with("listening on").unwrap();
        assert_eq!(said.contains("results only in memory"), !kept, "{said}");
        let address = said.split_whitespace().find_map(|word| word.strip_suffix(','));
        let state = path.join("agent.json");
        let args = ["--manager", address.unwrap(), "--state", state.to_str().unwrap()];
        assert!(manager.type_line("addconf 1 tcp 127.0.0.1 1 1"));
        let _agent = Process::start("monitor_agent", &path, &args);
        manager.line_with("tcp 127.0.0.1 1  connection refused").unwrap();
        manager.kill();
        assert_eq!(path.join("results").exists(), kept);
    }
}

#[test]
fn a_new_token_is_made_and_one_that_was_thought_up_gets_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let mut maker = Process::start("monitor_manager", path, &["--new-token", "token"]);
    maker.line_with("a new token is in token").unwrap();
    let said = refused("monitor_manager", path, &["--new-token", "token"]);
    assert!(said.contains("is there already"), "{said}");
    fs::write(path.join("word"), "a passphrase of my own\n").unwrap();
    for (token, warned) in [("word", true), ("token", false)] {
        let args = ["--bind", "127.0.0.1:0", "--token-file", token];
        let mut manager = Process::start("monitor_manager", path, &args);
        assert!(manager.type_line("exit"));
        let mut told = false;
        while let Some(line) = manager.line_with("") {
            told |= line.contains("looks thought up");
        }
        assert_eq!(told, warned, "{token}");
    }
}

#[test]
fn an_agent_that_was_never_let_in_does_not_speak_of_confirmed_results() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Process::start("monitor_agent", folder.path(), &["--manager", "127.0.0.1:9"]);
    agent.line_with("no manager: ").unwrap();
    let (status, lines) = agent.terminate();
    assert_eq!(status, 0);
    let last = "no manager let it in, and there are no results";
    assert!(lines.iter().any(|line| line == last), "{lines:?}");
}

#[test]
fn two_programs_do_not_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let _manager = Manager::start(path, &[]);
    let said = refused("monitor_manager", path, &["--bind", "127.0.0.1:0"]);
    assert!(said.contains("another program is using data.json"), "{said}");
    let args = ["--manager", "127.0.0.1:1", "--state", "agent.json"];
    let mut agent = Process::start("monitor_agent", path, &args);
    agent.line_with("no manager").unwrap();
    let said = refused("monitor_agent", path, &args);
    assert!(said.contains("another program is using agent.json"), "{said}");
}

#[test]
fn an_agent_goes_on_alone_after_its_restart_and_brings_everything_in() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &[]);
    manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
    let address = manager.address.to_string();
    let args = ["--manager", &address, "--state", "agent.json", "--name", "attic"];
    let mut agent = Process::start("monitor_agent", folder.path(), &args);
    manager.process().line_with("agent 1 attic connected").unwrap();
    manager.process().line_with("tcp 127.0.0.1 1").unwrap();
    manager.kill();
    agent.line_with("no manager").unwrap();
    agent.kill();
    // Alone from the start: it knows what to watch.
    let mut agent = Process::start("monitor_agent", folder.path(), &args);
    agent.line_with("revision 1: 1 of 1 tasks").unwrap();
    let spool = folder.path().join("agent.json.spool");
    wait_until("results are kept", || {
        monitor::agent::journal::read(&spool).is_ok_and(|spool| spool.results() >= 3)
    });
    manager.restart();
    agent.line_with("connected to").unwrap();
    wait_until("all is confirmed", || {
        monitor::agent::journal::read(&spool).is_ok_and(|spool| spool.results() <= 1)
    });
    let stored = manager.stored();
    assert_eq!(stored.len(), 2, "two boots of one agent: {stored:?}");
    for numbers in stored.values() {
        assert_eq!(*numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
    }
    let (code, lines) = agent.terminate();
    assert_eq!(code, 0, "{lines:?}");
}

#[test]
fn a_change_reaches_a_connected_agent_and_what_it_refuses_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--quiet"]);
    let address = manager.address.to_string();
    let args = ["--manager", &address, "--allow", "127.0.0.0/8"];
    let _agent = Process::start("monitor_agent", folder.path(), &args);
    manager.process().line_with("connected from").unwrap();
    manager.command("addconf 1 TCP 127.0.0.1 80 5", "confirmed revision 1");
    manager.command("addconf 1 ICMP 10.1.2.3 5", "may not contact 10.1.2.3");
    let shown = manager.command("viewconf 1", "icmp 10.1.2.3");
    assert!(shown.contains("refused: this agent may not contact"), "{shown}");
    manager.command("delconf 1 icmp 10.1.2.3", "removed");
    manager.process().line_with("confirmed revision 3, 1 task").unwrap();
    let queue = manager.command("list_queue 1", "configuration:");
    assert!(queue.contains("revision 3 given, 3 confirmed"), "{queue}");
    manager.command("addconf", "usage: addconf");
    manager.process().type_line("exit");
    // Its output ends with it.
    assert_eq!(manager.process().line_with("\0"), None);
}

#[test]
fn with_token_and_tls_a_manager_serves_its_own_agents_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("token"), "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::write(path.join("wrong"), "0123456789abcdef0123456789abcdee\n").unwrap();
    let (authority, certificate, key) = certificates();
    fs::write(path.join("ca.pem"), authority).unwrap();
    fs::write(path.join("cert.pem"), certificate).unwrap();
    fs::write(path.join("key.pem"), key).unwrap();
    let (other, _, _) = certificates();
    fs::write(path.join("other.pem"), other).unwrap();

    let options = ["--token-file", "token", "--tls", "cert.pem", "--tls-key", "key.pem", "--quiet"];
    let mut manager = Manager::start(path, &options);
    let address = manager.address.to_string();
    let agent = |token: &str, authority: &[&str]| {
        let mut args = vec!["--manager", &address, "--token-file", token];
        args.extend(authority);
        Process::start("monitor_agent", path, &args)
    };
    for (token, authority, told) in [
        ("wrong", &["--tls-ca", "ca.pem"][..], "does not know the token"),
        ("token", &["--tls-ca", "other.pem"][..], "no manager: "),
        ("token", &[][..], "no manager: "),
    ] {
        let mut agent = agent(token, authority);
        let line = agent.line_with("no manager").unwrap();
        assert!(line.contains(told), "{line}");
    }
    let mut agent = agent("token", &["--tls-ca", "ca.pem"]);
    agent.line_with("as agent 1").unwrap();
    manager.command("addconf 1 tcp 127.0.0.1 80 5", "confirmed revision 1");
}

#[test]
fn prometheus_gets_the_agents_and_their_last_results() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::start(folder.path(), &["--metrics", "127.0.0.1:0"]);
    let address = manager.address.to_string();
    manager.command("addconf 1 tcp 127.0.0.1 1 1", "added");
    let _agent = Process::start("monitor_agent", folder.path(), &["--manager", &address]);
    manager.process().line_with("connection refused").unwrap();
    let (_, page) = manager.said.split_once("http://").unwrap();
    let mut stream = TcpStream::connect(page.trim_end_matches("/metrics")).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut page = String::new();
    stream.read_to_string(&mut page).unwrap();
    for sample in [
        "manager_agent_connected{agent=\"1\"} 1\n",
        "manager_results_dropped_total{agent=\"1\"} 0\n",
        "probe_success{agent=\"1\",task=\"1\",check=\"tcp 127.0.0.1 1\"} 0\n",
    ] {
        assert!(page.contains(sample), "{sample} is not in {page}");
    }
}

/// An authority, a certificate of its for 127.0.0.1, and its key.
pub fn certificates() -> (String, String, String) {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = params.self_signed(&ca_key).unwrap();
    let issuer = Issuer::new(params, ca_key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["127.0.0.1".to_string()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    (ca.pem(), certificate.pem(), key.serialize_pem())
}
