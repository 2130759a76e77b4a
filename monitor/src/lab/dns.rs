//! DNS over UDP and TCP, and every way of answering wrongly.

use std::io::{self, Read, Write};

use crate::wire::dns::edns::UNFRAGMENTED;
use crate::wire::dns::message::LONGEST;
use crate::wire::dns::{Data, Header, Message, Rcode, Record, for_tcp};

use super::faults::Fault;
use super::threads::Connection;
use super::zone::Zone;

/// What a message came over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    Udp,
    Tcp,
}

/// The reply to a message, if it gets one.
pub fn answer(zone: &Zone, message: &[u8], over: Over, fault: Option<Fault>) -> Option<Vec<u8>> {
    if fault == Some(Fault::NoReply) {
        return None;
    }
    let query = match Message::parse(message) {
        Ok(query) => query,
        Err(_) => return not_understood(message),
    };
    // A reply is not answered: two servers could go on for ever.
    if query.header.response {
        return None;
    }
    let mut reply = zone.answer(&query);
    let limit = match over {
        Over::Udp => query.datagram_limit().min(usize::from(UNFRAGMENTED)),
        Over::Tcp => LONGEST,
    };
    let keep_nothing = |reply: &mut Message, rcode| {
        reply.rcode = rcode;
        reply.answers.clear();
        reply.authorities.clear();
        reply.additionals.clear();
    };
    let soa = query.questions.first().and_then(|question| zone.soa(&question.name));
    match fault {
        Some(Fault::WrongId) => reply.header.id = !reply.header.id,
        Some(Fault::WrongQuestion) => {
            let mut other = query.clone();
            let [mail, www] = ["mail.lab.test".parse().ok()?, "www.lab.test".parse().ok()?];
            for question in &mut other.questions {
                question.name = if question.name == mail { &www } else { &mail }.clone();
            }
            reply = zone.answer(&other);
        }
        Some(Fault::Qr0) => reply = query,
        Some(Fault::Truncated) if over == Over::Udp => {
            keep_nothing(&mut reply, Rcode::NO_ERROR);
            reply.header.truncated = true;
        }
        Some(Fault::NoData) => {
            keep_nothing(&mut reply, Rcode::NO_ERROR);
            reply.authorities.extend(soa);
        }
        Some(Fault::NxDomain) => {
            keep_nothing(&mut reply, Rcode::NX_DOMAIN);
            reply.authorities.extend(soa);
        }
        Some(Fault::ServFail) => keep_nothing(&mut reply, Rcode::SERV_FAIL),
        Some(Fault::Refused) => keep_nothing(&mut reply, Rcode::REFUSED),
        Some(Fault::Referral) => {
            keep_nothing(&mut reply, Rcode::NO_ERROR);
            reply.header.authoritative = false;
            let zone = query.questions.first().and_then(|question| question.name.parent());
            let elsewhere = Data::Ns("ns.away.lab.test".parse().ok()?);
            reply.authorities.extend(zone.map(|zone| Record::new(&zone, 60, elsewhere)));
        }
        Some(Fault::NoEdns) if query.edns.is_some() => {
            keep_nothing(&mut reply, Rcode::FORM_ERR);
            reply.edns = None;
        }
        _ => {}
    }
    let mut bytes = reply.emit_within(limit).ok()?;
    if fault == Some(Fault::Garbage) {
        // The last record is cut in two, and the header does not say so.
        bytes.truncate(bytes.len() - 3);
    }
    Some(bytes)
}

/// FORMERR, of which the header is all that there is to say.
fn not_understood(message: &[u8]) -> Option<Vec<u8>> {
    let header = Header::parse(message).ok().filter(|header| !header.response)?;
    let mut reply = Message::reply_to(&Message {
        header,
        rcode: Rcode::NO_ERROR,
        questions: Vec::new(),
        answers: Vec::new(),
        authorities: Vec::new(),
        additionals: Vec::new(),
        edns: None,
    });
    reply.rcode = Rcode::FORM_ERR;
    reply.emit().ok()
}

/// Answers one query after the other until the client closes (RFC 7766, section 6.2.1).
///
/// # Errors
/// The connection broke, or nothing came in time.
pub fn serve(zone: &Zone, connection: &Connection) -> io::Result<()> {
    let mut stream = connection.stream;
    loop {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut message)?;
        if !connection.dawdle() {
            return Ok(());
        }
        let fault = connection.switch.get().fault;
        if let Some(reply) = answer(zone, &message, Over::Tcp, fault) {
            stream.write_all(&for_tcp(&reply))?;
        }
    }
}
