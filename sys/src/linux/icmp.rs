//! Linux: what only a pinger asks of its sockets: which messages it gets, no fragments, the path's MTU.

use std::io;
use std::mem;
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use socket2::{SockFilter, SockRef};

use packets::icmp::Version;

use crate::unix::options::set_int;

/// raw(7): the types that a raw ICMP socket does not want, a bit each.
const ICMP_FILTER: libc::c_int = 1;
/// RFC 3542, section 3.2; for Linux the same the other way round than its
/// text has it: a bit that is set keeps its type away.
const ICMPV6_FILTER: libc::c_int = 1;

/// Asks the kernel to hand a raw ICMP socket errors, and echo replies with
/// this identifier, and nothing else: not the host's other messages, not
/// other programs' replies, and on loopback not our own requests. True if it
/// will; an ordinary user's socket may be refused it.
pub fn only_replies_and_errors(socket: &UdpSocket, version: Version, identifier: u16) -> bool {
    wanted_types(socket, version) && wanted_identifier(socket, version, identifier)
}

fn wanted_types(socket: &UdpSocket, version: Version) -> bool {
    let reply = version.echo_reply();
    match version {
        Version::V4 => {
            // Unreachable, redirect, time exceeded, parameter problem.
            let wanted = [reply, 3, 5, 11, 12].iter().fold(0u32, |bits, kind| bits | 1 << kind);
            set_int(socket, libc::SOL_RAW, ICMP_FILTER, !wanted as libc::c_int)
        }
        Version::V6 => {
            // The types below 128 are the errors.
            let mut unwanted = [0u32, 0, 0, 0, !0, !0, !0, !0];
            unwanted[usize::from(reply / 32)] &= !(1 << (reply % 32));
            // SAFETY: the option's value is a filter of 256 bits, which
            // outlives the call.
            let result = unsafe {
                libc::setsockopt(
                    socket.as_raw_fd(),
                    libc::SOL_ICMPV6,
                    ICMPV6_FILTER,
                    (&raw const unwanted).cast(),
                    mem::size_of_val(&unwanted) as libc::socklen_t,
                )
            };
            result == 0
        }
    }
}

/// A program of six steps that the kernel runs over every message (BPF;
/// packet(7), and the kernel's Documentation/networking/filter.rst).
fn wanted_identifier(socket: &UdpSocket, version: Version, identifier: u16) -> bool {
    let step = |code: u32, if_true, if_false, value| {
        SockFilter::new(code as u16, if_true, if_false, value)
    };
    // Where the message begins: it is seen with its IP header over IPv4 only.
    let message = match version {
        Version::V4 => step(libc::BPF_LDX | libc::BPF_B | libc::BPF_MSH, 0, 0, 0),
        Version::V6 => step(libc::BPF_LDX | libc::BPF_W | libc::BPF_IMM, 0, 0, 0),
    };
    let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let filter = [
        message,
        step(libc::BPF_LD | libc::BPF_B | libc::BPF_IND, 0, 0, 0),
        step(equal, 0, 2, version.echo_reply().into()),
        step(libc::BPF_LD | libc::BPF_H | libc::BPF_IND, 0, 0, 4),
        step(equal, 0, 1, identifier.into()),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    SockRef::from(socket).attach_filter(&filter).is_ok()
}

/// From here on nobody may fragment what this socket sends: neither a router
/// (the flag DF) nor this host, whose `send` fails with EMSGSIZE instead
/// (ip(7), IP_MTU_DISCOVER).
///
/// # Errors
/// Those of setsockopt(2).
pub fn obey_path_mtu(socket: &UdpSocket, version: Version) -> io::Result<()> {
    let done = match version {
        Version::V4 => {
            set_int(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DO)
        }
        Version::V6 => {
            set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DO)
                && set_int(socket, libc::IPPROTO_IPV6, libc::IPV6_DONTFRAG, 1)
        }
    };
    if done { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The largest packet, in bytes, that the kernel believes to reach the peer of
/// a connected socket in one piece (ip(7), IP_MTU).
pub fn path_mtu(socket: &UdpSocket, version: Version) -> Option<u32> {
    let (level, option) = match version {
        Version::V4 => (libc::IPPROTO_IP, libc::IP_MTU),
        Version::V6 => (libc::IPPROTO_IPV6, libc::IPV6_MTU),
    };
    let mut mtu: libc::c_int = 0;
    let mut length = mem::size_of_val(&mtu) as libc::socklen_t;
    // SAFETY: the option's value is an int, `mtu` has room for it, and both
    // outlive the call.
    let result = unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, option, (&raw mut mtu).cast(), &raw mut length)
    };
    if result == 0 { u32::try_from(mtu).ok() } else { None }
}
