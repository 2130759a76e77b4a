//! UDP ping's messages, lines of text.
//!
//! ```text
//! request   Ping 7 2026-11-21T08:18:28.123456Z abcdefgh
//!           |    | |                           |
//!           |    | TIME, for people            padding, if a size is asked for
//!           |    SEQ, a decimal number from 1
//!           the word by which the request is known
//! reply     PING 7 2026-11-21T08:18:28.123456Z ABCDEFGH
//! ```
//!
//! The reply is the request with its ASCII letters upper-cased, whatever the
//! request was: a server need not understand it, and the client can tell from
//! the reply alone which request it answers.

use std::io::Write;

/// The largest datagram that IPv4 can carry: 65,535 bytes, less 20 for the
/// smallest IP header (RFC 791) and 8 for the UDP header (RFC 768).
pub const LARGEST: usize = 65_507;

const WORD: &str = "Ping";
const WORD_IN_REPLY: &[u8] = b"PING";

/// The letters that fill a request up to its size. Lower case, so that the
/// upper-casing can be seen.
const PADDING: &[u8; 26] = b"abcdefghijklmnopqrstuvwxyz";

/// A request, as its client makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    pub seq: u64,
    /// Any stamp without a letter that upper-casing would change, such as
    /// `socklab::clock::stamp`'s.
    pub time: &'a str,
    /// The whole message's length in bytes. The message is longer where seq
    /// and time alone take more.
    pub size: usize,
}

impl Request<'_> {
    /// The request as bytes, into `buffer`, whose content is replaced.
    pub fn emit(&self, buffer: &mut Vec<u8>) {
        buffer.clear();
        // Writing into memory cannot fail.
        let _ = write!(buffer, "{WORD} {} {}", self.seq, self.time);
        if buffer.len() < self.size {
            buffer.push(b' ');
            let missing = self.size - buffer.len();
            buffer.extend(PADDING.iter().cycle().take(missing));
        }
    }

    /// The length in bytes of a request without padding.
    pub fn unpadded(seq: u64, time: &str) -> usize {
        format!("{WORD} {seq} {time}").len()
    }
}

/// Turns a request, whatever its bytes, into its reply.
pub fn reply_to(message: &mut [u8]) {
    message.make_ascii_uppercase();
}

/// The sequence number that a reply carries, or `None` if the bytes are no
/// reply to a ping of ours.
pub fn sequence(reply: &[u8]) -> Option<u64> {
    number(reply, WORD_IN_REPLY)
}

/// The sequence number of a request of which an ICMP error quotes the
/// beginning; `None` if it may have been cut off within the number.
pub fn sequence_of_request(beginning: &[u8]) -> Option<u64> {
    let (number_ends, _) =
        beginning.iter().enumerate().filter(|(_, byte)| **byte == b' ').nth(1)?;
    number(&beginning[..number_ends], WORD.as_bytes())
}

fn number(message: &[u8], word: &[u8]) -> Option<u64> {
    let mut words = message.split(|&byte| byte == b' ');
    if words.next() != Some(word) {
        return None;
    }
    let digits = words.next()?;
    // `parse` would take "+7" as well, which no request has.
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Captured with tcpdump from `udp_ping_client -n 1 -s 40` on loopback.
    const REQUEST: &[u8; 40] = b"Ping 1 2026-11-21T09:09:47.739633Z abcde";
    const REPLY: &[u8; 40] = b"PING 1 2026-11-21T09:09:47.739633Z ABCDE";

    #[test]
    fn a_request_is_emitted_byte_for_byte() {
        let mut buffer = b"what was there before".to_vec();
        let request = Request { seq: 1, time: "2026-11-21T09:09:47.739633Z", size: 40 };
        request.emit(&mut buffer);
        assert_eq!(buffer, REQUEST);
        assert_eq!(Request::unpadded(1, request.time), 34);
    }

    #[test]
    fn a_size_too_small_cuts_nothing_off() {
        let mut buffer = Vec::new();
        Request { seq: 1, time: "T", size: 3 }.emit(&mut buffer);
        assert_eq!(buffer, b"Ping 1 T");
        Request { seq: 1, time: "T", size: 9 }.emit(&mut buffer);
        assert_eq!(buffer, b"Ping 1 T ");
    }

    #[test]
    fn the_reply_is_the_request_upper_cased() {
        let mut message = *REQUEST;
        reply_to(&mut message);
        assert_eq!(&message, REPLY);
        assert_eq!(sequence(REPLY), Some(1));
    }

    #[test]
    fn a_request_that_is_quoted_has_its_number_as_long_as_that_is_whole() {
        assert_eq!(sequence_of_request(REQUEST), Some(1));
        assert_eq!(sequence_of_request(b"Ping 12 "), Some(12));
        for cut in [b"" as &[u8], b"Pin", b"Ping ", b"Ping 1", REPLY, b"Ping x T"] {
            assert_eq!(sequence_of_request(cut), None);
        }
    }

    #[test]
    fn only_letters_of_ascii_change() {
        let mut message = "h\u{e9} \u{df}\0\u{ff}".as_bytes().to_vec();
        message.push(0xff);
        let mut expected = "H\u{e9} \u{df}\0\u{ff}".as_bytes().to_vec();
        expected.push(0xff);
        reply_to(&mut message);
        assert_eq!(message, expected);
    }

    #[test]
    fn a_size_that_the_text_fills_exactly_needs_no_padding() {
        let (seq, time) = (7, "T");
        let length = Request::unpadded(seq, time);
        let mut message = Vec::new();
        for (size, padded) in [(0, length), (length, length), (length + 1, length + 1)] {
            Request { seq, time, size }.emit(&mut message);
            assert_eq!(message.len(), padded, "size {size}");
        }
    }

    #[test]
    fn what_is_no_reply_has_no_sequence() {
        for bytes in [
            b"" as &[u8],
            b"PING",
            b"PING ",
            b"PING x T",
            b"PING +7 T",
            b"PING -7 T",
            b"Ping 7 T",
            b"PING 18446744073709551616 T",
            b"PONG 7 T",
        ] {
            assert_eq!(sequence(bytes), None, "{bytes:?}");
        }
        assert_eq!(sequence(b"PING 7 Fri Sep 20 13:12:19 2024"), Some(7));
        assert_eq!(sequence(b"PING 18446744073709551615"), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn every_request_comes_back_under_its_number(seq: u64, size in 0usize..200) {
            let mut message = Vec::new();
            Request { seq, time: "2026-11-21T09:09:47.739633Z", size }.emit(&mut message);
            prop_assert!(message.len() >= size);
            reply_to(&mut message);
            prop_assert_eq!(sequence(&message), Some(seq));
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = sequence(&bytes);
        }
    }
}
