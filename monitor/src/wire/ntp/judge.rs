//! Whether a packet is a reply of ours, and one that tells the time.

use std::fmt;

use super::packet::{Leap, Packet, SERVER, code, mode_name};
use super::time::Timestamp;

impl Packet {
    /// Whether this is a reply to our request, and one that tells the time;
    /// `sent` is the request's transmit stamp (RFC 5905, section 8).
    pub fn judge(&self, sent: Timestamp) -> Judgement {
        if self.mode != SERVER {
            Judgement::NotAReply { mode: self.mode }
        } else if self.origin != sent || sent == Timestamp::UNKNOWN {
            Judgement::NotOurs
        } else if self.stratum == 0 && self.reference_id.iter().all(u8::is_ascii_graphic) {
            Judgement::Kiss(self.reference_id)
        } else if self.leap == Leap::Unsynchronised {
            Judgement::Unsynchronised
        } else if !(1..=15).contains(&self.stratum) {
            Judgement::Stratum(self.stratum)
        } else if self.receive == Timestamp::UNKNOWN || self.transmit == Timestamp::UNKNOWN {
            Judgement::NoTime
        } else {
            Judgement::Good
        }
    }
}

/// What a packet is to the client that waits for a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It tells the time.
    Good,
    /// It is no reply at all; to be waited past.
    NotAReply {
        mode: u8,
    },
    /// Its origin is not our transmit stamp: a reply to somebody else, or a
    /// forgery; to be waited past.
    NotOurs,
    /// A kiss-o'-death: the server wants to be left alone (section 7.4).
    Kiss([u8; 4]),
    Unsynchronised,
    /// 0 without a kiss code, or 16, means unsynchronised, and more nothing at all.
    Stratum(u8),
    /// Its receive or transmit stamp is 0.
    NoTime,
}

impl Judgement {
    /// True if the reply may still come.
    pub fn wait_on(self) -> bool {
        matches!(self, Judgement::NotAReply { .. } | Judgement::NotOurs)
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match *self {
            Judgement::Good => f.write_str("it tells the time"),
            Judgement::NotAReply { mode } => {
                write!(f, "its mode is {mode} {}, and a reply's is 4", mode_name(mode))
            }
            Judgement::NotOurs => f.write_str("its origin is not the stamp that was sent"),
            Judgement::Kiss(kiss) => {
                write!(f, "stratum 0, kiss code {}: {}", code(kiss), kiss_meaning(kiss))
            }
            Judgement::Unsynchronised => f.write_str("the server's clock is not synchronised"),
            Judgement::Stratum(stratum) => {
                write!(f, "stratum {stratum}, where a server that knows the time has 1 to 15")
            }
            Judgement::NoTime => f.write_str("its receive or transmit stamp is missing"),
        }
    }
}

/// What a kiss code asks of the client (RFC 5905, section 7.4).
pub fn kiss_meaning(kiss: [u8; 4]) -> &'static str {
    match &kiss {
        b"DENY" | b"RSTR" => "access denied; ask no more",
        b"RATE" => "asked too often; ask less often",
        b"INIT" | b"STEP" => "not yet synchronised",
        _ => "no time from this server now",
    }
}

#[cfg(test)]
mod tests {
    use super::super::packet::golden::{REPLY, REQUEST, bytes};
    use super::*;

    #[test]
    fn chronys_reply_answers_chronys_request_and_no_other() {
        let sent = Packet::parse(&bytes(REQUEST)).unwrap().transmit;
        let reply = Packet::parse(&bytes(REPLY)).unwrap();
        assert_eq!(reply.judge(sent), Judgement::Good);
        assert_eq!(reply.judge(Timestamp(sent.0 + 1)), Judgement::NotOurs);
        assert!(reply.judge(Timestamp(sent.0 + 1)).wait_on());
        // A stamp of zeros is what anybody would guess.
        let zeros = Packet { origin: Timestamp::UNKNOWN, ..reply };
        assert_eq!(zeros.judge(Timestamp::UNKNOWN), Judgement::NotOurs);
    }

    #[test]
    fn modes_kisses_and_short_times_have_their_words() {
        let modes: Vec<&str> = (0..=8).map(mode_name).collect();
        assert_eq!(modes[..4], ["reserved", "symmetric active", "symmetric passive", "client"]);
        assert_eq!(modes[4..], ["server", "broadcast", "control", "private", "reserved"]);
        for (kiss, words) in [(b"DENY", "denied"), (b"RSTR", "denied"), (b"RATE", "less often")] {
            assert!(kiss_meaning(*kiss).contains(words), "{kiss:?}");
        }
        assert_eq!(kiss_meaning(*b"STEP"), "not yet synchronised");
        assert_eq!(kiss_meaning(*b"XXXX"), "no time from this server now");
        assert_eq!(super::super::packet::Short(0x0001_8000).as_secs_f64(), 1.5);
    }

    #[test]
    fn every_reply_that_does_not_tell_the_time_is_told_as_what_it_is() {
        let sent = Packet::parse(&bytes(REQUEST)).unwrap().transmit;
        let good = Packet::parse(&bytes(REPLY)).unwrap();
        let kiss =
            Packet { stratum: 0, leap: Leap::Unsynchronised, reference_id: *b"RATE", ..good };
        for (packet, judgement, words) in [
            (Packet { mode: 3, ..good }, Judgement::NotAReply { mode: 3 }, "3 client"),
            (kiss, Judgement::Kiss(*b"RATE"), "code RATE: asked too often"),
            // What chronyd says before it is synchronised: no code.
            (Packet { reference_id: [0; 4], ..kiss }, Judgement::Unsynchronised, "not"),
            (
                Packet { leap: Leap::Unsynchronised, ..good },
                Judgement::Unsynchronised,
                "not synchronised",
            ),
            (Packet { stratum: 16, ..good }, Judgement::Stratum(16), "stratum 16"),
            (Packet { receive: Timestamp(0), ..good }, Judgement::NoTime, "missing"),
            (Packet { transmit: Timestamp(0), ..good }, Judgement::NoTime, "missing"),
        ] {
            assert_eq!(packet.judge(sent), judgement);
            assert!(judgement.to_string().contains(words), "{judgement}");
        }
        assert_eq!(Packet { stratum: 15, ..good }.judge(sent), Judgement::Good);
    }
}
