//! Where a request goes: a URL as typed, or as a redirect gives it.
//!
//! The `url` crate reads URLs as browsers do (WHATWG), which takes in what RFC
//! 3986 says of relative references, and IDN hosts. Two things are ours: a zone
//! (RFC 6874: `http://[fe80::1%25eth0]/`), which it does not know, and that a
//! name and a password in a redirect are used but never shown.

use url::{Host, Url};

/// An http or https URL, without a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    url: Url,
    /// The interface of a link-local address; it means nothing to the server,
    /// and is not sent to it.
    zone: Option<String>,
}

impl Target {
    /// # Errors
    /// Why it is none, without what stands in it: there may be a password.
    pub fn parse(text: &str) -> Result<Target, String> {
        let (text, zone) = split_zone(text);
        Target::of(Url::parse(&text).map_err(|why| why.to_string())?, zone)
    }

    /// Where a `Location` leads from here (RFC 3986, section 5.2).
    ///
    /// # Errors
    /// As for [`Target::parse`].
    pub fn join(&self, location: &[u8]) -> Result<Target, String> {
        let (text, zone) = split_zone(&as_text(location));
        let url = self.url.join(&text).map_err(|why| why.to_string())?;
        let same_host = url.host() == self.url.host();
        Target::of(url, zone.or_else(|| self.zone.clone().filter(|_| same_host)))
    }

    fn of(mut url: Url, zone: Option<String>) -> Result<Target, String> {
        url.set_fragment(None);
        match (url.scheme(), url.port()) {
            ("http" | "https", Some(0)) => Err("no server has port 0".to_string()),
            ("http" | "https", _) => Ok(Target { url, zone }),
            (other, _) => Err(format!("it begins with {other}:, not http: or https:")),
        }
    }

    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Scheme, host and port are the same: what is secret for one is for the other.
    pub fn is_of_the_origin_of(&self, other: &Target) -> bool {
        self.url.origin() == other.url.origin() && self.zone == other.zone
    }

    /// The host to look up, in ASCII, without brackets and with its zone.
    pub fn host(&self) -> String {
        match &self.zone {
            Some(zone) => format!("{}%{zone}", self.name()),
            None => self.name(),
        }
    }

    /// The name for which a certificate must be: the host without a zone.
    pub fn name(&self) -> String {
        match self.url.host() {
            Some(Host::Ipv6(ip)) => ip.to_string(),
            Some(host) => host.to_string(),
            None => String::new(),
        }
    }

    pub fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// For the request itself, with a name and a password if it has them.
    pub fn secret(&self) -> &str {
        self.url.as_str()
    }

    /// For a person, a log, and everybody who reads it.
    pub fn shown(&self) -> String {
        let mut url = self.url.clone();
        // It has a host, so neither can fail.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        match &self.zone {
            Some(zone) => url.as_str().replacen(']', &format!("%25{zone}]"), 1),
            None => url.into(),
        }
    }
}

/// A Location as text: bytes that are no UTF-8 are escaped, and so reach the
/// server as they were.
fn as_text(location: &[u8]) -> String {
    let mut text = String::new();
    for chunk in location.utf8_chunks() {
        text += chunk.valid();
        text.extend(chunk.invalid().iter().map(|byte| format!("%{byte:02X}")));
    }
    text
}

/// Takes the zone out of a URL's IPv6 address: `%25eth0`, or `%eth0` as people
/// type it and curl takes it.
fn split_zone(url: &str) -> (String, Option<String>) {
    let split = || -> Option<(String, String)> {
        let begin = url.find("//")? + 2;
        let end = url[begin..].find(['/', '?', '#']).map_or(url.len(), |length| begin + length);
        let open = begin + url[begin..end].find('[')?;
        let close = open + url[open..end].find(']')?;
        let percent = open + url[open..close].find('%')?;
        let zone = &url[percent + 1..close];
        let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._~-".contains(letter);
        let without = format!("{}{}", &url[..percent], &url[close..]);
        (!zone.is_empty() && zone.chars().all(plain)).then(|| (without, zone.to_string()))
    };
    match split() {
        Some((without, zone)) => (without, Some(zone)),
        None => (url.to_string(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target(text: &str) -> Target {
        Target::parse(text).unwrap()
    }

    #[test]
    fn a_relative_reference_is_resolved_as_in_rfc_3986() {
        // From section 5.4.1.
        let base = target("http://a/b/c/d;p?q");
        for (reference, expected) in [
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g#s", "http://a/b/c/g"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            ("..", "http://a/b/"),
            ("../../../g", "http://a/g"),
        ] {
            assert_eq!(base.join(reference.as_bytes()).unwrap().shown(), expected, "{reference}");
        }
        assert_eq!(
            target("http://x/page.php").join(b"?lang=en").unwrap().shown(),
            "http://x/page.php?lang=en"
        );
    }

    #[test]
    fn what_cannot_stand_in_a_request_is_escaped() {
        let base = target("http://a/");
        for (reference, expected) in [
            ("/a b", "http://a/a%20b"),
            ("/<x>?<y>", "http://a/%3Cx%3E?%3Cy%3E"),
            ("/ü", "http://a/%C3%BC"),
            ("http://bücher.example/", "http://xn--bcher-kva.example/"),
        ] {
            let target = base.join(reference.as_bytes()).unwrap();
            assert_eq!(target.shown(), expected);
            assert!(target.secret().parse::<ureq::http::Uri>().is_ok());
        }
        assert_eq!(base.join(b"/\xfc?\xff").unwrap().shown(), "http://a/%FC?%FF");
        for wrong in ["http://", "ftp://a/", "http://a:0/", "mailto:a@b", "http://a:x/"] {
            assert!(base.join(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_used_and_not_shown() {
        let target = target("http://a/").join(b"//me:secret@b/c").unwrap();
        assert_eq!(target.shown(), "http://b/c");
        assert_eq!(target.secret(), "http://me:secret@b/c");
        let why = target.join(b"http://me:secret@b:x/").unwrap_err();
        assert!(!why.contains("secret"), "{why}");
    }

    #[test]
    fn a_zone_is_for_this_machine_alone() {
        for text in ["http://[fe80::1%25eth0]:81/x", "http://[fe80::1%eth0]:81/x"] {
            let target = target(text);
            assert_eq!(target.host(), "fe80::1%eth0");
            assert_eq!(target.port(), 81);
            assert_eq!(target.secret(), "http://[fe80::1]:81/x");
            assert_eq!(target.shown(), "http://[fe80::1%25eth0]:81/x");
            assert_eq!(target.join(b"/y").unwrap().host(), "fe80::1%eth0");
            assert_eq!(target.join(b"//[::1]/y").unwrap().host(), "::1");
        }
        assert_eq!(target("http://a/%5Bx%5D?[%25y]").host(), "a");
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let base = target("https://a/x");
        assert!(target("https://a:443/y").is_of_the_origin_of(&base));
        for other in ["http://a/x", "https://a:444/x", "https://b/x", "https://a.b/x"] {
            assert!(!target(other).is_of_the_origin_of(&base), "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_location_makes_it_panic_or_shows_a_password(location: Vec<u8>) {
            let base = target("http://a/b?c");
            if let Ok(target) = base.join(&location) {
                prop_assert!(target.secret().parse::<ureq::http::Uri>().is_ok());
                target.shown();
            }
        }
    }
}
