//! What the server counts and tells: one ledger for all its threads.
//!
//! Whoever holds the lock may count and write a line, so that lines and totals
//! agree; and when the totals are out, nobody gets it any more.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use logic::impair::{Fate, Impairment};
use logic::stats::wilson;
use logic::units::Rate;
use packets::icmp_error::Problem;
use serde::Serialize;
use socklab::clock::At;
use socklab::event::{Event, Reporter};
use socklab::output::plural;
use socklab::tally::{Tally, verdict};

use super::event::{Connected, Ended, Failed, Message, Reason, Request, Start};

pub struct Ledger {
    totals: Mutex<Totals>,
    address: SocketAddr,
    plan: String,
    seed: u64,
    loss: Option<Rate>,
    reporter: Reporter,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    accepted: u64,
    open: u64,
    most_at_once: u64,
    turned_away: u64,
    messages: Tally,
}

impl Ledger {
    pub fn new(address: SocketAddr, plan: &Impairment, reporter: Reporter) -> Ledger {
        Ledger {
            totals: Mutex::default(),
            address,
            plan: plan.describe(),
            seed: plan.seed,
            loss: plan.independent_loss(),
            reporter,
        }
    }

    fn totals(&self) -> MutexGuard<'_, Totals> {
        // A thread that panicked with the lock left at worst one count wrong.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line; `more` follows the plan.
    pub fn listening(&self, more: &str) {
        let impairment = format!("{}{more}", self.plan);
        self.reporter.tell_always(&Start::new(self.address, &impairment, self.seed));
    }

    /// Enters a connection, and returns its number.
    pub fn accepted(&self, client: SocketAddr) -> u64 {
        let mut totals = self.totals();
        totals.accepted += 1;
        let (at_ns, connection) = (At::now(), totals.accepted);
        self.reporter.tell_json(&Connected { at_ns, client, connection });
        connection
    }

    /// A connection that was accepted has a place, and is served.
    pub fn opened(&self) {
        let mut totals = self.totals();
        totals.open += 1;
        totals.most_at_once = totals.most_at_once.max(totals.open);
    }

    pub fn received(&self) {
        self.totals().messages.received += 1;
    }

    /// A message is answered now, with this fate; `error` is that with which it
    /// is rejected.
    pub fn answered(&self, message: Message, request: &[u8], fate: &Fate, error: Option<Problem>) {
        let mut totals = self.totals();
        *count_of(&mut totals.messages, fate) += 1;
        self.reporter.tell(&Request {
            at_ns: At::now(),
            message,
            bytes: request.len(),
            text: request,
            fate: fate.into(),
            error,
        });
    }

    /// The answer with this fate, which was told, could not be sent after all.
    pub fn failed(&self, message: Message, fate: &Fate, why: &str) {
        let mut totals = self.totals();
        totals.messages.failed += 1;
        *count_of(&mut totals.messages, fate) -= 1;
        self.reporter.tell(&Failed { at_ns: At::now(), message, why });
    }

    pub fn ended(&self, client: SocketAddr, connection: u64, reason: &Reason) {
        let mut totals = self.totals();
        match reason {
            Reason::TurnedAway(_) => totals.turned_away += 1,
            _ => totals.open -= 1,
        }
        let ended = Ended { at_ns: At::now(), client, connection, reason };
        if reason.is_plain() {
            self.reporter.tell_json(&ended);
        } else {
            self.reporter.tell(&ended);
        }
    }

    /// Prints the totals, and keeps the lock for good: a thread that would count
    /// or tell anything after them waits for the end of the process.
    pub fn close(&self) {
        let totals = self.totals();
        self.reporter.tell_always(&Summary::new(self, &totals));
        std::mem::forget(totals);
    }
}

/// The count to which a message with this fate belongs.
fn count_of<'a>(messages: &'a mut Tally, fate: &Fate) -> &'a mut u64 {
    match fate {
        Fate::Dropped => &mut messages.dropped,
        Fate::Rejected { .. } => &mut messages.rejected,
        Fate::Replied(_) => &mut messages.replied,
    }
}

/// The totals.
#[derive(Serialize)]
#[serde(tag = "event", rename = "summary")]
struct Summary<'a> {
    at_ns: At,
    received: u64,
    replied: u64,
    dropped: u64,
    rejected: u64,
    failed: u64,
    /// Came in, and are held back by the delay.
    waiting: u64,
    loss_pct: Option<f64>,
    loss_ci95_low_pct: Option<f64>,
    loss_ci95_high_pct: Option<f64>,
    loss_configured_pct: Option<f64>,
    connections: u64,
    connections_open: u64,
    connections_most_at_once: u64,
    turned_away: u64,
    #[serde(skip)]
    ledger: &'a Ledger,
    #[serde(skip)]
    messages: Tally,
}

impl<'a> Summary<'a> {
    fn new(ledger: &'a Ledger, totals: &Totals) -> Summary<'a> {
        let messages = totals.messages;
        let Tally { received, replied, dropped, rejected, failed, .. } = messages;
        let interval = wilson(dropped, received);
        Summary {
            at_ns: At::now(),
            received,
            replied,
            dropped,
            rejected,
            failed,
            waiting: received - replied - dropped - rejected - failed,
            loss_pct: messages.loss().map(|loss| 100.0 * loss),
            loss_ci95_low_pct: interval.map(|(low, _)| 100.0 * low),
            loss_ci95_high_pct: interval.map(|(_, high)| 100.0 * high),
            loss_configured_pct: ledger.loss.map(|rate| 100.0 * rate.get()),
            connections: totals.accepted,
            connections_open: totals.open,
            connections_most_at_once: totals.most_at_once,
            turned_away: totals.turned_away,
            ledger,
            messages,
        }
    }
}

/// `N name` for each count that is not 0, behind those words that are always there.
fn words(always: &[String], counts: &[(u64, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some = some.map(|(count, name)| format!("{count} {name}"));
    always.iter().cloned().chain(some).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { received, replied, dropped, ledger, .. } = self;
        let connections = plural(self.connections, "connection");
        writeln!(f, "\n--- {} served {connections} ---", ledger.address)?;
        let always = [
            format!("{} received", plural(*received, "message")),
            format!("{replied} replied"),
            format!("{dropped} answered LOST"),
        ];
        let some = [
            (self.rejected, "rejected"),
            (self.failed, "failed"),
            (self.waiting, "not yet answered"),
        ];
        writeln!(f, "{}", words(&always, &some))?;
        let always = [format!("at most {} at once", self.connections_most_at_once)];
        let some = [(self.connections_open, "still open"), (self.turned_away, "turned away")];
        write!(f, "connections: {}", words(&always, &some))?;
        if *received > 0 {
            write!(f, "\n{}", verdict(&self.messages, ledger.loss, &ledger.plan))?;
        }
        Ok(())
    }
}

impl Event for Summary<'_> {}
