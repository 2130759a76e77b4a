//! One connection through the link: its bytes are read, held back, cut up, and written.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use logic::impair::{Fate, Fates, Impairment};
use logic::pace::LOOK_UP;
use socket2::SockRef;
use socklab::clock::At;
use socklab::errors::cause;

use crate::args::Way as Flags;
use crate::event::{Ends, Way};
use crate::link::{Link, STACK};
use crate::tcp_event::Connection;

/// What is read at once.
const BUFFER: usize = 64 * 1024;
/// With a delay: so many pieces of what was read wait on a way of a connection.
const WAITING: usize = 16;
/// The pause before each piece of a stream that is split, so that a reader
/// that is quick enough gets each by itself.
const DRIP: Duration = Duration::from_millis(10);
/// A way with a rate is written to so often in a second.
const STEPS: f64 = 50.0;

/// Two connections, the client's and the server's, and whether they are broken.
pub struct Both<'a> {
    link: &'a Link,
    near: TcpStream,
    far: TcpStream,
    ends: Ends,
    connection: u64,
    broken: AtomicBool,
}

impl<'a> Both<'a> {
    pub fn new(
        link: &'a Link,
        near: TcpStream,
        far: TcpStream,
        ends: Ends,
        connection: u64,
    ) -> Both<'a> {
        Both { link, near, far, ends, connection, broken: AtomicBool::new(false) }
    }

    /// Carries one way until its end, which it passes on, be it a FIN or a reset.
    pub fn carry(&self, way: Way) {
        let (plan, flags) = &self.link.plans[way as usize];
        let (from, to) = match way {
            Way::Up => (&self.near, &self.far),
            Way::Down => (&self.far, &self.near),
        };
        let fates = plan.fates(way.draws(self.connection));
        let (buffer, last) = (vec![0; BUFFER], Instant::now());
        let mut reader = Reader { both: self, from, plan, fates, merge: flags.merge, buffer, last };
        let (number, passed, free) = (0, 0, Instant::now());
        let mut writer = Writer { both: self, way, to, flags, number, passed, free };
        let outcome = match plan.delays() {
            true => self.carry_late(reader, &mut writer),
            false => loop {
                match reader
                    .next()
                    .and_then(|next| writer.pass(&reader.buffer[..next.length], next.came))
                {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(why) => break Err(why),
                }
            },
        };
        if let Err(why) = outcome {
            self.reset(way, writer.passed, &why);
        }
    }

    /// Reads in a thread of its own, while what was read waits for its time. No
    /// more is read than has room; then the sender is held up.
    fn carry_late(&self, mut reader: Reader, writer: &mut Writer) -> io::Result<()> {
        thread::scope(|scope| {
            let (entrance, exit) = mpsc::sync_channel(WAITING);
            let thread = thread::Builder::new().stack_size(STACK);
            let reading = thread.spawn_scoped(scope, move || -> io::Result<()> {
                loop {
                    let next = reader.next()?;
                    let bytes = reader.buffer[..next.length].to_vec();
                    if entrance.send((bytes, next)).is_err() || next.length == 0 {
                        return Ok(());
                    }
                }
            })?;
            let written = exit.iter().try_for_each(|(bytes, next)| {
                self.sleep_until(next.due)?;
                writer.pass(&bytes, next.came).map(drop)
            });
            if let Err(why) = &written {
                // This also ends the reading.
                self.reset(writer.way, writer.passed, why);
            }
            drop(exit);
            reading.join().unwrap_or(Ok(())).and(written)
        })
    }

    /// Resets both, once: they will be closed as soon as neither way is carried any more.
    pub fn reset(&self, way: Way, bytes: u64, why: &io::Error) {
        if self.broken.swap(true, Ordering::SeqCst) {
            return;
        }
        for stream in [&self.near, &self.far] {
            reset_when_closed(stream);
            // Sends nothing, but ends a read that waits.
            let _ = stream.shutdown(Shutdown::Read);
        }
        self.link.totals().reset += 1;
        let (at_ns, connection, ends, why) = (At::now(), self.connection, self.ends, cause(why));
        self.link.reporter.tell(&Connection::Reset { at_ns, way, connection, ends, bytes, why });
    }

    /// An error if the connection is broken: told already.
    fn unbroken(&self) -> io::Result<()> {
        match self.broken.load(Ordering::SeqCst) {
            true => Err(ErrorKind::ConnectionAborted.into()),
            false => Ok(()),
        }
    }

    fn sleep_until(&self, due: Instant) -> io::Result<()> {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(LOOK_UP));
            self.unbroken()?;
        }
    }

    /// Repeats a call that waited in vain, until the connection is broken or `until` is over.
    fn patiently(
        &self,
        until: Option<Instant>,
        mut call: impl FnMut() -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let why = match call() {
                Ok(length) => return self.unbroken().map(|()| length),
                Err(why) => why,
            };
            if !is_timeout(&why) || until.is_some_and(|until| Instant::now() >= until) {
                return Err(why);
            }
            self.unbroken()?;
        }
    }
}

/// Whether a call has merely waited in vain.
fn is_timeout(why: &io::Error) -> bool {
    // Windows says TimedOut where Unix says WouldBlock.
    matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// Closing sends a reset in place of a FIN.
pub fn reset_when_closed(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Where a way begins.
struct Reader<'a> {
    both: &'a Both<'a>,
    from: &'a TcpStream,
    plan: &'a Impairment,
    fates: Fates,
    merge: Option<Duration>,
    buffer: Vec<u8>,
    /// When the last piece was due: a stream has no overtaking.
    last: Instant,
}

/// What was read: so many bytes, and at the end of the stream none.
#[derive(Clone, Copy)]
struct Next {
    length: usize,
    came: At,
    due: Instant,
}

impl Reader<'_> {
    /// Waits for the next bytes, and with `--merge` for those that follow soon.
    fn next(&mut self) -> io::Result<Next> {
        let Reader { both, mut from, .. } = *self;
        let mut length = both.patiently(None, || from.read(&mut self.buffer))?;
        if let (Some(merge), true) = (self.merge, length > 0) {
            let until = Instant::now() + merge;
            let usual = from.read_timeout()?;
            while length < BUFFER && Instant::now() < until {
                // Never 0, which would be for ever.
                let left = until.saturating_duration_since(Instant::now());
                from.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
                match both.patiently(Some(until), || from.read(&mut self.buffer[length..])) {
                    Ok(0) => break,
                    Ok(more) => length += more,
                    Err(why) if is_timeout(&why) => break,
                    // A reset is told once: the next read would end as after a FIN.
                    Err(why) => return Err(why),
                }
            }
            from.set_read_timeout(usual)?;
            both.unbroken()?;
        }
        let came = Instant::now();
        let delay = match self.plan.next_fate(&mut self.fates) {
            Fate::Replied(treatment) => treatment.delay,
            Fate::Dropped | Fate::Rejected { .. } => Duration::ZERO,
        };
        self.last = self.last.max(came + delay);
        Ok(Next { length, came: came.into(), due: self.last })
    }
}

/// Where a way ends.
struct Writer<'a> {
    both: &'a Both<'a>,
    way: Way,
    to: &'a TcpStream,
    flags: &'a Flags,
    /// Pieces written.
    number: u64,
    /// Bytes written.
    passed: u64,
    /// When a way with a rate has sent all that it was given.
    free: Instant,
}

impl Writer<'_> {
    /// Writes bytes, in pieces; or, if there are none, passes the end on. False at the end.
    fn pass(&mut self, mut bytes: &[u8], came: At) -> io::Result<bool> {
        if bytes.is_empty() {
            self.end(came)?;
            return Ok(false);
        }
        while !bytes.is_empty() {
            let (piece, rest) = bytes.split_at(self.length_of_next(bytes.len()));
            bytes = rest;
            self.wait_for_its_turn(piece.len())?;
            let left = At::now();
            self.write(piece)?;
            self.wrote(piece.len(), came, left);
            if self.flags.reset_after.is_some_and(|most| self.passed >= most.get()) {
                return Err(io::Error::other("as --reset-after asks"));
            }
            if let (Some(stall), 1) = (self.flags.stall, self.passed) {
                self.both.sleep_until(Instant::now() + stall)?;
            }
        }
        Ok(true)
    }

    /// How much of so many bytes goes into the next write.
    fn length_of_next(&self, bytes: usize) -> usize {
        let Flags { stall, split, rate, reset_after, .. } = self.flags;
        let first = stall.filter(|_| self.passed == 0).map(|_| 1);
        let split = split.map(|split| split.get());
        let step = rate.map(|rate| (rate / 8.0 / STEPS).max(1.0) as usize);
        let left = reset_after.map(|most| most.get().saturating_sub(self.passed) as usize);
        [first, split, step, left].into_iter().flatten().fold(bytes, usize::min)
    }

    fn wait_for_its_turn(&mut self, bytes: usize) -> io::Result<()> {
        if self.flags.split.is_some() && self.number > 0 {
            self.both.sleep_until(Instant::now() + DRIP)?;
        }
        let Some(rate) = self.flags.rate else { return Ok(()) };
        let takes = Duration::from_secs_f64(8.0 * bytes as f64 / rate);
        self.free = self.free.max(Instant::now()) + takes;
        self.both.sleep_until(self.free)
    }

    /// Waits while the peer takes nothing and its buffers are full: then this
    /// link reads no more either, and the sender is held up in turn.
    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        let mut to = self.to;
        while !bytes.is_empty() {
            let length = self.both.patiently(None, || to.write(bytes))?;
            bytes = &bytes[length..];
        }
        Ok(())
    }

    fn wrote(&mut self, bytes: usize, at_ns: At, left_ns: At) {
        let Both { link, ends, connection, .. } = *self.both;
        let (way, offset) = (self.way, self.passed);
        self.number += 1;
        self.passed += bytes as u64;
        link.totals().passed(way, bytes);
        let number = self.number;
        link.reporter.tell(&Connection::Piece {
            at_ns,
            way,
            connection,
            ends,
            number,
            offset,
            bytes,
            left_ns,
        });
    }

    /// Nothing more comes; the other way goes on.
    fn end(&mut self, at_ns: At) -> io::Result<()> {
        let Both { link, ends, connection, .. } = *self.both;
        let (way, bytes, left_ns) = (self.way, self.passed, At::now());
        // The peer may have closed already.
        let _ = self.to.shutdown(Shutdown::Write);
        link.reporter.tell(&Connection::Fin { at_ns, way, connection, ends, bytes, left_ns });
        Ok(())
    }
}
