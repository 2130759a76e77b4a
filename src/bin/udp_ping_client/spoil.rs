//! --flip-bit: datagrams made by hand, with a wrong bit that the kernel would never send.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use packets::explain::flip::{self, Flip};
use packets::ping::Request;
use packets::udp;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use socklab::clock;
use socklab::errors::cause;
use socklab::sockets::own_address;

/// What is missing, and each mend.
const NO_RAW_SOCKET: &str = "a datagram made by hand needs a raw socket, which is for root or \
    CAP_NET_RAW: run it with sudo; or, for loopback alone, with its server inside: \
    unshare -rn, and there first: ip link set lo up";

/// Sends spoilt datagrams in the name of an ordinary socket, which gets what
/// comes back.
pub struct Spoiler {
    raw: Socket,
    own: SocketAddr,
    server: SocketAddr,
    bit: usize,
    /// What was sent last.
    pub flip: Option<Flip>,
}

impl Spoiler {
    /// `None` if no bit is to be spoilt. `size` is that of a request.
    ///
    /// # Errors
    /// One line: a raw socket is not allowed here, or there is no such bit.
    pub fn asked_for(
        bit: Option<usize>,
        socket: &UdpSocket,
        server: SocketAddr,
        size: usize,
    ) -> Result<Option<Spoiler>, String> {
        let Some(bit) = bit else {
            return Ok(None);
        };
        let own = own_address(socket)?;
        // The shortest request has to have that bit; better known at the start.
        let size = size.max(Request::unpadded(1, &clock::stamp(clock::now())));
        flip::udp(own, server, &datagram(own, server, &vec![0; size]), bit)?;
        let raw = raw_udp(own).map_err(|why| match why.kind() {
            io::ErrorKind::PermissionDenied => format!("--flip-bit: {NO_RAW_SOCKET}"),
            _ => format!("--flip-bit: cannot open a raw socket: {}", cause(&why)),
        })?;
        Ok(Some(Spoiler { raw, own, server, bit, flip: None }))
    }

    /// Sends the datagram that carries this request, with one wrong bit. The
    /// kernel puts the IP header in front and believes the rest.
    pub fn send(&mut self, request: &[u8]) -> io::Result<usize> {
        let datagram = datagram(self.own, self.server, request);
        let flip =
            flip::udp(self.own, self.server, &datagram, self.bit).map_err(io::Error::other)?;
        let mut to = self.server;
        // A raw socket knows no ports: they are in the datagram.
        to.set_port(0);
        let sent = self.raw.send_to(&flip.bytes, &SockAddr::from(to));
        self.flip = Some(flip);
        sent
    }
}

/// A raw socket for UDP, for root or a program with CAP_NET_RAW.
fn raw_udp(own: SocketAddr) -> io::Result<Socket> {
    let raw = Socket::new(Domain::for_address(own), Type::RAW, Some(Protocol::UDP))?;
    let mut own = own;
    own.set_port(0);
    raw.bind(&own.into())?;
    // It is given a copy of every datagram that comes in, and reads none.
    raw.set_recv_buffer_size(0)?;
    Ok(raw)
}

/// The whole UDP datagram that carries a payload, with its checksum.
pub fn datagram(from: SocketAddr, to: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    udp::emit((from.ip(), from.port()), (to.ip(), to.port()), payload, &mut bytes);
    bytes
}
