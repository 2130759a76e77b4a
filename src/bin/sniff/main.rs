//! Sees every packet that passes an interface: a small tcpdump, for Linux.
//!
//! ```text
//! cargo run -q --bin sniff -- --udp 12000
//! cargo run -q --bin udp_ping_client
//! ```
//!
//! You see a line for each packet, in tcpdump's order of things, and on Ctrl-C
//! how many there were and how many this program was too slow for. It takes
//! root or CAP_NET_RAW, and inside `labs/hosts` neither:
//! `labs/hosts capture bob FILE`.
//!
//! New here: a packet socket. It belongs to no port and no connection: the
//! kernel gives it a copy of everything. What is not wanted, the program itself
//! leaves out. On loopback each packet comes twice, once as it leaves and
//! once as it arrives.

mod file;

use std::net::UdpSocket;
use std::process::ExitCode;
use std::time::SystemTime;

use clap::Parser;
use logic::pace::LOOK_UP;
use packets::explain;
use packets::ipv4::{ICMP, TCP, UDP};
use packets::ipv6::ICMPV6;
use packets::line::Line;
use socklab::cli::{self, Exit, stopping};
use socklab::clock;
use socklab::errors::cause;
use socklab::output::{self, Painter, plural};
use socklab::privilege::Mends;
use socklab::sockets::no_datagram;

use file::CaptureFile;

const NAME: &str = "sniff";

/// On loopback, the longest packet: 64 KiB behind an IPv6 header.
const LONGEST: usize = 65_536 + 40;

/// See the packets that pass an interface, explained, or for Wireshark (Linux)
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The interface (see: ip link), or any
    #[arg(short, long, value_name = "NAME", default_value = "lo")]
    interface: String,
    /// Stop after N packets; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, value_name = "N", value_parser = logic::units::count, default_value = "0", allow_hyphen_values = true)]
    count: u64,
    /// Only UDP from or to this port
    #[arg(long, value_name = "PORT", conflicts_with_all = ["tcp", "icmp"])]
    udp: Option<u16>,
    /// Only TCP from or to this port
    #[arg(long, value_name = "PORT", conflicts_with = "icmp")]
    tcp: Option<u16>,
    /// Only ICMP, of both versions
    #[arg(long)]
    icmp: bool,
    /// Set each packet on a page, byte for byte
    #[arg(long)]
    explain: bool,
    /// Write the packets into a file for Wireshark and tcpdump
    #[arg(long, value_name = "FILE.pcapng")]
    write: Option<std::path::PathBuf>,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let one = Some(args.interface.as_str()).filter(|name| *name != "any");
    let socket = sys::sniff(one).map_err(|why| cannot_sniff(&args.interface, &why))?;
    let mut file = args.write.as_ref().map(CaptureFile::create).transpose()?;
    cli::stop_on_ctrl_c()?;
    output::complain(NAME, &format!("listening on {}", args.interface));
    let painter = Painter::for_stdout();
    let (mut buffer, mut shown) = (vec![0; LONGEST], 0);
    let mut again = 0;

    while !stopping() && (args.count == 0 || shown < args.count) {
        let seen = match sys::see(&socket, &mut buffer, LOOK_UP) {
            Ok(seen) => seen,
            Err(why) => {
                no_datagram(NAME, &why);
                continue;
            }
        };
        again += u64::from(seen.again);
        let packet = &buffer[..seen.captured];
        // No IP, as ARP is not; or not what was asked for.
        let line = Line::of(packet).filter(|line| args.wants(line));
        let Some(line) = line.filter(|_| !seen.again) else { continue };
        let at = seen.stamp.unwrap_or_else(SystemTime::now);
        if let Some(file) = &mut file {
            file.packet(&seen, at, packet, line.damage())?;
        }
        shown += 1;
        let name =
            if one.is_some() { "" } else { &format!("{} ", sys::interface_name(seen.interface)) };
        output::line(&format!("{} {name}{line}", clock::time_of_day(at)));
        if args.explain {
            output::line(&(explain::ip_packet(packet, painter).join("\n") + "\n"));
        }
    }
    close(&socket, file, shown, again)
}

impl Args {
    fn wants(&self, line: &Line) -> bool {
        let of_port = |protocol: u8, port: u16| {
            line.protocol == protocol && line.ports().is_some_and(|ports| ports.contains(&port))
        };
        match (self.udp, self.tcp, self.icmp) {
            (Some(port), ..) => of_port(UDP, port),
            (_, Some(port), _) => of_port(TCP, port),
            (.., true) => [ICMP, ICMPV6].contains(&line.protocol),
            _ => true,
        }
    }
}

/// Tells how many packets there were, and how many nobody saw.
/// `again` is how many were seen leaving on loopback, where each arrives as well.
fn close(
    socket: &UdpSocket,
    file: Option<CaptureFile>,
    shown: u64,
    again: u64,
) -> Result<Exit, String> {
    let counts = sys::seen_and_dropped(socket);
    let (all, dropped) = counts.map_err(|why| format!("no statistics: {}", cause(&why)))?;
    if let Some(file) = file {
        file.close(all, dropped)?;
    }
    let slow = if dropped > 0 { ": this program was too slow" } else { "" };
    let twice = match again {
        0 => "",
        _ => " (each twice on loopback: leaving, and arriving)",
    };
    let shown = plural(shown, "packet");
    let totals = format!(
        "{shown} shown; the kernel had {all} for it{twice}, and dropped {dropped} of them{slow}"
    );
    output::complain(NAME, &totals);
    Ok(Exit::Ok)
}

fn cannot_sniff(interface: &str, why: &std::io::Error) -> String {
    use std::io::ErrorKind::{NotFound, PermissionDenied, Unsupported};
    match why.kind() {
        PermissionDenied => format!(
            "a packet socket needs root or CAP_NET_RAW; {}",
            Mends::here().for_a_raw_socket()
        ),
        NotFound => format!("there is no interface {interface} (see: ip link); any is all of them"),
        Unsupported => "this system has no packet sockets; use: sudo tcpdump -n -i lo0 (macOS, \
                        FreeBSD), or Wireshark with Npcap's loopback adapter (Windows)"
            .to_string(),
        _ => format!("cannot open a packet socket on {interface}: {}", cause(why)),
    }
}
