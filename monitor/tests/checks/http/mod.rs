//! HTTP and HTTPS, against the lab's servers and worse ones.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

use monitor::verdict::Verdict;

use crate::common::alone;
use crate::{Server, assert_says, check, free_tcp_port, head_of, read_head};

mod redirects;
mod tls;

/// A server that answers each request with the next of these.
fn says(answers: Vec<String>) -> Server {
    let next = AtomicUsize::new(0);
    Server::tcp(move |mut stream, _| {
        read_head(&mut stream);
        let turn = next.fetch_add(1, Ordering::SeqCst) % answers.len();
        let _ = stream.write_all(answers[turn].as_bytes());
    })
}

fn page(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n{headers}\r\n{body}", body.len())
}

#[test]
fn a_page_is_up_and_each_step_was_timed() {
    let server = says(vec![page("200 OK", "", "welcome")]);
    let outcome = check(&format!("http {}", server.address));
    assert_says(&outcome, Verdict::Up, "status 200");
    let steps = ["name", "connect", "first_byte", "transfer"]
        .map(|step| outcome.detail[&format!("{step}_seconds")].as_f64().unwrap());
    assert!(steps.iter().sum::<f64>() <= outcome.took.unwrap().as_secs_f64());
    assert!(outcome.detail["tls_seconds"].is_null());
    assert_eq!(outcome.detail["body_bytes"], 7);
}

#[test]
fn statuses_and_bodies_decide() {
    let server = says(vec![page("404 Not Found", "", "nothing\x1b[2J here")]);
    let ask = |rest: &str| check(&format!("http {} {rest}", server.address));
    assert_says(&ask(""), Verdict::Down, "status 404, where 200-299 was expected");
    assert_says(&ask("expect_status=200,400-404"), Verdict::Up, "status 404");
    assert_says(&ask("expect_status=404 expect_body=/noth.ng/"), Verdict::Up, "as expected");
    let outcome = ask("expect_status=404 expect_body=welcome");
    assert_says(&outcome, Verdict::Down, "\"welcome\" is not in the body: \"nothing\\u{1b}[2J");
    assert_says(&ask("method=HEAD expect_status=404"), Verdict::Up, "");
}

#[test]
fn method_and_headers_are_sent() {
    let server = Server::tcp(|mut stream, _| {
        let mut head = vec![0; 4096];
        let length = stream.read(&mut head).unwrap_or(0);
        let body = String::from_utf8_lossy(&head[..length]).into_owned();
        let _ = stream.write_all(page("200 OK", "", &body).as_bytes());
    });
    let line = format!(
        "http {}/a?b=c method=options headers='X-Lab: yes' headers=\"Accept: a/b\" expect_body='/(?s)^OPTIONS /a.b=c HTTP/1.1\r\n.*x-lab: yes\r\n/'",
        server.address
    );
    assert_says(&check(&line), Verdict::Up, "as expected");
}

#[test]
fn what_is_no_http_is_told() {
    let garbage = says(vec!["\x15\x03\x01 not HTTP\r\n\r\n".to_string()]);
    let outcome = check(&format!("http {}", garbage.address));
    assert_says(&outcome, Verdict::Down, "connected, but the answer is no HTTP");
    let closes = says(vec![String::new()]);
    let outcome = check(&format!("http {}", closes.address));
    assert_says(&outcome, Verdict::Down, "closed without an answer");
    let short = says(vec!["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".to_string()]);
    let outcome = check(&format!("http {}", short.address));
    assert_says(
        &outcome,
        Verdict::Down,
        "the body broke off after 4 bytes: the connection was closed",
    );
    let shell = Server::tcp(|mut stream, _| {
        let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n");
    });
    let outcome = check(&format!("https {}", shell.address));
    assert_says(&outcome, Verdict::Down, "connected, but it does not speak TLS there");
    let outcome = check(&format!("http 127.0.0.1:{}", free_tcp_port()));
    assert_says(&outcome, Verdict::Down, "connection refused");
}

#[test]
fn a_head_is_taken_as_curl_takes_it() {
    let many: String = (0..500).map(|number| format!("X-{number}: {number}\r\n")).collect();
    for headers in [
        "X-Folded: one\r\n two\r\n\tthree\r\n".to_string(),
        "Content-Type:\r\n text/html\r\n".to_string(),
        many,
        format!("X-Long: {}\r\n", "a".repeat(200_000)),
    ] {
        let server = says(vec![page("200 OK", &headers, "welcome")]);
        let outcome = check(&format!("http {} expect_body=welcome", server.address));
        assert_says(&outcome, Verdict::Up, "as expected");
    }
    let early = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".to_string();
    let server = says(vec![early + &page("200 OK", "", "welcome")]);
    assert_says(&check(&format!("http {}", server.address)), Verdict::Up, "status 200");
    for (header, length) in [("X-Long", 400_000), ("Location", 200_000), ("Location", 100_000)] {
        let endless = format!("{header}: {}\r\n", "a".repeat(length));
        let server = says(vec![page("302 Found", &endless, "")]);
        assert_says(&check(&format!("http {}", server.address)), Verdict::Down, "too large");
    }
}

#[test]
fn a_request_that_could_have_a_body_says_that_it_has_none() {
    // A server that answers 411 without the length, as RFC 9110 allows.
    let server = Server::tcp(|mut stream, _| {
        let status = match head_of(&mut stream).to_lowercase().contains("\r\ncontent-length: 0\r\n")
        {
            true => "200 OK",
            false => "411 Length Required",
        };
        let _ = stream.write_all(page(status, "", "").as_bytes());
    });
    for method in ["POST", "PUT", "PATCH"] {
        let outcome = check(&format!("http {} method={method}", server.address));
        assert_says(&outcome, Verdict::Up, "status 200");
    }
    for method in ["GET", "HEAD", "DELETE", "OPTIONS"] {
        let outcome = check(&format!("http {} method={method}", server.address));
        assert_says(&outcome, Verdict::Down, "status 411");
    }
}

#[test]
fn a_zone_in_a_url_is_for_this_machine_and_not_sent() {
    let script = "ip link add here type veth peer name there && ip link set there up && \
         ip link set here up && ip -6 addr add fe80::1/64 dev here nodad || exit 1; \
         python3 -c 'import socket; s=socket.socket(socket.AF_INET6); \
         s.bind((\"::\", 8080)); s.listen(); print(flush=True); \
         c=s.accept()[0]; print(c.recv(4096)); \
         c.send(b\"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n\")' >heard$$ & \
         until [ -s heard$$ ]; do sleep 0.05; done; \
         monitor check http 'http://[fe80::1%25here]:8080/' -W 60s; wait; cat heard$$; \
         monitor check http 'http://[fe80::1%25nothere]:8080/'; rm heard$$";
    let script = format!("cd $(mktemp -d); {script}");
    let test = "a_zone_in_a_url_is_for_this_machine_and_not_sent";
    let Some(text) = alone(test, &["python3"], &script) else { return };
    assert!(text.starts_with("up  http  http://[fe80::1%25here]:8080/  status 200"), "{text}");
    assert!(text.to_lowercase().contains("host: [fe80::1]:8080\\r"), "{text}");
    let lacks = "not asked: this machine lacks the interface of fe80::1%nothere";
    assert!(text.contains(&format!("unverified  http  http://[fe80::1%25nothere]:8080/  {lacks}")));
}
