//! The requests that are sent: ICMP messages made by hand, checksum and all.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use packets::explain::flip::{self, Flip};
use packets::icmp::{self, Echo, HEADER, Version};
use socklab::endpoint::cause;
use socklab::icmp_socket::{IcmpSocket, Kind};

use crate::args::Args;

/// Makes requests.
pub struct Outgoing {
    version: Version,
    identifier: u16,
    /// From whom and to whom.
    pub own: IpAddr,
    pub target: IpAddr,
    flip_bit: Option<usize>,
    flip: Option<Flip>,
    message: Vec<u8>,
}

impl Outgoing {
    /// For requests that leave through `icmp` on the way that `route` knows.
    ///
    /// # Errors
    /// One line: what the flags ask for cannot be had here.
    pub fn new(
        args: &Args,
        icmp: &IcmpSocket,
        route: &UdpSocket,
        target: SocketAddr,
    ) -> Result<Outgoing, String> {
        let own = route
            .local_addr()
            .map_err(|why| format!("cannot find out the own address: {}", cause(&why)))?;
        let raw_v4 = (icmp.kind, icmp.version) == (Kind::Raw, Version::V4);
        if let Some(bit) = args.flip_bit {
            if !raw_v4 {
                return Err("--flip-bit needs a raw socket, and IPv4: elsewhere the kernel works \
                            out the checksum last, and would make it right again"
                    .to_string());
            }
            // Whether there is such a bit is better known before the first line.
            flip::icmp_echo(own.ip(), target.ip(), &vec![0; HEADER + args.size], bit)?;
        }
        Ok(Outgoing {
            version: icmp.version,
            identifier: icmp.identifier,
            own: own.ip(),
            target: target.ip(),
            flip_bit: args.flip_bit,
            flip: None,
            message: Vec::new(),
        })
    }

    /// The request that was made last.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// What was spoilt in it, if anything.
    pub fn flip(&self) -> Option<&Flip> {
        self.flip.as_ref()
    }

    /// Makes request `seq`, ready to be sent.
    ///
    /// # Errors
    /// One line: it has no such bit to spoil.
    pub fn request(&mut self, seq: u64, payload: &[u8]) -> Result<&[u8], String> {
        // The header has 16 bits for the number: after 65,535 comes 0.
        let echo = Echo { identifier: self.identifier, sequence: seq as u16, payload };
        echo.emit(self.version, self.version.echo_request(), &mut self.message);
        if self.version == Version::V6 {
            // The kernel works it out once more, and comes to the same.
            icmp::set_checksum(self.own, self.target, &mut self.message);
        }
        if let Some(bit) = self.flip_bit {
            let flip = flip::icmp_echo(self.own, self.target, &self.message, bit)?;
            self.message.clone_from(&flip.bytes);
            self.flip = Some(flip);
        }
        Ok(&self.message)
    }
}
