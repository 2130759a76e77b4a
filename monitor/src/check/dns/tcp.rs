//! The same question over TCP, where an answer may have 64 KiB (RFC 7766).

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use crate::wire::dns::{Message, for_tcp};
use logic::units::show_duration;
use socklab::errors::cause;

use crate::check::stream::Timed;
use crate::check::{OnPacket, Packet};
use crate::outcome::{Deadline, Outcome};

use super::Reply;

pub fn exchange(
    address: SocketAddr,
    query: &Message,
    edns: bool,
    deadline: &Deadline,
    watch: OnPacket,
) -> Result<Reply, Outcome> {
    let down = |why: String| Outcome::down(format!("truncated over UDP, and over TCP {why}"));
    let packet = query.emit().map_err(|why| Outcome::unverified(why.to_string()))?;
    let began = Instant::now();
    let mut stream = Timed::connect(&[address], deadline).map_err(|mut outcome| {
        outcome.reason.insert_str(0, "truncated over UDP, and over TCP ");
        outcome
    })?;
    watch(&Packet::sent(&packet));
    let read = stream.write_all(&for_tcp(&packet)).and_then(|()| receive(&mut stream));
    let bytes = read.map_err(|why| match why.kind() {
        ErrorKind::TimedOut => down(format!("no reply within {}", show_duration(deadline.timeout))),
        ErrorKind::UnexpectedEof => down("the connection was closed within the reply".to_string()),
        _ => down(cause(&why)),
    })?;
    watch(&Packet::received(&bytes));
    let message =
        Message::parse(&bytes).map_err(|why| down(format!("a malformed reply: {why}")))?;
    message.answers(query).map_err(|why| down(format!("a reply that does not answer: {why}")))?;
    if message.header.truncated {
        return Err(down("truncated again".to_string()));
    }
    Ok(Reply { message, over_tcp: true, edns, took: began.elapsed() })
}

fn receive(stream: &mut Timed) -> io::Result<Vec<u8>> {
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message)?;
    Ok(message)
}
