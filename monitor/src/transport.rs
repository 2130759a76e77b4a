//! The stream between manager and agent: TCP as it is, or TLS over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::{ClientConnection, ServerConnection, StreamOwned};
use socket2::{SockRef, TcpKeepalive};

/// After so much silence the kernel asks whether the other side is still there
/// (RFC 9293, section 3.8.4), so often, at these intervals.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_TRIES: u32 = 3;

/// A peer that takes nothing for so long is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Either kind of stream.
#[derive(Debug)]
pub enum Transport {
    Plain(TcpStream),
    TlsServer(Box<StreamOwned<ServerConnection, TcpStream>>),
    TlsClient(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Transport {
    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Transport::Plain(stream) => stream,
            Transport::TlsServer(stream) => &stream.sock,
            Transport::TlsClient(stream) => &stream.sock,
        }
    }

    /// How long a read waits: then it fails with `WouldBlock`, and the next
    /// one goes on where it was.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn set_patience(&self, patience: Duration) -> io::Result<()> {
        self.socket().set_read_timeout(Some(patience))
    }

    /// Ends the connection in both directions: a last word is sent before.
    pub fn close(&mut self) {
        match self {
            Transport::Plain(_) => {}
            Transport::TlsServer(stream) => stream.conn.send_close_notify(),
            Transport::TlsClient(stream) => stream.conn.send_close_notify(),
        }
        // It is over, whether these reach anybody or not.
        let _ = self.flush();
        let _ = self.socket().shutdown(Shutdown::Both);
    }
}

/// What every connection of the protocol is given: small messages at once,
/// keepalive, and an end to writing in vain.
///
/// # Errors
/// Those of setsockopt(2).
pub fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    #[cfg(any(target_os = "linux", target_os = "macos"))]
    let keepalive = keepalive.with_retries(KEEPALIVE_TRIES);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

impl Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(stream) => stream.read(buffer),
            Transport::TlsServer(stream) => stream.read(buffer),
            Transport::TlsClient(stream) => stream.read(buffer),
        }
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Transport::Plain(stream) => stream.write(bytes),
            Transport::TlsServer(stream) => stream.write(bytes),
            Transport::TlsClient(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Transport::Plain(stream) => stream.flush(),
            Transport::TlsServer(stream) => stream.flush(),
            Transport::TlsClient(stream) => stream.flush(),
        }
    }
}
