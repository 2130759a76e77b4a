//! Over TCP: two connections for each client, and a thread for each way between them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use logic::pace::LOOK_UP;
use socklab::cli;
use socklab::clock::At;
use socklab::errors::{cannot_listen, cause};
use socklab::event::Reporter;
use socklab::output;
use socklab::places::Places;

use crate::args::Args;
use crate::event::{Ends, Start, Way};
use crate::link::{Link, STACK};
use crate::stream::{Both, reset_when_closed};
use crate::tcp_event::{Connection, Streams};
use crate::{NAME, other_than_itself};

/// The most clients at once; the next ones are reset.
const MOST: usize = 256;
/// The server has this long to accept.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a thread that waits for one side sees that the other is gone.
const LOOK_AROUND: Duration = Duration::from_millis(250);

/// Passes streams on, until Ctrl-C ends the process.
pub fn run(args: &Args, address: SocketAddr, server: SocketAddr) -> Result<(), String> {
    let (up, down) = args.ways.plans(args.tcp)?;
    sys::allow_many_files(); // Each client is two.
    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    let address = listener.local_addr().map_err(|why| cannot_listen(address, 't', &why))?;
    other_than_itself(address, server)?;
    let words = args.ways.describe([&up, &down], true);
    let start = Start::new(address, server, "TCP", words, up.seed);
    let reporter = Reporter::new(args.json, args.quiet);
    let totals = Streams::new(address, server);
    let plans = [(up, args.ways.up.clone()), (down, args.ways.down.clone())];
    let link = Arc::new(Link::new(server, plans, reporter, totals));
    let at_the_end = Arc::clone(&link);
    cli::end_on_ctrl_c(move || at_the_end.close())?;
    link.reporter.tell_always(&start);

    let places = Places::new(MOST);
    loop {
        let (near, client) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(why) => {
                output::complain(NAME, &format!("cannot accept: {}; retrying", cause(&why)));
                thread::sleep(LOOK_UP);
                continue;
            }
        };
        let connection = link.accepted();
        let ends = Ends { client, near: address, far: None, server };
        let Some(place) = places.take() else {
            not_connected(&link, near, ends, connection, format!("{MOST} clients are the most"));
            continue;
        };
        let own = Arc::clone(&link);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            serve(&own, near, ends, connection);
            drop(place);
        });
        if let Err(why) = thread {
            // The connection went into the thread that never was, and is closed.
            output::complain(NAME, &format!("no thread for {client}: {}", cause(&why)));
        }
    }
}

fn not_connected(link: &Link, near: TcpStream, ends: Ends, connection: u64, why: String) {
    link.totals().not_connected += 1;
    link.reporter.tell(&Connection::NotConnected { at_ns: At::now(), connection, ends, why });
    // As near to "refused" as can be, once a connection was accepted.
    reset_when_closed(&near);
}

/// Connects a client with the server, and carries what they say.
fn serve(link: &Link, near: TcpStream, mut ends: Ends, connection: u64) {
    let far = TcpStream::connect_timeout(&link.server, PATIENCE);
    let far = match far.and_then(|far| prepared(&near).and(prepared(&far)).and(Ok(far))) {
        Ok(far) => far,
        Err(why) => {
            let why = format!("{} cannot be reached: {}", link.server, cause(&why));
            return not_connected(link, near, ends, connection, why);
        }
    };
    ends.far = far.local_addr().ok();
    link.reporter.tell(&Connection::Connected { at_ns: At::now(), connection, ends });
    let both = Both::new(link, near, far, ends, connection);
    thread::scope(|scope| {
        let down = thread::Builder::new().stack_size(STACK);
        match down.spawn_scoped(scope, || both.carry(Way::Down)) {
            Ok(_) => both.carry(Way::Up),
            Err(why) => both.reset(Way::Down, 0, &why),
        }
    });
}

/// Small pieces leave at once, and a call that waits looks around now and then.
fn prepared(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK_AROUND))?;
    stream.set_write_timeout(Some(LOOK_AROUND))
}
