//! A UDP ping server that loses packets on purpose.
//!
//! ```text
//! cargo run -q --bin udp_ping_server
//! cargo run -q --bin udp_ping_server -- --loss 50% --seed 42 --delay 100ms
//! ```
//!
//! It answers each datagram with the same bytes, letters upper-cased, except
//! that three in ten are dropped. You see each datagram with its fate, and on
//! Ctrl-C how many each client sent and lost. Sheet: labs/01-udp-ping.md.
//!
//! New here: a UDP socket has no connections. One socket serves everybody;
//! `recv_from` says who sent a datagram, and `send_to` who gets one.

mod told;

use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;

use clap::Parser;
use logic::impair::{Fate, Treatment};
use logic::pace::LOOK_UP;
use logic::units::Rate;
use packets::ping;
use socklab::cli::{self, Exit};
use socklab::clock::At;
use socklab::delay::Whose;
use socklab::ears::last_arrival;
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::cannot_listen;
use socklab::event::Reporter;
use socklab::impair_args::ImpairArgs;
use socklab::output;
use socklab::ports;
use socklab::reject::{RejectArgs, Rejecter};
use socklab::service::{Handled, Sent, Service};
use socklab::sockets::{is_own, no_datagram, own_address};

use told::{Ignored, Request, Start};

const NAME: &str = "udp_ping_server";

/// Answer UDP pings, and lose some of them on purpose
///
/// It answers any bytes from anybody. Two such servers without loss, given one
/// forged datagram, answer each other for ever; and whoever forges a sender
/// has the answers sent to him. So it is for a lab, and not for the open internet.
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::UDP_PING))]
    bind: Endpoint,
    /// Show no datagrams, only the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    impair: ImpairArgs,
    #[command(flatten)]
    reject: RejectArgs,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let plan =
        args.impair.plan(Rate::percent(30))?.rejecting(args.reject.reject_rate, args.reject.with());
    let address = args.bind.resolve(ports::UDP_PING, Family::Any)?;
    // From here on the kernel keeps what comes to this port until it is read.
    let socket = UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
    sys::whole_datagrams(&socket); // macOS would send no more than 9216 bytes.
    // A read ends without a datagram now and then, so that Ctrl-C is seen.
    socket.set_read_timeout(Some(LOOK_UP)).map_err(|why| format!("cannot set a timeout: {why}"))?;
    let address = own_address(&socket)?;
    let rejecter = Rejecter::if_asked(&args.reject, address)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("clients are answered"));
    let reporter = Reporter::new(args.json, args.quiet);
    reporter.tell_always(&Start::new(address, &plan));
    let mut service: Service<()> = Service::new(plan, &socket)?;
    // Large enough for every datagram: what does not fit would be cut off.
    let (mut buffer, mut reply) = (vec![0; 65_536], Vec::new());

    while !cli::stopping() {
        service.settle(&reporter);
        // One socket for all clients: with each datagram comes who sent it.
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(why) => {
                no_datagram(NAME, &why);
                continue;
            }
        };
        let (at_ns, request) = (last_arrival(&socket, args.json), &buffer[..length]);
        if is_own(address, client) {
            reporter.tell(&Ignored { at_ns, client });
            continue;
        }

        // Decide: the seed and the request's number say what becomes of it.
        let turn = service.turn(client);
        let handled = match turn.fate {
            Fate::Dropped => Handled::Dropped,
            Fate::Rejected { draw } => reject(rejecter.as_ref(), draw, client, address, request),
            Fate::Replied(treatment) => {
                reply.clear();
                reply.extend_from_slice(request);
                ping::reply_to(&mut reply);
                treatment.spoil(&mut reply);
                // The delay line sends it when its time has come; without one, it leaves now.
                let delayed = service.delay(&reply, turn.whose, &treatment);
                delayed.unwrap_or_else(|| send(&socket, &reply, turn.whose, &treatment, &reporter))
            }
        };
        service.enter(turn.whose, &handled);
        reporter.tell(&Request::new(at_ns, &turn, request, &handled));
    }
    service.close(address, &reporter);
    Ok(Exit::Ok)
}

/// Sends a reply, and again if it is to be doubled.
fn send(
    socket: &UdpSocket,
    reply: &[u8],
    whose: Whose,
    treatment: &Treatment,
    reporter: &Reporter,
) -> Handled {
    let at_ns = At::now();
    let send = |_: &u64| socket.send_to(reply, whose.client).is_ok();
    let copies = (0..treatment.copies()).filter(send).count() as u64;
    Sent::tell(whose, at_ns, reply.len(), copies, reporter)
}

/// With `--reject-rate`: an ICMP error in the reply's place.
fn reject(
    rejecter: Option<&Rejecter>,
    draw: u64,
    client: SocketAddr,
    server: SocketAddr,
    request: &[u8],
) -> Handled {
    let Some(rejecter) = rejecter else { return Handled::Failed };
    let problem = rejecter.problem(client, draw);
    match rejecter.datagram(problem, client, server, request) {
        true => Handled::Rejected(problem),
        false => Handled::Failed,
    }
}
