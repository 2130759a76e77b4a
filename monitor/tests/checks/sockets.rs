//! Ports, echoes and pings.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use monitor::verdict::Verdict;
use monitor::wire::{dns, ntp};
use socket2::{Domain, Socket, Type};

use crate::{SHORT, Server, assert_says, check, check_within, free_tcp_port, free_udp_port};

#[test]
fn a_tcp_port_is_open_or_refuses() {
    let server = Server::tcp(|_, _| {});
    let outcome = check(&format!("tcp 127.0.0.1 {}", server.address.port()));
    assert_says(&outcome, Verdict::Up, "open");
    assert!(outcome.took.is_some());
    let outcome = check(&format!("tcp 127.0.0.1 {}", free_tcp_port()));
    assert_says(&outcome, Verdict::Down, "connection refused");
}

#[test]
fn a_name_with_several_addresses_is_up_if_one_of_them_answers() {
    // ::1 comes first on most systems, and nobody listens there.
    let server = Server::tcp(|_, _| {});
    let outcome = check(&format!("tcp localhost {}", server.address.port()));
    assert_says(&outcome, Verdict::Up, "open");
}

#[test]
fn a_tcp_port_that_takes_no_connection_is_timed_out() {
    // Linux drops a SYN when the queue of those who wait is full.
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let brief = Duration::from_millis(300);
    let waiting: Vec<TcpStream> =
        (0..4).map_while(|_| TcpStream::connect_timeout(&address, brief).ok()).collect();
    assert!(waiting.len() < 4, "the queue has no end");
    let outcome = check_within(&format!("tcp {address}"), Duration::from_secs(1));
    assert_says(&outcome, Verdict::Down, "timed out: no connection to 127.0.0.1 within 1s");
}

#[test]
fn what_a_server_says_is_looked_at_piece_by_piece() {
    let server = Server::tcp(|mut stream, _| {
        let mut request = [0; 5];
        if stream.read_exact(&mut request).is_ok() && request == *b"hello" {
            for piece in [&b"220 la"[..], b"b ready\r\n", b"more\r\n"] {
                let _ = stream.write_all(piece);
                let _ = stream.flush();
            }
        }
    });
    let ask = |rest: &str| check(&format!("tcp {} send=hello {rest}", server.address));
    assert_says(&ask("expect='lab ready'"), Verdict::Up, "open, says \"220 lab ready\"");
    assert_says(&ask("expect=/^2\\d\\d.*y/"), Verdict::Up, "open");
    let outcome = ask("expect=500");
    assert_says(&outcome, Verdict::Down, "not a word of \"500\" and closed the connection");
    assert_says(&outcome, Verdict::Down, "220 lab ready");
}

#[test]
fn a_server_that_says_nothing_is_open_but_not_as_expected() {
    let server = Server::tcp(|mut stream, _| {
        let _ = stream.read(&mut [0; 1]);
    });
    let outcome = check_within(&format!("tcp {} expect=SSH", server.address), SHORT);
    assert_says(&outcome, Verdict::Down, "said nothing within 2s");
}

#[test]
fn a_udp_port_answers_is_closed_or_says_nothing() {
    let server = Server::udp(|datagram| match datagram {
        b"ping" => vec![b"pong".to_vec()],
        _ => Vec::new(),
    });
    let port = server.address.port();
    let outcome = check(&format!("udp 127.0.0.1 {port} send=ping"));
    assert_says(&outcome, Verdict::Up, "4 bytes: \"pong\"");
    assert_says(
        &check(&format!("udp 127.0.0.1 {port} send=hex:70696e67 expect=ong")),
        Verdict::Up,
        "",
    );
    let outcome = check_within(&format!("udp 127.0.0.1 {port} send=ping expect=x"), SHORT);
    assert_says(&outcome, Verdict::Down, "not as expected: \"pong\"");
    let outcome = check_within(&format!("udp 127.0.0.1 {port}"), SHORT);
    assert_says(&outcome, Verdict::Unverified, "open or filtered: no answer to 3 datagrams");
    assert_eq!(outcome.took, None);
    let outcome = check(&format!("udp 127.0.0.1 {}", free_udp_port()));
    assert_says(&outcome, Verdict::Down, "port unreachable, says 127.0.0.1");
}

#[test]
fn well_known_udp_ports_are_asked_in_their_own_language() {
    // Which port it is, is looked at; so this needs those ports: 53 and 123 of
    // an address of loopback that nobody else has.
    let bind = |port: u16| std::net::UdpSocket::bind(("127.77.53.1", port));
    let (Ok(dns_socket), Ok(ntp_socket)) = (bind(53), bind(123)) else {
        crate::common::skip(
            "well_known_udp_ports_are_asked_in_their_own_language",
            "ports below 1024 are for root",
        );
        return;
    };
    let answer = |socket: std::net::UdpSocket, reply: fn(&[u8]) -> Vec<u8>| {
        let address = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(crate::LOOK_UP)).unwrap();
        Server::spawn(address, move |stop| {
            let mut buffer = [0; 2048];
            while !stop.load(std::sync::atomic::Ordering::SeqCst) {
                if let Ok((length, from)) = socket.recv_from(&mut buffer) {
                    let _ = socket.send_to(b"not the protocol", from);
                    let _ = socket.send_to(&reply(&buffer[..length]), from);
                }
            }
        })
    };
    let _dns = answer(dns_socket, |query| {
        let query = dns::Message::parse(query).unwrap();
        dns::Message::reply_to(&query).emit().unwrap()
    });
    let _ntp = answer(ntp_socket, |request| {
        let request = ntp::Packet::parse(request).unwrap();
        let origin = request.transmit;
        ntp::Packet { mode: 4, stratum: 3, origin, ..ntp::Packet::default() }.emit().to_vec()
    });
    assert_says(&check("udp 127.77.53.1 53"), Verdict::Up, "a DNS reply, NOERROR");
    assert_says(&check("udp 127.77.53.1 123"), Verdict::Up, "an NTP reply, stratum 3");
}

#[test]
fn an_echo_has_to_be_exact_over_udp() {
    let echo = Server::udp(|datagram| vec![datagram.to_vec()]);
    assert_says(&check(&format!("echo {}", echo.address)), Verdict::Up, "came back equal");
    assert_says(&check(&format!("echo {} message=", echo.address)), Verdict::Up, "equal");
    let wrong = Server::udp(|datagram| vec![datagram.to_ascii_uppercase()]);
    let outcome = check_within(&format!("echo {}", wrong.address), SHORT);
    assert_says(&outcome, Verdict::Down, "other bytes came back: \"ECHO");
    let silent = Server::udp(|_| Vec::new());
    let outcome = check_within(&format!("echo {}", silent.address), SHORT);
    assert_says(&outcome, Verdict::Down, "no reply to 3 datagrams within 2s");
    let outcome = check(&format!("echo 127.0.0.1 {}", free_udp_port()));
    assert_says(&outcome, Verdict::Down, "port unreachable");
}

#[test]
fn an_echo_kept_from_last_time_is_not_believed() {
    let kept = std::sync::Mutex::new(Vec::new());
    let server = Server::udp(move |datagram| {
        let mut kept = kept.lock().unwrap();
        if kept.is_empty() {
            kept.extend_from_slice(datagram);
        }
        vec![kept.clone()]
    });
    let line = format!("echo {}", server.address);
    assert_says(&check(&line), Verdict::Up, "equal");
    assert_says(&check_within(&line, SHORT), Verdict::Down, "other bytes");
}

#[test]
fn an_echo_has_to_be_exact_over_tcp() {
    let server = |answer: fn(&[u8]) -> Vec<u8>| {
        Server::tcp(move |mut stream, _| {
            let mut buffer = [0; 100];
            let mut got = Vec::new();
            while !got.ends_with(b"\n") {
                match stream.read(&mut buffer) {
                    Ok(length) if length > 0 => got.extend_from_slice(&buffer[..length]),
                    _ => return,
                }
            }
            for byte in answer(&got) {
                let _ = stream.write_all(&[byte]);
            }
        })
    };
    let ask = |server: &Server| check(&format!("tcp_echo {}", server.address));
    assert_says(&ask(&server(|bytes| bytes.to_vec())), Verdict::Up, "came back equal");
    assert_says(&ask(&server(|bytes| bytes.to_ascii_uppercase())), Verdict::Down, "other bytes");
    assert_says(&ask(&server(|bytes| bytes[..5].to_vec())), Verdict::Down, "only 5 of 22 bytes");
    assert_says(&ask(&server(|_| Vec::new())), Verdict::Down, "closed: nothing came back");
    let outcome = check(&format!("tcp_echo 127.0.0.1 {}", free_tcp_port()));
    assert_says(&outcome, Verdict::Down, "connection refused");
}

#[test]
fn loopback_answers_pings_and_is_one_hop_away() {
    if let Err(why) = socklab::icmp_socket::IcmpSocket::open(packets::icmp::Version::V4) {
        crate::common::skip("loopback_answers_pings_and_is_one_hop_away", &why);
        return;
    }
    for host in ["127.0.0.1", "::1"] {
        let outcome = check(&format!("icmp {host} count=2"));
        assert_says(&outcome, Verdict::Up, "2 of 2 pings came back");
        assert_eq!(outcome.detail["loss_pct"], 0.0);
        let figure = |name: &str| outcome.detail[name].as_f64().unwrap();
        assert!(figure("rtt_min_seconds") <= figure("rtt_avg_seconds"));
        assert!(figure("rtt_avg_seconds") <= figure("rtt_max_seconds"));
        let outcome = check(&format!("icmp {host} 2"));
        assert_says(&outcome, Verdict::Up, "in 1 hop");
        assert_eq!(outcome.detail["path"], serde_json::json!([host]));
    }
    let outcome = check("icmp 127.0.0.1 max_rtt=1us count=1");
    assert_says(&outcome, Verdict::Degraded, "more than");
}
