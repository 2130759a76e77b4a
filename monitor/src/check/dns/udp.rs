//! A question over UDP, asked again after a while, and the first reply that answers it.

use std::net::SocketAddr;

use logic::units::show_duration;

use crate::check::OnPacket;
use crate::check::datagram::{Asker, Ending};
use crate::check::reach::NoAnswer;
use crate::outcome::{Deadline, Outcome};
use crate::wire::dns::{self, Message};

use super::Reply;

/// Sends the queries one after another over UDP, until one is answered.
pub fn exchange(
    address: SocketAddr,
    queries: &[&Message],
    deadline: &Deadline,
    watch: OnPacket,
) -> Result<Reply, NoAnswer> {
    let packets: Vec<Vec<u8>> =
        queries.iter().map(|query| query.emit()).collect::<Result<_, dns::Error>>().map_err(
            |why| {
                NoAnswer::Final(Outcome::unverified(format!("the query cannot be written: {why}")))
            },
        )?;
    let packets: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
    let asker = Asker::open(address, deadline)?;
    // The last reason for which a datagram was no answer.
    let mut wrong = None;
    let ending = asker.ask(&packets, watch, |bytes| {
        let reply = match Message::parse(bytes) {
            Ok(reply) => reply,
            Err(why) => {
                wrong = Some(format!("a malformed reply: {why}"));
                return None;
            }
        };
        let mut mismatch = None;
        for query in queries {
            match reply.answers(query) {
                Ok(()) => return Some((reply, query.edns.is_some())),
                // Where only the identifier is another, the next query may have it.
                Err(why @ dns::Mismatch::Id { .. }) => {
                    mismatch.get_or_insert(why);
                }
                Err(why) => mismatch = Some(why),
            }
        }
        wrong = mismatch.map(|why| format!("a reply that does not answer: {why}"));
        None
    })?;
    let within = show_duration(deadline.timeout);
    let down = |why: String| Err(NoAnswer::Final(Outcome::down(why)));
    match (ending, wrong) {
        (Ending::Answered((message, edns), took), _) => {
            Ok(Reply { message, over_tcp: false, edns, took })
        }
        (Ending::Silent, Some(wrong)) => down(format!("within {within} only {wrong}")),
        (Ending::Silent, None) => down(format!("no reply within {within}")),
    }
}
