//! HTTP/1.1 as far as a page needs it (RFC 9112): one request a connection.

use std::io::{self, Read, Write};

use super::faults::Fault;
use super::threads::Connection;
use crate::request::{self, Head, Heard};

/// The page at `/`.
pub const PAGE: &str = "<!doctype html>\n<title>lab.test</title>\n<h1>It works</h1>\n";

const WRONG_PAGE: &str = "<!doctype html>\n<title>lab.test</title>\n<h1>Under construction</h1>\n";

/// Reads one request from `stream`, plain or within TLS, and answers it.
///
/// # Errors
/// The connection broke, or its client sent no request in time.
pub fn serve(connection: &Connection, mut stream: impl Read + Write) -> io::Result<()> {
    let head = match request::read(|piece| stream.read(piece))? {
        Heard::Request(head) => Some(head),
        Heard::NoRequest => None,
        Heard::Closed => return Ok(()),
    };
    if !connection.dawdle() {
        return Ok(());
    }
    let head = head.as_ref();
    let response = match connection.switch.get().fault {
        Some(Fault::Garbage) => b"\x15\x03\x01 this is not HTTP\r\n".to_vec(),
        Some(Fault::Status(status)) => response(head, status, PAGE),
        Some(Fault::WrongBody) => response(head, 200, WRONG_PAGE),
        _ => answer(head),
    };
    stream.write_all(&response)?;
    stream.flush()
}

fn answer(head: Option<&Head>) -> Vec<u8> {
    let Some(Head { method, path }) = head else {
        return response(head, 400, "no HTTP/1 request\n");
    };
    match (method.as_str(), path.as_str()) {
        ("GET" | "HEAD", "/" | "/index.html") => response(head, 200, PAGE),
        ("GET" | "HEAD", "/redirect") => response(head, 302, "see /\n"),
        ("GET" | "HEAD", _) => response(head, 404, "no such page; there are / and /redirect\n"),
        _ => response(head, 405, "only GET and HEAD\n"),
    }
}

fn response(head: Option<&Head>, status: u16, body: &str) -> Vec<u8> {
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
    if !bodiless && head.is_none_or(|head| head.method != "HEAD") {
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
