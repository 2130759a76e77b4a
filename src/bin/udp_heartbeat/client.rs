//! The watcher: sends beats, and takes the server for dead when too many in a row go unanswered.

use std::net::{SocketAddr, UdpSocket};
use std::time::Instant;

use logic::pace::LOOK_UP;
use logic::pace::{Pace, Step};
use logic::probes::Probes;
use packets::heartbeat::Beat;
use socklab::cli::{self, Exit};
use socklab::clock::{self, At};
use socklab::ears::{Ears, Heard};
use socklab::errors::{cannot_reach, cause, no_socket};
use socklab::event::{Reporter, icmp_error_text};
use socklab::ping_args::PingArgs;
use socklab::ports;
use socklab::servers::{Attempt, ask_each};
use socklab::sockets::{any_port, not_itself};

use crate::args::ClientArgs;
use crate::ledger::Ledger;
use crate::told::ClientStart;
use crate::watch::{Clocks, Watch};

pub fn run(args: &ClientArgs) -> Result<Exit, String> {
    let servers = args.server.servers(ports::HEARTBEAT, args.ping.family.wanted())?;
    cli::stop_on_ctrl_c()?;
    let reporter = Reporter::new(args.ping.json, args.ping.quiet);
    // A name may have several addresses; the server is at one of them.
    ask_each(&servers, &reporter, |server, more| {
        // A socket on any free port of ours.
        let socket = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
        // Sends nothing: the kernel now knows whose answers, and whose errors, are for us.
        match socket.connect(server) {
            Ok(()) => watch(args, &not_itself(socket)?, server, more, &reporter),
            Err(why) if more => Ok(Attempt::NextAddress(cannot_reach(server, &why))),
            Err(why) => Err(cannot_reach(server, &why)),
        }
    })
}

/// Watches over the server at one address. Gives way to the name's next one, if
/// there are `more`, when this one refuses before anything came back from it.
fn watch(
    args: &ClientArgs,
    socket: &UdpSocket,
    server: SocketAddr,
    more: bool,
    reporter: &Reporter,
) -> Result<Attempt<Exit>, String> {
    let PingArgs { count, interval, timeout, histogram, .. } = args.ping;
    let mut ears = Ears::of(socket, server.ip());
    reporter.tell_always(&ClientStart::new(args, socket, server)?);
    let (began, clocks, server) = (Instant::now(), Clocks::default(), server.to_string());
    let (probes, watch) = (Probes::new(timeout), Watch::new(args.misses, At::from(began)));
    let mut ledger = Ledger { probes, watch, clocks, reporter, server };
    let mut pace = Pace::new(count, interval, began);
    let mut buffer = vec![0; 65_536];
    let mut trouble = None;

    while !cli::stopping() && trouble.is_none() && (args.retry || !ledger.watch.down) {
        let now = Instant::now();
        match pace.step(now, &ledger.probes) {
            Step::Done => break,
            Step::Send => {
                let seq = ledger.probes.next_seq();
                // The RTT before the stamp: should the program be put aside between
                // them, the bound of the offset grows with the RTT, and holds.
                let (sent, stamp) = (Instant::now(), clock::now());
                let beat = Beat { seq, sent: stamp.as_microsecond() as f64 / 1e6 }.emit();
                match socket.send(beat.as_bytes()) {
                    Ok(bytes) => {
                        ledger.sent(bytes, sent, stamp);
                        pace.sent(now);
                        if ledger.watch.down {
                            // Whoever seems to be dead is not asked as fast as possible.
                            pace.hold_off(now, timeout);
                        }
                    }
                    // An earlier beat's error, which the ears tell next; this one has its turn again.
                    Err(why) if ears.excuse(&why) => {}
                    Err(why) => {
                        ledger.not_sent(&cause(&why), sent, stamp);
                        pace.hold_off(now, LOOK_UP);
                    }
                }
            }
            Step::Wait(time) => match ears.receive(&mut buffer, time) {
                Ok(Heard::Datagram(length, arrival)) => ledger.came(&buffer[..length], &arrival),
                Ok(Heard::Error(error)) if more && !ledger.probes.counts.any_sign_of_life() => {
                    return Ok(Attempt::NextAddress(icmp_error_text(error.problem)));
                }
                Ok(Heard::Error(error)) => ledger.refused(&error),
                Ok(Heard::Silence(then)) => ledger.silence(then),
                Ok(Heard::Interrupted) => {}
                Err(why) => trouble = Some(format!("cannot receive: {}", cause(&why))),
            },
        }
    }

    ledger.summary(began.elapsed(), histogram);
    let exit = if ledger.watch.down { Exit::AssumedDown } else { Exit::Ok };
    trouble.map_or(Ok(Attempt::Done(exit)), Err)
}
