//! TLS: whom to trust, and what a certificate says, accepted or not.

use std::io::{self, ErrorKind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use socklab::cli::show_duration;
use socklab::endpoint::cause;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::check::stream::Timed;
use crate::outcome::{Deadline, Outcome};

/// Mozilla's roots, which are built in.
static BUILT_IN: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// What is of interest in a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Seconds since 1970.
    pub begins: i64,
    pub expires: i64,
    /// The earliest end of all certificates that the server sent.
    pub earliest_expiry: i64,
    pub subject: String,
    pub issuer: String,
    /// Why it was not accepted, if it was not.
    pub fault: Option<String>,
}

/// Whom to trust.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// Whether what cannot be trusted ends the handshake.
    verify: bool,
}

impl Trust {
    /// # Errors
    /// The outcome: the file cannot be read, which says nothing of the service.
    pub fn new(ca_file: Option<&str>, verify: bool) -> Result<Trust, Outcome> {
        let Some(path) = ca_file else {
            return Ok(Trust { roots: Arc::clone(&BUILT_IN), verify });
        };
        let wrong = |why: String| Outcome::unverified(format!("ca_file {path}: {why}"));
        let pem = std::fs::read(path).map_err(|why| wrong(cause(&why)))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let added = certificate
                .map_err(|why| why.to_string())
                .and_then(|der| roots.add(der).map_err(|why| why.to_string()));
            added.map_err(wrong)?;
        }
        match roots.is_empty() {
            false => Ok(Trust { roots: Arc::new(roots), verify }),
            true => Err(wrong("there is no certificate in it".to_string())),
        }
    }

    /// A handshake to be made with `host`.
    pub fn connection(&self, host: &str, deadline: &Deadline) -> Result<Handshake, Outcome> {
        let cannot = |why: String| Outcome::unverified(format!("TLS cannot begin: {why}"));
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let name = ServerName::try_from(host.to_string())
            .map_err(|_| cannot(format!("{host} is no name that a certificate can have")))?;
        let inner = WebPkiServerVerifier::builder_with_provider(
            Arc::clone(&self.roots),
            Arc::clone(&PROVIDER),
        )
        .build()
        .map_err(|why| cannot(why.to_string()))?;
        let verifier = Arc::new(Verifier {
            inner,
            verify: self.verify,
            now: deadline.wall,
            seen: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(|why| cannot(why.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let connection =
            ClientConnection::new(Arc::new(config), name).map_err(|why| cannot(why.to_string()))?;
        Ok(Handshake { connection, verifier, timeout: deadline.timeout })
    }
}

/// A handshake under way.
pub struct Handshake {
    connection: ClientConnection,
    verifier: Arc<Verifier>,
    timeout: Duration,
}

impl Handshake {
    /// # Errors
    /// The outcome: what the server did in place of TLS, or what is wrong with
    /// its certificate.
    pub fn complete(&mut self, stream: &mut Timed) -> Result<(), Outcome> {
        while self.connection.is_handshaking() {
            match self.connection.complete_io(stream) {
                Ok(_) => {}
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return Err(self.failed(&why)),
            }
        }
        Ok(())
    }

    pub fn connection(self) -> Result<ClientConnection, Outcome> {
        Ok(self.connection)
    }

    /// The server's certificate, if it came so far.
    pub fn certificate(&self) -> Option<Certificate> {
        self.verifier.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, why: &io::Error) -> Outcome {
        let fault = self.certificate().and_then(|certificate| certificate.fault);
        if let (Some(fault), true) = (fault, self.verifier.verify) {
            return Outcome::down(format!("certificate: {fault}"));
        }
        let tls = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        Outcome::down(match (why.kind(), tls) {
            (ErrorKind::TimedOut, _) => {
                format!("connected, but no TLS within {}", show_duration(self.timeout))
            }
            (ErrorKind::UnexpectedEof, _) => {
                "connected, but the connection was closed during the TLS handshake".to_string()
            }
            (_, Some(rustls::Error::InvalidMessage(_))) => {
                "connected, but it does not speak TLS there".to_string()
            }
            (_, Some(why)) => format!("no TLS: {why}"),
            (_, None) => format!("no TLS: {}", cause(why)),
        })
    }
}

/// Looks at a certificate as everybody does, and keeps what it saw.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    verify: bool,
    now: SystemTime,
    seen: Mutex<Option<Certificate>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let since = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = UnixTime::since_unix_epoch(since);
        let verified = self.inner.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        let mut certificate = read(end_entity, intermediates);
        if let (Some(certificate), Err(why)) = (&mut certificate, &verified) {
            certificate.fault = Some(fault(why, certificate, server_name, since.as_secs() as i64));
        }
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = certificate;
        match self.verify {
            true => verified,
            false => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

fn read(end_entity: &[u8], intermediates: &[CertificateDer<'_>]) -> Option<Certificate> {
    let (_, leaf) = X509Certificate::from_der(end_entity).ok()?;
    let ends = intermediates.iter().filter_map(|der| {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        Some(certificate.validity().not_after.timestamp())
    });
    let expires = leaf.validity().not_after.timestamp();
    Some(Certificate {
        begins: leaf.validity().not_before.timestamp(),
        expires,
        earliest_expiry: ends.chain([expires]).min().unwrap_or(expires),
        subject: leaf.subject().to_string(),
        issuer: leaf.issuer().to_string(),
        fault: None,
    })
}

/// What is wrong with a certificate, in words.
fn fault(
    why: &rustls::Error,
    certificate: &Certificate,
    name: &ServerName<'_>,
    now: i64,
) -> String {
    use CertificateError as Error;
    let self_signed = certificate.subject == certificate.issuer;
    let rustls::Error::InvalidCertificate(error) = why else { return why.to_string() };
    let fault = match error {
        Error::Expired | Error::ExpiredContext { .. } => "expired".to_string(),
        Error::NotValidYet | Error::NotValidYetContext { .. } => "not valid yet".to_string(),
        Error::NotValidForName | Error::NotValidForNameContext { .. } => {
            format!("wrong name: it is not for {}", name.to_str())
        }
        Error::UnknownIssuer if self_signed => "unknown issuer: it is self-signed".to_string(),
        Error::UnknownIssuer => format!("unknown issuer: {}", certificate.issuer),
        Error::BadSignature => "its signature is wrong".to_string(),
        Error::Revoked => "revoked".to_string(),
        other => other.to_string(),
    };
    // Of several faults only one is reported, and this one is easily seen.
    let also = certificate.expires < now && fault != "expired";
    if also { format!("{fault}, and expired") } else { fault }
}
