//! The requests of one check: the first, and those to which redirects lead.

use std::io::{self, ErrorKind, Read};
use std::time::{Duration, Instant};

use logic::units::show_duration;
use socklab::errors::cause;
use ureq::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, COOKIE, HOST, LOCATION, TRANSFER_ENCODING,
};
use ureq::http::{Method, Request, Response, StatusCode};
use ureq::{Body, Error};

use crate::check::pattern::Pattern;
use crate::outcome::{Deadline, Outcome};

use super::Http;
use super::certificate::tls_words;
use super::connect::{self, Hop};
use super::target::Target;
use super::tls::Trust;

const MOST_REDIRECTS: usize = 10;
/// The part of a body that is read and searched, in bytes.
const MOST_OF_A_BODY: u64 = 1 << 20;

/// What came back.
pub(super) struct Answer {
    pub status: u16,
    pub location: Option<Vec<u8>>,
    pub body: Vec<u8>,
    /// Why the body is not whole.
    pub broke_off: Option<String>,
    /// From the end of the head to that of the body.
    pub transfer: Duration,
    /// For which method, and what it was asked for.
    method: Method,
    target: Target,
}

impl Answer {
    /// Where it leads, if it is a redirect; without a Location it is none.
    ///
    /// # Errors
    /// That is no place that HTTP could go to.
    pub fn leads_to(&self) -> Option<Result<Target, String>> {
        let redirect = [301, 302, 303, 307, 308].contains(&self.status);
        let location = self.location.as_ref().filter(|_| redirect)?;
        Some(self.target.join(location))
    }

    /// With which method (RFC 9110, section 15.4): a POST becomes a GET after
    /// 301 and 302, as with every browser, and anything but HEAD after 303.
    fn next_method(&self) -> Method {
        match self.status {
            303 if self.method != Method::HEAD => Method::GET,
            301 | 302 if self.method == Method::POST => Method::GET,
            _ => self.method.clone(),
        }
    }
}

impl Http {
    pub fn run(&self, deadline: &Deadline) -> Outcome {
        let trust = match Trust::new(self.ca_file.as_deref(), self.verify) {
            Ok(trust) => trust,
            Err(outcome) => return outcome,
        };
        let first = match Target::parse(&self.url) {
            Ok(target) => target,
            Err(why) => return Outcome::unverified(format!("not asked: no such URL: {why}")),
        };
        let mut target = first.clone();
        let mut method = self.method.clone();
        let mut hops: Vec<Hop> = Vec::new();
        loop {
            let same_origin = target.is_of_the_origin_of(&first);
            let (hop, answer) = self.request(&target, method, same_origin, &trust, deadline);
            hops.push(hop);
            let next = answer.as_ref().ok().filter(|_| self.follow_redirects);
            let failed = match next.and_then(|answer| Some((answer, answer.leads_to()?))) {
                None => return self.judge(answer, &hops, deadline),
                Some((_, Err(why))) => format!("a redirect leads nowhere: {why}"),
                Some(_) if hops.len() > MOST_REDIRECTS => {
                    format!("more than {MOST_REDIRECTS} redirects")
                }
                Some((answer, Ok(next))) => {
                    method = answer.next_method();
                    target = next;
                    continue;
                }
            };
            return self.judge(Err(Outcome::down(failed)), &hops, deadline);
        }
    }

    /// One request, and what came of it.
    fn request(
        &self,
        target: &Target,
        method: Method,
        same_origin: bool,
        trust: &Trust,
        deadline: &Deadline,
    ) -> (Hop, Result<Answer, Outcome>) {
        let request = match self.head(target, &method, same_origin) {
            Ok(request) => request,
            Err(why) => {
                let outcome = Outcome::unverified(format!("not asked: no such request: {why}"));
                return (Hop::to(target), Err(outcome));
            }
        };
        let (hop, response) = connect::run(request, target, trust, deadline);
        let answer = match (response, &hop.failure) {
            (Ok(response), _) => Ok(self.answer(response, method, target, deadline)),
            (Err(_), Some(failure)) => Err(failure.clone()),
            (Err(why), None) => Err(no_answer(&why, &hop, deadline)),
        };
        (hop, answer)
    }

    /// The request's head. Where it goes to another origin than the first one
    /// did, nobody there is told what was meant for the first.
    fn head(
        &self,
        target: &Target,
        method: &Method,
        same_origin: bool,
    ) -> Result<Request<()>, ureq::http::Error> {
        let mut request = Request::builder().method(method.clone()).uri(target.secret());
        for (name, value) in &self.headers {
            let private = [AUTHORIZATION, COOKIE, HOST].contains(name);
            if same_origin || !private {
                request = request.header(name, value);
            }
        }
        // These are expected to have a body: RFC 9110, section 8.6.
        let could_have_body = [Method::POST, Method::PUT, Method::PATCH].contains(method);
        let length_given =
            self.headers.iter().any(|(name, _)| [CONTENT_LENGTH, TRANSFER_ENCODING].contains(name));
        if could_have_body && !length_given {
            request = request.header(CONTENT_LENGTH, 0);
        }
        request.body(())
    }

    fn answer(
        &self,
        mut response: Response<Body>,
        method: Method,
        target: &Target,
        deadline: &Deadline,
    ) -> Answer {
        let head_came = Instant::now();
        let location = response.headers().get_all(LOCATION).iter().next_back();
        let mut answer = Answer {
            status: response.status().as_u16(),
            location: location.map(|value| value.as_bytes().to_vec()),
            body: Vec::new(),
            broke_off: None,
            transfer: Duration::ZERO,
            method,
            target: target.clone(),
        };
        // Then nobody looks at the body; and behind a 101 there is none.
        let leads_on = self.follow_redirects && answer.leads_to().is_some();
        if !leads_on && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            let (body, read) = self.read_body(response.body_mut().as_reader());
            answer.body = body;
            answer.broke_off = read.err().map(|why| broken_off(&why, deadline));
            answer.transfer = head_came.elapsed();
        }
        answer
    }

    /// The body's beginning, and how the reading ended. It is read on only as
    /// long as the rest matters.
    fn read_body(&self, body: impl Read) -> (Vec<u8>, io::Result<()>) {
        let mut body = body.take(MOST_OF_A_BODY);
        let mut bytes = Vec::new();
        let mut buffer = [0; 16_384];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => return (bytes, Ok(())),
                Ok(length) => bytes.extend_from_slice(&buffer[..length]),
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) => return (bytes, Err(why)),
            }
            // A regular expression may say something of the end.
            if let Some(text @ Pattern::Text(_)) = &self.expect_body
                && text.is_in(&bytes)
            {
                return (bytes, Ok(()));
            }
        }
    }
}

/// Why there is no answer, where connection and TLS were all right.
fn no_answer(why: &Error, hop: &Hop, deadline: &Deadline) -> Outcome {
    let within = show_duration(deadline.timeout);
    let began = hop.first_byte.is_some();
    Outcome::down(match why {
        Error::Timeout(_) if began => {
            format!("connected, but the answer's head was not complete within {within}")
        }
        Error::Timeout(_) => format!("connected, but no answer within {within}"),
        Error::Io(why) if why.kind() == ErrorKind::UnexpectedEof && began => {
            "connected, but the connection was closed within the answer's head".to_string()
        }
        Error::Io(why) if why.kind() == ErrorKind::UnexpectedEof => {
            "connected, but the connection was closed without an answer".to_string()
        }
        Error::Io(why) => format!("connected, but {}", words(why)),
        Error::Protocol(why) => format!("connected, but the answer is no HTTP: {why}"),
        Error::Http(why) => format!("connected, but the answer is no HTTP: {why}"),
        Error::LargeResponseHeader(..) => "the answer's head is too large".to_string(),
        other => other.to_string(),
    })
}

/// Why a body is not whole.
fn broken_off(why: &io::Error, deadline: &Deadline) -> String {
    let timeout = |why: &Error| matches!(why, Error::Timeout(_));
    let inner = why.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match why.kind() {
        ErrorKind::UnexpectedEof => "the connection was closed".to_string(),
        kind if kind == ErrorKind::TimedOut || inner.is_some_and(timeout) => {
            format!("it did not end within {}", show_duration(deadline.timeout))
        }
        _ => words(why),
    }
}

/// The operating system's words, or ours for what TLS says.
fn words(why: &io::Error) -> String {
    let tls = why.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    tls.map_or_else(|| cause(why), tls_words)
}
