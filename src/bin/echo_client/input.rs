//! What the client sends: one message several times, or the lines that are typed.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use logic::pace::LOOK_UP;
use socklab::cli;

/// The longest line that is read; no datagram holds so much.
pub const LONGEST: usize = 1 << 20;

/// The messages to be sent, one after the other.
#[derive(Debug)]
pub struct Messages {
    source: Source,
    given_back: Option<Vec<u8>>,
}

#[derive(Debug)]
enum Source {
    /// The same one `count` times; 0 goes on for ever.
    Repeated { message: Vec<u8>, count: u64, given: u64 },
    /// Each line of stdin, with its end of line if it has one.
    Typed(Receiver<Result<Vec<u8>, String>>),
}

impl Messages {
    pub fn repeated(message: &str, count: u64) -> Messages {
        let source = Source::Repeated { message: message.into(), count, given: 0 };
        Messages { source, given_back: None }
    }

    /// Reads stdin in a thread of its own: a blocked read of the terminal
    /// would hear nothing of Ctrl-C.
    pub fn typed() -> Messages {
        let (sender, receiver) = mpsc::sync_channel(0);
        thread::spawn(move || {
            let mut stdin = io::stdin().lock();
            loop {
                let line = read_line(&mut stdin);
                let last = !line.as_ref().is_ok_and(|line| !line.is_empty());
                if line.as_ref().is_ok_and(Vec::is_empty) || sender.send(line).is_err() || last {
                    return;
                }
            }
        });
        Messages { source: Source::Typed(receiver), given_back: None }
    }

    /// Puts a message back that was not taken to its end: it is the next one again.
    pub fn give_back(&mut self, message: Vec<u8>) {
        self.given_back = Some(message);
    }

    /// Whether the message that was taken last is known to be the last one.
    pub fn was_last(&self) -> bool {
        matches!(&self.source, Source::Repeated { count, given, .. } if given == count)
    }

    /// The next message; `None` when there are no more, or on Ctrl-C.
    ///
    /// # Errors
    /// One line for a person: stdin cannot be read, or a line is too long.
    pub fn take(&mut self) -> Result<Option<Vec<u8>>, String> {
        if cli::stopping() {
            return Ok(None);
        }
        if let Some(message) = self.given_back.take() {
            return Ok(Some(message));
        }
        match &mut self.source {
            Source::Repeated { count, given, .. } if *count != 0 && given == count => Ok(None),
            Source::Repeated { message, given, .. } => {
                *given += 1;
                Ok(Some(message.clone()))
            }
            Source::Typed(lines) => loop {
                match lines.recv_timeout(LOOK_UP) {
                    Ok(line) => return line.map(Some),
                    Err(RecvTimeoutError::Disconnected) => return Ok(None),
                    Err(RecvTimeoutError::Timeout) if cli::stopping() => return Ok(None),
                    Err(RecvTimeoutError::Timeout) => {}
                }
            },
        }
    }
}

/// A line with its end; empty at the end of the input.
fn read_line(input: &mut impl BufRead) -> Result<Vec<u8>, String> {
    let mut line = Vec::new();
    let most = LONGEST as u64 + 1;
    input
        .take(most)
        .read_until(b'\n', &mut line)
        .map_err(|why| format!("cannot read stdin: {}", socklab::errors::cause(&why)))?;
    match line.len() > LONGEST {
        true => Err(format!("a line of stdin is longer than {LONGEST} bytes; try --tcp")),
        false => Ok(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        let mut input = &b"one\n\r\n\nlast"[..];
        let lines: Vec<_> = (0..5).map(|_| read_line(&mut input).unwrap()).collect();
        assert_eq!(lines, [&b"one\n"[..], b"\r\n", b"\n", b"last", b""]);
    }

    #[test]
    fn a_line_without_end_is_not_read_for_ever() {
        let why = read_line(&mut io::BufReader::new(io::repeat(b'x'))).unwrap_err();
        assert!(why.contains("longer than 1048576 bytes"), "{why}");
    }

    #[test]
    fn a_message_is_given_so_many_times() {
        let mut messages = Messages::repeated("x", 2);
        let given: Vec<_> = (0..3).map(|_| messages.take().unwrap()).collect();
        assert_eq!(given, [Some(b"x".to_vec()), Some(b"x".to_vec()), None]);
    }
}
