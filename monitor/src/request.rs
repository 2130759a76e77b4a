//! The head of an HTTP/1 request (RFC 9112), for the two servers of this crate
//! that answer one: the page of metrics, and the lab's web server.

use std::io::{self, ErrorKind};

use httparse::{EMPTY_HEADER, Request};

/// The longest head, in bytes, and the most header lines.
const LONGEST: usize = 8192;
const MOST_HEADERS: usize = 100;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `GET`; methods are written in capitals.
    pub method: String,
    /// `/metrics`: without a query, and without the host where the client wrote
    /// the whole URL, as one that speaks to a proxy does.
    pub path: String,
}

/// What came from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    Request(Head),
    /// Something else, or too much of it.
    NoRequest,
    /// The connection was closed before the head was whole.
    Closed,
}

/// Reads with `read`, as [`Read`](io::Read) does, until the head is whole. What
/// follows it may have been read in part.
///
/// # Errors
/// Those of `read`.
pub fn read(mut read: impl FnMut(&mut [u8]) -> io::Result<usize>) -> io::Result<Heard> {
    let mut head = Vec::new();
    let mut piece = [0; 1024];
    while head.len() < LONGEST {
        match read(&mut piece) {
            Ok(0) => return Ok(Heard::Closed),
            Ok(length) => head.extend_from_slice(&piece[..length]),
            Err(why) if why.kind() == ErrorKind::Interrupted => continue,
            Err(why) => return Err(why),
        }
        let mut headers = [EMPTY_HEADER; MOST_HEADERS];
        let mut request = Request::new(&mut headers);
        match request.parse(&head) {
            Ok(status) if status.is_partial() => {}
            Ok(_) => {
                let method = request.method.unwrap_or_default().to_string();
                let path = path_of(request.path.unwrap_or_default()).to_string();
                return Ok(Heard::Request(Head { method, path }));
            }
            Err(_) => return Ok(Heard::NoRequest),
        }
    }
    Ok(Heard::NoRequest)
}

/// The path of a target in origin form or absolute form (RFC 9112, section 3.2).
fn path_of(target: &str) -> &str {
    let path = match target.split_once("://") {
        Some((_, rest)) if !target.starts_with('/') => match rest.find(['/', '?']) {
            Some(end) if rest[end..].starts_with('/') => &rest[end..],
            _ => "/",
        },
        _ => target,
    };
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn heard(request: &[u8], pieces: usize) -> Heard {
        let mut rest = request;
        read(|buffer| {
            let length = rest.len().min(pieces).min(buffer.len());
            buffer[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            Ok(length)
        })
        .unwrap()
    }

    fn request(method: &str, path: &str) -> Heard {
        Heard::Request(Head { method: method.into(), path: path.into() })
    }

    #[test]
    fn a_head_is_understood_in_whatever_pieces_it_comes() {
        for pieces in [1, 7, 1000] {
            for (text, expected) in [
                ("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", request("GET", "/metrics")),
                ("\r\nHEAD /a?b=c HTTP/1.0\r\n\r\nrest", request("HEAD", "/a")),
                ("GET http://h:1/metrics?x HTTP/1.1\r\n\r\n", request("GET", "/metrics")),
                ("GET HTTPS://[::1] HTTP/1.1\r\n\r\n", request("GET", "/")),
                ("GET http://h?a/b HTTP/1.1\r\n\r\n", request("GET", "/")),
                ("GET /go?to=http://h/metrics HTTP/1.1\r\n\r\n", request("GET", "/go")),
                ("GET / HTTP/1.1\r\nHost: x", Heard::Closed),
                ("", Heard::Closed),
                ("GET /\r\n\r\n", Heard::NoRequest),
                ("\u{16}\u{3}\u{1} \r\n\r\n", Heard::NoRequest),
            ] {
                assert_eq!(heard(text.as_bytes(), pieces), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn a_head_that_does_not_end_is_given_up() {
        let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 100_000]].concat();
        assert_eq!(heard(&long, 1000), Heard::NoRequest);
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MOST_HEADERS + 1));
        assert_eq!(heard(many.as_bytes(), 1000), Heard::NoRequest);
    }

    proptest! {
        #[test]
        fn nothing_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            heard(&bytes, 5);
        }
    }
}
