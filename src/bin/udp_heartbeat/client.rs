//! The watcher: sends beats, and takes the server for dead when too many in a row go unanswered.

use std::io::ErrorKind;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use packets::heartbeat::{Answer, Beat};
use serde_json::json;
use socklab::cli::{self, LOOK_UP, show_duration};
use socklab::clock::{self, Arrival};
use socklab::endpoint::{Endpoint, FamilyArgs, cause, connect_udp};
use socklab::icmp_errors::{IcmpError, IcmpErrors};
use socklab::output::printable;
use socklab::probes::{Answer as Fate, Probes};
use socklab::report::{Event, Reporter};
use socklab::sys;

use crate::NAME;
use crate::watch::{Clocks, Watch};

#[derive(clap::Args)]
pub struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(default_value = "127.0.0.1:12002")]
    server: Endpoint,
    /// Send so many beats; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, default_value = "1000", value_parser = cli::count, allow_negative_numbers = true)]
    count: u64,
    /// Send one every so often; 0 sends each when the last is answered or timed out
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = cli::duration, allow_negative_numbers = true)]
    interval: Duration,
    /// Wait so long for an answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = cli::positive_duration, allow_negative_numbers = true)]
    timeout: Duration,
    /// Take the server for dead after so many unanswered beats in a row
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..))]
    misses: u64,
    /// Then go on watching, and tell when it comes back
    #[arg(long)]
    retry: bool,
    /// Show only the verdicts and the summary
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    family: FamilyArgs,
}

/// How a watch ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All beats were sent, and the server is not taken for dead.
    Completed,
    AssumedDown,
}

impl From<Verdict> for ExitCode {
    fn from(verdict: Verdict) -> ExitCode {
        ExitCode::from(match verdict {
            Verdict::Completed => 0,
            Verdict::AssumedDown => 3,
        })
    }
}

pub fn run(args: &Args) -> Result<Verdict, String> {
    let server = args.server.resolve(12002, args.family.wanted())?;
    let socket = connect_udp(server)?;
    sys::stamp_arrivals(&socket);
    let mut errors = IcmpErrors::of(&socket, server.ip());
    cli::stop_on_ctrl_c()?;

    let reporter = Reporter::new(args.json, args.quiet, &server.to_string());
    let text = format!(
        "HEARTBEAT {server}: timeout {}, down after {} misses in a row",
        show_duration(args.timeout),
        args.misses
    );
    reporter.start(
        &text,
        &json!({
            "event": "start",
            "program": NAME,
            "server": server.to_string(),
            "count": args.count,
            "interval_ms": args.interval.as_secs_f64() * 1e3,
            "timeout_ms": args.timeout.as_secs_f64() * 1e3,
            "misses": args.misses,
        }),
    );

    let mut probes = Probes::new(args.timeout);
    let mut watch = Watch::new(args.misses);
    let mut clocks = Clocks::default();
    let mut buffer = vec![0; 65_536];
    let began = Instant::now();
    let mut next_send = began;
    let mut trouble = None;

    while !cli::stopping() {
        let now = Instant::now();
        let all_sent = args.count != 0 && probes.counts.sent == args.count;
        let waiting = probes.next_timeout().is_some();
        if (all_sent && !waiting) || (watch.down && !args.retry) {
            break;
        }

        let free = !waiting || !args.interval.is_zero();
        if free && now >= next_send && !all_sent {
            let (seq, stamp) = (probes.next_seq(), clock::now());
            // At once after the stamp: what lies between the two would count
            // as a difference of the clocks.
            let sent = Instant::now();
            let beat = Beat { seq, sent: stamp.as_microsecond() as f64 / 1e6 };
            let outcome = socket.send(beat.emit().as_bytes());
            let tell = |error: &IcmpError| failed(error, &mut probes, &reporter, &mut watch);
            match outcome {
                Ok(_) => probes.sent(sent, stamp),
                // The error of an earlier beat; this one has its turn again.
                Err(why) if errors.take(&socket, &why, tell) => continue,
                Err(why) => {
                    let seq = probes.not_sent(sent, stamp);
                    reporter.event(&Event::NotSent { seq, why: &cause(&why) });
                    watch.missed(seq, &reporter);
                    next_send = now + LOOK_UP;
                }
            }
            next_send = (next_send + args.interval).max(now);
            if watch.down {
                // Whoever seems to be dead is not asked as fast as possible.
                next_send = next_send.max(now + args.timeout);
            }
        }

        let mut until = now + LOOK_UP;
        if let Some(timeout) = probes.next_timeout() {
            until = until.min(timeout);
        }
        if !all_sent && next_send > now {
            until = until.min(next_send);
        }
        let asked = Instant::now();
        match sys::receive(&socket, &mut buffer, until.saturating_duration_since(asked)) {
            Ok((length, stamp)) => {
                let arrival = Arrival::new(stamp);
                let packet = &buffer[..length];
                let Some(answer) = Answer::parse(packet) else {
                    probes.counts.foreign += 1;
                    malformed(&reporter, packet);
                    continue;
                };
                match probes.answered(answer.seq, &arrival) {
                    Fate::Foreign => reporter.event(&Event::Foreign { packet }),
                    Fate::Reply(rtt) => {
                        clocks.compare(rtt, answer.diff);
                        show(&reporter, &answer, rtt, length);
                        watch.alive(answer.seq, &reporter);
                    }
                    fate => {
                        let event = Event::Answer {
                            seq: answer.seq,
                            answer: fate,
                            bytes: length,
                            ttl: None,
                        };
                        reporter.event(&event);
                        // Late as it is, a dead server did not send it.
                        watch.alive(answer.seq, &reporter);
                    }
                }
            }
            Err(why) => {
                let tell = |error: &IcmpError| failed(error, &mut probes, &reporter, &mut watch);
                let icmp = errors.take(&socket, &why, tell);
                match why.kind() {
                    ErrorKind::WouldBlock => {
                        while let Some((seq, _)) = probes.timed_out(asked) {
                            reporter.event(&Event::Timeout { seq, after: args.timeout });
                            watch.missed(seq, &reporter);
                        }
                    }
                    ErrorKind::Interrupted => {}
                    _ if icmp => {}
                    _ => {
                        trouble = Some(format!("cannot receive from {server}: {}", cause(&why)));
                        break;
                    }
                }
            }
        }
    }

    let (took, extra) = (began.elapsed(), clocks.extra());
    reporter.summary_with("heartbeat", &probes.counts, &probes.rtts, took, false, extra);
    match trouble {
        Some(why) => Err(why),
        None if watch.down => Ok(Verdict::AssumedDown),
        None => Ok(Verdict::Completed),
    }
}

/// Enters an ICMP error for the beat that it quotes; or, where it does not
/// quote that far, for the oldest one.
fn failed(error: &IcmpError, probes: &mut Probes, reporter: &Reporter, watch: &mut Watch) {
    let seq = match Beat::parse(error.request) {
        Some(beat) => probes.failed(beat.seq).then_some(beat.seq),
        None => probes.refused(),
    };
    if let Some(seq) = seq {
        reporter.event(&Event::IcmpError { seq, problem: error.problem, from: error.from });
        watch.missed(seq, reporter);
    }
}

fn malformed(reporter: &Reporter, packet: &[u8]) {
    let text = printable(packet, 40);
    let event = json!({"event": "malformed", "seq": null, "text": text});
    reporter.tell(None, &format!("malformed answer from {}: {text}", reporter.target), &event);
}

/// A beat's answer in time, with what it says about the clocks.
fn show(reporter: &Reporter, answer: &Answer, rtt: Duration, bytes: usize) {
    let (seq, rtt_ms, diff_ms) = (answer.seq, rtt.as_secs_f64() * 1e3, answer.diff * 1e3);
    let (offset_ms, bound_ms) = (diff_ms - rtt_ms / 2.0, rtt_ms / 2.0);
    let text = format!(
        "beat {seq}: time={rtt_ms:.3} ms diff={diff_ms:.3} ms offset={offset_ms:+.3} ms \
         (give or take {bound_ms:.3})"
    );
    let event = json!({
        "event": "reply",
        "seq": seq,
        "rtt_ms": rtt_ms,
        "bytes": bytes,
        "from": reporter.target,
        "diff_ms": diff_ms,
        "offset_ms": offset_ms,
        "offset_bound_ms": bound_ms,
    });
    reporter.tell(None, &text, &event);
}
