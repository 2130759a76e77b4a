//! Where redirects lead, with what, and what is never shown of them.

use std::io::Write;
use std::sync::Mutex;
use std::sync::mpsc::{self, Receiver};

use monitor::verdict::Verdict;

use super::{page, says};
use crate::{Server, assert_says, check, free_tcp_port, head_of};

/// A server that leads from `/` and `/page.php` to `to`, and calls everything
/// else found; with the heads of all requests.
fn leads(status: &str, to: &str) -> (Server, Receiver<String>) {
    let (sender, heads) = mpsc::channel();
    let sender = Mutex::new(sender);
    let to = page(status, &format!("Location: {to}\r\n"), "moved");
    let server = Server::tcp(move |mut stream, _| {
        let head = head_of(&mut stream);
        let path = head.split(' ').nth(1).unwrap_or_default().to_string();
        let answer = match path.as_str() {
            "/" | "/page.php" => to.clone(),
            path => page("200 OK", "", path),
        };
        let _ = sender.lock().unwrap().send(head);
        let _ = stream.write_all(answer.as_bytes());
    });
    (server, heads)
}

#[test]
fn a_location_is_resolved_as_rfc_3986_says() {
    for (location, path) in [
        ("?lang=en", "/page.php?lang=en"),
        ("other", "/other"),
        ("/a b/<c>?d e", "/a%20b/%3Cc%3E?d%20e"),
        ("/ü", "/%C3%BC"),
        ("./x/../y", "/y"),
        ("/there#here", "/there"),
    ] {
        let (server, _heads) = leads("302 Found", location);
        let outcome =
            check(&format!("http http://{}/page.php expect_body='{path}'", server.address));
        assert_says(&outcome, Verdict::Up, "as expected");
        let url = format!("http://{}{path}", server.address);
        assert_eq!(outcome.detail["url"], url.as_str(), "{location}");
    }
}

#[test]
fn an_international_host_in_a_location_is_asked_for_by_its_ascii_name() {
    let (server, _heads) = leads("302 Found", "http://bücher.invalid/x");
    let outcome = check(&format!("http {}", server.address));
    assert_ne!(outcome.verdict, Verdict::Up);
    assert_eq!(outcome.detail["url"], "http://xn--bcher-kva.invalid/x");
    assert!(outcome.reason.contains("xn--bcher-kva.invalid"), "{outcome:?}");
}

#[test]
fn a_3xx_without_a_location_is_an_answer_like_any_other() {
    let server = says(vec![page("302 Found", "", "")]);
    let outcome = check(&format!("http {} expect_status=302", server.address));
    assert_says(&outcome, Verdict::Up, "status 302");
    let outcome = check(&format!("http {}", server.address));
    assert_says(&outcome, Verdict::Down, "status 302, where 200-299 was expected");
}

#[test]
fn what_is_secret_is_sent_to_the_same_origin_and_to_no_other() {
    let ask = |address| {
        check(&format!(
            "http {address} headers='Authorization: Basic c2VjcmV0' headers='Cookie: a=secret' \
             headers='X-Other: kept'"
        ))
    };
    let (server, heads) = leads("302 Found", "/same");
    assert_says(&ask(server.address), Verdict::Up, "");
    for head in [heads.recv().unwrap(), heads.recv().unwrap()] {
        assert!(head.contains("authorization: Basic") && head.contains("cookie: a=s"), "{head}");
    }
    let (other, others) = leads("302 Found", "/");
    let (server, _heads) = leads("302 Found", &format!("http://{}/other", other.address));
    assert_says(&ask(server.address), Verdict::Up, "");
    let head = others.recv().unwrap();
    assert!(!head.contains("authorization") && !head.contains("cookie"), "{head}");
    assert!(head.contains("x-other: kept"), "{head}");
}

#[test]
fn a_method_is_kept_or_becomes_get_as_rfc_9110_says() {
    for (status, method, then) in [
        ("301 Moved", "POST", "GET"),
        ("302 Found", "PUT", "PUT"),
        ("303 See Other", "PUT", "GET"),
        ("303 See Other", "HEAD", "HEAD"),
        ("307 Temporary", "POST", "POST"),
        ("307 Temporary", "PATCH", "PATCH"),
        ("308 Permanent", "PUT", "PUT"),
        ("308 Permanent", "DELETE", "DELETE"),
    ] {
        let (server, heads) = leads(status, "/there");
        let outcome = check(&format!("http {} method={method}", server.address));
        assert_says(&outcome, Verdict::Up, "status 200");
        let head = heads.iter().nth(1).unwrap();
        assert!(head.starts_with(&format!("{then} /there ")), "{status} {method}: {head}");
    }
}

#[test]
fn a_password_in_a_location_is_used_and_never_shown() {
    let (other, others) = leads("302 Found", "/");
    let to = format!("http://me:secret@{}/other", other.address);
    let (server, _heads) = leads("302 Found", &to);
    let followed = check(&format!("http {}", server.address));
    assert_says(&followed, Verdict::Up, "");
    assert!(others.recv().unwrap().contains("authorization: Basic bWU6c2VjcmV0"));
    let not_followed = check(&format!("http {} follow_redirects=false", server.address));
    assert_says(&not_followed, Verdict::Down, "a redirect to \"http://127.0.0.1");
    let (nowhere, _heads) = leads("302 Found", "http://me:secret@127.0.0.1:x/");
    let nowhere = check(&format!("http {}", nowhere.address));
    assert_says(&nowhere, Verdict::Down, "a redirect leads nowhere");
    let dead = format!("http://me:secret@127.0.0.1:{}/", free_tcp_port());
    let (dead, _heads) = leads("302 Found", &dead);
    let dead = check(&format!("http {}", dead.address));
    assert_says(&dead, Verdict::Down, "connection refused");
    for outcome in [followed, not_followed, nowhere, dead] {
        let text = format!("{outcome:?}");
        assert!(!text.contains("secret") && !text.contains("me:"), "{text}");
    }
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
