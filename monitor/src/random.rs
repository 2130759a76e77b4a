//! Random bytes in hexadecimal: tokens, the names of boots, and nonces.

use rand::TryRng;
use rand::rngs::SysRng;

/// The length of a nonce in bytes.
const NONCE: usize = 32;

/// So many random bytes from the operating system, in hexadecimal.
///
/// # Errors
/// One line: the operating system has none.
pub fn hex(bytes: usize) -> Result<String, String> {
    let mut random = vec![0; bytes];
    SysRng.try_fill_bytes(&mut random).map_err(|why| format!("cannot draw random bytes: {why}"))?;
    Ok(to_hex(&random))
}

/// A nonce for a connection.
///
/// # Errors
/// As [`hex`].
pub fn nonce() -> Result<String, String> {
    hex(NONCE)
}

/// Whether a peer's nonce is one: 32 bytes in hexadecimal.
pub fn is_nonce(text: &str) -> bool {
    from_hex(text).is_some_and(|bytes| bytes.len() == NONCE)
}

/// Bytes in hexadecimal, small letters.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of a text in hexadecimal; `None` if it is none.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_32_bytes_and_differ() {
        let (one, other) = (nonce().unwrap(), nonce().unwrap());
        assert!(is_nonce(&one) && is_nonce(&other));
        assert_ne!(one, other);
        assert!(!is_nonce("ab") && !is_nonce(&"zz".repeat(32)));
    }
}
