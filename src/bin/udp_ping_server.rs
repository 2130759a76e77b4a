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

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;

use clap::Parser;
use packets::icmp_error::Problem;
use packets::ping;
use serde_json::json;
use socklab::cli::{self, Exit, LOOK_UP, Rate};
use socklab::clients::Clients;
use socklab::delay::DelayLine;
use socklab::endpoint::{Endpoint, Family, cannot_listen, cause};
use socklab::impair::{Fate, Fates, ImpairArgs, Impairment, Treatment};
use socklab::output::{self, Colour, Painter, printable};
use socklab::reject::{RejectArgs, Rejecter};
use socklab::tally::{Summary, Tally};

const NAME: &str = "udp_ping_server";

/// Answer UDP pings, and lose some of them on purpose
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:12000")]
    bind: Endpoint,
    /// Show no datagrams, only the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
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
    let plan = Impairment::new(&args.impair, Rate::percent(30))?
        .rejecting(args.reject.reject_rate, args.reject.with());
    let address = args.bind.resolve(12000, Family::Any)?;

    let socket = UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
    // Wake up now and then, to see whether Ctrl-C was pressed.
    socket.set_read_timeout(Some(LOOK_UP)).map_err(|why| format!("cannot set a timeout: {why}"))?;
    let address = socket.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    let line = DelayLine::if_needed(&plan, &socket)?;
    let rejecter = Rejecter::if_asked(&args.reject, address)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("clients are answered"));

    let log = Log { json: args.json, quiet: args.quiet, painter: Painter::for_stdout() };
    log.listening(address, &plan);
    let mut clients = Clients::new();
    let mut forgotten = Tally::default();
    // Large enough for every datagram: what does not fit would be cut off.
    let mut buffer = vec![0; 65_536];
    let mut reply = Vec::new();

    while !cli::stopping() {
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(why) => match why.kind() {
                // The timeout, Ctrl-C, or (on Windows) a client that is gone.
                ErrorKind::WouldBlock | ErrorKind::TimedOut => continue,
                ErrorKind::Interrupted | ErrorKind::ConnectionReset => continue,
                _ => {
                    output::complain(NAME, &format!("cannot receive: {}; trying on", cause(&why)));
                    thread::sleep(LOOK_UP);
                    continue;
                }
            },
        };
        let request = &buffer[..length];

        let (record, gone) = clients.heard(client, |number| Record::new(&plan, number));
        forgotten += gone.map_or(Tally::default(), |gone| gone.tally);
        let fate = plan.next_fate(&mut record.fates);

        record.tally.received += 1;
        let mut failed = false;
        let mut error = None;
        match fate {
            Fate::Dropped => record.tally.dropped += 1,
            Fate::Rejected { draw } => {
                let sent = rejecter.as_ref().is_some_and(|rejecter| {
                    let problem = rejecter.problem(client, draw);
                    error = Some(problem);
                    rejecter.datagram(problem, client, address, request)
                });
                failed = !sent;
                record.tally.rejected += u64::from(sent);
                record.tally.failed += u64::from(failed);
            }
            Fate::Replied(treatment) => {
                reply.clear();
                reply.extend_from_slice(request);
                ping::reply_to(&mut reply);
                treatment.spoil(&mut reply);
                let sent = match &line {
                    Some(line) => line.put(&reply, client, &treatment),
                    None => send(&socket, &reply, client, &treatment),
                };
                failed = !sent;
                record.tally.replied += u64::from(sent);
                record.tally.failed += u64::from(failed);
            }
        }
        log.request(client, record.fates.requests(), request, &fate, error, failed);
    }

    let summary = Summary {
        server: address,
        clients: clients
            .in_order()
            .into_iter()
            .map(|(client, record)| (client, record.tally))
            .collect(),
        forgotten,
        seen: clients.seen(),
        failed_later: line.as_ref().map_or(0, DelayLine::failed),
        waiting: line.as_ref().map_or(0, DelayLine::waiting),
        configured: plan.independent_loss(),
        plan: &plan.describe(),
    };
    if args.json {
        summary.print_json()
    } else {
        summary.print_text()
    }
    Ok(Exit::Ok)
}

/// What the server keeps of a client.
struct Record {
    fates: Fates,
    tally: Tally,
}

impl Record {
    fn new(plan: &Impairment, number: u64) -> Record {
        Record { fates: plan.fates(number), tally: Tally::default() }
    }
}

/// Sends a reply at once, once or twice; false if the operating system refuses.
fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr, treatment: &Treatment) -> bool {
    let copies = if treatment.twice { 2 } else { 1 };
    (0..copies).all(|_| socket.send_to(reply, client).is_ok())
}

/// What the server shows while it runs.
struct Log {
    json: bool,
    quiet: bool,
    painter: Painter,
}

impl Log {
    fn listening(&self, address: SocketAddr, plan: &Impairment) {
        let plan_text = plan.describe();
        if self.json {
            let start = json!({
                "event": "start",
                "program": NAME,
                "listening": address.to_string(),
                "impairment": plan_text,
                "seed": plan.seed,
            });
            output::line(&start.to_string());
        } else {
            output::line(&format!("{NAME}: listening on {address}, {plan_text}"));
        }
    }

    /// One datagram: who, the how manieth of this client, its fate, and what it said.
    /// `error` is that with which it was rejected.
    fn request(
        &self,
        client: SocketAddr,
        number: u64,
        request: &[u8],
        fate: &Fate,
        error: Option<Problem>,
        failed: bool,
    ) {
        if self.quiet {
            return;
        }
        let (colour, word) = match fate {
            _ if failed => (Colour::Red, "failed"),
            Fate::Dropped => (Colour::Yellow, "dropped"),
            Fate::Rejected { .. } => (Colour::Red, "rejected"),
            Fate::Replied(_) => (Colour::Green, "replied"),
        };
        let treatment = match fate {
            Fate::Replied(treatment) => *treatment,
            Fate::Dropped | Fate::Rejected { .. } => Treatment::default(),
        };
        let bytes = request.len();
        if self.json {
            let mut event = json!({
                "event": "request",
                "client": client.to_string(),
                "request": number,
                "bytes": bytes,
                "text": printable(request, 200),
                "fate": word,
                "delay_ms": treatment.delay.as_secs_f64() * 1e3,
                "twice": treatment.twice,
                "held": treatment.held,
                "corrupt": treatment.corrupt.is_some(),
            });
            if let Some(error) = error {
                event["error"] = json!(error.to_string());
            }
            output::line(&event.to_string());
        } else {
            let word = self.painter.paint(colour, word);
            let text = printable(request, 40);
            let notes = notes(&treatment, error);
            output::line(&format!("{client}  #{number:<3} {word}  {bytes} bytes  {text}{notes}"));
        }
    }
}

/// What else happens to a reply, or in its place, in words.
fn notes(treatment: &Treatment, error: Option<Problem>) -> String {
    let mut notes = error.map_or(String::new(), |error| format!("  {error}"));
    if !treatment.delay.is_zero() {
        notes += &format!("  after {:.0} ms", treatment.delay.as_secs_f64() * 1e3);
    }
    for (happens, note) in [
        (treatment.twice, "  twice"),
        (treatment.held, "  held back"),
        (treatment.corrupt.is_some(), "  one bit flipped"),
    ] {
        notes += if happens { note } else { "" };
    }
    notes
}
