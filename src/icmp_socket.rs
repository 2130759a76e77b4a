//! Opening an ICMP socket, raw or datagram, and what to do where neither is allowed.
//!
//! A raw socket receives every ICMP message that reaches the host (this one
//! has the kernel keep back what is neither an error nor a reply to it), and
//! sends what it is given; it is for root, or a program with CAP_NET_RAW. A datagram
//! socket (Linux, and macOS) sends echo requests only, under an identifier that
//! the kernel chooses, and receives the replies to those alone. On Linux
//! `net.ipv4.ping_group_range` says which groups may have one, for both
//! versions of ICMP.

use std::fs;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use socket2::{Domain, Protocol, Socket, Type};

use crate::endpoint::cause;
use crate::sys::{self, Packet};
use packets::icmp::Version;
use packets::ipv4;

/// Which of the two it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Raw,
    Datagram,
}

/// A socket that sends and receives ICMP messages.
#[derive(Debug)]
pub struct IcmpSocket {
    /// The socket itself. Its addresses carry port 0.
    pub socket: UdpSocket,
    pub kind: Kind,
    pub version: Version,
    /// The identifier that stands in what it sends: if none is wanted, drawn at random for a raw
    /// socket, the kernel's choice for a datagram socket.
    pub identifier: u16,
    /// Whether arrivals are stamped by the kernel.
    pub kernel_stamps: bool,
}

/// A message that came in.
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// From its type on.
    pub message: &'a [u8],
    /// The IP header before it, where it can be seen: on a raw IPv4 socket only.
    pub ip_header: Option<&'a [u8]>,
    pub packet: Packet,
}

impl IcmpSocket {
    /// Opens a raw socket, or a datagram socket where that is not allowed.
    ///
    /// # Errors
    /// One line for a person: neither is allowed, and each mend.
    pub fn open(version: Version) -> Result<IcmpSocket, String> {
        IcmpSocket::open_at(version.unspecified())
    }

    /// The same, to send from one of this host's addresses, or from any if it
    /// is unspecified. What would be the port is the identifier, and 0 any.
    ///
    /// # Errors
    /// One line for a person; also that this is no address of this host's.
    pub fn open_at(own: SocketAddr) -> Result<IcmpSocket, String> {
        let raw = match IcmpSocket::open_kind(own, Kind::Raw) {
            Ok(socket) => return Ok(socket),
            Err(why) => why,
        };
        let refused = [io::ErrorKind::PermissionDenied, io::ErrorKind::Unsupported];
        IcmpSocket::open_kind(own, Kind::Datagram).map_err(|datagram| {
            if datagram.kind() == io::ErrorKind::AddrInUse {
                let identifier = own.port();
                format!(
                    "cannot send with identifier {identifier}: another program does; give another"
                )
            } else if [&raw, &datagram]
                .iter()
                .any(|why| why.kind() == io::ErrorKind::AddrNotAvailable)
            {
                let own = own.ip();
                format!("cannot send from {own}: no address of this machine's (see: ip addr)")
            } else if refused.contains(&raw.kind()) {
                privileges(&datagram)
            } else {
                format!("cannot open a raw ICMP socket: {}", cause(&raw))
            }
        })
    }

    /// Opens a socket of one kind.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2): `PermissionDenied` without the privilege.
    pub fn open_kind(own: SocketAddr, kind: Kind) -> io::Result<IcmpSocket> {
        let version = Version::of(own.ip());
        let (domain, protocol) = match version {
            Version::V4 => (Domain::IPV4, Protocol::ICMPV4),
            Version::V6 => (Domain::IPV6, Protocol::ICMPV6),
        };
        let kind_of_socket = match kind {
            Kind::Raw => Type::RAW,
            Kind::Datagram => Type::DGRAM,
        };
        let socket = Socket::new(domain, kind_of_socket, Some(protocol))?;
        let socket: UdpSocket = socket.into();
        let kernel_stamps = sys::stamp_arrivals(&socket);
        sys::show_ttl(&socket, version);
        // Bound, a datagram socket has its identifier, as if it were a port.
        socket2::SockRef::from(&socket).bind(&own.into())?;
        let identifier = match kind {
            // Two programs with the same one would see each other's replies.
            Kind::Raw => {
                let identifier = match own.port() {
                    0 => SysRng.try_next_u32().map_err(io::Error::other)? as u16,
                    wanted => wanted,
                };
                sys::only_replies_and_errors(&socket, version, identifier);
                identifier
            }
            Kind::Datagram => {
                sys::queue_errors(&socket, version);
                socket.local_addr()?.port()
            }
        };
        Ok(IcmpSocket { socket, kind, version, identifier, kernel_stamps })
    }

    /// Waits for a message, but no longer than `timeout`. It may be anybody's.
    ///
    /// # Errors
    /// Those of [`sys::receive_packet`].
    pub fn receive<'a>(&self, buffer: &'a mut [u8], timeout: Duration) -> io::Result<Received<'a>> {
        // On loopback the reply is there as soon as the request is sent: then
        // there is nothing to wait for.
        let packet = match sys::take_packet(&self.socket, buffer) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                sys::receive_packet(&self.socket, buffer, timeout)?
            }
            taken => taken?,
        };
        Ok(self.unwrapped(packet, buffer))
    }

    /// The same, but looks again and again instead of sleeping: a processor
    /// that sleeps for milliseconds takes longer for the next request, which
    /// the network cannot be blamed for. `ping` does so too.
    ///
    /// # Errors
    /// Those of [`sys::receive_packet`].
    pub fn receive_awake<'a>(
        &self,
        buffer: &'a mut [u8],
        timeout: Duration,
    ) -> io::Result<Received<'a>> {
        let began = Instant::now();
        let packet = loop {
            match sys::take_packet(&self.socket, buffer) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                    if began.elapsed() >= timeout {
                        return Err(why);
                    }
                    std::thread::yield_now();
                }
                taken => break taken?,
            }
        };
        Ok(self.unwrapped(packet, buffer))
    }

    /// The message in a packet, without the IP header.
    fn unwrapped<'a>(&self, mut packet: Packet, buffer: &'a [u8]) -> Received<'a> {
        let bytes = &buffer[..packet.length];
        // Raw IPv4 reads begin with the IP header, all others with the message.
        if (self.version, self.kind) == (Version::V4, Kind::Raw)
            && let Ok((header, message)) = ipv4::Header::parse(bytes)
        {
            packet.ttl = Some(header.ttl);
            let ip_header = Some(&bytes[..header.length()]);
            return Received { message, ip_header, packet };
        }
        Received { message: bytes, ip_header: None, packet }
    }
}

/// What is missing on this system, and each way to mend it.
fn privileges(datagram: &io::Error) -> String {
    let program =
        std::env::current_exe().map_or("PROGRAM".into(), |path| path.display().to_string());
    let why = format!(
        "no ICMP socket: a raw one needs root or CAP_NET_RAW, a datagram one is refused too ({})",
        cause(datagram)
    );
    let range = fs::read_to_string("/proc/sys/net/ipv4/ping_group_range").ok();
    let again = std::env::args().skip(1).fold(program.clone(), |line, word| line + " " + &word);
    let Some((range, group)) = range.zip(own_group()) else {
        return format!("{why}; run it as root: sudo {again}");
    };
    let range = range.split_whitespace().collect::<Vec<_>>().join(" ");
    format!(
        "{why}; any of these mends it: sudo {again}; or once: sudo setcap cap_net_raw+ep {program}; \
         or, as net.ipv4.ping_group_range is \"{range}\" and your group {group}: \
         sudo sysctl net.ipv4.ping_group_range=\"{group} {group}\"; or without root, \
         for loopback alone: unshare -rn sh -c 'ip link set lo up; {program} 127.0.0.1'"
    )
}

/// The group that this process runs as (proc(5), `/proc/self/status`).
fn own_group() -> Option<u32> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Gid:"))?;
    // Real, effective, saved, and file-system group.
    line.split_whitespace().nth(1)?.parse().ok()
}
