//! What ureq leaves to others: looking up names, connecting, TLS; each step timed.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, StreamOwned};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ArrayVec, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};
use ureq::{Agent, Error};

use super::MOST_REDIRECTS;
use super::tls::{Certificate, Trust};
use crate::check::resolve::resolve;
use crate::check::stream::Timed;
use crate::outcome::{Deadline, Outcome};

/// One request, of which a redirect makes more: where it went, and how long
/// each step took. A step that was not come to has no time.
#[derive(Debug, Default)]
pub struct Hop {
    pub url: String,
    pub address: Option<String>,
    pub name: Option<Duration>,
    pub connect: Option<Duration>,
    pub tls: Option<Duration>,
    /// From the connection, or TLS, being ready to the first byte of the answer.
    pub first_byte: Option<Duration>,
    pub certificate: Option<Certificate>,
    pub tls_version: Option<String>,
    ready: Option<Instant>,
}

/// All requests of one check.
#[derive(Debug, Default)]
pub struct Journey {
    pub hops: Vec<Hop>,
    /// What went wrong before HTTP had its turn.
    pub failure: Option<Outcome>,
}

impl Journey {
    fn hop(&mut self) -> &mut Hop {
        if self.hops.is_empty() {
            self.hops.push(Hop::default());
        }
        let last = self.hops.len() - 1;
        &mut self.hops[last]
    }
}

type Shared = Arc<Mutex<Journey>>;

fn lock(journey: &Shared) -> MutexGuard<'_, Journey> {
    journey.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Who makes the requests.
pub fn agent(follow: bool, trust: Trust, deadline: Deadline, journey: &Shared) -> Agent {
    // 4xx and 5xx are answers, and not errors. A timeout of ureq's own is not
    // needed, as every call below ends at the deadline; it has none but this.
    let config = Config::builder()
        .http_status_as_error(false)
        .max_redirects(if follow { MOST_REDIRECTS } else { 0 })
        .max_redirects_will_error(follow)
        .max_idle_connections(0)
        .proxy(None)
        .timeout_global(deadline.left())
        .user_agent(concat!("socklab-monitor/", env!("CARGO_PKG_VERSION")))
        .build();
    let connector = Connect { trust, deadline, journey: Arc::clone(journey) };
    Agent::with_parts(config, connector, Names { deadline, journey: Arc::clone(journey) })
}

/// Names are looked up as for every other check.
#[derive(Debug)]
struct Names {
    deadline: Deadline,
    journey: Shared,
}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let began = Instant::now();
        let host = uri.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        lock(&self.journey).hops.push(Hop { url: uri.to_string(), ..Hop::default() });
        let found = resolve(host, uri.port_u16().unwrap_or(default), &self.deadline);
        let mut journey = lock(&self.journey);
        match found {
            Ok(addresses) => {
                journey.hop().name = Some(began.elapsed());
                let mut found: ResolvedSocketAddrs =
                    ArrayVec::from_fn(|_| ([0, 0, 0, 0], 0).into());
                addresses.into_iter().take(16).for_each(|address| found.push(address));
                Ok(found)
            }
            Err(outcome) => {
                journey.failure = Some(outcome);
                Err(Error::HostNotFound)
            }
        }
    }
}

/// Connections that end at the deadline, with TLS where it is asked for.
#[derive(Debug)]
struct Connect {
    trust: Trust,
    deadline: Deadline,
    journey: Shared,
}

impl Connector for Connect {
    type Out = Connection;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Connection>, Error> {
        let began = Instant::now();
        let fail = |outcome| {
            lock(&self.journey).failure = Some(outcome);
            Error::ConnectionFailed
        };
        let mut stream = Timed::connect(&details.addrs, &self.deadline).map_err(fail)?;
        let connected = began.elapsed();
        {
            let mut journey = lock(&self.journey);
            let hop = journey.hop();
            hop.connect = Some(connected);
            hop.address = stream.peer().map(|peer| peer.to_string());
        }
        let stream = if details.needs_tls() {
            let began = Instant::now();
            let host = details.uri.host().unwrap_or_default();
            let mut tls = self.trust.connection(host, &self.deadline).map_err(fail)?;
            let handshake = tls.complete(&mut stream);
            let mut journey = lock(&self.journey);
            let hop = journey.hop();
            hop.certificate = tls.certificate();
            let connection = handshake.and_then(|()| tls.connection()).map_err(|why| {
                journey.failure = Some(why);
                Error::ConnectionFailed
            })?;
            let hop = journey.hop();
            hop.tls = Some(began.elapsed());
            hop.tls_version = connection.protocol_version().map(|version| format!("{version:?}"));
            Stream::Tls(Box::new(StreamOwned::new(connection, stream)))
        } else {
            Stream::Plain(stream)
        };
        lock(&self.journey).hop().ready = Some(Instant::now());
        let config = details.config;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Connection { buffers, stream, journey: Arc::clone(&self.journey) }))
    }
}

enum Stream {
    Plain(Timed),
    Tls(Box<StreamOwned<ClientConnection, Timed>>),
}

/// A connection as ureq wants it.
struct Connection {
    buffers: LazyBuffers,
    stream: Stream,
    journey: Shared,
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
        let input = self.buffers.input_append_buf();
        let amount = loop {
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(input),
                Stream::Tls(stream) => stream.read(input),
            };
            match read {
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                read => break read.map_err(|why| with_reason(why, timeout))?,
            }
        };
        let mut journey = lock(&self.journey);
        let hop = journey.hop();
        if let (None, Some(ready), true) = (hop.first_byte, hop.ready, amount > 0) {
            hop.first_byte = Some(ready.elapsed());
        }
        drop(journey);
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
