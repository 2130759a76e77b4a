//! --explain: requests and replies on pages of their own, with their IP headers where those can be seen.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socklab::endpoint::cause;
use socklab::explain::{Explain, Page, Teller};
use socklab::report::Reporter;
use socklab::sys;
use socklab::wire::{ipv4, ipv6, udp};

use crate::spoil::{Spoiler, datagram};

/// A copy of a packet is there at once; on a busy machine, soon.
const SOON: Duration = Duration::from_millis(200);

/// Explains datagrams, as far as it is asked to.
pub struct Dissector<'a> {
    teller: Teller<'a>,
    own: SocketAddr,
    server: SocketAddr,
    /// Sees whole packets, and is for root.
    capture: Option<UdpSocket>,
    buffer: Vec<u8>,
}

impl<'a> Dissector<'a> {
    /// # Errors
    /// One line: the socket has no address.
    pub fn new(
        reporter: &'a Reporter,
        wanted: Option<Explain>,
        socket: &UdpSocket,
        server: SocketAddr,
    ) -> Result<Dissector<'a>, String> {
        let own = socket.local_addr().map_err(|why| format!("no own address: {}", cause(&why)))?;
        // Without the privilege, the pages begin with the UDP header.
        let capture = wanted.and_then(|_| sys::capture().ok());
        let buffer = if capture.is_some() { vec![0; 65_536 + ipv6::HEADER] } else { Vec::new() };
        Ok(Dissector { teller: Teller::new(reporter, wanted), own, server, capture, buffer })
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
        way: &str,
        seq: Option<u64>,
        from: SocketAddr,
        to: SocketAddr,
        datagram: &[u8],
    ) {
        match self.captured(from.ip(), to.ip(), datagram) {
            Some(length) => {
                let page = Page::ip_packet(&self.buffer[..length]);
                self.teller.page(&format!("{title}:"), way, seq, &page);
            }
            None => {
                let page = Page::udp_datagram(from, to, datagram);
                let title = format!(
                    "{title}:\n(its UDP header worked out anew from addresses, ports and payload)"
                );
                self.teller.page(&title, way, seq, &page);
            }
        }
        if !self.teller.listens() {
            self.capture = None;
        }
    }

    /// Looks for the packet that carries this datagram among those captured;
    /// gives its length in the buffer.
    fn captured(&mut self, from: IpAddr, to: IpAddr, datagram: &[u8]) -> Option<usize> {
        let capture = self.capture.as_ref()?;
        let until = Instant::now() + SOON;
        loop {
            let patience = until.saturating_duration_since(Instant::now());
            let packet = sys::receive_packet(capture, &mut self.buffer, patience).ok()?;
            let found = upper(&self.buffer[..packet.length]);
            let carries = found.is_some_and(|(source, destination, bytes)| {
                (source, destination) == (from, to) && alike(bytes, datagram)
            });
            if carries && !packet.cut {
                return Some(packet.length);
            }
        }
    }
}

/// A packet's addresses, and its datagram if it is a UDP packet.
fn upper(packet: &[u8]) -> Option<(IpAddr, IpAddr, &[u8])> {
    if let Ok((header, payload)) = ipv4::Header::parse(packet) {
        let whole = header.protocol == ipv4::UDP && header.fragment_offset == 0;
        return whole.then_some((header.source.into(), header.destination.into(), payload));
    }
    let (header, payload) = ipv6::Header::parse(packet).ok()?;
    let (protocol, rest) = header.upper_layer(payload)?;
    let addresses = (header.source.into(), header.destination.into());
    (protocol == ipv4::UDP).then_some((addresses.0, addresses.1, rest))
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
