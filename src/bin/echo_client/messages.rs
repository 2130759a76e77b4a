//! Over TCP with --message: a message, its answer, the next message, all on one connection.

use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use logic::arrival::Arrival;
use logic::pace::LOOK_UP;
use socklab::cli::{self, Exit};
use socklab::clock::{self, At};
use socklab::errors::cause;
use socklab::servers::Attempt;

use crate::connect::connect;
use crate::event::{Ended, Fate};
use crate::input::Messages;
use crate::{Args, is_no_event, ledger};

/// Sends each message. Where there is no connection, the name's next address
/// may do better.
///
/// # Errors
/// One line for a person.
pub fn exchange(
    args: &Args,
    server: SocketAddr,
    messages: &mut Messages,
) -> Result<Attempt<Exit>, String> {
    let mut ledger = ledger(args, "TCP", server);
    let timeout = args.timeout;
    let stream = match connect(server, timeout) {
        Ok(Some(stream)) => stream,
        Ok(None) => return Ok(Attempt::Done(Exit::NoReply)),
        Err(why) => return Ok(Attempt::NextAddress(why)),
    };
    // A write blocks while the server takes nothing; Ctrl-C is to be heard meanwhile.
    stream
        .set_write_timeout(Some(LOOK_UP))
        .map_err(|why| format!("cannot set a timeout: {why}"))?;
    sys::stamp_arrivals(&stream);
    let local = stream.local_addr().ok();
    ledger.start(args, local);

    while let Some(message) = messages.take()? {
        ledger.sending(message.len(), local);
        let sent = Instant::now();
        let deadline = sent + timeout;
        let mut answer = Vec::new();
        let outcome = write_message(&stream, &message, deadline)
            .and_then(|()| read_answer(&stream, &mut answer, message.len(), deadline));
        let (fate, at_ns) = match outcome {
            Ok(arrival) => {
                if messages.was_last() {
                    read_surplus(&stream, &mut answer, timeout);
                }
                (Fate::of(&message, &answer, arrival.since(sent), timeout), arrival.at().into())
            }
            Err(why) => match why.kind() {
                ErrorKind::Interrupted => break,
                ErrorKind::TimedOut => (Fate::timeout(timeout), deadline.into()),
                _ => (Fate::Closed { why: cause(&why) }, At::now()),
            },
        };
        let bytes = answer.len();
        let ended = Ended { bytes, local, ..Ended::new(fate, at_ns, ledger.sent(), server) };
        ledger.ended(&ended, &answer);
        if !matches!(ended.fate, Fate::Reply { .. }) {
            // Which byte answers which is no longer known.
            break;
        }
    }
    Ok(Attempt::Done(ledger.summary()))
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
                let arrival = clock::arrival(stamp);
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
