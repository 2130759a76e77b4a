//! A delay line: a thread that sends each datagram when its time has come, while the receiver goes on receiving.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::errors::cause;
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

struct Entry<T> {
    client: SocketAddr,
    whose: T,
    reply: Vec<u8>,
    copies: u64,
    held: bool,
}

/// A reply that has left the line.
#[derive(Debug)]
pub struct Departure<T = Whose> {
    pub whose: T,
    /// Just before it was sent.
    pub at: Instant,
    pub bytes: usize,
    /// How many copies were sent.
    pub copies: u64,
    /// Why no copy was sent, or not all of them.
    pub trouble: Option<String>,
}

/// Sends a reply, in as many copies, by calling `send` for each.
pub fn depart<T>(
    whose: T,
    reply: &[u8],
    copies: u64,
    send: impl Fn(&[u8], &T) -> io::Result<usize>,
) -> Departure<T> {
    let (at, bytes) = (Instant::now(), reply.len());
    let outcomes = (0..copies).map(|_| send(reply, &whose));
    let (sent, failed): (Vec<_>, Vec<_>) = outcomes.partition(Result::is_ok);
    let trouble = failed.into_iter().find_map(Result::err).map(|why| cause(&why));
    Departure { whose, at, bytes, copies: sent.len() as u64, trouble }
}

/// The line's entrance and its record of what has left it. `T` goes with each
/// reply, and comes back when it has left.
pub struct DelayLine<T = Whose> {
    entrance: Sender<(Instant, Entry<T>)>,
    departures: Receiver<Departure<T>>,
    /// The bytes of all replies that wait.
    load: Arc<AtomicUsize>,
    thread: JoinHandle<Vec<T>>,
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
    pub fn new(socket: &UdpSocket) -> io::Result<DelayLine> {
        let socket = socket.try_clone()?;
        DelayLine::sending(move |reply, whose: &Whose| socket.send_to(reply, whose.client))
    }
}

impl<T: Send + 'static> DelayLine<T> {
    /// Starts the thread, which sends by calling `send` for each copy.
    ///
    /// # Errors
    /// The operating system gave no thread.
    pub fn sending(
        send: impl Fn(&[u8], &T) -> io::Result<usize> + Send + 'static,
    ) -> io::Result<DelayLine<T>> {
        let (entrance, exit) = mpsc::channel();
        let (left, departures) = mpsc::channel();
        let load = Arc::new(AtomicUsize::new(0));
        let line = Line { send, left, load: load.clone() };
        let thread = thread::Builder::new()
            .name("delay line".to_string())
            .spawn(move || line.send_in_time(&exit))?;
        Ok(DelayLine { entrance, departures, load, thread })
    }

    /// Takes a reply to a client that arrived now, to be sent as `treatment`
    /// says.
    ///
    /// # Errors
    /// The line has no room, and the reply is not taken.
    pub fn put(
        &self,
        reply: Vec<u8>,
        client: SocketAddr,
        whose: T,
        treatment: &Treatment,
    ) -> Result<(), T> {
        let size = reply.len() + OVERHEAD;
        if self.load.fetch_add(size, Ordering::Relaxed) + size > ROOM {
            self.load.fetch_sub(size, Ordering::Relaxed);
            return Err(whose);
        }
        let held = if treatment.held { HELD_AT_MOST } else { Duration::ZERO };
        let due = Instant::now() + treatment.delay + held;
        let (copies, held) = (treatment.copies(), treatment.held);
        let entry = Entry { client, whose, reply, copies, held };
        // The thread is there as long as the entrance is.
        self.entrance.send((due, entry)).map_err(|entry| entry.0.1.whose)
    }

    /// The replies that have left since this was last asked.
    pub fn departures(&self) -> impl Iterator<Item = Departure<T>> + '_ {
        self.departures.try_iter()
    }

    /// Stops the thread. Returns the replies that have left since
    /// [`departures`](DelayLine::departures) was last asked, and those that are
    /// still in the line, and lost.
    pub fn close(self) -> (Vec<Departure<T>>, Vec<T>) {
        drop(self.entrance);
        // It cannot have panicked: nothing in it does.
        let waiting = self.thread.join().unwrap_or_default();
        (self.departures.try_iter().collect(), waiting)
    }
}

/// A reply's place in the line: when it is due, and among equals its number
/// in the order of arrival.
type Place = (Instant, u64);

/// The thread's side.
struct Line<T, F> {
    send: F,
    left: Sender<Departure<T>>,
    load: Arc<AtomicUsize>,
}

impl<T, F: Fn(&[u8], &T) -> io::Result<usize>> Line<T, F> {
    /// Sleeps until the next reply is due or a new one comes in, and ends when
    /// the entrance is gone.
    fn send_in_time(&self, exit: &Receiver<(Instant, Entry<T>)>) -> Vec<T> {
        let mut waiting: BTreeMap<Place, Entry<T>> = BTreeMap::new();
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
                        held.entry(entry.client).or_default().push((due, arrivals));
                    }
                    waiting.insert((due, arrivals), entry);
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return waiting.into_values().map(|entry| entry.whose).collect();
                }
                Err(RecvTimeoutError::Timeout) => {
                    let Some((place, entry)) = waiting.pop_first() else { continue };
                    let (client, was_held) = (entry.client, entry.held);
                    self.send(entry);
                    // Those of its client that were held to be overtaken by it follow.
                    let Some(places) = held.get_mut(&client) else { continue };
                    let follow =
                        |other: &mut Place| *other == place || !was_held && other.1 < place.1;
                    for overtaken in places.extract_if(.., follow) {
                        if let Some(entry) = waiting.remove(&overtaken) {
                            self.send(entry);
                        }
                    }
                    if places.is_empty() {
                        held.remove(&client);
                    }
                }
            }
        }
    }

    fn send(&self, entry: Entry<T>) {
        let departure = depart(entry.whose, &entry.reply, entry.copies, &self.send);
        self.load.fetch_sub(entry.reply.len() + OVERHEAD, Ordering::Relaxed);
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

    fn put(line: &DelayLine, reply: Vec<u8>, to: Whose, treatment: &Treatment) -> bool {
        line.put(reply, to.client, to, treatment).is_ok()
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
            assert!(put(&line, reply.to_vec(), to, &after(Duration::from_millis(ms))));
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
        assert!(put(&line, b"1".to_vec(), to, &held));
        assert!(put(&line, b"2".to_vec(), to, &after(Duration::ZERO)));
        assert!(put(&line, b"3".to_vec(), to, &after(Duration::from_millis(100))));
        assert_eq!([next(&peer), next(&peer), next(&peer)], [b"2", b"1", b"3"]);
    }

    #[test]
    fn a_held_reply_that_nothing_overtakes_leaves_all_the_same() {
        let (line, peer) = line();
        let to = whose(&peer);
        let held = Treatment { held: true, ..Treatment::default() };
        let start = Instant::now();
        assert!(put(&line, b"1".to_vec(), to, &held));
        assert_eq!(next(&peer), b"1");
        assert!(start.elapsed() >= HELD_AT_MOST);
    }

    #[test]
    fn a_reply_is_sent_twice_if_it_should_be() {
        let (line, peer) = line();
        let to = whose(&peer);
        let twice = Treatment { twice: true, ..Treatment::default() };
        assert!(put(&line, b"x".to_vec(), to, &twice));
        assert_eq!([next(&peer), next(&peer)], [b"x", b"x"]);
        let (departures, _) = line.close();
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
        assert!(put(&line, b"x".to_vec(), Whose { client, number: 1, request: 1 }, &twice));
        let departure = line.departures.recv_timeout(Duration::from_secs(60)).unwrap();
        assert_eq!(departure.copies, 0);
        assert!(departure.trouble.is_some());
        assert!(line.close().0.is_empty());
    }

    #[test]
    fn what_still_waits_at_the_end_has_not_departed() {
        let (line, peer) = line();
        assert!(put(&line, b"x".to_vec(), whose(&peer), &after(Duration::from_secs(3600))));
        let (departed, waiting) = line.close();
        assert!(departed.is_empty());
        assert_eq!(waiting, [whose(&peer)]);
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let (line, peer) = line();
        let to = whose(&peer);
        let reply = vec![0; 65_507];
        let taken = (0..2000)
            .filter(|_| put(&line, reply.clone(), to, &after(Duration::from_secs(60))))
            .count();
        assert_eq!(taken, ROOM / (65_507 + OVERHEAD));
    }
}
