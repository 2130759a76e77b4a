//! HTTPS: the same pages within TLS, under a certificate authority of the lab's own.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::faults::Fault;
use super::http;
use super::threads::Connection;

/// Whom the good certificate is for.
pub const NAMES: [&str; 5] = ["localhost", "127.0.0.1", "::1", "www.lab.test", "lab.test"];

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A server for each kind of certificate, and the authority that signed all but one.
pub struct Certificates {
    /// For a client's `ca_file`.
    pub authority_pem: String,
    good: Arc<ServerConfig>,
    expired: Arc<ServerConfig>,
    expiring: Arc<ServerConfig>,
    wrong_name: Arc<ServerConfig>,
    unknown_issuer: Arc<ServerConfig>,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Certificates {
    /// Makes new keys, so that nobody else can have signed with them.
    ///
    /// # Errors
    /// One line: the cryptography failed.
    pub fn new() -> Result<Certificates, String> {
        let now = SystemTime::now();
        let (lab, stranger) = (authority("lab_services CA")?, authority("somebody else's CA")?);
        let year = 365 * DAY;
        let (before, after) = (now - DAY, now + year);
        Ok(Certificates {
            authority_pem: lab.pem(),
            good: server(&lab, &NAMES, before, after)?,
            expired: server(&lab, &NAMES, now - year, now - DAY)?,
            // And a half, so that whoever counts whole days counts three.
            expiring: server(&lab, &NAMES, before, now + 3 * DAY + DAY / 2)?,
            wrong_name: server(&lab, &["wrong.lab.test"], before, after)?,
            unknown_issuer: server(&stranger, &NAMES, before, after)?,
        })
    }

    /// # Errors
    /// The connection broke, or TLS did not come about: the client did not
    /// like the certificate, say.
    pub fn serve(&self, connection: &Connection) -> io::Result<()> {
        let config = match connection.switch.get().fault {
            Some(Fault::Expired) => &self.expired,
            Some(Fault::Expiring) => &self.expiring,
            Some(Fault::WrongName) => &self.wrong_name,
            Some(Fault::UnknownIssuer) => &self.unknown_issuer,
            _ => &self.good,
        };
        let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(tls, connection.stream);
        let served = http::serve(connection, &mut stream);
        stream.conn.send_close_notify();
        // Only written: whoever did not speak TLS would be waited for.
        while stream.conn.wants_write() && stream.conn.write_tls(&mut stream.sock).is_ok() {}
        served
    }
}

fn failed(why: impl std::fmt::Display) -> String {
    format!("cannot make a certificate: {why}")
}

fn params(name: &str, names: &[&str]) -> Result<CertificateParams, String> {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(names).map_err(failed)?;
    params.distinguished_name.push(DnType::CommonName, name);
    Ok(params)
}

fn authority(name: &str) -> Result<Issuer, String> {
    let mut params = params(name, &[])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = {
        let now = SystemTime::now();
        // Longer than any certificate that it signs, the expired one included.
        ((now - 366 * DAY).into(), (now + 366 * DAY).into())
    };
    let key = KeyPair::generate().map_err(failed)?;
    CertifiedIssuer::self_signed(params, key).map_err(failed)
}

fn server(
    issuer: &Issuer,
    names: &[&str],
    from: SystemTime,
    until: SystemTime,
) -> Result<Arc<ServerConfig>, String> {
    let mut params = params("lab_services", names)?;
    (params.not_before, params.not_after) = (from.into(), until.into());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate().map_err(failed)?;
    let certificate = params.signed_by(&key, issuer).map_err(failed)?;
    let key = PrivateKeyDer::try_from(key.serialize_der()).map_err(failed)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .map_err(failed)?;
    Ok(Arc::new(config))
}
