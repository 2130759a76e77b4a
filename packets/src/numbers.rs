//! Numbers in a packet: the highest byte comes first, which is network byte order.

use std::ops::Range;

/// The number in a field of two bytes. The caller has seen that they are there.
pub(crate) fn u16_at(bytes: &[u8], field: Range<usize>) -> u16 {
    bytes[field].iter().fold(0, |number, byte| number << 8 | u16::from(*byte))
}

/// The number in a field of four bytes.
pub(crate) fn u32_at(bytes: &[u8], field: Range<usize>) -> u32 {
    bytes[field].iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_byte_comes_first() {
        let bytes = [0, 0x12, 0x34, 0x56, 0x78];
        assert_eq!(u16_at(&bytes, 1..3), 0x1234);
        assert_eq!(u32_at(&bytes, 1..5), 0x1234_5678);
    }
}
