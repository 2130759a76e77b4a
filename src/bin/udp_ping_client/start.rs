//! The program's first line.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};

use logic::units::show_duration;
use packets::ping::Request;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::{Event, Ms};
use socklab::output::plural;
use socklab::sockets::own_address;

use crate::{Args, NAME};

#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    server: SocketAddr,
    local: SocketAddr,
    count: u64,
    interval_ms: Ms,
    timeout_ms: Ms,
    bytes: usize,
    rtt_ends_at: &'static str,
}

impl Start {
    /// # Errors
    /// One line: the socket has no address.
    pub fn new(
        args: &Args,
        socket: &UdpSocket,
        server: SocketAddr,
        size: usize,
        kernel_stamps: bool,
    ) -> Result<Start, String> {
        Ok(Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            server,
            local: own_address(socket)?,
            count: args.ping.count,
            interval_ms: Ms(args.ping.interval),
            timeout_ms: Ms(args.ping.timeout),
            bytes: size.max(Request::unpadded(1, &clock::stamp(clock::now()))),
            // Where an RTT ends: when the kernel receives the reply, or only
            // when the program has been woken up and reads it.
            rtt_ends_at: if kernel_stamps { "kernel" } else { "program" },
        })
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (server, bytes) = (self.server, plural(self.bytes as u64, "byte"));
        let (timeout, clock) = (show_duration(self.timeout_ms.0), self.rtt_ends_at);
        write!(
            f,
            "UDP PING {server}: {bytes}, timeout {timeout}, RTT to the {clock}'s receive time"
        )
    }
}

impl Event for Start {}
