//! Asking over UDP: a connected socket, a request sent again after a while, and the first answer that is one.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use socklab::clock::Arrival;
use socklab::sys;

use crate::outcome::Deadline;

use super::{Packet, Watch};

/// A request goes out so many times, spread over the time that there is,
/// before silence is believed.
pub const TRIES: usize = 3;

/// How it ended.
#[derive(Debug)]
pub enum Ending<T> {
    /// The answer, and the time since the first request.
    Answered(T, Duration),
    /// ICMP port unreachable.
    Refused,
    /// Nothing that was an answer, to the end.
    Silent,
    /// The operating system would not send or receive.
    Failed(io::Error),
}

/// A socket on a random port whose only peer this is: the kernel keeps other
/// senders' datagrams from it, and tells it of a port unreachable.
///
/// # Errors
/// Those of socket(2), bind(2) and connect(2).
pub fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect(address)?;
    sys::stamp_arrivals(&socket);
    Ok(socket)
}

/// Sends the requests, one after another at equal times, until `judge` takes a
/// datagram for the answer; it returns None for one that is to be waited past.
pub fn ask<T>(
    socket: &UdpSocket,
    requests: &[&[u8]],
    deadline: &Deadline,
    watch: Watch,
    mut judge: impl FnMut(&[u8]) -> Option<T>,
) -> Ending<T> {
    let first = Instant::now();
    let Some(left) = deadline.left() else { return Ending::Silent };
    let mut buffer = vec![0; 65_536];
    for (attempt, request) in (1u32..).zip(requests) {
        watch(&Packet::sent(request));
        if let Err(why) = socket.send(request) {
            return failed(why);
        }
        let until = first + left * attempt / requests.len() as u32;
        loop {
            let patience = until.saturating_duration_since(Instant::now());
            match sys::receive(socket, &mut buffer, patience) {
                Ok((length, stamp)) => {
                    let arrival = Arrival::new(stamp);
                    let reply = &buffer[..length];
                    watch(&Packet::received(reply));
                    if let Some(answer) = judge(reply) {
                        return Ending::Answered(answer, arrival.since(first));
                    }
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) if why.kind() == ErrorKind::WouldBlock => {}
                Err(why) => return failed(why),
            }
            // Also after a datagram: a stream of wrong ones must not hold us.
            if Instant::now() >= until {
                break;
            }
        }
    }
    Ending::Silent
}

fn failed<T>(why: io::Error) -> Ending<T> {
    match why.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Ending::Refused,
        _ => Ending::Failed(why),
    }
}
