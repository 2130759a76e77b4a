//! An echo server: what comes in goes back, over UDP and over TCP.
//!
//! ```text
//! cargo run -q --bin echo_server
//! cargo run -q --bin echo_server -- --tcp --stop-word Goodbye
//! ```
//!
//! You see each datagram, and each connection as it begins and ends; on Ctrl-C
//! the totals. It keeps nothing of a sender of datagrams. A connection takes a
//! thread and 16 KiB, and there are at most --max-clients of them.
//! Sheet: labs/04-echo.md.
//!
//! New here: both protocols in one program, on one port number, which they do
//! not share: each has ports of its own. And a stream that is echoed while it
//! comes, and ends on one side before the other.

mod event;
mod ledger;
mod stop_word;

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::Parser;
use logic::pace::LOOK_UP;
use logic::units;
use socklab::cli::{self, Exit};
use socklab::clock::At;
use socklab::ears::last_arrival;
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::{cannot_listen, cause};
use socklab::event::Reporter;
use socklab::output;
use socklab::places::Places;
use socklab::ports;
use socklab::threads;

use event::{End, Fate, Start};
use ledger::Ledger;
use stop_word::{StopWord, Watch};

const NAME: &str = "echo_server";

/// Send back whatever comes in, over UDP and TCP
#[derive(Parser)]
#[command(version, name = NAME, after_help = "\
Keep it off the open internet. A datagram's sender can be forged: one datagram \
that seems to come from another echo server makes the two answer each other \
for ever (RFC 862 does not prevent it). So a datagram from port 7, the port of \
echo, or from this server's own port is not answered; but other services \
answer everything, too.")]
struct Args {
    /// Listen on this address; port 0 picks one that is free for both
    #[arg(long, value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::ECHO))]
    bind: Endpoint,
    /// Only UDP, unless --tcp is given as well
    #[arg(long)]
    udp: bool,
    /// Only TCP, unless --udp is given as well
    #[arg(long)]
    tcp: bool,
    /// Let every client end the server with this word, as a datagram or a line
    #[arg(long, value_name = "WORD")]
    stop_word: Option<StopWord>,
    /// Turn further TCP connections away while N are open
    #[arg(long, value_name = "N", default_value = "1000", value_parser = clap::value_parser!(u32).range(1..), allow_hyphen_values = true)]
    max_clients: u32,
    /// Close a TCP connection on which nothing moves for this long
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = units::positive_duration, allow_hyphen_values = true)]
    idle_timeout: Duration,
    /// Show only the totals at the end
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let (udp, tcp) = (args.udp || !args.tcp, args.tcp || !args.udp);
    let address = args.bind.resolve(ports::ECHO, Family::Any)?;
    let (socket, listener, address) = open(address, udp, tcp)?;
    output::for_ever(NAME, Some("clients are answered"));
    let server = Arc::new(Server {
        address,
        stop_word: args.stop_word.clone(),
        places: Places::new(args.max_clients as usize),
        idle_timeout: args.idle_timeout,
        json: args.json,
        ledger: Ledger::new(address, Reporter::new(args.json, args.quiet)),
    });
    let at_the_end = Arc::clone(&server);
    cli::end_on_ctrl_c(move || at_the_end.ledger.close())?;
    server.ledger.start(&Start::new(address, udp, tcp, args.stop_word.as_ref()));

    // Each protocol blocks for as long as nobody comes, so each has a thread of
    // its own: this one, and where there are two, another.
    match (socket, listener) {
        (Some(socket), Some(listener)) => {
            let own = Arc::clone(&server);
            threads::start("datagrams", move || serve_datagrams(&socket, &own))?;
            serve_connections(&listener, &server)
        }
        (Some(socket), None) => serve_datagrams(&socket, &server),
        (None, Some(listener)) => serve_connections(&listener, &server),
        (None, None) => Ok(Exit::Ok),
    }
}

/// What all the threads share.
struct Server {
    address: SocketAddr,
    stop_word: Option<StopWord>,
    places: Arc<Places>,
    idle_timeout: Duration,
    /// Whether the moments at which datagrams arrive are told.
    json: bool,
    ledger: Ledger,
}

/// Opens both sockets, or one of them, and tells their address.
fn open(
    address: SocketAddr,
    udp: bool,
    tcp: bool,
) -> Result<(Option<UdpSocket>, Option<TcpListener>, SocketAddr), String> {
    let no_address = |why: io::Error| format!("the socket has no address: {why}");
    let mut attempts = 0;
    loop {
        attempts += 1;
        let mut both = address;
        let mut socket = None;
        if udp {
            let bound =
                UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
            sys::whole_datagrams(&bound); // macOS would send no more than 9216 bytes.
            both = bound.local_addr().map_err(no_address)?;
            socket = Some(bound);
        }
        if !tcp {
            return Ok((socket, None, both));
        }
        match TcpListener::bind(both) {
            Ok(listener) => {
                let both = listener.local_addr().map_err(no_address)?;
                return Ok((socket, Some(listener), both));
            }
            Err(why) => {
                // With port 0, what is free for UDP need not be free for TCP.
                let taken = why.kind() == ErrorKind::AddrInUse;
                if !(taken && udp && address.port() == 0 && attempts < 100) {
                    return Err(cannot_listen(both, 't', &why));
                }
            }
        }
    }
}

/// Sends back every datagram, for ever.
fn serve_datagrams(socket: &UdpSocket, server: &Server) -> ! {
    // Large enough for every datagram: what does not fit would be cut off.
    let mut buffer = vec![0; 65_536];
    loop {
        let (length, client) = match socket.recv_from(&mut buffer) {
            Ok(received) => received,
            // On Windows a client that is gone.
            Err(why) if why.kind() == ErrorKind::ConnectionReset => continue,
            Err(why) => {
                output::complain(NAME, &format!("cannot receive: {}; retrying", cause(&why)));
                thread::sleep(LOOK_UP);
                continue;
            }
        };
        let (at_ns, message) = (last_arrival(socket, server.json), &buffer[..length]);
        let sending = At::now();
        // Another echo server would send the answer back, and so would we.
        let fate = if client.port() == 7 || client.port() == server.address.port() {
            Fate::Ignored
        } else {
            match socket.send_to(message, client) {
                Ok(_) => Fate::Echoed,
                Err(_) => Fate::Failed,
            }
        };
        server.ledger.datagram(client, at_ns, sending, message, fate);
        let stop = server.stop_word.as_ref().is_some_and(|word| word.is(message));
        if stop && fate == Fate::Echoed {
            server.stop(client);
        }
    }
}

/// Accepts every connection, and gives it a thread, for ever.
fn serve_connections(listener: &TcpListener, server: &Arc<Server>) -> ! {
    loop {
        let (stream, client) = match listener.accept() {
            Ok(accepted) => accepted,
            // The client took it back before we came to it.
            Err(why) if why.kind() == ErrorKind::ConnectionAborted => continue,
            Err(why) => {
                output::complain(NAME, &format!("cannot accept: {}; retrying", cause(&why)));
                thread::sleep(LOOK_UP);
                continue;
            }
        };
        let Some(place) = server.places.take() else {
            // Dropping the stream closes the connection.
            drop(stream);
            server.ledger.turned_away(client);
            continue;
        };
        server.ledger.connected(client);
        let shared = Arc::clone(server);
        let begun = threads::start("connection", move || {
            let (bytes, end) = echo(stream, &shared);
            shared.ledger.closed(client, bytes, &end);
            drop(place);
            if matches!(end, End::StopWord) {
                shared.stop(client);
            }
        });
        if let Err(why) = begun {
            server.ledger.closed(client, 0, &End::NoThread(why));
        }
    }
}

/// Sends back what a connection brings until it ends: how many bytes that
/// were, and what ended it.
fn echo(stream: TcpStream, server: &Server) -> (u64, End) {
    let mut bytes = 0;
    let end = echo_stream(&stream, server, &mut bytes);
    let end = end.unwrap_or_else(|why| match why.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => End::Idle(server.idle_timeout),
        _ => End::Failed(cause(&why)),
    });
    // Dropping the stream closes it; what was written before still gets there.
    (bytes, end)
}

fn echo_stream(mut stream: &TcpStream, server: &Server, bytes: &mut u64) -> io::Result<End> {
    stream.set_read_timeout(Some(server.idle_timeout))?;
    stream.set_write_timeout(Some(server.idle_timeout))?;
    let mut watch = server.stop_word.as_ref().map(StopWord::watch);
    let mut buffer = vec![0; 16_384];
    loop {
        let length = match stream.read(&mut buffer) {
            // The client has shut its side down: it will say no more, but it
            // still listens, and everything so far has been written to it.
            Ok(0) if watch.as_ref().is_some_and(Watch::found_at_end) => return Ok(End::StopWord),
            Ok(0) => return Ok(End::Eof),
            Ok(length) => length,
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        };
        // This waits for a client that reads slowly. Meanwhile nothing more is
        // read from it, the kernels' buffers fill up, and then it cannot send:
        // that is how TCP bounds what the two of them have under way.
        stream.write_all(&buffer[..length])?;
        *bytes += length as u64;
        if watch.as_mut().is_some_and(|watch| watch.found_in(&buffer[..length])) {
            return Ok(End::StopWord);
        }
    }
}

impl Server {
    /// Ends the process, and with it all that its threads do.
    fn stop(&self, client: SocketAddr) -> ! {
        self.ledger.stopped_by(client);
        self.ledger.close();
        process::exit(0)
    }
}
