//! Socket options whose value is a number.

use std::io;
use std::net::UdpSocket;
use std::os::windows::io::AsRawSocket;

use packets::icmp::Version;
use windows_sys::Win32::Networking::WinSock::{
    IP_DONTFRAGMENT, IP_MTU, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_DONT, IP_PMTUDISC_PROBE,
    IPPROTO_IP, IPPROTO_IPV6, IPV6_DONTFRAG, IPV6_MTU, IPV6_MTU_DISCOVER, SOCKET, WSAEMSGSIZE,
    getsockopt, setsockopt,
};

/// Sets an option. True if it is set.
pub fn set_int(socket: &impl AsRawSocket, level: i32, option: i32, value: i32) -> bool {
    // SAFETY: the option's value is an int, and `value` outlives the call.
    let result = unsafe {
        setsockopt(
            socket.as_raw_socket() as SOCKET,
            level,
            option,
            (&raw const value).cast(),
            size_of::<i32>() as i32,
        )
    };
    result == 0
}

/// Whether `send` failed because the packet is larger than it may be.
pub fn is_too_long(why: &io::Error) -> bool {
    why.raw_os_error() == Some(WSAEMSGSIZE)
}

/// From here on nobody may fragment what this socket sends: neither a router
/// (the flag DF) nor this host, whose `send` fails instead.
///
/// # Errors
/// Those of setsockopt.
pub fn obey_path_mtu(socket: &UdpSocket, version: Version) -> io::Result<()> {
    if discover(socket, version, IP_PMTUDISC_DO, true) {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Says whether packets may be cut into fragments. True if it is so from now on.
pub fn forbid_fragments(socket: &impl AsRawSocket, version: Version, forbid: bool) -> bool {
    let how = if forbid { IP_PMTUDISC_PROBE } else { IP_PMTUDISC_DONT };
    discover(socket, version, how, forbid)
}

/// IP_MTU_DISCOVER came in 2018; before that there was the flag alone.
fn discover(socket: &impl AsRawSocket, version: Version, how: i32, forbid: bool) -> bool {
    let (level, option, flag) = match version {
        Version::V4 => (IPPROTO_IP, IP_MTU_DISCOVER, IP_DONTFRAGMENT),
        Version::V6 => (IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_DONTFRAG),
    };
    set_int(socket, level, option, how) || set_int(socket, level, flag, forbid.into())
}

/// The largest packet, in bytes, that the system believes to reach the peer of
/// a connected socket in one piece.
pub fn path_mtu(socket: &UdpSocket, version: Version) -> Option<u32> {
    let (level, option) = match version {
        Version::V4 => (IPPROTO_IP, IP_MTU),
        Version::V6 => (IPPROTO_IPV6, IPV6_MTU),
    };
    get_int(socket, level, option)
}

/// An option's value. `None` if the system does not tell.
pub fn get_int(socket: &impl AsRawSocket, level: i32, option: i32) -> Option<u32> {
    let (mut value, mut length) = (0u32, size_of::<u32>() as i32);
    // SAFETY: the option's value is a number of 32 bits, `value` has room for
    // it, and both outlive the call.
    let result = unsafe {
        getsockopt(
            socket.as_raw_socket() as SOCKET,
            level,
            option,
            (&raw mut value).cast(),
            &raw mut length,
        )
    };
    (result == 0).then_some(value)
}
