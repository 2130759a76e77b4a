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

mod damage;
mod event;
mod ledger;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use logic::impair::{Fate, Impairment};
use logic::pace::LOOK_UP;
use logic::units;
use logic::units::Rate;
use packets::tcp_ping::{self, LOST};
use socklab::cli::{self, Exit};
use socklab::clock::At;
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::{cannot_listen, cause};
use socklab::event::Reporter;
use socklab::output;
use socklab::places::Places;
use socklab::ports;
use socklab::reject::{self, RejectArgs, Rejecter};

use crate::NAME;
use event::{Message, Reason};
use ledger::Ledger;

/// The most that is read at once, and so the longest message there can be.
const BUFFER: usize = 4096;
/// Threads have 2 MiB of stack otherwise. Most of it is never touched, but an
/// address space has an end too.
const STACK: usize = 256 * 1024;
/// The pause before each piece of a reply that trickles.
const DRIP: Duration = Duration::from_millis(10);

/// Answer TCP pings, a thread a connection, and lose some of them on purpose
#[derive(clap::Args)]
pub struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::TCP_PING))]
    bind: Endpoint,
    /// Answer this share of the messages with LOST, and hang up
    #[arg(long, value_name = "RATE", default_value = "20%", allow_hyphen_values = true)]
    loss: Rate,
    /// Draw the same fates again; without it a seed is drawn, and shown
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    seed: Option<u64>,
    /// Hold every reply back this long
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "0", allow_hyphen_values = true)]
    delay: Duration,
    /// Send replies in pieces of BYTES bytes, 10 ms apart
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    trickle: Option<NonZeroUsize>,
    /// Turn further clients away while N are connected
    #[arg(long, value_name = "N", default_value = "1024", allow_hyphen_values = true)]
    max_clients: NonZeroUsize,
    /// Hang up on a client that has been silent, or has read nothing, for this long
    #[arg(long, value_name = "TIME", value_parser = units::positive_duration, default_value = "60s", allow_hyphen_values = true)]
    idle_timeout: Duration,
    /// Serve one client to its end before accepting the next: the naive server
    #[arg(long, conflicts_with = "max_clients")]
    one_at_a_time: bool,
    /// Show no messages, only the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
    /// The connection goes on: to it, ICMP errors are hints
    #[command(flatten)]
    reject: RejectArgs,
}

pub fn run(args: &Args) -> Result<Exit, String> {
    let plan = damage::plan(args)?;
    let address = args.bind.resolve(ports::TCP_PING, Family::Any)?;
    sys::allow_many_files(); // Each connection is one.

    // From here on the kernel makes connections; they wait until they are accepted.
    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    let address =
        listener.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    output::for_ever(NAME, Some("clients are answered"));
    let server = Arc::new(Server {
        rejecter: damage::rejecter(&args.reject, &listener, address)?,
        trickle: args.trickle.map(NonZeroUsize::get),
        idle_timeout: args.idle_timeout,
        ledger: Ledger::new(address, &plan, Reporter::new(args.json, args.quiet)),
        plan,
    });
    let at_the_end = Arc::clone(&server);
    cli::end_on_ctrl_c(move || at_the_end.ledger.close())?;
    server.ledger.listening(&damage::what_else(args));

    let places = Places::new(args.max_clients.get());
    loop {
        // Blocks until a client is connected, and returns a socket for this client alone.
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(why) => {
                cannot_accept(&why);
                continue;
            }
        };
        let number = server.ledger.accepted(client);
        let connection = Connection { stream, client, number };

        let Some(place) = places.take() else {
            hang_up(&connection.stream);
            server.ledger.ended(client, number, &Reason::TurnedAway(args.max_clients));
            continue;
        };
        server.ledger.opened();
        if args.one_at_a_time {
            server.serve(connection);
            continue;
        }
        let own = Arc::clone(&server);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            own.serve(connection);
            drop(place);
        });
        if let Err(why) = thread {
            // The connection went into the thread that never was, and is closed.
            server.ledger.ended(client, number, &Reason::NoThread(cause(&why)));
        }
    }
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
    rejecter: Option<Rejecter>,
    ledger: Ledger,
}

impl Server {
    /// Talks to one client until either side has had enough.
    fn serve(&self, mut connection: Connection) {
        let end = self.converse(&mut connection).unwrap_or_else(|why| Reason::of(&why));
        if !matches!(end, Reason::Closed(_)) {
            // Dropping a stream with bytes unread sends a reset, which may overtake
            // the reply. So first the orderly end, a FIN, behind all that was sent.
            hang_up(&connection.stream);
        }
        let Connection { stream, client, number } = connection;
        drop(stream);
        self.ledger.ended(client, number, &end);
    }

    fn converse(&self, connection: &mut Connection) -> io::Result<Reason> {
        let Connection { stream, client, number } = connection;
        stream.set_read_timeout(Some(self.idle_timeout))?;
        stream.set_write_timeout(Some(self.idle_timeout))?;
        if self.trickle.is_some() {
            // Without it, the kernel gathers small pieces into larger segments.
            stream.set_nodelay(true)?;
        }
        // The fates depend on the seed, on the number of the connection and on
        // that of the message in it, and on nothing else.
        let mut fates = self.plan.fates(*number);
        let initial = self.rejecter.as_ref().and_then(|_| reject::initial_sequence(stream));
        let mut buffer = [0; BUFFER];

        loop {
            // A stream has no messages: what one read returns is taken for one,
            // be it half a message, or two of them.
            let length = match stream.read(&mut buffer) {
                Ok(0) => return Ok(Reason::Closed(fates.requests())),
                Ok(length) => length,
                Err(why) if why.kind() == ErrorKind::Interrupted => continue,
                Err(why) if is_timeout(&why) => return Ok(Reason::Idle(self.idle_timeout)),
                Err(why) => return Err(why),
            };
            let (request, read_ns) = (&buffer[..length], At::now());

            let fate = self.plan.next_fate(&mut fates);
            self.ledger.received();
            let message = Message {
                client: *client,
                connection: *number,
                message: fates.requests(),
                read_ns,
            };
            let reply = match fate {
                Fate::Replied(treatment) => {
                    thread::sleep(treatment.delay);
                    let mut reply = request.to_vec();
                    tcp_ping::reply_to(&mut reply);
                    reply
                }
                Fate::Dropped => LOST.to_vec(),
                Fate::Rejected { draw } => {
                    self.reject(stream, initial, message, request, &fate, draw);
                    continue;
                }
            };
            // Told before it is sent: the client's next message may come in on
            // another thread, whose line must not stand before this one.
            self.ledger.answered(message, request, &fate, None);
            if let Err(why) = self.send(stream, &reply) {
                self.ledger.failed(message, &fate, &cause(&why));
                return Err(why);
            }
            if let Fate::Dropped = fate {
                return Ok(Reason::Lost);
            }
        }
    }

    /// Sends an ICMP error in place of a reply. The connection goes on.
    fn reject(
        &self,
        stream: &TcpStream,
        initial: Option<u32>,
        message: Message,
        request: &[u8],
        fate: &Fate,
        draw: u64,
    ) {
        let Some(rejecter) = &self.rejecter else { return };
        let problem = rejecter.problem(message.client, draw);
        self.ledger.answered(message, request, fate, Some(problem));
        if !rejecter.segment(problem, message.client, stream, initial) {
            self.ledger.failed(message, fate, "no ICMP error could be sent");
        }
    }

    /// Writes a reply, at once or piece by piece.
    fn send(&self, stream: &mut TcpStream, reply: &[u8]) -> io::Result<()> {
        // Blocks while the client takes nothing and its buffers are full.
        let Some(size) = self.trickle else { return stream.write_all(reply) };
        for piece in reply.chunks(size) {
            thread::sleep(DRIP);
            stream.write_all(piece)?;
        }
        Ok(())
    }
}

/// Whether a read or write came back because its timeout was over.
fn is_timeout(why: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Tells why no client was accepted, and waits a moment where the next would
/// fail as well.
fn cannot_accept(why: &io::Error) {
    // A signal, or a client that was gone before its turn came.
    if !matches!(why.kind(), ErrorKind::Interrupted | ErrorKind::ConnectionAborted) {
        output::complain(NAME, &format!("cannot accept: {}; retrying", cause(why)));
        thread::sleep(LOOK_UP);
    }
}

/// Tells the client that nothing more will come. If it is gone already, so be it.
fn hang_up(stream: &TcpStream) {
    let _ = stream.shutdown(Shutdown::Write);
}
