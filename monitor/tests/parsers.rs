//! A million random and mutated packets through each parser, without a panic.

#[path = "../../fuzz/parsers.rs"]
mod parsers;

use std::{panic, thread};

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

const PACKETS: u32 = 1_000_000;

/// Captured with tcpdump on loopback from ping, nc, dig and our own programs.
const GOLDEN: &[&[u8]] = &[
    // `ping -c 1 -s 5 -p 61 -e 4660 127.0.0.1`, and the message alone.
    b"\x45\0\0\x21\x1a\xa3\x40\0\x40\x01\x22\x37\x7f\0\0\x01\x7f\0\0\x01\x08\0\x84\xca\x12\x34\0\x01a\0\0\0\0",
    b"\x08\0\x84\xca\x12\x34\0\x01a\0\0\0\0",
    // `echo hello | nc -u 127.0.0.1 9`, the datagram alone, and the error that came back.
    b"\x45\0\0\x22\xc4\xf8\x40\0\x40\x11\x77\xd0\x7f\0\0\x01\x7f\0\0\x01\x9b\xd1\0\x09\0\x0e\xfe\x21hello\n",
    b"\x9b\xd1\0\x09\0\x0e\xfe\x21hello\n",
    b"\x03\x03\xd9\x2a\0\0\0\0\x45\0\0\x22\xc4\xf8\x40\0\x40\x11\x77\xd0\x7f\0\0\x01\x7f\0\0\x01\x9b\xd1\0\x09\0\x0e\xfe\x21hello\n",
    // A datagram over IPv6, with a hop-by-hop header put in front of it by hand.
    b"\x60\0\0\0\0\x16\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x11\0\0\0\0\0\0\0\x9b\xd1\0\x09\0\x0e\xfe\x21hello\n",
    // The server's half of a connection's opening and its LOST, on loopback.
    b"\x45\0\0\x28\x1a\xa3\x40\0\x40\x06\x22\x2b\x7f\0\0\x01\x7f\0\0\x01\x2f\x12\xaf\xce\xd7\xf1\x6d\xed\xcb\xc3\xca\xea\x50\x18\0\x40\0\0\0\0LOST",
    b"\x2f\x12\xaf\xce\xd7\xf1\x6d\xed\xcb\xc3\xca\xea\x60\x12\xff\xcb\0\0\0\0\x02\x04\xff\xd7",
    b"PING 1 2026-11-21T09:09:47.739633Z ABCDE",
    b"1 1795000000.123456",
    // `dig web.lab.test A`.
    b"\xe6\x57\x01\x20\0\x01\0\0\0\0\0\x01\x03web\x03lab\x04test\0\0\x01\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\0",
    // A client's NTP request.
    b"\x23\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xee\xaa\x11\x22\x33\x44\x55\x66",
];

/// Makes packets: random ones, and golden ones with something wrong.
struct Packets {
    random: ChaCha8Rng,
    packet: Vec<u8>,
}

impl Packets {
    fn below(&mut self, end: usize) -> usize {
        self.random.next_u32() as usize % end.max(1)
    }

    fn next(&mut self) -> &[u8] {
        self.packet.clear();
        if self.below(8) == 0 {
            let length = self.below(100);
            self.packet.resize(length, 0);
            self.random.fill_bytes(&mut self.packet);
            return &self.packet;
        }
        let golden = GOLDEN[self.below(GOLDEN.len())];
        self.packet.extend_from_slice(golden);
        for _ in 0..=self.below(3) {
            let length = self.packet.len();
            let at = self.below(length);
            match self.below(6) {
                0 if length > 0 => self.packet[at] ^= 1 << (at % 8),
                1 if length > 0 => self.packet[at] = self.random.next_u32() as u8,
                // Most lengths and counts stand among the first bytes.
                2 if length > 8 => {
                    self.packet[at % 8] = [0, 1, 0x7f, 0xff][self.random.next_u32() as usize % 4]
                }
                3 => self.packet.truncate(at),
                4 => {
                    let more = self.below(40);
                    self.packet.resize(length + more, at as u8);
                }
                _ if length > 1 => self.packet.copy_within(..length / 2, length - length / 2),
                _ => {}
            }
        }
        &self.packet
    }
}

type Parser = fn(&[u8]);

/// Puts so many packets through each of these parsers, a quarter of them in
/// each of four threads. A panic is told with its packet.
fn survive(packets: u32, parsers: &[(&str, Parser)]) {
    thread::scope(|scope| {
        for seed in 0..4 {
            scope.spawn(move || {
                let random = ChaCha8Rng::seed_from_u64(seed);
                let mut source = Packets { random, packet: Vec::new() };
                for _ in 0..packets / 4 {
                    let packet = source.next();
                    for (name, parser) in parsers {
                        let outcome = panic::catch_unwind(|| parser(packet));
                        assert!(outcome.is_ok(), "{name}: {packet:02x?}");
                    }
                }
            });
        }
    });
}

#[test]
fn a_million_packets_through_each_parser() {
    survive(
        PACKETS,
        &[
            ("ipv4", parsers::ipv4),
            ("ipv6", parsers::ipv6),
            ("icmp", parsers::icmp),
            ("icmp_error", parsers::icmp_error),
            ("udp", parsers::udp),
            ("line", parsers::line),
            ("text", parsers::text),
        ],
    );
}

/// A page is a thousand times the work of a header: in every run only so many,
/// and a million with `cargo test --release --test parsers -- --ignored`.
#[test]
fn thousands_of_packets_on_pages() {
    survive(4_000, &[("explain", parsers::explain)]);
}

#[test]
#[ignore = "takes minutes"]
fn a_million_packets_on_pages() {
    survive(PACKETS, &[("explain", parsers::explain)]);
}

/// Their own tests put a million packets through them; here the checks are
/// checked that the fuzz targets make.
#[test]
fn thousands_of_packets_through_dns_and_ntp() {
    survive(40_000, &[("dns", parsers::dns), ("ntp", parsers::ntp)]);
}
