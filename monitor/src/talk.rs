//! A connection between manager and agent: messages in both directions, and none waits for the other.
//!
//! What is said goes into a buffer, and from there into the socket when that
//! takes it. Meanwhile what comes is read. If each side wrote first and read
//! afterwards, two that both have much to say would wait for each other for ever.

use std::io::{self, ErrorKind, Write};
use std::time::{Duration, Instant};

use crate::line::{Lines, Next};
use crate::protocol::{LONGEST, Message, SILENCE};
use crate::transport::Transport;

/// More than this waiting to be sent, and nothing is added that can wait.
const ROOM: usize = LONGEST / 2;

/// More than this waiting, and nothing is read either: what is read would want
/// answers.
const FULL: usize = 2 * LONGEST;

/// What waits to be sent must be gone after so long.
const PATIENCE: Duration = SILENCE;

/// How long the last words may take.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What came of a look at the connection.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// A line, without its end.
    Line(Vec<u8>),
    /// Nothing whole, in the time that there was.
    Nothing,
    /// The peer has closed the connection, between two lines.
    End,
}

/// An open connection.
#[derive(Debug)]
pub struct Talk {
    lines: Lines<Transport>,
    /// What the socket has not taken yet.
    outgoing: Vec<u8>,
    /// When something was last said.
    said: Instant,
    /// Bytes said and bytes written, ever.
    queued: u64,
    written: u64,
    /// So many must be written by then.
    due: Option<(u64, Instant)>,
}

impl Talk {
    /// `longest` bounds the peer's lines.
    pub fn new(transport: Transport, longest: usize) -> Talk {
        Talk {
            lines: Lines::new(transport, longest),
            outgoing: Vec::new(),
            said: Instant::now(),
            queued: 0,
            written: 0,
            due: None,
        }
    }

    /// Bounds the peer's lines from now on.
    pub fn set_longest(&mut self, longest: usize) {
        self.lines.set_limit(longest);
    }

    /// Puts a message behind those that wait.
    ///
    /// # Errors
    /// It is longer than a line may be.
    pub fn say(&mut self, message: &Message) -> Result<(), String> {
        let line = message.line()?;
        self.outgoing.extend_from_slice(line.as_bytes());
        self.queued += line.len() as u64;
        self.said = Instant::now();
        Ok(())
    }

    /// How long nothing has been said.
    pub fn quiet_for(&self) -> Duration {
        self.said.elapsed()
    }

    /// Whether there is room for messages that could also be said later.
    pub fn has_room(&self) -> bool {
        self.outgoing.len() < ROOM
    }

    /// Writes what the socket takes, and gives the next line, if one comes
    /// within `patience`. It may give nothing before that.
    ///
    /// # Errors
    /// Those of the stream; `InvalidData` for a line that is too long,
    /// `UnexpectedEof` for an end in the middle of one, `TimedOut` if the peer
    /// does not take what is said.
    pub fn hear(&mut self, patience: Duration) -> io::Result<Heard> {
        // Answers to lines that came together go together.
        if self.has_room()
            && let Some(line) = self.lines.ready()?
        {
            return Ok(Heard::Line(line));
        }
        self.write()?;
        let reading = self.outgoing.len() <= FULL;
        if reading {
            match self.lines.read()? {
                Next::Line(line) => return Ok(Heard::Line(line)),
                Next::Part => return Ok(Heard::Nothing),
                Next::End => return Ok(Heard::End),
                Next::NotYet => {}
            }
        }
        // A piece of a TLS handshake that was read may have made an answer.
        self.write()?;
        sys::wait_for_stream(self.transport().socket(), reading, self.is_behind(), patience);
        Ok(Heard::Nothing)
    }

    /// Ends the connection, after what was said last.
    pub fn close(mut self) {
        self.lines.stream_mut().say_goodbye();
        let end = Instant::now() + LAST_WORDS;
        while self.write().is_ok() && self.is_behind() && Instant::now() < end {
            sys::wait_for_stream(self.transport().socket(), false, true, LAST_WORDS);
        }
        self.transport().shut_down();
    }

    fn transport(&self) -> &Transport {
        self.lines.stream()
    }

    fn is_behind(&self) -> bool {
        !self.outgoing.is_empty() || self.transport().is_behind()
    }

    fn write(&mut self) -> io::Result<()> {
        let stream = self.lines.stream_mut();
        while !self.outgoing.is_empty() {
            match stream.write(&self.outgoing) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => {
                    self.outgoing.drain(..length);
                    self.written += length as u64;
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) => return Err(why),
            }
        }
        match stream.flush() {
            Err(why) if why.kind() != ErrorKind::WouldBlock => Err(why),
            _ => self.judge_progress(),
        }
    }

    /// A peer may be slow, but not without an end: what waits now must have
    /// been taken when the time is over.
    fn judge_progress(&mut self) -> io::Result<()> {
        let now = Instant::now();
        match self.due {
            _ if self.outgoing.is_empty() => self.due = None,
            Some((bytes, _)) if self.written >= bytes => {
                self.due = Some((self.queued, now + PATIENCE));
            }
            Some((_, until)) if now >= until => return Err(ErrorKind::TimedOut.into()),
            Some(_) => {}
            None => self.due = Some((self.queued, now + PATIENCE)),
        }
        Ok(())
    }
}
