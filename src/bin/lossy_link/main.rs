//! A wire that misbehaves, between any two programs.
//!
//! ```text
//! cargo run -q --bin udp_ping_server -- --loss 0
//! cargo run -q --bin lossy_link -- --to 127.0.0.1:12000 --drop 2,5,9 --down-delay 100ms
//! cargo run -q --bin udp_ping_client -- 127.0.0.1:13000
//! ```
//!
//! The client asks the link, and the link the server: you see each datagram
//! that comes, which way it goes and what becomes of it, and on Ctrl-C the
//! totals. Requests 2, 5 and 9 are lost, and each reply comes 100 ms late.
//! The two programs may be anybody's, in any language. Sheets: labs/01 to 04,
//! "Write your own".
//!
//! New here: a program that is server and client at once. Towards the server
//! it needs a socket for each client, for the server tells its clients apart by
//! address and port; and what comes back on a socket is for that one's client.

mod args;
mod event;
mod link;
mod stream;
mod tcp;
mod tcp_event;
mod udp;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use socklab::cli::{self, Exit};
use socklab::endpoint::Family;
use socklab::output;
use socklab::ports;
use socklab::sockets::is_own;

use args::Args;

const NAME: &str = "lossy_link";

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let address = args.listen.resolve(ports::LOSSY_LINK, Family::Any)?;
    let server = server(args, address)?;
    output::for_ever(NAME, Some("what comes is passed on"));
    match args.tcp {
        true => tcp::run(args, address, server)?,
        false => udp::run(args, address, server)?,
    }
    Ok(Exit::Ok)
}

/// The server's address: of those that its name has, one of the family on
/// which the link listens, if there is such a one.
fn server(args: &Args, listening: SocketAddr) -> Result<SocketAddr, String> {
    if args.to.port.is_none() {
        return Err(format!("--to {to}: the port is missing; say --to {to}:12000", to = args.to));
    }
    let servers = args.to.servers(0, args.family.wanted())?;
    let alike = servers.iter().find(|server| server.is_ipv4() == listening.is_ipv4());
    let server = alike.or(servers.first()).ok_or_else(|| format!("{} has no address", args.to))?;
    Ok(of_this_machine(*server))
}

/// To whoever sends, 0.0.0.0 and :: are this machine (ip(7)): by its loopback
/// address the link can tell whether that is itself.
fn of_this_machine(mut server: SocketAddr) -> SocketAddr {
    match server.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => server.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => server.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    server
}

/// # Errors
/// One line: the server is the link itself, which would pass everything on to
/// itself for ever.
fn other_than_itself(link: SocketAddr, server: SocketAddr) -> Result<(), String> {
    if is_own(link, server) {
        return Err(format!("--to {server} is this link itself; give the server's address"));
    }
    Ok(())
}
