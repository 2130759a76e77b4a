//! Echo over UDP and TCP (RFC 862), and the port that only listens.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use super::faults::Fault;
use super::threads::Connection;

/// The echo of a datagram. Not to another echo server, which would send it back.
pub fn answer(
    message: &[u8],
    client: SocketAddr,
    port: u16,
    fault: Option<Fault>,
) -> Option<Vec<u8>> {
    if client.port() == 7 || client.port() == port {
        return None;
    }
    Some(spoilt(message, fault))
}

/// # Errors
/// The connection broke, or nothing came in time.
pub fn serve(connection: &Connection) -> io::Result<()> {
    let mut stream = connection.stream;
    let mut buffer = [0; 16_384];
    loop {
        let length = stream.read(&mut buffer)?;
        if length == 0 || !connection.dawdle() {
            return Ok(());
        }
        let fault = connection.switch.get().fault;
        if fault != Some(Fault::NoReply) {
            stream.write_all(&spoilt(&buffer[..length], fault))?;
        }
    }
}

fn spoilt(message: &[u8], fault: Option<Fault>) -> Vec<u8> {
    let mut message = message.to_vec();
    if fault == Some(Fault::WrongBody)
        && let Some(last) = message.last_mut()
    {
        *last = last.wrapping_add(1);
    }
    message
}
