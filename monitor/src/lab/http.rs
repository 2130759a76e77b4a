//! HTTP/1.1 as far as a page needs it (RFC 9112): one request a connection.

use std::io::{self, Read, Write};

use super::faults::Fault;
use super::threads::Connection;

/// A request's head may have so many bytes.
const LONGEST_HEAD: usize = 8192;

/// The page at `/`.
pub const PAGE: &str = "<!doctype html>\n<title>lab.test</title>\n<h1>It works</h1>\n";

const WRONG_PAGE: &str = "<!doctype html>\n<title>lab.test</title>\n<h1>Under construction</h1>\n";

/// Reads one request from `stream`, plain or within TLS, and answers it.
///
/// # Errors
/// The connection broke, or its client sent no request in time.
pub fn serve(connection: &Connection, mut stream: impl Read + Write) -> io::Result<()> {
    let Some(head) = read_head(&mut stream)? else { return Ok(()) };
    if !connection.dawdle() {
        return Ok(());
    }
    let response = match connection.switch.get().fault {
        Some(Fault::Garbage) => b"\x15\x03\x01 this is not HTTP\r\n".to_vec(),
        Some(Fault::Status(status)) => response(&head, status, PAGE),
        Some(Fault::WrongBody) => response(&head, 200, WRONG_PAGE),
        _ => answer(&head),
    };
    stream.write_all(&response)?;
    stream.flush()
}

/// The request up to the empty line; none if the client closed before it.
fn read_head(stream: &mut impl Read) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            length => head.extend_from_slice(&buffer[..length]),
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

fn answer(head: &str) -> Vec<u8> {
    let mut words = head.lines().next().unwrap_or_default().split(' ');
    let (method, target, version) = (words.next(), words.next(), words.next());
    let known = version.is_some_and(|version| version.starts_with("HTTP/1."));
    match (method, target) {
        _ if !known => response(head, 400, "no HTTP/1 request\n"),
        (Some("GET" | "HEAD"), Some(target)) => {
            // A proxy's client, and some checks, give the whole URL.
            let path = target
                .split_once("://")
                .map_or(target, |(_, rest)| rest.find('/').map_or("/", |slash| &rest[slash..]));
            let path = path.split('?').next().unwrap_or_default();
            match path {
                "/" | "/index.html" => response(head, 200, PAGE),
                "/redirect" => response(head, 302, "see /\n"),
                _ => response(head, 404, "no such page; there are / and /redirect\n"),
            }
        }
        _ => response(head, 405, "only GET and HEAD\n"),
    }
}

fn response(head: &str, status: u16, body: &str) -> Vec<u8> {
    let kind = if body.starts_with('<') { "text/html" } else { "text/plain" };
    let location = if (300..400).contains(&status) { "Location: /\r\n" } else { "" };
    // 204 and 304 have no body, and no length of it (RFC 9110, section 8.6).
    let bodiless = matches!(status, 204 | 304);
    let length =
        if bodiless { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let mut text = format!(
        "HTTP/1.1 {status} {}\r\nServer: lab_services\r\n{location}\
         Content-Type: {kind}; charset=utf-8\r\n{length}Connection: close\r\n\r\n",
        reason(status)
    );
    if !bodiless && !head.starts_with("HEAD ") {
        text += body;
    }
    text.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        418 => "I'm a teapot",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Status",
    }
}
