//! ICMP ping and traceroute, over a loopback of the test's own.

use crate::common::{Running, lacks, program, skip, tool};
use crate::dice::{Dice, rounds};
use crate::{Flags, ledger, milliseconds, run};

/// One of our programs in a network of its own, in which it may make packets.
fn start(words: &[&str]) -> Running {
    let mut command = tool("unshare");
    command.args(["-rn", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(program(words[0])).args(&words[1..]);
    Running::start_command(command)
}

fn played(test: &str, round: impl Fn(&mut Dice)) {
    let allowed = || tool("unshare").args(["-rn", "true"]).status().is_ok_and(|end| end.success());
    match lacks(&["unshare", "ip"]) {
        Some(why) => skip(test, &why),
        None if !allowed() => skip(test, "no network namespace for this user (unshare -rn)"),
        None => rounds(test, round),
    }
}

#[test]
fn icmp_ping_keeps_its_books() {
    played("icmp_ping_keeps_its_books", |dice| {
        let mut flags = Flags::new(&["icmp_ping", "--json"]);
        flags.add("-n", 1 + dice.up_to(12));
        flags.add("-i", format!("{}ms", dice.up_to(20)));
        flags.maybe(dice, "-W", |dice| format!("{}ms", 1 + dice.up_to(80)));
        flags.maybe(dice, "-s", |dice| dice.up_to(9000));
        flags.maybe(dice, "-t", |dice| 1 + dice.up_to(254));
        flags.maybe(dice, "-e", |dice| dice.up_to(65535));
        let address = dice.pick(&["127.0.0.1", "127.1.2.3", "::1"]);
        if address != "::1" {
            flags.maybe(dice, "--flip-bit", |dice| dice.up_to(63));
        }
        let words = [&flags.words()[..], &[address]].concat();
        ledger::client(&run(dice, start(&words)));
    });
}

#[test]
fn icmp_trace_keeps_its_books() {
    played("icmp_trace_keeps_its_books", |dice| {
        let mut flags = Flags::new(&["icmp_trace", "--json", "--numeric"]);
        flags.add("-n", 1 + dice.up_to(9));
        flags.add("-m", 1 + dice.up_to(4));
        flags.add("-W", format!("{}ms", 1 + dice.up_to(60)));
        flags.maybe(dice, "-i", milliseconds(10));
        flags.maybe(dice, "-s", |dice| 32 + dice.up_to(3000));
        if dice.one_in(2) {
            flags.0.push("--udp".to_string());
        }
        let address = dice.pick(&["127.0.0.1", "::1"]);
        let words = [&flags.words()[..], &[address]].concat();
        ledger::trace(&run(dice, start(&words)));
    });
}
