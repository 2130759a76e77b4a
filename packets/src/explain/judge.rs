//! What a receiver does with a spoilt packet, and why.

use std::net::IpAddr;

use crate::icmp::Version;
use crate::udp;

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

/// Why Linux drops a spoilt echo: net/ipv4/icmp.c, `icmp_rcv`. One wrong bit always
/// changes the sum, and nothing in the message says how much of it is summed.
pub(super) fn icmp(source: IpAddr, spoilt: &Spoilt) -> String {
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
    format!(
        "{about} The sum is not ffff: the kernel drops it, counts it (nstat -az \
         {family}InCsumErrors), and sends no reply."
    )
}

#[cfg(test)]
mod tests {
    use super::super::flip;
    use crate::icmp::{self, Echo, Version};
    use crate::udp;
    use std::net::{IpAddr, SocketAddr};

    /// Spoils a bit, and says whether it is taken and why.
    fn spoilt_udp(host: &str, payload: &[u8], bit: usize) -> (bool, String) {
        let host: SocketAddr = host.parse().unwrap();
        let mut datagram = Vec::new();
        udp::emit((host.ip(), 40_000), (host.ip(), 12_000), payload, &mut datagram);
        let flip = flip::udp(host, host, &datagram, bit).unwrap();
        (flip.taken, flip.why)
    }

    #[test]
    fn a_spoilt_datagram_is_dropped_for_the_field_that_was_hit() {
        for (host, counter) in [("10.0.0.1:1", "-az Udp"), ("[::1]:1", "-az Udp6")] {
            for (bit, says, count) in [
                (15, "A reply would go to port 40001,", "InCsumErrors"),
                (16, "It knocks at port 44768 and not at 12000.", "InCsumErrors"),
                (32, "The length cannot be: 12 bytes came.", "InErrors"),
                (44, "The length cannot be: 12 bytes came.", "InErrors"),
                (45, "The kernel cuts the datagram down to 8 bytes,", "InCsumErrors"),
                (48, "Every byte that matters is as it was sent;", "InCsumErrors"),
                (66, "The program would have read a wrong byte.", "InCsumErrors"),
            ] {
                let (taken, why) = spoilt_udp(host, b"Ping", bit);
                assert!(!taken && why.starts_with(says), "{bit}: {why}");
                assert!(why.contains(&format!("{counter}{count})")), "{bit}: {why}");
            }
        }
    }

    #[test]
    fn a_length_of_0_is_an_error_over_ipv4_and_means_all_of_it_over_ipv6() {
        // Without a payload the length is 8: one bit.
        let (_, why) = spoilt_udp("10.0.0.1:1", b"", 44);
        assert!(why.starts_with("The length cannot be: 8 bytes came."), "{why}");
        let (taken, why) = spoilt_udp("[::1]:1", b"", 44);
        assert!(!taken && why.contains("Udp6InCsumErrors"), "{why}");
    }

    #[test]
    fn a_datagram_cut_short_is_taken_where_the_rest_makes_up_for_it() {
        // The length stands in the sum twice, and both become 4 less.
        let (taken, why) = spoilt_udp("10.0.0.1:1", &(0xffff_u16 - 8).to_be_bytes(), 45);
        assert!(!taken, "{why}");
        let (taken, why) = spoilt_udp("10.0.0.1:1", &[0xff, 0xff - 8, 0, 0], 45);
        assert!(taken && why.starts_with("By chance"), "{why}");
    }

    #[test]
    fn a_spoilt_echo_is_dropped_for_the_field_that_was_hit() {
        for (host, counter) in [("10.0.0.1", "IcmpInCsumErrors"), ("::1", "Icmp6InCsumErrors")] {
            let host: IpAddr = host.parse().unwrap();
            let version = Version::of(host);
            let mut message = Vec::new();
            let echo = Echo { identifier: 7, sequence: 1, payload: b"Ping" };
            echo.emit(version, version.echo_request(), &mut message);
            icmp::set_checksum(host, host, &mut message);
            let other_type = format!("As type {} it would", version.echo_request() ^ 0x80);
            for (bit, says) in [
                (0, other_type.as_str()),
                (8, "An echo has only code 0."),
                (16, "Every byte that matters is as it was sent;"),
                (32, "The reply would have come back for another program."),
                (48, "The reply would have answered another request."),
                (64, "The reply would have brought the wrong byte back."),
            ] {
                let flip = flip::icmp_echo(host, host, &message, bit).unwrap();
                assert!(!flip.taken && flip.why.starts_with(says), "{bit}: {}", flip.why);
                assert!(flip.why.contains(counter), "{}", flip.why);
            }
        }
    }
}
