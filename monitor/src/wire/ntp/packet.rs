//! NTP's packet, parsed and emitted.

use std::fmt;

use super::time::Timestamp;
use packets::error::{Error, header};

/// The packet's length in bytes. Extensions and a signature may follow.
pub const LENGTH: usize = 48;
pub const PORT: u16 = 123;
/// The mode of a request.
pub const CLIENT: u8 = 3;
/// The mode of a reply.
pub const SERVER: u8 = 4;
pub const VERSION: u8 = 4;

/// Seconds, in 16.16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Short(pub u32);

impl Short {
    pub fn as_secs_f64(self) -> f64 {
        f64::from(self.0) / 65_536.0
    }
}

/// LI: what the last minute of the day is to be, or that the clock is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leap {
    #[default]
    None,
    Insert,
    Delete,
    Unsynchronised,
}

impl fmt::Display for Leap {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.pad(match self {
            Leap::None => "no leap second",
            Leap::Insert => "a leap second is to be inserted",
            Leap::Delete => "a leap second is to be left out",
            Leap::Unsynchronised => "the clock is not synchronised",
        })
    }
}

/// The packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Packet {
    pub leap: Leap,
    /// 0 to 7.
    pub version: u8,
    /// 0 to 7.
    pub mode: u8,
    pub stratum: u8,
    /// log2 of seconds.
    pub poll: i8,
    /// log2 of seconds.
    pub precision: i8,
    pub root_delay: Short,
    pub root_dispersion: Short,
    pub reference_id: [u8; 4],
    pub reference_time: Timestamp,
    pub origin: Timestamp,
    pub receive: Timestamp,
    pub transmit: Timestamp,
}

impl Packet {
    /// A request with this transmit stamp, which should be random. All else is
    /// 0: a server needs no more, and nobody learns anything of the client.
    pub fn request(transmit: Timestamp) -> Packet {
        Packet { version: VERSION, mode: CLIENT, transmit, ..Packet::default() }
    }

    /// Parses the first 48 bytes.
    ///
    /// # Errors
    /// There are fewer.
    pub fn parse(bytes: &[u8]) -> Result<Packet, Error> {
        let bytes = header(bytes, "an NTP packet", LENGTH)?;
        let word = |at: usize| {
            u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let stamp = |at: usize| Timestamp::from_bytes(&bytes[at..at + 8]);
        Ok(Packet {
            leap: match bytes[0] >> 6 {
                0 => Leap::None,
                1 => Leap::Insert,
                2 => Leap::Delete,
                _ => Leap::Unsynchronised,
            },
            version: bytes[0] >> 3 & 7,
            mode: bytes[0] & 7,
            stratum: bytes[1],
            poll: bytes[2] as i8,
            precision: bytes[3] as i8,
            root_delay: Short(word(4)),
            root_dispersion: Short(word(8)),
            reference_id: word(12).to_be_bytes(),
            reference_time: stamp(16),
            origin: stamp(24),
            receive: stamp(32),
            transmit: stamp(40),
        })
    }

    pub fn emit(&self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[0] = (self.leap as u8) << 6 | (self.version & 7) << 3 | self.mode & 7;
        bytes[1] = self.stratum;
        bytes[2] = self.poll as u8;
        bytes[3] = self.precision as u8;
        bytes[4..8].copy_from_slice(&self.root_delay.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.root_dispersion.0.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.reference_id);
        let stamps = [self.reference_time, self.origin, self.receive, self.transmit];
        for (bytes, stamp) in bytes[16..].chunks_exact_mut(8).zip(stamps) {
            bytes.copy_from_slice(&stamp.0.to_be_bytes());
        }
        bytes
    }

    /// Whom the server has its time from, as far as four bytes can say: at
    /// stratum 1 the kind of its clock, above it an address, or, over IPv6, a
    /// hash of one (RFC 5905, section 7.3).
    pub fn reference(&self) -> String {
        let [a, b, c, d] = self.reference_id;
        if self.stratum <= 1 { code(self.reference_id) } else { format!("{a}.{b}.{c}.{d}") }
    }
}

pub fn mode_name(mode: u8) -> &'static str {
    match mode {
        1 => "symmetric active",
        2 => "symmetric passive",
        3 => "client",
        4 => "server",
        5 => "broadcast",
        6 => "control",
        7 => "private",
        _ => "reserved",
    }
}

/// Four letters, the last ones perhaps missing; whatever else stands there is escaped.
pub(super) fn code(bytes: [u8; 4]) -> String {
    let end = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    bytes[..end].escape_ascii().to_string()
}

/// Captured with tcpdump on loopback: chronyd 4.3 asks another chronyd, which
/// has `local stratum 3`.
#[cfg(test)]
pub(super) mod golden {
    use super::LENGTH;

    pub const REQUEST: &str = "230006200000000000000000000000000000000000000000\
        00000000000000000000000000000000e64909cca6f78c1d";
    pub const REPLY: &str = "240306e700000000000000007f7f0101eeabf99e172a7e7f\
        e64909cca6f78c1deeabf99fc482fc63eeabf99fc48d575a";

    pub fn bytes(hex: &str) -> [u8; LENGTH] {
        std::array::from_fn(|at| {
            u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).expect("hex digits")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use golden::{REPLY, REQUEST, bytes};
    use proptest::prelude::*;

    #[test]
    fn chronys_reply_is_read_field_by_field() {
        let packet = Packet::parse(&bytes(REPLY)).unwrap();
        let expected = Packet {
            leap: Leap::None,
            version: 4,
            mode: SERVER,
            stratum: 3,
            poll: 6,
            precision: -25,
            root_delay: Short(0),
            root_dispersion: Short(0),
            reference_id: [127, 127, 1, 1],
            reference_time: Timestamp(0xeeabf99e_172a7e7f),
            origin: Timestamp(0xe64909cc_a6f78c1d),
            receive: Timestamp(0xeeabf99f_c482fc63),
            transmit: Timestamp(0xeeabf99f_c48d575a),
        };
        assert_eq!(packet, expected);
        assert_eq!(packet.reference(), "127.127.1.1");
        assert_eq!(packet.emit(), bytes(REPLY));
    }

    #[test]
    fn our_request_is_chronys_but_for_what_chrony_tells_of_itself() {
        let chronys = Packet::parse(&bytes(REQUEST)).unwrap();
        let ours = Packet::request(chronys.transmit);
        assert_eq!(Packet { poll: 6, precision: 32, ..ours }, chronys);
    }

    #[test]
    fn a_reference_id_is_shown_as_its_stratum_says() {
        let packet = |stratum, reference_id| Packet { stratum, reference_id, ..Packet::default() };
        assert_eq!(packet(1, *b"GPS\0").reference(), "GPS");
        assert_eq!(packet(0, *b"RATE").reference(), "RATE");
        assert_eq!(packet(1, *b"\x1b[2J").reference(), "\\x1b[2J");
        assert_eq!(packet(2, *b"GPS\0").reference(), "71.80.83.0");
    }

    proptest! {
        #[test]
        fn any_48_bytes_come_back_as_they_were(bytes: [[u8; 24]; 2]) {
            let bytes = bytes.concat();
            let packet = Packet::parse(&bytes).unwrap();
            prop_assert_eq!(&packet.emit()[..], &bytes[..]);
        }

        #[test]
        fn fewer_than_48_bytes_are_no_packet(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
            let error = Error::TooShort { what: "an NTP packet", needed: 48, found: bytes.len() };
            prop_assert_eq!(Packet::parse(&bytes), Err(error));
        }
    }
}
