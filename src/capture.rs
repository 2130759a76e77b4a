//! Seeing whole packets, IP header and all, as tcpdump does: what --explain shows to root.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::cli::stopping;
use packets::{ipv4, ipv6};

/// A copy of a packet is there at once; on a busy machine, soon.
const SOON: Duration = Duration::from_millis(200);

/// Copies of all packets that leave or reach this machine from now on.
#[derive(Debug)]
pub struct Capture {
    socket: UdpSocket,
    buffer: Vec<u8>,
}

impl Capture {
    /// `None` without the privilege, and where the system has no such socket.
    pub fn open() -> Option<Capture> {
        let socket = sys::capture().ok()?;
        Some(Capture { socket, buffer: vec![0; ipv6::HEADER + 65_536] })
    }

    /// The oldest packet, from its IP header on, that went from one address to
    /// another, and carries what is looked for: `is_it` is given the bytes
    /// behind the IP header. Those before it are forgotten. `None` if there is
    /// none, as where it left in fragments.
    pub fn find(
        &mut self,
        protocol: u8,
        from: IpAddr,
        to: IpAddr,
        is_it: impl Fn(&[u8]) -> bool,
    ) -> Option<&[u8]> {
        let until = Instant::now() + SOON;
        while !stopping() {
            let patience = until.saturating_duration_since(Instant::now());
            let packet = sys::receive_packet(&self.socket, &mut self.buffer, patience).ok()?;
            let found = carried(&self.buffer[..packet.length]);
            let right = found.is_some_and(|(number, source, destination, bytes)| {
                (number, source, destination) == (protocol, from, to) && is_it(bytes)
            });
            if right && !packet.cut {
                return Some(&self.buffer[..packet.length]);
            }
        }
        None
    }
}

/// What a packet carries: the protocol, the addresses, and the bytes behind
/// the IP header; of a later fragment nothing.
fn carried(packet: &[u8]) -> Option<(u8, IpAddr, IpAddr, &[u8])> {
    if let Ok((header, payload)) = ipv4::Header::parse(packet) {
        let (source, destination) = (header.source.into(), header.destination.into());
        let begins = header.fragment_offset == 0;
        return begins.then_some((header.protocol, source, destination, payload));
    }
    let (header, payload) = ipv6::Header::parse(packet).ok()?;
    let (protocol, bytes) = header.upper_layer(payload)?;
    Some((protocol, header.source.into(), header.destination.into(), bytes))
}
