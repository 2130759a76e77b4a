//! Ping: sends ICMP echo requests made by hand, and times the replies.
//!
//! ```text
//! sudo target/debug/icmp_ping 192.0.2.7
//! cargo build -q && unshare -rn sh -c 'ip link set lo up; target/debug/icmp_ping 127.0.0.1'
//! ```
//!
//! You see what `ping` shows, and each request's fate: reply, late, lost,
//! corrupt, or an ICMP error, which one, and from whom. Sheet: labs/05-icmp-ping.md.
//!
//! New here: no port and no server of ours. The program writes the ICMP header
//! itself, checksum and all, and gives it to a raw socket, which also receives
//! what was meant for others; so it needs a privilege, and a good look at every
//! message before it takes it for its own.

use std::process::ExitCode;
use std::time::Instant;

use logic::pace::LOOK_UP;
use logic::pace::{Pace, Step};
use packets::icmp::{Echo, Version};
use socklab::cli::{self, Exit};
use socklab::errors::cause;
use socklab::event::{InPingsWords, Reporter, Summary};
use socklab::icmp_socket::{Heard, IcmpSocket};

use crate::args::Args;
use crate::ledger::Ledger;
use crate::start::Start;

mod args;
mod dissect;
mod event;
mod extras;
mod ledger;
mod payload;
mod replies;
mod route;
mod start;

const NAME: &str = "icmp_ping";

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let target = args.target()?;
    let version = Version::of(target.ip());
    let route = route::to(target, args.interface.as_ref())?;
    let own = args.own_address(version);
    // Raw: we write the ICMP header, and see every ICMP message to this host. Without the
    // privilege, datagram: the kernel writes the identifier, and shows us its replies alone.
    let mut icmp = IcmpSocket::raw(own).or_else(|why| IcmpSocket::datagram(own, &why))?;
    route::set_options(&mut icmp, args)?;
    cli::stop_on_ctrl_c()?;

    let reporter = Reporter::new(args.ping.json, args.ping.quiet);
    let mut ledger = Ledger::new(args, &icmp, &route, target, &reporter)?;
    reporter.tell_always(&Start::new(args, &icmp, &route, target));
    let began = Instant::now();
    let mut pace = Pace::new(args.ping.count, args.ping.interval, began);
    let (mut request, mut buffer) = (Vec::new(), vec![0; 65_536]);
    let mut trouble = None;

    while !cli::stopping() && trouble.is_none() {
        let now = Instant::now();
        match pace.step(now, &ledger.replies.probes) {
            Step::Done => break,
            Step::Send => {
                // Type 8 (IPv6: 128), code 0, and the checksum; then what makes it ours:
                // identifier, number (16 bits: after 65,535 comes 0), and payload.
                let (seq, payload) = ledger.replies.next_payload();
                let echo = Echo { identifier: icmp.identifier, sequence: seq as u16, payload };
                echo.emit(version, version.echo_request(), &mut request);
                ledger.extras.spoil(&mut request)?;
                let sent = Instant::now();
                match icmp.socket.send_to(&request, target) {
                    Ok(_) => {
                        ledger.sent(&request, sent);
                        pace.sent(now);
                    }
                    // An earlier request's error, which `listen` tells next.
                    // This one was not sent, and has its turn again.
                    Err(why) if icmp.errors.excuses(&icmp.socket, &why) => {}
                    Err(why) => {
                        ledger.not_sent(&route::not_sent(&why, &route, version), sent);
                        pace.hold_off(now, LOOK_UP);
                    }
                }
            }
            Step::Wait(time) => match icmp.listen(&mut buffer, time) {
                Ok(Heard::Message(received)) => ledger.came(&received),
                Ok(Heard::Error(error)) => ledger.refused(&error),
                Ok(Heard::Silence) => ledger.silence(now),
                Ok(Heard::Interrupted) => {}
                Err(why) => trouble = Some(format!("cannot receive: {}", cause(&why))),
            },
        }
    }

    let (host, probes) = (args.host.to_string(), &ledger.replies.probes);
    let summary = Summary::new(&host, "ping", &probes.counts, &probes.rtts, began.elapsed());
    reporter.tell_always(&InPingsWords(&Summary { histogram: args.ping.histogram, ..summary }));
    trouble.map_or(Ok(Exit::of(&probes.counts)), Err)
}
