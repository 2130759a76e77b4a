//! An HTTP server, with or without TLS: what it answers, how long each step
//! takes, and for how long its certificate is good.
//!
//! ureq speaks HTTP, one request at a time. Where each goes, and with which
//! headers, is ours (`run.rs`, `target.rs`); and so are looking up the name,
//! connecting, and TLS (`connect.rs`, `tls.rs`): one deadline holds for all of
//! it, each step is timed, and the certificate is seen also where it is not
//! accepted.

use std::time::Duration;

use ureq::http::{HeaderName, HeaderValue, Method};

use super::parameter::Parameter;
use super::pattern::Pattern;
use super::value::Value;

mod certificate;
mod connect;
mod head;
mod run;
mod statuses;
mod target;
mod tls;
mod verdict;

use target::Target;

pub use statuses::Statuses;
pub use verdict::where_the_time_went;

/// Whether a web server answers as it should.
#[derive(Debug, Clone, PartialEq)]
pub struct Http {
    /// In a draft only `http://` or `https://`.
    pub url: String,
    pub method: Method,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub expect_status: Statuses,
    pub expect_body: Option<Pattern>,
    pub follow_redirects: bool,
    /// Certificates, in PEM, that are trusted in place of the built-in ones.
    pub ca_file: Option<String>,
    pub verify: bool,
    pub warn_cert_days: u64,
}

const WARN_CERT_DAYS: u64 = 14;

impl Http {
    /// The URL as it is requested: scheme and host in lower case, the path as it is.
    pub fn normal_url(&self) -> String {
        Target::parse(&self.url).map_or(self.url.clone(), |target| target.secret().to_string())
    }

    pub const USAGE: &str =
        "https URL [expect_status=200] [expect_body=TEXT] [warn_cert_days=14] [INTERVAL]";

    pub const PARAMETERS: &'static [Parameter<Http>] = &[
        Parameter {
            name: "url",
            help: "where; a missing http:// or https:// is supplied from the type",
            sample: "\"https://example.com/\"",
            set: |http, value| http.set_url(value.text()?),
            show: |http| Some(Value::of(&http.url)),
        },
        Parameter {
            name: "method",
            help: "GET, HEAD, POST, PUT, DELETE, OPTIONS, PATCH; default GET",
            sample: "\"GET\"",
            set: |http, value| {
                let text = value.text()?.to_ascii_uppercase();
                let known = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
                match text.parse() {
                    Ok(method) if known.contains(&text.as_str()) => http.method = method,
                    _ => return Err(format!("must be one of {}, not {text}", known.join(", "))),
                }
                Ok(())
            },
            show: |http| (http.method != Method::GET).then(|| Value::of(http.method.as_str())),
        },
        Parameter {
            name: "headers",
            help: "sent with the request; also [\"Accept: text/html\", ...]",
            sample: "{ Accept = \"text/html\" }",
            set: |http, value| headers(value).map(|headers| http.headers = headers),
            show: |http| {
                let line = |(name, value): &(HeaderName, HeaderValue)| {
                    format!("{name}: {}", value.to_str().unwrap_or_default())
                };
                let lines: Vec<String> = http.headers.iter().map(line).collect();
                (!lines.is_empty()).then(|| Value::texts(&lines))
            },
        },
        Parameter {
            name: "expect_status",
            help: "a status, a range or a list of them; default \"200-299\"",
            sample: "[200, \"301-302\"]",
            set: |http, value| {
                let texts: Vec<String> = value
                    .list()
                    .iter()
                    .map(|value| match value {
                        Value::Integer(number) => Ok(number.to_string()),
                        other => other.text().map(str::to_string),
                    })
                    .collect::<Result<_, _>>()?;
                http.expect_status = texts.join(",").parse()?;
                Ok(())
            },
            show: |http| {
                (http.expect_status != Statuses::default())
                    .then(|| Value::of(http.expect_status.to_string()))
            },
        },
        Parameter {
            name: "expect_body",
            help: "to be found in the first MiB of the body: text, or /a regular expression/",
            sample: "\"Example Domain\"",
            set: |http, value| {
                http.expect_body = Some(Pattern::new(value.text()?)?);
                Ok(())
            },
            show: |http| http.expect_body.as_ref().map(|pattern| Value::of(pattern.to_string())),
        },
        Parameter {
            name: "follow_redirects",
            help: "go where a redirect leads, ten times at most; default true",
            sample: "true",
            set: |http, value| value.flag().map(|flag| http.follow_redirects = flag),
            show: |http| (!http.follow_redirects).then_some(Value::Flag(false)),
        },
        Parameter {
            name: "ca_file",
            help: "trust the certificates in this PEM file, in place of the built-in ones",
            sample: "\"/etc/ssl/certs/ca-certificates.crt\"",
            set: |http, value| match value.text()? {
                "" => Err("is empty; give the path of a file".to_string()),
                path => {
                    http.ca_file = Some(path.to_string());
                    Ok(())
                }
            },
            show: |http| http.ca_file.as_ref().map(Value::of),
        },
        Parameter {
            name: "verify",
            help: "whether a certificate that is not valid is down; default true",
            sample: "true",
            set: |http, value| value.flag().map(|flag| http.verify = flag),
            show: |http| (!http.verify).then_some(Value::Flag(false)),
        },
        Parameter {
            name: "warn_cert_days",
            help: "degraded if the certificate expires in fewer days; default 14",
            sample: "30",
            set: |http, value| value.whole(0, 36_500).map(|days| http.warn_cert_days = days),
            show: |http| {
                (http.warn_cert_days != WARN_CERT_DAYS)
                    .then_some(Value::Integer(http.warn_cert_days as i64))
            },
        },
    ];

    pub fn draft(scheme: &str) -> Http {
        Http {
            url: format!("{scheme}://"),
            method: Method::GET,
            headers: Vec::new(),
            expect_status: Statuses::default(),
            expect_body: None,
            follow_redirects: true,
            ca_file: None,
            verify: true,
            warn_cert_days: WARN_CERT_DAYS,
        }
    }

    pub fn scheme(&self) -> &'static str {
        if self.url.starts_with("https:") { "https" } else { "http" }
    }

    /// Whom the first request goes to: a name in ASCII, or an address without its zone.
    pub fn host(&self) -> Option<String> {
        Target::parse(&self.url).ok().map(|target| target.name())
    }

    /// # Errors
    /// Parameters that contradict each other.
    pub fn complete(&self) -> Result<(), String> {
        match (&self.expect_body, self.method == Method::HEAD) {
            (Some(_), true) => {
                Err("expect_body contradicts method HEAD, whose answer has no body; leave out one"
                    .to_string())
            }
            _ => Ok(()),
        }
    }

    fn set_url(&mut self, text: &str) -> Result<(), String> {
        // Parsing forgets a fragment, which is no part of a request.
        let text = text.split('#').next().unwrap_or(text);
        let (scheme, rest) = match text.split_once("://") {
            Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
            None => (self.scheme().to_string(), text),
        };
        if !["http", "https"].contains(&scheme.as_str()) {
            return Err(format!("must begin with http:// or https://, not {scheme}://"));
        }
        let authority = rest.split(['/', '?', '\\']).next().unwrap_or(rest);
        if authority.contains('@') {
            // It would stand in every line and every log.
            return Err("must be without a name and a password; see headers".to_string());
        }
        let url = format!("{scheme}://{rest}");
        if authority.is_empty() || url.contains(char::is_whitespace) {
            return Err(format!("is no URL: {url}: write http://HOST/PATH, a space as %20"));
        }
        Target::parse(&url).map_err(|why| format!("is no URL: {url}: {why}"))?;
        self.url = url;
        Ok(())
    }
}

/// From a table, or from lines such as `Accept: text/html`.
fn headers(value: &Value) -> Result<Vec<(HeaderName, HeaderValue)>, String> {
    let pairs: Vec<(String, String)> = match value {
        Value::Table(pairs) => pairs
            .iter()
            .map(|(name, value)| Ok((name.clone(), value.text()?.to_string())))
            .collect::<Result<_, String>>()?,
        lines => lines
            .list()
            .iter()
            .map(|line| match line.text()?.split_once(':') {
                Some((name, value)) => Ok((name.to_string(), value.trim().to_string())),
                None => Err(format!(
                    "must be lines such as \"Accept: text/html\", not {}",
                    line.shown()
                )),
            })
            .collect::<Result<_, String>>()?,
    };
    let header = |(name, value): &(String, String)| {
        let header: Option<HeaderName> = name.parse().ok();
        let visible = value.chars().all(|c| c == ' ' || c.is_ascii_graphic());
        let value = value.trim().parse().ok().filter(|_| visible);
        header
            .zip(value)
            .ok_or_else(|| format!("has a line that cannot be sent: {:?}", format!("{name}: ...")))
    };
    pairs.iter().map(header).collect()
}

/// A step's time, to the microsecond where it is short.
fn shown(duration: Duration) -> String {
    let ms = duration.as_secs_f64() * 1e3;
    if ms < 1.0 { format!("{ms:.3} ms") } else { format!("{ms:.1} ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(scheme: &str, text: &str) -> Result<String, String> {
        let mut http = Http::draft(scheme);
        http.set_url(text).map(|()| http.url)
    }

    #[test]
    fn a_missing_scheme_is_supplied_from_the_type() {
        assert_eq!(url("https", "example.com").unwrap(), "https://example.com");
        assert_eq!(url("http", "[::1]:8080/x?a=b").unwrap(), "http://[::1]:8080/x?a=b");
        assert_eq!(url("http", "HTTPS://example.com").unwrap(), "https://example.com");
        for wrong in
            ["", "ftp://example.com", "http://", "example.com:0", "a b", "x:99999", "/x", "a:b@x"]
        {
            assert!(url("http", wrong).is_err(), "{wrong}");
        }
        for secret in ["a:secret@x", "http://a:secret@x:99999", "a:secret@[::1"] {
            assert!(!url("http", secret).unwrap_err().contains("secret"));
        }
        assert!(url("http", "[fe80::1%25eth0]/").is_ok() && url("http", "b\u{fc}cher.de").is_ok());
    }
}
