//! TLS: whom to trust, and what a certificate says, accepted or not.

use std::io::{self, ErrorKind};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use logic::units::show_duration;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, ProtocolVersion, RootCertStore,
    SignatureScheme,
};
use socklab::errors::cause;

use super::certificate::{Certificate, fault, tls_words, verify_trusted};
use crate::check::stream::Timed;
use crate::outcome::{Deadline, Outcome};

/// Mozilla's roots, which are built in.
static BUILT_IN: LazyLock<Arc<RootCertStore>> =
    LazyLock::new(|| Arc::new(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()));

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::ring::default_provider()));

/// Whom to trust.
#[derive(Debug, Clone)]
pub struct Trust {
    roots: Arc<RootCertStore>,
    /// Those of `ca_file`, one of which may be the server's own.
    named: Arc<Vec<CertificateDer<'static>>>,
    /// Whether what cannot be trusted ends the handshake.
    verify: bool,
}

impl Trust {
    /// # Errors
    /// The outcome: the file cannot be read, which says nothing of the service.
    pub fn new(ca_file: Option<&str>, verify: bool) -> Result<Trust, Outcome> {
        let Some(path) = ca_file else {
            return Ok(Trust { roots: Arc::clone(&BUILT_IN), named: Arc::default(), verify });
        };
        let wrong = |why: &str| Outcome::unverified(format!("ca_file {path}: {why}"));
        let pem = std::fs::read(path).map_err(|why| wrong(&cause(&why)))?;
        let mut roots = RootCertStore::empty();
        let mut named = Vec::new();
        for certificate in CertificateDer::pem_slice_iter(&pem) {
            let certificate = certificate.map_err(|_| wrong("it is not PEM"))?;
            roots
                .add(certificate.clone())
                .map_err(|_| wrong("there is a certificate in it that cannot be read"))?;
            named.push(certificate);
        }
        match roots.is_empty() {
            false => Ok(Trust { roots: Arc::new(roots), named: Arc::new(named), verify }),
            true => Err(wrong("there is no certificate in it")),
        }
    }

    /// A handshake to be made with the host of this name or address.
    ///
    /// # Errors
    /// The outcome: nothing can be verified for such a name.
    pub fn handshake(&self, name: &str, deadline: &Deadline) -> Result<Handshake, Outcome> {
        let cannot =
            |why: &Error| Outcome::unverified(format!("TLS cannot begin: {}", tls_words(why)));
        let server = ServerName::try_from(name.to_string()).map_err(|_| {
            Outcome::unverified(format!("not asked: no certificate can have the name {name}"))
        })?;
        let roots = Arc::clone(&self.roots);
        let inner =
            WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&PROVIDER)).build();
        let inner = inner.map_err(|why| Outcome::unverified(format!("TLS cannot begin: {why}")))?;
        let verifier = Arc::new(Verifier {
            inner,
            named: Arc::clone(&self.named),
            verify: self.verify,
            now: deadline.wall,
            seen: Mutex::new(None),
        });
        let config = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER))
            .with_safe_default_protocol_versions()
            .map_err(|why| cannot(&why))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let connection =
            ClientConnection::new(Arc::new(config), server).map_err(|why| cannot(&why))?;
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

    pub fn into_connection(self) -> ClientConnection {
        self.connection
    }

    /// Which version was agreed on.
    pub fn version(&self) -> Option<&'static str> {
        match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
            ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
            _ => None,
        }
    }

    /// The server's certificate, if the handshake came that far.
    pub fn certificate(&self) -> Option<Certificate> {
        self.verifier.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn failed(&self, why: &io::Error) -> Outcome {
        let fault = self.certificate().and_then(|certificate| certificate.fault);
        if let (Some(fault), true) = (fault, self.verifier.verify) {
            return Outcome::down(format!("certificate: {fault}"));
        }
        let tls = why.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
        Outcome::down(match (why.kind(), tls) {
            (ErrorKind::TimedOut, _) => {
                format!("connected, but no TLS within {}", show_duration(self.timeout))
            }
            (ErrorKind::UnexpectedEof, _) => {
                "connected, but the connection was closed during the TLS handshake".to_string()
            }
            (_, Some(why)) => format!("connected, but {}", tls_words(why)),
            (_, None) => format!("connected, but no TLS: {}", cause(why)),
        })
    }
}

/// Looks at a certificate as everybody does, and keeps what it saw.
#[derive(Debug)]
struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    named: Arc<Vec<CertificateDer<'static>>>,
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
    ) -> Result<ServerCertVerified, Error> {
        let since = self.now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs() as i64;
        let verified = match self.named.iter().any(|named| named == end_entity) {
            true => verify_trusted(end_entity, server_name, seconds)
                .map(|()| ServerCertVerified::assertion()),
            false => self.inner.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                UnixTime::since_unix_epoch(since),
            ),
        };
        let mut certificate = Certificate::read(end_entity, intermediates);
        if let (Some(certificate), Err(why)) = (&mut certificate, &verified) {
            let fault = fault(why, end_entity, intermediates, server_name, seconds);
            certificate.fault = Some(fault);
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
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
