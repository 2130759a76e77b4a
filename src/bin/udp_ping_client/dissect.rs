//! --explain: requests and replies on pages of their own, with their IP headers where those can be seen.

use std::net::{SocketAddr, UdpSocket};

use packets::explain::Page;
use packets::{ipv4, udp};
use socklab::capture::Capture;
use socklab::explain::Teller;
use socklab::sockets::own_address;

use crate::Args;
use crate::spoil::{Spoiler, datagram};

/// Explains datagrams, as far as it is asked to.
pub struct Dissector {
    teller: Teller,
    own: SocketAddr,
    server: SocketAddr,
    /// Sees whole packets, and is for root.
    capture: Option<Capture>,
}

impl Dissector {
    /// # Errors
    /// One line: the socket has no address.
    pub fn new(args: &Args, socket: &UdpSocket, server: SocketAddr) -> Result<Dissector, String> {
        // Without the privilege, the pages begin with the UDP header.
        let capture = args.explain.and_then(|_| Capture::open());
        let teller = Teller::new(args.ping.json, args.explain);
        Ok(Dissector { teller, own: own_address(socket)?, server, capture })
    }

    /// A request that was sent, with a wrong bit if there is a spoiler.
    pub fn sent(&mut self, seq: u64, request: &[u8], spoiler: Option<&Spoiler>) {
        let wanted = self.teller.wants_sent();
        let flip = spoiler.and_then(|spoiler| spoiler.flip.as_ref());
        if let Some(flip) = flip {
            self.teller.flip(seq, flip);
        }
        if wanted {
            let (from, to) = (self.own, self.server);
            let bytes = flip.map_or_else(|| datagram(from, to, request), |flip| flip.bytes.clone());
            let title = format!("Request {seq}, as it leaves from {from}");
            self.page(&title, "sent", Some(seq), from, to, &bytes);
        }
    }

    /// A datagram that came from the server.
    pub fn received(&mut self, payload: &[u8]) {
        if self.teller.wants_received() {
            let (from, to) = (self.server, self.own);
            let title = format!("What came in from {from}");
            self.page(&title, "received", None, from, to, &datagram(from, to, payload));
        }
    }

    fn page(
        &mut self,
        title: &str,
        way: &'static str,
        seq: Option<u64>,
        from: SocketAddr,
        to: SocketAddr,
        datagram: &[u8],
    ) {
        let capture = self.capture.as_mut();
        let packet = capture.and_then(|capture| {
            capture.find(ipv4::UDP, from.ip(), to.ip(), |found| alike(found, datagram))
        });
        match packet {
            Some(packet) => {
                self.teller.page(&format!("{title}:"), way, seq, &Page::ip_packet(packet));
            }
            None => {
                let page = Page::udp_datagram(from, to, datagram);
                let how = "its UDP header worked out anew from addresses, ports and payload";
                self.teller.page(&format!("{title}:\n({how})"), way, seq, &page);
            }
        }
        if !self.teller.listens() {
            self.capture = None;
        }
    }
}

/// Whether two datagrams are the same but for the checksum, which the kernel
/// may have left to the network card.
fn alike(found: &[u8], wanted: &[u8]) -> bool {
    match (udp::Header::parse(found), udp::Header::parse(wanted)) {
        (Ok((a, found)), Ok((b, wanted))) => {
            let checksum = b.checksum;
            udp::Header { checksum, ..a } == b && found == wanted
        }
        // With a wrong bit in the length it is none, and was not left to anybody.
        _ => found == wanted,
    }
}
