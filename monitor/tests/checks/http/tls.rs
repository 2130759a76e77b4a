//! Certificates that are right, and each way in which they are not.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use monitor::lab::Lab;
use monitor::lab::services::Service;
use monitor::outcome::Outcome;
use monitor::verdict::Verdict;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::{page, says};
use crate::{Server, assert_says, check};

/// The lab, and a file with the certificate of its authority.
struct Web {
    lab: Lab,
    ca: PathBuf,
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

    fn check(&self, rest: &str) -> Outcome {
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
    shows(vec![cert.der().clone()], &signing_key, answer)
}

/// A server that shows this chain.
fn shows(chain: Vec<CertificateDer<'static>>, key: &KeyPair, answer: String) -> Server {
    shows_to(WebPkiClientVerifier::no_client_auth(), chain, key, answer)
}

/// The same, to clients that satisfy it.
fn shows_to(
    clients: Arc<dyn ClientCertVerifier>,
    chain: Vec<CertificateDer<'static>>,
    key: &KeyPair,
    answer: String,
) -> Server {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
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

/// The parameters of a certificate with this common name.
fn named(common: &str, alternative: &[&str], ca: bool) -> CertificateParams {
    let alternative: Vec<String> = alternative.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(alternative).unwrap();
    params.distinguished_name.remove(DnType::CommonName);
    params.distinguished_name.push(DnType::CommonName, common);
    if ca {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params
}

/// As `openssl req -x509` makes them: self-signed, and an authority's.
#[test]
fn a_self_signed_certificate_that_is_named_itself_is_up_as_for_curl() {
    let ca = std::env::temp_dir().join(format!("monitor-self-{}.pem", std::process::id()));
    let file = ca.display();
    for (common, alternative, fits) in [
        ("a test", &["127.0.0.1"][..], true),
        ("127.0.0.1", &[], true),
        ("a test", &["127.0.0.2"], false),
        ("127.0.0.1", &["127.0.0.2"], false),
        ("a test", &[], false),
    ] {
        let key = KeyPair::generate().unwrap();
        let certificate = named(common, alternative, true).self_signed(&key).unwrap();
        std::fs::write(&ca, certificate.pem()).unwrap();
        let server = shows(vec![certificate.der().clone()], &key, page("200 OK", "", ""));
        let outcome = check(&format!("https {} ca_file={file}", server.address));
        match fits {
            true => assert_says(&outcome, Verdict::Up, "status 200"),
            false => assert_says(&outcome, Verdict::Down, "certificate: wrong name"),
        }
        let outcome = check(&format!("https {}", server.address));
        assert_says(&outcome, Verdict::Down, "certificate: unknown issuer: it is self-signed");
        let outcome = check(&format!("https {} verify=false", server.address));
        assert_says(&outcome, Verdict::Up, "it is self-signed");
    }
    std::fs::remove_file(&ca).unwrap();
}

#[test]
fn a_self_signed_certificate_that_has_expired_is_down_though_it_is_named() {
    let ca = std::env::temp_dir().join(format!("monitor-old-{}.pem", std::process::id()));
    let key = KeyPair::generate().unwrap();
    let mut params = named("a test", &["127.0.0.1"], true);
    params.not_after = rcgen::date_time_ymd(2020, 2, 3);
    let certificate = params.self_signed(&key).unwrap();
    std::fs::write(&ca, certificate.pem()).unwrap();
    let server = shows(vec![certificate.der().clone()], &key, page("200 OK", "", ""));
    let outcome = check(&format!("https {} ca_file={}", server.address, ca.display()));
    assert_says(&outcome, Verdict::Down, "certificate: expired; it expired on 2020-02-03");
    std::fs::remove_file(&ca).unwrap();
}

#[test]
fn an_intermediate_that_has_expired_is_named_with_its_date() {
    let ca = std::env::temp_dir().join(format!("monitor-middle-{}.pem", std::process::id()));
    let root_key = KeyPair::generate().unwrap();
    let root = named("the root", &[], true);
    std::fs::write(&ca, root.self_signed(&root_key).unwrap().pem()).unwrap();
    let root = Issuer::new(root, root_key);
    for (ends, words) in [
        (2020, "certificate: the intermediate certificate CN=in the middle expired on 2020-02-03"),
        (2999, "status 200"),
    ] {
        let middle_key = KeyPair::generate().unwrap();
        let mut middle = named("in the middle", &[], true);
        middle.not_after = rcgen::date_time_ymd(ends, 2, 3);
        let middle_certificate = middle.signed_by(&middle_key, &root).unwrap();
        let middle = Issuer::new(middle, middle_key);
        let key = KeyPair::generate().unwrap();
        let leaf = named("a test", &["127.0.0.1"], false).signed_by(&key, &middle).unwrap();
        let chain = vec![leaf.der().clone(), middle_certificate.der().clone()];
        let server = shows(chain, &key, page("200 OK", "", ""));
        let outcome = check(&format!("https {} ca_file={}", server.address, ca.display()));
        let verdict = if ends == 2020 { Verdict::Down } else { Verdict::Up };
        assert_says(&outcome, verdict, words);
    }
    std::fs::remove_file(&ca).unwrap();
}

#[test]
fn no_debug_text_of_a_library_reaches_a_person() {
    let ca = std::env::temp_dir().join(format!("monitor-debug-{}.pem", std::process::id()));
    let key = KeyPair::generate().unwrap();
    // An authority's certificate that another authority signed, and a chain too long for it.
    let root_key = KeyPair::generate().unwrap();
    let mut root = named("the root", &[], true);
    root.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    std::fs::write(&ca, root.self_signed(&root_key).unwrap().pem()).unwrap();
    let root = Issuer::new(root, root_key);
    let authority = named("an authority", &["127.0.0.1"], true).signed_by(&key, &root).unwrap();
    let mut other_use = named("for clients", &["127.0.0.1"], false);
    other_use.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let other_use = other_use.signed_by(&key, &root).unwrap();
    for (certificate, words) in [
        (authority, "certificate: it is an authority's, not a server's; it expires on"),
        (other_use, "certificate: its purpose is not to be a server's"),
    ] {
        let server = shows(vec![certificate.der().clone()], &key, page("200 OK", "", ""));
        let outcome = check(&format!("https {} ca_file={}", server.address, ca.display()));
        assert_says(&outcome, Verdict::Down, words);
    }
    let alert = Server::tcp(|mut stream, _| {
        let _ = stream.read(&mut [0; 4096]);
        let _ = stream.write_all(&[21, 3, 3, 0, 2, 2, 40]);
    });
    let outcome = check(&format!("https {}", alert.address));
    let words = "connected, but the server ended the handshake: handshake failure";
    assert_says(&outcome, Verdict::Down, words);
    // Over TLS 1.3 a server refuses a client without a certificate behind the handshake.
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(&ca).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let clients = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
    let certificate = named("a test", &["127.0.0.1"], false).signed_by(&key, &root).unwrap();
    let answer = page("200 OK", "", "");
    let server = shows_to(clients.unwrap(), vec![certificate.der().clone()], &key, answer);
    let outcome = check(&format!("https {} ca_file={}", server.address, ca.display()));
    let words = "connected, but the server ended the handshake: certificate required";
    assert_says(&outcome, Verdict::Down, words);
    std::fs::remove_file(&ca).unwrap();
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
