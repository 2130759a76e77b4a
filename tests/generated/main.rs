//! Generated runs: every program with random flags, hostile peers and signals at
//! random moments. Whatever happens, nobody panics, every line is JSON, and each
//! ledger adds up: what was sent has come back, is lost, or is accounted for.
//!
//! Each test goes on for some seconds. `GENERATED_SECONDS=300` gives it more, and
//! other seeds than the suite's; `GENERATED_SEED=17` repeats one round.

#[path = "../common/mod.rs"]
mod common;
mod dice;
mod hostile;
mod icmp;
mod ledger;
mod tcp;
mod udp;

use std::thread;
use std::time::Duration;

use common::{Ended, Running};
use dice::Dice;
use nix::sys::signal::Signal;

/// Runs a program to its end. In some rounds it gets a signal after a while.
fn run(dice: &mut Dice, mut running: Running) -> Ended {
    let first = running.line();
    if dice.one_in(4) {
        // The handler is there once the first line is. No moment is hoped for.
        thread::sleep(Duration::from_millis(dice.up_to(120)));
        running.signal(dice.pick(&[Signal::SIGINT, Signal::SIGTERM]));
    }
    let mut ended = running.end();
    ended.stdout.insert(0, first);
    ended
}

/// Ends a server as Ctrl-C does, once it has told of so many requests.
fn end_server(mut server: Running, first: String, requests: u64) -> Ended {
    let (mut told, mut lines) = (0, vec![first]);
    while told < requests {
        let line = server.line();
        told += u64::from(ledger::is_request(&line));
        lines.push(line);
    }
    let mut ended = server.interrupt();
    lines.append(&mut ended.stdout);
    Ended { stdout: lines, ..ended }
}

/// Flags as they are typed.
#[derive(Default)]
struct Flags(Vec<String>);

impl Flags {
    fn new(words: &[&str]) -> Flags {
        Flags(words.iter().map(|word| word.to_string()).collect())
    }

    fn add(&mut self, flag: &str, value: impl ToString) {
        self.0.extend([flag.to_string(), value.to_string()]);
    }

    /// Adds it in one round of two.
    fn maybe<T: ToString>(&mut self, dice: &mut Dice, flag: &str, value: impl Fn(&mut Dice) -> T) {
        if dice.one_in(2) {
            let value = value(dice);
            self.add(flag, value);
        }
    }

    fn words(&self) -> Vec<&str> {
        self.0.iter().map(String::as_str).collect()
    }
}

fn milliseconds(most: u64) -> impl Fn(&mut Dice) -> String {
    move |dice| format!("{}ms", dice.up_to(most))
}

fn percent(dice: &mut Dice) -> String {
    format!("{}%", dice.up_to(100))
}
