//! DNS: each reply that is no answer has a verdict of its own.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};

use monitor::verdict::Verdict;
use monitor::wire::dns::{Data, Edns, Message, Name, Rcode, Record, RecordType, for_tcp};

use crate::{PATIENT, SHORT, Server, assert_says, check, check_within, free_udp_port};

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn a(owner: &str, last: u8) -> Record {
    Record::new(&name(owner), 60, Data::A([192, 0, 2, last].into()))
}

/// The right answer to `www.lab.test A`.
fn right(query: &Message) -> Message {
    let mut reply = Message::reply_to(query);
    reply.answers.push(a("www.lab.test", 1));
    reply
}

/// A server whose replies are the right one, changed.
fn server(change: impl Fn(&Message, &mut Message) + Send + 'static) -> Server {
    Server::udp(move |query| {
        let query = Message::parse(query).unwrap();
        let mut reply = right(&query);
        change(&query, &mut reply);
        vec![reply.emit().unwrap()]
    })
}

fn ask(server: &Server) -> monitor::outcome::Outcome {
    check(&format!("dns {} www.lab.test A", server.address))
}

fn ask_in_vain(server: &Server) -> monitor::outcome::Outcome {
    check_within(&format!("dns {} www.lab.test A", server.address), SHORT)
}

#[test]
fn an_answer_is_up_with_its_records_and_its_time() {
    let outcome = ask(&server(|_, _| {}));
    assert_says(&outcome, Verdict::Up, "192.0.2.1");
    assert!(outcome.took.is_some());
    assert_eq!(outcome.detail["rcode"], "NOERROR");
    assert_eq!(outcome.detail["transport"], "udp");
    assert_eq!(outcome.detail["answers"], 1);
}

#[test]
fn an_answer_without_records_is_down() {
    let outcome = ask(&server(|_, reply| reply.answers.clear()));
    assert_says(&outcome, Verdict::Down, "NODATA");
}

#[test]
fn what_servers_say_in_place_of_an_answer_is_told_apart() {
    for (code, words) in [
        (Rcode::NX_DOMAIN, "www.lab.test. does not exist (NXDOMAIN)"),
        (Rcode::SERV_FAIL, "SERVFAIL"),
        (Rcode::REFUSED, "REFUSED"),
    ] {
        let outcome = ask(&server(move |_, reply| {
            reply.answers.clear();
            reply.rcode = code;
        }));
        assert_says(&outcome, Verdict::Down, words);
    }
    let outcome = ask(&server(|_, reply| {
        reply.answers.clear();
        let server = Data::Ns(name("ns.elsewhere.test"));
        reply.authorities.push(Record::new(&name("lab.test"), 60, server));
    }));
    assert_says(&outcome, Verdict::Down, "a referral: for lab.test. ask ns.elsewhere.test.");
}

#[test]
fn aliases_are_followed_within_the_answer_and_not_in_circles() {
    let alias = |from: &str, to: &str| Record::new(&name(from), 60, Data::Cname(name(to)));
    let outcome = ask(&server(move |_, reply| {
        reply.answers =
            vec![alias("www.lab.test", "b.test"), alias("b.test", "c.test"), a("c.test", 7)];
    }));
    assert_says(&outcome, Verdict::Up, "192.0.2.7");
    assert_eq!(outcome.detail["aliases"], serde_json::json!(["b.test.", "c.test."]));
    let outcome = ask(&server(move |_, reply| {
        reply.answers = vec![alias("www.lab.test", "b.test"), alias("b.test", "www.lab.test")];
    }));
    assert_says(&outcome, Verdict::Down, "circle");
    // An address, but of another name.
    let outcome = ask(&server(move |_, reply| reply.answers = vec![a("other.test", 7)]));
    assert_says(&outcome, Verdict::Down, "NODATA");
}

#[test]
fn a_reply_to_a_different_question_is_no_answer() {
    let outcome = ask_in_vain(&server(|_, reply| {
        reply.questions[0].name = name("evil.test");
        reply.answers = vec![a("evil.test", 66)];
    }));
    assert_says(&outcome, Verdict::Down, "it answers for evil.test.");
    let outcome = ask_in_vain(&server(|_, reply| reply.questions[0].kind = RecordType::MX));
    assert_says(&outcome, Verdict::Down, "it answers for type MX");
    let outcome = ask_in_vain(&server(|_, reply| reply.questions.clear()));
    assert_says(&outcome, Verdict::Down, "0 questions");
}

#[test]
fn a_packet_with_qr_0_is_no_answer() {
    let outcome = ask_in_vain(&server(|_, reply| reply.header.response = false));
    assert_says(&outcome, Verdict::Down, "QR is 0");
}

#[test]
fn a_wrong_identifier_is_no_answer() {
    let outcome = ask_in_vain(&server(|_, reply| reply.header.id ^= 1));
    assert_says(&outcome, Verdict::Down, "its identifier is");
}

#[test]
fn a_reply_from_another_port_is_not_even_seen() {
    let server = Server::udp_from(|_, query, from| {
        let reply = right(&Message::parse(query).unwrap()).emit().unwrap();
        let other = UdpSocket::bind("127.0.0.1:0").unwrap();
        let _ = other.send_to(&reply, from);
    });
    assert_says(&ask_in_vain(&server), Verdict::Down, "no reply within 2s");
}

#[test]
fn wrong_replies_are_waited_past_until_the_right_one_comes() {
    let server = Server::udp(|query| {
        let query = Message::parse(query).unwrap();
        let right = right(&query).emit().unwrap();
        let mut forged = Message::reply_to(&query);
        forged.header.id ^= 0x8000;
        forged.answers.push(a("www.lab.test", 66));
        vec![forged.emit().unwrap(), b"rubbish".to_vec(), Vec::new(), right[..20].to_vec(), right]
    });
    assert_says(&ask(&server), Verdict::Up, "192.0.2.1");
}

#[test]
fn compression_that_loops_and_lengths_that_lie_are_malformed() {
    // The answer's name is a pointer to itself; then its RDLENGTH is too short for an A.
    let looping = |bytes: &mut Vec<u8>, answer: usize| {
        bytes[answer] = 0xc0 | (answer >> 8) as u8;
        bytes[answer + 1] = answer as u8;
    };
    let short = |bytes: &mut Vec<u8>, answer: usize| bytes[answer + 11] = 3;
    type Spoil = fn(&mut Vec<u8>, usize);
    let ways: [Spoil; 2] = [looping, short];
    for spoil in ways {
        let server = Server::udp(move |query| {
            let query = Message::parse(query).unwrap();
            let mut bytes = right(&query).emit().unwrap();
            // Behind the header and the question, where the name is a pointer.
            let answer = 12 + query.questions[0].name.as_bytes().len() + 4;
            assert_eq!(bytes[answer], 0xc0);
            spoil(&mut bytes, answer);
            vec![bytes]
        });
        assert_says(&ask_in_vain(&server), Verdict::Down, "a malformed reply");
    }
}

/// A UDP and a TCP server on the same port.
fn both(
    over_udp: impl Fn(&Message) -> Message + Send + 'static,
    over_tcp: impl Fn(&Message) -> Option<Vec<u8>> + Send + 'static,
) -> (Server, Server) {
    let (udp, listener) = loop {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        if let Ok(listener) = TcpListener::bind(udp.local_addr().unwrap()) {
            break (udp, listener);
        }
    };
    let address = udp.local_addr().unwrap();
    udp.set_read_timeout(Some(crate::LOOK_UP)).unwrap();
    let udp = Server::spawn(address, move |stop| {
        let mut buffer = [0; 65_536];
        while !stop.load(std::sync::atomic::Ordering::SeqCst) {
            if let Ok((length, from)) = udp.recv_from(&mut buffer) {
                let query = Message::parse(&buffer[..length]).unwrap();
                let _ = udp.send_to(&over_udp(&query).emit().unwrap(), from);
            }
        }
    });
    let tcp = Server::tcp_on(listener, move |mut stream, _| {
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).unwrap();
        if let Some(reply) = over_tcp(&Message::parse(&query).unwrap()) {
            // Byte by byte, as a stream may come.
            let reply = if reply.is_empty() { reply } else { for_tcp(&reply) };
            for byte in reply {
                let _ = stream.write_all(&[byte]);
            }
        }
    });
    (udp, tcp)
}

fn truncated(query: &Message) -> Message {
    let mut reply = Message::reply_to(query);
    reply.header.truncated = true;
    reply
}

#[test]
fn what_is_truncated_is_asked_again_over_tcp() {
    let (udp, _tcp) = both(truncated, |query| Some(right(query).emit().unwrap()));
    let outcome = ask(&udp);
    assert_says(&outcome, Verdict::Up, "192.0.2.1");
    assert_eq!(outcome.detail["transport"], "tcp");
}

#[test]
fn an_empty_truncated_reply_without_tcp_behind_it_is_down() {
    let outcome = ask(&server(|_, reply| {
        reply.answers.clear();
        reply.header.truncated = true;
    }));
    assert_says(&outcome, Verdict::Down, "truncated over UDP, and over TCP connection refused");
}

#[test]
fn over_tcp_nothing_is_believed_either() {
    let wrong = |query: &Message| {
        let mut reply = right(query);
        reply.header.id ^= 1;
        Some(reply.emit().unwrap())
    };
    let (udp, _tcp) = both(truncated, wrong);
    assert_says(&ask(&udp), Verdict::Down, "over TCP a reply that does not answer");
    let (udp, _tcp) = both(truncated, |query| Some(truncated(query).emit().unwrap()));
    assert_says(&ask(&udp), Verdict::Down, "over TCP truncated again");
    let (udp, _tcp) = both(truncated, |_| None);
    assert_says(&ask(&udp), Verdict::Down, "over TCP the connection was closed");
    let (udp, _tcp) = both(truncated, |_| Some(b"rubbish".to_vec()));
    assert_says(&ask(&udp), Verdict::Down, "over TCP a malformed reply");
}

#[test]
fn a_server_that_knows_no_edns_is_asked_without() {
    let refuses = server(|query, reply| {
        if query.edns.is_some() {
            reply.answers.clear();
            reply.questions.clear();
            reply.edns = None;
            reply.rcode = Rcode::FORM_ERR;
        }
    });
    let outcome = ask(&refuses);
    assert_says(&outcome, Verdict::Up, "192.0.2.1");
    assert_eq!(outcome.detail["edns"], false);
    // One that drops such queries without a word.
    let drops = Server::udp(|query| {
        let query = Message::parse(query).unwrap();
        if query.edns.is_some() { Vec::new() } else { vec![right(&query).emit().unwrap()] }
    });
    let outcome = check_within(&format!("dns {} www.lab.test", drops.address), SHORT);
    assert_says(&outcome, Verdict::Up, "192.0.2.1");
    let never = server(|_, reply| {
        reply.answers.clear();
        reply.rcode = Rcode::FORM_ERR;
    });
    assert_says(&ask(&never), Verdict::Down, "FORMERR");
}

#[test]
fn the_rcodes_upper_bits_stand_in_edns() {
    let server = server(|_, reply| {
        reply.answers.clear();
        reply.edns = Some(Edns::default());
        reply.rcode = Rcode(23);
    });
    assert_says(&ask(&server), Verdict::Down, "BADCOOKIE");
}

#[test]
fn what_is_expected_decides() {
    let server = server(|_, reply| reply.answers.push(a("www.lab.test", 2)));
    let ask = |rest: &str| check(&format!("dns {} www.lab.test A {rest}", server.address));
    assert_says(&ask("expect=192.0.2.1 expect=192.0.2.2"), Verdict::Up, "192.0.2.1, 192.0.2.2");
    assert_says(&ask("expect=192.0.2.3"), Verdict::Down, "\"192.0.2.3\" is not among");
    assert_says(&ask("expect_any=192.0.2.3 expect_any=192.0.2.2"), Verdict::Up, "");
    assert_says(&ask("expect_any=192.0.2.3"), Verdict::Down, "none of those expected");
    assert_says(&ask("min_answers=2"), Verdict::Up, "");
    assert_says(&ask("min_answers=3"), Verdict::Down, "2 A records, where 3 were expected");
    assert_says(&ask("expect_rcode=NXDOMAIN"), Verdict::Down, "where NXDOMAIN was expected");
}

#[test]
fn a_name_that_shall_not_exist_is_up_when_it_does_not() {
    let server = server(|_, reply| {
        reply.answers.clear();
        reply.rcode = Rcode::NX_DOMAIN;
    });
    let line = format!("dns {} www.lab.test A expect_rcode=NXDOMAIN", server.address);
    assert_says(&check(&line), Verdict::Up, "as expected");
}

#[test]
fn a_closed_port_is_down_at_once() {
    let line = format!("dns 127.0.0.1:{} www.lab.test", free_udp_port());
    assert_says(&check_within(&line, PATIENT), Verdict::Down, "port unreachable");
}

#[test]
fn every_query_has_another_identifier_and_another_port() {
    let (sender, seen) = std::sync::mpsc::channel();
    let server = Server::udp_from(move |socket, query, from| {
        let query = Message::parse(query).unwrap();
        sender.send((query.header.id, from.port())).unwrap();
        let _ = socket.send_to(&right(&query).emit().unwrap(), from);
    });
    (0..8).for_each(|_| assert_says(&ask(&server), Verdict::Up, ""));
    let seen: std::collections::HashSet<(u16, u16)> = seen.try_iter().collect();
    let ids: std::collections::HashSet<u16> = seen.iter().map(|(id, _)| *id).collect();
    let ports: std::collections::HashSet<u16> = seen.iter().map(|(_, port)| *port).collect();
    // That two of eight are equal happens once in 2,000 runs, that four are never.
    assert!(ids.len() >= 6 && ports.len() >= 4, "{seen:?}");
}
