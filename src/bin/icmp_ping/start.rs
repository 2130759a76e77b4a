//! The program's first lines.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use packets::icmp::{HEADER, Version};
use packets::ipv4;
use serde::Serialize;
use socklab::clock::{self, At};
use socklab::event::{Event, Ms};
use socklab::icmp_socket::{IcmpSocket, Kind};

use crate::NAME;
use crate::args::Args;

#[derive(Serialize)]
#[serde(tag = "event", rename = "start")]
pub struct Start {
    at_ns: At,
    clock: &'static str,
    program: &'static str,
    host: String,
    address: String,
    local: Option<IpAddr>,
    count: u64,
    interval_ms: Ms,
    timeout_ms: Ms,
    /// Those of the payload.
    bytes: usize,
    socket: &'static str,
    identifier: u16,
    rtt_ends_at: &'static str,
    #[serde(skip)]
    version: Version,
}

impl Start {
    pub fn new(args: &Args, icmp: &IcmpSocket, route: &UdpSocket, target: SocketAddr) -> Start {
        Start {
            at_ns: At::now(),
            clock: clock::NAME,
            program: NAME,
            host: args.host.to_string(),
            address: args.shown(target),
            local: route.local_addr().ok().map(|own| own.ip()),
            count: args.ping.count,
            interval_ms: Ms(args.ping.interval),
            timeout_ms: Ms(args.ping.timeout),
            bytes: args.size,
            socket: match icmp.kind {
                Kind::Raw => "raw",
                Kind::Datagram => "datagram",
            },
            identifier: icmp.identifier,
            // Where an RTT ends: when the kernel receives the reply, or only
            // when the program has been woken up and reads it.
            rtt_ends_at: if icmp.kernel_stamps { "kernel" } else { "program" },
            version: icmp.version,
        }
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Start { host, address, bytes, identifier, rtt_ends_at, .. } = self;
        write!(f, "PING {host} ({address}) {bytes}")?;
        match self.version {
            Version::V4 => writeln!(f, "({}) bytes of data.", ipv4::HEADER + HEADER + bytes)?,
            Version::V6 => writeln!(f, " data bytes")?,
        }
        let socket = match self.socket {
            "raw" => "raw socket",
            _ => "datagram socket, as a raw one is not allowed",
        };
        write!(f, "{socket}; id {identifier}; RTT to the {rtt_ends_at}'s receive time")
    }
}

impl Event for Start {}
