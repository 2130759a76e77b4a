//! Echo, server and client, as a user runs them.

mod common;

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::{DEADLINE, Ended, Running, Server, classic, have, named, program, run, seqs, skip};
use nix::sys::signal::Signal;

const SERVER: &str = "echo_server";
const CLIENT: &str = "echo_client";

/// A UDP socket of the test's own that plays client or server.
fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut buffer = vec![0; 65_536];
    let (length, from) = socket.recv_from(&mut buffer).unwrap();
    buffer.truncate(length);
    (buffer, from)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// A TCP server of the test's own, for one connection.
fn serve_one(serve: impl FnOnce(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || serve(listener.accept().unwrap().0));
    address
}

/// Bytes as random as a test needs them, the same every time (xorshift64).
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend(self.next().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }
}

/// The client with stdin and stdout in the test's hands.
fn client_in_a_pipe(args: &[&str]) -> Child {
    let mut command = Command::new(program(CLIENT));
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// What comes out of the client when this goes in, its stderr, and its status.
fn through(args: &[&str], input: Vec<u8>) -> (Vec<u8>, String, Option<i32>) {
    let mut client = client_in_a_pipe(args);
    let mut stdin = client.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        // It fails where the client ends early.
        let _ = stdin.write_all(&input);
    });
    let output = client.wait_with_output().unwrap();
    writer.join().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.stdout, stderr, output.status.code())
}

/// Lines of a shell, with the programs in its PATH.
fn shell(script: &str) -> Ended {
    let mut command = common::tool("sh");
    let path = common::path().into_string().unwrap();
    command.env("PATH", format!("{}:{path}", common::programs().display()));
    Running::start_command({
        command.args(["-c", script]);
        command
    })
    .end()
}

/// The server in its own words, when nobody is left whom it could serve.
fn summary(server: Server) -> serde_json::Value {
    let events = server.running.interrupt().events();
    named(&events, "summary")[0].clone()
}

/// The server still does what it is for.
fn assert_serves(address: SocketAddr) {
    for protocol in [&[][..], &["--tcp"]] {
        let at = address.to_string();
        let ended =
            run(CLIENT, &[&[&at, "--message", "still there?", "-W", "60s"], protocol].concat());
        assert_eq!(ended.code(), 0, "{ended:#?}");
    }
}

#[test]
fn a_message_comes_back_equal_over_udp_and_over_tcp_on_the_same_port() {
    let server = Server::start(SERVER, &["--json"]);
    for protocol in [&[][..], &["--tcp"]] {
        let args = [&server.at(), "--message", "hello", "-n", "3", "--json"];
        let ended = run(CLIENT, &[&args, protocol].concat());
        assert_eq!(ended.code(), 0, "{ended:#?}");
        let events = ended.events();
        assert_eq!(seqs(&events, "reply"), [1, 2, 3]);
        let reply = named(&events, "reply")[0];
        assert_eq!((&reply["bytes"], &reply["from"]), (&5.into(), &server.at().into()));
        assert!(reply["rtt_ms"].as_f64().unwrap() > 0.0);
        let summary = named(&events, "summary")[0];
        for (name, count) in [("sent", 3), ("received", 3), ("corrupt", 0), ("lost", 0)] {
            assert_eq!(summary[name], count, "{name}");
        }
    }
    let summary = summary(server);
    for (name, count) in [
        ("received", 3),
        ("replied", 3),
        ("datagram_bytes", 15),
        ("connections", 1),
        ("open", 0),
        ("stream_bytes", 15),
    ] {
        assert_eq!(summary[name], count, "{name} of {summary}");
    }
}

#[test]
fn either_protocol_can_be_had_alone() {
    let udp = Server::start(SERVER, &["--udp"]);
    assert_eq!(run(CLIENT, &[&udp.at(), "--message", "x"]).code(), 0);
    let refused = run(CLIENT, &[&udp.at(), "--message", "x", "--tcp"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr[0].contains("is a server running there"), "{refused:#?}");

    let tcp = Server::start(SERVER, &["--tcp"]);
    assert_eq!(run(CLIENT, &[&tcp.at(), "--message", "x", "--tcp"]).code(), 0);
    // With the timeout waited for, this would take ten minutes.
    let refused = run(CLIENT, &[&tcp.at(), "--message", "x", "--json", "-W", "10m"]);
    assert_eq!(refused.code(), 1);
    let events = refused.events();
    let error = named(&events, "icmp_error")[0];
    assert_eq!((&error["type"], &error["code"]), (&3.into(), &3.into()));
    assert_eq!(named(&events, "summary")[0]["errors"], 1);
}

#[test]
fn any_datagram_comes_back_as_it_was() {
    let mut server = Server::start(SERVER, &[]);
    let client = socket();
    let all_bytes: Vec<u8> = (0..=255).collect();
    let largest = Noise(1).bytes(65_507);
    for message in [b"" as &[u8], b"\x1b[2Jhello\r\n\0", b"\xff\xfe", &all_bytes, &largest] {
        client.send_to(message, server.address).unwrap();
        assert!(receive(&client).0 == message);
        let shown = server.running.line();
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert!(shown.contains(&format!("  echoed  {} bytes  ", message.len())), "{shown}");
    }
}

#[test]
fn a_pipe_gets_back_the_bytes_that_went_in() {
    let server = Server::start(SERVER, &["-q"]);
    let at = server.at();
    let lines: String = (1..=100_000).map(|number| format!("{number}\n")).collect();
    let (out, said, status) = through(&[&at, "--tcp", "-W", "60s"], lines.clone().into());
    assert!(out == lines.as_bytes() && status == Some(0), "{said}");
    assert!(said.contains("588895 bytes sent, all came back equal"), "{said}");

    // Over UDP a datagram a line, and the last one without an end.
    let lines = format!("{}\n\nlast", &lines[..2_892]);
    let (out, said, status) = through(&[&at, "-W", "60s"], lines.clone().into());
    assert!(out == lines.as_bytes() && status == Some(0), "{said}");
    assert!(said.contains("753 sent, 753 equal"), "{said}");

    for protocol in [&[][..], &["--tcp"]] {
        let (out, said, status) = through(&[&[at.as_str()], protocol].concat(), Vec::new());
        assert_eq!((out.len(), status), (0, Some(0)), "{said}");
    }
}

#[test]
fn in_json_a_pipe_has_json_only() {
    let server = Server::start(SERVER, &["-q"]);
    for (protocol, field, count) in [(&[][..], "received", 2), (&["--tcp"], "bytes_equal", 8)] {
        let at = server.at();
        let args = [&[&at, "--json", "-W", "60s"], protocol].concat();
        let (out, _, status) = through(&args, b"one\ntwo\n".to_vec());
        assert_eq!(status, Some(0));
        let lines = String::from_utf8(out).unwrap();
        let last: serde_json::Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last[field]), (&"summary".into(), &count.into()), "{lines}");
    }
}

#[test]
fn a_line_that_no_datagram_holds_is_told_and_the_next_one_is_sent() {
    let server = Server::start(SERVER, &["-q"]);
    let input = [&[b'x'; 100_000][..], b"\nnext\n"].concat();
    let (out, said, status) = through(&[&server.at(), "-W", "60s"], input);
    assert_eq!((&out[..], status), (&b"next\n"[..], Some(1)));
    assert!(said.contains("seq=1 could not be sent: message too long"), "{said}");
    assert!(said.contains("at most 65507 bytes"), "{said}");
    assert!(said.contains("2 sent, 1 equal"), "{said}");

    let (_, said, status) = through(&[&server.at()], vec![b'x'; 2_000_000]);
    assert_eq!(status, Some(2));
    assert!(said.contains("longer than 1048576 bytes; try --tcp"), "{said}");
}

#[test]
fn sixty_four_megabytes_come_back_equal_through_the_client() {
    let server = Server::start(SERVER, &["-q"]);
    let length = 64 << 20;
    let mut client = client_in_a_pipe(&[&server.at(), "--tcp", "-W", "60s"]);
    let mut stdin = client.stdin.take().unwrap();
    let writer = thread::spawn(move || {
        let mut noise = Noise(64);
        for _ in 0..length >> 16 {
            stdin.write_all(&noise.bytes(1 << 16)).unwrap();
        }
    });
    let (mut stdout, mut noise) = (BufReader::new(client.stdout.take().unwrap()), Noise(64));
    let mut piece = vec![0; 1 << 16];
    for number in 0..length >> 16 {
        stdout.read_exact(&mut piece).unwrap();
        assert!(piece == noise.bytes(1 << 16), "in piece {number}");
    }
    assert_eq!(stdout.read(&mut piece).unwrap(), 0, "more came than was sent");
    writer.join().unwrap();
    let output = client.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("67108864 bytes sent, all came back equal"), "{said}");
}

#[test]
fn after_a_half_close_all_the_rest_comes_back_and_then_the_end() {
    let mut server = Server::start(SERVER, &[]);
    let mut client = connect(server.address);
    let sent = Noise(3).bytes(20 << 20);
    let writer = thread::spawn({
        let (mut client, sent) = (client.try_clone().unwrap(), sent.clone());
        move || {
            client.write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        }
    });
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert!(back == sent, "{} of {} bytes", back.len(), sent.len());
    writer.join().unwrap();
    server.running.line_with("closed: end of stream, 20971520 bytes echoed");
}

/// A figure of /proc/PID/status, in kB.
fn kilobytes(pid: &str, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.split_whitespace().next()?.parse().ok()
}

#[test]
fn who_sends_without_reading_is_held_up_and_takes_no_memory() {
    let test = "who_sends_without_reading_is_held_up_and_takes_no_memory";
    if kilobytes("self", "VmHWM").is_none() {
        return skip(test, "this system has no /proc/PID/status");
    }
    let mut command = common::tool("sh");
    let server = program(SERVER).display().to_string();
    command.args(["-c", &format!("echo $$; exec {server} -q --bind 127.0.0.1:0")]);
    let mut running = Running::start_command(command);
    let pid = running.line();
    let first = running.line();
    let address = first.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();

    let total: u64 = 128 << 20;
    let written = Arc::new(AtomicU64::new(0));
    let mut client = connect(address);
    let writer = thread::spawn({
        let (mut client, written) = (client.try_clone().unwrap(), Arc::clone(&written));
        move || {
            let mut noise = Noise(128);
            while written.load(Ordering::SeqCst) < total {
                client.write_all(&noise.bytes(1 << 16)).unwrap();
                written.fetch_add(1 << 16, Ordering::SeqCst);
            }
            client.shutdown(Shutdown::Write).unwrap();
        }
    });
    // Until the writer is held up: nothing moves any more. Where a machine is
    // so slow that this is seen too early, the test is weaker, not wrong.
    let mut before = u64::MAX;
    while before != written.load(Ordering::SeqCst) {
        before = written.load(Ordering::SeqCst);
        thread::sleep(Duration::from_millis(300));
    }
    assert!(before < total, "nobody held up the writer");
    assert_serves(address);

    let (mut noise, mut piece) = (Noise(128), vec![0; 1 << 16]);
    for number in 0..total >> 16 {
        client.read_exact(&mut piece).unwrap();
        assert!(piece == noise.bytes(1 << 16), "in piece {number}");
    }
    assert_eq!(client.read(&mut piece).unwrap(), 0);
    writer.join().unwrap();
    let most = kilobytes(&pid, "VmHWM").unwrap();
    assert!(most < 32 << 10, "the server took {most} kB for 128 MiB");
}

#[test]
fn the_stop_word_ends_the_server_and_its_echo_still_comes() {
    let over_udp: fn(&Server) = |server| {
        let client = socket();
        for message in ["Goodbye, then", "goodbye", "Goodbye"] {
            client.send_to(message.as_bytes(), server.address).unwrap();
            assert_eq!(receive(&client).0, message.as_bytes());
        }
    };
    let over_tcp: fn(&Server) = |server| {
        let mut client = connect(server.address);
        for piece in ["not Goodbye\nGoodbye you\nGood", "bye\r", "\n"] {
            client.write_all(piece.as_bytes()).unwrap();
            let mut back = vec![0; piece.len()];
            client.read_exact(&mut back).unwrap();
            assert_eq!(back, piece.as_bytes());
        }
    };
    let by_client: fn(&Server) = |server| {
        let ended = run(CLIENT, &[&server.at(), "--tcp", "--message", "Goodbye", "-W", "60s"]);
        assert_eq!(ended.code(), 0, "{ended:#?}");
    };
    for say in [over_udp, over_tcp, by_client] {
        let server = Server::start(SERVER, &["--stop-word", "Goodbye"]);
        // Others do not hold it up.
        let _idle = connect(server.address);
        say(&server);
        let ended = server.running.end();
        assert_eq!(ended.code(), 0, "{ended:#?}");
        assert!(ended.stdout.iter().any(|line| line.contains("said the stop word")), "{ended:#?}");
        assert!(ended.stdout.last().unwrap().starts_with("TCP: "), "{ended:#?}");
    }
}

#[test]
fn without_the_flag_no_word_stops_the_server() {
    let server = Server::start(SERVER, &[]);
    for protocol in [&[][..], &["--tcp"]] {
        for word in ["Goodbye", "", "quit"].iter().filter(|w| protocol.is_empty() || !w.is_empty())
        {
            let args = [&server.at(), "--message", word, "-W", "60s"];
            assert_eq!(run(CLIENT, &[&args, protocol].concat()).code(), 0);
        }
    }
    assert_serves(server.address);
}

/// Sends a datagram from this address, and then one from elsewhere: the first
/// must be taken, and not be answered.
fn assert_not_answered(sender: &UdpSocket, server: &mut Server) {
    sender.send_to(b"Goodbye", server.address).unwrap();
    let line = server.running.line();
    assert!(line.contains("UDP  ignored  7 bytes"), "{line}");
    assert_serves(server.address);
    sender.set_nonblocking(true).unwrap();
    let nothing = sender.recv_from(&mut [0; 10]).unwrap_err();
    assert_eq!(nothing.kind(), ErrorKind::WouldBlock);
}

#[test]
fn another_echo_server_is_not_answered() {
    let test = "another_echo_server_is_not_answered";
    let mut server = Server::start(SERVER, &["--stop-word", "Goodbye"]);
    match UdpSocket::bind(("127.0.0.2", server.address.port())) {
        Ok(sender) => assert_not_answered(&sender, &mut server),
        Err(why) => skip(test, &format!("127.0.0.2 is not to be had: {why}")),
    }
    let mut server = Server::start(SERVER, &["--stop-word", "Goodbye"]);
    match UdpSocket::bind("127.0.0.2:7") {
        Ok(sender) => assert_not_answered(&sender, &mut server),
        Err(why) => skip(test, &format!("port 7 is not to be had: {why}")),
    }
}

#[test]
fn a_hundred_thousand_random_datagrams_are_echoed() {
    let server = Server::start(SERVER, &["-q", "--json", "--stop-word", "Goodbye"]);
    let (client, mut noise) = (socket(), Noise(7));
    // A few at a time: so many fit into a socket's buffer.
    for _ in 0..100_000 / 16 {
        let sent: Vec<Vec<u8>> = (0..16)
            .map(|_| {
                let length = noise.next() as usize % 1_500;
                noise.bytes(length)
            })
            .collect();
        for message in &sent {
            client.send_to(message, server.address).unwrap();
        }
        for message in &sent {
            assert!(receive(&client).0 == *message);
        }
    }
    assert_serves(server.address);
    assert_eq!(summary(server)["replied"], 100_001);
}

/// Connections of random bytes, which end in every way there is.
fn pelt(server: &Server, connections: u64) {
    let mut noise = Noise(11);
    for number in 0..connections {
        let mut client = connect(server.address);
        let length = noise.next() as usize % 3_000;
        let sent = noise.bytes(length);
        client.write_all(&sent).unwrap();
        match number % 3 {
            // Closed with the echo unread: the server gets a reset.
            0 => {}
            1 => client.shutdown(Shutdown::Both).unwrap(),
            _ => {
                client.shutdown(Shutdown::Write).unwrap();
                let mut back = Vec::new();
                client.read_to_end(&mut back).unwrap();
                assert!(back == sent);
            }
        }
    }
}

#[test]
fn a_hundred_thousand_connections_of_random_bytes_do_no_harm() {
    let server = Server::start(SERVER, &["-q", "--json", "--stop-word", "Goodbye"]);
    pelt(&server, 100_000);
    assert_serves(server.address);
    assert_eq!(summary(server)["connections"], 100_001);
}

#[test]
fn one_connection_too_many_is_ended_at_once() {
    let mut server = Server::start(SERVER, &["--max-clients", "2"]);
    let mut two = [connect(server.address), connect(server.address)];
    for client in &mut two {
        client.write_all(b"x").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
    assert_eq!(connect(server.address).read(&mut [0]).unwrap(), 0);
    server.running.line_with("turned away: 2 connections are open");
    let [first, mut second] = two;
    drop(first);
    server.running.line_with("closed");
    let mut third = connect(server.address);
    for client in [&mut second, &mut third] {
        client.write_all(b"y").unwrap();
        client.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn a_connection_on_which_nothing_moves_is_closed() {
    let mut server = Server::start(SERVER, &["--idle-timeout", "200ms"]);
    assert_eq!(connect(server.address).read(&mut [0]).unwrap(), 0);
    server.running.line_with("closed: nothing moved for 200ms, 0 bytes echoed");
}

#[test]
fn an_answer_that_differs_is_told_with_its_first_difference() {
    for (answer, said, byte) in [
        (&b"heLlo"[..], "byte 3 was sent as 0x6c and came back as 0x4c", 3),
        (b"hell", "only 4 bytes came back", 5),
        (b"hello!", "more came back than the 5 bytes sent", 6),
        (b"", "only 0 bytes came back", 1),
    ] {
        for json in [false, true] {
            let server = socket();
            let at = server.local_addr().unwrap().to_string();
            let mut args = vec![at.as_str(), "--message", "hello", "-W", "60s"];
            args.extend(json.then_some("--json"));
            let client = Running::start(CLIENT, &args);
            let (_, from) = receive(&server);
            server.send_to(answer, from).unwrap();
            let ended = client.end();
            assert_eq!(ended.code(), 1);
            if json {
                let events = ended.events();
                assert_eq!(named(&events, "corrupt")[0]["first_difference"], byte);
                assert_eq!(named(&events, "summary")[0]["corrupt"], 1);
            } else {
                assert!(ended.stdout[1].contains(said), "{ended:#?}");
            }
        }
    }
}

#[test]
fn over_tcp_every_kind_of_wrong_answer_is_told() {
    let cases: [(&[u8], &str); 4] = [
        (b"heLlo", "different: byte 3 was sent as 0x6c"),
        (b"hel", "broken off after 3 bytes: end of stream"),
        (b"", "broken off after 0 bytes: end of stream"),
        (b"hello!", "different: more came back than"),
    ];
    for (answer, said) in cases {
        let at = serve_one(move |mut stream| {
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.write_all(answer).unwrap();
        });
        let ended = run(CLIENT, &[&at, "--tcp", "--message", "hello", "-W", "60s"]);
        assert_eq!(ended.code(), 1, "{ended:#?}");
        assert!(ended.stdout.iter().any(|line| line.contains(said)), "{said}: {ended:#?}");
    }
    // And in a pipe.
    let cases: [(&[u8], &str); 3] = [
        (b"hel", "ended the stream too early"),
        (b"heLlo", "different: byte 3 was sent as 0x6c and came back as 0x4c"),
        (b"hello!", "different: more came back than the 5 bytes sent"),
    ];
    for (answer, said) in cases {
        let at = serve_one(move |mut stream| {
            stream.read_to_end(&mut Vec::new()).unwrap();
            stream.write_all(answer).unwrap();
        });
        let (out, stderr, status) = through(&[&at, "--tcp", "-W", "60s"], b"hello".to_vec());
        assert_eq!((&out[..], status), (answer, Some(1)), "{stderr}");
        assert!(stderr.contains(said), "{said}: {stderr}");
    }
}

#[test]
fn a_server_that_ends_before_the_input_does_is_told() {
    let at = serve_one(|mut stream| {
        let mut line = [0; 5];
        stream.read_exact(&mut line).unwrap();
        stream.write_all(&line).unwrap();
    });
    let mut client = client_in_a_pipe(&[&at, "--tcp"]);
    // Held open: more could be typed.
    let mut stdin = client.stdin.take().unwrap();
    stdin.write_all(b"line\n").unwrap();
    let output = client.wait_with_output().unwrap();
    assert_eq!((output.status.code(), &output.stdout[..]), (Some(1), &b"line\n"[..]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ended the stream too early"));
}

#[test]
fn silence_is_told_as_no_answer() {
    let silent = socket();
    let at = silent.local_addr().unwrap().to_string();
    let ended = run(CLIENT, &[&at, "--message", "hello", "-n", "2", "-W", "100ms"]);
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.stdout[2], "no answer to seq=2 within 100ms");

    for (input, said) in [(&b"hello"[..], "no answer"), (b"", "no end of the stream")] {
        let at = serve_one(|stream| {
            thread::sleep(DEADLINE);
            drop(stream);
        });
        let (_, stderr, status) = through(&[&at, "--tcp", "-W", "200ms"], input.to_vec());
        assert_eq!(status, Some(i32::from(!input.is_empty())), "{stderr}");
        assert!(stderr.contains(&format!("{said} within 200ms")), "{stderr}");
    }
    let at = serve_one(|mut stream| {
        stream.write_all(b"he").unwrap();
        thread::sleep(DEADLINE);
    });
    let ended = run(CLIENT, &[&at, "--tcp", "--message", "hello", "-W", "200ms"]);
    assert_eq!(ended.code(), 1);
    assert_eq!(ended.stdout[1], "no answer to seq=1 within 200ms, only 2 bytes");
}

#[test]
fn a_late_echo_is_not_taken_for_the_answer_to_the_next_message() {
    let server = socket();
    let at = server.local_addr().unwrap().to_string();
    let args = [&at, "--message", "same", "-n", "2", "-W", "500ms", "--json"];
    let client = Running::start(CLIENT, &args);
    let (first, from) = receive(&server);
    let (_, second_from) = receive(&server);
    assert_ne!(from, second_from);
    // Late for the first, in time for the second, whose own never comes.
    server.send_to(&first, from).unwrap();
    let events = client.end().events();
    assert_eq!(seqs(&events, "timeout"), [1, 2]);
}

#[test]
fn an_answer_in_pieces_is_put_together() {
    let at = serve_one(|mut stream| {
        stream.set_nodelay(true).unwrap();
        let mut byte = [0];
        while stream.read(&mut byte).unwrap() > 0 {
            stream.write_all(&byte).unwrap();
        }
    });
    let ended = run(CLIENT, &[&at, "--tcp", "--message", &"long ".repeat(200), "-W", "60s"]);
    assert_eq!(ended.code(), 0, "{ended:#?}");
    assert!(ended.stdout[1].contains("1000 bytes") && ended.stdout[1].contains("equal"));
}

#[test]
fn ctrl_c_ends_the_server_whatever_is_open() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let mut server = Server::start(SERVER, &[]);
        let _idle = connect(server.address);
        let mut talking = connect(server.address);
        talking.write_all(b"hello").unwrap();
        talking.read_exact(&mut [0; 5]).unwrap();
        // One that sends and never reads, until it is held up.
        let mut greedy = connect(server.address);
        greedy.set_nonblocking(true).unwrap();
        let patience = Instant::now() + DEADLINE;
        loop {
            match greedy.write(&[b'x'; 1 << 16]) {
                Ok(bytes) => assert!(bytes > 0 && Instant::now() < patience),
                Err(why) => break assert_eq!(why.kind(), ErrorKind::WouldBlock),
            }
        }
        for _ in 0..3 {
            server.running.line_with("connected");
        }
        server.running.signal(signal);
        let ended = server.running.end();
        assert_eq!(ended.code(), 0);
        let totals =
            "TCP: 3 connections, 3 still open, 0 turned away, 0 bytes echoed on those closed";
        assert_eq!(ended.stdout.last().map(String::as_str), Some(totals), "{ended:#?}");
    }
}

#[test]
fn ctrl_c_ends_a_client_that_waits() {
    let silent = socket();
    let at = silent.local_addr().unwrap().to_string();
    let client = Running::start(CLIENT, &[&at, "--message", "x", "-W", "10m", "--json"]);
    receive(&silent);
    let ended = client.interrupt();
    assert_eq!(ended.code(), 1);
    let events = ended.events();
    let summary = named(&events, "summary")[0];
    for (name, count) in [("sent", 1), ("received", 0), ("lost", 0), ("waiting", 1)] {
        assert_eq!(summary[name], count, "{name} of {summary}");
    }

    // One that waits for a line to be typed, which never is.
    let server = Server::start(SERVER, &["-q"]);
    for protocol in [&[][..], &["--tcp"]] {
        let mut client = client_in_a_pipe(&[&[server.at().as_str()], protocol].concat());
        let mut stdin = client.stdin.take().unwrap();
        stdin.write_all(b"line\n").unwrap();
        let mut back = [0; 5];
        client.stdout.as_mut().unwrap().read_exact(&mut back).unwrap();
        assert_eq!(&back, b"line\n");
        let pid = nix::unistd::Pid::from_raw(client.id() as i32);
        nix::sys::signal::kill(pid, Signal::SIGINT).unwrap();
        let output = client.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        drop(stdin);
    }
}

/// Sends back each byte by itself, with a pause before each.
fn drip(mut stream: TcpStream, pause: Duration) {
    stream.set_nodelay(true).unwrap();
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|length| length > 0) {
        thread::sleep(pause);
        if stream.write_all(&byte).is_err() {
            return;
        }
    }
}

#[test]
fn ctrl_c_ends_the_client_whatever_flows() {
    // A stream without an end.
    let server = Server::start(SERVER, &["-q"]);
    let at = server.at();
    let mut command = Command::new("sh");
    let client = program(CLIENT).display().to_string();
    command.args(["-c", &format!("exec {client} {at} --tcp --json -W 60s </dev/zero")]);
    let mut client = Running::start_command(command);
    client.line_with("start");
    // Not a wait for something that is hoped for: bytes that flow are the case.
    thread::sleep(Duration::from_millis(300));
    let events = client.interrupt().events();
    let summary = named(&events, "summary")[0];
    assert!(summary["bytes_equal"].as_u64().unwrap() > 0, "{summary}");

    // An answer that would take an hour, and never pauses for long.
    let at = serve_one(|stream| drip(stream, Duration::from_millis(20)));
    let message = "x".repeat(100_000);
    let args = [at.as_str(), "--tcp", "--message", &message, "--json", "-W", "2h"];
    let mut client = Running::start(CLIENT, &args);
    client.line_with("start");
    thread::sleep(Duration::from_millis(300));
    let events = client.interrupt().events();
    let summary = named(&events, "summary")[0];
    for (name, count) in [("sent", 1), ("received", 0), ("lost", 0), ("waiting", 1)] {
        assert_eq!(summary[name], count, "{name} of {summary}");
    }
}

#[test]
fn ctrl_c_ends_even_those_whose_output_nobody_reads() {
    // The server tells a line a datagram; its pipe is soon full, and its writes block.
    let mut server = Command::new(program(SERVER))
        .args(["--bind", "127.0.0.1:0", "--udp"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::with_capacity(100, server.stdout.take().unwrap());
    let mut first = String::new();
    output.read_line(&mut first).unwrap();
    let address: SocketAddr = first.split([' ', ',']).find_map(|word| word.parse().ok()).unwrap();
    let client = socket();
    client.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    loop {
        client.send_to(b"hello", address).unwrap();
        if client.recv(&mut [0; 9]).is_err() {
            break;
        }
    }
    let pid = |child: &Child| nix::unistd::Pid::from_raw(child.id() as i32);
    nix::sys::signal::kill(pid(&server), Signal::SIGINT).unwrap();
    assert_eq!(server.wait().unwrap().code(), Some(2));

    // The client in a pipe: it may be pressed for again.
    let server = Server::start(SERVER, &["-q"]);
    let mut client = Command::new(program(CLIENT))
        .args([&server.at(), "--tcp"])
        .stdin(std::fs::File::open("/dev/zero").unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let patience = Instant::now() + DEADLINE;
    while client.try_wait().unwrap().is_none() {
        assert!(Instant::now() < patience, "the client does not end");
        nix::sys::signal::kill(pid(&client), Signal::SIGINT).unwrap();
        thread::sleep(Duration::from_millis(300));
    }
}

#[test]
fn a_server_that_drips_is_given_up_when_the_timeout_is_over() {
    let at = serve_one(|stream| drip(stream, Duration::from_millis(20)));
    let message = "x".repeat(1000);
    let args = [at.as_str(), "--tcp", "--message", &message, "--json", "-W", "300ms"];
    let events = run(CLIENT, &args).events();
    assert_eq!(seqs(&events, "timeout"), [1], "{events:#?}");
    let bytes = named(&events, "timeout")[0]["bytes"].as_u64().unwrap();
    // About 15; all of them take 20 s, and no machine stops for half of that.
    assert!(bytes < 500, "{bytes} bytes of 20 ms each within 300 ms");
}

#[test]
fn after_a_pause_an_answer_is_judged_by_when_it_came_and_not_by_when_it_was_read() {
    let _stamps = common::kernel_stamps();
    let timeout = Duration::from_secs(3);
    for protocol in [&[][..], &["--tcp"]] {
        for (in_time, fate) in [(true, "reply"), (false, "late")] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let at = listener.local_addr().unwrap();
            let socket = UdpSocket::bind(at).unwrap();
            let at = at.to_string();
            let args = [at.as_str(), "--message", "hello", "--json", "-W", "3s"];
            let client = Running::start(CLIENT, &[&args, protocol].concat());
            let answer: Box<dyn FnOnce()> = if protocol.is_empty() {
                let (_, from) = receive(&socket);
                Box::new(move || assert_eq!(socket.send_to(b"hello", from).unwrap(), 5))
            } else {
                let mut stream = listener.accept().unwrap().0;
                stream.read_exact(&mut [0; 5]).unwrap();
                Box::new(move || stream.write_all(b"hello").unwrap())
            };
            let asked = Instant::now();
            let sleep = || thread::sleep((timeout + timeout / 4).saturating_sub(asked.elapsed()));
            // As a laptop that sleeps.
            client.signal(Signal::SIGSTOP);
            if in_time {
                answer();
                sleep();
            } else {
                sleep();
                answer();
            }
            client.signal(Signal::SIGCONT);
            let ended = client.end();
            assert_eq!(ended.code(), i32::from(!in_time), "{ended:#?}");
            let events = ended.events();
            assert_eq!(seqs(&events, fate), [1], "{protocol:?} {events:#?}");
            let counted = if in_time { "received" } else { "late" };
            assert_eq!(named(&events, "summary")[0][counted], 1);
        }
    }
}

#[test]
fn bytes_too_many_make_an_answer_different_whether_they_come_at_once_or_later() {
    for pause in [Duration::ZERO, Duration::from_millis(300)] {
        let at = serve_one(move |mut stream| {
            stream.read_exact(&mut [0; 5]).unwrap();
            stream.write_all(b"hello").unwrap();
            thread::sleep(pause);
            stream.write_all(b"!").unwrap();
            stream.read_to_end(&mut Vec::new()).unwrap();
        });
        let args = [at.as_str(), "--tcp", "--message", "hello", "--json", "-W", "60s"];
        let ended = run(CLIENT, &args);
        assert_eq!(ended.code(), 1);
        let events = ended.events();
        assert_eq!(seqs(&events, "reply"), [0; 0], "one fate, and not two");
        assert_eq!(seqs(&events, "corrupt"), [1]);
        // As over UDP, and as cmp counts: the first byte is 1.
        assert_eq!(named(&events, "corrupt")[0]["first_difference"], 6);
        let summary = named(&events, "summary")[0];
        assert_eq!((&summary["received"], &summary["corrupt"]), (&0.into(), &1.into()));
    }
}

#[test]
fn a_lone_client_finds_its_place_free_again() {
    let server = Server::start(SERVER, &["--max-clients", "1", "--json", "-q"]);
    for _ in 0..200 {
        let mut client = connect(server.address);
        client.write_all(b"hello").unwrap();
        client.read_exact(&mut [0; 5]).unwrap();
    }
    assert_eq!(summary(server)["turned_away"], 0);
}

#[test]
fn port_0_is_refused_before_anything_is_told() {
    for protocol in [&[][..], &["--tcp"]] {
        let args = ["127.0.0.1:0", "--message", "x"];
        let ended = run(CLIENT, &[&args, protocol].concat());
        assert_eq!((ended.code(), ended.stdout.len(), ended.stderr.len()), (2, 0, 1), "{ended:#?}");
    }
}

#[test]
fn a_reader_that_goes_away_causes_no_complaint() {
    let server = Server::start(SERVER, &["-q"]);
    for protocol in ["", "--tcp"] {
        let at = server.at();
        let ended = shell(&format!(
            "{{ seq 100000 | {CLIENT} {at} -q -W 60s {protocol}; echo $? >&2; }} | head -1"
        ));
        assert_eq!((ended.stdout, ended.stderr), (vec!["1".to_string()], vec!["0".to_string()]));
    }
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let taken = Server::start(SERVER, &[]);
    let taken = taken.at();
    let tcp_only = Server::start(SERVER, &["--tcp"]);
    let tcp_only = tcp_only.at();
    let cases: &[(&str, &[&str], &str)] = &[
        (SERVER, &["--bind", &taken], "ss -ulnp"),
        (SERVER, &["--bind", &tcp_only], "ss -tlnp"),
        (SERVER, &["--bind", &taken, "--tcp"], "--bind 127.0.0.1:0"),
        (SERVER, &["--bind", "192.0.2.1:10100"], "ip addr"),
        (SERVER, &["--bind", "127.0.0.1:99999"], "from 0 to 65535"),
        (SERVER, &["--stop-word", ""], "1 to 100 bytes"),
        (SERVER, &["--stop-word", "two\nlines"], "1 to 100 bytes"),
        (SERVER, &["--stop-wird", "x"], "--stop-word"),
        (SERVER, &["--max-clients", "0"], "0 is not in 1.."),
        (SERVER, &["--max-clients", "-1"], "invalid"),
        (SERVER, &["--idle-timeout", "0"], "longer than 0"),
        (SERVER, &["--idle-timeout", "soon"], "250ms, 1s, 1.5s or 2m"),
        (CLIENT, &["-n", "-1", "--message", "x"], "0 goes on until Ctrl-C"),
        (CLIENT, &["-n", "3"], "--message"),
        (CLIENT, &["-W", "0"], "longer than 0"),
        (CLIENT, &["--tcp", "--message", ""], "leave out --tcp"),
        (CLIENT, &["no..such.host"], "check the spelling"),
        (CLIENT, &["127.0.0.1:0", "--message", "x"], "see the server's first line"),
        (CLIENT, &["127.0.0.1:0", "--message", "x", "--tcp"], "see the server's first line"),
        (CLIENT, &["127.0.0.1:1", "--message", "x", "--tcp"], "is a server running there"),
        (CLIENT, &["-6", "127.0.0.1"], "leave out -6"),
        (CLIENT, &["127.0.0.1", "127.0.0.2"], "unexpected argument"),
    ];
    for (name, args, mend) in cases {
        let ended = run(name, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with(&format!("{name}: ")), "{line}");
        assert!(line.contains(mend), "{line}");
    }
}

#[test]
fn stdin_that_cannot_be_read_is_an_error() {
    let server = Server::start(SERVER, &["-q"]);
    for protocol in [&[][..], &["--tcp"]] {
        let output = Command::new(program(CLIENT))
            .arg(server.at())
            .args(protocol)
            .stdin(std::fs::File::open("/").unwrap())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains("cannot read stdin: is a directory"), "{said}");
    }
}

#[test]
fn the_help_says_why_echo_must_not_face_the_open_internet() {
    let help = run(SERVER, &["--help"]).stdout.join(" ");
    assert!(help.contains("open internet") && help.contains("RFC 862"), "{help}");
}

#[test]
fn ipv6_works_as_well() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return skip("ipv6_works_as_well", "this machine has no IPv6 loopback");
    }
    let server = Server::start_at("[::1]:0", SERVER, &[]);
    assert_serves(server.address);
}

#[test]
fn the_textbooks_programs_are_served_and_serve() {
    let test = "the_textbooks_programs_are_served_and_serve";
    if !have("python3") {
        return skip(test, "python3 is not installed");
    }
    let ours = Server::start(SERVER, &["-q"]);
    let port = ours.address.port().to_string();
    for protocol in ["udp", "tcp"] {
        let client = classic("echo_client.py", &[protocol, &port]).end();
        assert_eq!(client.code(), 0, "{client:#?}");
        let expected: Vec<_> = (0..10).map(|number| format!("message {number}")).collect();
        assert_eq!(client.stdout, expected);

        let mut server = classic("echo_server.py", &[protocol]);
        let at = format!("127.0.0.1:{}", server.line());
        let flag = (protocol == "tcp").then_some("--tcp");
        let args = [at.as_str(), "--message", "hello", "-n", "10", "-W", "60s", "--json"];
        let args: Vec<&str> = args.into_iter().chain(flag).collect();
        let events = run(CLIENT, &args).events();
        assert_eq!(named(&events, "summary")[0]["received"], 10);
    }
}

#[test]
fn a_name_whose_first_address_refuses_is_asked_at_the_next_one() {
    let script = common::with_a_name_of_two_addresses(
        "echo_server >$0.told & server=$!; \
         until grep -q listening $0.told; do sleep 0.01; done; \
         for protocol in \"\" --tcp; do \
         echo_client twice.test -W 60s --message hello -n 2 --json $protocol; \
         { echo one; echo two; } | echo_client twice.test -W 60s -q $protocol; done; \
         kill -INT $server; true",
    );
    let test = "a_name_whose_first_address_refuses_is_asked_at_the_next_one";
    let Some(text) = common::alone(test, &["mount"], &script) else { return };
    let (json, piped): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with('{'));
    // Not a byte in the pipe but the answers.
    assert_eq!(piped, ["one", "two", "one", "two"], "{text}");
    let events: Vec<serde_json::Value> =
        json.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(seqs(&events, "reply"), [1, 2, 1, 2], "{text}");
    for next in named(&events, "next_address") {
        assert_eq!(
            (&next["asked"], &next["next"]),
            (&"[::1]:10100".into(), &"127.0.0.1:10100".into())
        );
    }
    assert_eq!(named(&events, "next_address").len(), 2);
}
