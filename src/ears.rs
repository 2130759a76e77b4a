//! What a connected UDP socket can hear: a datagram, an ICMP error in its place, or nothing.
//!
//! On its own, such a socket hears only of hard errors, such as "port
//! unreachable", and only that there was one: a call on the socket fails, with
//! ECONNREFUSED. With the error queue (Linux: ip(7), IP_RECVERR) it hears of
//! soft ones too, and may take each error from the queue: its type and code,
//! who sent it, and the beginning of the datagram that met with it. That takes
//! no privilege.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::{Duration, Instant};

use crate::clock::{self, At};
use crate::error_queue::{ErrorQueue, Instead};
use logic::arrival::Arrival;
use packets::icmp::Version;
use packets::icmp_error::Problem;

pub use crate::error_queue::IcmpError;

/// What came of listening.
#[derive(Debug)]
pub enum Heard {
    /// A datagram came: its length, and when. Its bytes are in the buffer.
    Datagram(usize, Arrival),
    /// An ICMP error came in place of a reply.
    Error(IcmpError),
    /// Nothing came in time, and at this moment nothing was left to read: what
    /// was due by then did not come. Later ones may have come since, and may be
    /// in time: this program may have been put aside for long.
    Silence(Instant),
    /// The wait was cut short, by a signal or by an error that was told before.
    /// What has come in meanwhile is not known.
    Interrupted,
}

/// The ears of a connected socket.
#[derive(Debug)]
pub struct Ears<'a> {
    socket: &'a UdpSocket,
    version: Version,
    /// Whether the kernel stamps what comes in.
    pub kernel_stamps: bool,
    /// Whether there is an error queue. Without it, ECONNREFUSED has to do.
    queued: bool,
    queue: ErrorQueue,
    /// Without a queue: an error that a `send` met with, and that is not yet told.
    unqueued: Option<Problem>,
}

impl<'a> Ears<'a> {
    /// Asks for the kernel's receive stamps and for the error queue, where the
    /// system has them. `server` is the socket's peer.
    pub fn of(socket: &'a UdpSocket, server: IpAddr) -> Ears<'a> {
        let version = Version::of(server);
        Ears {
            socket,
            version,
            kernel_stamps: sys::stamp_arrivals(socket),
            queued: sys::queue_errors(socket, version),
            queue: ErrorQueue::default(),
            unqueued: None,
        }
    }

    /// Waits for something to be heard, but no longer than `time`; a datagram
    /// is read into `buffer`.
    ///
    /// # Errors
    /// Those of recvmsg(2) that no ICMP error explains.
    pub fn receive(&mut self, buffer: &mut [u8], time: Duration) -> io::Result<Heard> {
        if let Some(problem) = self.unqueued.take() {
            return Ok(Heard::Error(told_without_a_queue(problem)));
        }
        if let Some(error) = self.queue.oldest() {
            return Ok(Heard::Error(error));
        }
        let asked = Instant::now();
        let why = match sys::receive(self.socket, buffer, time) {
            Ok((length, stamp)) => return Ok(Heard::Datagram(length, clock::arrival(stamp))),
            Err(why) => why,
        };
        if let Some(problem) = self.unqueued(&why) {
            return Ok(Heard::Error(told_without_a_queue(problem)));
        }
        Ok(match self.queue.instead(self.socket, why)? {
            Instead::Error(error) => Heard::Error(error),
            Instead::Silence => Heard::Silence(asked),
            Instead::Interrupted => Heard::Interrupted,
        })
    }

    /// A call on the socket, such as `send`, failed with `why`: true if the
    /// reason is an ICMP error that answers an *earlier* datagram. The next
    /// [`receive`](Ears::receive) tells it; the call has done nothing, and may
    /// be made again.
    pub fn excuse(&mut self, why: &io::Error) -> bool {
        if let Some(problem) = self.unqueued(why) {
            self.unqueued = Some(problem);
            return true;
        }
        self.queue.excuses(self.socket, why)
    }

    /// The error behind `why`, where there is no queue to say more.
    fn unqueued(&self, why: &io::Error) -> Option<Problem> {
        if self.queued { None } else { sys::problem_behind(why, self.version) }
    }
}

/// An error of which the system tells neither who sent it nor what it answers.
fn told_without_a_queue(problem: Problem) -> IcmpError {
    let (request, arrival) = (Vec::new(), clock::arrival(None));
    IcmpError { problem, from: None, to: None, request, ttl: None, arrival }
}

/// When the datagram came in that a server has just read from its socket. The
/// kernel is asked only if it `matters`, because that takes a system call.
pub fn last_arrival(socket: &UdpSocket, matters: bool) -> At {
    match matters {
        true => clock::arrival(sys::stamp_of_last(socket)).at().into(),
        false => At::now(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// A socket whose peer is a port on which nobody listens.
    fn to_a_closed_port(host: &str) -> UdpSocket {
        let closed = UdpSocket::bind(host).unwrap().local_addr().unwrap();
        let socket = UdpSocket::bind(host).unwrap();
        socket.connect(closed).unwrap();
        socket
    }

    fn ears(socket: &UdpSocket) -> Ears<'_> {
        Ears::of(socket, socket.peer_addr().unwrap().ip())
    }

    #[test]
    fn an_error_is_heard_once_with_what_it_answers() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let socket = to_a_closed_port(host);
            let mut ears = ears(&socket);
            socket.send(b"Ping 7 T").unwrap();
            let heard = ears.receive(&mut [0; 9], PATIENCE).unwrap();
            let Heard::Error(error) = heard else { panic!("{heard:?}") };
            let version = Version::of(socket.peer_addr().unwrap().ip());
            assert_eq!(error.problem, Problem::port_unreachable(version));
            if cfg!(target_os = "linux") {
                assert_eq!(error.request, b"Ping 7 T");
            }
            let silence = ears.receive(&mut [0; 9], Duration::from_millis(1)).unwrap();
            assert!(matches!(silence, Heard::Silence(_)), "{silence:?}");
        }
    }

    #[test]
    fn silence_is_told_of_the_time_before_the_wait_and_not_after_it() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(socket.local_addr().unwrap()).unwrap();
        let (before, wait) = (Instant::now(), Duration::from_millis(50));
        let silence = ears(&socket).receive(&mut [0; 9], wait).unwrap();
        let Heard::Silence(then) = silence else { panic!("{silence:?}") };
        // With the moment after the wait, a datagram that came in while this
        // program did not run would be called late.
        assert!(before <= then && then + wait <= Instant::now());
    }

    #[test]
    fn a_datagram_is_heard_with_its_length_and_its_bytes() {
        let (a, b) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        a.connect(b.local_addr().unwrap()).unwrap();
        b.connect(a.local_addr().unwrap()).unwrap();
        let mut ears = ears(&b);
        a.send(b"hello").unwrap();
        let mut buffer = [0; 9];
        let heard = ears.receive(&mut buffer, PATIENCE).unwrap();
        assert!(matches!(heard, Heard::Datagram(5, _)), "{heard:?}");
        assert_eq!(&buffer[..5], b"hello");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_server_learns_when_the_kernel_received_what_it_has_just_read() {
        let (a, b) =
            (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap());
        // The kernel begins to stamp some time after it was first asked.
        let deadline = Instant::now() + PATIENCE;
        loop {
            last_arrival(&b, true);
            a.send_to(b"x", b.local_addr().unwrap()).unwrap();
            let sent = At::now();
            std::thread::sleep(Duration::from_millis(300));
            b.recv_from(&mut [0; 9]).unwrap();
            // By the program's own clock it came in 300 ms after it was sent.
            if last_arrival(&b, true).since(sent) < Duration::from_millis(150) {
                break;
            }
            assert!(Instant::now() < deadline, "no stamp of the kernel's");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_send_that_fails_for_an_earlier_ones_error_is_excused_and_the_error_heard() {
        let socket = to_a_closed_port("127.0.0.1:0");
        let mut ears = ears(&socket);
        socket.send(b"Ping 1").unwrap();
        // On loopback the error is back before `send` returns.
        let why = socket.send(b"Ping 2").unwrap_err();
        assert!(ears.excuse(&why));
        let heard = ears.receive(&mut [0; 9], PATIENCE).unwrap();
        assert!(matches!(heard, Heard::Error(error) if error.request == b"Ping 1"));
        socket.send(b"Ping 2").unwrap();
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_call_that_fails_with_nothing_queued_is_excused_once_after_each_error() {
        let socket = to_a_closed_port("127.0.0.1:0");
        let mut ears = ears(&socket);
        let why = ErrorKind::PermissionDenied.into();
        // Before any error came it is the call's own fault.
        assert!(!ears.excuse(&why));
        for _ in 0..3 {
            socket.send(b"Ping").unwrap();
            let heard = ears.receive(&mut [0; 9], PATIENCE).unwrap();
            assert!(matches!(heard, Heard::Error(_)), "{heard:?}");
            assert!(!ears.excuse(&ErrorKind::WouldBlock.into()));
            assert!(ears.excuse(&why));
            assert!(!ears.excuse(&why));
        }
    }
}
