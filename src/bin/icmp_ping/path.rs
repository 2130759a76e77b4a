//! The way that requests take out of this host: route, interface, TTL, and no fragments.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use packets::icmp::Version;
use socket2::SockRef;
use socklab::endpoint::cause;
use socklab::sys;

use crate::args::{Args, Interface};

/// The address from which this host sends to `target`, as a socket that knows
/// it: connecting a UDP socket sends nothing, but asks the kernel for a route.
///
/// # Errors
/// One line: there is no route, or no such interface.
pub fn route(target: SocketAddr, interface: Option<&Interface>) -> Result<UdpSocket, String> {
    let own = match (interface, target) {
        (Some(&Interface::Address(own)), _) if own.is_ipv4() != target.is_ipv4() => {
            let (own, target) = (own.ip(), target.ip());
            return Err(format!("{target} cannot be reached from {own}: one is IPv4, one IPv6"));
        }
        (Some(&Interface::Address(own)), _) => own,
        (_, SocketAddr::V4(_)) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        (_, SocketAddr::V6(_)) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(own).map_err(|why| match why.kind() {
        io::ErrorKind::AddrNotAvailable => {
            format!("no interface of this machine has the address {} (see: ip addr)", own.ip())
        }
        _ => format!("cannot open a UDP socket from {}: {}", own.ip(), cause(&why)),
    })?;
    if let Some(Interface::Name(name)) = interface {
        bind_to_device(&socket, name)?;
    }
    // Any port will do.
    let somewhere = SocketAddr::new(target.ip(), 9);
    let scoped = match (target, somewhere) {
        (SocketAddr::V6(target), SocketAddr::V6(mut somewhere)) => {
            somewhere.set_scope_id(target.scope_id());
            SocketAddr::V6(somewhere)
        }
        _ => somewhere,
    };
    socket.connect(scoped).map_err(|why| {
        let target = target.ip();
        let mend = match why.kind() {
            io::ErrorKind::PermissionDenied => "a broadcast address? Give that of one host".into(),
            _ => format!("is the network up (see: ip route get {target})?"),
        };
        format!("cannot reach {target}: {}; {mend}", cause(&why))
    })?;
    Ok(socket)
}

/// Sets what the flags ask for.
///
/// # Errors
/// One line: the operating system refuses.
pub fn set_options(socket: &UdpSocket, version: Version, args: &Args) -> Result<(), String> {
    if let Some(ttl) = args.ttl {
        let socket = SockRef::from(socket);
        let set = match version {
            Version::V4 => socket.set_ttl_v4(ttl.into()),
            Version::V6 => socket.set_unicast_hops_v6(ttl.into()),
        };
        set.map_err(|why| format!("cannot set the TTL to {ttl}: {}", cause(&why)))?;
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
    SockRef::from(socket).bind_device(Some(name.as_bytes())).map_err(|why| {
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
