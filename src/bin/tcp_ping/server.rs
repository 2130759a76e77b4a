//! The server's side: one socket listens, and each client gets another, and a thread.
//!
//! ```text
//! cargo run -q --bin tcp_ping -- server --seed 3
//! cargo run -q --bin tcp_ping -- server --loss 0 --delay 2s --one-at-a-time
//! ```
//!
//! You see each message with its fate, under the number of its connection, and
//! on Ctrl-C the totals. Read `run`, which accepts, then `Server::serve`, which
//! talks to one client.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use packets::tcp_ping::{self, LOST};
use socklab::cli::{self, Exit, LOOK_UP, Rate};
use socklab::endpoint::{Endpoint, Family, cannot_listen, cause};
use socklab::impair::{Fate, ImpairArgs, Impairment};
use socklab::output;
use socklab::reject::{self, RejectArgs, Rejecter};
use socklab::sys;

use crate::NAME;
use crate::ledger::{End, Ledger};

/// The most that is read at once, and so the longest message there can be.
const BUFFER: usize = 4096;
/// Threads have 2 MiB of stack otherwise. Most of it is never touched, but an
/// address space has an end too.
const STACK: usize = 256 * 1024;
/// Timeouts are counted in ticks of the kernel's clock, and may be over so much
/// too early.
const TICK: Duration = Duration::from_millis(10);
/// The pause before each piece of a reply that trickles.
const DRIP: Duration = Duration::from_millis(10);

/// Answer TCP pings, a thread a connection, and lose some of them on purpose
#[derive(clap::Args)]
pub struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:12001")]
    bind: Endpoint,
    /// Answer this share of the messages with LOST, and hang up
    #[arg(long, value_name = "RATE", default_value = "20%", allow_negative_numbers = true)]
    loss: Rate,
    /// Draw the same fates again; without it a seed is drawn, and shown
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    seed: Option<u64>,
    /// Hold every reply back for so long
    #[arg(long, value_name = "TIME", value_parser = cli::duration, default_value = "0", allow_negative_numbers = true)]
    delay: Duration,
    /// Send replies in pieces of so many bytes, 10 ms apart
    #[arg(long, value_name = "BYTES", allow_negative_numbers = true)]
    trickle: Option<NonZeroUsize>,
    /// Turn further clients away while so many are connected
    #[arg(long, value_name = "N", default_value = "1024", allow_negative_numbers = true)]
    max_clients: NonZeroUsize,
    /// Hang up on a client that has been silent, or not reading, for so long
    #[arg(long, value_name = "TIME", value_parser = cli::positive_duration, default_value = "60s", allow_negative_numbers = true)]
    idle_timeout: Duration,
    /// Serve one client to its end before accepting the next: the naive server
    #[arg(long, conflicts_with = "max_clients")]
    one_at_a_time: bool,
    /// Show no messages, only the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
    /// The connection goes on: to it, ICMP errors are hints
    #[command(flatten)]
    reject: RejectArgs,
}

pub fn run(args: &Args) -> Result<Exit, String> {
    let plan = Impairment::new(&damage(args), args.loss)?
        .rejecting(args.reject.reject_rate, args.reject.with());
    let address = args.bind.resolve(12001, Family::Any)?;
    // Each connection is an open file.
    sys::allow_many_files();

    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    // accept must not block: Ctrl-C is to be seen while no client comes.
    listener.set_nonblocking(true).map_err(|why| format!("cannot stop it blocking: {why}"))?;
    let address =
        listener.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    let rejecter = Rejecter::if_asked(&args.reject, address)?;
    if rejecter.is_some() && !sys::keep_syns(&listener) {
        return Err("cannot reject over TCP: this system shows no SYN, and without its sequence \
                    number nobody believes an ICMP error; try udp_ping_server"
            .to_string());
    }
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("clients are answered"));

    let ledger = Ledger::new(address, &plan, args.json, args.quiet);
    ledger.listening(&what_else(args));
    let server = Arc::new(Server {
        plan,
        trickle: args.trickle.map(NonZeroUsize::get),
        idle_timeout: args.idle_timeout,
        // A thread of its own may wait for its client as long as it likes: it
        // ends with the process. The main thread has to look up for Ctrl-C.
        patience: if args.one_at_a_time { LOOK_UP } else { args.idle_timeout },
        rejecter,
        ledger,
    });

    while !cli::stopping() {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(why) => match why.kind() {
                ErrorKind::WouldBlock => {
                    sys::wait_for_client(&listener, LOOK_UP);
                    continue;
                }
                // Ctrl-C, or a client that was gone before its turn came.
                ErrorKind::Interrupted | ErrorKind::ConnectionAborted => continue,
                _ => {
                    output::complain(NAME, &format!("cannot accept: {}; trying on", cause(&why)));
                    thread::sleep(LOOK_UP);
                    continue;
                }
            },
        };
        let (number, room) = server.ledger.accepted(args.max_clients);
        let connection = Connection { stream, client, number };

        if !room {
            hang_up(&connection.stream);
            server.ledger.ended(&connection.client, number, &End::TurnedAway(args.max_clients));
        } else if args.one_at_a_time {
            server.serve(connection);
        } else {
            let own = Arc::clone(&server);
            let thread = thread::Builder::new().stack_size(STACK);
            if let Err(why) = thread.spawn(move || own.serve(connection)) {
                // The connection went into the thread that never was, and is closed.
                server.ledger.ended(&client, number, &End::NoThread(cause(&why)));
            }
        }
    }

    server.ledger.close();
    Ok(Exit::Ok)
}

/// A client's own socket; the listening one goes on listening.
struct Connection {
    stream: TcpStream,
    client: SocketAddr,
    /// Connections are counted from 1, in the order in which they are accepted.
    number: u64,
}

/// What all the threads share.
struct Server {
    plan: Impairment,
    trickle: Option<usize>,
    idle_timeout: Duration,
    patience: Duration,
    rejecter: Option<Rejecter>,
    ledger: Ledger,
}

impl Server {
    /// Talks to one client until either side has had enough.
    fn serve(&self, mut connection: Connection) {
        let end = self.converse(&mut connection).unwrap_or_else(|why| End::of(&why));
        if !matches!(end, End::ByClient { .. }) {
            // Dropping a stream with bytes unread sends a reset, which may overtake
            // the reply. So first the orderly end, a FIN, behind all that was sent.
            hang_up(&connection.stream);
        }
        let Connection { stream, client, number } = connection;
        drop(stream);
        self.ledger.ended(&client, number, &end);
    }

    fn converse(&self, connection: &mut Connection) -> io::Result<End> {
        let Connection { stream, client, number } = connection;
        if !cfg!(target_os = "linux") {
            // Elsewhere the new socket does not block either, like its listener.
            stream.set_nonblocking(false)?;
        }
        stream.set_read_timeout(Some(self.patience))?;
        stream.set_write_timeout(Some(self.patience))?;
        if self.trickle.is_some() {
            // Without it, the kernel gathers small pieces into larger segments.
            stream.set_nodelay(true)?;
        }
        // The fates depend on the seed, on the number of the connection and on
        // that of the message in it, and on nothing else.
        let mut fates = self.plan.fates(*number);
        let initial = self.rejecter.as_ref().and_then(|_| reject::initial_sequence(stream));
        let mut buffer = [0; BUFFER];
        let mut heard = Instant::now();

        loop {
            let length = match stream.read(&mut buffer) {
                Ok(0) => return Ok(End::ByClient { messages: fates.requests() }),
                Ok(length) => length,
                Err(why) if is_no_event(&why) => {
                    if cli::stopping() {
                        return Ok(End::Stopped);
                    }
                    if heard.elapsed() + TICK >= self.idle_timeout {
                        return Ok(End::Idle(self.idle_timeout));
                    }
                    continue;
                }
                Err(why) => return Err(why),
            };
            heard = Instant::now();
            // A stream has no messages: what one read returns is taken for one,
            // be it half a message, or two of them.
            let request = &buffer[..length];

            let fate = self.plan.next_fate(&mut fates);
            self.ledger.received();
            let (reply, last) = match fate {
                Fate::Dropped => (LOST.to_vec(), true),
                Fate::Rejected { draw } => {
                    let Some(rejecter) = &self.rejecter else { continue };
                    let problem = rejecter.problem(*client, draw);
                    let message = fates.requests();
                    self.ledger.answered(client, *number, message, request, &fate, Some(problem));
                    if !rejecter.segment(problem, *client, stream, initial) {
                        self.ledger.failed(&fate);
                    }
                    continue;
                }
                Fate::Replied(treatment) => {
                    let mut reply = request.to_vec();
                    tcp_ping::reply_to(&mut reply);
                    if !pause(treatment.delay) {
                        return Ok(End::Stopped);
                    }
                    (reply, false)
                }
            };
            // Told before it is sent: the client's next message may come in on
            // another thread, whose line must not stand before this one.
            self.ledger.answered(client, *number, fates.requests(), request, &fate, None);
            if let Err(why) = self.send(stream, &reply) {
                self.ledger.failed(&fate);
                return Err(why);
            }
            if last {
                return Ok(End::Lost);
            }
        }
    }

    fn send(&self, stream: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
        let Some(size) = self.trickle else { return self.write_all(stream, reply) };
        for piece in reply.chunks(size) {
            if !pause(DRIP) {
                return Err(ErrorKind::Interrupted.into());
            }
            self.write_all(stream, piece)?;
        }
        Ok(())
    }

    /// Writes everything, however little the client takes at a time; but it has
    /// to take it within the idle timeout.
    fn write_all(&self, stream: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        let began = Instant::now();
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(why) if is_no_event(&why) => {
                    if cli::stopping() || began.elapsed() + TICK >= self.idle_timeout {
                        return Err(ErrorKind::TimedOut.into());
                    }
                }
                Err(why) => return Err(why),
            }
        }
        Ok(())
    }
}

/// Whether a read or write came back with nothing: its timeout, or a signal.
fn is_no_event(why: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Tells the client that nothing more will come. If it is gone already, so be it.
fn hang_up(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
}

/// Sleeps; false if Ctrl-C came before the time was over.
fn pause(time: Duration) -> bool {
    let until = Instant::now() + time;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return true;
        }
        if cli::stopping() {
            return false;
        }
        thread::sleep(left.min(LOOK_UP));
    }
}

/// The damage that makes sense in a stream: a byte too many, too few or spoilt
/// is what TCP exists to prevent.
fn damage(args: &Args) -> ImpairArgs {
    ImpairArgs {
        loss: Some(args.loss),
        seed: args.seed,
        delay: args.delay,
        drop: Vec::new(),
        burst: None,
        jitter: Duration::ZERO,
        duplicate: Rate::ZERO,
        reorder: Rate::ZERO,
        corrupt: Rate::ZERO,
    }
}

/// What the first line says behind loss, delay and seed.
fn what_else(args: &Args) -> String {
    let trickle = args.trickle.map(|bytes| format!(", {bytes} bytes at a time"));
    let one = args.one_at_a_time.then_some(", one client at a time");
    trickle.unwrap_or_default() + one.unwrap_or_default()
}
