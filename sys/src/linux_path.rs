//! Linux: what tracing a path needs: packets that may not be cut up, and the names of addresses.

use std::ffi::CStr;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;

use crate::linux_message::set_int;
use packets::icmp::Version;

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

/// The name of an address, if it has one (getnameinfo(3)). It may take the
/// resolver many seconds to find out.
pub fn name_of(address: IpAddr) -> Option<String> {
    let address = socket2::SockAddr::from(SocketAddr::from((address, 0)));
    let mut name = [0 as libc::c_char; libc::NI_MAXHOST as usize];
    // SAFETY: both pointers have the lengths that stand beside them; no
    // service is asked for.
    let result = unsafe {
        libc::getnameinfo(
            address.as_ptr().cast(),
            address.len(),
            name.as_mut_ptr(),
            name.len() as libc::socklen_t,
            std::ptr::null_mut(),
            0,
            libc::NI_NAMEREQD,
        )
    };
    if result != 0 {
        return None;
    }
    // SAFETY: where it succeeds, getnameinfo ends the name with a 0.
    let name = unsafe { CStr::from_ptr(name.as_ptr()) };
    Some(name.to_str().ok()?.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn localhost_has_a_name() {
        // From /etc/hosts, so that nobody is asked.
        assert!(name_of([127, 0, 0, 1].into()).is_some_and(|name| name.starts_with("localhost")));
    }
}
