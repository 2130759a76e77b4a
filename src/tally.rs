//! What a server did with its clients' requests: counted for each client, and told at the end.

use std::fmt;
use std::net::SocketAddr;
use std::ops::AddAssign;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clock::At;
use crate::event::Event;
use crate::output::plural;
use logic::stats::wilson;
use logic::units::Rate;
use logic::units::percent;

/// Requests by what became of them. Each one received is counted once among
/// the others.
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
    /// Their replies are held back, and have not been sent yet.
    pub waiting: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Tally) {
        self.received += other.received;
        self.replied += other.replied;
        self.dropped += other.dropped;
        self.rejected += other.rejected;
        self.failed += other.failed;
        self.waiting += other.waiting;
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
}

impl Serialize for Tally {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Tally", 7)?;
        fields.serialize_field("received", &self.received)?;
        fields.serialize_field("replied", &self.replied)?;
        fields.serialize_field("dropped", &self.dropped)?;
        fields.serialize_field("rejected", &self.rejected)?;
        fields.serialize_field("failed", &self.failed)?;
        fields.serialize_field("waiting", &self.waiting)?;
        fields.serialize_field("loss_pct", &self.loss().map(|loss| 100.0 * loss))?;
        fields.end()
    }
}

/// A client and its tally.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OfClient {
    pub client: SocketAddr,
    #[serde(flatten)]
    pub tally: Tally,
}

/// All that a server has to say when it ends: the event `summary`.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "summary")]
pub struct ServerSummary {
    pub at_ns: At,
    /// The sum over all clients, forgotten ones included.
    #[serde(flatten)]
    pub total: Tally,
    pub loss_ci95_low_pct: Option<f64>,
    pub loss_ci95_high_pct: Option<f64>,
    /// The loss that was asked for, if each request was drawn for by itself.
    #[serde(rename = "loss_configured_pct", serialize_with = "in_per_cent")]
    pub configured: Option<Rate>,
    /// How many clients there were, forgotten ones included.
    pub clients_seen: u64,
    /// Each client that is remembered.
    pub clients: Vec<OfClient>,
    /// For a person: the server's address, and what was asked for in words.
    #[serde(skip)]
    pub server: SocketAddr,
    #[serde(skip)]
    pub plan: String,
}

fn in_per_cent<S: Serializer>(rate: &Option<Rate>, serializer: S) -> Result<S::Ok, S::Error> {
    rate.map(|rate| 100.0 * rate.get()).serialize(serializer)
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

impl ServerSummary {
    /// The summary of a server that ends now; `forgotten` is the tally of the
    /// clients that are not among `clients`.
    pub fn new(server: SocketAddr, clients: Vec<OfClient>, forgotten: Tally) -> ServerSummary {
        let mut total = forgotten;
        clients.iter().for_each(|client| total += client.tally);
        let interval = wilson(total.dropped, total.received);
        ServerSummary {
            at_ns: At::now(),
            total,
            loss_ci95_low_pct: interval.map(|(low, _)| 100.0 * low),
            loss_ci95_high_pct: interval.map(|(_, high)| 100.0 * high),
            configured: None,
            clients_seen: clients.len() as u64,
            clients,
            server,
            plan: String::new(),
        }
    }

    /// The rows of the table: the first clients, and the others together.
    fn write_table(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let shown = &self.clients[..self.clients.len().min(ROWS)];
        let addresses: Vec<String> = shown.iter().map(|of| of.client.to_string()).collect();
        let width = addresses.iter().map(String::len).max().unwrap_or(0).max(12);
        writeln!(
            f,
            "{:<width$}  {:>9}  {:>9}  {:>9}  {:>7}",
            "client", "received", "replied", "dropped", "loss"
        )?;
        // What the table does not show is what is left of the total.
        let mut others = self.total;
        for (address, of) in addresses.iter().zip(shown) {
            writeln!(f, "{}", of.tally.row(address, width))?;
            others.received -= of.tally.received;
            others.replied -= of.tally.replied;
            others.dropped -= of.tally.dropped;
        }
        let more = self.clients_seen - shown.len() as u64;
        if more > 0 {
            writeln!(f, "{}", others.row(&plural(more, "other"), width))?;
        }
        if self.clients_seen > 1 {
            writeln!(f, "{}", self.total.row("all", width))?;
        }
        Ok(())
    }
}

impl fmt::Display for ServerSummary {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (server, total) = (self.server, &self.total);
        writeln!(f, "\n--- {server} served {} ---", plural(self.clients_seen, "client"))?;
        if total.received == 0 {
            return f.write_str("nothing was received");
        }
        self.write_table(f)?;
        for (count, what) in [
            (total.rejected, "rejected with an ICMP error"),
            (total.failed, "replies that could not be sent"),
            (total.waiting, "replies still held back, and lost"),
        ] {
            if count > 0 {
                writeln!(f, "{what}: {count}")?;
            }
        }
        f.write_str(&verdict(total, self.configured, &self.plan))
    }
}

impl Event for ServerSummary {}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(received: u64) -> Tally {
        Tally { received, replied: received, ..Tally::default() }
    }

    #[test]
    fn a_long_table_ends_with_the_others_and_the_sum_of_all() {
        let clients: Vec<OfClient> = (1..=40)
            .map(|port| OfClient {
                client: SocketAddr::from(([127, 0, 0, 1], port)),
                tally: tally(u64::from(port)),
            })
            .collect();
        let server = SocketAddr::from(([127, 0, 0, 1], 12000));
        let mut summary = ServerSummary::new(server, clients, tally(1000));
        summary.clients_seen = 60;
        let text = summary.to_string();
        let received = |name: &str| {
            let row = text.lines().find(|line| line.starts_with(name)).unwrap();
            row.split_whitespace().rev().nth(3).unwrap().parse::<u64>()
        };
        // 33 to 40 are not shown, nor are the forgotten ones.
        assert_eq!(received("28 others"), Ok((33..=40).sum::<u64>() + 1000));
        assert_eq!(received("all"), Ok((1..=40).sum::<u64>() + 1000));
    }
}
