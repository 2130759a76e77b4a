//! HTTP and HTTPS, against the lab's servers and worse ones.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use monitor::lab::Lab;
use monitor::lab::services::Service;
use monitor::verdict::Verdict;

use crate::{Server, assert_says, check, free_tcp_port, read_head};

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
fn redirects_are_followed_or_not() {
    let to = |url: &str| page("302 Found", &format!("Location: {url}\r\n"), "");
    let target = says(vec![page("200 OK", "", "there")]);
    let there = format!("http://{}/there", target.address);
    let server = says(vec![to(&there)]);
    let outcome = check(&format!("http {} expect_body=there", server.address));
    assert_says(&outcome, Verdict::Up, "status 200");
    assert_eq!(outcome.detail["redirects"], 1);
    assert_eq!(outcome.detail["url"], there.as_str());
    let outcome = check(&format!("http {} follow_redirects=false", server.address));
    assert_says(&outcome, Verdict::Down, "status 302, a redirect to");
    let line = format!("http {} follow_redirects=false expect_status=302", server.address);
    assert_says(&check(&line), Verdict::Up, "status 302");
    let circle = says(vec![to("/again")]);
    let outcome = check(&format!("http {}", circle.address));
    assert_says(&outcome, Verdict::Down, "more than 10 redirects");
    let dead = says(vec![to(&format!("http://127.0.0.1:{}/", free_tcp_port()))]);
    let outcome = check(&format!("http {}", dead.address));
    assert_says(&outcome, Verdict::Down, "connection refused");
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

/// The lab, and a file with the certificate of its authority.
struct Web {
    lab: Lab,
    ca: std::path::PathBuf,
}

impl Web {
    fn new(name: &str) -> Web {
        let lab = Lab::start("127.0.0.1".parse().unwrap(), 0).unwrap();
        let ca = std::env::temp_dir().join(format!("monitor-{name}-{}.pem", std::process::id()));
        std::fs::write(&ca, lab.authority_pem()).unwrap();
        Web { lab, ca }
    }

    fn https(&self) -> SocketAddr {
        self.lab.address(Service::Https)
    }

    fn check(&self, rest: &str) -> monitor::outcome::Outcome {
        let (ca, address) = (self.ca.display(), self.https());
        check(&format!("https {address} ca_file={ca} {rest}"))
    }

    fn breaks(&self, what: &str) {
        self.lab.obey(format!("https {what}").parse().unwrap()).unwrap();
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.ca);
    }
}

#[test]
fn a_certificate_that_is_right_is_up_and_its_end_is_told() {
    let web = Web::new("right");
    let outcome = web.check("expect_body=works");
    assert_says(&outcome, Verdict::Up, "status 200");
    assert!(outcome.detail["tls_seconds"].as_f64().is_some());
    assert!(outcome.detail["certificate_days"].as_i64().unwrap() > 14);
    assert!(outcome.detail["certificate_expires"].as_i64().unwrap() > 1_700_000_000);
    assert!(outcome.detail["certificate_fault"].is_null());
    assert_says(
        &web.check("warn_cert_days=10000"),
        Verdict::Degraded,
        "certificate: it expires on",
    );
}

#[test]
fn a_certificate_that_is_wrong_is_told_with_its_fault_and_its_end() {
    let web = Web::new("wrong");
    for (what, words, end) in [
        ("expired", "certificate: expired", "it expired on"),
        ("wrong-name", "certificate: wrong name: it is not for 127.0.0.1", "it expires on"),
        ("unknown-issuer", "certificate: unknown issuer", "it expires on"),
    ] {
        web.breaks(what);
        let outcome = web.check("");
        assert_says(&outcome, Verdict::Down, words);
        assert_says(&outcome, Verdict::Down, end);
        assert!(outcome.detail["certificate_expires"].as_i64().is_some(), "{outcome:?}");
        // Told also where nobody minds.
        let outcome = web.check("verify=false");
        assert_says(&outcome, Verdict::Up, "status 200; certificate not verified: ");
        assert_says(&outcome, Verdict::Up, end);
    }
    web.breaks("expiring");
    assert_says(&web.check(""), Verdict::Degraded, "certificate: it expires on");
    assert_says(&web.check("warn_cert_days=1"), Verdict::Up, "");
}

#[test]
fn without_its_authority_a_certificate_is_not_believed() {
    let web = Web::new("authority");
    let outcome = check(&format!("https {}", web.https()));
    assert_says(&outcome, Verdict::Down, "certificate: unknown issuer: CN=");
    // The file's fault is not the server's.
    let outcome = check(&format!("https {} ca_file=/nonexistent.pem", web.https()));
    assert_says(&outcome, Verdict::Unverified, "ca_file /nonexistent.pem");
    let outcome = check(&format!("https {} ca_file=/dev/null", web.https()));
    assert_says(&outcome, Verdict::Unverified, "no certificate in it");
}

/// A server with TLS and a certificate of its own, which is written to `ca`.
fn over_tls(ca: &std::path::Path, answer: String) -> Server {
    let names = vec!["127.0.0.1".to_string()];
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(names).unwrap();
    std::fs::write(ca, cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    Server::tcp(move |stream, _| {
        let connection = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
        let mut tls = rustls::StreamOwned::new(connection, stream);
        let mut request = [0; 4096];
        if tls.read(&mut request).is_ok() {
            let _ = tls.write_all(answer.as_bytes());
        }
    })
}

#[test]
fn a_redirect_that_leaves_tls_is_degraded_and_one_that_leads_to_it_is_not() {
    let ca = std::env::temp_dir().join(format!("monitor-leaves-{}.pem", std::process::id()));
    let plain = says(vec![page("200 OK", "", "plain")]);
    let away = page("302 Found", &format!("Location: http://{}/\r\n", plain.address), "");
    let server = over_tls(&ca, away);
    let outcome = check(&format!("https {} ca_file={}", server.address, ca.display()));
    assert_says(
        &outcome,
        Verdict::Degraded,
        "status 200; a redirect leads away from TLS, to http:",
    );
    let server = over_tls(&ca, page("200 OK", "", "secret"));
    let to = page("302 Found", &format!("Location: https://{}/\r\n", server.address), "");
    let up = says(vec![to]);
    let outcome = check(&format!("http {} ca_file={}", up.address, ca.display()));
    assert_says(&outcome, Verdict::Up, "status 200");
    assert!(outcome.detail["certificate_days"].as_i64().is_some());
    std::fs::remove_file(&ca).unwrap();
}
