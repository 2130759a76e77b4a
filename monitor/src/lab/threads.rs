//! Threads that serve a port until they are told to stop.

use std::io::{ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use logic::pace::LOOK_UP;
use socklab::errors::cause;

use super::faults::{Fault, Switch};

/// So many connections to a service at once; one more is closed right away.
pub const MOST_CONNECTIONS: usize = 64;
/// So many late replies wait in a slow service; one more is lost.
const MOST_LATE: usize = 256;
/// A connection on which nothing moves for so long is closed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Told once, heard by every thread that waits.
#[derive(Debug, Default)]
pub struct Stop {
    told: Mutex<bool>,
    bell: Condvar,
}

impl Stop {
    fn tell(&self) {
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.bell.notify_all();
    }

    /// Waits for so long, or until told: true if told.
    pub fn wait(&self, time: Duration) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.bell.wait_timeout_while(told, time, |told| !*told);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A thread that serves a port. Dropping it closes the port, and returns when
/// the thread and those of its connections have ended.
#[derive(Debug)]
pub struct Worker {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    /// Tells the thread to end, and does not wait for it.
    pub fn tell(&self) {
        self.stop.tell();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tell();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn spawn(work: impl FnOnce(Arc<Stop>) + Send + 'static) -> Result<Worker, String> {
    let stop = Arc::new(Stop::default());
    let for_thread = Arc::clone(&stop);
    let thread = thread::Builder::new()
        .spawn(move || work(for_thread))
        .map_err(|why| format!("cannot start a thread: {}", cause(&why)))?;
    Ok(Worker { stop, thread: Some(thread) })
}

/// One connection, as its service sees it.
pub struct Connection<'a> {
    pub stream: &'a TcpStream,
    pub switch: &'a Switch,
    stop: &'a Stop,
}

impl Connection<'_> {
    /// Waits as a slow service does; false if the service was stopped meanwhile.
    pub fn dawdle(&self) -> bool {
        !self.stop.wait(self.switch.get().slow)
    }

    /// Reads whatever comes until the client closes, and says nothing.
    fn swallow(&self) {
        let mut buffer = [0; 4096];
        let mut stream = self.stream;
        while matches!(stream.read(&mut buffer), Ok(1..)) {}
    }
}

/// Serves TCP, a thread a connection; `serve` returns when the connection is over.
pub fn tcp(
    listener: TcpListener,
    switch: Arc<Switch>,
    serve: impl Fn(&Connection) + Send + Sync + 'static,
) -> Result<Worker, String> {
    // An accept that blocks could not be stopped.
    listener
        .set_nonblocking(true)
        .map_err(|why| format!("cannot make accept return at once: {}", cause(&why)))?;
    let serve = Arc::new(serve);
    spawn(move |stop| {
        let mut open: Vec<(TcpStream, JoinHandle<()>)> = Vec::new();
        while !stop.wait(Duration::ZERO) {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(why) if why.kind() == ErrorKind::WouldBlock => {
                    sys::wait_for_client(&listener, LOOK_UP);
                    continue;
                }
                Err(_) => {
                    // Too many open files, say: that passes.
                    stop.wait(LOOK_UP);
                    continue;
                }
            };
            open.retain(|(_, thread)| !thread.is_finished());
            if open.len() >= MOST_CONNECTIONS {
                continue;
            }
            let (switch, serve, stop) =
                (Arc::clone(&switch), Arc::clone(&serve), Arc::clone(&stop));
            // Kept to end the connection from here.
            let Ok(kept) = stream.try_clone() else { continue };
            let thread = thread::Builder::new().spawn(move || {
                let _ = stream.set_nonblocking(false);
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let _ = stream.set_write_timeout(Some(PATIENCE));
                let connection = Connection { stream: &stream, switch: &switch, stop: &stop };
                match switch.get().fault {
                    Some(Fault::NoReply) => connection.swallow(),
                    _ => serve(&connection),
                }
                // The other handle would keep the connection open.
                let _ = stream.shutdown(Shutdown::Both);
            });
            if let Ok(thread) = thread {
                open.push((kept, thread));
            }
        }
        drop(listener);
        for (stream, _) in &open {
            let _ = stream.shutdown(Shutdown::Both);
        }
        for (_, thread) in open {
            let _ = thread.join();
        }
    })
}

/// Serves UDP in one thread; `answer` makes the reply to a datagram, if it gets one.
pub fn udp(
    socket: UdpSocket,
    switch: Arc<Switch>,
    answer: impl Fn(&[u8], SocketAddr) -> Option<Vec<u8>> + Send + 'static,
) -> Result<Worker, String> {
    spawn(move |stop| {
        let mut buffer = vec![0; 65_536];
        // The replies of a slow service, and when each is due.
        let mut late: Vec<(Instant, Vec<u8>, SocketAddr)> = Vec::new();
        while !stop.wait(Duration::ZERO) {
            let now = Instant::now();
            late.retain(|(due, reply, client)| {
                let wait = *due > now;
                if !wait {
                    let _ = socket.send_to(reply, client);
                }
                wait
            });
            let next = late.iter().map(|(due, ..)| due.saturating_duration_since(now)).min();
            let patience = next.unwrap_or(LOOK_UP).clamp(Duration::from_millis(1), LOOK_UP);
            let _ = socket.set_read_timeout(Some(patience));
            let (length, client) = match socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(why) => {
                    let usual = [
                        ErrorKind::WouldBlock,
                        ErrorKind::TimedOut,
                        ErrorKind::Interrupted,
                        // On Windows a client that is gone.
                        ErrorKind::ConnectionReset,
                    ];
                    if !usual.contains(&why.kind()) {
                        stop.wait(LOOK_UP);
                    }
                    continue;
                }
            };
            let behaviour = switch.get();
            if behaviour.fault == Some(Fault::NoReply) {
                continue;
            }
            let Some(reply) = answer(&buffer[..length], client) else { continue };
            if behaviour.slow.is_zero() {
                let _ = socket.send_to(&reply, client);
            } else if late.len() < MOST_LATE {
                late.push((Instant::now() + behaviour.slow, reply, client));
            }
        }
    })
}
