//! Lines that a person types, or that come through a pipe.
//!
//! Who sends something that is no line of text is told so, and the next line
//! is read: nothing that comes in ends a program but what says so.

use std::io::{self, BufRead, Read};

/// No line is longer than this many bytes.
const LONGEST: u64 = 64 * 1024;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// Without its end.
    Line(String),
    /// Something else came, and was left out: what, in words.
    Bad(String),
    /// Nothing will come any more.
    End,
}

/// Lines from a stream, counted so that a bad one can be named.
pub struct Pipe<Stream> {
    stream: Stream,
    lines: u64,
    broken: bool,
}

impl<Stream: BufRead> Pipe<Stream> {
    pub fn new(stream: Stream) -> Pipe<Stream> {
        Pipe { stream, lines: 0, broken: false }
    }

    /// Waits for the next line.
    pub fn read(&mut self) -> Input {
        if self.broken {
            return Input::End;
        }
        self.lines += 1;
        self.line().unwrap_or_else(|why| {
            self.broken = true;
            Input::Bad(format!("cannot read line {}: {why}; no more is read", self.lines))
        })
    }

    fn line(&mut self) -> io::Result<Input> {
        let (number, mut line) = (self.lines, Vec::new());
        if self.stream.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(Input::End);
        }
        if line.len() as u64 == LONGEST && !line.ends_with(b"\n") {
            self.stream.skip_until(b'\n')?;
            return Ok(Input::Bad(format!(
                "line {number} is longer than {LONGEST} bytes: ignored"
            )));
        }
        Ok(match String::from_utf8(line) {
            Ok(line) => Input::Line(line.trim_end_matches(['\n', '\r']).to_string()),
            Err(why) => {
                let at = why.utf8_error().valid_up_to() + 1;
                Input::Bad(format!("line {number} is not UTF-8, at byte {at}: ignored"))
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(bytes: &[u8]) -> Vec<Input> {
        let mut pipe = Pipe::new(bytes);
        let mut all = Vec::new();
        loop {
            match pipe.read() {
                Input::End => return all,
                other => all.push(other),
            }
        }
    }

    #[test]
    fn a_bad_line_is_told_and_the_next_one_read() {
        let long = [&[b'x'; 70_000][..], b"\nhelp"].concat();
        let bad = |text: &str| Input::Bad(text.to_string());
        let line = |text: &str| Input::Line(text.to_string());
        assert_eq!(
            all(b"viewconf\r\nadd\xffconf\n\nexit\n"),
            [
                line("viewconf"),
                bad("line 2 is not UTF-8, at byte 4: ignored"),
                line(""),
                line("exit"),
            ]
        );
        assert_eq!(all(&long), [bad("line 1 is longer than 65536 bytes: ignored"), line("help")]);
    }

    /// A stream that fails, and would fail for ever.
    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("no more"))
        }
    }

    #[test]
    fn a_stream_that_fails_is_told_once() {
        let mut pipe = Pipe::new(io::BufReader::new(Broken));
        assert_eq!(pipe.read(), Input::Bad("cannot read line 1: no more; no more is read".into()));
        assert_eq!(pipe.read(), Input::End);
    }

    proptest! {
        #[test]
        fn every_line_is_read_or_told(lines in prop::collection::vec("[^\\n\\r]{0,40}|\u{0}", 0..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let expected: Vec<Input> = lines.into_iter().map(Input::Line).collect();
            prop_assert_eq!(all(text.as_bytes()), expected);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            prop_assert!(all(&bytes).len() <= bytes.len());
        }
    }
}
