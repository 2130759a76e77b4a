//! --explain: requests and replies on pages of their own, with their IP headers where those can be seen.

use std::net::IpAddr;

use packets::explain::Page;
use packets::explain::flip::Flip;
use packets::icmp;
use packets::ipv4::ICMP;
use packets::ipv6::ICMPV6;
use socklab::capture::Capture;
use socklab::explain::{Explain, Teller};

/// Explains messages, as far as it is asked to.
pub struct Dissector {
    teller: Teller,
    own: IpAddr,
    target: IpAddr,
    /// Sees whole packets, and is for root.
    capture: Option<Capture>,
}

impl Dissector {
    pub fn new(json: bool, wanted: Option<Explain>, own: IpAddr, target: IpAddr) -> Dissector {
        // Without the privilege, the pages begin with the ICMP header.
        let capture = wanted.and_then(|_| Capture::open());
        Dissector { teller: Teller::new(json, wanted), own, target, capture }
    }

    /// A request that was sent, with a wrong bit if it has one.
    pub fn sent(&mut self, seq: u64, request: &[u8], flip: Option<&Flip>) {
        let wanted = self.teller.wants_sent();
        if let Some(flip) = flip {
            self.teller.flip(seq, flip);
        }
        if wanted {
            let mut message = request.to_vec();
            if self.own.is_ipv6() {
                // Over IPv6 the kernel works the checksum out, as it covers the addresses.
                icmp::set_checksum(self.own, self.target, &mut message);
            }
            let title = format!("Request {seq}, as it leaves:");
            self.page(&title, Some(seq), self.own, self.target, &message);
        }
    }

    /// A message that came in for us, whatever it is.
    pub fn received(&mut self, message: &[u8], from: IpAddr) {
        if self.teller.wants_received() {
            let title = format!("What came in from {from}:");
            self.page(&title, None, from, self.own, message);
        }
    }

    fn page(&mut self, title: &str, seq: Option<u64>, from: IpAddr, to: IpAddr, message: &[u8]) {
        let way = if seq.is_some() { "sent" } else { "received" };
        let protocol = if from.is_ipv4() { ICMP } else { ICMPV6 };
        let capture = self.capture.as_mut();
        let packet =
            capture.and_then(|capture| capture.find(protocol, from, to, |found| found == message));
        let page = match packet {
            Some(packet) => Page::ip_packet(packet),
            None => Page::icmp_message(from, to, message),
        };
        self.teller.page(title, way, seq, &page);
        if !self.teller.listens() {
            self.capture = None;
        }
    }
}
