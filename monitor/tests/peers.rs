//! The checks against the servers of others: nginx, dnsmasq, chronyd. Each is
//! started in a folder of its own, stopped, and started again.

#[path = "../../tests/common/mod.rs"]
mod common;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::{DEADLINE, lacks, skip};
use monitor::config::typed;
use monitor::outcome::{Deadline, Outcome};
use monitor::verdict::Verdict;
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

const PATIENT: Duration = Duration::from_secs(60);

fn check(line: &str) -> Outcome {
    let typed = typed::parse(line).unwrap_or_else(|why| panic!("{line}: {why}"));
    typed.check.run(&Deadline::of(PATIENT))
}

/// Checks again and again until the verdict is this one.
fn becomes(line: &str, verdict: Verdict) -> Outcome {
    let began = Instant::now();
    loop {
        let outcome = check(line);
        if outcome.verdict == verdict {
            return outcome;
        }
        assert!(began.elapsed() < DEADLINE, "{line} does not become {verdict}: {outcome:#?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// A folder that is removed when it is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("monitor-{name}-{}", std::process::id()));
        // chronyd puts its socket only where nobody else can look.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).unwrap();
        Folder(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A server of somebody else's, in the foreground; it is ended when it is dropped.
struct Peer(Child);

impl Peer {
    fn start(command: &mut Command) -> Peer {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Peer(command.spawn().unwrap_or_else(|why| panic!("cannot start {command:?}: {why}")))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // So that it ends its own children too.
        let _ = kill(Pid::from_raw(self.0.id() as i32), Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

/// A port that nobody has, over UDP or TCP.
fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = udp.local_addr().unwrap().port();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

#[track_caller]
fn assert_says(outcome: &Outcome, verdict: Verdict, words: &str) {
    assert!(
        outcome.verdict == verdict && outcome.reason.contains(words),
        "not {verdict} with {words:?}: {outcome:#?}"
    );
}

/// A certificate for loopback, and its key, in PEM.
fn certificate(folder: &Folder) -> (PathBuf, PathBuf) {
    let names = vec!["127.0.0.1".to_string(), "localhost".to_string()];
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).unwrap();
    (folder.write("cert.pem", &cert.pem()), folder.write("key.pem", &signing_key.serialize_pem()))
}

#[test]
fn nginx_is_up_over_http_and_https_and_down_when_it_is_stopped() {
    let test = "nginx_is_up_over_http_and_https_and_down_when_it_is_stopped";
    if let Some(why) = lacks(&["nginx"]) {
        return skip(test, &why);
    }
    let folder = Folder::new("nginx");
    let root = folder.0.display();
    folder.write("index.html", "<h1>it is nginx</h1>");
    let (cert, key) = certificate(&folder);
    let (http, https) = (free_port(), free_port());
    let config = folder.write(
        "nginx.conf",
        &format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 64; }}
             http {{
               access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p;
               fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
               server {{
                 listen 127.0.0.1:{http}; root {root};
                 location /moved {{ return 301 /index.html; }}
                 location /to-tls {{ return 302 https://127.0.0.1:{https}/; }}
                 location /broken {{ return 503; }}
               }}
               server {{
                 listen 127.0.0.1:{https} ssl; root {root};
                 ssl_certificate {}; ssl_certificate_key {};
               }}
             }}",
            cert.display(),
            key.display()
        ),
    );
    let start = || {
        let error_log = folder.0.join("error.log");
        let mut command = common::tool("nginx");
        Peer::start(
            command.arg("-e").arg(error_log).arg("-p").arg(&folder.0).arg("-c").arg(&config),
        )
    };
    let nginx = start();
    let plain = format!("http 127.0.0.1:{http}");
    assert_says(&becomes(&plain, Verdict::Up), Verdict::Up, "status 200");
    assert_says(&check(&format!("{plain} expect_body='it is nginx'")), Verdict::Up, "as expected");
    assert_says(&check(&format!("{plain}/broken")), Verdict::Down, "status 503");
    assert_says(&check(&format!("{plain}/nothing")), Verdict::Down, "status 404");
    let moved = check(&format!("{plain}/moved"));
    assert_says(&moved, Verdict::Up, "status 200");
    assert_eq!(moved.detail["redirects"], 1);
    assert_says(&check(&format!("{plain} method=HEAD")), Verdict::Up, "status 200");

    let secure = format!("https 127.0.0.1:{https} ca_file={}", cert.display());
    let outcome = check(&secure);
    assert_says(&outcome, Verdict::Up, "status 200");
    assert!(outcome.detail["tls_seconds"].as_f64().is_some_and(|seconds| seconds > 0.0));
    let to_tls = check(&format!("{plain}/to-tls ca_file={}", cert.display()));
    assert_says(&to_tls, Verdict::Up, "status 200");
    let unknown = check(&format!("https 127.0.0.1:{https}"));
    assert_says(&unknown, Verdict::Down, "unknown issuer: it is self-signed");
    assert_says(&check(&format!("https 127.0.0.1:{http}")), Verdict::Down, "TLS");
    assert_says(&check(&format!("tcp 127.0.0.1 {http}")), Verdict::Up, "open");

    drop(nginx);
    assert_says(&becomes(&plain, Verdict::Down), Verdict::Down, "connection refused");
    let _nginx = start();
    becomes(&plain, Verdict::Up);
}

#[test]
fn dnsmasq_answers_for_every_type_of_record() {
    let test = "dnsmasq_answers_for_every_type_of_record";
    if let Some(why) = lacks(&["dnsmasq"]) {
        return skip(test, &why);
    }
    let folder = Folder::new("dnsmasq");
    let port = free_port();
    let long: Vec<String> = (0..40)
        .map(|number| format!("txt-record=big.lab.test,{number}{}", "x".repeat(60)))
        .collect();
    // CAA, NS and SOA have no line of their own: their type, and their data in hexadecimal.
    let soa = "6f7374036c6162047465737400000000070000000100000002000000030000003c";
    let config = folder.write(
        "dnsmasq.conf",
        &format!(
            "port={port}\nlisten-address=127.0.0.1\nbind-interfaces\nno-resolv\nno-hosts\nkeep-in-foreground\n\
             pid-file={0}/pid\nuser=\n\
             host-record=www.lab.test,192.0.2.1,2001:db8::1\n\
             cname=alias.lab.test,www.lab.test\n\
             mx-host=lab.test,mail.lab.test,10\n\
             txt-record=lab.test,\"v=spf1 -all\"\n\
             srv-host=_sip._udp.lab.test,www.lab.test,5060,1,2\n\
             ptr-record=7.2.0.192.in-addr.arpa,www.lab.test\n\
             dns-rr=lab.test,257,000569737375656c61622e74657374\n\
             dns-rr=lab.test,2,026e73036c6162047465737400\n\
             dns-rr=lab.test,6,026e73036c61620474657374000468{2}\n\
             local=/lab.test/\nlocal=/192.in-addr.arpa/\n{1}\n",
            folder.0.display(),
            long.join("\n"),
            soa
        ),
    );
    let start = || {
        let option = format!("--conf-file={}", config.display());
        Peer::start(common::tool("dnsmasq").args([
            "--keep-in-foreground",
            "--log-facility=-",
            &option,
        ]))
    };
    let dnsmasq = start();
    let at = format!("dns 127.0.0.1:{port}");
    becomes(&format!("{at} www.lab.test A"), Verdict::Up);
    for (question, records) in [
        ("www.lab.test A expect=192.0.2.1", "192.0.2.1"),
        ("www.lab.test AAAA expect=2001:db8::1", "2001:db8::1"),
        ("lab.test MX expect='10 mail.lab.test'", "10 mail.lab.test."),
        ("alias.lab.test CNAME expect=www.lab.test", "www.lab.test."),
        ("alias.lab.test A expect=192.0.2.1", "192.0.2.1"),
        ("lab.test TXT expect='v=spf1 -all'", "\"v=spf1 -all\""),
        ("_sip._udp.lab.test SRV expect=www.lab.test", "1 2 5060 www.lab.test."),
        ("192.0.2.7 PTR expect=www.lab.test", "www.lab.test."),
        ("lab.test CAA", "0 issue \"lab.test\""),
        ("lab.test NS expect=ns.lab.test", "ns.lab.test."),
        ("lab.test SOA", "ns.lab.test. host.lab.test. 7 1 2 3 60"),
    ] {
        assert_says(&check(&format!("{at} {question}")), Verdict::Up, records);
    }
    let big = check(&format!("{at} big.lab.test TXT min_answers=40"));
    assert_says(&big, Verdict::Up, "and 37 more");
    assert_eq!(big.detail["transport"], "tcp");
    assert_says(&check(&format!("{at} nothing.lab.test A")), Verdict::Down, "NXDOMAIN");
    assert_says(&check(&format!("{at} www.lab.test MX")), Verdict::Down, "NODATA");
    assert_says(&check(&format!("{at} elsewhere.test A")), Verdict::Down, "REFUSED");

    drop(dnsmasq);
    let line = format!("{at} www.lab.test A");
    assert_says(&becomes(&line, Verdict::Down), Verdict::Down, "port unreachable");
    let _dnsmasq = start();
    becomes(&line, Verdict::Up);
}

/// chronyd's own answer to `chronyc -c tracking` and the like.
fn chronyc(socket: &Path, command: &[&str]) -> String {
    let output = common::tool("chronyc").arg("-h").arg(socket).arg("-c").args(command).output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

/// By how much the clocks of two processors may differ, in a virtual machine too, seconds.
const CLOCKS: f64 = 0.0005;

/// The address of a relay that hands requests on to this port at once, and each
/// reply back after a while.
fn slow_way_back_from(port: u16, held: Duration) -> SocketAddr {
    let here = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let there = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    there.connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let address = here.local_addr().unwrap();
    // It ends with the test.
    thread::spawn(move || -> std::io::Result<()> {
        let mut buffer = [0; 1024];
        loop {
            let (length, client) = here.recv_from(&mut buffer)?;
            there.send(&buffer[..length])?;
            let length = there.recv(&mut buffer)?;
            thread::sleep(held);
            here.send_to(&buffer[..length], client)?;
        }
    });
    address
}

#[test]
fn chronyd_tells_the_time_and_measures_the_same_offset_as_we_do() {
    let test = "chronyd_tells_the_time_and_measures_the_same_offset_as_we_do";
    if let Some(why) = lacks(&["chronyd", "chronyc"]) {
        return skip(test, &why);
    }
    if !geteuid().is_root() {
        return skip(test, "chronyd runs as root alone");
    }
    let folder = Folder::new("chrony");
    let root = folder.0.display();
    let (port, client_port) = (free_port(), free_port());
    let server = |port: u16, name: &str, lines: &str| {
        folder.write(
            &format!("{name}.conf"),
            &format!(
                "port {port}\nbindaddress 127.0.0.1\ncmdport 0\nbindcmdaddress {root}/{name}.sock\n\
                 pidfile {root}/{name}.pid\nallow 127.0.0.1\n{lines}\n"
            ),
        )
    };
    let serves = server(port, "server", "local stratum 3");
    // A second one asks the first, as we do.
    let asks = format!("server 127.0.0.1 port {port} iburst minpoll 0 maxpoll 0");
    let client = server(client_port, "client", &asks);
    // -x: it never sets the clock.
    let start = |config: &Path| {
        Peer::start(common::tool("chronyd").args(["-x", "-d", "-u", "root", "-f"]).arg(config))
    };
    let chronyd = start(&serves);
    let line = format!("ntp 127.0.0.1:{port}");
    let ours = becomes(&line, Verdict::Up);
    assert_says(&ours, Verdict::Up, "stratum 3");
    let figure = |outcome: &Outcome, name: &str| outcome.detail[name].as_f64().unwrap();
    // Both read the same clock: what is measured between them is 0, within the bound.
    let (offset, bound) = (figure(&ours, "offset_seconds"), figure(&ours, "offset_bound_seconds"));
    assert!(offset.abs() <= bound + CLOCKS, "{offset} s, more than {bound} s");

    // With replies that take longer than requests by so much, half of it is taken
    // for a clock behind ours, less what the requests took; and they took no more
    // than is left of the delay.
    let held = Duration::from_millis(200);
    let slow = check(&format!("ntp {}", slow_way_back_from(port, held)));
    let (seen, delay) = (figure(&slow, "offset_seconds"), figure(&slow, "delay_seconds"));
    assert!(delay >= held.as_secs_f64() - CLOCKS, "{slow:#?}");
    assert!(-seen >= held.as_secs_f64() - delay / 2.0 - CLOCKS, "{slow:#?}");
    assert!(-seen <= figure(&slow, "offset_bound_seconds") + CLOCKS, "{slow:#?}");

    let _client = start(&client);
    let socket = folder.0.join("client.sock");
    let began = Instant::now();
    let theirs = loop {
        // Source, ..., offset and error bound of the last sample, in seconds:
        // fields 8 and 10 (chronyc(1), sources).
        let said = chronyc(&socket, &["sources"]);
        let fields: Vec<&str> = said.lines().next().unwrap_or_default().split(',').collect();
        let number =
            |place: usize| fields.get(place).and_then(|text| text.trim().parse::<f64>().ok());
        if let (Some("*"), Some(offset), Some(bound)) =
            (fields.get(1).copied(), number(8), number(9))
        {
            break (offset, bound);
        }
        assert!(began.elapsed() < DEADLINE, "chronyd does not find its server: {said:?}");
        thread::sleep(Duration::from_millis(50));
    };
    let (their_offset, their_bound) = theirs;
    assert!(
        (offset - their_offset).abs() <= bound + their_bound.abs() + CLOCKS,
        "ours {offset} ± {bound} s, chronyd's {their_offset} ± {their_bound} s"
    );

    drop(chronyd);
    assert_says(&becomes(&line, Verdict::Down), Verdict::Down, "port unreachable");
    let _chronyd = start(&serves);
    becomes(&line, Verdict::Up);
}

#[test]
fn a_tcp_port_is_open_as_soon_as_somebody_listens() {
    let port = free_port();
    let line = format!("tcp 127.0.0.1 {port}");
    assert_says(&check(&line), Verdict::Down, "connection refused");
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
    assert_says(&check(&line), Verdict::Up, "open");
    drop(listener);
    // A server of another test that is just being started has it for a moment more.
    assert_says(&becomes(&line, Verdict::Down), Verdict::Down, "connection refused");
}
