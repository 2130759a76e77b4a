//! --explain: requests and replies on pages of their own, with their IP headers where those can be seen.

use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use socklab::explain::{Explain, Page, Teller};
use socklab::icmp_socket::Received;
use socklab::report::Reporter;
use socklab::sys;
use socklab::wire::ipv4::{self, ICMP};
use socklab::wire::ipv6::{self, ICMPV6};

use crate::outgoing::Outgoing;

/// A copy of a packet is there at once; on a busy machine, soon.
const SOON: Duration = Duration::from_millis(200);

/// Explains packets, as far as it is asked to.
pub struct Dissector<'a> {
    teller: Teller<'a>,
    /// Sees whole packets, and is for root.
    capture: Option<UdpSocket>,
    buffer: Vec<u8>,
}

impl<'a> Dissector<'a> {
    pub fn new(reporter: &'a Reporter, wanted: Option<Explain>) -> Dissector<'a> {
        // Without the privilege, the pages begin with the ICMP header.
        let capture = wanted.and_then(|_| sys::capture().ok());
        let buffer = if capture.is_some() { vec![0; 65_536 + ipv6::HEADER] } else { Vec::new() };
        Dissector { teller: Teller::new(reporter, wanted), capture, buffer }
    }

    /// A request that was sent, with a wrong bit if it has one.
    pub fn sent(&mut self, seq: u64, outgoing: &Outgoing) {
        let wanted = self.teller.wants_sent();
        if let Some(flip) = outgoing.flip() {
            self.teller.flip(seq, flip);
        }
        if wanted {
            let title = format!("Request {seq}, as it leaves:");
            self.page(&title, Some(seq), outgoing.own, outgoing.target, outgoing.message());
        }
    }

    /// A message that came in for us, whatever it is.
    pub fn received(&mut self, received: &Received, from: IpAddr, own: IpAddr) {
        if self.teller.wants_received() {
            let title = format!("What came in from {from}:");
            self.page(&title, None, from, own, received.message);
        }
    }

    fn page(&mut self, title: &str, seq: Option<u64>, from: IpAddr, to: IpAddr, message: &[u8]) {
        let way = if seq.is_some() { "sent" } else { "received" };
        match self.captured(from, to, message) {
            Some(length) => {
                let page = Page::ip_packet(&self.buffer[..length]);
                self.teller.page(title, way, seq, &page);
            }
            None => {
                let page = Page::icmp_message(from, to, message);
                self.teller.page(title, way, seq, &page);
            }
        }
        if !self.teller.listens() {
            self.capture = None;
        }
    }

    /// Looks for the packet that carries this message among those captured;
    /// gives its length in the buffer.
    fn captured(&mut self, from: IpAddr, to: IpAddr, message: &[u8]) -> Option<usize> {
        let capture = self.capture.as_ref()?;
        let until = Instant::now() + SOON;
        loop {
            let patience = until.saturating_duration_since(Instant::now());
            let packet = sys::receive_packet(capture, &mut self.buffer, patience).ok()?;
            let found = carried(&self.buffer[..packet.length]);
            if found == Some((from, to, message)) && !packet.cut {
                return Some(packet.length);
            }
        }
    }
}

/// A packet's addresses, and its ICMP message if it carries one.
fn carried(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    if let Ok((header, payload)) = ipv4::Header::parse(packet) {
        let whole = header.protocol == ICMP && header.fragment_offset == 0;
        return whole.then_some((header.source.into(), header.destination.into(), payload));
    }
    let (header, payload) = ipv6::Header::parse(packet).ok()?;
    let (protocol, message) = header.upper_layer(payload)?;
    let addresses = (header.source.into(), header.destination.into());
    (protocol == ICMPV6).then_some((addresses.0, addresses.1, message))
}
