//! TCP ping and echo over TCP.

use crate::common::{Ended, Running};
use crate::dice::{Dice, rounds};
use crate::ledger::{self, figure};
use crate::{Flags, hostile, milliseconds, percent, run};

fn start(words: &[&str]) -> (Running, String) {
    let mut server = Running::start(words[0], &words[1..]);
    let start: serde_json::Value = serde_json::from_str(&server.line()).unwrap();
    let address = start["listening"].as_str().unwrap().to_string();
    (server, address)
}

/// Runs a client with random flags to its end.
fn asked(dice: &mut Dice, words: &[&str], address: &str) -> Ended {
    let mut flags = Flags::new(words);
    flags.add("-n", 1 + dice.up_to(10));
    flags.add("-W", format!("{}ms", 1 + dice.up_to(100)));
    if words[0] == "tcp_ping" {
        flags.maybe(dice, "-i", milliseconds(20));
        flags.maybe(dice, "--no-delay", |dice| dice.pick(&["on", "off"]));
    }
    let words = [&flags.words()[1..], &[address]].concat();
    run(dice, Running::start(flags.words()[0], &words))
}

fn ping_client(dice: &mut Dice) -> Vec<&'static str> {
    let mut words = vec!["tcp_ping", "client", "--json"];
    words.extend(dice.one_in(2).then_some("--keep-open"));
    words
}

const ECHO: [&str; 5] = ["echo_client", "--json", "--tcp", "--message", "one\ntwo"];

#[test]
fn tcp_ping_keeps_its_books_whatever_the_server_does() {
    rounds("tcp ping", |dice| {
        let mut flags = Flags::new(&["tcp_ping", "server", "--json", "--bind", "127.0.0.1:0"]);
        flags.add("--loss", percent(dice));
        flags.add("--seed", dice.next());
        flags.maybe(dice, "--delay", milliseconds(60));
        flags.maybe(dice, "--trickle", |dice| 1 + dice.up_to(40));
        flags.maybe(dice, "--idle-timeout", |dice| format!("{}ms", 50 + dice.up_to(100)));
        match dice.up_to(2) {
            0 => flags.0.push("--one-at-a-time".to_string()),
            1 => flags.add("--max-clients", 1 + dice.up_to(3)),
            _ => {}
        }
        let (server, address) = start(&flags.words());
        let words = ping_client(dice);
        let client_end = asked(dice, &words, &address);
        let client = ledger::client(&client_end);
        hostile::connections(dice, address.parse().unwrap());
        let served = server.interrupt();
        let server = ledger::server(&served);
        assert!(
            figure(&client, "received") <= figure(&server, "replied"),
            "{client_end:#?} {served:#?}"
        );
    });
}

#[test]
fn an_echo_comes_back_whoever_else_is_there() {
    rounds("echo", |dice| {
        let (server, address) = start(&["echo_server", "--json", "--bind", "127.0.0.1:0"]);
        let at = address.parse().unwrap();
        hostile::connections(dice, at);
        hostile::datagrams(dice, at);
        let words =
            if dice.one_in(2) { &ECHO[..] } else { &["echo_client", "--json", "--message", "x"] };
        ledger::client(&asked(dice, words, &address));
        ledger::server(&server.interrupt());
    });
}

#[test]
fn tcp_clients_keep_their_books_whoever_answers() {
    rounds("hostile TCP server", |dice| {
        let peer = hostile::TcpServer::start(dice.next());
        let words = if dice.one_in(2) { ping_client(dice) } else { ECHO.to_vec() };
        ledger::client(&asked(dice, &words, &peer.address.to_string()));
    });
}
