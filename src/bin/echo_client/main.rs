//! An echo client: sends something, and compares what comes back byte for byte.
//!
//! ```text
//! cargo run -q --bin echo_client -- --message hello
//! seq 100000 | cargo run -q --bin echo_client -- --tcp | tail -1
//! ```
//!
//! With --message you see for each message whether its echo is equal,
//! different, or missing. Without, every line that you type is sent, and what
//! comes back is shown; in a pipe the same bytes come out that went in.
//! Sheet: labs/04-echo.md.
//!
//! New here: a stream is sent by one thread and received by another. Who sends
//! all of it before he receives, sooner or later waits for a server that waits
//! for him. And `shutdown` ends one direction only: "that was all, go on".

mod compare;
mod connect;
mod input;
mod report;
mod screen;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crate::compare::InFlight;
use crate::connect::connect;
use crate::input::Messages;
use crate::report::{Report, Verdict};
use clap::Parser;
use socklab::cli::{self, Exit, LOOK_UP, show_duration};
use socklab::clock::Arrival;
use socklab::endpoint::{Endpoint, FamilyArgs, cause, connect_udp};
use socklab::icmp_errors::{IcmpError, IcmpErrors};
use socklab::sys;

const NAME: &str = "echo_client";

/// Send something to an echo server, and compare what comes back
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(default_value = "127.0.0.1:10100")]
    server: Endpoint,
    /// Over a TCP connection, and not in UDP datagrams
    #[arg(long)]
    tcp: bool,
    /// Send this, and not the lines that are typed
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    message: Option<String>,
    /// Send the message so many times; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, default_value = "1", requires = "message", value_parser = cli::count, allow_negative_numbers = true)]
    count: u64,
    /// Wait so long for an answer
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = cli::positive_duration, allow_negative_numbers = true)]
    timeout: Duration,
    /// Show no single messages; without --message, only the answers
    #[arg(short, long)]
    quiet: bool,
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
    let server = args.server.resolve(10100, args.family.wanted())?;
    if server.port() == 0 {
        return Err(format!(
            "{server} cannot be reached: no server has port 0; see its first line"
        ));
    }
    cli::stop_on_ctrl_c()?;
    let protocol = if args.tcp { "TCP" } else { "UDP" };
    let typed = args.message.is_none();
    let mut report = Report::new(NAME, protocol, server).with(typed, args.json, args.quiet);
    let messages = args.message.as_ref().map(|message| Messages::repeated(message, args.count));
    let bytes = args.message.as_ref().map(String::len);
    if !args.tcp {
        report.start(bytes, args.timeout);
        let messages = messages.unwrap_or_else(Messages::typed);
        let done = exchange_datagrams(server, messages, args.timeout, &mut report);
        let exit = report.summary();
        return done.map(|()| exit);
    }
    if bytes == Some(0) {
        return Err("an empty message is nothing at all in a stream; leave out --tcp".into());
    }
    let Some(stream) = connect(server, args.timeout)? else { return Ok(Exit::NoReply) };
    report.start(bytes, args.timeout);
    match messages {
        Some(messages) => {
            exchange_messages(&stream, messages, args.timeout, &mut report)?;
            Ok(report.summary())
        }
        None => exchange_streams(&stream, args.timeout, &mut report),
    }
}

/// Over UDP: a message, its answer, the next message.
fn exchange_datagrams(
    server: SocketAddr,
    mut messages: Messages,
    timeout: Duration,
    report: &mut Report,
) -> Result<(), String> {
    let mut buffer = vec![0; 65_536];
    while let Some(message) = messages.take()? {
        // An echo has no number that would tell whose answer it is. So every
        // message has a socket of its own, hence a port of its own: what comes
        // in there late, or twice, is not taken for the answer to the next.
        let socket = connect_udp(server)?;
        sys::stamp_arrivals(&socket);
        let mut errors = IcmpErrors::of(&socket, server.ip());
        report.sending();
        let sent = Instant::now();
        if let Err(why) = socket.send(&message) {
            // RFC 768 and 791: 65,535 less both headers; RFC 8200: less UDP's.
            let most = if server.is_ipv4() { 65_507 } else { 65_527 };
            let mut why = cause(&why);
            if message.len() > most {
                why += &format!(": a datagram carries at most {most} bytes");
            } else {
                // What fails at once would fail a million times a second.
                thread::sleep(LOOK_UP);
            }
            report.verdict(b"", &Verdict::NotSent { why });
            continue;
        }
        let (bytes, verdict) = loop {
            let left = (sent + timeout).saturating_duration_since(Instant::now());
            match sys::receive(&socket, &mut buffer, left.min(LOOK_UP)) {
                Ok((bytes, stamp)) => {
                    let rtt = Arrival::new(stamp).since(sent);
                    break (bytes, Verdict::of(&message, &buffer[..bytes], rtt, timeout));
                }
                Err(_) if cli::stopping() => return Ok(()),
                Err(why) => {
                    let mut refusal = None;
                    let icmp = errors.take(&socket, &why, |error| {
                        let IcmpError { problem, from, .. } = *error;
                        refusal = Some(Verdict::IcmpError { problem, from });
                    });
                    match (refusal, why.kind()) {
                        (Some(refusal), _) => break (0, refusal),
                        (None, ErrorKind::WouldBlock) if left.is_zero() => {
                            break (0, Verdict::NoAnswer { after: timeout });
                        }
                        (None, ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                        (None, _) if icmp => {}
                        _ => return Err(format!("cannot receive from {server}: {}", cause(&why))),
                    }
                }
            }
        };
        report.verdict(&buffer[..bytes], &verdict);
    }
    Ok(())
}

/// Over TCP with --message: the same, but all on one connection.
fn exchange_messages(
    stream: &TcpStream,
    mut messages: Messages,
    timeout: Duration,
    report: &mut Report,
) -> Result<(), String> {
    // A write blocks while the server takes nothing; Ctrl-C is to be heard meanwhile.
    stream
        .set_write_timeout(Some(LOOK_UP))
        .map_err(|why| format!("cannot set a timeout: {why}"))?;
    sys::stamp_arrivals(stream);
    while let Some(message) = messages.take()? {
        report.sending();
        let sent = Instant::now();
        let mut answer = Vec::new();
        let outcome = write_message(stream, &message, sent + timeout)
            .and_then(|()| read_answer(stream, &mut answer, message.len(), sent + timeout));
        let verdict = match outcome {
            Ok(arrival) => {
                if messages.was_last() {
                    read_surplus(stream, &mut answer, timeout);
                }
                Verdict::of(&message, &answer, arrival.since(sent), timeout)
            }
            Err(why) => match why.kind() {
                ErrorKind::Interrupted => return Ok(()),
                ErrorKind::TimedOut => Verdict::NoAnswer { after: timeout },
                _ => Verdict::Closed { why: cause(&why) },
            },
        };
        report.verdict(&answer, &verdict);
        if !matches!(verdict, Verdict::Equal { .. }) {
            // Which byte answers which is no longer known.
            return Ok(());
        }
    }
    Ok(())
}

/// Writes a message, however little of it the server takes at a time.
///
/// # Errors
/// `TimedOut` when the time was over first, `Interrupted` on Ctrl-C, or what
/// the call says.
fn write_message(mut stream: &TcpStream, mut message: &[u8], until: Instant) -> io::Result<()> {
    while !message.is_empty() {
        match stream.write(message) {
            Ok(written) => message = &message[written..],
            Err(_) if cli::stopping() => return Err(ErrorKind::Interrupted.into()),
            Err(why) if is_no_event(&why) && Instant::now() < until => {}
            Err(why) if is_no_event(&why) => return Err(ErrorKind::TimedOut.into()),
            Err(why) => return Err(why),
        }
    }
    Ok(())
}

/// Reads this many bytes, in however many pieces they come: a stream has no
/// messages. Where more are there, it reads those, too. Returns when the last
/// of them arrived.
///
/// # Errors
/// `TimedOut` when the time was over first, `UnexpectedEof` when the stream
/// was, `Interrupted` on Ctrl-C, or what the call says.
fn read_answer(
    stream: &TcpStream,
    answer: &mut Vec<u8>,
    length: usize,
    until: Instant,
) -> io::Result<Arrival> {
    let mut buffer = vec![0; 16_384];
    // However small the pieces are, the signal and the time are looked at after each.
    while !cli::stopping() {
        let left = until.saturating_duration_since(Instant::now());
        // When the time is over it looks once more: if this program was stopped
        // for a while, the answer may have been there in time.
        match sys::read(stream, &mut buffer, left.min(LOOK_UP)) {
            Ok((0, _)) => return Err(io::Error::new(ErrorKind::UnexpectedEof, "end of stream")),
            Ok((bytes, stamp)) => {
                let arrival = Arrival::new(stamp);
                answer.extend(&buffer[..bytes]);
                if answer.len() >= length {
                    return Ok(arrival);
                }
            }
            Err(why) if is_no_event(&why) && left.is_zero() => {
                return Err(ErrorKind::TimedOut.into());
            }
            Err(why) if is_no_event(&why) => {}
            Err(why) => return Err(why),
        }
    }
    Err(ErrorKind::Interrupted.into())
}

/// After the last answer: that was all, so it should be all that comes back,
/// too. Waits for the end, and adds to the answer whatever comes before it.
fn read_surplus(stream: &TcpStream, answer: &mut Vec<u8>, timeout: Duration) {
    let _ = stream.shutdown(Shutdown::Write);
    let more = answer.len() + 1;
    // One byte too many says enough; the end of the stream is an error here.
    let _ = read_answer(stream, answer, more, Instant::now() + timeout);
}

/// Over TCP without --message: stdin goes out, and what comes back to stdout.
fn exchange_streams(
    stream: &TcpStream,
    timeout: Duration,
    report: &mut Report,
) -> Result<Exit, String> {
    let in_flight = Arc::new(InFlight::new());
    let sender = {
        let stream = stream.try_clone().map_err(|why| format!("cannot share the socket: {why}"))?;
        let in_flight = Arc::clone(&in_flight);
        thread::spawn(move || send_stdin(&stream, &in_flight))
    };

    let mut buffer = vec![0; 16_384];
    let mut first = None;
    let trouble = loop {
        // However much flows: the signal is looked at after each piece.
        if cli::stopping() {
            break None;
        }
        let waiting =
            in_flight.flow().waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        let left = timeout.saturating_sub(waiting);
        let received = sys::read(stream, &mut buffer, left.min(LOOK_UP));
        let flow = in_flight.flow();
        let nothing_missing = flow.finished && flow.sent == flow.returned;
        match received {
            Ok((0, _)) if nothing_missing => break None,
            Ok((0, _)) => break Some("the server has ended the stream too early".to_string()),
            Ok((bytes, _)) => {
                report.piece(&buffer[..bytes]);
                if let Err(found) = in_flight.returned(&buffer[..bytes]) {
                    first = Some(found);
                    break None;
                }
            }
            Err(why) if is_no_event(&why) && left.is_zero() => {
                let what = if nothing_missing { "end of the stream" } else { "answer" };
                break Some(format!("no {what} within {}", show_duration(timeout)));
            }
            Err(why) if is_no_event(&why) => {}
            Err(why) => break Some(format!("cannot receive: {}", cause(&why))),
        }
    };
    let exit = report.stream(&in_flight.flow(), first.as_ref(), trouble.as_deref());
    // A sender that still waits for stdin ends with the process.
    match in_flight.flow().finished.then(|| sender.join()) {
        Some(Ok(Err(why))) => Err(format!("cannot read stdin: {}", cause(&why))),
        _ => Ok(exit),
    }
}

/// Sends stdin to its end, and says so to the server.
fn send_stdin(mut stream: &TcpStream, in_flight: &InFlight) -> io::Result<()> {
    let mut buffer = vec![0; 16_384];
    let outcome = loop {
        let bytes = match io::stdin().lock().read(&mut buffer) {
            Ok(0) => break Ok(()),
            Ok(bytes) => bytes,
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(why) => break Err(why),
        };
        in_flight.sending(&buffer[..bytes]);
        if stream.write_all(&buffer[..bytes]).is_err() {
            // The connection is gone; whoever receives learns why.
            break Ok(());
        }
    };
    in_flight.finish();
    // Half of the connection ends here: the server reads on until it has all,
    // then finds the end, and what it still has to say comes through.
    let _ = stream.shutdown(Shutdown::Write);
    outcome
}

/// Whether a read or write came back with nothing: its time was over, or a signal came.
fn is_no_event(why: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
