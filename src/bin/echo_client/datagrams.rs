//! Over UDP: a message, its answer, the next message.

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use logic::pace::LOOK_UP;
use socklab::cli::{self, Exit};
use socklab::clock::At;
use socklab::ears::{Ears, Heard};
use socklab::errors::{cannot_reach, cause, no_socket};
use socklab::event::ErrorSeen;
use socklab::servers::Attempt;
use socklab::sockets::{any_port, not_itself};

use crate::event::{Ended, Fate};
use crate::input::Messages;
use crate::{Args, ledger};

/// Sends each message, and gives way to the name's next address, if there are
/// `more`, when this one refuses the first.
///
/// # Errors
/// One line for a person: a call failed, or the input.
pub fn exchange(
    args: &Args,
    server: SocketAddr,
    more: bool,
    messages: &mut Messages,
) -> Result<Attempt<Exit>, String> {
    let mut ledger = ledger(args, "UDP", server);
    ledger.start(args, None);
    // The kernel stamps arrivals while any socket wants it, and begins a little
    // late: this one wants it all the while.
    let keeper = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
    sys::stamp_arrivals(&keeper);
    let mut buffer = vec![0; 65_536];
    let mut trouble = None;
    while let Some(message) = messages.take().unwrap_or_else(|why| {
        trouble = Some(why);
        None
    }) {
        // An echo has no number that would tell whose answer it is. So every
        // message has a socket of its own, hence a port of its own: what comes
        // in there late, or twice, is not taken for the answer to the next.
        let socket = UdpSocket::bind(any_port(server)).map_err(|why| no_socket(&why))?;
        sys::whole_datagrams(&socket); // macOS would send no more than 9216 bytes.
        // Sends nothing: the kernel now knows whose answers, and whose errors, are for us.
        if let Err(why) = socket.connect(server) {
            let why = cannot_reach(server, &why);
            messages.give_back(message);
            return if more { Ok(Attempt::NextAddress(why)) } else { Err(why) };
        }
        let socket = not_itself(socket)?;
        let local = socket.local_addr().ok();
        ledger.sending(message.len(), local);
        let (fate, at_ns, bytes) = ask(&socket, server, &message, &mut buffer, args.timeout)?;
        if fate == Fate::Stopped {
            break;
        }
        let ended = Ended { bytes, local, ..Ended::new(fate, at_ns, ledger.sent(), server) };
        if more && !ledger.any_sign_of_life() && matches!(ended.fate, Fate::IcmpError(_)) {
            messages.give_back(message);
            return Ok(Attempt::NextAddress(ended.to_string()));
        }
        ledger.ended(&ended, &buffer[..bytes]);
    }
    let exit = ledger.summary();
    trouble.map_or(Ok(Attempt::Done(exit)), Err)
}

/// Sends one message, and waits for its answer: what became of it, when, and
/// the length of the answer in `buffer`.
///
/// # Errors
/// One line for a person: the socket fails, and no ICMP error is why.
fn ask(
    socket: &UdpSocket,
    server: SocketAddr,
    message: &[u8],
    buffer: &mut [u8],
    timeout: Duration,
) -> Result<(Fate, At, usize), String> {
    let mut ears = Ears::of(socket, server.ip());
    let sent = Instant::now();
    if let Err(why) = socket.send(message) {
        // RFC 768 and 791: 65,535 less both headers; RFC 8200: less UDP's.
        let most = if server.is_ipv4() { 65_507 } else { 65_527 };
        let mut why = cause(&why);
        if message.len() > most {
            why += &format!(": a datagram carries at most {most} bytes");
        } else {
            // What fails at once would fail a million times a second.
            thread::sleep(LOOK_UP);
        }
        return Ok((Fate::NotSent { why }, sent.into(), 0));
    }
    let deadline = sent + timeout;
    while !cli::stopping() {
        let left = deadline.saturating_duration_since(Instant::now());
        match ears.receive(buffer, left.min(LOOK_UP)) {
            Ok(Heard::Datagram(length, arrival)) => {
                let fate = Fate::of(message, &buffer[..length], arrival.since(sent), timeout);
                return Ok((fate, arrival.at().into(), length));
            }
            Ok(Heard::Error(error)) => {
                let seen = ErrorSeen { problem: error.problem, from: error.from };
                return Ok((Fate::IcmpError(seen), error.arrival.at().into(), 0));
            }
            // It has looked once more after the deadline: what came in time,
            // while this program was stopped, is in time.
            Ok(Heard::Silence(_)) if left.is_zero() => {
                return Ok((Fate::timeout(timeout), deadline.into(), 0));
            }
            Ok(Heard::Silence(_) | Heard::Interrupted) => {}
            Err(why) => return Err(format!("cannot receive from {server}: {}", cause(&why))),
        }
    }
    Ok((Fate::Stopped, At::now(), 0))
}
