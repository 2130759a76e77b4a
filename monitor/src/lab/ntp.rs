//! NTP from the system's clock, right or wrong.
//!
//! The server says of itself what it is: a clock that nobody set. So it has
//! not stratum 1, which is for a clock with a receiver or an atom of its own,
//! but 10, and the reference 127.127.1.1, as chrony's `local` has.

use std::time::{Duration, SystemTime};

use crate::wire::ntp::packet::{CLIENT, SERVER, Short};
use crate::wire::ntp::{Leap, Packet, Timestamp};

use super::faults::Fault;

/// As chrony's `local` without a number.
const STRATUM: u8 = 10;
/// A microsecond, as log2 of seconds.
const PRECISION: i8 = -20;
const OWN_CLOCK: [u8; 4] = [127, 127, 1, 1];

/// The reply to a request that arrived at `received`, if it gets one; `since`
/// is when the server began to tell the time.
pub fn answer(
    request: &[u8],
    received: SystemTime,
    since: SystemTime,
    fault: Option<Fault>,
) -> Option<Vec<u8>> {
    let request = Packet::parse(request).ok()?;
    // Anything but a request is not answered: two servers could go on for ever.
    if request.mode != CLIENT || request.version == 0 {
        return None;
    }
    let shifted = |time: SystemTime| match fault {
        Some(Fault::Ahead(by)) => time.checked_add(by).unwrap_or(time),
        Some(Fault::Behind(by)) => time.checked_sub(by).unwrap_or(time),
        _ => time,
    };
    let stamp = |time| Timestamp::from_system(shifted(time));
    let mut reply = Packet {
        leap: Leap::None,
        version: request.version,
        mode: SERVER,
        stratum: STRATUM,
        poll: request.poll,
        precision: PRECISION,
        root_delay: Short(0),
        root_dispersion: Short(0),
        reference_id: OWN_CLOCK,
        // When it was last set: it never was, and counts from the start.
        reference_time: stamp(since),
        origin: request.transmit,
        receive: stamp(received),
        transmit: Timestamp::UNKNOWN,
    };
    match fault {
        Some(Fault::Stratum(0)) => kiss(&mut reply, *b"DENY"),
        Some(Fault::Stratum(stratum)) => reply.stratum = stratum,
        Some(Fault::Kiss(code)) => kiss(&mut reply, code),
        Some(Fault::Unsynchronised) => {
            reply.leap = Leap::Unsynchronised;
            reply.stratum = 16;
            reply.reference_id = [0; 4];
            reply.reference_time = Timestamp::UNKNOWN;
        }
        Some(Fault::WrongOrigin) => reply.origin = Timestamp(!request.transmit.0),
        _ => {}
    }
    // A stratum-1 server names its clock: here it pretends to have one.
    if reply.stratum == 1 {
        reply.reference_id = *b"LAB\0";
    }
    // As late as can be: what comes after it counts as the way back.
    reply.transmit = stamp(SystemTime::now().max(received + Duration::from_nanos(1)));
    Some(reply.emit().to_vec())
}

fn kiss(reply: &mut Packet, code: [u8; 4]) {
    reply.leap = Leap::Unsynchronised;
    reply.stratum = 0;
    reply.reference_id = code;
}
