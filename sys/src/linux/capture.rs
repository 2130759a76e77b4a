//! Linux: a socket that sees what no UDP socket shows, the IP header.

use std::io;
use std::net::UdpSocket;

use socket2::{Domain, Protocol, Socket, Type};

/// Opens a packet socket (packet(7)): it is given a copy of every packet that
/// leaves or reaches this machine on any interface, from the IP header on. On
/// loopback that makes two copies of each, alike. For root, or CAP_NET_RAW.
///
/// # Errors
/// Those of socket(2): `PermissionDenied` without the privilege.
pub fn capture() -> io::Result<UdpSocket> {
    // A number of 16 bits, in network byte order.
    let every_protocol = Protocol::from(i32::from((libc::ETH_P_ALL as u16).to_be()));
    // DGRAM leaves the Ethernet header off.
    let socket = Socket::new(Domain::PACKET, Type::DGRAM, Some(every_protocol))?;
    Ok(socket.into())
}
