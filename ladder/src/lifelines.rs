//! Who took part: the ledgers' programs, and those of whom only their addresses are known.

use std::collections::HashMap;
use std::net::SocketAddr;

use crate::ledger::Ledger;
use crate::model::{Lifeline, Role};

/// So many clients without a ledger get a line each; all further ones share one.
const STRANGERS: usize = 6;

/// The lifelines, while they are being found. Ledger `i` has lifeline `i`.
pub struct Lifelines {
    pub all: Vec<Lifeline>,
    owners: HashMap<(Role, String), usize>,
    strangers: usize,
    crowd: Option<usize>,
}

impl Lifelines {
    pub fn new(ledgers: &[Ledger]) -> Lifelines {
        let mut found =
            Lifelines { all: Vec::new(), owners: HashMap::new(), strangers: 0, crowd: None };
        for ledger in ledgers {
            let index = found.all.len();
            let address = ledger.started("local").map(str::to_string);
            for event in &ledger.events {
                // What a client calls local is its own end; what a link calls near and far are its two.
                match ledger.role {
                    Role::Client => found.own(Role::Client, event.text("local"), index),
                    Role::Server => found.own(Role::Server, event.text("local"), index),
                    Role::Link => {
                        found.own(Role::Server, event.text("near").or(event.text("local")), index);
                        found.own(Role::Client, event.text("far"), index);
                    }
                }
            }
            found.own(ledger.role, ledger.end().as_deref(), index);
            let (name, role) = (ledger.name(), ledger.role);
            found.all.push(Lifeline { name, address, role, told: true });
        }
        found
    }

    fn own(&mut self, end: Role, address: Option<&str>, index: usize) {
        if let Some(address) = address {
            self.owners.entry((end, address.to_string())).or_insert(index);
        }
    }

    /// The lifeline at the server's end of a packet.
    pub fn far(&mut self, address: &str) -> usize {
        if let Some(&index) = self.owners.get(&(Role::Server, address.to_string())) {
            return index;
        }
        // A server that listens on every address is known by its port.
        let port = address.rsplit_once(':').map_or("", |(_, port)| port);
        let everywhere = ["0.0.0.0", "[::]"]
            .iter()
            .find_map(|any| self.owners.get(&(Role::Server, format!("{any}:{port}"))).copied());
        let index = everywhere.unwrap_or_else(|| {
            // Of ICMP there is no port: the host itself answers.
            let name = if address.parse::<SocketAddr>().is_ok() { "server" } else { "host" };
            self.add(name, address, Role::Server)
        });
        self.owners.insert((Role::Server, address.to_string()), index);
        index
    }

    /// The lifeline at the client's end.
    pub fn near(&mut self, address: &str) -> usize {
        if let Some(&index) = self.owners.get(&(Role::Client, address.to_string())) {
            return index;
        }
        let index = match self.crowd {
            Some(crowd) => crowd,
            None if self.strangers < STRANGERS => {
                self.strangers += 1;
                self.add("client", address, Role::Client)
            }
            None => {
                let index = self.add("other clients", "", Role::Client);
                self.crowd = Some(index);
                index
            }
        };
        self.owners.insert((Role::Client, address.to_string()), index);
        index
    }

    fn add(&mut self, name: &str, address: &str, role: Role) -> usize {
        let address = Some(address.to_string()).filter(|address| !address.is_empty());
        self.all.push(Lifeline { name: name.to_string(), address, role, told: false });
        self.all.len() - 1
    }
}

/// The order from left to right, as old indexes: clients, links, servers. With two
/// or more clients of one server and no link, the server stands in the middle.
pub fn order(lifelines: &[Lifeline], used: &[bool]) -> Vec<usize> {
    let of = |role| (0..lifelines.len()).filter(move |&i| used[i] && lifelines[i].role == role);
    let clients: Vec<usize> = of(Role::Client).collect();
    let (links, servers): (Vec<usize>, Vec<usize>) =
        (of(Role::Link).collect(), of(Role::Server).collect());
    let left = if links.is_empty() && servers.len() == 1 {
        clients.len().div_ceil(2)
    } else {
        clients.len()
    };
    let (left, right) = clients.split_at(left);
    [left, &links, &servers, right].concat()
}
