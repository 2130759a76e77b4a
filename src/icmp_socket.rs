//! Opening an ICMP socket, raw or datagram, and what to do where neither is allowed.
//!
//! A raw socket receives every ICMP message that reaches the host (this one
//! has the kernel keep back what is neither an error nor a reply to it), and
//! sends what it is given; it is for root, or a program with CAP_NET_RAW. A datagram
//! socket (Linux, and macOS) sends echo requests only, under an identifier that
//! the kernel chooses, and receives the replies to those alone. On Linux
//! `net.ipv4.ping_group_range` says which groups may have one, for both
//! versions of ICMP.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use rand::TryRng;
use rand::rngs::SysRng;
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::error_queue::{ErrorQueue, IcmpError, Instead};
use crate::errors::cause;
use crate::privilege::Mends;
use crate::ways::ADDRESSES;
use packets::icmp::Version;
use packets::ipv4;
use sys::Packet;

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
    /// The identifier that stands in what it sends.
    pub identifier: u16,
    /// Whether arrivals are stamped by the kernel.
    pub kernel_stamps: bool,
    /// Whether to look again and again instead of sleeping: a processor that
    /// sleeps for milliseconds takes longer for the next request, which the
    /// network cannot be blamed for. `ping` does so too.
    pub awake: bool,
    /// On a raw socket the errors come as messages, and this stays empty.
    pub errors: ErrorQueue,
}

/// What came of listening.
#[derive(Debug)]
pub enum Heard<'a> {
    Message(Received<'a>),
    /// On a datagram socket: an ICMP error that a request of ours met with, and
    /// the beginning of that request, from its ICMP header on.
    Error(IcmpError),
    /// Nothing came in time, and nothing is left to read: what is due by now
    /// did not come.
    Silence,
    /// The wait was cut short, by a signal or for an error that was told before.
    Interrupted,
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
    /// Opens a raw socket, or a datagram socket where that is not allowed, to
    /// send from any address of this host's, under an identifier of its own.
    ///
    /// # Errors
    /// One line for a person: neither is allowed, and each mend.
    pub fn open(version: Version) -> Result<IcmpSocket, String> {
        let own = version.unspecified();
        IcmpSocket::raw(own).or_else(|why| IcmpSocket::datagram(own, &why))
    }

    /// A raw socket, to send from one of this host's addresses, or from any if
    /// it is unspecified. What would be the port is the identifier; 0 draws one.
    ///
    /// # Errors
    /// Those of socket(2) and bind(2): `PermissionDenied` without the privilege.
    pub fn raw(own: SocketAddr) -> io::Result<IcmpSocket> {
        let mut icmp = IcmpSocket::of_kind(own, Kind::Raw)?;
        icmp.identifier = identifier(own)?;
        sys::only_replies_and_errors(&icmp.socket, icmp.version, icmp.identifier);
        Ok(icmp)
    }

    /// A datagram socket, after there was no raw one for the reason `raw`. Its
    /// identifier is the port to which it is bound, and 0 lets the kernel choose.
    ///
    /// # Errors
    /// One line for a person: what is wrong, with each mend. It tells of
    /// `raw`, unless that was merely a privilege that is missing.
    pub fn datagram(own: SocketAddr, raw: &io::Error) -> Result<IcmpSocket, String> {
        let opened = IcmpSocket::of_kind(own, Kind::Datagram).and_then(|mut icmp| {
            icmp.identifier = match sys::ICMP_DATAGRAMS.keeps_identifier {
                true => identifier(own)?,
                false => icmp.socket.local_addr()?.port(),
            };
            sys::queue_errors(&icmp.socket, icmp.version);
            Ok(icmp)
        });
        opened.map_err(|why| no_socket(own, raw, &why))
    }

    fn of_kind(own: SocketAddr, kind: Kind) -> io::Result<IcmpSocket> {
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
        SockRef::from(&socket).bind(&own.into())?;
        let errors = ErrorQueue::default();
        Ok(IcmpSocket { socket, kind, version, identifier: 0, kernel_stamps, awake: false, errors })
    }

    /// Waits for a message, but no longer than `time`. It may be anybody's.
    ///
    /// # Errors
    /// Those of recvmsg(2) that no ICMP error explains.
    pub fn listen<'a>(&mut self, buffer: &'a mut [u8], time: Duration) -> io::Result<Heard<'a>> {
        if let Some(error) = self.errors.oldest() {
            return Ok(Heard::Error(error));
        }
        let received =
            if self.awake { self.wait_awake(buffer, time) } else { self.wait(buffer, time) };
        let why = match received {
            Ok(packet) => return Ok(Heard::Message(self.unwrapped(packet, buffer))),
            Err(why) => why,
        };
        Ok(match self.errors.instead(&self.socket, why)? {
            Instead::Error(error) => Heard::Error(error),
            Instead::Silence => Heard::Silence,
            Instead::Interrupted => Heard::Interrupted,
        })
    }

    /// Sleeps until a packet comes.
    fn wait(&self, buffer: &mut [u8], time: Duration) -> io::Result<Packet> {
        // On loopback the reply is there as soon as the request is sent: then
        // there is nothing to wait for.
        match sys::take_packet(&self.socket, buffer) {
            Err(why) if why.kind() == io::ErrorKind::WouldBlock => {
                sys::receive_packet(&self.socket, buffer, time)
            }
            taken => taken,
        }
    }

    /// Looks again and again instead of sleeping.
    fn wait_awake(&self, buffer: &mut [u8], time: Duration) -> io::Result<Packet> {
        let began = Instant::now();
        loop {
            match sys::take_packet(&self.socket, buffer) {
                Err(why) if why.kind() == io::ErrorKind::WouldBlock && began.elapsed() < time => {
                    std::thread::yield_now();
                }
                taken => return taken,
            }
        }
    }

    /// The message in a packet, without the IP header.
    fn unwrapped<'a>(&self, mut packet: Packet, buffer: &'a [u8]) -> Received<'a> {
        let bytes = &buffer[..packet.length];
        // Raw IPv4 reads begin with the IP header, and on macOS all of IPv4's.
        let with_header = self.kind == Kind::Raw || sys::ICMP_DATAGRAMS.with_ip_header;
        if self.version == Version::V4
            && with_header
            && let Some((ttl, header, message)) = ipv4::split(bytes)
        {
            packet.ttl = Some(ttl);
            return Received { message, ip_header: Some(header), packet };
        }
        Received { message: bytes, ip_header: None, packet }
    }
}

/// The identifier that is wanted, or else a random one: two programs with the
/// same one would see each other's replies.
fn identifier(own: SocketAddr) -> io::Result<u16> {
    match own.port() {
        0 => Ok(SysRng.try_next_u32().map_err(io::Error::other)? as u16),
        wanted => Ok(wanted),
    }
}

/// Why there is neither kind of socket.
fn no_socket(own: SocketAddr, raw: &io::Error, datagram: &io::Error) -> String {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied, Unsupported};
    match (raw.kind(), datagram.kind()) {
        (_, AddrInUse) => format!(
            "cannot send with identifier {}: another program does; give another",
            own.port()
        ),
        (AddrNotAvailable, _) | (_, AddrNotAvailable) => {
            let own = own.ip();
            format!("cannot send from {own}: no address of this machine's (see: {ADDRESSES})")
        }
        (PermissionDenied, _) if cfg!(windows) => "no ICMP socket: Windows has raw ones alone, \
             and those for administrators: start the terminal with \"Run as administrator\""
            .to_string(),
        (PermissionDenied | Unsupported, _) => format!(
            "no ICMP socket: a raw one needs root or CAP_NET_RAW, a datagram one is refused too \
             ({}); {}",
            cause(datagram),
            Mends::here().for_an_icmp_socket()
        ),
        _ => format!("cannot open a raw ICMP socket: {}", cause(raw)),
    }
}
