//! The two ways to send probes and to hear what comes of them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socklab::icmp_prober::Heard;
use socklab::icmp_prober::IcmpProber;
use socklab::icmp_socket::Kind;
use socklab::sockets::address_towards;

use crate::udp::UdpProber;

pub enum Prober {
    /// Ping's requests.
    Icmp(IcmpProber),
    /// Datagrams to closed ports.
    Udp(UdpProber),
}

impl Prober {
    /// For the first line: `trace to bob (10.0.2.2) by ICMP echo`.
    pub fn name(&self) -> &'static str {
        match self {
            Prober::Udp(_) => "UDP",
            Prober::Icmp(prober) => match prober.icmp.kind {
                Kind::Raw => "ICMP echo",
                Kind::Datagram => "ICMP echo on a datagram socket",
            },
        }
    }

    /// Our address towards `target`, with the port from which UDP probes go.
    pub fn local(&self, target: SocketAddr) -> Option<String> {
        let mut own = address_towards(target)?;
        match self {
            Prober::Icmp(_) => Some(own.ip().to_string()),
            Prober::Udp(prober) => {
                own.set_port(prober.socket.local_addr().ok()?.port());
                Some(own.to_string())
            }
        }
    }

    /// Sends probe number `seq`, to go no further than `ttl` hops.
    pub fn send(&mut self, seq: u16, ttl: u8) -> io::Result<()> {
        match self {
            Prober::Icmp(prober) => prober.send(seq, ttl),
            Prober::Udp(prober) => prober.send(seq, ttl),
        }
    }

    /// Waits for a response, but no longer than `time`.
    pub fn listen(&mut self, time: Duration) -> io::Result<Heard> {
        match self {
            Prober::Icmp(prober) => prober.listen(time),
            Prober::Udp(prober) => prober.listen(time),
        }
    }
}
