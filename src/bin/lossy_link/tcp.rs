//! Over TCP: two connections for each client, and a thread for each way between them.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use logic::impair::Impairment;
use logic::pace::LOOK_UP;
use socklab::cli;
use socklab::clock::At;
use socklab::errors::{cannot_listen, cause};
use socklab::event::Reporter;
use socklab::output;
use socklab::places::Places;
use socklab::sockets::is_own;

use crate::NAME;
use crate::args::{Args, Way as Flags};
use crate::event::{Ends, Start, Way};
use crate::stream::{Both, reset_when_closed};
use crate::tcp_event::{Connection, Streams};

/// The most clients at once; the next ones are reset.
const MOST: usize = 256;
/// The server has this long to accept.
const PATIENCE: Duration = Duration::from_secs(10);
/// How soon a thread that waits for one side sees that the other is gone.
const LOOK_AROUND: Duration = Duration::from_millis(250);
/// Of a thread; otherwise it would be 2 MiB.
pub const STACK: usize = 256 * 1024;

/// Passes streams on, until Ctrl-C ends the process.
pub fn run(args: &Args, address: SocketAddr, server: SocketAddr) -> Result<(), String> {
    let (up, down) = args.ways.plans(args.tcp)?;
    sys::allow_many_files(); // Each client is two.
    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    let address = listener.local_addr().map_err(|why| cannot_listen(address, 't', &why))?;
    if is_own(address, server) {
        return Err(format!("--to {server} is this link itself; give the server's address"));
    }
    let words = args.ways.describe([&up, &down], true);
    let start = Start::new(address, server, "TCP", words, up.seed);
    let reporter = Reporter::new(args.json, args.quiet);
    let totals = Mutex::new(Streams::new(address, server));
    let plans = [(up, args.ways.up.clone()), (down, args.ways.down.clone())];
    let link = Arc::new(Link { server, plans, reporter, totals });
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
            link.not_connected(near, ends, connection, format!("{MOST} clients are the most"));
            continue;
        };
        let own = Arc::clone(&link);
        let thread = thread::Builder::new().stack_size(STACK).spawn(move || {
            own.serve(near, ends, connection);
            drop(place);
        });
        if let Err(why) = thread {
            // The connection went into the thread that never was, and is closed.
            output::complain(NAME, &format!("no thread for {client}: {}", cause(&why)));
        }
    }
}

/// What all threads share.
pub struct Link {
    server: SocketAddr,
    /// Up, and down.
    pub plans: [(Impairment, Flags); 2],
    pub reporter: Reporter,
    totals: Mutex<Streams>,
}

impl Link {
    pub fn totals(&self) -> MutexGuard<'_, Streams> {
        // The sums are whole even if a thread panicked while it held the lock.
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accepted(&self) -> u64 {
        let mut totals = self.totals();
        totals.connections += 1;
        totals.connections
    }

    fn not_connected(&self, near: TcpStream, ends: Ends, connection: u64, why: String) {
        self.totals().not_connected += 1;
        self.reporter.tell(&Connection::NotConnected { at_ns: At::now(), connection, ends, why });
        // As near to "refused" as can be, once a connection was accepted.
        reset_when_closed(&near);
    }

    /// Connects a client with the server, and carries what they say.
    fn serve(&self, near: TcpStream, mut ends: Ends, connection: u64) {
        let far = TcpStream::connect_timeout(&self.server, PATIENCE);
        let far = match far.and_then(|far| prepared(&near).and(prepared(&far)).and(Ok(far))) {
            Ok(far) => far,
            Err(why) => {
                let why = format!("{} cannot be reached: {}", self.server, cause(&why));
                return self.not_connected(near, ends, connection, why);
            }
        };
        ends.far = far.local_addr().ok();
        self.reporter.tell(&Connection::Connected { at_ns: At::now(), connection, ends });
        let both = Both::new(self, near, far, ends, connection);
        thread::scope(|scope| {
            let down = thread::Builder::new().stack_size(STACK);
            match down.spawn_scoped(scope, || both.carry(Way::Down)) {
                Ok(_) => both.carry(Way::Up),
                Err(why) => both.reset(Way::Down, 0, &why),
            }
        });
    }

    fn close(&self) {
        let mut totals = self.totals();
        totals.at_ns = At::now();
        self.reporter.tell_always(&*totals);
    }
}

/// Small pieces leave at once, and a call that waits looks around now and then.
fn prepared(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LOOK_AROUND))?;
    stream.set_write_timeout(Some(LOOK_AROUND))
}
