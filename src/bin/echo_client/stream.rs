//! Over TCP without --message: stdin goes out, and what comes back goes to stdout.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use logic::pace::LOOK_UP;
use logic::units::show_duration;
use socklab::cli::{self, Exit};
use socklab::errors::cause;
use socklab::servers::Attempt;

use crate::compare::InFlight;
use crate::connect::connect;
use crate::{Args, is_no_event, ledger};

/// Copies both ways until both have ended. Where there is no connection, the
/// name's next address may do better.
///
/// # Errors
/// One line for a person.
pub fn exchange(args: &Args, server: SocketAddr) -> Result<Attempt<Exit>, String> {
    let mut ledger = ledger(args, "TCP", server);
    let timeout = args.timeout;
    let stream = match connect(server, timeout) {
        Ok(Some(stream)) => stream,
        Ok(None) => return Ok(Attempt::Done(Exit::NoReply)),
        Err(why) => return Ok(Attempt::NextAddress(why)),
    };
    ledger.start(args, stream.local_addr().ok());
    // One thread sends and another receives: whoever does first the one and
    // then the other waits, sooner or later, for a server that waits for him.
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
        let received = sys::read(&stream, &mut buffer, left.min(LOOK_UP));
        let flow = in_flight.flow();
        let nothing_missing = flow.finished && flow.sent == flow.returned;
        match received {
            Ok((0, _)) if nothing_missing => break None,
            Ok((0, _)) => break Some("the server has ended the stream too early".to_string()),
            Ok((bytes, _)) => {
                ledger.piece(&buffer[..bytes]);
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
    let exit = ledger.stream(in_flight.flow(), first, trouble);
    // A sender that still waits for stdin ends with the process.
    match in_flight.flow().finished.then(|| sender.join()) {
        Some(Ok(Err(why))) => Err(format!("cannot read stdin: {}", cause(&why))),
        _ => Ok(Attempt::Done(exit)),
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
