//! Heartbeat's messages, two numbers in a line of text each.
//!
//! ```text
//! beat     7 1726834339.123456     SEQ, and when it was sent: seconds since 1970, by the client's clock
//! answer   7 0.000123              SEQ, and the server's time of receipt minus that stamp, in seconds
//! ```

/// A beat, as a client sends it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beat {
    pub seq: u64,
    /// Seconds since 1970, by the client's clock.
    pub sent: f64,
}

/// A server's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reply {
    pub seq: u64,
    /// The server's time of receipt minus the client's stamp, in seconds: what
    /// the way took, plus what the server's clock is ahead of the client's.
    pub diff: f64,
}

impl Beat {
    /// `None` if the bytes are no beat.
    pub fn parse(bytes: &[u8]) -> Option<Beat> {
        let (seq, sent) = two_numbers(bytes)?;
        Some(Beat { seq, sent })
    }

    pub fn emit(&self) -> String {
        format!("{} {:.6}", self.seq, self.sent)
    }
}

impl Reply {
    /// `None` if the bytes are no answer.
    pub fn parse(bytes: &[u8]) -> Option<Reply> {
        let (seq, diff) = two_numbers(bytes)?;
        Some(Reply { seq, diff })
    }

    pub fn emit(&self) -> String {
        format!("{} {:.6}", self.seq, self.diff)
    }
}

/// A whole number and a finite one. Python writes a small difference as
/// `9.5e-07`, which is read as well.
fn two_numbers(bytes: &[u8]) -> Option<(u64, f64)> {
    let mut words = str::from_utf8(bytes).ok()?.split_ascii_whitespace();
    let (seq, number) = (words.next()?, words.next()?);
    // `parse` would take "+7", and "inf", as well.
    if words.next().is_some() || !seq.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    Some((seq.parse().ok()?, number)).filter(|_| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_beat_and_its_answer_are_two_numbers_each() {
        let beat = Beat { seq: 7, sent: 1_726_834_339.123456 };
        assert_eq!(beat.emit(), "7 1726834339.123456");
        assert_eq!(Beat::parse(b"7 1726834339.123456"), Some(beat));
        let answer = Reply { seq: 7, diff: -2.5 };
        assert_eq!(answer.emit(), "7 -2.500000");
        assert_eq!(Reply::parse(b"7 -2.500000"), Some(answer));
    }

    #[test]
    fn what_python_writes_is_read() {
        let diff = Reply::parse(b"12 9.5367431640625e-07").map(|answer| answer.diff);
        assert_eq!(diff, Some(9.5367431640625e-07));
        assert_eq!(Beat::parse(b"1 1726834339"), Some(Beat { seq: 1, sent: 1_726_834_339.0 }));
        assert_eq!(Beat::parse(b"1 2.5\n"), Some(Beat { seq: 1, sent: 2.5 }));
    }

    #[test]
    fn anything_else_is_malformed() {
        for bytes in [
            b"" as &[u8],
            b"7",
            b"7 ",
            b"x 1.0",
            b"-7 1.0",
            b"+7 1.0",
            b"7 1.0 2.0",
            b"7 nan",
            b"7 inf",
            b"7 x",
            b"\xff 1.0",
            b"18446744073709551616 1.0",
        ] {
            assert_eq!(Beat::parse(bytes), None, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_stamp_survives_to_the_microsecond(seq: u64, micros in 0u64..4_000_000_000_000_000) {
            let sent = micros as f64 / 1e6;
            let read = Beat::parse(Beat { seq, sent }.emit().as_bytes()).unwrap();
            prop_assert_eq!(read.seq, seq);
            prop_assert!((read.sent - sent).abs() < 1.5e-6);
        }

        #[test]
        fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
            let _ = Reply::parse(&bytes);
        }
    }
}
