//! One wrong bit: which field it is in, and what the receiver does with the packet.
//!
//! The bit is spoilt behind the sender's back, after the checksum has been
//! worked out, as a bad cable or memory would. What a receiver does is told as
//! Linux does it; RFC 1122, sections 4.1.3.4 and 3.2.2, asks the same of all.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use super::field::Field;
use super::hex::character;
use super::judge::{self, Spoilt};
use super::page::{Page, Part};
use super::table::indented;
use crate::paint::{Colour, Painter};

/// A packet with one wrong bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flip {
    /// The packet as it goes out.
    pub bytes: Vec<u8>,
    /// Counted from 0, the highest bit of the first byte of the UDP or ICMP header.
    pub bit: usize,
    /// The field's name, or `payload`.
    pub field: String,
    /// What the field said, and what it says now.
    pub before: String,
    pub after: String,
    /// Whether the receiver takes the packet all the same.
    pub taken: bool,
    /// What the receiver does, and why, in a few sentences.
    pub why: String,
}

/// Spoils a bit of a whole UDP datagram that begins with its header and has
/// its checksum. To send it takes a raw socket of protocol UDP.
///
/// # Errors
/// One line: the datagram has no such bit.
pub fn udp(
    source: SocketAddr,
    destination: SocketAddr,
    datagram: &[u8],
    bit: usize,
) -> Result<Flip, String> {
    let page = Page::udp_datagram(source, destination, datagram);
    let flip = Flip::new(&page, bit, "datagram")?;
    let (taken, why) = judge::udp(source.ip(), destination.ip(), &flip.spoilt());
    Ok(Flip { taken, why, ..flip })
}

/// Spoils a bit of a whole ICMP echo that has its checksum. Over IPv6 Linux
/// puts the checksum in itself, after the bit was spoilt, on every raw ICMPv6
/// socket: there the packet arrives as a sound one that says something else.
///
/// # Errors
/// One line: the message has no such bit.
pub fn icmp_echo(
    source: IpAddr,
    destination: IpAddr,
    message: &[u8],
    bit: usize,
) -> Result<Flip, String> {
    let page = Page::icmp_message(source, destination, message);
    let flip = Flip::new(&page, bit, "message")?;
    let why = judge::icmp(source, &flip.spoilt());
    Ok(Flip { why, ..flip })
}

impl Flip {
    /// The spoilt packet, not yet judged.
    fn new(page: &Page, bit: usize, what: &str) -> Result<Flip, String> {
        let bits = 8 * page.packet.len();
        if bit >= bits {
            let last = bits.saturating_sub(1);
            return Err(format!(
                "--flip-bit {bit}: the {what} has {bits} bits with its header, 0 to {last}"
            ));
        }
        let mut bytes = page.packet.to_vec();
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        let field = page.parts.iter().find_map(|part| match part {
            Part::Header { fields, .. } => {
                fields.iter().find(|field| field.range.contains(&(bit / 8)))
            }
            _ => None,
        });
        let (before, after) = (said(page.packet, field, bit), said(&bytes, field, bit));
        let field = field.map_or_else(|| "payload".to_string(), |field| field.name.clone());
        Ok(Flip { bytes, bit, field, before, after, taken: false, why: String::new() })
    }

    fn spoilt(&self) -> Spoilt<'_> {
        let Flip { bytes, field, before, after, .. } = self;
        Spoilt { bytes, field, before, after }
    }

    /// What was done, and what becomes of it, as lines of a page.
    pub fn lines(&self, painter: Painter) -> Vec<String> {
        let (bit, byte) = (self.bit, self.bit / 8);
        let title = format!("Bit {bit} is spoilt, after the checksum was worked out");
        let now = self.bytes[byte];
        let was = now ^ (0x80 >> (bit % 8));
        let mut lines = vec![painter.paint(Colour::Bold, &title)];
        lines.push(format!("  in byte {byte}, {was:08b} becomes {now:08b} ({was:02x}, {now:02x})"));
        lines.push(format!("  {}: {} becomes {}", self.field, self.before, self.after));
        let (colour, word) = if self.taken {
            (Colour::Yellow, "The receiver takes it.")
        } else {
            (Colour::Red, "The receiver drops it.")
        };
        lines.push(format!("  {}", painter.paint(colour, word)));
        lines.extend(indented(&self.why));
        lines
    }

    /// The same as data.
    pub fn json(&self) -> Value {
        json!({
            "bit": self.bit,
            "field": self.field,
            "before": self.before,
            "after": self.after,
            "taken": self.taken,
            "why": self.why,
        })
    }
}

/// What a field says, as a number; of a payload the byte, as a character.
fn said(packet: &[u8], field: Option<&Field>, bit: usize) -> String {
    let Some(field) = field else {
        let byte = packet[bit / 8];
        return format!("{byte:02x} '{}'", character(byte));
    };
    let bytes = packet.get(field.range.clone()).unwrap_or_default();
    let number = bytes.iter().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    if field.name.ends_with("checksum") { format!("{number:04x}") } else { number.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::icmp::{self, Version};
    use crate::udp as wire_udp;
    use crate::udp::Header;
    use proptest::prelude::*;

    const A: &str = "10.0.0.1:40000";
    const B: &str = "10.0.0.2:12000";

    fn datagram(payload: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
        let (a, b): (SocketAddr, SocketAddr) = (A.parse().unwrap(), B.parse().unwrap());
        let mut bytes = Vec::new();
        wire_udp::emit((a.ip(), a.port()), (b.ip(), b.port()), payload, &mut bytes);
        (a, b, bytes)
    }

    #[test]
    fn a_bit_is_found_in_its_field() {
        let (a, b, bytes) = datagram(b"Ping");
        for (bit, field, before, after) in [
            (15, "source port", "40000", "40001"),
            (16, "destination port", "12000", "44768"),
            (44, "length", "12", "4"),
            (66, "payload", "50 'P'", "70 'p'"),
        ] {
            let flip = udp(a, b, &bytes, bit).unwrap();
            assert_eq!(
                (flip.field.as_str(), flip.before.as_str(), flip.after.as_str()),
                (field, before, after)
            );
            assert!(!flip.taken);
        }
        let why = udp(a, b, &bytes, 96).unwrap_err();
        assert_eq!(why, "--flip-bit 96: the datagram has 96 bits with its header, 0 to 95");
    }

    #[test]
    fn a_page_shows_the_bit_and_what_becomes_of_the_datagram() {
        let (a, b, bytes) = datagram(b"Ping");
        let flip = udp(a, b, &bytes, 66).unwrap();
        let expected = "\
Bit 66 is spoilt, after the checksum was worked out
  in byte 8, 01010000 becomes 01110000 (50, 70)
  payload: 50 'P' becomes 70 'p'
  The receiver drops it.
  The program would have read a wrong byte.";
        let page = flip.lines(Painter::plain()).join("\n");
        assert!(page.starts_with(expected), "{page}");
        let json = flip.json();
        let shown = ["bit", "field", "before", "after", "taken", "why"].map(|name| &json[name]);
        let why = json!(flip.why);
        let expected =
            [json!(66), json!("payload"), json!("50 'P'"), json!("70 'p'"), json!(false)];
        assert_eq!(shown[..5], expected.each_ref());
        assert_eq!(shown[5], &why);
    }

    #[test]
    fn a_checksum_of_one_bit_becomes_none_and_the_datagram_is_taken() {
        // Of the last two bytes all values are tried, until the checksum has one bit.
        let (a, b, bytes) = (0..=u16::MAX)
            .map(|word| datagram(&word.to_be_bytes()))
            .find(|(_, _, bytes)| bytes[6..8] == [0x40, 0])
            .unwrap();
        let flip = udp(a, b, &bytes, 49).unwrap();
        assert!(flip.taken && flip.why.contains("which over IPv4 means"), "{flip:?}");
    }

    proptest! {
        #[test]
        fn what_is_said_to_be_dropped_has_a_wrong_checksum_or_length(
            payload in prop::collection::vec(any::<u8>(), 0..99),
            bit in 0usize..1000,
        ) {
            let (a, b, bytes) = datagram(&payload);
            let bit = bit % (8 * bytes.len());
            let flip = udp(a, b, &bytes, bit).unwrap();
            let parsed = Header::parse(&flip.bytes);
            let sound = parsed.is_ok_and(|(header, _)| {
                let says = usize::from(header.length);
                says <= bytes.len() && wire_udp::is_right(a.ip(), b.ip(), &flip.bytes[..says])
            });
            prop_assert_eq!(flip.taken, sound);
            for line in flip.lines(Painter::plain()) {
                prop_assert!(line.chars().count() <= crate::explain::WIDTH);
            }
        }

        #[test]
        fn an_echo_with_one_wrong_bit_is_always_dropped(payload: Vec<u8>, bit in 0usize..1000) {
            for (version, address) in [(Version::V4, "10.0.0.1"), (Version::V6, "fe80::1")] {
                let address: IpAddr = address.parse().unwrap();
                let mut message = Vec::new();
                let echo = icmp::Echo { identifier: 1, sequence: 2, payload: &payload };
                echo.emit(version, version.echo_request(), &mut message);
                icmp::set_checksum(address, address, &mut message);
                let flip = icmp_echo(address, address, &message, bit % (8 * message.len())).unwrap();
                prop_assert!(!flip.taken && !icmp::is_right(address, address, &flip.bytes));
                for line in flip.lines(Painter::plain()) {
                    prop_assert!(line.chars().count() <= crate::explain::WIDTH);
                }
            }
        }
    }
}
