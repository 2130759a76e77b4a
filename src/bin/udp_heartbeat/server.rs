//! The server: answers beats, and keeps an eye on each client's sequence numbers and silences.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use packets::heartbeat::{Answer, Beat};
use serde_json::json;
use socklab::cli::{self, Exit, LOOK_UP, Rate, show_duration};
use socklab::clients::Clients;
use socklab::clock;
use socklab::delay::DelayLine;
use socklab::endpoint::{Endpoint, Family, cannot_listen, cause};
use socklab::impair::{Fate, Fates, ImpairArgs, Impairment, Treatment};
use socklab::output::{self, Colour, Painter, printable};
use socklab::sequence::{Place, Sequence};
use socklab::tally::{Summary, Tally};

use crate::NAME;

#[derive(clap::Args)]
pub struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:12002")]
    bind: Endpoint,
    /// Say that a client has stopped when it sent no beat for so long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = cli::positive_duration)]
    silence: Duration,
    /// Let this server's clock be wrong by so much: 2.5s is fast, -2.5s slow
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = offset, allow_hyphen_values = true)]
    clock_offset: f64,
    /// Show no beats, only who stops and returns, and the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    impair: ImpairArgs,
}

/// A duration that may be negative, in seconds.
fn offset(text: &str) -> Result<f64, String> {
    match text.strip_prefix('-') {
        Some(text) => cli::duration(text).map(|duration| -duration.as_secs_f64()),
        None => cli::duration(text).map(|duration| duration.as_secs_f64()),
    }
}

/// What the server keeps of a client.
struct Record {
    fates: Fates,
    tally: Tally,
    sequence: Sequence,
    last_heard: Instant,
    stopped: bool,
}

pub fn run(args: &Args) -> Result<Exit, String> {
    let plan = Impairment::new(&args.impair, Rate::percent(30))?;
    let address = args.bind.resolve(12002, Family::Any)?;

    let socket = UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
    socket.set_read_timeout(Some(LOOK_UP)).map_err(|why| format!("cannot set a timeout: {why}"))?;
    let address = socket.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    let line = DelayLine::if_needed(&plan, &socket)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("clients are answered"));

    let log = Log { json: args.json, quiet: args.quiet, painter: Painter::for_stdout() };
    log.listening(address, &plan, args);
    let mut clients: Clients<Record> = Clients::new();
    let mut forgotten = Tally::default();
    let mut malformed = 0u64;
    let mut next_look = Instant::now() + LOOK_UP;
    let mut buffer = vec![0; 65_536];

    while !cli::stopping() {
        let now = Instant::now();
        if now >= next_look {
            next_look = now + LOOK_UP;
            for (client, record) in clients.each_mut() {
                let silent = now.saturating_duration_since(record.last_heard);
                if silent > args.silence && !record.stopped {
                    record.stopped = true;
                    log.stopped(client, silent, record.sequence.highest());
                }
            }
        }
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(why) => match why.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => continue,
                ErrorKind::Interrupted | ErrorKind::ConnectionReset => continue,
                _ => {
                    output::complain(NAME, &format!("cannot receive: {}; trying on", cause(&why)));
                    thread::sleep(LOOK_UP);
                    continue;
                }
            },
        };
        let received = clock::now().as_microsecond() as f64 / 1e6 + args.clock_offset;
        let Some(beat) = Beat::parse(&buffer[..length]) else {
            malformed += 1;
            log.malformed(client, &buffer[..length]);
            continue;
        };

        let (record, gone) = clients.heard(client, |number| Record {
            fates: plan.fates(number),
            tally: Tally::default(),
            sequence: Sequence::default(),
            last_heard: Instant::now(),
            stopped: false,
        });
        forgotten += gone.map_or(Tally::default(), |gone| gone.tally);
        if record.stopped {
            record.stopped = false;
            log.returned(client, record.last_heard.elapsed(), beat.seq);
        }
        record.last_heard = Instant::now();
        let place = record.sequence.add(beat.seq);
        let fate = plan.next_fate(&mut record.fates);
        let answer = Answer { seq: beat.seq, diff: received - beat.sent };

        record.tally.received += 1;
        let mut failed = false;
        match fate {
            // It has no --reject-rate.
            Fate::Dropped | Fate::Rejected { .. } => record.tally.dropped += 1,
            Fate::Replied(treatment) => {
                let mut reply = answer.emit().into_bytes();
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
        log.beat(client, &answer, &place, &fate, failed);
    }

    let in_order = clients.in_order();
    let summary = Summary {
        server: address,
        clients: in_order.iter().map(|(client, record)| (*client, record.tally)).collect(),
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
    log.way_up(in_order.iter().map(|(client, record)| (*client, &record.sequence)), malformed);
    Ok(Exit::Ok)
}

/// Sends an answer at once, once or twice; false if the operating system refuses.
fn send(socket: &UdpSocket, reply: &[u8], client: SocketAddr, treatment: &Treatment) -> bool {
    let copies = if treatment.twice { 2 } else { 1 };
    (0..copies).all(|_| socket.send_to(reply, client).is_ok())
}

/// What the server shows while it runs, and the beats' way up at its end.
struct Log {
    json: bool,
    quiet: bool,
    painter: Painter,
}

impl Log {
    fn listening(&self, address: SocketAddr, plan: &Impairment, args: &Args) {
        let (plan_text, silence) = (plan.describe(), show_duration(args.silence));
        if self.json {
            let start = json!({
                "event": "start",
                "program": NAME,
                "listening": address.to_string(),
                "impairment": plan_text,
                "seed": plan.seed,
                "silence_ms": args.silence.as_secs_f64() * 1e3,
                "clock_offset_ms": args.clock_offset * 1e3,
            });
            return output::line(&start.to_string());
        }
        let clock = match args.clock_offset {
            0.0 => String::new(),
            offset => format!(", clock {offset:+} s"),
        };
        output::line(&format!(
            "{NAME}: listening on {address}, {plan_text}, silence {silence}{clock}"
        ));
    }

    fn beat(&self, client: SocketAddr, answer: &Answer, place: &Place, fate: &Fate, failed: bool) {
        if self.quiet {
            return;
        }
        let (colour, word) = match fate {
            _ if failed => (Colour::Red, "failed"),
            Fate::Dropped | Fate::Rejected { .. } => (Colour::Yellow, "dropped"),
            Fate::Replied(_) => (Colour::Green, "replied"),
        };
        let (seq, diff_ms) = (answer.seq, answer.diff * 1e3);
        if self.json {
            let event = json!({
                "event": "beat",
                "client": client.to_string(),
                "seq": seq,
                "diff_ms": diff_ms,
                "fate": word,
                "place": place.word(),
            });
            output::line(&event.to_string());
        } else {
            let word = self.painter.paint(colour, word);
            let note = place.note().map_or(String::new(), |note| format!("  {note}"));
            output::line(&format!("{client}  beat {seq:<4} {word}  diff {diff_ms:.3} ms{note}"));
        }
    }

    fn malformed(&self, client: SocketAddr, packet: &[u8]) {
        if self.quiet {
            return;
        }
        let text = printable(packet, 40);
        output::line(&match self.json {
            true => json!({"event": "malformed", "client": client.to_string(), "text": text})
                .to_string(),
            false => format!("{client}  malformed, not answered  {text}"),
        });
    }

    fn stopped(&self, client: SocketAddr, silent: Duration, last: u64) {
        let silent = silent.as_secs_f64();
        output::line(&match self.json {
            true => json!({"event": "stopped", "client": client.to_string(), "seq": last, "silent_s": silent})
                .to_string(),
            false => self.painter.paint(
                Colour::Red,
                &format!("{client}  has stopped: no beat for {silent:.1} s after beat {last}"),
            ),
        });
    }

    fn returned(&self, client: SocketAddr, silent: Duration, seq: u64) {
        let silent = silent.as_secs_f64();
        output::line(&match self.json {
            true => json!({"event": "returned", "client": client.to_string(), "seq": seq, "silent_s": silent})
                .to_string(),
            false => self.painter.paint(
                Colour::Green,
                &format!("{client}  is back with beat {seq}, after {silent:.1} s"),
            ),
        });
    }

    /// What became of the beats before they reached this server.
    fn way_up<'a>(
        &self,
        clients: impl Iterator<Item = (SocketAddr, &'a Sequence)>,
        malformed: u64,
    ) {
        if self.json {
            let clients: Vec<_> = clients
                .map(|(client, sequence)| {
                    json!({
                        "client": client.to_string(),
                        "highest": sequence.highest(),
                        "lost": sequence.lost(),
                        "duplicates": sequence.duplicates(),
                        "reordered": sequence.reordered(),
                    })
                })
                .collect();
            let event = json!({"event": "way_up", "malformed": malformed, "clients": clients});
            return output::line(&event.to_string());
        }
        let troubled: Vec<_> = clients
            .filter(|(_, way)| way.lost() + way.duplicates() + way.reordered() > 0)
            .collect();
        if troubled.is_empty() {
            output::line("on the way here no beat was lost, doubled or overtaken");
        }
        for (client, way) in troubled {
            output::line(&format!(
                "on the way here from {client}: {} lost, {} duplicates, {} reordered",
                way.lost(),
                way.duplicates(),
                way.reordered()
            ));
        }
        if malformed > 0 {
            output::line(&format!("malformed datagrams, not answered: {malformed}"));
        }
    }
}
