//! The command line, and what is wrong with it before a socket is opened.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::str::FromStr;
use std::time::Duration;

use clap::Parser;
use logic::units;
use packets::icmp::{HEADER, Version};
use packets::ipv4;
use socklab::endpoint::Endpoint;
use socklab::explain::Explain;
use socklab::ping_args::PingArgs;

use crate::NAME;

/// Ping a host with ICMP echo requests
#[derive(Parser)]
#[command(version, name = NAME, mut_arg("interval", |flag| flag.default_value("1s")))]
pub struct Args {
    /// Whom to ping: a name or an address, `fe80::1%eth0` with its interface
    pub host: Endpoint,
    #[command(flatten)]
    pub ping: PingArgs,
    /// Carry this many bytes, behind the 8 of the ICMP header
    #[arg(short, long, value_name = "BYTES", default_value = "56", allow_negative_numbers = true)]
    pub size: usize,
    /// The TTL (IPv6: hop limit): the Nth router on the way throws the request away
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..), allow_negative_numbers = true)]
    pub ttl: Option<u8>,
    /// Put this identifier into requests; without it one is drawn
    #[arg(short = 'e', long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), allow_negative_numbers = true)]
    pub identifier: Option<u16>,
    /// Fill requests with these bytes, 1 to 16 of them in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = pattern)]
    pub pattern: Option<Pattern>,
    /// Forbid fragments: the answer to a packet that is too large says what size would pass
    #[arg(long)]
    pub df: bool,
    /// Send through this interface, or from this address
    #[arg(long, value_name = "NAME_OR_ADDRESS")]
    pub interface: Option<Interface>,
    /// Explain the first packet sent and the first received, or all, field by field
    #[arg(long, value_name = "WHICH", num_args = 0..=1, require_equals = true, default_missing_value = "first")]
    pub explain: Option<Explain>,
    /// Spoil this bit of each request, counted from 0, the first bit of the ICMP header
    #[arg(long, value_name = "BIT", allow_hyphen_values = true)]
    pub flip_bit: Option<usize>,
}

impl Args {
    /// The address that is to be pinged; its port is 0.
    ///
    /// # Errors
    /// One line: it does not resolve, or is no single host's; the requests would
    /// be too large, or come too fast.
    pub fn target(&self) -> Result<SocketAddr, String> {
        if let Some(port) = self.host.port {
            return Err(format!("ICMP has no ports: leave out :{port}"));
        }
        let target = self.host.resolve(0, self.ping.family.wanted())?;
        if target.ip().is_multicast() {
            return Err(format!("{} is a group of hosts; give the address of one", target.ip()));
        }
        if let SocketAddr::V6(v6) = target
            && v6.ip().is_unicast_link_local()
            && v6.scope_id() == 0
            && self.interface.is_none()
        {
            let ip = v6.ip();
            return Err(format!(
                "every interface has its own {ip}: say which, as in {ip}%eth0 (see: ip -6 addr)"
            ));
        }
        self.check(target)?;
        Ok(target)
    }

    /// From where to send, with the identifier in the place of a port; 0 is any.
    pub fn own_address(&self, version: Version) -> SocketAddr {
        let mut own = match self.interface {
            Some(Interface::Address(own)) => own,
            _ => version.unspecified(),
        };
        own.set_port(self.identifier.unwrap_or(0));
        own
    }

    /// An address without its port, which ICMP does not have, but with the name
    /// of its interface where one was typed.
    pub fn shown(&self, target: SocketAddr) -> String {
        match self.host.host.split_once('%') {
            Some((_, interface)) => format!("{}%{interface}", target.ip()),
            None => target.ip().to_string(),
        }
    }

    /// Whether so little sleep lies between two requests that it is not worth
    /// it; see [`socklab::icmp_socket::IcmpSocket::awake`].
    pub fn stays_awake(&self) -> bool {
        !self.ping.interval.is_zero() && self.ping.interval < Duration::from_millis(10)
    }

    fn check(&self, target: SocketAddr) -> Result<(), String> {
        // An IP packet has 65,535 bytes at most; IPv6 does not count its header among them.
        let (version, headers) = match Version::of(target.ip()) {
            Version::V4 => ("IPv4", ipv4::HEADER + HEADER),
            Version::V6 => ("IPv6", HEADER),
        };
        let largest = usize::from(u16::MAX) - headers;
        if self.size > largest {
            let size = self.size;
            return Err(format!(
                "--size {size} is too large: an echo request over {version} carries at most \
                 {largest} bytes"
            ));
        }
        // Loopback harms nobody but this machine itself.
        let gentle = self.ping.interval >= LEAST_INTERVAL || target.ip().is_loopback();
        if !gentle && !sys::is_root() {
            return Err(format!(
                "--interval {} is for root alone, unless the target is loopback: so many packets \
                 could do harm; give 2ms or more, or use sudo",
                units::show_duration(self.ping.interval)
            ));
        }
        Ok(())
    }
}

/// Shorter ones are for root, as with `ping`.
const LEAST_INTERVAL: Duration = Duration::from_millis(2);

/// The bytes with which a request is filled up.
#[derive(Debug, Clone)]
pub struct Pattern(pub Vec<u8>);

fn pattern(text: &str) -> Result<Pattern, String> {
    let spelling = "a pattern is 1 to 16 bytes, two hexadecimal digits each: ff, or 0f1e2d";
    let digits = text.as_bytes();
    let hexadecimal = digits.iter().all(u8::is_ascii_hexdigit);
    if !hexadecimal || digits.len() % 2 == 1 || !(2..=32).contains(&digits.len()) {
        return Err(spelling.to_string());
    }
    let value = |digit: u8| (digit as char).to_digit(16).unwrap_or(0) as u8;
    let bytes = digits.chunks(2).map(|pair| 16 * value(pair[0]) + value(pair[1])).collect();
    Ok(Pattern(bytes))
}

/// Where packets leave this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Interface {
    Name(String),
    Address(SocketAddr),
}

impl FromStr for Interface {
    type Err = String;

    fn from_str(text: &str) -> Result<Interface, String> {
        let digit_or_dot = |c: char| c.is_ascii_digit() || c == '.';
        let (ip, scoped) = text.split_once('%').map_or((text, false), |(ip, _)| (ip, true));
        let found = match ip.parse::<IpAddr>() {
            // The scope, as in fe80::2%eth0, is a thing for the resolver.
            Ok(_) if scoped => (text, 0).to_socket_addrs().ok().and_then(|mut found| found.next()),
            Ok(ip) => Some(SocketAddr::new(ip, 0)),
            Err(_) if text.contains(':') || text.chars().all(digit_or_dot) => None,
            Err(_) => return Ok(Interface::Name(text.to_string())),
        };
        found.map(Interface::Address).ok_or("neither an interface's name nor an address".into())
    }
}
