//! UDP ping, heartbeat and echo over UDP.

use crate::common::Running;
use crate::dice::{Dice, rounds};
use crate::ledger::{self, figure};
use crate::{Flags, end_server, hostile, milliseconds, percent, run};

/// How a server damages what it answers.
fn damage(dice: &mut Dice, flags: &mut Flags) {
    flags.add("--seed", dice.next());
    if dice.one_in(2) {
        flags.add("--loss", percent(dice));
    } else {
        // Short bursts cannot lose more than half.
        flags.add("--loss", format!("{}%", dice.up_to(50)));
        flags.add("--burst", 1 + dice.up_to(5));
    }
    flags.maybe(dice, "--delay", milliseconds(60));
    flags.maybe(dice, "--jitter", milliseconds(60));
    for flag in ["--duplicate", "--reorder", "--corrupt"] {
        flags.maybe(dice, flag, percent);
    }
}

/// How a client asks.
fn asking(dice: &mut Dice, flags: &mut Flags) {
    flags.add("-n", 1 + dice.up_to(12));
    flags.add("-W", format!("{}ms", 1 + dice.up_to(80)));
    flags.maybe(dice, "-i", milliseconds(20));
}

/// A client against a server of ours, and what both say of it afterwards.
fn pair(dice: &mut Dice, server: &[&str], client: &[&str]) {
    let mut flags = Flags::new(server);
    flags.add("--bind", "127.0.0.1:0");
    damage(dice, &mut flags);
    let mut listening = Running::start(flags.words()[0], &flags.words()[1..]);
    let first = listening.line();
    let start: serde_json::Value = serde_json::from_str(&first).unwrap();
    let address = start["listening"].as_str().unwrap();

    let mut flags = Flags::new(client);
    asking(dice, &mut flags);
    let words = [&flags.words()[1..], &[address]].concat();
    let asked = run(dice, Running::start(client[0], &words));
    let client = ledger::client(&asked);
    let strangers = hostile::datagrams(dice, address.parse().unwrap());
    let served = end_server(listening, first, figure(&client, "sent") + strangers);
    let server = ledger::server(&served);
    let malformed: u64 = served
        .events()
        .iter()
        .filter(|event| event["event"] == "way_up")
        .map(|event| figure(event, "malformed"))
        .sum();
    assert_eq!(
        figure(&server, "received") + malformed,
        figure(&client, "sent") + strangers,
        "{served:#?} {asked:#?}"
    );
    assert!(ledger::arrived(&client) <= ledger::most_replies(&served), "{served:#?} {asked:#?}");
}

#[test]
fn udp_ping_keeps_its_books_whatever_the_server_does() {
    rounds("udp ping", |dice| {
        pair(dice, &["udp_ping_server", "--json"], &["udp_ping_client", "--json"])
    });
}

#[test]
fn the_heartbeat_keeps_its_books_whatever_the_server_does() {
    rounds("heartbeat", |dice| {
        let mut client = vec!["udp_heartbeat", "client", "--json"];
        client.extend(dice.one_in(2).then_some("--retry"));
        pair(dice, &["udp_heartbeat", "server", "--json"], &client)
    });
}

#[test]
fn udp_clients_keep_their_books_whoever_answers() {
    rounds("hostile UDP server", |dice| {
        let peer = hostile::UdpServer::start(dice.next());
        let client: &[&str] = dice.pick(&[
            ["udp_ping_client", "--json"].as_slice(),
            &["udp_heartbeat", "client", "--json"],
            &["echo_client", "--json", "--message", "one and two"],
        ]);
        let mut flags = Flags::new(client);
        flags.add("-n", 1 + dice.up_to(12));
        flags.add("-W", format!("{}ms", 1 + dice.up_to(80)));
        let address = peer.address.to_string();
        let words = [&flags.words()[1..], &[address.as_str()]].concat();
        ledger::client(&run(dice, Running::start(client[0], &words)));
    });
}
