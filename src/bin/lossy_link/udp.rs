//! Over UDP: one socket for all clients, and towards the server a socket for each of them.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use logic::bottleneck::Bottleneck;
use logic::clients::{Clients, MOST};
use logic::impair::{Fate as Drawn, Fates, Impairment, Treatment};
use logic::pace::LOOK_UP;
use socklab::cli::{stop_on_ctrl_c, stopping};
use socklab::clock::At;
use socklab::delay::{self, DelayLine, Departure};
use socklab::ears::{Ears, Heard, last_arrival};
use socklab::errors::{cannot_listen, cause};
use socklab::event::{ErrorSeen, Reporter};
use socklab::sockets::{connect_udp, is_own, no_datagram, own_address};

use crate::args::{Args, Way as Flags};
use crate::event::{Datagram, Ends, Fate, IcmpError, Start, Summary, Totals, Way};
use crate::{NAME, other_than_itself};

/// How soon the thread of a client that was forgotten sees that it was.
const FORGOTTEN: Duration = Duration::from_millis(250);

/// Threads that have not yet seen it, beside those of the clients.
const LINGERING: usize = 64;

/// Passes datagrams on until Ctrl-C.
pub fn run(args: &Args, address: SocketAddr, server: SocketAddr) -> Result<(), String> {
    let link = Arc::new(Link::open(args, address, server)?);
    let mut clients: Clients<Option<(Arc<Client>, Fates)>> = Clients::new();
    let mut buffer = vec![0; 65_536];
    while !stopping() {
        link.settle();
        let (length, from) = match link.near.recv_from(&mut buffer) {
            Ok(received) => received,
            Err(why) => {
                no_datagram(NAME, &why);
                continue;
            }
        };
        // A forged sender: the server's answers would come back here for ever.
        if is_own(link.address, from) {
            continue;
        }
        let (came, datagram) = (last_arrival(&link.near, args.json), &mut buffer[..length]);
        let mut number = 0;
        let (client, _) = clients.heard(from, |its| {
            number = its;
            None
        });
        if client.is_none() {
            match link.client(from, number) {
                Ok(opened) => *client = Some(opened),
                Err(why) => link.no_client(from, came, datagram, why),
            }
        }
        if let Some((client, fates)) = client {
            link.pass(Way::Up, client, fates, datagram, came);
        }
    }
    link.close(clients.seen());
    Ok(())
}

/// What all threads share.
struct Link {
    /// The socket that the clients know.
    near: UdpSocket,
    address: SocketAddr,
    server: SocketAddr,
    reporter: Reporter,
    up: Mutex<Books>,
    down: Mutex<Books>,
    /// Held by each client's thread: so many there are.
    threads: Arc<()>,
}

/// A client, and the socket that stands for it before the server.
struct Client {
    far: UdpSocket,
    ends: Ends,
}

/// One way's plan, what is on it, and what became of the rest.
struct Books {
    plan: Impairment,
    bottleneck: Option<Bottleneck>,
    /// None if nothing ever has to wait.
    line: Option<DelayLine<Passing>>,
    totals: Totals,
    open: bool,
}

/// A datagram under way.
struct Passing {
    link: Arc<Link>,
    client: Arc<Client>,
    datagram: Datagram,
}

fn send(bytes: &[u8], passing: &Passing) -> io::Result<usize> {
    let Passing { link, client, datagram } = passing;
    match datagram.way {
        Way::Down => link.near.send_to(bytes, client.ends.client),
        // It may fail for an ICMP error that answers an earlier one.
        Way::Up => client.far.send(bytes).or_else(|_| client.far.send(bytes)),
    }
}

impl Books {
    fn new(plan: Impairment, flags: &Flags) -> Result<Books, String> {
        let room = flags.queue as usize;
        let bottleneck = flags.rate.map(|rate| Bottleneck::new(rate, room));
        let line = match plan.delays() || bottleneck.is_some() {
            true => Some(DelayLine::sending(send).map_err(|why| format!("no thread: {why}"))?),
            false => None,
        };
        Ok(Books { plan, bottleneck, line, totals: Totals::default(), open: true })
    }

    /// The fate of a datagram is known.
    fn enter(&mut self, datagram: &Datagram, reporter: &Reporter) {
        self.totals.enter(datagram);
        reporter.tell(datagram);
    }

    fn departed(&mut self, departure: Departure<Passing>, reporter: &Reporter) {
        let Departure { whose: Passing { mut datagram, .. }, at, copies, trouble, .. } = departure;
        let sent = copies > 0;
        datagram.fate = if sent { Fate::Passed } else { Fate::Failed };
        datagram.left_ns = sent.then(|| At::from(at));
        (datagram.copies, datagram.why) = (copies, trouble);
        self.enter(&datagram, reporter);
    }

    fn settle(&mut self, reporter: &Reporter) {
        let departures: Vec<_> = self.line.iter().flat_map(DelayLine::departures).collect();
        departures.into_iter().for_each(|departure| self.departed(departure, reporter));
    }

    /// Lets nothing in any more, and tells of what is still under way.
    fn close(&mut self, reporter: &Reporter) -> Totals {
        self.open = false;
        let Some(line) = self.line.take() else { return self.totals };
        let (departures, waiting) = line.close();
        departures.into_iter().for_each(|departure| self.departed(departure, reporter));
        waiting.iter().for_each(|passing| self.enter(&passing.datagram, reporter));
        self.totals
    }
}

impl Link {
    fn open(args: &Args, address: SocketAddr, server: SocketAddr) -> Result<Link, String> {
        let (up, down) = args.ways.plans(args.tcp)?;
        sys::allow_many_files(); // Each client is one.
        let near = UdpSocket::bind(address).map_err(|why| cannot_listen(address, 'u', &why))?;
        sys::whole_datagrams(&near); // macOS would send no more than 9216 bytes.
        near.set_read_timeout(Some(LOOK_UP))
            .map_err(|why| format!("cannot set a timeout: {}", cause(&why)))?;
        let address = own_address(&near)?;
        other_than_itself(address, server)?;
        stop_on_ctrl_c()?;
        let reporter = Reporter::new(args.json, args.quiet);
        let words = args.ways.describe([&up, &down], false);
        reporter.tell_always(&Start::new(address, server, "UDP", words, up.seed));
        let up = Mutex::new(Books::new(up, &args.ways.up)?);
        let down = Mutex::new(Books::new(down, &args.ways.down)?);
        Ok(Link { near, address, server, reporter, up, down, threads: Arc::new(()) })
    }

    /// A new client: a socket of its own towards the server, and a thread that
    /// listens to that; with its fates on the way up.
    fn client(
        self: &Arc<Link>,
        from: SocketAddr,
        number: u64,
    ) -> Result<(Arc<Client>, Fates), String> {
        if Arc::strong_count(&self.threads) > MOST + LINGERING {
            return Err(format!("{MOST} clients are the most"));
        }
        let far = connect_udp(self.server)?;
        // Errors are kept from here on, before anything can have met with one.
        Ears::of(&far, self.server.ip());
        let (near, far_end, server) = (self.address, own_address(&far)?, self.server);
        let ends = Ends { client: from, near, far: Some(far_end), server };
        let client = Arc::new(Client { far, ends });
        let (link, its, living) =
            (Arc::clone(self), Arc::clone(&client), Arc::clone(&self.threads));
        let fates = self.books(Way::Down).plan.fates(Way::Down.draws(number));
        thread::Builder::new()
            .stack_size(256 * 1024)
            .spawn(move || {
                link.listen(&its, fates);
                drop(living);
            })
            .map_err(|why| format!("no thread for it: {}", cause(&why)))?;
        Ok((client, self.books(Way::Up).plan.fates(Way::Up.draws(number))))
    }

    /// Listens to the server for one client, as long as it is not forgotten.
    fn listen(self: &Arc<Link>, client: &Arc<Client>, mut fates: Fates) {
        let mut ears = Ears::of(&client.far, self.server.ip());
        let mut buffer = vec![0; 65_536];
        // The table has it too, and what is still under way.
        while Arc::strong_count(client) > 1 {
            match ears.receive(&mut buffer, FORGOTTEN) {
                Ok(Heard::Datagram(length, arrival)) => {
                    self.pass(
                        Way::Down,
                        client,
                        &mut fates,
                        &mut buffer[..length],
                        arrival.at().into(),
                    );
                }
                Ok(Heard::Error(error)) => self.reporter.tell(&IcmpError {
                    at_ns: error.arrival.at().into(),
                    ends: client.ends,
                    error: ErrorSeen { problem: error.problem, from: error.from },
                }),
                Ok(Heard::Silence(_) | Heard::Interrupted) => {}
                Err(why) => no_datagram(NAME, &why),
            }
        }
    }

    /// A datagram came: decides what becomes of it, and sends it on, now or later.
    fn pass(
        self: &Arc<Link>,
        way: Way,
        client: &Arc<Client>,
        fates: &mut Fates,
        bytes: &mut [u8],
        came: At,
    ) {
        // What left before this came is told before it.
        self.settle();
        let mut books = self.books(way);
        if !books.open {
            return;
        }
        let drawn = books.plan.next_fate(fates);
        let mut datagram = Datagram::new(came, way, fates.requests(), client.ends, bytes);
        let on_the_wire = bytes.len() + headers(self.server);
        let in_queue = match &mut books.bottleneck {
            Some(bottleneck) => bottleneck.enter(Instant::now(), on_the_wire),
            None => Some(Duration::ZERO),
        };
        // Loss is behind the bottleneck: what is lost has taken its time there.
        let treatment = match (in_queue, drawn) {
            (Some(wait), Drawn::Replied(drawn)) => Treatment { delay: drawn.delay + wait, ..drawn },
            (in_queue, _) => {
                datagram.fate = if in_queue.is_none() { Fate::QueueFull } else { Fate::Dropped };
                return books.enter(&datagram, &self.reporter);
            }
        };
        treatment.spoil(bytes);
        (datagram.held, datagram.corrupt) = (treatment.held, treatment.corrupt.is_some());
        let passing = Passing { link: Arc::clone(self), client: Arc::clone(client), datagram };
        let Some(line) = &books.line else {
            let departure = delay::depart(passing, bytes, treatment.copies(), send);
            return books.departed(departure, &self.reporter);
        };
        if let Err(passing) = line.put(bytes.to_vec(), client.ends.client, passing, &treatment) {
            let (fate, why) = (Fate::Failed, Some("the link holds as much as it can".to_string()));
            books.enter(&Datagram { fate, why, ..passing.datagram }, &self.reporter);
        }
    }

    /// A datagram of somebody for whom there is no socket or no thread.
    fn no_client(&self, client: SocketAddr, came: At, bytes: &[u8], why: String) {
        let ends = Ends { client, near: self.address, far: None, server: self.server };
        let (fate, why) = (Fate::Failed, Some(why));
        let datagram = Datagram { fate, why, ..Datagram::new(came, Way::Up, 0, ends, bytes) };
        self.books(Way::Up).enter(&datagram, &self.reporter);
    }

    fn books(&self, way: Way) -> MutexGuard<'_, Books> {
        let books = if way == Way::Up { &self.up } else { &self.down };
        // The sums are whole even if a thread panicked while it held the lock.
        books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of the delayed datagrams that have left meanwhile.
    fn settle(&self) {
        for way in [Way::Up, Way::Down] {
            self.books(way).settle(&self.reporter);
        }
    }

    fn close(&self, clients_seen: u64) {
        let [up, down] = [Way::Up, Way::Down].map(|way| self.books(way).close(&self.reporter));
        let (at_ns, listening, server) = (At::now(), self.address, self.server);
        self.reporter.tell_always(&Summary { at_ns, clients_seen, up, down, listening, server });
    }
}

/// What the headers of IP and UDP take, in bytes.
fn headers(server: SocketAddr) -> usize {
    if server.is_ipv4() { 20 + 8 } else { 40 + 8 }
}
