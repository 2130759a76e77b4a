//! Linux: packets that may not be cut up.

use std::os::fd::AsRawFd;

use packets::icmp::Version;

use crate::unix::options::set_int;

/// Says whether routers may cut this socket's packets into fragments (ip(7),
/// IP_MTU_DISCOVER). Where they may not, over IPv4 the header's bit "don't
/// fragment" is set, and the kernel does not cut them either, whatever it has
/// learnt of the path. True if it is so from now on.
pub fn forbid_fragments(socket: &impl AsRawFd, version: Version, forbid: bool) -> bool {
    let (level, option, value) = match (version, forbid) {
        (Version::V4, true) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE),
        (Version::V4, false) => (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_DONT),
        (Version::V6, true) => {
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
        }
        (Version::V6, false) => {
            (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_DONT)
        }
    };
    set_int(socket, level, option, value)
}
