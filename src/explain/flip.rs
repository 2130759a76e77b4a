//! One wrong bit: which field it is in, and what the receiver does with the packet.
//!
//! The bit is spoilt behind the sender's back, after the checksum has been
//! worked out, as a bad cable or memory would. What a receiver does is told as
//! Linux does it; RFC 1122, sections 4.1.3.4 and 3.2.2, asks the same of all.

use std::net::{IpAddr, SocketAddr};

use serde_json::{Value, json};

use super::field::{Field, character};
use super::page::{Page, Part};
use super::sum::indented;
use crate::output::{Colour, Painter};
use crate::wire::icmp::{self, Version};
use crate::wire::udp;

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
    let (taken, why) = judge_udp(source.ip(), destination.ip(), &flip);
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
    let (taken, why) = judge_icmp(source, destination, &flip);
    Ok(Flip { taken, why, ..flip })
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

/// What Linux does with a spoilt datagram: net/ipv4/udp.c, `__udp4_lib_rcv`.
fn judge_udp(source: IpAddr, destination: IpAddr, flip: &Flip) -> (bool, String) {
    let ipv4 = source.is_ipv4();
    let family = if ipv4 { "Udp" } else { "Udp6" };
    let bytes = &flip.bytes;
    let counted = |name: &str| {
        format!("the kernel drops it, counts it (nstat -az {family}{name}), and tells nobody")
    };
    let says = match bytes.first_chunk() {
        Some(&[_, _, _, _, high, low, _, _]) => usize::from(u16::from_be_bytes([high, low])),
        _ => 0,
    };
    // Over IPv6 a length of 0 means "as long as what came" (RFC 2675).
    let says = if says == 0 && !ipv4 { bytes.len() } else { says };
    if says > bytes.len() || says < udp::HEADER {
        let why = format!(
            "The length cannot be: {} bytes came. Nobody looks further, not even at the \
             checksum: {}.",
            bytes.len(),
            counted("InErrors")
        );
        return (false, why);
    }
    if bytes[6..8] == [0, 0] {
        let why = if ipv4 {
            "The bit was the only one in the checksum. Now that field is 0, which over IPv4 means that \
             the sender worked none out: the receiver checks nothing, and takes every byte."
                .to_string()
        } else {
            format!(
                "The bit was the only one in the checksum. Now that field is 0, which is not allowed \
                 over IPv6: {}.",
                counted("InCsumErrors")
            )
        };
        return (ipv4, why);
    }
    if udp::is_right(source, destination, &bytes[..says]) {
        let why = "By chance the bytes that the new length cuts off make up for the change: all adds up to \
                   ffff, and the datagram is taken, cut short. A checksum of 16 bits misses such things."
            .to_string();
        return (true, why);
    }
    let about = match flip.field.as_str() {
        "source port" => format!(
            "A reply would go to port {}, where nobody asked. But the checksum covers the ports too.",
            flip.after
        ),
        "destination port" => format!(
            "It knocks at port {} and not at {}. But the checksum covers the ports too, and is looked \
             at before anybody is told: no program there gets it, and no \"port unreachable\" comes \
             back.",
            flip.after, flip.before
        ),
        "length" => format!(
            "The kernel cuts the datagram down to {says} bytes, and adds these up, with the new \
             length, which stands in the sum twice: in the pseudo-header and in the header."
        ),
        "checksum" => {
            "Every byte that matters is as it was sent; the receiver cannot know that the \
                       damage is in the checksum itself."
                .to_string()
        }
        _ => "The program would have read a wrong byte. One flipped bit always changes the sum."
            .to_string(),
    };
    (false, format!("{about} The sum is not ffff: {}.", counted("InCsumErrors")))
}

/// What Linux does with a spoilt echo: net/ipv4/icmp.c, `icmp_rcv`.
fn judge_icmp(source: IpAddr, destination: IpAddr, flip: &Flip) -> (bool, String) {
    if icmp::is_right(source, destination, &flip.bytes) {
        return (true, "All adds up to ffff: no damage is seen.".to_string());
    }
    let family = match Version::of(source) {
        Version::V4 => "Icmp",
        Version::V6 => "Icmp6",
    };
    let about = match flip.field.as_str() {
        "type" => format!(
            "As type {} it would have been another message. But the checksum is looked at first.",
            flip.after
        ),
        "code" => "An echo has only code 0. But the checksum is looked at first.".to_string(),
        "identifier" => {
            "The reply would have come back for another program. But the checksum is looked at first.".to_string()
        }
        "sequence number" => {
            "The reply would have answered another request. But the checksum is looked at first.".to_string()
        }
        "checksum" => "Every byte that matters is as it was sent; the receiver cannot know that the \
                       damage is in the checksum itself."
            .to_string(),
        _ => "The reply would have brought the wrong byte back. One flipped bit always changes the sum."
            .to_string(),
    };
    let why = format!(
        "{about} The sum is not ffff: the kernel drops it, counts it (nstat -az \
         {family}InCsumErrors), and sends no reply."
    );
    (false, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "10.0.0.1:40000";
    const B: &str = "10.0.0.2:12000";

    fn datagram(payload: &[u8]) -> (SocketAddr, SocketAddr, Vec<u8>) {
        let (a, b): (SocketAddr, SocketAddr) = (A.parse().unwrap(), B.parse().unwrap());
        let mut bytes = Vec::new();
        udp::emit((a.ip(), a.port()), (b.ip(), b.port()), payload, &mut bytes);
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
            let parsed = udp::Header::parse(&flip.bytes);
            let sound = parsed.is_ok_and(|(header, _)| {
                let says = usize::from(header.length);
                says <= bytes.len() && udp::is_right(a.ip(), b.ip(), &flip.bytes[..says])
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
                prop_assert!(!flip.taken);
                for line in flip.lines(Painter::plain()) {
                    prop_assert!(line.chars().count() <= crate::explain::WIDTH);
                }
            }
        }
    }
}
