//! Tracing the way to a host: packets that die on purpose, one router further each time.
//!
//! Each router takes 1 from a packet's TTL (IPv6: hop limit) and throws the
//! packet away when nothing is left; then it says so, in an ICMP error that
//! bears its own address (RFC 1812, section 5.3.1). A probe sent with a TTL of
//! 3 so makes the third router tell who it is.
//!
//! [`icmp`] and [`udp`] are the two ways to send and hear, with all the socket
//! calls; [`plan`] knows which probe is due and what the answers mean;
//! [`run`] is the loop that joins the two.

pub mod icmp;
pub mod mark;
pub mod names;
pub mod plan;
pub mod show;
pub mod udp;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::cli::LOOK_UP;
use crate::clock::Arrival;
use crate::endpoint::cause;
use packets::icmp::Version;
use packets::icmp_error::Problem;
use plan::{Plan, Probe, Verdict};

/// A way to send probes and to hear what comes of them.
pub trait Prober {
    /// Sends probe number `seq`, to go no further than `ttl` hops.
    ///
    /// # Errors
    /// Those of sendto(2), but never the ICMP error of an earlier probe.
    fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()>;

    /// Waits for an answer, but no longer than `patience`. `None` if what came
    /// answers no probe of this prober.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is left to read, `Interrupted` when a signal
    /// came, others of recvmsg(2).
    fn hear(&mut self, patience: Duration) -> io::Result<Option<Heard>>;
}

/// An answer to one of our probes.
#[derive(Debug, Clone, Copy)]
pub struct Heard {
    /// Which probe it answers, by what the answer says.
    pub seq: u16,
    pub answer: Answer,
    pub from: IpAddr,
    /// The TTL or hop limit that the answer itself had left, where it is known.
    pub ttl: Option<u8>,
    pub arrival: Arrival,
}

/// What a probe was answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// What was asked for: an echo reply, or a datagram from the port.
    Reply,
    /// The error of a router, or of the host itself.
    Error(Problem),
}

/// Something that happened in the course of a trace.
#[derive(Debug)]
pub enum Event<'a> {
    Heard {
        probe: &'a Probe,
        heard: &'a Heard,
        verdict: Verdict,
    },
    Timeout {
        probe: &'a Probe,
    },
    /// All probes of a hop are decided, and the hops before have been told.
    Hop {
        probes: &'a [Probe],
    },
}

/// Traces until the plan is finished, or `stopped` says to stop.
///
/// # Errors
/// One line for a person: a probe could not be sent, or nothing received.
pub fn run(
    prober: &mut dyn Prober,
    plan: &mut Plan,
    stopped: impl Fn() -> bool,
    mut tell: impl FnMut(&Event),
) -> Result<(), String> {
    while !plan.finished() && !stopped() {
        let now = Instant::now();
        if let Some((seq, ttl)) = plan.due(now) {
            let sent = Instant::now();
            prober.send(seq, ttl).map_err(|why| cannot_send(seq, &why))?;
            plan.sent(sent);
            continue;
        }

        let asked = Instant::now();
        let until = plan.next_event().unwrap_or(asked).min(asked + LOOK_UP);
        match prober.hear(until.saturating_duration_since(asked)) {
            Ok(Some(heard)) => {
                let verdict = plan.heard(&heard);
                if let Some(probe) = plan.probe(heard.seq) {
                    tell(&Event::Heard { probe, heard: &heard, verdict });
                }
            }
            Ok(None) => {}
            // Nothing is left to read: what is due by now did not come.
            Err(why) if why.kind() == ErrorKind::WouldBlock => {
                while let Some(seq) = plan.timed_out(asked) {
                    if let Some(probe) = plan.probe(seq) {
                        tell(&Event::Timeout { probe });
                    }
                }
            }
            Err(why) if why.kind() == ErrorKind::Interrupted => {}
            Err(why) => return Err(format!("cannot receive: {}", cause(&why))),
        }
        while let Some(probes) = plan.next_hop() {
            tell(&Event::Hop { probes });
        }
    }
    Ok(())
}

fn cannot_send(seq: u16, why: &io::Error) -> String {
    let mend = match why.kind() {
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            "this machine has no way there (see: ip route)"
        }
        ErrorKind::PermissionDenied => "a broadcast address, or this machine's firewall forbids it",
        _ if why.to_string().starts_with("Message too long") => {
            "the first link does not take a packet of this size; give a smaller --size"
        }
        _ => "is the network up (see: ip addr)?",
    };
    format!("cannot send probe {seq}: {}; {mend}", cause(why))
}

/// What the probes carry: bytes that can be told from others, and read in a capture.
fn payload(size: usize) -> Vec<u8> {
    (b'@'..=b'_').cycle().take(size).collect()
}

/// Sets the TTL, or over IPv6 the hop limit, of what is sent next.
fn set_ttl(socket: &UdpSocket, version: Version, ttl: u8) -> io::Result<()> {
    match version {
        Version::V4 => socket.set_ttl(ttl.into()),
        Version::V6 => socket2::SockRef::from(socket).set_unicast_hops_v6(ttl.into()),
    }
}

/// Sends a packet. A socket that queues errors fails once for those that came
/// in since the last call; the packet has its turn again.
fn send_to(socket: &UdpSocket, packet: &[u8], to: SocketAddr) -> io::Result<()> {
    let mut failures = 0;
    loop {
        match socket.send_to(packet, to) {
            Ok(_) => return Ok(()),
            // So many do not come in while we try.
            Err(why) if failures == 100 => return Err(why),
            Err(_) => failures += 1,
        }
    }
}

/// What a socket that queues errors has for us after a call on it failed: an
/// error from the queue, or that nothing came, or an error that was taken
/// from the queue before it was announced.
fn from_queue(queued: Option<Option<Heard>>, why: io::Error) -> io::Result<Option<Heard>> {
    match queued {
        Some(heard) => Ok(heard),
        None if why.kind() == ErrorKind::WouldBlock => Err(why),
        None => Ok(None),
    }
}
