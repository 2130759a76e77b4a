//! NTP: only a reply to our own request, from a server that knows the time, counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use monitor::outcome::Outcome;
use monitor::verdict::Verdict;
use monitor::wire::ntp::{Leap, Packet, Timestamp};

use crate::{SHORT, Server, assert_says, check, check_within, free_udp_port};

/// A reply from a server whose clock is right.
fn right(request: &Packet) -> Packet {
    let now = Timestamp::from_system(SystemTime::now());
    Packet {
        version: 4,
        mode: 4,
        stratum: 2,
        reference_id: [192, 0, 2, 1],
        origin: request.transmit,
        receive: now,
        transmit: now,
        ..Packet::default()
    }
}

fn server(change: impl Fn(&mut Packet) + Send + 'static) -> Server {
    Server::udp(move |request| {
        let mut reply = right(&Packet::parse(request).unwrap());
        change(&mut reply);
        vec![reply.emit().to_vec()]
    })
}

fn ask(server: &Server) -> Outcome {
    check(&format!("ntp {} max_offset=60s", server.address))
}

fn ask_in_vain(server: &Server) -> Outcome {
    check_within(&format!("ntp {}", server.address), SHORT)
}

#[test]
fn a_server_that_knows_the_time_is_up_with_its_four_best_figures() {
    let outcome = ask(&server(|_| {}));
    assert_says(&outcome, Verdict::Up, "stratum 2");
    assert!(outcome.reason.starts_with("offset ") && outcome.reason.contains(" ± "));
    let figure = |name: &str| outcome.detail[name].as_f64().unwrap();
    assert!(figure("offset_seconds").abs() < 60.0);
    // What the clocks add to half of the delay has a test of its own.
    assert!(figure("offset_bound_seconds") > figure("delay_seconds").max(0.0) / 2.0);
    assert_eq!(outcome.detail["reference"], "192.0.2.1");
    assert_eq!(outcome.detail["samples"], 4);
    assert!(outcome.detail["server_time"].as_str().unwrap().starts_with("20"));
}

#[test]
fn the_offset_is_the_servers_clock_against_ours() {
    for (hours, sign) in [(1i64, "+"), (-1, "-")] {
        let server = server(move |reply| {
            let hour = (3600u64) << 32;
            for stamp in [&mut reply.receive, &mut reply.transmit] {
                stamp.0 = match hours > 0 {
                    true => stamp.0.wrapping_add(hour),
                    false => stamp.0.wrapping_sub(hour),
                };
            }
        });
        let outcome = check(&format!("ntp {}", server.address));
        assert_says(&outcome, Verdict::Down, "more than 1s: its clock is wrong");
        assert!(outcome.reason.starts_with(&format!("offset {sign}3")), "{}", outcome.reason);
        let offset = outcome.detail["offset_seconds"].as_f64().unwrap();
        assert!((offset - 3600.0 * hours as f64).abs() < 60.0, "{offset}");
        let line = format!("ntp {} max_offset=2h", server.address);
        assert_says(&check(&line), Verdict::Up, "");
    }
}

#[test]
fn a_stratum_above_the_highest_wanted_is_degraded() {
    let server = server(|reply| reply.stratum = 5);
    let outcome = check(&format!("ntp {} max_offset=60s max_stratum=3", server.address));
    assert_says(&outcome, Verdict::Degraded, "stratum 5, above 3");
}

#[test]
fn servers_that_do_not_know_the_time_are_down() {
    let outcome = ask(&server(|reply| reply.leap = Leap::Unsynchronised));
    assert_says(&outcome, Verdict::Down, "not synchronised");
    let outcome = ask(&server(|reply| reply.stratum = 16));
    assert_says(&outcome, Verdict::Down, "stratum 16");
    let outcome = ask(&server(|reply| {
        reply.stratum = 0;
        reply.reference_id = *b"INIT";
    }));
    assert_says(&outcome, Verdict::Down, "kiss code INIT");
    let outcome = ask(&server(|reply| reply.transmit = Timestamp::UNKNOWN));
    assert_says(&outcome, Verdict::Down, "stamp is missing");
}

#[test]
fn what_answers_no_request_of_ours_is_waited_past_and_told() {
    let outcome = ask_in_vain(&server(|reply| reply.origin.0 ^= 1));
    assert_says(&outcome, Verdict::Down, "its origin is not the stamp that was sent");
    let outcome = ask_in_vain(&server(|reply| reply.origin = Timestamp::UNKNOWN));
    assert_says(&outcome, Verdict::Down, "its origin is not");
    let outcome = ask_in_vain(&server(|reply| reply.mode = 3));
    assert_says(&outcome, Verdict::Down, "its mode is 3");
    let short = Server::udp(|_| vec![vec![0x24; 47]]);
    assert_says(&ask_in_vain(&short), Verdict::Down, "47 bytes");
    let silent = Server::udp(|_| Vec::new());
    assert_says(&ask_in_vain(&silent), Verdict::Down, "no reply within 2s");
}

#[test]
fn a_forgery_does_not_keep_the_right_reply_out() {
    let server = Server::udp(|request| {
        let request = Packet::parse(request).unwrap();
        let forged = Packet { origin: Timestamp(1), stratum: 1, ..right(&request) };
        let right = right(&request).emit().to_vec();
        vec![b"rubbish".to_vec(), forged.emit().to_vec(), right.clone(), right]
    });
    let outcome = ask(&server);
    assert_says(&outcome, Verdict::Up, "stratum 2");
    assert_eq!(outcome.detail["samples"], 4);
}

#[test]
fn stamps_that_cannot_be_are_down() {
    // It claims to have held the request for an hour.
    let server = server(|reply| reply.transmit.0 = reply.transmit.0.wrapping_add(3600 << 32));
    assert_says(&ask(&server), Verdict::Down, "its stamps cannot be");
}

#[test]
fn a_server_that_says_rate_is_left_alone() {
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let server = server(move |reply| {
        counter.fetch_add(1, Ordering::SeqCst);
        reply.stratum = 0;
        reply.reference_id = *b"RATE";
        reply.poll = 10;
    });
    let outcome = ask(&server);
    assert_says(&outcome, Verdict::Unverified, "RATE");
    assert_says(&outcome, Verdict::Unverified, "left alone for 1024s");
    assert_eq!(outcome.detail["retry_after_seconds"], 1024);
    assert_says(&ask(&server), Verdict::Unverified, "not asked: the server said RATE");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[test]
fn a_server_that_says_rate_after_the_time_has_told_it_all_the_same() {
    let asked = AtomicU32::new(0);
    let server = server(move |reply| {
        if asked.fetch_add(1, Ordering::SeqCst) > 0 {
            reply.stratum = 0;
            reply.reference_id = *b"RATE";
        }
    });
    let outcome = ask(&server);
    assert_says(&outcome, Verdict::Up, "it asks to be asked less often");
    assert_eq!(outcome.detail["samples"], 1);
    assert_says(&ask(&server), Verdict::Unverified, "not asked");
}

#[test]
fn a_server_that_denies_is_down_and_not_asked_again() {
    let server = server(|reply| {
        reply.stratum = 0;
        reply.reference_id = *b"DENY";
    });
    assert_says(&ask(&server), Verdict::Down, "access denied");
    assert_says(&ask(&server), Verdict::Unverified, "not asked: the server said DENY");
}

#[test]
fn a_lost_request_is_sent_again() {
    let asked = AtomicU32::new(0);
    let server = Server::udp(move |request| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => Vec::new(),
        _ => vec![right(&Packet::parse(request).unwrap()).emit().to_vec()],
    });
    let line = format!("ntp {} max_offset=60s", server.address);
    assert_says(&check_within(&line, Duration::from_secs(8)), Verdict::Up, "stratum 2");
}

#[test]
fn a_closed_port_is_down() {
    let line = format!("ntp 127.0.0.1:{}", free_udp_port());
    assert_says(&check(&line), Verdict::Down, "port unreachable");
}
