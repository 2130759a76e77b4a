//! What only one sheet needs: `--explain` and `--flip-bit`. Without them, nothing here does anything.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use packets::explain::flip::{self, Flip};
use packets::icmp::{HEADER, Version};
use socklab::icmp_socket::{IcmpSocket, Kind};
use socklab::sockets::own_address;

use crate::args::Args;
use crate::dissect::Dissector;

/// Looks on at what is sent and received; with `--flip-bit`, spoils it first.
pub struct Extras {
    own: IpAddr,
    target: IpAddr,
    bit: Option<usize>,
    /// What was spoilt in the last request.
    flip: Option<Flip>,
    dissector: Dissector,
}

impl Extras {
    /// For requests that leave through `icmp` on the way that `route` knows.
    ///
    /// # Errors
    /// One line: what the flags ask for cannot be had here.
    pub fn new(
        args: &Args,
        icmp: &IcmpSocket,
        route: &UdpSocket,
        target: SocketAddr,
    ) -> Result<Extras, String> {
        let (own, target) = (own_address(route)?.ip(), target.ip());
        if let Some(bit) = args.flip_bit {
            if (icmp.kind, icmp.version) != (Kind::Raw, Version::V4) {
                return Err("--flip-bit needs a raw socket, and IPv4: elsewhere the kernel works \
                            out the checksum last, and would make it right again"
                    .to_string());
            }
            // Whether there is such a bit is better known before the first line.
            flip::icmp_echo(own, target, &vec![0; HEADER + args.size], bit)?;
        }
        let dissector = Dissector::new(args.ping.json, args.explain, own, target);
        Ok(Extras { own, target, bit: args.flip_bit, flip: None, dissector })
    }

    /// With `--flip-bit`: turns one bit of the request over.
    ///
    /// # Errors
    /// One line: it has no such bit.
    pub fn spoil(&mut self, request: &mut Vec<u8>) -> Result<(), String> {
        if let Some(bit) = self.bit {
            let flip = flip::icmp_echo(self.own, self.target, request, bit)?;
            request.clone_from(&flip.bytes);
            self.flip = Some(flip);
        }
        Ok(())
    }

    /// A request was sent.
    pub fn sent(&mut self, seq: u64, request: &[u8]) {
        self.dissector.sent(seq, request, self.flip.as_ref());
    }

    /// A message came in that is for us, whatever it is.
    pub fn received(&mut self, message: &[u8], from: IpAddr) {
        self.dissector.received(message, from);
    }
}
