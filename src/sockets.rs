//! The addresses of UDP sockets: which a client gets, and which a server must not answer.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;

use logic::pace::LOOK_UP;

use crate::errors::{cannot_reach, cause, no_socket};
use crate::output;

/// Any free port of this machine, from which to send to `server`.
pub fn any_port(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Our address towards a peer, with port 0, as the routing table has it.
/// Connecting a UDP socket asks the table, and sends nothing.
pub fn address_towards(peer: SocketAddr) -> Option<SocketAddr> {
    let socket = UdpSocket::bind(any_port(peer)).ok()?;
    let mut somewhere = peer;
    // A port is not part of the question, but no socket can be connected to 0.
    somewhere.set_port(9);
    socket.connect(somewhere).ok()?;
    let mut own = socket.local_addr().ok()?;
    own.set_port(0);
    Some(own)
}

/// Opens a UDP socket whose only peer is `server`: on Linux only such a
/// socket is told of an ICMP port unreachable, and the kernel keeps other
/// senders' datagrams from it.
///
/// # Errors
/// One line for a person, with the call that failed.
pub fn connect_udp(server: SocketAddr) -> Result<UdpSocket, String> {
    let socket = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
    socket.connect(server).map_err(|why| cannot_reach(server, &why))?;
    not_itself(socket)
}

/// The address and port of a socket of ours.
///
/// # Errors
/// One line for a person.
pub fn own_address(socket: &UdpSocket) -> Result<SocketAddr, String> {
    socket.local_addr().map_err(|why| format!("the socket has no address: {}", cause(&why)))
}

/// The connected UDP socket, or another one in its place if it is its own
/// peer. Where nobody listens on the port of a server on this machine, the
/// kernel may give that very port to the client, once in many times; and then
/// it would hear its own requests, and take them for the replies.
///
/// # Errors
/// One line for a person, with the call that failed.
pub fn not_itself(socket: UdpSocket) -> Result<UdpSocket, String> {
    let (Ok(own), Ok(peer)) = (socket.local_addr(), socket.peer_addr()) else {
        return Ok(socket);
    };
    if (own.ip(), own.port()) != (peer.ip(), peer.port()) {
        return Ok(socket);
    }
    // The first socket keeps the port for so long, so this one gets another.
    let other = UdpSocket::bind(any_port(peer)).map_err(|why| no_socket(&why))?;
    other.connect(peer).map_err(|why| cannot_reach(peer, &why))?;
    Ok(other)
}

/// Whether a datagram's sender is the server on this address itself: an answer
/// would come back to it, and be answered in turn, for ever. The sender of a
/// datagram is easily forged.
pub fn is_own(server: SocketAddr, sender: SocketAddr) -> bool {
    let (own, ip) = (server.ip().to_canonical(), sender.ip().to_canonical());
    sender.port() == server.port()
        // A server on every address has each that a socket can be bound to.
        && (ip == own || own.is_unspecified() && UdpSocket::bind((ip, 0)).is_ok())
}

/// A server's read came back without a datagram. If that is no matter of
/// course, says so, and waits a moment: what fails at once would fail again.
pub fn no_datagram(program: &str, why: &io::Error) {
    match why.kind() {
        // The timeout, Ctrl-C, or (on Windows) a client that is gone.
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {}
        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionReset => {}
        _ => {
            output::complain(program, &format!("cannot receive: {}; retrying", cause(why)));
            thread::sleep(LOOK_UP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_knows_its_own_address_as_a_sender() {
        let server = |text: &str| text.parse::<SocketAddr>().unwrap();
        let sender = server("127.0.0.1:7");
        assert!(is_own(server("127.0.0.1:7"), sender) && is_own(server("0.0.0.0:7"), sender));
        assert!(is_own(server("[::]:7"), server("[::ffff:127.0.0.1]:7")));
        assert!(!is_own(server("127.0.0.1:8"), sender) && !is_own(server("0.0.0.0:8"), sender));
        assert!(!is_own(server("0.0.0.0:7"), server("192.0.2.1:7")));
    }

    #[test]
    fn a_socket_that_would_hear_itself_is_replaced() {
        let (a, b) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        let own = a.local_addr().unwrap();
        a.connect(own).unwrap();
        let a = not_itself(a).unwrap();
        assert_eq!(a.peer_addr().unwrap(), own);
        assert_ne!(a.local_addr().unwrap(), own);
        // Any other is left as it is.
        let before = b.local_addr().unwrap();
        b.connect(own).unwrap();
        assert_eq!(not_itself(b).unwrap().local_addr().unwrap(), before);
    }
}
