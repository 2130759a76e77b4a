//! The stream between manager and agent: TCP as it is, or TLS over it.
//!
//! Neither reading nor writing ever blocks. So nobody is kept by a peer that
//! takes nothing, nor by one that sends a TLS handshake byte by byte: whoever
//! calls looks at the clock between two calls.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use rustls::Connection;
use socket2::{SockRef, TcpKeepalive};

/// After so much silence the kernel asks whether the other side is still there
/// (RFC 9293, section 3.8.4), so often, at these intervals.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(10);
const KEEPALIVE_EVERY: Duration = Duration::from_secs(5);
const KEEPALIVE_TRIES: u32 = 3;

/// Either kind of stream.
#[derive(Debug)]
pub struct Transport {
    stream: TcpStream,
    tls: Option<Box<Connection>>,
}

impl Transport {
    /// Takes a connection over: small messages go at once, the kernel asks
    /// after a silent peer, and no call blocks.
    ///
    /// # Errors
    /// Those of setsockopt(2).
    pub fn new(stream: TcpStream, tls: Option<Connection>) -> io::Result<Transport> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let keepalive = TcpKeepalive::new()
            .with_time(KEEPALIVE_AFTER)
            .with_interval(KEEPALIVE_EVERY)
            .with_retries(KEEPALIVE_TRIES);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        Ok(Transport { stream, tls: tls.map(Box::new) })
    }

    /// The socket itself, to wait for it.
    pub fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether TLS has bytes that the socket has not taken yet.
    pub fn is_behind(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.wants_write())
    }

    /// Tells a peer that speaks TLS that nothing more will come.
    pub fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }

    /// Ends the connection in both directions.
    pub fn shut_down(&self) {
        // It is over, whether this works or not.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

impl Read for Transport {
    /// Looks at the socket once at most.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.read(buffer) };
        match tls.reader().read(buffer) {
            Err(why) if why.kind() == ErrorKind::WouldBlock => {}
            done => return done,
        }
        tls.read_tls(&mut self.stream)?;
        if let Err(why) = tls.process_new_packets() {
            // The alert that says why, as far as the peer will hear it.
            let _ = tls.write_tls(&mut self.stream);
            return Err(io::Error::new(ErrorKind::InvalidData, why));
        }
        tls.reader().read(buffer)
    }
}

impl Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else { return self.stream.write(bytes) };
        // It takes some bytes ahead of the socket, and then none.
        match tls.writer().write(bytes)? {
            0 => match self.flush() {
                Ok(()) => Err(ErrorKind::WouldBlock.into()),
                Err(why) => Err(why),
            },
            taken => Ok(taken),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            while tls.wants_write() {
                tls.write_tls(&mut self.stream)?;
            }
        }
        Ok(())
    }
}
