//! One recvmsg(2), and what comes beside the bytes.

use std::io;
use std::mem::{self, MaybeUninit};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::RawFd;
use std::ptr;

/// What came in, without its control messages.
pub struct Message {
    pub length: usize,
    /// Whether the buffer was too small, and the end is missing.
    pub cut: bool,
    pub name: Option<SocketAddr>,
}

/// Reads a message. `enter` is given each control message: its level, its type,
/// and a pointer to what such a message holds, at any alignment.
///
/// # Errors
/// Those of recvmsg(2).
pub fn read(
    socket: RawFd,
    buffer: &mut [u8],
    flags: libc::c_int,
    mut enter: impl FnMut(libc::c_int, libc::c_int, *const u8),
) -> io::Result<Message> {
    let mut data = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zeros is a valid sockaddr_storage, of no family.
    let mut name: libc::sockaddr_storage = unsafe { MaybeUninit::zeroed().assume_init() };
    // Room for a stamp, a TTL and an error with its sender's address.
    // u64s, because a cmsghdr must be aligned.
    let mut control = [0u64; 24];
    // SAFETY: all zeros is a valid msghdr: null pointers with lengths of 0.
    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    header.msg_name = (&raw mut name).cast();
    header.msg_namelen = mem::size_of_val(&name) as libc::socklen_t;
    header.msg_iov = &raw mut data;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    header.msg_controllen = mem::size_of_val(&control) as _;
    // SAFETY: `header` points to `name`, `data` and `control`, `data` to
    // `buffer`; all outlive the call and have the lengths beside them.
    let length = unsafe { libc::recvmsg(socket, &raw mut header, flags) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel filled `control` with well-formed control messages,
    // and set msg_controllen to their length; the CMSG_ functions stay within.
    unsafe {
        let mut next = libc::CMSG_FIRSTHDR(&raw const header);
        while let Some(found) = next.as_ref() {
            enter(found.cmsg_level, found.cmsg_type, libc::CMSG_DATA(next));
            next = libc::CMSG_NXTHDR(&raw const header, next);
        }
    }
    Ok(Message {
        length: length as usize,
        cut: header.msg_flags & libc::MSG_TRUNC != 0,
        name: address(&name),
    })
}

/// The address in a sockaddr_in.
pub fn v4(name: &libc::sockaddr_in) -> Ipv4Addr {
    Ipv4Addr::from(name.sin_addr.s_addr.to_ne_bytes())
}

/// The address in a sockaddr_storage, unless it is of another family.
fn address(name: &libc::sockaddr_storage) -> Option<SocketAddr> {
    match libc::c_int::from(name.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is one, and the storage is large
            // and aligned enough for every kind of address.
            let name: &libc::sockaddr_in = unsafe { &*ptr::from_ref(name).cast() };
            Some(SocketAddr::from((v4(name), u16::from_be(name.sin_port))))
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let name: &libc::sockaddr_in6 = unsafe { &*ptr::from_ref(name).cast() };
            Some(SocketAddr::V6(SocketAddrV6::new(
                Ipv6Addr::from(name.sin6_addr.s6_addr),
                u16::from_be(name.sin6_port),
                u32::from_be(name.sin6_flowinfo),
                name.sin6_scope_id,
            )))
        }
        _ => None,
    }
}
