//! The head of an answer, as curl takes it and ureq does not.
//!
//! ureq's parser knows no folded header lines (RFC 9112, section 5.2) and at
//! most 128 lines. So it is given less than the server sent: the status line,
//! and the few lines that say where the body ends and where a redirect leads.
//! It gets an interim answer (1xx) not at all.

/// The longest head; curl's limit is as high.
pub const LONGEST: usize = 300 * 1024;

/// What ureq has to know; everything else in a head is for others.
const NEEDED: [&str; 4] = ["content-length", "transfer-encoding", "connection", "location"];

/// What came in, until the head is whole.
#[derive(Debug, Default)]
pub struct Head {
    bytes: Vec<u8>,
    /// The number of bytes that are known to have no empty line in them.
    searched: usize,
}

/// What is known after some bytes more.
#[derive(Debug, PartialEq, Eq)]
pub enum Progress {
    /// The head is not whole.
    More,
    /// The head, tidied, and what came behind it; or bytes that are no HTTP, as they are.
    Whole(Vec<u8>),
    TooLong,
}

impl Head {
    pub fn add(&mut self, bytes: &[u8]) -> Progress {
        self.bytes.extend_from_slice(bytes);
        loop {
            let begin = &self.bytes[..self.bytes.len().min(5)];
            if !b"HTTP/".starts_with(begin) {
                return Progress::Whole(std::mem::take(&mut self.bytes));
            }
            let Some(end) = self.end() else {
                let too_long = self.bytes.len() > LONGEST;
                return if too_long { Progress::TooLong } else { Progress::More };
            };
            let rest = self.bytes.split_off(end);
            let head = std::mem::replace(&mut self.bytes, rest);
            self.searched = 0;
            if !is_interim(&head) {
                let mut tidied = tidy(&head);
                tidied.append(&mut self.bytes);
                return Progress::Whole(tidied);
            }
        }
    }

    /// What came of a head that will not be whole any more.
    pub fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Where the head ends: behind the first empty line.
    fn end(&mut self) -> Option<usize> {
        while let Some(length) = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n')
        {
            let next = self.searched + length + 1;
            match self.bytes[next..] {
                [b'\n', ..] => return Some(next + 1),
                [b'\r', b'\n', ..] => return Some(next + 2),
                // It is not known yet what follows this end of a line.
                [] | [b'\r'] => return None,
                _ => self.searched = next,
            }
        }
        None
    }
}

/// Whether another answer follows (RFC 9110, section 15.2); not after 101.
fn is_interim(head: &[u8]) -> bool {
    let status = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    status.len() == 3 && status[0] == b'1' && status != b"101"
}

/// The head with each header on one line, and without those that nobody needs.
/// A line that is no header is kept, for whoever objects to it.
fn tidy(head: &[u8]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        // The status line cannot be folded.
        let folded = matches!(line, [b' ' | b'\t', ..]) && lines.len() > 1;
        match lines.last_mut().filter(|_| folded) {
            Some(header) => {
                header.push(b' ');
                header.extend_from_slice(line.trim_ascii());
            }
            None => lines.push(line.to_vec()),
        }
    }
    let needed = |line: &&Vec<u8>| match line.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let name = line[..colon].to_ascii_lowercase();
            NEEDED.iter().any(|needed| needed.as_bytes() == name)
        }
        None => !line.is_empty(),
    };
    let mut tidied = Vec::new();
    for line in lines.iter().take(1).chain(lines.iter().skip(1).filter(needed)) {
        tidied.extend_from_slice(line);
        tidied.extend_from_slice(b"\r\n");
    }
    tidied.extend_from_slice(b"\r\n");
    tidied
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(bytes: &[u8]) -> String {
        match Head::default().add(bytes) {
            Progress::Whole(bytes) => String::from_utf8(bytes).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn folded_lines_are_joined_and_others_left_out() {
        assert_eq!(
            whole(
                b"HTTP/1.1 302 Found\r\nX-A: b\r\n c\r\nLocation:\r\n\t/x\r\nContent-LENGTH: 2\r\n\r\nab"
            ),
            "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-LENGTH: 2\r\n\r\nab"
        );
        assert_eq!(whole(b"HTTP/1.0 200 OK\n\nbody\n\n"), "HTTP/1.0 200 OK\r\n\r\nbody\n\n");
        // What is wrong stays wrong.
        assert_eq!(whole(b"HTTP/1.1 200\r\nnonsense\r\n\r\n"), "HTTP/1.1 200\r\nnonsense\r\n\r\n");
        assert_eq!(whole(b"HTTP/1.1 200\r\n x: y\r\n\r\n"), "HTTP/1.1 200\r\n\r\n");
        assert_eq!(whole(b"SSH-2.0-x\r\n"), "SSH-2.0-x\r\n");
    }

    #[test]
    fn interim_answers_are_passed_over() {
        let early =
            b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\nHTTP/1.1 100 Continue\r\nA: b\r\n\r\n";
        let last = b"HTTP/1.1 200 OK\r\n\r\nhello";
        assert_eq!(whole(&[&early[..], last].concat()), "HTTP/1.1 200 OK\r\n\r\nhello");
        assert_eq!(whole(b"HTTP/1.1 101 Up\r\n\r\n"), "HTTP/1.1 101 Up\r\n\r\n");
    }

    #[test]
    fn a_head_without_end_is_too_long() {
        let mut head = Head::default();
        assert_eq!(head.add(b"HTTP/1.1 200 OK\r\n"), Progress::More);
        let line = b"X-Header: and so on\r\n".repeat(1000);
        let ended = (0..100).map(|_| head.add(&line)).find(|progress| *progress != Progress::More);
        assert_eq!(ended, Some(Progress::TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_what_pieces_a_head_comes(
            head in "HTTP/1.1 (200|103) OK\r\n([a-zA-Z]{1,14}: ?[ -~]{0,9}\r?\n( [a-z]{0,3}\r\n)?){0,9}\r\n",
            cut in 1usize..40,
        ) {
            let bytes = format!("{head}HTTP/1.1 204 No\r\n\r\nrest");
            let at_once = Head::default().add(bytes.as_bytes());
            let mut pieces = Head::default();
            let mut out = Vec::new();
            for piece in bytes.as_bytes().chunks(cut) {
                if !out.is_empty() {
                    out.extend_from_slice(piece);
                    continue;
                }
                match pieces.add(piece) {
                    Progress::Whole(bytes) => out = bytes,
                    progress => prop_assert_eq!(progress, Progress::More),
                }
            }
            prop_assert_eq!(at_once, Progress::Whole(out));
        }

        #[test]
        fn no_bytes_make_it_panic(pieces: Vec<Vec<u8>>) {
            let mut head = Head::default();
            head.add(b"HTTP/1.1 200 OK\r\n");
            for piece in pieces {
                head.add(&piece);
            }
        }
    }
}
