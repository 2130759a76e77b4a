//! Traceroute: finds the routers on the way to a host, by packets that die on purpose.
//!
//! ```text
//! sudo cargo run -q --bin icmp_trace -- 10.0.2.2
//! cargo run -q --bin icmp_trace -- --udp 10.0.2.2
//! ```
//!
//! You see a line for each hop: who answered there, and how long it took, three
//! times; a star for a probe that nobody answered. The last line is the host
//! itself. Sheets: labs/06-errors.md, labs/07-lossy-network.md.
//!
//! New here: the TTL is the question. Each router takes 1 from it, and the one
//! that takes the last throws the packet away and says so, in an ICMP error
//! with its own address. The socket calls are in src/trace/icmp.rs and udp.rs,
//! the loop around them is `run` in src/trace/mod.rs, for the monitor traces
//! with them too.

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, value_parser};
use packets::{ipv4, ipv6, ping, udp};
use serde_json::json;
use socklab::cli::{self, Exit, show_duration};
use socklab::endpoint::{Endpoint, FamilyArgs};
use socklab::icmp_socket::Kind;
use socklab::report::Reporter;
use socklab::trace::icmp::IcmpProber;
use socklab::trace::names::Names;
use socklab::trace::plan::{Plan, Settings};
use socklab::trace::show::{event_json, hop_colour, hop_text};
use socklab::trace::udp::UdpProber;
use socklab::trace::{self, Event, Prober};

const NAME: &str = "icmp_trace";

/// The first traceroute's choice, and everybody's since: hardly anyone listens there.
const FIRST_PORT: u16 = 33434;

/// Show the routers on the way to a host
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The host: a name or an address
    host: Endpoint,
    /// Send UDP datagrams to closed ports, not ICMP echo requests; on Linux this needs no privilege
    #[arg(long)]
    udp: bool,
    /// Send so many probes a hop, 1 to 10
    #[arg(short = 'n', long, default_value = "3", value_parser = value_parser!(u8).range(1..=10), allow_negative_numbers = true)]
    count: u8,
    /// Begin at this hop
    #[arg(short, long, value_name = "HOP", default_value = "1", value_parser = value_parser!(u8).range(1..), allow_negative_numbers = true)]
    first_hop: u8,
    /// Give up after this hop
    #[arg(short, long, value_name = "HOP", default_value = "30", value_parser = value_parser!(u8).range(1..), allow_negative_numbers = true)]
    max_hops: u8,
    /// Leave at least so long between two probes
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = cli::duration, allow_negative_numbers = true)]
    interval: Duration,
    /// Wait so long for each answer; a router takes 3s to find that the host behind it does not exist
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = cli::positive_duration, allow_negative_numbers = true)]
    timeout: Duration,
    /// Send so many bytes behind the ICMP or UDP header
    #[arg(short, long, value_name = "BYTES", default_value = "32", allow_negative_numbers = true)]
    size: usize,
    /// Forbid routers to cut the probes into fragments
    #[arg(long)]
    df: bool,
    /// The port of the first UDP probe, if not 33434; each further one goes to the next port
    #[arg(long, value_parser = value_parser!(u16).range(1..), allow_negative_numbers = true)]
    port: Option<u16>,
    /// Show addresses only, and look no names up
    #[arg(long)]
    numeric: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    family: FamilyArgs,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    check(args)?;
    let mut target = args.host.resolve(0, args.family.wanted())?;
    check_target(target.ip())?;
    let (how, mut prober): (&str, Box<dyn Prober>) = if args.udp {
        target.set_port(args.port.unwrap_or(FIRST_PORT));
        ("UDP", Box::new(UdpProber::open(target, args.size, args.df)?))
    } else {
        let prober = IcmpProber::open(target, args.size, args.df)
            .map_err(|why| format!("{why}; or use --udp, which needs no privilege"))?;
        let how = match prober.icmp.kind {
            Kind::Raw => "ICMP echo",
            Kind::Datagram => "ICMP echo on a datagram socket",
        };
        (how, Box::new(prober))
    };
    cli::stop_on_ctrl_c()?;

    let reporter = Reporter::new(args.json, false, &target.ip().to_string());
    start(&reporter, args, target, how);
    let settings = Settings {
        first_hop: args.first_hop,
        max_hops: args.max_hops,
        per_hop: args.count,
        timeout: args.timeout,
        interval: args.interval,
    };
    let mut plan = Plan::new(target.ip(), settings);
    let mut names = Names::default();
    let mut show = |event: &Event| tell(&reporter, args, &mut names, event);
    trace::run(&mut *prober, &mut plan, cli::stopping, &mut show)?;
    for probes in plan.untold() {
        show(&Event::Hop { probes });
    }
    summary(&reporter, args, &plan);
    Ok(if plan.reached().is_some() { Exit::Ok } else { Exit::NoReply })
}

/// # Errors
/// One line: what the command line asks for cannot be.
fn check(args: &Args) -> Result<(), String> {
    let Args { first_hop, max_hops, size, .. } = *args;
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
    if let Some(port) = args.host.port {
        return Err(format!(
            "a host is traced, not a port; leave out :{port}, and see --port for that of UDP probes"
        ));
    }
    if args.port.is_some() && !args.udp {
        return Err("--port is that of UDP probes; give --udp as well".to_string());
    }
    let port = args.port.unwrap_or(FIRST_PORT);
    let probes = u32::from(args.count) * u32::from(max_hops - first_hop + 1);
    let last_port = u32::from(port) + probes - 1;
    if args.udp && last_port > u32::from(u16::MAX) {
        return Err(format!(
            "--port {port} is too high: the {probes} probes take a port each, and there is none \
             above 65535; give --port {} or less",
            u32::from(port) - (last_port - u32::from(u16::MAX))
        ));
    }
    Ok(())
}

/// # Errors
/// One line: no single host has this address.
fn check_target(target: IpAddr) -> Result<(), String> {
    if target.is_multicast() || target.is_unspecified() || target == IpAddr::from([255; 4]) {
        return Err(format!(
            "{target} is not one host's address, and so there is no one way to it"
        ));
    }
    Ok(())
}

fn start(reporter: &Reporter, args: &Args, target: SocketAddr, how: &str) {
    let headers = udp::HEADER + if target.is_ipv4() { ipv4::HEADER } else { ipv6::HEADER };
    let (address, hops, bytes) = (target.ip(), args.max_hops, args.size + headers);
    let text = format!(
        "trace to {} ({address}) by {how}, {hops} hops max, {bytes} byte packets",
        args.host
    );
    let event = json!({
        "event": "start",
        "program": NAME,
        "host": args.host.to_string(),
        "address": address.to_string(),
        "by": if args.udp { "udp" } else { "icmp" },
        "first_hop": args.first_hop,
        "max_hops": hops,
        "count": args.count,
        "timeout_ms": args.timeout.as_secs_f64() * 1e3,
        "packet_bytes": bytes,
    });
    reporter.start(&text, &event);
}

fn tell(reporter: &Reporter, args: &Args, names: &mut Names, event: &Event) {
    // By the time its hop is shown, the name may be here.
    if let (Event::Heard { heard, .. }, false) = (event, args.numeric) {
        names.ask(heard.from);
    }
    let mut name = |address: IpAddr| names.name(address, cli::stopping).map(str::to_string);
    if args.json {
        return reporter.tell(None, "", &event_json(event, name));
    }
    if let Event::Hop { probes } = event {
        let shown = |address: IpAddr| match (args.numeric, name(address)) {
            (true, _) => address.to_string(),
            (false, Some(name)) => format!("{name} ({address})"),
            (false, None) => format!("{address} ({address})"),
        };
        reporter.tell(hop_colour(probes), &hop_text(probes, shown), &json!(null));
    }
}

fn summary(reporter: &Reporter, args: &Args, plan: &Plan) {
    let address = &reporter.target;
    let end = match (plan.reached(), plan.ended()) {
        (Some(hop), _) => format!("{address} answered at hop {hop}"),
        (None, Some(hop)) => format!("{address} was not reached: the way ends at hop {hop}"),
        (None, None) if !plan.finished() => format!("{address} was not reached yet"),
        (None, None) => format!("{address} did not answer within {} hops", args.max_hops),
    };
    let counts = plan.counts;
    let mut text = format!("{end}; {} probes sent, {} answered", counts.sent, counts.received);
    // What was sent beyond the target before it answered is not waited for.
    for (count, name) in [(counts.lost, "lost"), (counts.waiting(), "still under way")] {
        if count > 0 {
            text += &format!(", {count} {name}");
        }
    }
    if counts.late > 0 {
        let (late, timeout) = (counts.late, show_duration(args.timeout));
        text += &format!(
            ", {late} late (after {timeout}, and shown as *: a longer -W would wait for them)"
        );
    }
    let event = json!({
        "event": "summary",
        "reached": plan.reached().is_some(),
        "hops": plan.ended(),
        "sent": counts.sent,
        "received": counts.received,
        "lost": counts.lost,
        "late": counts.late,
        "waiting": counts.waiting(),
        "duplicates": counts.duplicates,
    });
    reporter.tell(None, &text, &event);
}
