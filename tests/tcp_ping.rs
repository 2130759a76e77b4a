//! TCP ping, server and client, as a user runs them.

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use common::{
    DEADLINE, Ended, Running, Server, classic, have, in_a_namespace, lacks, named, seqs, skip,
};
use nix::sys::signal::Signal;
use serde_json::Value;
use socket2::{Domain, SockRef, Socket, Type};

const PROGRAM: &str = "tcp_ping";

/// The server on a free port of loopback.
fn server(args: &[&str]) -> Server {
    server_at("127.0.0.1:0", args)
}

fn server_at(bind: &str, args: &[&str]) -> Server {
    let mut running = Running::start(PROGRAM, &[&["server", "--bind", bind], args].concat());
    let first = running.line();
    let address = match serde_json::from_str::<Value>(&first) {
        Ok(start) => start["listening"].as_str().map(str::to_string),
        Err(_) => first
            .split_once("listening on ")
            .and_then(|(_, rest)| rest.split(',').next())
            .map(str::to_string),
    };
    let address = address.and_then(|address| address.parse().ok());
    Server { running, address: address.unwrap_or_else(|| panic!("no address in {first:?}")) }
}

fn start_client(args: &[&str]) -> Running {
    Running::start(PROGRAM, &[&["client"], args].concat())
}

fn client(args: &[&str]) -> Ended {
    start_client(args).end()
}

/// A listener of the test's own that plays the server.
fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A connection of the test's own that plays the client.
fn connect(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Reads the whole request of a client, whose first has 34 bytes.
fn request(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut request = vec![0; 34];
    stream.read_exact(&mut request).unwrap();
    request
}

/// Sends a message, and reads its reply.
fn ping(stream: &mut TcpStream, message: &[u8]) -> Vec<u8> {
    stream.write_all(message).unwrap();
    let mut reply = vec![0; message.len()];
    stream.read_exact(&mut reply).unwrap();
    reply
}

/// Closes a connection with a reset.
fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
}

fn summary(events: &[Value]) -> &Value {
    named(events, "summary")[0]
}

#[test]
fn without_loss_every_ping_is_answered_and_both_times_are_told() {
    let server = server(&["--loss", "0"]);
    let ended = client(&[&server.at(), "--json"]);
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(seqs(&events, "reply"), (1..=10).collect::<Vec<_>>());
    for reply in named(&events, "reply") {
        assert!(reply["connect_ms"].as_f64().unwrap() > 0.0);
        assert!(reply["request_ms"].as_f64().unwrap() > 0.0);
        assert_eq!(reply["rtt_ms"], reply["request_ms"]);
        assert_eq!(reply["from"], server.at());
        if cfg!(target_os = "linux") {
            assert!(reply["retransmits"].is_u64());
        }
    }
    for (name, count) in
        [("sent", 10), ("received", 10), ("lost", 0), ("errors", 0), ("connections", 10)]
    {
        assert_eq!(summary(&events)[name], count, "{name}");
    }
}

#[test]
fn a_seed_loses_the_same_pings_every_time_by_the_number_of_the_connection() {
    for _ in 0..2 {
        let server = server(&["--seed", "3"]);
        for lost in [vec![4, 8], vec![3]] {
            let events = client(&[&server.at(), "--json"]).events();
            assert_eq!(seqs(&events, "lost"), lost);
            assert_eq!(summary(&events)["said_lost"], lost.len());
        }
    }
}

#[test]
fn lost_is_the_servers_word_and_no_timeout() {
    let server = server(&["--loss", "100%"]);
    // With the timeout waited for, this would take half an hour.
    let ended = client(&[&server.at(), "--json", "-n", "3", "-W", "10m"]);
    assert_eq!(ended.code(), 1);
    let events = ended.events();
    assert_eq!(seqs(&events, "lost"), [1, 2, 3]);
    let summary = summary(&events);
    assert_eq!((&summary["lost"], &summary["said_lost"]), (&3.into(), &3.into()));
    assert_eq!((&summary["errors"], &summary["timed_out"]), (&0.into(), &0.into()));
}

#[test]
fn a_reply_in_pieces_is_put_together() {
    for (size, reads) in [("1", 34), ("5", 7), ("1000", 1)] {
        let server = server(&["--loss", "0", "--trickle", size]);
        let ended = client(&[&server.at(), "--json", "-n", "2", "-W", "60s"]);
        assert_eq!(seqs(&ended.events(), "reply"), [1, 2], "{size}");
        let took = named(&ended.events(), "reply")[0]["request_ms"].as_f64().unwrap();
        assert!(took >= 10.0 * f64::from(reads), "{took} for {reads} pieces");
    }
    let server = server(&["--loss", "100%", "--trickle", "1"]);
    let ended = client(&[&server.at(), "--json", "-n", "2", "-W", "60s"]);
    assert_eq!(seqs(&ended.events(), "lost"), [1, 2]);
}

#[test]
fn a_reader_that_reads_once_gets_the_first_piece_alone() {
    let server = server(&["--loss", "0", "--trickle", "1"]);
    let mut naive = connect(server.address);
    naive.write_all(b"ping 1 T").unwrap();
    let mut buffer = [0; 1024];
    let length = naive.read(&mut buffer).unwrap();
    assert!(length < 8, "{length} bytes at once");
}

#[test]
fn a_stream_has_no_messages() {
    // Half a message is answered like a whole one.
    let mut first = server(&["--loss", "0", "--json", "--one-at-a-time"]);
    let mut early = connect(first.address);
    assert_eq!(ping(&mut early, b"ping 1 "), b"PING 1 ");
    assert_eq!(ping(&mut early, b"now"), b"NOW");

    // Two that wait in the socket come as one. They wait for certain, since
    // the server has eyes for its first client only.
    let mut late = connect(first.address);
    late.write_all(b"ping 1 A").unwrap();
    late.write_all(b"ping 2 B").unwrap();
    drop(early);
    let mut reply = [0; 16];
    late.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"PING 1 APING 2 B");
    let line = first.running.line_with("ping 1 A");
    let event: Value = serde_json::from_str(&line).unwrap();
    assert_eq!((&event["bytes"], &event["message"]), (&16.into(), &1.into()));
}

#[test]
fn keep_open_uses_one_connection_until_it_is_lost() {
    let kept = server(&["--loss", "0", "--json"]);
    let events = client(&[&kept.at(), "--json", "--keep-open", "--no-delay", "on"]).events();
    assert_eq!(seqs(&events, "reply").len(), 10);
    assert_eq!(summary(&events)["connections"], 1);
    let connects = named(&events, "reply").iter().filter(|e| e["connect_ms"].is_f64()).count();
    assert_eq!(connects, 1, "only the first ping had to connect");
    let server_events = kept.running.interrupt().events();
    assert_eq!(summary(&server_events)["connections"], 1);
    assert_eq!(summary(&server_events)["received"], 10);

    // A connection ends with LOST; the next ping opens another.
    let lossy = server(&["--seed", "3", "--loss", "50%", "--json"]);
    let events = client(&[&lossy.at(), "--json", "--keep-open", "-n", "40"]).events();
    let lost = seqs(&events, "lost").len();
    assert_eq!(seqs(&events, "reply").len() + lost, 40);
    let last_lost = seqs(&events, "lost").last() == Some(&40);
    let connections = lost + usize::from(!last_lost);
    assert_eq!(summary(&events)["connections"], connections);
    let server_events = lossy.running.interrupt().events();
    assert_eq!(summary(&server_events)["dropped"], lost);
}

#[test]
fn a_closed_port_refuses_at_once() {
    let (gone, address) = listener();
    drop(gone);
    let ended = client(&[&address, "--json", "-n", "3", "-W", "10m"]);
    assert_eq!(ended.code(), 1);
    let events = ended.events();
    assert_eq!(seqs(&events, "refused"), [1, 2, 3]);
    let summary = summary(&events);
    assert_eq!((&summary["refused"], &summary["errors"]), (&3.into(), &3.into()));
    assert_eq!((&summary["lost"], &summary["connections"]), (&0.into(), &0.into()));
    assert!(summary["connect_avg_ms"].is_null());
}

/// A listener whose queue of unaccepted connections is full, so that Linux
/// ignores further SYNs; and the connections that fill it.
fn full() -> (Socket, SocketAddr, Vec<TcpStream>) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    socket.listen(0).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let mut waiting = Vec::new();
    let why = loop {
        match TcpStream::connect_timeout(&address, Duration::from_millis(300)) {
            Ok(stream) => waiting.push(stream),
            Err(why) => break why,
        }
        assert!(waiting.len() < 100, "the queue has no end");
    };
    assert_eq!(why.kind(), ErrorKind::TimedOut);
    (socket, address, waiting)
}

#[test]
fn silence_is_told_from_refusal_and_a_connect_from_a_request_that_times_out() {
    let (_socket, address, _waiting) = full();
    let ended = client(&[&address.to_string(), "--json", "-n", "2", "-W", "200ms"]);
    assert_eq!(ended.code(), 1);
    let events = ended.events();
    assert_eq!(seqs(&events, "timeout"), [1, 2]);
    assert_eq!(named(&events, "timeout")[0]["stage"], "connect");
    assert!(named(&events, "timeout")[0]["connect_ms"].is_null());
    assert_eq!(summary(&events)["timed_out"], 2);
    assert_eq!(summary(&events)["connections"], 0);

    // The kernel makes connections for a listener that never accepts them.
    let (_silent, address) = listener();
    let events = client(&[&address, "--json", "-n", "2", "-W", "200ms"]).events();
    assert_eq!(seqs(&events, "timeout"), [1, 2]);
    assert_eq!(named(&events, "timeout")[0]["stage"], "request");
    assert!(named(&events, "timeout")[0]["connect_ms"].is_f64());
    assert_eq!(summary(&events)["connections"], 2);
}

#[test]
fn closed_and_reset_by_the_server_are_told_apart() {
    let (listener, address) = listener();
    let pings = start_client(&[&address, "--json", "-n", "4", "-W", "60s"]);
    let accept = || listener.accept().unwrap().0;

    let mut stream = accept();
    request(&mut stream);
    drop(stream);

    let mut stream = accept();
    let first = request(&mut stream).to_ascii_uppercase();
    stream.write_all(&first[..12]).unwrap();
    drop(stream);

    let mut stream = accept();
    request(&mut stream);
    reset(stream);

    let mut stream = accept();
    let reply = request(&mut stream).to_ascii_uppercase();
    stream.write_all(&reply).unwrap();

    let ended = pings.end();
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    assert_eq!(seqs(&events, "closed"), [1, 2]);
    assert_eq!(named(&events, "closed")[0]["bytes"], 0);
    assert_eq!(named(&events, "closed")[1]["bytes"], 12);
    assert_eq!(seqs(&events, "reset"), [3]);
    assert_eq!(seqs(&events, "reply"), [4]);
    assert_eq!(summary(&events)["errors"], 3);
}

#[test]
fn wrong_bytes_are_told() {
    let (listener, address) = listener();
    let pings = start_client(&[&address, "-n", "4", "-W", "60s"]);
    let answer = |answer: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let mut stream = listener.accept().unwrap().0;
        let reply = answer(request(&mut stream));
        stream.write_all(&reply).unwrap();
    };
    // Not upper-cased; a byte too many; somebody else's protocol; its letters
    // would take the terminal over.
    answer(&|request| request);
    answer(&|request| [&request.to_ascii_uppercase() as &[u8], b"\n"].concat());
    answer(&|_| b"HTTP/1.1 400".to_vec());
    answer(&|_| b"\x1b[2J".repeat(9));
    let ended = pings.end();
    assert_eq!(ended.code(), 1);
    let corrupt: Vec<&String> =
        ended.stdout.iter().filter(|line| line.contains("(corrupt: ")).collect();
    assert_eq!(corrupt.len(), 4, "{ended:#?}");
    assert!(corrupt[2].contains("\"HTTP/1.1 400\""), "{corrupt:?}");
    assert!(!ended.stdout.iter().any(|line| line.contains('\x1b')));
}

#[test]
fn a_kept_connection_that_the_server_closes_between_pings_is_told_and_made_anew() {
    let (listener, address) = listener();
    let pings = start_client(&[&address, "--json", "--keep-open", "-n", "3", "-W", "60s"]);
    for _ in 0..2 {
        let mut stream = listener.accept().unwrap().0;
        let reply = request(&mut stream).to_ascii_uppercase();
        stream.write_all(&reply).unwrap();
    }
    let events = pings.end().events();
    assert_eq!(seqs(&events, "reply"), [1, 3]);
    // Which of the two depends on whether ping 2 was sent before the end came.
    let told = [seqs(&events, "closed"), seqs(&events, "reset")].concat();
    assert_eq!(told, [2], "{events:#?}");
}

#[test]
fn clients_that_are_silent_slow_deaf_or_rude_hurt_nobody_else() {
    let server = server(&["--loss", "0", "-q"]);
    let silent: Vec<TcpStream> = (0..20).map(|_| connect(server.address)).collect();
    let mut slow = connect(server.address);
    assert_eq!(ping(&mut slow, b"p"), b"P");

    // Never reads: writes until both sides' buffers are full.
    let mut deaf = connect(server.address);
    deaf.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let why = loop {
        if let Err(why) = deaf.write(&[b'x'; 65_536]) {
            break why;
        }
    };
    assert!(matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");

    for _ in 0..200 {
        let mut rude = connect(server.address);
        rude.write_all(b"ping").unwrap();
        reset(rude);
    }
    let ended = client(&[&server.at(), "--json", "-n", "50", "-W", "60s"]);
    assert_eq!(seqs(&ended.events(), "reply").len(), 50);
    assert_eq!(ping(&mut slow, b"i"), b"I");
    drop((silent, deaf));
}

#[test]
fn past_max_clients_a_connection_gets_a_clear_end_at_once() {
    let mut server = server(&["--loss", "0", "--max-clients", "2", "--json"]);
    let mut guests = [connect(server.address), connect(server.address)];
    // Answered means counted.
    for guest in &mut guests {
        assert_eq!(ping(guest, b"hello"), b"HELLO");
    }
    let mut third = connect(server.address);
    assert_eq!(third.read(&mut [0; 16]).unwrap(), 0, "closed without a word");
    server.running.line_with("\"reason\":\"turned_away\"");
    let events = client(&[&server.at(), "--json", "-n", "1", "-W", "60s"]).events();
    let told = seqs(&events, "closed").len() + seqs(&events, "reset").len();
    assert_eq!(told, 1, "{events:#?}");

    let [first, _second] = guests;
    drop(first);
    server.running.line_with("\"reason\":\"closed\"");
    assert_eq!(ping(&mut connect(server.address), b"hello"), b"HELLO");
    let ended = server.running.interrupt();
    let events = ended.events();
    assert_eq!(summary(&events)["turned_away"], 2);
    assert_eq!(summary(&events)["connections_most_at_once"], 2);
}

#[test]
fn the_silent_and_the_deaf_are_closed_after_the_idle_timeout() {
    for one_at_a_time in [false, true] {
        let mut args = vec!["--loss", "0", "--idle-timeout", "200ms", "--json"];
        args.extend(one_at_a_time.then_some("--one-at-a-time"));
        let mut server = server(&args);
        let mut silent = connect(server.address);
        assert_eq!(silent.read(&mut [0; 16]).unwrap(), 0);
        server.running.line_with("\"reason\":\"idle\"");

        let mut deaf = connect(server.address);
        // Ends with an error when the server has closed the connection.
        while deaf.write(&[b'x'; 65_536]).is_ok() {}
        server.running.line_with("\"reason\":\"not_reading\"");
    }
}

#[test]
fn one_at_a_time_means_that_the_second_client_waits_for_the_first() {
    let server = server(&["--loss", "0", "--one-at-a-time"]);
    let mut first = connect(server.address);
    assert_eq!(ping(&mut first, b"a"), b"A");
    // The handshake is the kernel's work, so the second one connects.
    let mut second = connect(server.address);
    second.write_all(b"b").unwrap();
    second.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let why = second.read(&mut [0; 1]).unwrap_err();
    assert!(matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{why}");
    drop(first);
    second.set_read_timeout(Some(DEADLINE)).unwrap();
    let mut reply = [0; 1];
    second.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"B");
}

#[test]
fn ctrl_c_ends_the_server_with_totals_whatever_connections_are_open() {
    for (signal, args) in [
        (Signal::SIGINT, vec!["--json"]),
        (Signal::SIGTERM, vec!["--json", "--delay", "1h"]),
        (Signal::SIGINT, vec!["--json", "--one-at-a-time"]),
        (Signal::SIGTERM, vec!["--json", "--one-at-a-time", "--delay", "1h"]),
    ] {
        let server = server(&[&["--loss", "0"], &args[..]].concat());
        let mut open: Vec<TcpStream> = (0..3).map(|_| connect(server.address)).collect();
        let waits = args.contains(&"1h");
        if waits {
            open[0].write_all(b"hello").unwrap();
        } else {
            assert_eq!(ping(&mut open[0], b"hello"), b"HELLO");
        }
        // The idle timeout is a minute, and the test's own deadline too.
        let began = Instant::now();
        server.running.signal(signal);
        let ended = server.running.end();
        assert!(began.elapsed() < Duration::from_secs(30));
        assert_eq!(ended.code(), 0);
        let events = ended.events();
        let last = events.last().unwrap();
        assert_eq!(last["event"], "summary");
        assert_eq!(last["replied"], u64::from(!waits), "{args:?}");
        // Closed by the kernel with the process.
        let mut rest = Vec::new();
        let _ = open[0].read_to_end(&mut rest);
        assert!(rest.is_empty());
    }
}

#[test]
fn ctrl_c_ends_the_client_whatever_it_waits_for() {
    let (_socket, full, _waiting) = full();
    let (_silent, silent) = listener();
    let silent = silent.as_str();
    for args in [
        vec![&full.to_string() as &str, "-W", "10m"],
        vec![silent, "-W", "10m"],
        vec![silent, "-W", "1ms", "-i", "1h"],
    ] {
        let mut pings = start_client(&[&args[..], &["--json", "-n", "3"]].concat());
        pings.line_with("start");
        if args.contains(&"1h") {
            pings.line_with("timeout");
        }
        let ended = pings.interrupt();
        assert_eq!(ended.code(), 1);
        let events = ended.events();
        assert!(summary(&events)["sent"].as_u64().unwrap() <= 1);
        assert_eq!(
            summary(&events)["waiting"].as_u64().unwrap()
                + summary(&events)["lost"].as_u64().unwrap(),
            summary(&events)["sent"].as_u64().unwrap()
        );
    }
}

/// A client that pings on one connection without a pause until that ends.
fn busy(address: SocketAddr) -> thread::JoinHandle<u64> {
    let mut stream = connect(address);
    thread::spawn(move || {
        let mut answered = 0;
        let mut reply = [0; 4];
        while stream.write_all(b"ping").is_ok() && stream.read_exact(&mut reply).is_ok() {
            answered += 1;
        }
        answered
    })
}

#[test]
fn ctrl_c_ends_the_server_however_busy_its_clients_keep_it() {
    for args in [&["--one-at-a-time"][..], &[]] {
        let server = server(&[&["--loss", "0", "--json", "-q"], args].concat());
        let mut clients = vec![busy(server.address)];
        if args.is_empty() {
            clients.push(busy(server.address));
        }
        // Not a wait for something that is hoped for: a busy server is the case.
        thread::sleep(Duration::from_millis(300));
        server.running.signal(Signal::SIGTERM);
        let began = Instant::now();
        let ended = server.running.end();
        // It takes milliseconds; nothing that the clients do prolongs it.
        assert!(began.elapsed() < Duration::from_secs(30), "{args:?}");
        assert_eq!(ended.code(), 0);
        let answered: u64 = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let replied = summary(&ended.events())["replied"].as_u64().unwrap();
        assert!(answered > 0 && replied >= answered, "{replied} replied, {answered} came");
    }
}

#[test]
fn a_server_that_drips_is_given_up_when_the_timeout_is_over() {
    let (listener, address) = listener();
    let pings = start_client(&[&address, "--json", "-n", "1", "-W", "300ms"]);
    let mut stream = listener.accept().unwrap().0;
    stream.set_nodelay(true).unwrap();
    let reply = request(&mut stream).to_ascii_uppercase();
    let mut written = 0;
    // The whole would take ten times as long as the client waits.
    while written < reply.len() && stream.write_all(&reply[written..=written]).is_ok() {
        written += 1;
        thread::sleep(Duration::from_millis(100));
    }
    let events = pings.end().events();
    assert_eq!(seqs(&events, "timeout"), [1], "{events:#?}");
    assert!(named(&events, "timeout")[0]["bytes"].as_u64().unwrap() < 34);
    assert_eq!(summary(&events)["timed_out"], 1);
}

#[test]
fn after_a_pause_a_reply_is_judged_by_when_it_came_and_not_by_when_it_was_read() {
    let _stamps = common::kernel_stamps();
    let timeout = Duration::from_secs(3);
    for (in_time, fate) in [(true, "reply"), (false, "late")] {
        let (listener, address) = listener();
        let pings = start_client(&[&address, "--json", "-n", "1", "-W", "3s"]);
        let mut stream = listener.accept().unwrap().0;
        let reply = request(&mut stream).to_ascii_uppercase();
        let asked = Instant::now();
        // As a laptop that sleeps.
        pings.signal(Signal::SIGSTOP);
        if in_time {
            stream.write_all(&reply).unwrap();
        }
        thread::sleep((timeout + timeout / 4).saturating_sub(asked.elapsed()));
        if !in_time {
            stream.write_all(&reply).unwrap();
        }
        pings.signal(Signal::SIGCONT);
        let ended = pings.end();
        assert_eq!(ended.code(), 0);
        let events = ended.events();
        assert_eq!(seqs(&events, fate), [1], "{events:#?}");
        let rtt = named(&events, fate)[0]["rtt_ms"].as_f64().unwrap();
        assert_eq!(rtt < 3000.0, in_time, "{rtt} ms");
        let counted = if in_time { "received" } else { "late" };
        assert_eq!(summary(&events)[counted], 1);
    }
}

#[test]
fn a_reply_that_could_not_be_sent_is_told_as_failed_and_counted_so() {
    let server = server(&["--loss", "0", "--delay", "300ms", "--json"]);
    let mut client = connect(server.address);
    client.write_all(b"ping 1 T").unwrap();
    reset(client);
    let mut running = server.running;
    let end: Value = serde_json::from_str(&running.line_with("\"reason\"")).unwrap();
    assert_eq!(end["reason"], "reset");
    let ended = running.interrupt();
    let summary = ended.events().pop().unwrap();
    for (name, count) in [("received", 1), ("replied", 0), ("failed", 1), ("waiting", 0)] {
        assert_eq!(summary[name], count, "{name} of {summary}");
    }
}

#[test]
fn a_lone_client_finds_its_place_free_again() {
    let server = server(&["--loss", "0", "--max-clients", "1", "-q", "--json"]);
    let events = client(&[&server.at(), "--json", "-n", "200", "-W", "60s"]).events();
    assert_eq!(seqs(&events, "reply").len(), 200, "{}", summary(&events));
    let events = server.running.interrupt().events();
    assert_eq!(summary(&events)["turned_away"], 0);
    assert_eq!(summary(&events)["connections_most_at_once"], 1);
}

#[test]
#[cfg(target_os = "linux")]
fn the_server_ends_the_stream_before_unread_bytes_reset_it() {
    let server = server(&["--loss", "100%"]);
    let mut client = connect(server.address);
    // More than the server reads at once, so that some is left when it hangs up.
    client.write_all(&[b'x'; 8000]).unwrap();
    let mut said = [0; 4];
    client.read_exact(&mut said).unwrap();
    assert_eq!(&said, b"LOST");
    assert_eq!(client.read(&mut said).unwrap(), 0, "the end, and no reset");
}

#[test]
fn a_thousand_connections_at_once_are_all_pinged_within_64_megabytes() {
    let files = sys::allow_many_files();
    if files.is_some_and(|files| files < 1200) {
        return skip(
            "a_thousand_connections_at_once_are_all_pinged_within_64_megabytes",
            "this user may not open 1200 files (ulimit -n)",
        );
    }
    let server = server(&["--loss", "0", "--json"]);
    let mut streams: Vec<TcpStream> = (0..1000).map(|_| connect(server.address)).collect();
    for round in 0..2 {
        for (number, stream) in streams.iter_mut().enumerate() {
            let message = format!("ping {number} {round}");
            assert_eq!(ping(stream, message.as_bytes()), message.to_uppercase().as_bytes());
        }
    }
    if cfg!(target_os = "linux") {
        let file = format!("/proc/{}/status", server.running.id());
        let status = std::fs::read_to_string(file).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
        let kib: u64 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        println!("{kib} KiB with 1000 connections");
        assert!(kib < 64 * 1024, "{line}");
    }
    let events = server.running.interrupt().events();
    let summary = summary(&events);
    assert_eq!((&summary["received"], &summary["replied"]), (&2000.into(), &2000.into()));
    assert_eq!(summary["connections_most_at_once"], 1000);
    assert_eq!(summary["connections_open"], 1000);
}

#[test]
fn where_the_system_gives_no_more_threads_the_others_are_still_served() {
    let test = "where_the_system_gives_no_more_threads_the_others_are_still_served";
    if !nix::unistd::geteuid().is_root() {
        return skip(test, "only root can run the server as a user with a limit of its own");
    }
    if let Some(why) = lacks(&["setpriv", "prlimit"]) {
        return skip(test, &why);
    }
    // A user that has no other processes. Root has no such limit. The folder of
    // our programs may be closed to that user; this one is open to all.
    let copy = std::env::temp_dir().join(format!("socklab-tcp-ping-{}", std::process::id()));
    std::fs::copy(common::program(PROGRAM), &copy).unwrap();
    let mut command = common::tool("setpriv");
    command.args(["--reuid", "64999", "--clear-groups", "prlimit", "--nproc=12"]);
    command.arg(&copy);
    command.args(["server", "--loss", "0", "--json", "--bind", "127.0.0.1:0"]);
    let mut server = Running::start_command(command);
    let begun = server.line();
    std::fs::remove_file(&copy).unwrap();
    let start: Value = serde_json::from_str(&begun).unwrap();
    let address = start["listening"].as_str().unwrap().parse().unwrap();
    let mut served = connect(address);
    assert_eq!(ping(&mut served, b"hello"), b"HELLO");
    let further: Vec<TcpStream> = (0..30).map(|_| connect(address)).collect();
    server.line_with("\"reason\":\"no_thread\"");
    assert_eq!(ping(&mut served, b"hello"), b"HELLO");
    drop(further);
    assert_eq!(server.interrupt().code(), 0);
}

#[test]
fn a_hundred_thousand_connections_of_random_bytes_do_no_harm() {
    let server = server(&["--seed", "1", "-q", "--json"]);
    let address = server.address;
    // Resets leave no TIME_WAIT behind, which would use up the ports.
    let storm = |seed: u64| {
        let mut random = seed;
        for _ in 0..50_000 {
            // xorshift64 (G. Marsaglia, Journal of Statistical Software 8, 2003).
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let mut stream = connect(address);
            let bytes: Vec<u8> = (0..random % 300).map(|n| (random >> (n % 57)) as u8).collect();
            let _ = stream.write_all(&bytes);
            if random.is_multiple_of(8) {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
            reset(stream);
        }
    };
    thread::scope(|scope| {
        scope.spawn(|| storm(1));
        scope.spawn(|| storm(2));
    });
    let ended = client(&[&server.at(), "--json", "-n", "100", "-W", "60s"]);
    let events = ended.events();
    assert_eq!(seqs(&events, "reply").len() + seqs(&events, "lost").len(), 100, "{events:#?}");
    let ended = server.running.interrupt();
    assert_eq!((ended.code(), ended.stderr.len()), (0, 0), "{ended:#?}");
    // The kernel takes connections that were reset in the queue out of it.
    let connections = summary(&ended.events())["connections"].as_u64().unwrap();
    assert!(connections > 50_000, "{connections}");
}

#[test]
fn over_2000_pings_both_ledgers_agree() {
    let server = server(&["--json", "--seed", "42"]);
    let pings = client(&[&server.at(), "--json", "-n", "2000", "-W", "60s"]).events();
    let events = server.running.interrupt().events();
    let mut lost = Vec::new();
    for (number, event) in (1u64..).zip(named(&events, "request")) {
        assert_eq!(event["connection"], number);
        let text = event["text"].as_str().unwrap();
        assert!(text.starts_with(&format!("\"ping {number} ")), "{text}");
        if event["fate"] == "lost" {
            lost.push(number);
        }
    }
    assert_eq!(seqs(&pings, "lost"), lost);
    assert_eq!(seqs(&pings, "reply").len() + lost.len(), 2000);
    let (ours, theirs) = (summary(&pings), summary(&events));
    assert_eq!(ours["lost"], theirs["dropped"]);
    assert_eq!(ours["loss_ci95_low_pct"], theirs["loss_ci95_low_pct"]);
    // Five standard deviations of a binomial around 400; the seed is fixed anyway.
    assert!(lost.len().abs_diff(400) < 90, "{}", lost.len());
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let taken = server(&[]);
    let taken = taken.at();
    let cases: &[(&[&str], &str)] = &[
        (&[], "say which: server, client; see --help"),
        (&["serve"], "server"),
        (&["server", "--loss", "130%"], "30%, 0.3 or 3/10"),
        (&["server", "--loss", "-1"], "30%, 0.3 or 3/10"),
        (&["server", "--los", "3"], "--loss"),
        (&["server", "--drop", "1"], "unexpected argument"),
        (&["server", "--delay", "soon"], "250ms, 1s, 1.5s or 2m"),
        (&["server", "--seed", "-1"], "invalid"),
        (&["server", "--trickle", "0"], "invalid"),
        (&["server", "--max-clients", "0"], "invalid"),
        (&["server", "--max-clients", "-1"], "invalid"),
        (&["server", "--max-clients", "3", "--one-at-a-time"], "cannot be used with"),
        (&["server", "--idle-timeout", "0"], "longer than 0"),
        (&["server", "--bind", &taken], "ss -tlnp"),
        (&["server", "--bind", "192.0.2.1:12001"], "ip addr"),
        (&["client", "-n", "-1"], "0 goes on until Ctrl-C"),
        (&["client", "-W", "0"], "longer than 0"),
        (&["client", "-i", "-1"], "250ms, 1s, 1.5s or 2m"),
        (&["client", "--no-delay", "maybe"], "on, off"),
        (&["client", "no..such.host"], "check the spelling"),
        (&["client", "127.0.0.1:0"], "see the server's first line"),
        (&["client", "-6", "127.0.0.1"], "leave out -6"),
        (&["client", "127.0.0.1", "127.0.0.2"], "unexpected argument"),
    ];
    for (args, mend) in cases {
        let ended = common::run(PROGRAM, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stdout.is_empty(), "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with(&format!("{PROGRAM}: ")), "{line}");
        assert!(line.contains(mend), "{line}");
    }
}

#[test]
fn ipv6_works_as_well() {
    if TcpListener::bind("[::1]:0").is_err() {
        return skip("tcp: ipv6_works_as_well", "this machine has no IPv6 loopback");
    }
    let server = server_at("[::1]:0", &["--loss", "0"]);
    let ended = client(&[&server.at(), "-6", "-n", "2", "--json"]);
    assert_eq!(seqs(&ended.events(), "reply"), [1, 2]);
}

#[test]
fn the_classic_client_pings_our_server() {
    if !have("python3") {
        return skip("tcp: the_classic_client_pings_our_server", "python3 is not installed");
    }
    let server = server(&["--seed", "3"]);
    let port = server.address.port().to_string();
    let ended = classic("tcp_ping_client.py", &["127.0.0.1", &port]).end();
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert_eq!(ended.stdout.len(), 10);
    for (line, number) in ended.stdout.iter().zip(1..) {
        let expected = match number {
            4 | 8 => "LOST ".to_string(),
            _ => format!("PING {number} "),
        };
        assert!(line.starts_with(&expected), "{line}");
    }
}

#[test]
fn our_client_pings_the_classic_server() {
    if !have("python3") {
        return skip("tcp: our_client_pings_the_classic_server", "python3 is not installed");
    }
    let mut server = classic("tcp_ping_server.py", &["1"]);
    let address = format!("127.0.0.1:{}", server.line());
    let events = client(&[&address, "--json", "-n", "50", "-W", "60s"]).events();
    let fates: Vec<String> = (0..50).map(|_| server.line()).collect();
    let numbers = |fate: &str| -> Vec<u64> {
        (1..).zip(&fates).filter(|(_, said)| *said == fate).map(|(number, _)| number).collect()
    };
    assert_eq!(seqs(&events, "reply"), numbers("reply"));
    assert_eq!(seqs(&events, "lost"), numbers("lost"));
    assert!(!numbers("lost").is_empty());
    assert_eq!(summary(&events)["errors"], 0);
}

#[test]
fn unreachable_is_told_from_refused_and_from_silence() {
    let test = "tcp: unreachable_is_told_from_refused_and_from_silence";
    if let Some(why) = lacks(&["timeout", "unshare", "ip"]) {
        return skip(test, &why);
    }
    // One network without a way to it, and one that a router calls unreachable.
    let script = "ip route add unreachable 198.51.100.0/24
        tcp_ping client 192.0.2.1 -n 1 -W 50s --json
        tcp_ping client 198.51.100.1 -n 1 -W 50s --json";
    let Some(output) = in_a_namespace(script) else {
        return skip(test, "no network namespace for this user (unshare -rn)");
    };
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let events: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let unreachable = named(&events, "unreachable");
    assert_eq!(unreachable.len(), 2, "{events:#?}");
    assert_eq!(unreachable[0]["why"], "network is unreachable");
    assert_eq!(unreachable[1]["why"], "no route to host");
}

/// Lets this socket drop every segment that comes in, or none: a filter
/// (socket(7), SO_ATTACH_FILTER) whose only instruction is "keep 0 bytes".
#[cfg(target_os = "linux")]
fn deaf(stream: &TcpStream, deaf: bool) -> std::io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    let keep_nothing = socket2::SockFilter::new(0x06, 0, 0, 0);
    if deaf { socket.attach_filter(&[keep_nothing]) } else { socket.detach_filter() }
}

/// How often the kernel is sending again what `client` sent last to `server`
/// (proc(5), /proc/net/tcp: the column retrnsmt). Other connections may have
/// the one port or the other, but not both.
#[cfg(target_os = "linux")]
fn attempts(client: SocketAddr, server: SocketAddr) -> u64 {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let written = |address: SocketAddr| format!("0100007F:{:04X}", address.port());
    table
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|columns| columns[1] == written(client) && columns[2] == written(server))
        .map_or(0, |columns| u64::from_str_radix(columns[6], 16).unwrap())
}

#[test]
#[cfg(target_os = "linux")]
fn a_segment_that_was_dropped_is_sent_again_and_counted() {
    let (listener, address) = listener();
    let pings = start_client(&[&address, "--json", "-n", "3", "-W", "60s", "--keep-open"]);
    let (mut stream, peer) = listener.accept().unwrap();
    let first = request(&mut stream).to_ascii_uppercase();
    // From now on nothing of what the client sends arrives.
    if let Err(why) = deaf(&stream, true) {
        // Most systems let everybody filter their own sockets; not all.
        let test = "a_segment_that_was_dropped_is_sent_again_and_counted";
        return skip(test, &format!("no socket filter for this user: {why}"));
    }
    stream.write_all(&first).unwrap();
    let began = Instant::now();
    while attempts(peer, listener.local_addr().unwrap()) == 0 {
        assert!(began.elapsed() < DEADLINE, "nothing is sent again");
        thread::sleep(Duration::from_millis(5));
    }
    deaf(&stream, false).unwrap();
    for _ in 0..2 {
        let reply = request(&mut stream).to_ascii_uppercase();
        stream.write_all(&reply).unwrap();
    }
    let events = pings.end().events();
    let replies = named(&events, "reply");
    let resent: Vec<u64> = replies.iter().map(|e| e["retransmits"].as_u64().unwrap()).collect();
    assert!(resent[0] == 0 && resent[1] > 0 && resent[2] == 0, "{events:#?}");
    // The kernel waits for 200 ms at the least, counted in ticks of its clock.
    assert!(replies[1]["request_ms"].as_f64().unwrap() > 100.0);
    let summary = summary(&events);
    assert_eq!(summary["lost"], 0, "TCP hides the loss, and shows delay");
    assert_eq!(summary["retransmits"], resent[1]);
}

#[test]
fn a_name_whose_first_address_refuses_is_pinged_at_the_next_one() {
    let script = common::with_a_name_of_two_addresses(
        "tcp_ping server --loss 0 >$0.told & server=$!; \
         until grep -q listening $0.told; do sleep 0.01; done; \
         tcp_ping client twice.test -n 2 -W 60s --json; tcp_ping client -6 twice.test -n 1 --json; \
         kill -INT $server; wait $server; tcp_ping client twice.test -n 2 --json; true",
    );
    let test = "tcp: a_name_whose_first_address_refuses_is_pinged_at_the_next_one";
    let Some(text) = common::alone(test, &["mount"], &script) else { return };
    let events: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let runs: Vec<&[Value]> = events.split_inclusive(|event| event["event"] == "summary").collect();
    let [served, only_six, gone] = runs[..] else { panic!("{text}") };
    let next = named(served, "next_address")[0];
    assert_eq!((&next["asked"], &next["next"]), (&"[::1]:12001".into(), &"127.0.0.1:12001".into()));
    assert_eq!(seqs(served, "reply"), [1, 2]);
    // Where no further address is left, the last one has the errors.
    assert_eq!(seqs(only_six, "refused"), [1]);
    assert_eq!(seqs(gone, "refused"), [1, 2]);
    assert_eq!(named(gone, "next_address").len(), 1);
}

#[test]
fn every_event_of_a_ping_has_both_times_and_the_retransmits() {
    let test = "tcp: every_event_of_a_ping_has_both_times_and_the_retransmits";
    let script = "iptables -A INPUT -p tcp --dport 12001 -j REJECT \
         --reject-with icmp-host-prohibited || exit 1; \
         tcp_ping client -n 1 -W 60s --json; true";
    let Some(text) = common::alone(test, &["iptables"], script) else { return };
    let events: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let error = named(&events, "icmp_error")[0];
    assert_eq!((&error["type"], &error["code"]), (&3.into(), &10.into()), "{error}");
    assert_eq!((&error["stage"], &error["from"]), (&"connect".into(), &"127.0.0.1".into()));
    for field in ["connect_ms", "request_ms", "retransmits", "rtt_ms", "local"] {
        assert!(error.get(field).is_some_and(Value::is_null), "{field} of {error}");
    }
}
