//! What a receiver does with a spoilt packet, and why.

use std::net::IpAddr;

use crate::icmp::Version;
use crate::{icmp, udp};

/// A packet with one wrong bit: its bytes, the field that the bit is in, and
/// what that said and says.
pub(super) struct Spoilt<'a> {
    pub bytes: &'a [u8],
    pub field: &'a str,
    pub before: &'a str,
    pub after: &'a str,
}

/// What Linux does with a spoilt datagram: net/ipv4/udp.c, `__udp4_lib_rcv`.
pub(super) fn udp(source: IpAddr, destination: IpAddr, spoilt: &Spoilt) -> (bool, String) {
    let ipv4 = source.is_ipv4();
    let family = if ipv4 { "Udp" } else { "Udp6" };
    let bytes = spoilt.bytes;
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
    let about = match spoilt.field {
        "source port" => format!(
            "A reply would go to port {}, where nobody asked. But the checksum covers the ports too.",
            spoilt.after
        ),
        "destination port" => format!(
            "It knocks at port {} and not at {}. But the checksum covers the ports too, and is looked \
             at before anybody is told: no program there gets it, and no \"port unreachable\" comes \
             back.",
            spoilt.after, spoilt.before
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
pub(super) fn icmp(source: IpAddr, destination: IpAddr, spoilt: &Spoilt) -> (bool, String) {
    if icmp::is_right(source, destination, spoilt.bytes) {
        return (true, "All adds up to ffff: no damage is seen.".to_string());
    }
    let family = match Version::of(source) {
        Version::V4 => "Icmp",
        Version::V6 => "Icmp6",
    };
    let about = match spoilt.field {
        "type" => format!(
            "As type {} it would have been another message. But the checksum is looked at first.",
            spoilt.after
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
