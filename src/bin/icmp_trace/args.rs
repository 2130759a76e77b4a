//! The command line, and what is wrong with it before a socket is opened.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use clap::{Parser, value_parser};
use logic::trace::Settings;
use logic::units;
use packets::ping;
use socklab::endpoint::{Endpoint, FamilyArgs};

use crate::NAME;

/// The first traceroute's choice, and everybody's since: hardly anyone listens there.
const FIRST_PORT: u16 = 33434;

/// Show the routers on the way to a host
#[derive(Parser)]
#[command(version, name = NAME)]
pub struct Args {
    /// The host: a name or an address
    pub host: Endpoint,
    /// Send UDP datagrams to closed ports, not ICMP echo requests; on Linux this needs no privilege
    #[arg(long)]
    pub udp: bool,
    /// Send N probes to each hop, 1 to 10
    #[arg(short = 'n', long, value_name = "N", default_value = "3", value_parser = value_parser!(u8).range(1..=10), allow_negative_numbers = true)]
    pub count: u8,
    /// Begin at this hop
    #[arg(short, long, value_name = "HOP", default_value = "1", value_parser = value_parser!(u8).range(1..), allow_negative_numbers = true)]
    pub first_hop: u8,
    /// Give up after this hop
    #[arg(short, long, value_name = "HOP", default_value = "30", value_parser = value_parser!(u8).range(1..), allow_negative_numbers = true)]
    pub max_hops: u8,
    /// Leave at least this long between two probes
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = units::duration, allow_hyphen_values = true)]
    interval: Duration,
    /// Wait this long for each response; a router takes 3s to find that the host behind it does not exist
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = units::positive_duration, allow_hyphen_values = true)]
    pub timeout: Duration,
    /// Send this many bytes behind the ICMP or UDP header
    #[arg(short, long, value_name = "BYTES", default_value = "32", allow_negative_numbers = true)]
    pub size: usize,
    /// Forbid routers to cut the probes into fragments
    #[arg(long)]
    pub df: bool,
    /// The port of the first UDP probe, if not 33434; each further one goes to the next port
    #[arg(long, value_parser = value_parser!(u16).range(1..), allow_negative_numbers = true)]
    port: Option<u16>,
    /// Show addresses only, and look no names up
    #[arg(long)]
    pub numeric: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    family: FamilyArgs,
}

impl Args {
    /// The host to be traced, with the port of the first UDP probe.
    ///
    /// # Errors
    /// One line: what the command line asks for cannot be, the name does not
    /// resolve, or its address is no single host's.
    pub fn target(&self) -> Result<SocketAddr, String> {
        self.check()?;
        let mut target = self.host.resolve(0, self.family.wanted())?;
        let ip = target.ip();
        if ip.is_multicast() || ip.is_unspecified() || ip == IpAddr::from([255; 4]) {
            return Err(format!(
                "{ip} is not one host's address, and so there is no one way to it"
            ));
        }
        if self.udp {
            target.set_port(self.first_port());
        }
        Ok(target)
    }

    pub fn settings(&self) -> Settings {
        Settings {
            first_hop: self.first_hop,
            max_hops: self.max_hops,
            per_hop: self.count,
            timeout: self.timeout,
            interval: self.interval,
        }
    }

    fn first_port(&self) -> u16 {
        self.port.unwrap_or(FIRST_PORT)
    }

    fn check(&self) -> Result<(), String> {
        let Args { first_hop, max_hops, size, .. } = *self;
        if first_hop > max_hops {
            return Err(format!(
                "--first-hop {first_hop} lies behind --max-hops {max_hops}; give a smaller one"
            ));
        }
        if size > ping::LARGEST {
            return Err(format!(
                "--size {size} is too large: a packet carries at most {} bytes behind its headers",
                ping::LARGEST
            ));
        }
        if let Some(port) = self.host.port {
            return Err(format!(
                "a host is traced, not a port; leave out :{port}, and see --port for that of UDP \
                 probes"
            ));
        }
        if self.port.is_some() && !self.udp {
            return Err("--port is that of UDP probes; give --udp as well".to_string());
        }
        let port = u32::from(self.first_port());
        let probes = u32::from(self.count) * u32::from(max_hops - first_hop + 1);
        let beyond = (port + probes - 1).saturating_sub(u32::from(u16::MAX));
        if self.udp && beyond > 0 {
            return Err(format!(
                "--port {port} is too high: the {probes} probes take a port each, and there is \
                 none above 65535; give --port {} or less",
                port - beyond
            ));
        }
        Ok(())
    }
}
