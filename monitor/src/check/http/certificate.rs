//! What a server's certificate says, and what is wrong with it, in words.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, Error};
use x509_parser::prelude::{FromDer, X509Certificate};

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

impl Certificate {
    /// None if the bytes are no certificate.
    pub fn read(end_entity: &[u8], intermediates: &[CertificateDer<'_>]) -> Option<Certificate> {
        let leaf = parse(end_entity)?;
        let ends = intermediates
            .iter()
            .filter_map(|der| Some(parse(der)?.validity().not_after.timestamp()));
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
}

fn parse(der: &[u8]) -> Option<X509Certificate<'_>> {
    X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate)
}

/// The day of a moment, in UTC: `2026-11-27`.
pub fn day(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map_or("?".to_string(), |time| time.strftime("%Y-%m-%d").to_string())
}

/// Whether a certificate that is itself trusted is for this name, and valid
/// now. As with OpenSSL, and so with curl, it may be that of an authority, and
/// where it has no alternative names its common name counts.
///
/// # Errors
/// What is wrong with it.
pub fn verify_trusted(
    der: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: i64,
) -> Result<(), Error> {
    let bad = || Error::InvalidCertificate(CertificateError::BadEncoding);
    let certificate = parse(der).ok_or_else(bad)?;
    match out_of_date(&certificate, now) {
        Some(Date::Expired) => return Err(CertificateError::Expired.into()),
        Some(Date::NotYet) => return Err(CertificateError::NotValidYet.into()),
        None => {}
    }
    if has_names(&certificate) {
        let parsed = ParsedCertificate::try_from(der)?;
        return rustls::client::verify_server_name(&parsed, name);
    }
    let wanted = name.to_str();
    let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
    match common.into_iter().any(|name| name.eq_ignore_ascii_case(&wanted)) {
        true => Ok(()),
        false => Err(CertificateError::NotValidForName.into()),
    }
}

fn has_names(certificate: &X509Certificate<'_>) -> bool {
    matches!(certificate.subject_alternative_name(), Ok(Some(_)))
}

/// What is wrong with a certificate that was not accepted, in words.
pub fn fault(
    why: &Error,
    end_entity: &[u8],
    intermediates: &[CertificateDer<'_>],
    name: &ServerName<'_>,
    now: i64,
) -> String {
    use CertificateError as Fault;
    let Error::InvalidCertificate(error) = why else { return tls_words(why) };
    let Some(leaf) = parse(end_entity) else { return "it cannot be read".to_string() };
    let self_signed = leaf.subject() == leaf.issuer();
    let expired = out_of_date(&leaf, now) == Some(Date::Expired);
    let words = match error {
        Fault::Expired | Fault::ExpiredContext { .. } if expired => return "expired".to_string(),
        Fault::Expired
        | Fault::ExpiredContext { .. }
        | Fault::NotValidYet
        | Fault::NotValidYetContext { .. } => match out_of_date(&leaf, now) {
            Some(_) => "not valid yet".to_string(),
            None => in_the_chain(intermediates, now),
        },
        Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
            let without = if has_names(&leaf) { "" } else { ", and has no subjectAltName" };
            format!("wrong name: it is not for {}{without}", name.to_str())
        }
        Fault::UnknownIssuer | Fault::Other(_) if self_signed => {
            "unknown issuer: it is self-signed".to_string()
        }
        Fault::UnknownIssuer => format!("unknown issuer: {}", leaf.issuer()),
        Fault::Other(_) if leaf.is_ca() => "it is an authority's, not a server's".to_string(),
        Fault::BadSignature => "its signature is wrong".to_string(),
        Fault::Revoked => "revoked".to_string(),
        Fault::BadEncoding => "it cannot be read".to_string(),
        Fault::InvalidPurpose | Fault::InvalidPurposeContext { .. } => {
            "its purpose is not to be a server's (extended key usage)".to_string()
        }
        Fault::Other(inner) => format!("not valid: {}", spaced(&inner.to_string())),
        other => format!("not valid: {}", spaced(&format!("{other:?}"))),
    };
    // Of several faults only one is reported, and this one is easily seen.
    if expired { format!("{words}, and expired") } else { words }
}

/// With this a fault begins that is not the server's own certificate's.
pub const INTERMEDIATE: &str = "the intermediate certificate";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Date {
    Expired,
    NotYet,
}

fn out_of_date(certificate: &X509Certificate<'_>, now: i64) -> Option<Date> {
    let validity = certificate.validity();
    if validity.not_after.timestamp() < now {
        return Some(Date::Expired);
    }
    (validity.not_before.timestamp() > now).then_some(Date::NotYet)
}

/// Which certificate between the server's and the authority's is out of date.
fn in_the_chain(intermediates: &[CertificateDer<'_>], now: i64) -> String {
    let wrong = |der: &CertificateDer<'_>| {
        let certificate = parse(der)?;
        let (subject, validity) = (certificate.subject(), certificate.validity());
        Some(match out_of_date(&certificate, now)? {
            Date::Expired => {
                let day = day(validity.not_after.timestamp());
                format!("{INTERMEDIATE} {subject} expired on {day}")
            }
            Date::NotYet => {
                let day = day(validity.not_before.timestamp());
                format!("{INTERMEDIATE} {subject} is not valid before {day}")
            }
        })
    };
    let found = intermediates.iter().find_map(wrong);
    found.unwrap_or_else(|| "a certificate of its chain is out of date".to_string())
}

/// Why TLS came to nothing, in words: what rustls says is for programmers.
pub fn tls_words(why: &Error) -> String {
    match why {
        Error::AlertReceived(alert) => {
            format!("the server ended the handshake: {}", spaced(&format!("{alert:?}")))
        }
        Error::PeerIncompatible(_) => {
            "the server has no version, cipher or extension of TLS that this program has"
                .to_string()
        }
        Error::PeerMisbehaved(_) | Error::InappropriateMessage { .. } => {
            "the server breaks the rules of TLS".to_string()
        }
        Error::InappropriateHandshakeMessage { .. } | Error::DecryptError => {
            "the server breaks the rules of TLS".to_string()
        }
        Error::InvalidMessage(_) => "it does not speak TLS there".to_string(),
        Error::NoCertificatesPresented => "the server showed no certificate".to_string(),
        Error::InvalidCertificate(_) => "the certificate is not valid".to_string(),
        Error::FailedToGetCurrentTime | Error::FailedToGetRandomBytes => {
            "this machine has no clock or no random numbers".to_string()
        }
        other => spaced(&format!("{other:?}")),
    }
}

/// The first name in a Debug text, as words: `UnknownCA(..)` is `unknown ca`.
fn spaced(debug: &str) -> String {
    let name: String = debug.chars().take_while(char::is_ascii_alphanumeric).collect();
    let mut words = String::new();
    let mut after_small = false;
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && after_small {
            words.push(' ');
        }
        after_small = letter.is_ascii_lowercase();
        words.push(letter.to_ascii_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_library_says_to_programmers_is_put_into_words() {
        assert_eq!(spaced("PathLenConstraintViolated"), "path len constraint violated");
        assert_eq!(spaced("UnknownCA"), "unknown ca");
        let alert = Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        assert_eq!(tls_words(&alert), "the server ended the handshake: handshake failure");
    }
}
