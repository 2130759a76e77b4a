//! What ureq leaves to others: looking up names, connecting, TLS; each step timed.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::{Request, Response, Uri};
use ureq::unversioned::resolver::{ArrayVec, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Body, Error};

use super::certificate::Certificate;
use super::head::{self, Head, Progress};
use super::target::Target;
use super::tls::Trust;
use crate::check::resolve::resolve;
use crate::check::stream::Timed;
use crate::outcome::{Deadline, Outcome};

/// One request, of which a redirect makes more: where it went, and how long
/// each step took. A step that was not come to has no time.
#[derive(Debug, Default)]
pub struct Hop {
    /// As it is shown, without a password.
    pub url: String,
    pub address: Option<String>,
    pub name: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the connection, or TLS, being ready to the first byte of the answer.
    pub first_byte: Option<Duration>,
    pub certificate: Option<Certificate>,
    pub tls_version: Option<&'static str>,
    /// What went wrong before HTTP had its turn.
    pub failure: Option<Outcome>,
    ready: Option<Instant>,
}

impl Hop {
    pub fn to(target: &Target) -> Hop {
        Hop { url: target.shown(), ..Hop::default() }
    }
}

type Shared = Arc<Mutex<Hop>>;

fn lock(hop: &Shared) -> MutexGuard<'_, Hop> {
    hop.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes one request, and tells what became of it. The answer's body is still
/// to be read.
pub fn run(
    request: Request<()>,
    target: &Target,
    trust: &Trust,
    deadline: &Deadline,
) -> (Hop, Result<Response<Body>, Error>) {
    // 3xx, 4xx and 5xx are answers, and not errors. ureq needs no timeout of
    // its own, as every call below ends at the deadline.
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .proxy(None)
        .user_agent(concat!("socklab-monitor/", env!("CARGO_PKG_VERSION")))
        .build();
    let hop = Arc::new(Mutex::new(Hop::to(target)));
    let names = Names { target: target.clone(), deadline: *deadline, hop: Arc::clone(&hop) };
    let connect = Connect {
        target: target.clone(),
        trust: trust.clone(),
        deadline: *deadline,
        hop: Arc::clone(&hop),
    };
    let response = Agent::with_parts(config, connect, names).run(request);
    let hop = std::mem::take(&mut *lock(&hop));
    (hop, response)
}

/// Names are looked up as for every other check.
#[derive(Debug)]
struct Names {
    target: Target,
    deadline: Deadline,
    hop: Shared,
}

impl Resolver for Names {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let began = Instant::now();
        // Not the URI's host, which has no zone.
        let resolved = resolve(&self.target.host(), self.target.port(), &self.deadline);
        let mut hop = lock(&self.hop);
        match resolved {
            Ok(addresses) => {
                hop.name = Some(began.elapsed());
                let mut found: ResolvedSocketAddrs =
                    ArrayVec::from_fn(|_| ([0, 0, 0, 0], 0).into());
                addresses.into_iter().take(16).for_each(|address| found.push(address));
                Ok(found)
            }
            Err(outcome) => {
                hop.failure = Some(outcome);
                Err(Error::HostNotFound)
            }
        }
    }
}

/// Connections that end at the deadline, with TLS where it is asked for.
#[derive(Debug)]
struct Connect {
    target: Target,
    trust: Trust,
    deadline: Deadline,
    hop: Shared,
}

impl Connector for Connect {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let stream = self.open(&details.addrs).map_err(|outcome| {
            lock(&self.hop).failure = Some(outcome);
            Error::ConnectionFailed
        })?;
        lock(&self.hop).ready = Some(Instant::now());
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connection {
            buffers,
            stream,
            hop: Arc::clone(&self.hop),
            head: Some(Head::default()),
            ahead: Vec::new(),
        }))
    }
}

impl Connect {
    fn open(&self, addresses: &[SocketAddr]) -> Result<Stream, Outcome> {
        let began = Instant::now();
        let mut stream = Timed::connect(addresses, &self.deadline)?;
        {
            let mut hop = lock(&self.hop);
            hop.connect = Some(began.elapsed());
            hop.address = stream.peer().map(|peer| peer.to_string());
        }
        if !self.target.is_https() {
            return Ok(Stream::Plain(stream));
        }
        let began = Instant::now();
        let mut tls = self.trust.handshake(&self.target.name(), &self.deadline)?;
        let complete = tls.complete(&mut stream);
        let mut hop = lock(&self.hop);
        hop.certificate = tls.certificate();
        complete?;
        hop.tls = Some(began.elapsed());
        hop.tls_version = tls.version();
        Ok(Stream::Tls(Box::new(StreamOwned::new(tls.into_connection(), stream))))
    }
}

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = match self {
                Stream::Plain(stream) => stream.read(buffer),
                Stream::Tls(stream) => stream.read(buffer),
            };
            match read {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

/// A connection as ureq wants it.
struct Connection {
    buffers: LazyBuffers,
    stream: Stream,
    hop: Shared,
    /// Until the answer's head is whole.
    head: Option<Head>,
    /// What came in, and ureq's buffer has no room for yet.
    ahead: Vec<u8>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("Connection").field("tls", &self.is_tls()).finish()
    }
}

/// ureq has an error of its own for this.
fn with_reason(why: io::Error, timeout: NextTimeout) -> Error {
    match why.kind() {
        ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(why),
    }
}

impl Transport for Connection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let output = &self.buffers.output()[..amount];
        let written = match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(output),
            Stream::Tls(stream) => stream.write_all(output).and_then(|()| stream.flush()),
        };
        written.map_err(|why| with_reason(why, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        while let Some(head) = &mut self.head {
            let mut buffer = [0; 4096];
            let amount = self.stream.read(&mut buffer).map_err(|why| with_reason(why, timeout))?;
            let mut hop = lock(&self.hop);
            if let (None, Some(ready), true) = (hop.first_byte, hop.ready, amount > 0) {
                hop.first_byte = Some(ready.elapsed());
            }
            let progress = match amount {
                // It ends within the head, which is for ureq to object to.
                0 => Progress::Whole(head.rest()),
                _ => head.add(&buffer[..amount]),
            };
            match progress {
                Progress::More => {}
                Progress::TooLong => {
                    return Err(Error::LargeResponseHeader(head::LONGEST + 1, head::LONGEST));
                }
                Progress::Whole(bytes) => {
                    self.ahead = bytes;
                    self.head = None;
                }
            }
        }
        let input = self.buffers.input_append_buf();
        if input.is_empty() {
            // What ureq needs of the head alone has filled its buffer.
            return Err(Error::LargeResponseHeader(head::LONGEST, head::LONGEST));
        }
        let amount = if self.ahead.is_empty() {
            self.stream.read(input).map_err(|why| with_reason(why, timeout))?
        } else {
            let amount = input.len().min(self.ahead.len());
            input[..amount].copy_from_slice(&self.ahead[..amount]);
            self.ahead.drain(..amount);
            amount
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Never used twice: each request's connection is timed.
    fn is_open(&mut self) -> bool {
        false
    }

    fn is_tls(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }
}
