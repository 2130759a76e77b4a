//! A page for Prometheus, over HTTP/1.1: one answer a connection, and no more
//! of a request is read than it takes to know what is asked for.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use logic::pace::LOOK_UP;
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::cannot_listen;
use socklab::threads;

use crate::request::{self, Heard};

/// So many connections at once; one more is closed right away.
const CLIENTS: usize = 8;

/// At most this many bytes of what a client says after its request are read at once.
const REST: usize = 8192;

/// For all of a request, and for all of its answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The page as it is now; none if the program is ending.
type Page = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Opens the port of the page, `port` unless the endpoint names one.
///
/// # Errors
/// One line: it cannot be listened on, and the mend.
pub fn listen(endpoint: &Endpoint, port: u16) -> Result<TcpListener, String> {
    let address = endpoint.resolve(port, Family::Any)?;
    TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))
}

/// What is to be said of an address that others than this machine can reach.
pub fn warning(listener: &TcpListener) -> Option<String> {
    let address = listener.local_addr().ok().filter(|address| !address.ip().is_loopback())?;
    Some(format!(
        "whoever reaches {address} can read the metrics, which name all that is watched; \
         127.0.0.1:{} keeps them on this machine",
        address.port()
    ))
}

/// Answers requests, in a thread of its own, until the process ends.
///
/// # Errors
/// One line: the operating system gave no thread.
pub fn serve(
    listener: TcpListener,
    page: impl Fn() -> Option<String> + Send + Sync + 'static,
) -> Result<(), String> {
    let page: Page = Arc::new(page);
    threads::start("scrape", move || accept(&listener, &page)).map(drop)
}

fn accept(listener: &TcpListener, page: &Page) {
    let clients = Arc::new(AtomicUsize::new(0));
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Too many open files, perhaps: that passes.
            thread::sleep(LOOK_UP);
            continue;
        };
        if clients.load(Ordering::SeqCst) == CLIENTS {
            // Dropping the stream closes the connection.
            continue;
        }
        clients.fetch_add(1, Ordering::SeqCst);
        let (page, counted) = (Arc::clone(page), Arc::clone(&clients));
        let begun = thread::Builder::new().spawn(move || {
            // A client that goes away has its reasons.
            let _ = answer(stream, &page);
            counted.fetch_sub(1, Ordering::SeqCst);
        });
        if begun.is_err() {
            clients.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

fn answer(mut stream: TcpStream, page: &Page) -> io::Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let heard = request::read(|piece| {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        stream.read(piece)
    })?;
    let asked = match &heard {
        Heard::Request(head) => (head.method.as_str(), head.path.as_str()),
        Heard::NoRequest | Heard::Closed => ("", ""),
    };
    let (status, body) = match asked {
        ("GET" | "HEAD", "/metrics") => match page() {
            Some(page) => ("200 OK", page),
            None => ("503 Service Unavailable", "the program is ending\n".to_string()),
        },
        ("GET" | "HEAD", "/") => ("200 OK", "the metrics are at /metrics\n".to_string()),
        ("GET" | "HEAD", _) => ("404 Not Found", "there is only /metrics\n".to_string()),
        ("", _) => ("400 Bad Request", "this is no request of HTTP/1.1\n".to_string()),
        _ => ("405 Method Not Allowed", "only GET and HEAD\n".to_string()),
    };
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    let length = body.len();
    let mut answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{allow}Connection: close\r\n\r\n"
    );
    if asked.0 != "HEAD" {
        answer += &body;
    }
    let left = deadline.saturating_duration_since(Instant::now()).max(LOOK_UP);
    stream.set_write_timeout(Some(left))?;
    stream.write_all(answer.as_bytes())?;
    // Closing while bytes of the client are unread would make the kernel send a
    // reset, which can overtake the answer. So: the end of ours first, and then
    // whatever else it says.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LOOK_UP))?;
    let mut rest = [0; REST];
    for _ in 0..CLIENTS {
        if stream.read(&mut rest)? == 0 {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_can_reach_has_a_warning_and_loopback_has_none() {
        for (bind, warned) in [("127.0.0.1:0", false), ("[::1]:0", false), ("0.0.0.0:0", true)] {
            let listener = TcpListener::bind(bind).unwrap();
            let said = warning(&listener);
            assert_eq!(said.is_some(), warned, "{bind}: {said:?}");
            assert!(said.is_none_or(|said| said.contains("whoever reaches 0.0.0.0:")));
        }
    }
}
