//! Asking over UDP: a connected socket, a request sent again after a while, and the first answer that is one.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use logic::arrival::Arrival;
use packets::icmp::Version;
use packets::icmp_error::Problem;
use socklab::clock;
use socklab::errors::cause;

use crate::outcome::{Deadline, Outcome};

use super::lack;
use super::reach::{self, NoAnswer};
use super::{OnPacket, Packet};

/// The number of times that a request is sent, spread over the time there is,
/// before silence is believed.
pub const TRIES: usize = 3;

/// How it ended.
#[derive(Debug)]
pub enum Ending<T> {
    /// The answer, and the time since the first request.
    Answered(T, Duration),
    /// Nothing that was an answer, to the end.
    Silent,
}

/// A connected socket, and what it is needed for to understand its errors.
#[derive(Debug)]
pub struct Asker {
    pub socket: UdpSocket,
    address: SocketAddr,
    deadline: Deadline,
}

impl Asker {
    /// A socket on a random port whose only peer this is: the kernel keeps other
    /// senders' datagrams from it, and tells it of every ICMP error.
    ///
    /// # Errors
    /// What this machine lacks.
    pub fn open(address: SocketAddr, deadline: &Deadline) -> Result<Asker, NoAnswer> {
        let socket = lack::socket_to(address)?;
        sys::stamp_arrivals(&socket);
        sys::queue_errors(&socket, Version::of(address.ip()));
        Ok(Asker { socket, address, deadline: *deadline })
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// It was not sent, or an earlier one was refused.
    pub fn send(&self, request: &[u8]) -> Result<(), NoAnswer> {
        // One error that is no verdict may come before: that the path's MTU is
        // smaller, after which the kernel makes fragments.
        for _ in 0..2 {
            match self.socket.send(request) {
                Ok(_) => return Ok(()),
                Err(why) => self.heard(&why)?,
            }
        }
        self.socket.send(request).map(|_| ()).map_err(|why| NoAnswer::Lack(lack::not_asked(&why)))
    }

    /// Waits for a datagram, but no longer than until then; also when that is
    /// over it looks once. None if there was none, or one that came after the
    /// deadline.
    fn receive(
        &self,
        buffer: &mut [u8],
        until: Instant,
    ) -> Result<Option<(usize, Arrival)>, NoAnswer> {
        let patience = until.saturating_duration_since(Instant::now());
        match sys::receive(&self.socket, buffer, patience) {
            Ok((length, stamp)) => {
                let arrival = clock::arrival(stamp);
                let in_time = arrival.since(self.deadline.began) <= self.deadline.timeout;
                Ok(in_time.then_some((length, arrival)))
            }
            Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Ok(None)
            }
            Err(why) => self.heard(&why).map(|()| None),
        }
    }

    /// What a failed call says of the address; nothing if it is to be made again.
    fn heard(&self, why: &io::Error) -> Result<(), NoAnswer> {
        let ip = self.address.ip();
        let queued = sys::next_error(&self.socket, &mut [0; 512]).ok().flatten();
        let answer = match queued.and_then(|error| Some((error.problem?, error.from))) {
            Some((problem, _)) if problem.next_hop_mtu().is_some() => return Ok(()),
            Some((problem, from)) => {
                let own = self.socket.local_addr().ok().map(|own| own.ip());
                reach::icmp(ip, own, problem, from)
            }
            None => match why.kind() {
                ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                    let problem = Problem::port_unreachable(Version::of(ip));
                    reach::icmp(ip, None, problem, None)
                }
                ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                    let words = format!("{ip} is unreachable: {}", cause(why));
                    NoAnswer::Refused(Outcome::down(words))
                }
                _ => NoAnswer::Lack(lack::not_asked(why)),
            },
        };
        Err(answer.map(|outcome| outcome.after(self.deadline.began.elapsed())))
    }

    /// Hands over each datagram that comes in until then, unless `judge` ends it
    /// before. If this program stood still, that is also what came in meanwhile;
    /// nothing that came later, so that a stream of wrong ones holds up nobody.
    ///
    /// # Errors
    /// A refusal, or what this machine lacks.
    pub fn listen<T>(
        &self,
        buffer: &mut [u8],
        until: Instant,
        mut judge: impl FnMut(&[u8], &Arrival) -> Option<T>,
    ) -> Result<Option<T>, NoAnswer> {
        let began = self.deadline.began;
        loop {
            let received = self.receive(buffer, until)?;
            if let Some((length, arrival)) = &received
                && let Some(verdict) = judge(&buffer[..*length], arrival)
            {
                return Ok(Some(verdict));
            }
            let in_time = received.is_some_and(|(_, arrival)| began + arrival.since(began) < until);
            if !in_time && Instant::now() >= until {
                return Ok(None);
            }
        }
    }

    /// Sends the requests, one after another at equal times, until `judge` takes a
    /// datagram for the answer; it returns None for one that is to be waited past.
    ///
    /// # Errors
    /// A refusal, or what this machine lacks.
    pub fn ask<T>(
        &self,
        requests: &[&[u8]],
        watch: OnPacket,
        mut judge: impl FnMut(&[u8]) -> Option<T>,
    ) -> Result<Ending<T>, NoAnswer> {
        let first = Instant::now();
        let Some(left) = self.deadline.left() else { return Ok(Ending::Silent) };
        let mut buffer = vec![0; 65_536];
        for (attempt, request) in (1u32..).zip(requests) {
            watch(&Packet::sent(request));
            self.send(request)?;
            let until = first + left * attempt / requests.len() as u32;
            let answer = self.listen(&mut buffer, until, |reply, arrival| {
                watch(&Packet::received(reply));
                judge(reply).map(|answer| (answer, arrival.since(first)))
            })?;
            if let Some((answer, took)) = answer {
                return Ok(Ending::Answered(answer, took));
            }
        }
        Ok(Ending::Silent)
    }
}
