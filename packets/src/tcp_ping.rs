//! TCP ping's messages, lines of text without an end.
//!
//! ```text
//! request   ping 7 2026-11-21T08:18:28.123456Z
//!           |    | |
//!           |    | TIME, for people
//!           |    SEQ, a decimal number from 1
//!           the word by which the request is known
//! reply     PING 7 2026-11-21T08:18:28.123456Z
//! or        LOST, and the connection closed
//! ```
//!
//! Nothing in a message says where it ends, and TCP does not say either. The
//! client can do without, because it knows how long the reply to its request
//! is. The server cannot know: it takes what one read gives it for a message.

/// What the server says in place of a reply that it is to lose.
pub const LOST: &[u8] = b"LOST";

/// A request as bytes. `time` is a stamp without a letter that upper-casing
/// would change, such as `socklab::clock::stamp`'s.
pub fn request(seq: u64, time: &str) -> Vec<u8> {
    format!("ping {seq} {time}").into_bytes()
}

/// Turns a request, whatever its bytes, into its reply.
pub fn reply_to(message: &mut [u8]) {
    message.make_ascii_uppercase();
}

/// What the bytes that came so far are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// The beginning of a reply, which may be nothing at all.
    Part,
    /// The reply, whole and right.
    Reply,
    /// The server's word that this one is lost.
    Lost,
    /// As many bytes as the reply has, or more, but not the reply.
    Wrong,
}

/// Judges what came in answer to `request`, in how many pieces ever. To be
/// asked after each piece, until it is more than a part.
///
/// ```
/// use packets::tcp_ping::{Received, judge};
/// assert_eq!(judge(b"PIN", b"ping 1 T"), Received::Part);
/// assert_eq!(judge(b"PING 1 T", b"ping 1 T"), Received::Reply);
/// ```
pub fn judge(received: &[u8], request: &[u8]) -> Received {
    if received.starts_with(LOST) {
        Received::Lost
    } else if received.len() < request.len() {
        Received::Part
    } else if received == request.to_ascii_uppercase() {
        Received::Reply
    } else {
        Received::Wrong
    }
}

/// Whether `received` can still become the reply to `request`, or `LOST`.
pub fn is_beginning(received: &[u8], request: &[u8]) -> bool {
    LOST.starts_with(received) || request.to_ascii_uppercase().starts_with(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Captured with tcpdump from `tcp_ping client -n 1` on loopback.
    const REQUEST: &[u8; 34] = b"ping 1 2026-11-21T10:19:22.147378Z";
    const REPLY: &[u8; 34] = b"PING 1 2026-11-21T10:19:22.147378Z";

    #[test]
    fn a_request_is_made_byte_for_byte_and_its_reply_too() {
        let mut message = request(1, "2026-11-21T10:19:22.147378Z");
        assert_eq!(message, REQUEST);
        reply_to(&mut message);
        assert_eq!(message, REPLY);
    }

    #[test]
    fn a_reply_in_pieces_is_one_when_its_last_byte_is_there() {
        for length in 0..REPLY.len() {
            assert_eq!(judge(&REPLY[..length], REQUEST), Received::Part, "{length}");
            assert!(is_beginning(&REPLY[..length], REQUEST));
        }
        assert_eq!(judge(REPLY, REQUEST), Received::Reply);
    }

    #[test]
    fn lost_is_told_from_a_reply_however_it_comes() {
        assert_eq!(judge(b"LOS", REQUEST), Received::Part);
        assert!(is_beginning(b"LOS", REQUEST));
        assert_eq!(judge(b"LOST", REQUEST), Received::Lost);
        assert_eq!(judge(b"LOST\n", REQUEST), Received::Lost);
    }

    #[test]
    fn other_bytes_and_too_many_are_wrong() {
        assert_eq!(judge(REQUEST, REQUEST), Received::Wrong);
        assert_eq!(judge(&[REPLY as &[u8], b"\n"].concat(), REQUEST), Received::Wrong);
        assert!(!is_beginning(b"HTTP/1.1", REQUEST));
    }

    proptest! {
        #[test]
        fn every_request_gets_its_reply(seq: u64, time in "[0-9T:.Z-]{0,30}") {
            let request = request(seq, &time);
            let mut reply = request.clone();
            reply_to(&mut reply);
            prop_assert_eq!(judge(&reply, &request), Received::Reply);
        }

        #[test]
        fn no_bytes_make_the_judge_panic(received: Vec<u8>, request: Vec<u8>) {
            let _ = judge(&received, &request);
            let _ = is_beginning(&received, &request);
        }
    }
}
