//! The Internet checksum (RFC 1071), which IPv4, ICMP, UDP and TCP share.
//!
//! The bytes are taken as 16-bit words and added in one's-complement
//! arithmetic: what is carried out at the top is added in again at the bottom.
//! The checksum is the complement of that sum. So the receiver, who adds up
//! everything including the checksum, gets ffff if nothing was damaged.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Adds one word to a one's-complement sum; the flag says whether a carry was folded in.
///
/// ```
/// use packets::checksum::add;
/// assert_eq!(add(0x0001, 0x0002), (0x0003, false));
/// assert_eq!(add(0xffff, 0x0002), (0x0002, true));
/// ```
pub fn add(sum: u16, word: u16) -> (u16, bool) {
    let (sum, carry) = sum.overflowing_add(word);
    // The sum was at most ffff + ffff, so that adding 1 cannot carry again.
    (sum + u16::from(carry), carry)
}

/// The 16-bit words of a packet, in network byte order. An odd byte at the end
/// is the upper half of a word whose lower half is 0.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.chunks(2).map(|pair| match pair {
        [high, low] => u16::from_be_bytes([*high, *low]),
        _ => u16::from_be_bytes([pair[0], 0]),
    })
}

/// The one's-complement sum of several parts, one behind the other. Each part
/// but the last must have an even length.
pub fn sum(parts: &[&[u8]]) -> u16 {
    // Many carries are collected in the upper half and folded in at the end,
    // which comes to the same: RFC 1071, section 2(A). No packet is so long
    // that 2^16 of them could come together.
    let mut wide: u64 = 0;
    for part in parts {
        let mut pairs = part.chunks_exact(2);
        for pair in &mut pairs {
            wide += u64::from(u16::from_be_bytes([pair[0], pair[1]]));
        }
        if let [odd] = pairs.remainder() {
            wide += u64::from(u16::from_be_bytes([*odd, 0]));
        }
    }
    while wide > 0xffff {
        wide = (wide >> 16) + (wide & 0xffff);
    }
    wide as u16
}

/// The checksum of several parts, whose checksum field holds 0.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    !sum(parts)
}

/// Whether the parts, whose checksum field is filled in, arrived as they were sent.
pub fn is_right(parts: &[&[u8]]) -> bool {
    sum(parts) == 0xffff
}

/// The checksum after one word of the packet has changed, without a look at
/// the others: RFC 1624, equation 3. A router does so for the TTL.
pub fn update(checksum: u16, old_word: u16, new_word: u16) -> u16 {
    let (sum, _) = add(!checksum, !old_word);
    let (sum, _) = add(sum, new_word);
    !sum
}

/// What is added up in front of a UDP datagram or TCP segment over IPv4, though
/// it is not sent (RFC 768): so that a packet at the wrong address is noticed.
pub fn pseudo_header_v4(
    source: Ipv4Addr,
    destination: Ipv4Addr,
    protocol: u8,
    length: u16,
) -> [u8; 12] {
    let mut header = [0; 12];
    header[..4].copy_from_slice(&source.octets());
    header[4..8].copy_from_slice(&destination.octets());
    header[9] = protocol;
    header[10..].copy_from_slice(&length.to_be_bytes());
    header
}

/// The same over IPv6 (RFC 8200, section 8.1), where ICMPv6 has it too.
pub fn pseudo_header_v6(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    protocol: u8,
    length: u32,
) -> [u8; 40] {
    let mut header = [0; 40];
    header[..16].copy_from_slice(&source.octets());
    header[16..32].copy_from_slice(&destination.octets());
    header[32..36].copy_from_slice(&length.to_be_bytes());
    header[39] = protocol;
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The example that RFC 1071 works in its section 3.
    const EXAMPLE: [u8; 8] = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

    #[test]
    fn the_example_of_rfc_1071_sums_to_ddf2() {
        assert_eq!(sum(&[&EXAMPLE]), 0xddf2);
        assert_eq!(checksum(&[&EXAMPLE]), 0x220d);
    }

    #[test]
    fn the_example_of_rfc_1624_updates_to_0000() {
        // Section 4: checksum dd2f, and a word that changes from 5555 to 3285.
        assert_eq!(update(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    #[test]
    fn an_odd_byte_is_the_upper_half_of_a_word() {
        assert_eq!(sum(&[&[0x12]]), 0x1200);
        assert_eq!(words(&[1, 2, 3]).collect::<Vec<_>>(), [0x0102, 0x0300]);
        assert_eq!(checksum(&[]), 0xffff);
    }

    proptest! {
        #[test]
        fn word_by_word_comes_to_the_same_as_all_at_once(bytes: Vec<u8>) {
            let step_by_step = words(&bytes).fold(0, |sum, word| add(sum, word).0);
            prop_assert_eq!(step_by_step, sum(&[&bytes]));
        }

        #[test]
        fn the_receivers_sum_is_ffff_and_one_flipped_bit_is_noticed(
            mut bytes in prop::collection::vec(any::<u8>(), 2..200),
            bit in 0usize..1600,
        ) {
            bytes[..2].fill(0);
            let found = checksum(&[&bytes]);
            bytes[..2].copy_from_slice(&found.to_be_bytes());
            prop_assert!(is_right(&[&bytes]));
            let bit = bit % (8 * bytes.len());
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_right(&[&bytes]));
        }

        #[test]
        fn an_update_agrees_with_working_it_all_out_again(
            mut bytes in prop::collection::vec(any::<u8>(), 4..60),
            new: u16,
        ) {
            let old = u16::from_be_bytes([bytes[2], bytes[3]]);
            // The first word stands for the rest of the packet. A packet of
            // nothing but zeros does not exist, and has two checksums.
            bytes[0] |= 1;
            let before = checksum(&[&bytes]);
            bytes[2..4].copy_from_slice(&new.to_be_bytes());
            prop_assert_eq!(update(before, old, new), checksum(&[&bytes]));
        }

        #[test]
        fn etherparse_adds_up_the_same(bytes: Vec<u8>) {
            let theirs = etherparse::checksum::Sum16BitWords::new().add_slice(&bytes);
            prop_assert_eq!(checksum(&[&bytes]), theirs.ones_complement().to_be());
        }
    }
}
