//! What a server did with its clients' requests: counted for each client, and shown at the end.

use std::net::SocketAddr;
use std::ops::AddAssign;

use serde_json::{Value, json};

use crate::cli::Rate;
use crate::output;
use crate::report::percent;
use crate::stats::wilson;

/// Requests by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    pub received: u64,
    pub replied: u64,
    /// Dropped on purpose.
    pub dropped: u64,
    /// Answered with an ICMP error, on purpose.
    pub rejected: u64,
    /// To be answered, but the reply could not be sent.
    pub failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.received += other.received;
        self.replied += other.replied;
        self.dropped += other.dropped;
        self.rejected += other.rejected;
        self.failed += other.failed;
    }
}

impl Tally {
    /// The share that was dropped, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        (self.received > 0).then(|| self.dropped as f64 / self.received as f64)
    }

    fn row(&self, name: &str, width: usize) -> String {
        let loss = self.loss().map_or("-".to_string(), percent);
        let Tally { received, replied, dropped, .. } = self;
        format!("{name:<width$}  {received:>9}  {replied:>9}  {dropped:>9}  {loss:>7}")
    }

    /// Adds its fields to those of `event`.
    fn add_to(&self, event: &mut Value) {
        event["received"] = json!(self.received);
        event["replied"] = json!(self.replied);
        event["dropped"] = json!(self.dropped);
        event["rejected"] = json!(self.rejected);
        event["failed"] = json!(self.failed);
        event["loss_pct"] = json!(self.loss().map(|loss| 100.0 * loss));
    }
}

/// All that a server has to say when it ends.
#[derive(Debug)]
pub struct Summary<'a> {
    pub server: SocketAddr,
    /// Each client that is remembered.
    pub clients: Vec<(SocketAddr, Tally)>,
    /// The clients that are not, together.
    pub forgotten: Tally,
    /// How many clients there were, forgotten ones included.
    pub seen: u64,
    /// Replies that the delay line could not send.
    pub failed_later: u64,
    /// Replies that still waited in the delay line, and are lost with it.
    pub waiting: u64,
    /// The loss that was asked for, if each request was drawn for by itself.
    pub configured: Option<Rate>,
    /// What was asked for, in words.
    pub plan: &'a str,
}

/// How the observed loss compares with the `configured` one; where that is no
/// single rate, with the `plan` in words.
pub fn verdict(total: &Tally, configured: Option<Rate>, plan: &str) -> String {
    let observed = percent(total.loss().unwrap_or(0.0));
    let Some(rate) = configured else {
        return format!("observed loss {observed}; configured: {plan}");
    };
    let (low, high) = wilson(total.dropped, total.received).unwrap_or((0.0, 1.0));
    let observed = format!("{observed} (95% interval {} to {})", percent(low), percent(high));
    let comparison = if (low..=high).contains(&rate.get()) {
        "they agree"
    } else {
        "they differ, as chance alone has it in one run of twenty"
    };
    format!("observed loss {observed}, configured {rate}: {comparison}")
}

/// A class has thirty students; a table longer than this is no longer read.
const ROWS: usize = 32;

impl Summary<'_> {
    fn total(&self) -> Tally {
        let mut total = self.forgotten;
        self.clients.iter().for_each(|(_, tally)| total += *tally);
        total
    }

    /// Prints the table, and how the loss compares with the plan.
    pub fn print_text(&self) {
        let clients = match self.seen {
            1 => "1 client".to_string(),
            seen => format!("{seen} clients"),
        };
        output::line(&format!("\n--- {} served {clients} ---", self.server));
        let total = self.total();
        if total.received == 0 {
            return output::line("nothing was received");
        }
        let (shown, more) = self.clients.split_at(self.clients.len().min(ROWS));
        let addresses: Vec<String> = shown.iter().map(|(address, _)| address.to_string()).collect();
        let width = addresses.iter().map(String::len).max().unwrap_or(0).max(12);
        output::line(&format!(
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>7}",
            "client", "received", "replied", "dropped", "loss"
        ));
        for (address, (_, tally)) in addresses.iter().zip(shown) {
            output::line(&tally.row(address, width));
        }
        let others = self.seen - shown.len() as u64;
        if others > 0 {
            let mut tally = self.forgotten;
            more.iter().for_each(|(_, other)| tally += *other);
            output::line(&tally.row(&format!("{others} others"), width));
        }
        if self.seen > 1 {
            output::line(&total.row("all", width));
        }
        if total.rejected > 0 {
            output::line(&format!("rejected with an ICMP error: {}", total.rejected));
        }
        let failed = total.failed + self.failed_later;
        if failed > 0 {
            output::line(&format!("replies that could not be sent: {failed}"));
        }
        if self.waiting > 0 {
            output::line(&format!("replies still held back, and lost: {}", self.waiting));
        }
        output::line(&verdict(&total, self.configured, self.plan));
    }

    /// Prints the same as a JSON line.
    pub fn print_json(&self) {
        let total = self.total();
        let interval = wilson(total.dropped, total.received);
        let clients: Vec<Value> = self
            .clients
            .iter()
            .map(|(address, tally)| {
                let mut client = json!({"client": address.to_string()});
                tally.add_to(&mut client);
                client
            })
            .collect();
        let mut summary = json!({"event": "summary"});
        total.add_to(&mut summary);
        summary["failed"] = json!(total.failed + self.failed_later);
        summary["waiting"] = json!(self.waiting);
        summary["loss_ci95_low_pct"] = json!(interval.map(|(low, _)| 100.0 * low));
        summary["loss_ci95_high_pct"] = json!(interval.map(|(_, high)| 100.0 * high));
        summary["loss_configured_pct"] = json!(self.configured.map(|rate| 100.0 * rate.get()));
        summary["clients_seen"] = json!(self.seen);
        summary["clients"] = Value::Array(clients);
        output::line(&summary.to_string());
    }
}
