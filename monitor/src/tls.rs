//! TLS between manager and agent: the manager has a certificate, and the agent trusts one authority alone.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// What a manager greets its agents with.
///
/// # Errors
/// One line: a file cannot be read, or holds something else.
pub fn server(certificate: &Path, key: &Path) -> Result<Arc<ServerConfig>, String> {
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|why| format!("cannot read a private key from {}: {why}", key.display()))?;
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, private);
    let config = config.map_err(|why| {
        let (certificate, key) = (certificate.display(), key.display());
        format!("{certificate} and {key} do not go together: {why}")
    })?;
    Ok(Arc::new(config))
}

/// What an agent takes for its manager: whoever has a certificate for `host`
/// from the authority in this file, and nobody else.
///
/// # Errors
/// One line: the file cannot be read, or holds something else.
pub fn client(
    authority: &Path,
    host: &str,
) -> Result<(Arc<ClientConfig>, ServerName<'static>), String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(authority)? {
        roots.add(certificate).map_err(|why| {
            format!("{} holds a certificate of no authority: {why}", authority.display())
        })?;
    }
    let name = ServerName::try_from(host.to_string())
        .map_err(|_| format!("{host:?} cannot stand in a certificate"))?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok((Arc::new(config), name))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |why| format!("cannot read certificates from {}: {why}", path.display());
    let read = CertificateDer::pem_file_iter(path).map_err(failed)?;
    let chain = read.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    if chain.is_empty() {
        return Err(format!(
            "{} holds no certificate; it is to be in PEM, -----BEGIN CERTIFICATE-----",
            path.display()
        ));
    }
    Ok(chain)
}
