//! One deadline holds for all of a check, however a server drags it out.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use monitor::verdict::Verdict;

use crate::{LOOK_UP, Server, assert_says, check_within, read_head};

const BRIEF: Duration = Duration::from_secs(1);

/// A server that sends `head`, and then a byte now and then, for ever.
fn trickles(head: &'static [u8]) -> Server {
    Server::tcp(move |mut stream, stop| {
        let mut alive = stream.write_all(head).is_ok();
        while alive && !stop.load(Ordering::SeqCst) {
            thread::sleep(LOOK_UP);
            alive = stream.write_all(b"a").is_ok();
        }
    })
}

#[test]
fn a_byte_now_and_then_holds_up_no_check() {
    let server = trickles(b"");
    let address = server.address;
    let outcome = check_within(&format!("tcp {address} expect=/b/"), BRIEF);
    assert_says(&outcome, Verdict::Down, "within 1s");
    let outcome = check_within(&format!("tcp_echo {address} message={}", "a".repeat(900)), BRIEF);
    assert_says(&outcome, Verdict::Down, "");
    let outcome = check_within(&format!("https {address}"), BRIEF);
    assert_says(&outcome, Verdict::Down, "TLS");
}

#[test]
fn an_answer_that_does_not_end_holds_up_no_check() {
    let head = trickles(b"HTTP/1.1 200 OK\r\nX-A: ");
    let outcome = check_within(&format!("http {}", head.address), BRIEF);
    assert_says(&outcome, Verdict::Down, "head was not complete within 1s");
    let body = trickles(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    let outcome = check_within(&format!("http {}", body.address), BRIEF);
    assert_says(&outcome, Verdict::Down, "did not end within 1s");
    // What was to be found was found, and no more is wanted.
    let outcome = check_within(&format!("http {} expect_body=aaa", body.address), BRIEF);
    assert_says(&outcome, Verdict::Up, "the body is as expected");
}

#[test]
fn a_server_that_takes_everything_and_says_nothing_is_down_in_time() {
    let server = Server::tcp(|mut stream, stop| {
        read_head(&mut stream);
        while !stop.load(Ordering::SeqCst) {
            thread::sleep(LOOK_UP);
        }
    });
    let outcome = check_within(&format!("http {}", server.address), BRIEF);
    assert_says(&outcome, Verdict::Down, "connected, but no answer within 1s");
}

#[test]
fn a_stream_of_wrong_datagrams_holds_up_no_check() {
    let server = Server::udp(|_| vec![b"no".to_vec(); 2000]);
    let address = server.address;
    for line in [
        format!("dns {address} www.lab.test"),
        format!("ntp {address}"),
        format!("echo {address}"),
        format!("udp {address} expect=yes"),
    ] {
        assert_says(&check_within(&line, BRIEF), Verdict::Down, "");
    }
}

#[test]
fn time_that_is_over_before_it_began_is_no_panic() {
    let server = trickles(b"");
    let address = server.address;
    for line in [
        format!("http {address}"),
        format!("tcp {address}"),
        format!("dns {address} www.lab.test"),
        format!("ntp {address}"),
        format!("udp {address}"),
        format!("echo {address}"),
        format!("tcp_echo {address}"),
        "icmp 127.0.0.1".to_string(),
        "trace 127.0.0.1".to_string(),
        "tcp localhost 9".to_string(),
    ] {
        let outcome = check_within(&line, Duration::ZERO);
        assert_ne!(outcome.verdict, Verdict::Up, "{line}: {outcome:?}");
    }
}
