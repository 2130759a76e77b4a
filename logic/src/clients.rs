//! A server's table of its clients, bounded so that forged senders cannot fill the memory.

use std::collections::HashMap;
use std::net::SocketAddr;

/// So many clients are kept. Anybody can send a datagram under a thousand
/// invented addresses, and a server that kept them all would run out of
/// memory. When the table is full, the client that has been silent for the
/// longest makes room; if it comes back, it is a new client.
pub const MOST: usize = 1024;

/// Clients by address, each with what its server keeps of it.
#[derive(Debug)]
pub struct Clients<T> {
    table: HashMap<SocketAddr, Client<T>>,
    most: usize,
    /// Datagrams so far: the table's clock.
    ticks: u64,
    /// Clients so far, the forgotten ones included.
    seen: u64,
}

#[derive(Debug)]
struct Client<T> {
    /// 1 for the first client that was seen.
    number: u64,
    last_heard: u64,
    record: T,
}

impl<T> Clients<T> {
    pub fn new() -> Clients<T> {
        Clients::with_room_for(MOST)
    }

    fn with_room_for(most: usize) -> Clients<T> {
        Clients { table: HashMap::new(), most, ticks: 0, seen: 0 }
    }

    /// The record of the client at `address`, made by `new` from its number
    /// if it is not in the table; and the record that made room for it, if
    /// one had to.
    pub fn heard(
        &mut self,
        address: SocketAddr,
        new: impl FnOnce(u64) -> T,
    ) -> (&mut T, Option<T>) {
        self.ticks += 1;
        let forgotten = if self.table.len() >= self.most && !self.table.contains_key(&address) {
            self.forget_the_most_silent()
        } else {
            None
        };
        let seen = &mut self.seen;
        let client = self.table.entry(address).or_insert_with(|| {
            *seen += 1;
            Client { number: *seen, last_heard: 0, record: new(*seen) }
        });
        client.last_heard = self.ticks;
        (&mut client.record, forgotten)
    }

    /// The record of a client, if it is still in the table.
    pub fn get_mut(&mut self, address: SocketAddr) -> Option<&mut T> {
        self.table.get_mut(&address).map(|client| &mut client.record)
    }

    fn forget_the_most_silent(&mut self) -> Option<T> {
        let (&address, _) = self.table.iter().min_by_key(|(_, client)| client.last_heard)?;
        self.table.remove(&address).map(|client| client.record)
    }

    /// The record of each client in the table, to be changed, in no order.
    pub fn each_mut(&mut self) -> impl Iterator<Item = (SocketAddr, &mut T)> {
        self.table.iter_mut().map(|(&address, client)| (address, &mut client.record))
    }

    /// How many clients were seen, the forgotten ones included.
    pub fn seen(&self) -> u64 {
        self.seen
    }

    /// The clients still in the table, in the order in which they appeared.
    pub fn in_order(&self) -> Vec<(SocketAddr, &T)> {
        let mut clients: Vec<_> = self.table.iter().collect();
        clients.sort_by_key(|(_, client)| client.number);
        clients.into_iter().map(|(&address, client)| (address, &client.record)).collect()
    }
}

impl<T> Default for Clients<T> {
    fn default() -> Clients<T> {
        Clients::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn each_client_has_its_number_and_its_record() {
        let mut clients = Clients::new();
        for port in [7, 8, 7, 9, 7] {
            let (record, forgotten) = clients.heard(address(port), |number| (number, 0));
            record.1 += 1;
            assert_eq!(forgotten, None);
        }
        let all: Vec<_> = clients.in_order();
        assert_eq!(all, [(address(7), &(1, 3)), (address(8), &(2, 1)), (address(9), &(3, 1))]);
    }

    #[test]
    fn records_can_be_changed_one_by_one_and_all_together() {
        let mut clients = Clients::new();
        for port in [7, 8] {
            clients.heard(address(port), |number| number);
        }
        *clients.get_mut(address(8)).unwrap() = 9;
        assert_eq!(clients.get_mut(address(9)), None);
        clients.each_mut().for_each(|(address, record)| *record += u64::from(address.port()));
        assert_eq!(clients.in_order(), [(address(7), &8), (address(8), &17)]);
    }

    #[test]
    fn the_most_silent_client_makes_room() {
        let mut clients = Clients::with_room_for(2);
        clients.heard(address(1), |number| number);
        clients.heard(address(2), |number| number);
        clients.heard(address(1), |number| number);
        let (&mut third, forgotten) = clients.heard(address(3), |number| number);
        assert_eq!((third, forgotten), (3, Some(2)));
        let (&mut back, forgotten) = clients.heard(address(2), |number| number);
        assert_eq!((back, forgotten), (4, Some(1)));
        assert_eq!(clients.seen(), 4);
        assert_eq!(clients.table.len(), 2);
    }
}
