//! The way that requests take out of this host: route, interface, TTL, and no fragments.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use packets::icmp::Version;
use socklab::errors::cause;
use socklab::icmp_socket::IcmpSocket;
use socklab::sockets::any_port;
use socklab::ways::{self, ADDRESSES};

use crate::args::{Args, Interface};

/// The address from which this host sends to `target`, as a socket that knows
/// it: connecting a UDP socket sends nothing, but asks the kernel for a route.
///
/// # Errors
/// One line: there is no route, or no such interface.
pub fn to(target: SocketAddr, interface: Option<&Interface>) -> Result<UdpSocket, String> {
    let own = match interface {
        Some(&Interface::Address(own)) if own.is_ipv4() != target.is_ipv4() => {
            let (own, target) = (own.ip(), target.ip());
            return Err(format!("{target} cannot be reached from {own}: one is IPv4, one IPv6"));
        }
        Some(&Interface::Address(own)) => own,
        _ => any_port(target),
    };
    let socket = UdpSocket::bind(own).map_err(|why| match why.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("no interface of this machine has the address {} (see: {ADDRESSES})", own.ip())
        }
        _ => format!("cannot open a UDP socket from {}: {}", own.ip(), cause(&why)),
    })?;
    if let Some(Interface::Name(name)) = interface {
        bind_to_device(&socket, name)?;
    }
    let mut somewhere = target;
    // Any port will do.
    somewhere.set_port(9);
    socket.connect(somewhere).map_err(|why| {
        let target = target.ip();
        let mend = match why.kind() {
            io::ErrorKind::PermissionDenied => "a broadcast address? Give that of one host".into(),
            _ => format!("is the network up (see: {})?", ways::to(target)),
        };
        format!("cannot reach {target}: {}; {mend}", cause(&why))
    })?;
    Ok(socket)
}

/// Why a request was not sent, in a few words.
pub fn not_sent(why: &io::Error, route: &UdpSocket, version: Version) -> String {
    // The socket goes by the route that it was given when it was connected, and
    // a router may have told of a smaller MTU since: connecting asks anew.
    let asked_anew = route.peer_addr().and_then(|peer| route.connect(peer));
    match asked_anew.ok().and_then(|()| sys::path_mtu(route, version)) {
        Some(mtu) if sys::is_too_long(why) => format!("{}, mtu={mtu}", cause(why)),
        _ => cause(why),
    }
}

/// Sets what the flags ask for.
///
/// # Errors
/// One line: the operating system refuses.
pub fn set_options(icmp: &mut IcmpSocket, args: &Args) -> Result<(), String> {
    icmp.awake = args.stays_awake();
    let (socket, version) = (&icmp.socket, icmp.version);
    if let Some(ttl) = args.ttl {
        sys::set_ttl(socket, version, ttl)
            .map_err(|why| format!("cannot set the TTL to {ttl}: {}", cause(&why)))?;
    }
    if args.df {
        sys::obey_path_mtu(socket, version)
            .map_err(|why| format!("cannot forbid fragments: {}", cause(&why)))?;
    }
    if let Some(Interface::Name(name)) = &args.interface {
        bind_to_device(socket, name)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn bind_to_device(socket: &UdpSocket, name: &str) -> Result<(), String> {
    socket2::SockRef::from(socket).bind_device(Some(name.as_bytes())).map_err(|why| {
        let mend = match why.kind() {
            io::ErrorKind::PermissionDenied => "give one of its addresses, or use sudo",
            _ => "see: ip link",
        };
        format!("cannot send through interface {name}: {}; {mend}", cause(&why))
    })
}

#[cfg(not(target_os = "linux"))]
fn bind_to_device(_socket: &UdpSocket, name: &str) -> Result<(), String> {
    Err(format!("cannot send through interface {name}: give one of its addresses"))
}
