//! The page for Prometheus.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use nix::sys::signal::Signal;

use crate::common::{DEADLINE, Running};
use crate::{MONITOR, event, metrics_at};

/// What is answered to these bytes, if anything is, until the end.
pub fn ask(at: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // A server that has heard enough closes its ears.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    if let Err(why) = stream.read_to_end(&mut answer) {
        assert_eq!(why.kind(), ErrorKind::ConnectionReset, "{why}");
    }
    String::from_utf8(answer).unwrap()
}

pub fn get(at: SocketAddr, path: &str) -> String {
    ask(at, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes())
}

fn started() -> (Running, SocketAddr) {
    let mut monitor = Running::start(MONITOR, &["run", "--json", "--metrics", "127.0.0.1:0"]);
    let start = event(&mut monitor, |event| event["event"] == "start");
    let at = metrics_at(&start);
    (monitor, at)
}

#[test]
fn the_page_has_the_figures_of_the_latest_results() {
    let (mut monitor, at) = started();
    let mut seen = 0;
    while seen < 7 {
        event(&mut monitor, |event| event["event"] == "result");
        seen += 1;
    }
    let answer = get(at, "/metrics");
    let (head, page) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    assert!(head.contains(&format!("Content-Length: {}", page.len())), "{head}");
    for name in [
        "probe_success{service=\"lab web\",type=\"http\"} 1",
        "probe_duration_seconds{service=\"lab names\",type=\"dns\"} ",
        "probe_http_status_code{service=\"lab web\",type=\"http\"} 200",
        "probe_http_duration_seconds{service=\"lab web, secure\",type=\"https\",phase=\"tls\"} ",
        "probe_ssl_earliest_cert_expiry{service=\"lab web, secure\",type=\"https\"} ",
        "probe_dns_answer_rrs{service=\"lab names\",type=\"dns\"} 1",
        "probe_ntp_offset_seconds{service=\"lab clock\",type=\"ntp\"} ",
        "probe_ntp_stratum{service=\"lab clock\",type=\"ntp\"} ",
        "monitor_checks_total{service=\"lab silence\",type=\"udp\",verdict=\"unverified\"} ",
        "monitor_last_check_timestamp_seconds{service=\"lab echo\",type=\"echo\"} ",
        "monitor_threads_limit 512",
    ] {
        assert!(page.contains(name), "no {name} in {page}");
    }
    // What is unverified is no failure.
    assert!(!page.contains("probe_success{service=\"lab silence\""), "{page}");
    assert_eq!(monitor.interrupt().code(), 0);
}

#[test]
fn other_requests_are_refused_in_words_and_garbage_does_no_harm() {
    let (monitor, at) = started();
    let status = |request: &[u8]| ask(at, request).lines().next().unwrap_or_default().to_string();
    let long = [b"GET /metrics HTTP/1.1\r\nX: ".as_slice(), &[b'x'; 100_000]].concat();
    for (request, expected) in [
        (b"GET / HTTP/1.1\r\n\r\n".as_slice(), "HTTP/1.1 200 OK"),
        (b"GET /metrics?name=x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET http://127.0.0.1:9464/metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"HEAD HTTP://[::1]/metrics?x HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET http://monitor.lab.test HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET http://metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET http://x/other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"GET /other HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        (b"\x16\x03\x01\0\xff\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        (b"\r\nGET / HTTP/1.1\nHost: x\n\n", "HTTP/1.1 200 OK"),
    ] {
        assert_eq!(status(request), expected, "{:?}", String::from_utf8_lossy(request));
    }
    let answer = ask(at, b"HEAD /metrics HTTP/1.1\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("\r\n\r\n"), "{answer}");
    let answer = status(&long);
    // The rest of it may be on its way still when the answer is: then it is lost.
    assert!(answer.is_empty() || answer == "HTTP/1.1 400 Bad Request", "{answer}");
    // A client that says nothing more is told so.
    let mut half = TcpStream::connect(at).unwrap();
    half.write_all(b"GET /metr").unwrap();
    half.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    half.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request"), "{answer}");
    assert_eq!(monitor.interrupt().code(), 0);
}

#[test]
fn clients_that_say_nothing_do_not_hold_it_up_for_long() {
    let (monitor, at) = started();
    let idle: Vec<TcpStream> = (0..20).map(|_| TcpStream::connect(at).unwrap()).collect();
    // While eight of them are waited for others are turned away; then not.
    while !get(at, "/metrics").starts_with("HTTP/1.1 200 OK") {}
    drop(idle);
    monitor.signal(Signal::SIGTERM);
    assert_eq!(monitor.end().code(), 0);
}
