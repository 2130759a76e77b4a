//! What the server tells at its end of the way up, from its clients to itself.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use socklab::clock::At;
use socklab::event::Event;
use socklab::output::plural;
use socklab::service::Service;

use crate::clients::{Client, Ways};

/// What became of the beats before they reached this server.
#[derive(Serialize)]
#[serde(tag = "event", rename = "way_up")]
pub struct WayUp {
    at_ns: At,
    malformed: u64,
    /// Of all clients, also those that are no longer remembered.
    #[serde(flatten)]
    total: Ways,
    clients: Vec<WayOfClient>,
    /// Of those that are no longer remembered.
    #[serde(skip)]
    forgotten: Ways,
}

#[derive(Serialize)]
struct WayOfClient {
    client: SocketAddr,
    highest: u64,
    #[serde(flatten)]
    ways: Ways,
}

impl WayUp {
    pub fn new(service: &Service<Client>, forgotten: Ways, malformed: u64) -> WayUp {
        let clients: Vec<WayOfClient> = service
            .each()
            .map(|(client, known)| WayOfClient {
                client,
                highest: known.sequence.highest(),
                ways: known.ways(),
            })
            .collect();
        let mut total = forgotten;
        clients.iter().for_each(|of| total += of.ways);
        WayUp { at_ns: At::now(), malformed, total, clients, forgotten }
    }
}

impl fmt::Display for WayUp {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let nothing = Ways::default();
        let mut lines = Vec::new();
        if self.total == nothing {
            lines.push("on the way here no beat was lost, doubled or overtaken".to_string());
        }
        let clients = self.clients.iter().map(|of| (of.client.to_string(), of.ways));
        let forgotten = [("clients no longer remembered".to_string(), self.forgotten)];
        for (who, ways) in clients.chain(forgotten).filter(|(_, ways)| *ways != nothing) {
            let duplicates = plural(ways.duplicates, "duplicate");
            let Ways { lost, reordered, .. } = ways;
            lines.push(format!(
                "on the way here from {who}: {lost} lost, {duplicates}, {reordered} reordered"
            ));
        }
        if self.malformed > 0 {
            lines.push(format!("malformed datagrams, not answered: {}", self.malformed));
        }
        f.write_str(&lines.join("\n"))
    }
}

impl Event for WayUp {}
