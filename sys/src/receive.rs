//! A datagram together with the moment of its arrival, on every system.

use std::io;
use std::net::UdpSocket;
use std::time::{Duration, SystemTime};

use crate::receive_packet;

/// Waits for a datagram on a connected socket, but no longer than `timeout`,
/// and reads it: its length, and the moment at which it came in, where known.
///
/// # Errors
/// As those of [`receive_packet`].
pub fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    timeout: Duration,
) -> io::Result<(usize, Option<SystemTime>)> {
    let packet = receive_packet(socket, buffer, timeout)?;
    Ok((packet.length, packet.stamp))
}

// What is stamped on loopback is Linux' to say.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::stamp_arrivals;

    fn pair() -> (UdpSocket, UdpSocket) {
        let a = UdpSocket::bind("127.0.0.1:0").unwrap();
        let b = UdpSocket::bind("127.0.0.1:0").unwrap();
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        (a, b)
    }

    #[test]
    fn a_datagram_comes_with_the_moment_of_its_arrival() {
        let (a, b) = pair();
        assert!(stamp_arrivals(&b));
        let before = SystemTime::now();
        a.send(b"hello").unwrap();
        let mut buffer = [0; 16];
        let (length, stamp) = receive(&b, &mut buffer, Duration::from_secs(10)).unwrap();
        assert_eq!(&buffer[..length], b"hello");
        let stamp = stamp.expect("Linux stamps datagrams on loopback");
        // The clock may be adjusted during the test; not by a minute.
        let minute = Duration::from_secs(60);
        assert!(stamp > before - minute && stamp < before + minute);
    }

    #[test]
    fn without_a_datagram_nothing_is_read() {
        let (_a, b) = pair();
        let nothing = receive(&b, &mut [0; 16], Duration::from_millis(1)).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_closed_port_is_told() {
        let (a, b) = pair();
        drop(b);
        a.send(b"hello").unwrap();
        let refused = receive(&a, &mut [0; 16], Duration::from_secs(10)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    }
}
