//! A packet taken apart, for an annotated dump.

use std::time::SystemTime;

use super::packet::{LENGTH, Packet, Short, mode_name};
use super::time::Timestamp;
use crate::wire::field::Field;
use packets::error::Error;

/// A packet taken apart, for an annotated dump. `near` is about now, and says
/// which era is meant.
///
/// # Errors
/// There are fewer than 48 bytes.
pub fn fields(bytes: &[u8], near: SystemTime) -> Result<Vec<Field>, Error> {
    let packet = Packet::parse(bytes)?;
    let stamp = |stamp: Timestamp| match stamp.to_system(near) {
        _ if stamp == Timestamp::UNKNOWN => "unknown".to_string(),
        Some(time) => jiff::Timestamp::try_from(time)
            .map_or_else(|_| format!("0x{:016x}", stamp.0), |time| format!("{time:.9}")),
        None => format!("0x{:016x}", stamp.0),
    };
    let power = |log2: i8| format!("{log2}: {} s", 2f64.powi(i32::from(log2)));
    let seconds = |short: Short| format!("{:.6} s", short.as_secs_f64());
    let mut fields = vec![
        Field::new(0..1, "leap indicator", format!("{} {}", packet.leap as u8, packet.leap)),
        Field::new(0..1, "version", packet.version),
        Field::new(0..1, "mode", format!("{} {}", packet.mode, mode_name(packet.mode))),
        Field::new(1..2, "stratum", packet.stratum),
        Field::new(2..3, "poll", power(packet.poll)),
        Field::new(3..4, "precision", power(packet.precision)),
        Field::new(4..8, "root delay", seconds(packet.root_delay)),
        Field::new(8..12, "root dispersion", seconds(packet.root_dispersion)),
        Field::new(12..16, "reference id", packet.reference()),
        Field::new(16..24, "reference time", stamp(packet.reference_time)),
        Field::new(24..32, "origin", stamp(packet.origin)),
        Field::new(32..40, "receive", stamp(packet.receive)),
        Field::new(40..48, "transmit", stamp(packet.transmit)),
    ];
    if bytes.len() > LENGTH {
        fields.push(Field::new(LENGTH..bytes.len(), "extensions", "not looked at"));
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use super::super::packet::golden::{REPLY, bytes};
    use super::*;
    use rand::rngs::ChaCha8Rng;
    use rand::{Rng, SeedableRng};
    use std::time::Duration;

    #[test]
    fn every_byte_of_chronys_reply_is_explained() {
        let near = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_259_167);
        let fields = fields(&bytes(REPLY), near).unwrap();
        let mut next = 0;
        for field in &fields {
            assert!(field.bytes.start <= next && field.bytes.end >= next, "{field:?}");
            next = field.bytes.end;
        }
        assert_eq!(next, LENGTH);
        let said = |name| &fields.iter().find(|field| field.name == name).unwrap().meaning;
        assert_eq!(said("mode"), "4 server");
        // tcpdump saw the request arrive at 11:06:07.767623.
        assert_eq!(said("receive"), "2026-11-21T11:06:07.767623686Z");
    }

    #[test]
    fn a_stamp_that_is_missing_and_what_follows_the_header_are_named() {
        let near = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_259_167);
        let mut packet = bytes(REPLY).to_vec();
        packet[16..24].fill(0);
        let of = |packet: &[u8]| fields(packet, near).unwrap();
        let reference = of(&packet)[9].clone();
        assert_eq!(
            (reference.name.as_str(), reference.meaning.as_str()),
            ("reference time", "unknown")
        );
        assert!(of(&packet).iter().all(|field| field.name != "extensions"));
        packet.extend([0; 4]);
        let last = of(&packet).pop().unwrap();
        assert_eq!((last.name.as_str(), last.bytes), ("extensions", LENGTH..LENGTH + 4));
    }

    /// A request or reply of chrony's, some of its bits flipped, cut or
    /// continued; or nothing but chance.
    #[test]
    fn a_million_spoilt_packets_cause_no_panic() {
        use super::super::judge::Judgement;
        use super::super::packet::golden::REQUEST;

        let mut random = ChaCha8Rng::seed_from_u64(5);
        let golden = [bytes(REQUEST), bytes(REPLY)];
        let sent = Packet::parse(&golden[0]).unwrap().transmit;
        let (mut good, mut explained) = (0, 0);
        for round in 0..1_000_000u32 {
            let mut packet = [0; LENGTH + 8];
            if round % 4 == 0 {
                random.fill_bytes(&mut packet);
            } else {
                packet[..LENGTH].copy_from_slice(&golden[round as usize % 2]);
                for _ in 0..random.next_u32() % 4 {
                    let bit = random.next_u32() as usize % (8 * packet.len());
                    packet[bit / 8] ^= 1 << (bit % 8);
                }
            }
            let length = if round % 8 == 1 { random.next_u32() as usize % 57 } else { 48 };
            let Ok(parsed) = Packet::parse(&packet[..length]) else { continue };
            good += u32::from(parsed.judge(sent) == Judgement::Good);
            // Words take their time: they are asked for one packet in sixteen.
            if round % 16 == 0 {
                explained += fields(&packet[..length], SystemTime::UNIX_EPOCH).unwrap().len();
                let _ = parsed.judge(sent).to_string();
            }
            let interval =
                super::super::offset([parsed.origin, parsed.receive, parsed.transmit, sent]);
            assert!(interval.as_secs_f64().abs() < 2f64.powi(32));
        }
        assert!(good > 100_000 && explained > 100_000, "{good} {explained}");
    }
}
