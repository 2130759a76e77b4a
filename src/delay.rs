//! A delay line: a thread that sends each reply when its time has come, while the receiver goes on receiving.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::endpoint::cause;
use logic::impair::{Impairment, Treatment};

/// A reply held back to be overtaken leaves after this time even if nothing
/// overtakes it.
pub const HELD_AT_MOST: Duration = Duration::from_millis(200);

/// All replies that wait have at most so many bytes together, so that a
/// flood with a long delay cannot fill the memory.
const ROOM: usize = 64 << 20;

/// What a waiting reply takes beside its bytes, roughly.
const OVERHEAD: usize = 128;

/// Whose reply it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Whose {
    pub client: SocketAddr,
    /// The client's number: an address that was forgotten may come back as a new client.
    pub number: u64,
    /// The number of the request among the client's.
    pub request: u64,
}

struct Entry {
    whose: Whose,
    reply: Vec<u8>,
    copies: u64,
    held: bool,
}

/// A reply that has left the line.
#[derive(Debug)]
pub struct Departure {
    pub whose: Whose,
    /// Just before it was sent.
    pub at: Instant,
    pub bytes: usize,
    /// How many copies were sent.
    pub copies: u64,
    /// Why no copy was sent, or not all of them.
    pub trouble: Option<String>,
}

/// The line's entrance and its record of what has left it.
pub struct DelayLine {
    entrance: Sender<(Instant, Entry)>,
    departures: Receiver<Departure>,
    /// The bytes of all replies that wait.
    load: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

impl DelayLine {
    /// A line, if some reply may have to leave later than at once.
    ///
    /// # Errors
    /// One line for a person.
    pub fn if_needed(plan: &Impairment, socket: &UdpSocket) -> Result<Option<DelayLine>, String> {
        if !plan.delays() {
            return Ok(None);
        }
        DelayLine::new(socket).map(Some).map_err(|why| format!("cannot delay replies: {why}"))
    }

    /// Starts the thread, which sends from `socket`.
    ///
    /// # Errors
    /// The operating system gave no second handle for the socket, or no thread.
    pub fn new(socket: &UdpSocket) -> std::io::Result<DelayLine> {
        let socket = socket.try_clone()?;
        let (entrance, exit) = mpsc::channel();
        let (left, departures) = mpsc::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let line = Line { socket, left, load: load.clone() };
        let thread = thread::Builder::new()
            .name("delay line".to_string())
            .spawn(move || line.send_in_time(&exit))?;
        Ok(DelayLine { entrance, departures, load, thread })
    }

    /// Takes a reply that arrived now, to be sent as `treatment` says. False,
    /// and the reply is not taken, when the line has no room.
    pub fn put(&self, reply: Vec<u8>, whose: Whose, treatment: &Treatment) -> bool {
        let size = reply.len() + OVERHEAD;
        if self.load.fetch_add(size, Ordering::Relaxed) + size > ROOM {
            self.load.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        let held = if treatment.held { HELD_AT_MOST } else { Duration::ZERO };
        let due = Instant::now() + treatment.delay + held;
        let entry = Entry { whose, reply, copies: treatment.copies(), held: treatment.held };
        self.entrance.send((due, entry)).is_ok()
    }

    /// The replies that have left since this was last asked.
    pub fn departures(&self) -> impl Iterator<Item = Departure> + '_ {
        self.departures.try_iter()
    }

    /// Stops the thread; replies still in the line are lost. Returns those that
    /// have left since [`departures`](DelayLine::departures) was last asked.
    pub fn close(self) -> Vec<Departure> {
        drop(self.entrance);
        // It cannot have panicked: nothing in it does.
        let _ = self.thread.join();
        self.departures.try_iter().collect()
    }
}

/// A reply's place in the line: when it is due, and among equals its number
/// in the order of arrival.
type Place = (Instant, u64);

/// The thread's side.
struct Line {
    socket: UdpSocket,
    left: Sender<Departure>,
    load: Arc<AtomicUsize>,
}

impl Line {
    /// Sleeps until the next reply is due or a new one comes in, and ends when
    /// the entrance is gone.
    fn send_in_time(&self, exit: &Receiver<(Instant, Entry)>) {
        let mut waiting: BTreeMap<Place, Entry> = BTreeMap::new();
        let mut held: HashMap<SocketAddr, Vec<Place>> = HashMap::new();
        let mut arrivals = 0;
        loop {
            let patience = match waiting.first_key_value() {
                Some(((due, _), _)) => due.saturating_duration_since(Instant::now()),
                None => Duration::from_secs(3600),
            };
            match exit.recv_timeout(patience) {
                Ok((due, entry)) => {
                    arrivals += 1;
                    if entry.held {
                        held.entry(entry.whose.client).or_default().push((due, arrivals));
                    }
                    waiting.insert((due, arrivals), entry);
                }
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    let Some((place, entry)) = waiting.pop_first() else { continue };
                    self.send(&entry);
                    // Those of its client that were held to be overtaken by it follow.
                    let Some(places) = held.get_mut(&entry.whose.client) else { continue };
                    let follow =
                        |other: &mut Place| *other == place || !entry.held && other.1 < place.1;
                    for overtaken in places.extract_if(.., follow) {
                        if let Some(entry) = waiting.remove(&overtaken) {
                            self.send(&entry);
                        }
                    }
                    if places.is_empty() {
                        held.remove(&entry.whose.client);
                    }
                }
            }
        }
    }

    fn send(&self, entry: &Entry) {
        let Entry { whose, reply, copies, .. } = entry;
        let (at, bytes) = (Instant::now(), reply.len());
        let outcomes = (0..*copies).map(|_| self.socket.send_to(reply, whose.client));
        let (sent, failed): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
        let trouble = failed.into_iter().find_map(Result::err).map(|why| cause(&why));
        self.load.fetch_sub(bytes + OVERHEAD, Ordering::Relaxed);
        let departure = Departure { whose: *whose, at, bytes, copies: sent.len() as u64, trouble };
        // Nobody is left to hear of it once the server has ended.
        let _ = self.left.send(departure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line, its peer, and a way to read what the peer gets next.
    fn line() -> (DelayLine, UdpSocket) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        peer.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        (DelayLine::new(&socket).unwrap(), peer)
    }

    fn next(peer: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 100];
        let length = peer.recv(&mut buffer).unwrap();
        buffer[..length].to_vec()
    }

    fn whose(peer: &UdpSocket) -> Whose {
        Whose { client: peer.local_addr().unwrap(), number: 1, request: 1 }
    }

    fn after(delay: Duration) -> Treatment {
        Treatment { delay, ..Treatment::default() }
    }

    #[test]
    fn replies_leave_in_the_order_in_which_they_are_due_and_not_before() {
        let (line, peer) = line();
        let to = whose(&peer);
        let start = Instant::now();
        for (reply, ms) in [(b"c", 300), (b"a", 50), (b"b", 150)] {
            assert!(line.put(reply.to_vec(), to, &after(Duration::from_millis(ms))));
        }
        for (reply, ms) in [(b"a", 50), (b"b", 150), (b"c", 300)] {
            assert_eq!(next(&peer), reply);
            assert!(start.elapsed() >= Duration::from_millis(ms));
        }
    }

    #[test]
    fn a_held_reply_is_overtaken_by_the_next_one() {
        let (line, peer) = line();
        let to = whose(&peer);
        let held = Treatment { held: true, ..Treatment::default() };
        assert!(line.put(b"1".to_vec(), to, &held));
        assert!(line.put(b"2".to_vec(), to, &after(Duration::ZERO)));
        assert!(line.put(b"3".to_vec(), to, &after(Duration::from_millis(100))));
        assert_eq!([next(&peer), next(&peer), next(&peer)], [b"2", b"1", b"3"]);
    }

    #[test]
    fn a_held_reply_that_nothing_overtakes_leaves_all_the_same() {
        let (line, peer) = line();
        let to = whose(&peer);
        let held = Treatment { held: true, ..Treatment::default() };
        let start = Instant::now();
        assert!(line.put(b"1".to_vec(), to, &held));
        assert_eq!(next(&peer), b"1");
        assert!(start.elapsed() >= HELD_AT_MOST);
    }

    #[test]
    fn a_reply_is_sent_twice_if_it_should_be() {
        let (line, peer) = line();
        let to = whose(&peer);
        let twice = Treatment { twice: true, ..Treatment::default() };
        assert!(line.put(b"x".to_vec(), to, &twice));
        assert_eq!([next(&peer), next(&peer)], [b"x", b"x"]);
        let departures = line.close();
        let [departure] = &departures[..] else { panic!("{departures:?}") };
        assert_eq!((departure.copies, departure.bytes, departure.whose), (2, 1, to));
        assert_eq!(departure.trouble, None);
    }

    #[test]
    fn a_reply_that_cannot_be_sent_departs_once_with_the_reason() {
        let (line, _peer) = line();
        // A socket of loopback sends nothing to the outside.
        let client = SocketAddr::from(([192, 0, 2, 1], 7));
        let twice = Treatment { twice: true, ..Treatment::default() };
        assert!(line.put(b"x".to_vec(), Whose { client, number: 1, request: 1 }, &twice));
        let departure = line.departures.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(departure.copies, 0);
        assert!(departure.trouble.is_some());
        assert!(line.close().is_empty());
    }

    #[test]
    fn what_still_waits_at_the_end_has_not_departed() {
        let (line, peer) = line();
        assert!(line.put(b"x".to_vec(), whose(&peer), &after(Duration::from_secs(3600))));
        assert!(line.close().is_empty());
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let (line, peer) = line();
        let to = whose(&peer);
        let reply = vec![0; 65_507];
        let taken = (0..2000)
            .filter(|_| line.put(reply.clone(), to, &after(Duration::from_secs(60))))
            .count();
        assert_eq!(taken, ROOM / (65_507 + OVERHEAD));
    }
}
