//! The lab's services, talked to by real clients, well and broken in every way.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use common::{DEADLINE, Ended, Running, have, lacks, run, skip};
use monitor::lab::Lab;
use monitor::lab::ca_file::CaFile;
use monitor::lab::services::Service;
use monitor::wire::dns::{Message, RecordType};
use monitor::wire::ntp::{self, Packet, Timestamp};
use nix::sys::signal::Signal;
use serde_json::Value;

const LAB: &str = "lab_services";

fn lab() -> Lab {
    Lab::start(IpAddr::V4(Ipv4Addr::LOCALHOST), 0).unwrap()
}

/// A lab whose ports nobody is given while they are closed: they lie below
/// those that the system picks from.
fn lab_to_be_stopped(bind: IpAddr) -> Lab {
    let first = 11_000 + (std::process::id() % 40) as u16 * 500;
    let bases = (first..31_500).chain(11_000..first).step_by(500);
    bases.into_iter().find_map(|base| Lab::start(bind, base).ok()).expect("some ports are free")
}

fn obey(lab: &Lab, line: &str) {
    lab.obey(line.parse().unwrap()).unwrap();
}

/// What a client of somebody else's said, and how it ended.
struct Said {
    stdout: String,
    stderr: String,
    code: i32,
}

fn client(program: &str, args: &[&str]) -> Said {
    let output = common::tool("timeout")
        .args(["120", program])
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Said {
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        code: output.status.code().unwrap(),
    }
}

fn curl(lab: &Lab, service: Service, path: &str, args: &[&str]) -> Said {
    let url = format!("{service}://{}{path}", lab.address(service));
    client("curl", &[&["-sS", "--noproxy", "*", "-m", "100", &url], args].concat())
}

fn dig(lab: &Lab, args: &str) -> Said {
    let port = lab.address(Service::Dns).port().to_string();
    let args: Vec<&str> = args.split(' ').collect();
    client("dig", &[&["@127.0.0.1", "-p", &port, "+tries=1", "+time=20"], &args[..]].concat())
}

/// A datagram and the answer to it.
fn ask(address: SocketAddr, request: &[u8]) -> Vec<u8> {
    let socket = UdpSocket::bind((address.ip(), 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let mut buffer = vec![0; 65_536];
    let began = Instant::now();
    loop {
        socket.send_to(request, address).unwrap();
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                assert_eq!(from, address);
                return buffer[..length].to_vec();
            }
            // A service that was flooded has no room for it yet: UDP loses it silently.
            Err(why) => assert!(began.elapsed() < DEADLINE, "{why}"),
        }
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn read_all(mut stream: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    bytes
}

/// True if the port says that nobody is there.
fn refuses(lab: &Lab, service: Service) -> bool {
    let address = lab.address(service);
    let tcp = !service.over_tcp()
        || TcpStream::connect(address).is_err_and(|why| why.kind() == ErrorKind::ConnectionRefused);
    let udp = !service.over_udp() || {
        let socket = UdpSocket::bind((address.ip(), 0)).unwrap();
        socket.connect(address).unwrap();
        // The ICMP error of the first send is told by a later call.
        socket.send(b"x").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
        socket.recv(&mut [0; 9]).is_err_and(|why| why.kind() == ErrorKind::ConnectionRefused)
    };
    tcp && udp
}

/// True if the service answers as it should; silent: that its port is open.
fn answers(lab: &Lab, service: Service) -> bool {
    let address = lab.address(service);
    match service {
        Service::Http => {
            let mut stream = connect(address);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            read_all(&stream).ends_with(b"<h1>It works</h1>\n")
        }
        // Its TLS is curl's to judge; here it is enough that it is there.
        Service::Https => {
            let mut stream = connect(address);
            stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
            // A TLS alert.
            read_all(&stream).starts_with(b"\x15\x03")
        }
        Service::Dns => outcome(lab, "www.lab.test", RecordType::A) == "1 A record",
        Service::Ntp => judgement(lab) == "it tells the time",
        Service::Tcp => {
            let mut banner = [0; 20];
            connect(address).read_exact(&mut banner).is_ok() && &banner == b"220 lab.test ready\r\n"
        }
        Service::Echo => ask(address, b"hello") == b"hello",
        Service::Silent => !refuses(lab, service),
    }
}

/// What our own codec says of the reply: a mismatch, an outcome, or what is
/// wrong with its bytes.
fn outcome(lab: &Lab, name: &str, kind: RecordType) -> String {
    let query = Message::query(0x1234, &name.parse().unwrap(), kind);
    let reply = ask(lab.address(Service::Dns), &query.emit().unwrap());
    match Message::parse(&reply) {
        Err(error) => error.to_string(),
        Ok(reply) => match reply.answers(&query) {
            Err(mismatch) => mismatch.to_string(),
            Ok(()) => reply.says(&query.questions[0]).to_string(),
        },
    }
}

/// What our own codec says of the NTP server's reply.
fn judgement(lab: &Lab) -> String {
    let sent = Timestamp(0x0123_4567_89ab_cdef);
    let reply = ask(lab.address(Service::Ntp), &Packet::request(sent).emit());
    Packet::parse(&reply).unwrap().judge(sent).to_string()
}

#[test]
fn curl_gets_the_page_and_follows_the_redirect() {
    let test = "curl_gets_the_page_and_follows_the_redirect";
    if let Some(why) = lacks(&["curl", "timeout"]) {
        return skip(test, &why);
    }
    let lab = lab();
    assert!(curl(&lab, Service::Http, "/", &[]).stdout.contains("It works"));
    assert!(curl(&lab, Service::Http, "/redirect", &["-L"]).stdout.contains("It works"));
    for (path, args, code) in [
        ("/", &[][..], "200"),
        ("/?x=1", &[], "200"),
        ("/", &["-I"], "200"),
        ("/redirect", &[], "302"),
        ("/nowhere", &[], "404"),
        ("/", &["-d", "x=1"], "405"),
    ] {
        let args = [args, &["-o", "/dev/null", "-w", "%{http_code}"]].concat();
        assert_eq!(curl(&lab, Service::Http, path, &args).stdout, code, "{path}");
    }
    obey(&lab, "http 503");
    let said = curl(&lab, Service::Http, "/", &["-f"]);
    assert!(said.code == 22 && said.stderr.contains("503"), "{}", said.stderr);
    obey(&lab, "http wrong-body");
    assert!(curl(&lab, Service::Http, "/", &["-f"]).stdout.contains("Under construction"));
    obey(&lab, "http garbage");
    assert_ne!(curl(&lab, Service::Http, "/", &[]).code, 0);
    obey(&lab, "http no-reply");
    assert_eq!(curl(&lab, Service::Http, "/", &["-m", "1"]).code, 28, "curl: timed out");
    obey(&lab, "heal");
    assert!(answers(&lab, Service::Http));
}

#[test]
fn curl_believes_the_good_certificate_and_says_what_is_wrong_with_each_other() {
    let test = "curl_believes_the_good_certificate_and_says_what_is_wrong_with_each_other";
    if let Some(why) = lacks(&["curl", "timeout"]) {
        return skip(test, &why);
    }
    let lab = lab();
    let folder = scratch(test);
    let file = CaFile::write(&lab, Some(&folder.join("ca.pem"))).unwrap();
    let ca = file.path.to_str().unwrap();
    let port = lab.address(Service::Https).port();
    for name in ["127.0.0.1", "localhost", "www.lab.test", "lab.test"] {
        let resolve = format!("{name}:{port}:127.0.0.1");
        let url = format!("https://{name}:{port}/");
        let said =
            client("curl", &["-sS", "--noproxy", "*", "--cacert", ca, "--resolve", &resolve, &url]);
        assert!(said.stdout.contains("It works"), "{name}: {}", said.stderr);
    }
    for (fault, words) in [
        ("expired", "expired"),
        ("wrong-name", "no alternative certificate subject name"),
        ("unknown-issuer", "unable to get local issuer"),
    ] {
        obey(&lab, &format!("https {fault}"));
        let said = curl(&lab, Service::Https, "/", &["--cacert", ca]);
        assert_eq!(said.code, 60, "{}", said.stderr);
        // Which words depends on curl's TLS library; the status does not.
        if said.stderr.contains("SSL certificate problem") {
            assert!(said.stderr.contains(words), "{fault}: {}", said.stderr);
        }
        // It is there all the same, to whom does not look.
        assert!(curl(&lab, Service::Https, "/", &["-k"]).stdout.contains("It works"));
    }
    obey(&lab, "https expiring");
    assert!(curl(&lab, Service::Https, "/", &["--cacert", ca]).stdout.contains("It works"));
    if have("openssl") {
        let at = lab.address(Service::Https).to_string();
        let script = format!(
            "openssl s_client -connect {at} </dev/null 2>/dev/null | openssl x509 -noout \
             -checkend $((3 * 86400)) && openssl s_client -connect {at} </dev/null 2>/dev/null \
             | openssl x509 -noout -checkend $((4 * 86400))"
        );
        let said = client("sh", &["-c", &script]);
        let told: Vec<&str> = said.stdout.lines().collect();
        assert_eq!(told, ["Certificate will not expire", "Certificate will expire"]);
    }
    obey(&lab, "https 500");
    assert_eq!(curl(&lab, Service::Https, "/", &["--cacert", ca, "-f"]).code, 22);
    drop(file);
    assert!(folder.join("ca.pem").exists(), "a file that was asked for stays");
}

#[test]
fn dig_gets_every_type_of_record() {
    if let Some(why) = lacks(&["dig", "timeout"]) {
        return skip("dig_gets_every_type_of_record", &why);
    }
    let lab = lab();
    let http = format!("0 0 {} www.lab.test.\n", lab.address(Service::Http).port());
    for (question, answer) in [
        ("www.lab.test A", "127.0.0.1\n"),
        ("WWW.Lab.Test AAAA", "::1\n"),
        ("lab.test MX", "10 mail.lab.test.\n20 mail2.lab.test.\n"),
        ("web.lab.test CNAME", "www.lab.test.\n"),
        ("shop.lab.test A", "web.lab.test.\nwww.lab.test.\n127.0.0.1\n"),
        ("lab.test NS", "ns.lab.test.\n"),
        ("lab.test TXT", "\"v=spf1 mx -all\"\n"),
        ("lab.test SOA", "ns.lab.test. hostmaster.lab.test. 2024042001 3600 600 86400 60\n"),
        ("-x 127.0.0.1", "www.lab.test.\n"),
        ("_http._tcp.lab.test SRV", &http),
        ("lab.test CAA", "0 issue \"ca.lab.test\"\n"),
    ] {
        for transport in ["+notcp", "+tcp", "+noedns"] {
            let said = dig(&lab, &format!("+short {transport} {question}"));
            assert_eq!(said.stdout, answer, "{question} {transport}");
        }
    }
    for (question, words) in [
        ("nope.lab.test", "status: NXDOMAIN"),
        ("mail.lab.test MX", "status: NOERROR"),
        ("_tcp.lab.test", "status: NOERROR"),
        ("x.away.lab.test", "ns.away.lab.test."),
        ("example.com", "status: REFUSED"),
        ("-c CH version.bind TXT", "status: REFUSED"),
        ("+edns=1 +noednsnegotiation www.lab.test", "status: BADVERS"),
        ("+opcode=STATUS www.lab.test", "status: NOTIMP"),
        ("+header-only www.lab.test", "status: FORMERR"),
    ] {
        let said = dig(&lab, question);
        assert!(said.stdout.contains(words), "{question}: {}", said.stdout);
        assert!(!said.stdout.contains("WARNING: Message") && !said.stdout.contains("malformed"));
    }
}

#[test]
fn dig_comes_back_over_tcp_for_what_a_datagram_does_not_carry() {
    if let Some(why) = lacks(&["dig", "timeout"]) {
        return skip("dig_comes_back_over_tcp_for_what_a_datagram_does_not_carry", &why);
    }
    let lab = lab();
    let said = dig(&lab, "big.lab.test TXT");
    assert!(said.stdout.contains("Truncated, retrying in TCP mode"), "{}", said.stdout);
    assert!(said.stdout.contains("(TCP)") && said.stdout.contains("\" 12 xxx"));
    let said = dig(&lab, "+ignore big.lab.test TXT");
    assert!(said.stdout.contains("flags: qr aa tc rd;") && said.stdout.contains("ANSWER: 0"));
    obey(&lab, "dns truncated");
    let said = dig(&lab, "www.lab.test");
    assert!(said.stdout.contains("retrying in TCP") && said.stdout.contains("ANSWER: 1"));
}

#[test]
fn each_fault_of_dns_is_seen_by_dig_and_by_us() {
    let lab = lab();
    let www = "www.lab.test";
    let with_dig = lacks(&["dig", "timeout"]);
    if let Some(why) = &with_dig {
        skip("each_fault_of_dns_is_seen_by_dig_and_by_us", why);
    }
    for (fault, ours, digs) in [
        ("wrong-id", "its identifier is 0xedcb, and the query's was 0x1234", "ID mismatch"),
        ("wrong-question", "it answers for mail.lab.test., and", "Question section mismatch"),
        ("qr0", "it is a query and no reply (QR is 0)", "query response not set"),
        ("truncated", "truncated; the rest is to be had over TCP", "Truncated, retrying"),
        ("nodata", "www.lab.test. has no record of this type (NODATA)", "ANSWER: 0"),
        ("nxdomain", "www.lab.test. does not exist (NXDOMAIN)", "NXDOMAIN"),
        ("servfail", "the server failed (SERVFAIL)", "SERVFAIL"),
        ("refused", "the server refuses to answer (REFUSED)", "REFUSED"),
        ("referral", "a referral: for lab.test. ask ns.away.lab.test.", "ns.away"),
        ("no-edns", "the server did not understand the query (FORMERR)", "FORMERR"),
        ("garbage", "at byte ", "malformed"),
    ] {
        obey(&lab, &format!("dns {fault}"));
        let said = outcome(&lab, www, RecordType::A);
        assert!(said.starts_with(ours), "{fault}: {said}");
        if with_dig.is_none() {
            // What it warns of, it waits past, and it ends without an answer.
            let said = dig(&lab, "+time=1 www.lab.test");
            let all = said.stdout + &said.stderr;
            assert!(all.contains(digs), "{fault}: {all}");
        }
    }
    obey(&lab, "dns no-reply");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(lab.address(Service::Dns)).unwrap();
    socket.send(&Message::query(1, &www.parse().unwrap(), RecordType::A).emit().unwrap()).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    assert_eq!(socket.recv(&mut [0; 512]).unwrap_err().kind(), ErrorKind::WouldBlock);
    obey(&lab, "heal dns");
    assert!(answers(&lab, Service::Dns));
}

/// An NTP client in Python: offset and delay in seconds, then LI, mode,
/// stratum and reference id, worked out by its own arithmetic.
const NTP_CLIENT: &str = "
import socket, struct, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(100)
now = lambda: time.time() + 2208988800
t1 = now(); s.sendto(b'\\x23' + bytes(47), ('127.0.0.1', int(sys.argv[1])))
reply = s.recv(1000); t4 = now()
f = struct.unpack('!BBbbII4s8I', reply)
t2, t3 = f[11] + f[12] / 2**32, f[13] + f[14] / 2**32
print(((t2 - t1) + (t3 - t4)) / 2, (t4 - t1) - (t3 - t2), f[0] >> 6, f[0] & 7, f[1], f[6])
";

#[test]
fn an_ntp_client_in_python_reads_the_same_time() {
    if let Some(why) = lacks(&["python3", "timeout"]) {
        return skip("an_ntp_client_in_python_reads_the_same_time", &why);
    }
    let lab = lab();
    let port = lab.address(Service::Ntp).port().to_string();
    let ask = || client("python3", &["-c", NTP_CLIENT, &port]).stdout;
    for (command, offset, rest) in [
        ("heal", 0.0, r"0 4 10 b'\x7f\x7f\x01\x01'"),
        ("ntp wrong-time 1h", 3600.0, r"0 4 10 b'\x7f\x7f\x01\x01'"),
        ("ntp wrong-time -90s", -90.0, r"0 4 10 b'\x7f\x7f\x01\x01'"),
        ("ntp stratum 0", 0.0, "3 4 0 b'DENY'"),
        ("ntp stratum 1", 0.0, r"0 4 1 b'LAB\x00'"),
        ("ntp kiss RATE", 0.0, "3 4 0 b'RATE'"),
        ("ntp unsynchronised", 0.0, r"3 4 16 b'\x00\x00\x00\x00'"),
    ] {
        obey(&lab, command);
        let said = ask();
        let mut words = said.trim().splitn(3, ' ');
        let mut number = || words.next().unwrap().parse::<f64>().unwrap();
        let (got, delay) = (number(), number());
        // Half of the delay is what the offset may be off by.
        assert!((got - offset).abs() <= delay / 2.0 + 1e-3, "{command}: {said}");
        assert_eq!(words.next(), Some(rest), "{command}");
    }
}

#[test]
fn each_fault_of_ntp_is_judged_as_what_it_is() {
    let lab = lab();
    for (fault, words) in [
        ("stratum 0", "stratum 0, kiss code DENY: access denied"),
        ("stratum 15", "it tells the time"),
        ("stratum 16", "stratum 16, where"),
        ("kiss RATE", "stratum 0, kiss code RATE: asked too often"),
        ("unsynchronised", "the server's clock is not synchronised"),
        ("wrong-origin", "its origin is not the stamp that was sent"),
        ("wrong-time 1h", "it tells the time"),
    ] {
        obey(&lab, &format!("ntp {fault}"));
        let said = judgement(&lab);
        assert!(said.starts_with(words), "{fault}: {said}");
    }
    let sent = Timestamp::from_system(SystemTime::now());
    let reply = ask(lab.address(Service::Ntp), &Packet::request(sent).emit());
    let arrived = Timestamp::from_system(SystemTime::now());
    let reply = Packet::parse(&reply).unwrap();
    let offset = ntp::offset([sent, reply.receive, reply.transmit, arrived]).as_secs_f64();
    let delay = ntp::delay([sent, reply.receive, reply.transmit, arrived]).as_secs_f64();
    assert!((offset - 3600.0).abs() <= delay / 2.0 + 1e-3, "{offset} with a delay of {delay}");
}

#[test]
fn chronyd_measures_the_same_offset() {
    let test = "chronyd_measures_the_same_offset";
    if let Some(why) = lacks(&["chronyd", "timeout"]) {
        return skip(test, &why);
    }
    if !nix::unistd::geteuid().is_root() {
        return skip(test, "chronyd runs as root alone");
    }
    let lab = lab();
    let folder = scratch(test);
    let port = lab.address(Service::Ntp).port();
    let pid = folder.join("pid");
    let server = format!("server 127.0.0.1 port {port} iburst maxsamples 1");
    let pidfile = format!("pidfile {}", pid.display());
    for (command, least, most) in [("heal", -1.0, 1.0), ("ntp wrong-time 1h", 3599.0, 3601.0)] {
        obey(&lab, command);
        // -Q only looks, and sets nothing.
        let args = ["-Q", "-u", "root", "-t", "60", &server, "cmdport 0", "port 0", &pidfile];
        let said = client("chronyd", &args).stderr;
        let wrong =
            said.split("System clock wrong by ").nth(1).and_then(|rest| rest.split(' ').next());
        let offset: f64 = wrong.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        assert!((least..most).contains(&offset), "{command}: {said}");
    }
}

#[test]
fn nc_is_greeted_and_heard() {
    if let Some(why) = lacks(&["nc", "sh", "timeout"]) {
        return skip("nc_is_greeted_and_heard", &why);
    }
    let lab = lab();
    let port = lab.address(Service::Tcp).port();
    let script = format!("printf 'hello\\nQUIT\\n' | nc -w 60 127.0.0.1 {port}");
    let talk = || client("sh", &["-c", &script]).stdout;
    assert_eq!(talk(), "220 lab.test ready\r\n250 heard hello\r\n221 lab.test closing\r\n");
    obey(&lab, "tcp wrong-banner");
    assert!(talk().starts_with("421 lab.test closing\r\n"));
    obey(&lab, "tcp garbage");
    assert!(!talk().starts_with("220"));
}

#[test]
fn what_is_echoed_comes_back_exactly_or_corrupt_on_demand() {
    let lab = lab();
    let address = lab.address(Service::Echo);
    let all: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    assert_eq!(ask(address, &all), all);
    let mut stream = connect(address);
    stream.write_all(&all).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(read_all(&stream), all);
    // What is typed holds for a connection under way, too.
    let mut stream = connect(address);
    let mut said = |byte: u8| {
        stream.write_all(&[byte]).unwrap();
        let mut back = [0; 1];
        stream.read_exact(&mut back).unwrap();
        back[0]
    };
    assert_eq!(said(b'a'), b'a');
    obey(&lab, "echo corrupt");
    assert_eq!(said(b'a'), b'b');
    assert_eq!(ask(address, b"abc"), b"abd");
    assert_eq!(ask(address, b""), b"");
}

#[test]
fn what_is_stopped_refuses_and_started_again_has_the_same_port() {
    let lab = lab_to_be_stopped(IpAddr::V4(Ipv4Addr::LOCALHOST));
    for service in Service::ALL {
        assert!(answers(&lab, service), "{service}");
        // A connection that is open then is ended.
        let held = service.over_tcp().then(|| connect(lab.address(service)));
        let address = lab.address(service);
        obey(&lab, &format!("stop {service}"));
        assert!(!lab.is_open(service) && refuses(&lab, service), "{service}");
        if let Some(stream) = held {
            read_all(stream);
        }
        obey(&lab, &format!("stop {service}"));
        obey(&lab, &format!("start {service}"));
        assert!(lab.address(service) == address && answers(&lab, service), "{service}");
        obey(&lab, &format!("start {service}"));
        obey(&lab, &format!("stop {service}"));
        obey(&lab, &format!("heal {service}"));
        assert!(answers(&lab, service), "{service}");
    }
}

#[test]
fn what_is_slow_answers_late_and_one_client_does_not_wait_for_another() {
    let lab = lab();
    let slow = Duration::from_millis(400);
    for service in [Service::Http, Service::Dns, Service::Ntp, Service::Tcp, Service::Echo] {
        obey(&lab, &format!("slow {service} 400ms"));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let began = Instant::now();
                    assert!(answers(&lab, service), "{service}");
                    assert!(began.elapsed() >= slow, "{service}: {:?}", began.elapsed());
                });
            }
        });
    }
    // Stopping does not wait for what is slow.
    obey(&lab, "slow tcp 10m");
    obey(&lab, "slow dns 10m");
    let _held = connect(lab.address(Service::Tcp));
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&[0; 30], lab.address(Service::Dns)).unwrap();
    let began = Instant::now();
    drop(lab);
    assert!(began.elapsed() < DEADLINE);
}

#[test]
fn any_bytes_at_all_leave_every_service_alive() {
    let lab = lab();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut state = 7u64;
    let mut byte = || {
        // Knuth's MMIX numbers: any bytes will do.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    let query = Message::query(1, &"www.lab.test".parse().unwrap(), RecordType::A).emit().unwrap();
    for round in 0..2000 {
        let length = usize::from(byte());
        let mut message: Vec<u8> = (0..length).map(|_| byte()).collect();
        if round % 2 == 0 {
            message = query.clone();
            let at = usize::from(byte()) % message.len();
            message[at] = byte();
        }
        for service in Service::ALL.into_iter().filter(|service| service.over_udp()) {
            let _ = socket.send_to(&message, lab.address(service));
        }
        if round % 40 == 0 {
            for service in Service::ALL.into_iter().filter(|service| service.over_tcp()) {
                let mut stream = connect(lab.address(service));
                let _ = stream.write_all(&message);
            }
        }
    }
    for service in Service::ALL {
        assert!(answers(&lab, service), "{service}");
    }
}

#[test]
fn ipv6_works_as_well() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return skip("ipv6_works_as_well", "this machine has no IPv6 loopback");
    }
    let lab = lab_to_be_stopped(IpAddr::V6(Ipv6Addr::LOCALHOST));
    for service in Service::ALL {
        assert!(answers(&lab, service), "{service}");
        obey(&lab, &format!("stop {service}"));
        assert!(refuses(&lab, service), "{service}");
    }
    obey(&lab, "heal");
    if have("curl") {
        let file = CaFile::write(&lab, None).unwrap();
        let said = curl(&lab, Service::Https, "/", &["--cacert", file.path.to_str().unwrap()]);
        assert!(said.stdout.contains("It works"), "{}", said.stderr);
    }
}

/// A folder of this test's own.
fn scratch(test: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("socklab-{test}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Starts the program on free ports, with these lines on stdin and then the
/// end of it.
fn typed(args: &[&str], lines: &str) -> Running {
    let mut command = common::tool("sh");
    command.args(["-c", "printf '%s\\n' \"$LINES_TYPED\" | exec \"$0\" \"$@\""]);
    command.arg(common::program(LAB)).args(["--port-base", "0"]).args(args);
    command.env("LINES_TYPED", lines);
    Running::start_command(command)
}

#[test]
fn the_program_names_each_address_and_does_what_is_typed() {
    let mut lab =
        typed(&[], "stop http\nslow dns 3s\nnonsense\nhttps expired\nheal https\nstatus\nexit");
    let first = lab.line();
    assert_eq!(first, "lab_services: listening on 127.0.0.1, nothing broken");
    for service in Service::ALL {
        let line = lab.line();
        assert!(line.starts_with(service.word()) && line.contains("127.0.0.1:"), "{line}");
    }
    for line in ["http: stopped", "dns: open, slow 3s", "https: open, expired", "https: open"] {
        assert_eq!(lab.line(), line);
    }
    assert!(lab.line().ends_with("stopped"), "of http, in the status");
    let ended = lab.end();
    assert_eq!(ended.code(), 0);
    assert_eq!(ended.stdout.len(), 6);
    assert_eq!(ended.stderr, ["lab_services: there is no command \"nonsense\"; see help"]);
}

/// What an event tells of one service.
fn told<'a>(event: &'a Value, service: &str) -> &'a Value {
    let services = event["services"].as_array().unwrap();
    services.iter().find(|told| told["service"] == service).unwrap()
}

#[test]
fn json_says_the_same() {
    let ended =
        typed(&["--json", "--break", "ntp kiss RATE"], "stop http\nstatus\nhelp\nexit").end();
    assert_eq!(ended.code(), 0);
    let events = ended.events();
    let names: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["start", "changed", "status", "help"]);
    assert_eq!(told(&events[0], "ntp")["fault"], "kiss RATE");
    assert_eq!(told(&events[0], "dns")["fault"], Value::Null);
    assert_eq!((&events[1]["service"], &events[1]["open"]), (&"http".into(), &false.into()));
    assert!(told(&events[2], "https")["address"].as_str().unwrap().starts_with("127.0.0.1:"));
    let file = events[0]["ca_file"].as_str().unwrap();
    assert!(!std::path::Path::new(file).exists(), "{file} is removed at the end");
}

#[test]
fn without_a_terminal_it_runs_until_a_signal_comes() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // stdin ends at once.
        let mut lab = Running::start(LAB, &["--port-base", "0", "--json"]);
        let start: Value = serde_json::from_str(&lab.line()).unwrap();
        let address = told(&start, "tcp")["address"].as_str().unwrap().to_string();
        // It is still there when clients have come and gone.
        for _ in 0..20 {
            let mut banner = [0; 3];
            connect(address.parse().unwrap()).read_exact(&mut banner).unwrap();
            assert_eq!(&banner, b"220");
        }
        lab.signal(signal);
        assert_eq!(lab.end().code(), 0);
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn connections_and_threads_are_bounded() {
    if !std::path::Path::new("/proc/self/task").exists() {
        return skip("connections_and_threads_are_bounded", "this system has no /proc");
    }
    let mut lab = Running::start(LAB, &["--port-base", "0", "--json"]);
    let start: Value = serde_json::from_str(&lab.line()).unwrap();
    let address: SocketAddr = told(&start, "echo")["address"].as_str().unwrap().parse().unwrap();
    let connections: Vec<TcpStream> = (0..300).map(|_| connect(address)).collect();
    let mut echoed = 0;
    for mut stream in &connections {
        let mut back = [0; 1];
        // One that is turned away is closed, or reset.
        let sent = stream.write_all(b"x");
        echoed += usize::from(sent.is_ok() && stream.read_exact(&mut back).is_ok());
    }
    assert_eq!(echoed, 64);
    let threads = std::fs::read_dir(format!("/proc/{}/task", lab.id())).unwrap().count();
    assert!(threads < 64 + 20, "{threads} threads");
    drop(connections);
    // Room again, as soon as the others are noticed to be gone.
    let began = Instant::now();
    loop {
        let mut stream = connect(address);
        let mut back = [0; 1];
        if stream.write_all(b"x").is_ok() && stream.read_exact(&mut back).is_ok() {
            break;
        }
        assert!(began.elapsed() < DEADLINE);
    }
    assert_eq!(lab.interrupt().code(), 0);
}

#[test]
fn at_a_terminal_there_is_a_prompt_and_ctrl_d_ends_it() {
    let test = "at_a_terminal_there_is_a_prompt_and_ctrl_d_ends_it";
    if let Some(why) = lacks(&["python3", "timeout"]) {
        return skip(test, &why);
    }
    let script = "
import os, pty, sys
pid, terminal = pty.fork()
if pid == 0: os.execv(sys.argv[1], [sys.argv[1], '--port-base', '0'])
said = b''
def until(text):
    global said
    while text not in said: said += os.read(terminal, 1000)
    said = said.split(text, 1)[1]
until(b'lab> '); os.write(terminal, b'stop http\\n')
until(b'http: stopped'); until(b'lab> '); os.write(terminal, b'\\x04')
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
";
    let said = client("python3", &["-c", script, common::program(LAB).to_str().unwrap()]);
    assert_eq!(said.stdout, "0\n", "{}", said.stderr);
}

#[test]
fn bad_input_gets_one_line_with_the_mend_and_status_2() {
    let taken = lab();
    let base = taken.address(Service::Dns).port().checked_sub(53).unwrap().to_string();
    let folder = scratch("bad_input");
    let nowhere = folder.join("no/such/file");
    let cases: &[(&[&str], &str)] = &[
        (&["--port-base", "65093"], "from 0 to 65092"),
        (&["--port-base", "-1"], "from 0 to 65092"),
        (&["--port-base", &base], "--port-base 20000"),
        (&["--port-base", "0", "--bind", "192.0.2.1"], "ip addr"),
        (&["--bind", "nonsense"], "invalid"),
        (&["--port-base", "0", "--break", "dns expired"], "it can: no-reply"),
        (&["--port-base", "0", "--break", "http"], "it can: no-reply"),
        (&["--port-base", "0", "--ca-file", nowhere.to_str().unwrap()], "another with --ca-file"),
        (&["http"], "unexpected argument"),
    ];
    for (args, mend) in cases {
        let ended: Ended = run(LAB, args);
        assert_eq!(ended.code(), 2, "{args:?} {ended:#?}");
        assert!(ended.stdout.is_empty(), "{args:?} {ended:#?}");
        let [line] = &ended.stderr[..] else { panic!("not one line: {args:?} {ended:#?}") };
        assert!(line.starts_with("lab_services: ") && line.contains(mend), "{line}");
    }
}
