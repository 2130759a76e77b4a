//! Traceroute: finds the routers on the way to a host, by packets that die on purpose.
//!
//! ```text
//! sudo target/debug/icmp_trace 10.0.2.2
//! cargo run -q --bin icmp_trace -- --udp 10.0.2.2
//! ```
//!
//! You see a line for each hop: who answered there, and how long it took, three
//! times; a star for a probe that nobody answered. The last line is the host
//! itself. Sheets: labs/06-errors.md, labs/07-lossy-network.md.
//!
//! New here: the TTL is the question. Each router takes 1 from it, and the one
//! that takes the last throws the packet away and says so, in an ICMP error
//! with its own address.
//!
//! The calls on the sockets: udp.rs, and src/icmp_prober.rs, with which the
//! monitor traces too.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Instant;

use logic::pace::Step;
use logic::trace::{self, Tracer};
use socklab::cli::{self, Exit};
use socklab::errors::cause;
use socklab::event::Reporter;
use socklab::icmp_prober::Heard;
use socklab::icmp_prober::IcmpProber;

use crate::args::Args;
use crate::event::{HopLine, ProbeEvent, Start, Summary};
use crate::names::Names;
use crate::prober::Prober;
use crate::udp::UdpProber;

mod args;
mod event;
mod hop;
mod mark;
mod names;
mod prober;
mod udp;

const NAME: &str = "icmp_trace";

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let target = args.target()?;
    let mut prober = open(args, target)?;
    cli::stop_on_ctrl_c()?;
    let reporter = Reporter::new(args.json, false);
    reporter.tell_always(&Start::new(args, target, &prober));

    let mut tracer = Tracer::new(target.ip(), args.settings(), Instant::now());
    let mut names = Names::new(args.numeric);
    while !cli::stopping() {
        let now = Instant::now();
        match tracer.step(now) {
            Step::Done => break,
            Step::Send => {
                // Three probes with a TTL of 1, three with 2, and so on: each hop is asked.
                let (seq, ttl) = tracer.next_probe();
                let sent = Instant::now();
                prober.send(seq, ttl).map_err(|why| cannot_send(seq, &why))?;
                tracer.sent(sent);
                reporter.tell_json(&ProbeEvent::Sent { at_ns: sent.into(), seq, ttl });
            }
            Step::Wait(time) => match prober.listen(time).map_err(cannot_receive)? {
                // Whose probe it answers stands in what it quotes, not in when it comes.
                Heard::Response(response) => {
                    names.ask(response.from);
                    if let Some((probe, timing)) = tracer.heard(&response) {
                        reporter.tell_json(&ProbeEvent::of(&probe, &response, timing));
                    }
                }
                // All that came by `now` was read: what was due by then did not come.
                Heard::Silence => {
                    while let Some(probe) = tracer.timed_out(now) {
                        reporter.tell_json(&ProbeEvent::timeout(&probe, args.timeout));
                    }
                }
                Heard::Other => {}
            },
        }
        while let Some(probes) = tracer.next_hop() {
            reporter.tell(&HopLine::of(probes, &mut names));
        }
    }
    for probes in tracer.untold() {
        reporter.tell(&HopLine::of(probes, &mut names));
    }
    reporter.tell_always(&Summary::of(&tracer, args, target.ip()));
    Ok(if tracer.reached().is_some() { Exit::Ok } else { Exit::NoReply })
}

/// Opens the socket from which the probes go.
fn open(args: &Args, target: SocketAddr) -> Result<Prober, String> {
    let payload = trace::payload(args.size);
    if args.udp {
        return UdpProber::open(target, payload, args.df).map(Prober::Udp);
    }
    IcmpProber::open(target, payload, args.df)
        .map(Prober::Icmp)
        .map_err(|why| format!("{why}; or use --udp, which needs no privilege"))
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

fn cannot_receive(why: io::Error) -> String {
    format!("cannot receive: {}", cause(&why))
}
