//! What only one sheet needs: `--explain` and `--flip-bit`. Without them, nothing here does anything.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use crate::Args;
use crate::dissect::Dissector;
use crate::spoil::Spoiler;

/// Looks on at what is sent and received.
pub struct Extras {
    spoiler: Option<Spoiler>,
    dissector: Dissector,
}

impl Extras {
    /// # Errors
    /// One line: what was asked for is not allowed here, or makes no sense.
    pub fn new(
        args: &Args,
        socket: &UdpSocket,
        server: SocketAddr,
        size: usize,
    ) -> Result<Extras, String> {
        Ok(Extras {
            spoiler: Spoiler::asked_for(args.flip_bit, socket, server, size)?,
            dissector: Dissector::new(args, socket, server)?,
        })
    }

    /// With `--flip-bit`: sends the request in the socket's place, spoilt.
    pub fn send(&mut self, request: &[u8]) -> Option<io::Result<usize>> {
        self.spoiler.as_mut().map(|spoiler| spoiler.send(request))
    }

    /// A request was sent.
    pub fn sent(&mut self, seq: u64, request: &[u8]) {
        self.dissector.sent(seq, request, self.spoiler.as_ref());
    }

    /// A datagram came in.
    pub fn received(&mut self, reply: &[u8]) {
        self.dissector.received(reply);
    }
}
