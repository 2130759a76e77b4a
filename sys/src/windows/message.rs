//! One WSARecvMsg, and what comes beside the bytes: from whom, when, its TTL.

use std::ffi::c_void;
use std::io;
use std::net::SocketAddr;
use std::os::windows::io::AsRawSocket;
use std::ptr;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use packets::icmp::Version;
use socket2::{SockAddr, SockAddrStorage};
use windows_sys::Win32::Networking::WinSock::{
    CMSGHDR, FIONBIO, IP_HOPLIMIT, IP_RECVTTL, IP_TTL, IPPROTO_IP, IPPROTO_IPV6, IPV6_HOPLIMIT,
    LPFN_WSARECVMSG, MSG_TRUNC, POLLIN, SIO_GET_EXTENSION_FUNCTION_POINTER, SIO_TIMESTAMPING,
    SO_TIMESTAMP, SOCKET, SOL_SOCKET, TIMESTAMPING_CONFIG, TIMESTAMPING_FLAG_RX, WSABUF,
    WSAEMSGSIZE, WSAID_WSARECVMSG, WSAIoctl, WSAMSG, ioctlsocket,
};

use super::clock;
use super::options::set_int;
use super::wait::poll;
use crate::Packet;

/// Asks the system to stamp each datagram on arrival (Windows 11, where the
/// network card's driver can). True if it will.
pub fn stamp_arrivals(socket: &impl AsRawSocket) -> bool {
    let wanted = TIMESTAMPING_CONFIG { Flags: TIMESTAMPING_FLAG_RX, TxTimestampsBuffered: 0 };
    control(socket, SIO_TIMESTAMPING, &wanted, &mut ())
}

/// Asks to be told the TTL or hop limit with which each packet arrives. True if
/// it will be.
pub fn show_ttl(socket: &impl AsRawSocket, version: Version) -> bool {
    match version {
        Version::V4 => set_int(socket, IPPROTO_IP, IP_RECVTTL, 1),
        Version::V6 => set_int(socket, IPPROTO_IPV6, IPV6_HOPLIMIT, 1),
    }
}

/// Waits for a packet, but no longer than `timeout`, and reads it.
///
/// # Errors
/// `WouldBlock` when none came in time, `ConnectionReset` when an ICMP port
/// unreachable answered an earlier datagram of ours.
pub fn receive_packet(
    socket: &impl AsRawSocket,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<Packet> {
    if !poll(socket.as_raw_socket(), POLLIN, timeout)? {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    take_packet(socket, buffer)
}

/// Reads a packet if one is there already.
///
/// # Errors
/// As those of [`receive_packet`].
pub fn take_packet(socket: &impl AsRawSocket, buffer: &mut [u8]) -> io::Result<Packet> {
    // What poll has seen may be an error, and gone: then a read would block. No
    // flag of a single call forbids that.
    do_not_block(socket, true);
    let taken = read(socket.as_raw_socket() as SOCKET, buffer);
    do_not_block(socket, false);
    taken
}

fn do_not_block(socket: &impl AsRawSocket, wanted: bool) {
    let mut wanted = u32::from(wanted);
    // SAFETY: it takes a number of 32 bits.
    unsafe { ioctlsocket(socket.as_raw_socket() as SOCKET, FIONBIO, &raw mut wanted) };
}

fn read(socket: SOCKET, buffer: &mut [u8]) -> io::Result<Packet> {
    let Some(receive) = wsa_recv_msg(socket) else {
        return Err(io::ErrorKind::Unsupported.into());
    };
    let mut data = WSABUF { len: buffer.len() as u32, buf: buffer.as_mut_ptr() };
    let mut name = SockAddrStorage::zeroed();
    let name_size = name.size_of();
    // u64s, because a CMSGHDR must be aligned.
    let mut control = [0u64; 24];
    let mut message = WSAMSG {
        name: (&raw mut name).cast(),
        namelen: name_size,
        lpBuffers: &raw mut data,
        dwBufferCount: 1,
        Control: WSABUF { len: size_of_val(&control) as u32, buf: control.as_mut_ptr().cast() },
        dwFlags: 0,
    };
    let mut length = 0;
    // SAFETY: `message` points to `name`, `data` and `control`, `data` to
    // `buffer`; all outlive the call and have the lengths beside them.
    let result =
        unsafe { receive(socket, &raw mut message, &raw mut length, ptr::null_mut(), None) };
    let mut cut = message.dwFlags & MSG_TRUNC as u32 != 0;
    if result != 0 {
        let why = io::Error::last_os_error();
        // What did fit is in the buffer.
        if why.raw_os_error() != Some(WSAEMSGSIZE) {
            return Err(why);
        }
        (cut, length) = (true, buffer.len() as u32);
    }
    let length = (length as usize).min(buffer.len());
    let mut packet =
        Packet { length, from: address(name, message.namelen), stamp: None, ttl: None, cut };
    let told = (message.Control.len as usize).min(size_of_val(&control));
    // SAFETY: `control` has `told` bytes and more.
    let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), told) };
    enter_all(&mut packet, control);
    Ok(packet)
}

/// The sender's address: a connected socket may not be told.
fn address(name: SockAddrStorage, length: i32) -> Option<SocketAddr> {
    // SAFETY: the system has filled it in, to this length.
    unsafe { SockAddr::new(name, length) }.as_socket()
}

/// Control messages: a CMSGHDR each, then what it holds, up to a multiple of 8.
fn enter_all(packet: &mut Packet, mut control: &[u8]) {
    const HEADER: usize = size_of::<CMSGHDR>();
    while let Some(header) = control.get(..HEADER) {
        // SAFETY: there are as many bytes as a CMSGHDR has, which may have any.
        let header: CMSGHDR = unsafe { ptr::read_unaligned(header.as_ptr().cast()) };
        let Some(data) = control.get(HEADER..header.cmsg_len) else { return };
        enter(packet, &header, data);
        control = control.get(header.cmsg_len.next_multiple_of(8)..).unwrap_or_default();
    }
}

fn enter(packet: &mut Packet, header: &CMSGHDR, data: &[u8]) {
    match (header.cmsg_level, header.cmsg_type) {
        (IPPROTO_IP, IP_TTL | IP_HOPLIMIT) | (IPPROTO_IPV6, IPV6_HOPLIMIT) => {
            let ttl = data.first_chunk().map(|ttl| i32::from_ne_bytes(*ttl));
            packet.ttl = ttl.and_then(|ttl| u8::try_from(ttl).ok());
        }
        (SOL_SOCKET, kind) if kind == SO_TIMESTAMP as i32 => {
            let ticks = data.first_chunk().map(|ticks| u64::from_ne_bytes(*ticks));
            let age = ticks.and_then(clock::since);
            packet.stamp = age.and_then(|age| SystemTime::now().checked_sub(age));
        }
        _ => {}
    }
}

/// WSARecvMsg, which has to be asked for.
fn wsa_recv_msg(socket: SOCKET) -> LPFN_WSARECVMSG {
    static FOUND: OnceLock<LPFN_WSARECVMSG> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let mut function: LPFN_WSARECVMSG = None;
        let code = SIO_GET_EXTENSION_FUNCTION_POINTER;
        raw_control(socket, code, &WSAID_WSARECVMSG, &mut function);
        function
    })
}

fn control<In, Out>(socket: &impl AsRawSocket, code: u32, given: &In, told: &mut Out) -> bool {
    raw_control(socket.as_raw_socket() as SOCKET, code, given, told)
}

/// WSAIoctl: true if it succeeded.
fn raw_control<In, Out>(socket: SOCKET, code: u32, given: &In, told: &mut Out) -> bool {
    let mut length = 0;
    // SAFETY: both pointers have the lengths that stand beside them, and what
    // they point to outlives the call. The types are those of the code.
    let result = unsafe {
        WSAIoctl(
            socket,
            code,
            ptr::from_ref(given).cast::<c_void>(),
            size_of::<In>() as u32,
            ptr::from_mut(told).cast::<c_void>(),
            size_of::<Out>() as u32,
            &raw mut length,
            ptr::null_mut(),
            None,
        )
    };
    result == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_packet_comes_with_its_sender_and_is_cut_to_the_buffer() {
        for (version, host) in [(Version::V4, "127.0.0.1:0"), (Version::V6, "[::1]:0")] {
            let a = UdpSocket::bind(host).unwrap();
            let b = UdpSocket::bind(host).unwrap();
            let told = show_ttl(&b, version);
            a.send_to(b"hello, world", b.local_addr().unwrap()).unwrap();
            let mut buffer = [0; 5];
            let packet = receive_packet(&b, &mut buffer, PATIENCE).unwrap();
            assert_eq!((packet.length, packet.cut, &buffer), (5, true, b"hello"));
            assert_eq!(packet.from, Some(a.local_addr().unwrap()));
            assert_eq!(packet.ttl.is_some(), told);
        }
    }

    #[test]
    fn without_a_packet_nothing_is_read() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let nothing = receive_packet(&socket, &mut [0; 9], Duration::from_millis(1)).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }
}
