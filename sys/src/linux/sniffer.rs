//! Linux: packet sockets (packet(7)) as a sniffer needs them.

use std::ffi::{CStr, CString};
use std::io;
use std::mem::{self, MaybeUninit};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use socket2::SockRef;

use super::capture::capture;
use super::clock::stamp_of_last;
use crate::Seen;
use crate::unix::wait::poll;

/// So many bytes of packets may wait to be read, if the system allows it.
const ROOM: usize = 8 << 20;

/// Opens a packet socket that sees the packets of one interface, or of all
/// without a name, each from its IP header on.
///
/// # Errors
/// Those of socket(2) and bind(2): `PermissionDenied` without the privilege,
/// `NotFound` where there is no such interface.
pub fn sniff(interface: Option<&str>) -> io::Result<UdpSocket> {
    let socket = capture()?;
    let _ = SockRef::from(&socket).set_recv_buffer_size(ROOM);
    // From the first call on, the kernel keeps a stamp of each packet.
    let _ = stamp_of_last(&socket);
    let Some(name) = interface else { return Ok(socket) };
    let name = CString::new(name)?;
    // SAFETY: `name` ends with a zero.
    let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
    if index == 0 {
        return Err(io::ErrorKind::NotFound.into());
    }
    // SAFETY: all zeros is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    let size = mem::size_of_val(&address) as libc::socklen_t;
    // SAFETY: `address` is a sockaddr_ll of this size.
    let result = unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) };
    match result {
        0 => Ok(socket),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Waits for a packet, but no longer than `timeout`.
///
/// # Errors
/// Those of recvfrom(2); `WouldBlock` if none came.
pub fn see(socket: &UdpSocket, buffer: &mut [u8], timeout: Duration) -> io::Result<Seen> {
    if !poll(socket.as_raw_fd(), libc::POLLIN, timeout)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    // SAFETY: all zeros is a valid sockaddr_ll.
    let mut from: libc::sockaddr_ll = unsafe { mem::zeroed() };
    let mut size = mem::size_of_val(&from) as libc::socklen_t;
    // MSG_TRUNC: the packet's own length is returned, also where the buffer is shorter.
    // SAFETY: `buffer` and `from` outlive the call and have the lengths beside them.
    let length = unsafe {
        libc::recvfrom(
            socket.as_raw_fd(),
            buffer.as_mut_ptr().cast(),
            buffer.len(),
            libc::MSG_TRUNC | libc::MSG_DONTWAIT,
            (&raw mut from).cast(),
            &raw mut size,
        )
    };
    let length = usize::try_from(length).map_err(|_| io::Error::last_os_error())?;
    Ok(Seen {
        captured: length.min(buffer.len()),
        length,
        interface: from.sll_ifindex as u32,
        // On loopback each packet leaves, and then arrives: one of the two is enough.
        again: from.sll_hatype == libc::ARPHRD_LOOPBACK
            && from.sll_pkttype == libc::PACKET_OUTGOING,
        stamp: stamp_of_last(socket),
    })
}

/// How many packets the kernel had for the socket since this was last asked,
/// and how many of them it dropped, as nobody had read the earlier ones
/// (packet(7), PACKET_STATISTICS).
///
/// # Errors
/// Those of getsockopt(2).
pub fn seen_and_dropped(socket: &UdpSocket) -> io::Result<(u64, u64)> {
    let mut counts = MaybeUninit::<libc::tpacket_stats>::zeroed();
    let mut size = mem::size_of::<libc::tpacket_stats>() as libc::socklen_t;
    // SAFETY: the option fills in a tpacket_stats, and `counts` has its size.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            counts.as_mut_ptr().cast(),
            &raw mut size,
        )
    };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: all zeros is a valid tpacket_stats, and so is what the kernel filled in.
    let counts = unsafe { counts.assume_init() };
    Ok((counts.tp_packets.into(), counts.tp_drops.into()))
}

/// The name of an interface; of one that is gone its number.
pub fn interface_name(index: u32) -> String {
    let mut name = [0; libc::IF_NAMESIZE];
    // SAFETY: `name` has IF_NAMESIZE bytes, as the call wants.
    let found = unsafe { libc::if_indextoname(index, name.as_mut_ptr()) };
    if found.is_null() {
        return index.to_string();
    }
    // SAFETY: the call has put a zero behind the name.
    unsafe { CStr::from_ptr(name.as_ptr()) }.to_string_lossy().into_owned()
}
