//! A delay line: a thread that sends each reply when its time has come, while the receiver goes on receiving.

use std::collections::{BTreeMap, HashMap};
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::impair::{Impairment, Treatment};

/// A reply held back to be overtaken leaves after this time even if nothing
/// overtakes it.
const HELD_AT_MOST: Duration = Duration::from_millis(200);

/// All replies that wait have at most so many bytes together, so that a
/// flood with a long delay cannot fill the memory.
const ROOM: usize = 64 << 20;

/// What a waiting reply takes beside its bytes, roughly.
const OVERHEAD: usize = 128;

struct Entry {
    to: SocketAddr,
    reply: Vec<u8>,
    copies: u8,
    held: bool,
}

/// How full the line is, and what went wrong in it: read by the entrance,
/// written by both ends.
#[derive(Default)]
struct Load {
    bytes: AtomicUsize,
    waiting: AtomicU64,
    failed: AtomicU64,
}

/// The line's entrance. Replies still in it when it is dropped are lost.
pub struct DelayLine {
    entrance: Sender<(Instant, Entry)>,
    load: Arc<Load>,
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
        let load = Arc::new(Load::default());
        let line = DelayLine { entrance, load: load.clone() };
        thread::Builder::new()
            .name("delay line".to_string())
            .spawn(move || send_in_time(&socket, &exit, &load))?;
        Ok(line)
    }

    /// Takes a reply that arrived now, to be sent as `treatment` says. False,
    /// and the reply is not taken, when the line has no room.
    pub fn put(&self, reply: &[u8], to: SocketAddr, treatment: &Treatment) -> bool {
        let size = reply.len() + OVERHEAD;
        if self.load.bytes.fetch_add(size, Ordering::Relaxed) + size > ROOM {
            self.load.bytes.fetch_sub(size, Ordering::Relaxed);
            return false;
        }
        let mut due = Instant::now() + treatment.delay;
        if treatment.held {
            due += HELD_AT_MOST;
        }
        let entry = Entry {
            to,
            reply: reply.to_vec(),
            copies: 1 + u8::from(treatment.twice),
            held: treatment.held,
        };
        self.load.waiting.fetch_add(1, Ordering::Relaxed);
        self.entrance.send((due, entry)).is_ok()
    }

    /// How many replies wait for their time.
    pub fn waiting(&self) -> u64 {
        self.load.waiting.load(Ordering::Relaxed)
    }

    /// How many replies the operating system refused to send.
    pub fn failed(&self) -> u64 {
        self.load.failed.load(Ordering::Relaxed)
    }
}

/// A reply's place in the line: when it is due, and among equals its number
/// in the order of arrival.
type Place = (Instant, u64);

/// The thread: sleeps until the next reply is due or a new one comes in, and
/// ends when the entrance is gone.
fn send_in_time(socket: &UdpSocket, exit: &Receiver<(Instant, Entry)>, load: &Load) {
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
                    held.entry(entry.to).or_default().push((due, arrivals));
                }
                waiting.insert((due, arrivals), entry);
            }
            Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {
                let Some((place, entry)) = waiting.pop_first() else { continue };
                send(socket, &entry, load);
                // Those of its client that were held to be overtaken by it follow.
                let Some(places) = held.get_mut(&entry.to) else { continue };
                let follow =
                    |other: &mut Place| *other == place || !entry.held && other.1 < place.1;
                for overtaken in places.extract_if(.., follow) {
                    if let Some(entry) = waiting.remove(&overtaken) {
                        send(socket, &entry, load);
                    }
                }
                if places.is_empty() {
                    held.remove(&entry.to);
                }
            }
        }
    }
}

fn send(socket: &UdpSocket, entry: &Entry, load: &Load) {
    for _ in 0..entry.copies {
        if socket.send_to(&entry.reply, entry.to).is_err() {
            load.failed.fetch_add(1, Ordering::Relaxed);
        }
    }
    load.waiting.fetch_sub(1, Ordering::Relaxed);
    load.bytes.fetch_sub(entry.reply.len() + OVERHEAD, Ordering::Relaxed);
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

    fn after(delay: Duration) -> Treatment {
        Treatment { delay, ..Treatment::default() }
    }

    #[test]
    fn replies_leave_in_the_order_in_which_they_are_due_and_not_before() {
        let (line, peer) = line();
        let to = peer.local_addr().unwrap();
        let start = Instant::now();
        for (reply, ms) in [(b"c", 300), (b"a", 50), (b"b", 150)] {
            assert!(line.put(reply, to, &after(Duration::from_millis(ms))));
        }
        for (reply, ms) in [(b"a", 50), (b"b", 150), (b"c", 300)] {
            assert_eq!(next(&peer), reply);
            assert!(start.elapsed() >= Duration::from_millis(ms));
        }
    }

    #[test]
    fn a_held_reply_is_overtaken_by_the_next_one() {
        let (line, peer) = line();
        let to = peer.local_addr().unwrap();
        let held = Treatment { held: true, ..Treatment::default() };
        assert!(line.put(b"1", to, &held));
        assert!(line.put(b"2", to, &after(Duration::ZERO)));
        assert!(line.put(b"3", to, &after(Duration::from_millis(100))));
        assert_eq!([next(&peer), next(&peer), next(&peer)], [b"2", b"1", b"3"]);
    }

    #[test]
    fn a_held_reply_that_nothing_overtakes_leaves_all_the_same() {
        let (line, peer) = line();
        let to = peer.local_addr().unwrap();
        let held = Treatment { held: true, ..Treatment::default() };
        let start = Instant::now();
        assert!(line.put(b"1", to, &held));
        assert_eq!(next(&peer), b"1");
        assert!(start.elapsed() >= HELD_AT_MOST);
    }

    #[test]
    fn a_reply_is_sent_twice_if_it_should_be() {
        let (line, peer) = line();
        let to = peer.local_addr().unwrap();
        let twice = Treatment { twice: true, ..Treatment::default() };
        assert!(line.put(b"x", to, &twice));
        assert_eq!([next(&peer), next(&peer)], [b"x", b"x"]);
    }

    #[test]
    fn a_full_line_takes_no_more() {
        let (line, peer) = line();
        let to = peer.local_addr().unwrap();
        let reply = vec![0; 65_507];
        let taken =
            (0..2000).filter(|_| line.put(&reply, to, &after(Duration::from_secs(60)))).count();
        assert_eq!(taken, ROOM / (65_507 + OVERHEAD));
    }
}
