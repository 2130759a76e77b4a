//! Reading the protocol's lines from a peer that may send anything, or nothing.

use std::io::{self, ErrorKind, Read};

use crate::protocol::LONGEST;

/// Puts lines together from what a stream gives, in pieces of any size.
#[derive(Debug)]
pub struct Lines<Stream> {
    stream: Stream,
    /// What came in; of it, everything before `start` was given out.
    buffer: Vec<u8>,
    start: usize,
    /// No line end stands before this.
    searched: usize,
    limit: usize,
}

/// What one look at the stream brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Next {
    /// A line, without its end.
    Line(Vec<u8>),
    /// Something came, which is kept, but no whole line.
    Part,
    /// Nothing came.
    NotYet,
    /// The peer has closed the connection, between two lines.
    End,
}

impl<Stream: Read> Lines<Stream> {
    /// A limit of fewer than [`LONGEST`] bytes a line is for peers that have
    /// not been let in.
    pub fn new(stream: Stream, limit: usize) -> Lines<Stream> {
        Lines { stream, buffer: Vec::new(), start: 0, searched: 0, limit: limit.min(LONGEST) }
    }

    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.min(LONGEST);
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// The stream, to write to it.
    pub fn stream_mut(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// The next line; reads at most once, so that whoever waits for something
    /// else as well has his turn.
    ///
    /// # Errors
    /// Those of the stream; `InvalidData` for a line that is too long,
    /// `UnexpectedEof` for an end in the middle of one.
    pub fn read(&mut self) -> io::Result<Next> {
        if let Some(line) = self.ready()? {
            return Ok(Next::Line(line));
        }
        // What was given out makes room before more comes in.
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let mut piece = [0; 8192];
        let length = match self.stream.read(&mut piece) {
            Ok(0) if self.buffer.is_empty() => return Ok(Next::End),
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => length,
            Err(why) => match why.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {
                    return Ok(Next::NotYet);
                }
                _ => return Err(why),
            },
        };
        self.buffer.extend_from_slice(&piece[..length]);
        Ok(self.ready()?.map_or(Next::Part, Next::Line))
    }

    /// The next line, if it is here already.
    ///
    /// # Errors
    /// `InvalidData` for a line that is too long.
    pub fn ready(&mut self) -> io::Result<Option<Vec<u8>>> {
        let end = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n');
        let length = end.map_or(self.buffer.len(), |end| self.searched + end + 1) - self.start;
        if length > self.limit {
            let limit = self.limit;
            let why = format!("a line is longer than {limit} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        let Some(end) = end.map(|end| self.searched + end) else {
            self.searched = self.buffer.len();
            return Ok(None);
        };
        let line = self.buffer[self.start..end].to_vec();
        self.start = end + 1;
        self.searched = self.start;
        Ok(Some(line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    /// Gives its pieces one by one, and times out at an empty one.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(mut piece) = self.0.pop_front() else { return Ok(0) };
            if piece.is_empty() {
                return Err(ErrorKind::WouldBlock.into());
            }
            let rest = piece.split_off(piece.len().min(buffer.len()));
            buffer[..piece.len()].copy_from_slice(&piece);
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            Ok(piece.len())
        }
    }

    fn lines(pieces: &[&[u8]], limit: usize) -> Lines<Pieces> {
        Lines::new(Pieces(pieces.iter().map(|piece| piece.to_vec()).collect()), limit)
    }

    #[test]
    fn a_timeout_in_the_middle_of_a_line_loses_nothing() {
        let mut lines = lines(&[b"on", b"", b"e\ntw", b"o\n"], 100);
        assert_eq!(lines.read().unwrap(), Next::Part);
        assert_eq!(lines.read().unwrap(), Next::NotYet);
        assert_eq!(lines.read().unwrap(), Next::Line(b"one".to_vec()));
        assert_eq!(lines.read().unwrap(), Next::Line(b"two".to_vec()));
        assert_eq!(lines.read().unwrap(), Next::End);
    }

    #[test]
    fn a_line_too_long_is_refused_before_it_is_all_there() {
        let mut endless = lines(&[&[b'x'; 50], &[b'x'; 60]], 100);
        assert_eq!(endless.read().unwrap(), Next::Part);
        assert_eq!(endless.read().unwrap_err().kind(), ErrorKind::InvalidData);
        let mut long = lines(&[b"short\n", &[b'x'; 100], b"\n"], 100);
        assert_eq!(long.read().unwrap(), Next::Line(b"short".to_vec()));
        assert_eq!(long.read().unwrap(), Next::Part);
        assert_eq!(long.read().unwrap_err().kind(), ErrorKind::InvalidData);
    }

    #[test]
    fn an_end_in_the_middle_of_a_line_is_told() {
        let mut lines = lines(&[b"one\ntw"], 100);
        assert_eq!(lines.read().unwrap(), Next::Line(b"one".to_vec()));
        assert_eq!(lines.read().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    proptest! {
        #[test]
        fn the_pieces_do_not_matter(
            text in prop::collection::vec("[a-z]{0,20}", 0..20),
            sizes in prop::collection::vec(1usize..30, 1..20),
        ) {
            let bytes: Vec<u8> = text.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect();
            let mut rest = &bytes[..];
            let mut pieces = VecDeque::new();
            for size in sizes.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, more) = rest.split_at(rest.len().min(*size));
                pieces.push_back(piece.to_vec());
                rest = more;
            }
            let mut lines = Lines::new(Pieces(pieces), 30);
            let mut read = Vec::new();
            loop {
                match lines.read().unwrap() {
                    Next::Line(line) => read.push(String::from_utf8(line).unwrap()),
                    Next::Part | Next::NotYet => {}
                    Next::End => break,
                }
            }
            prop_assert_eq!(read, text);
        }
    }
}
