//! What every parser has to stand, whatever the bytes: no panic, and what it
//! reads comes out of the emitter as it went in. The fuzz targets call these
//! functions, and so does `monitor/tests/parsers.rs`.

#![allow(dead_code)] // A fuzz target calls one of them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::SystemTime;

use monitor::wire::{dns, ntp};
use packets::explain::{Page, WIDTH, flip};
use packets::icmp::{Body, Message, Version};
use packets::paint::Painter;
use packets::quoted::Quoted;
use packets::{checksum, heartbeat, icmp, ping, tcp_ping};

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

/// The IPv4 header, and the checksum word by word.
pub fn ipv4(bytes: &[u8]) {
    let by_hand = checksum::words(bytes).fold(0, |sum, word| checksum::add(sum, word).0);
    assert_eq!(by_hand, checksum::sum(&[bytes]));
    if let Ok((header, payload)) = packets::ipv4::Header::parse(bytes) {
        let mut made = Vec::new();
        header.emit(&mut made);
        let length = header.length();
        assert!(length + payload.len() <= bytes.len() && checksum::is_right(&[&made]));
        // All comes back but the checksum and the reserved bit.
        assert_eq!(made[..6], bytes[..6]);
        assert_eq!([made[6], made[7]], [bytes[6] & 0x7f, bytes[7]]);
        assert_eq!([&made[8..10], &made[12..]], [&bytes[8..10], &bytes[12..length]]);
    }
}

pub fn ipv6(bytes: &[u8]) {
    if let Ok((header, payload)) = packets::ipv6::Header::parse(bytes) {
        let mut made = Vec::new();
        header.emit(&mut made);
        assert_eq!(made, bytes[..40]);
        if let Some((_, rest)) = header.upper_layer(payload) {
            assert!(rest.len() <= payload.len());
        }
    }
}

pub fn icmp(bytes: &[u8]) {
    for (version, address) in [(Version::V4, V4), (Version::V6, V6)] {
        let mut message = bytes.to_vec();
        icmp::set_checksum(address, address, &mut message);
        assert!(message.len() < 4 || icmp::is_right(address, address, &message));
        let Ok(parsed) = Message::parse(version, &message) else { continue };
        if let Body::EchoRequest(echo) | Body::EchoReply(echo) = parsed.body {
            let mut made = Vec::new();
            echo.emit(version, parsed.kind, &mut made);
            // The code has to be 0, and is not looked at.
            assert_eq!((made[0], &made[4..]), (message[0], &message[4..]));
        }
    }
}

/// ICMP errors, and the packets that they quote.
pub fn icmp_error(bytes: &[u8]) {
    for version in [Version::V4, Version::V6] {
        let _ = Quoted::parse(version, bytes);
        let Ok(Message { body: Body::Error(error), .. }) = Message::parse(version, bytes) else {
            continue;
        };
        assert!(!error.problem.to_string().is_empty());
        let _ = (error.problem.next_hop_mtu(), error.problem.pointer(), error.problem.is_hard());
        if let Ok(quoted) = Quoted::parse(version, error.quoted) {
            assert!(quoted.bytes.len() <= error.quoted.len());
        }
        let mut made = Vec::new();
        error.emit(&mut made);
        assert_eq!((&made[..2], &made[4..]), (&bytes[..2], &bytes[4..]));
    }
}

pub fn udp(bytes: &[u8]) {
    use packets::udp::{Header, emit, is_right};
    for address in [V4, V6] {
        let _ = is_right(address, address, bytes);
    }
    if let Ok((header, payload)) = Header::parse(bytes) {
        let mut made = Vec::new();
        emit((V4, header.source_port), (V4, header.destination_port), payload, &mut made);
        assert!(is_right(V4, V4, &made) && made.len() <= bytes.len());
        assert_eq!((&made[..4], &made[8..]), (&bytes[..4], payload));
    }
}

/// A packet in its line, with the TCP header behind it, and in its block of a file.
pub fn line(bytes: &[u8]) {
    if let Ok((header, payload)) = packets::tcp::Header::parse(bytes) {
        assert!(20 + header.options.len() + payload.len() == bytes.len());
        assert!(!header.flags_in_letters().is_empty());
    }
    if let Some(line) = packets::line::Line::of(bytes) {
        let text = line.to_string();
        assert!(text.starts_with("IP") && !text.contains(char::is_control), "{text:?}");
        let (length, comment) = (bytes.len(), line.damage());
        let packet = packets::pcapng::Packet { interface: 0, ns: 0, bytes, length, comment };
        let block = packet.block();
        assert!(block.len().is_multiple_of(4) && block[28..28 + length] == *bytes);
    }
}

/// Pages: no line too long, nothing that moves the cursor, and a verdict that
/// the codecs share.
pub fn explain(bytes: &[u8]) {
    let pages = [
        Page::ip_packet(bytes),
        Page::icmp_message(V4, V4, bytes),
        Page::icmp_message(V6, V6, bytes),
        Page::udp_datagram(SocketAddr::new(V4, 1), SocketAddr::new(V4, 2), bytes),
        Page::udp_datagram(SocketAddr::new(V6, 1), SocketAddr::new(V6, 2), bytes),
    ];
    for page in &pages {
        for line in page.lines(Painter::plain()) {
            assert!(line.chars().count() <= WIDTH && !line.contains(char::is_control), "{line:?}");
        }
        let _ = page.json();
    }
    if bytes.len() >= 8 {
        let right = pages[1].sums[0].verdict == packets::explain::SumVerdict::Right;
        assert_eq!(right, icmp::is_right(V4, V4, bytes));
        let bit = usize::from(u16::from_be_bytes([bytes[0], bytes[1]]));
        let _ = flip::icmp_echo(V6, V6, bytes, bit % (8 * bytes.len()));
        let host = SocketAddr::new(V4, 7);
        let _ = flip::udp(host, host, bytes, bit % (8 * bytes.len()));
    }
}

/// The messages that are lines of text: ping, heartbeat, TCP ping.
pub fn text(bytes: &[u8]) {
    if let Some(seq) = ping::sequence(bytes) {
        assert!(bytes.starts_with(b"PING ") && String::from_utf8_lossy(bytes).contains(' '));
        assert!(seq < u64::MAX || bytes.len() > 20);
    }
    let mut reply = bytes.to_vec();
    ping::reply_to(&mut reply);
    assert!(reply.len() == bytes.len() && reply.eq_ignore_ascii_case(bytes));
    let request = &bytes[..bytes.len() / 2];
    let _ = tcp_ping::judge(bytes, request);
    let _ = tcp_ping::is_beginning(bytes, request);
    if let Some(beat) = heartbeat::Beat::parse(bytes) {
        assert!(heartbeat::Beat::parse(beat.emit().as_bytes()).is_some());
    }
    if let Some(answer) = heartbeat::Reply::parse(bytes) {
        assert!(heartbeat::Reply::parse(answer.emit().as_bytes()).is_some());
    }
}

pub fn dns(bytes: &[u8]) {
    for field in dns::fields::fields(bytes).0 {
        assert!(field.bytes.end <= bytes.len() && !field.meaning.contains(char::is_control));
    }
    if let Ok(message) = dns::message::Message::parse(bytes)
        && let Ok(made) = message.emit()
    {
        assert!(dns::message::Message::parse(&made).is_ok());
    }
}

pub fn ntp(bytes: &[u8]) {
    let _ = ntp::fields::fields(bytes, SystemTime::UNIX_EPOCH);
    if let Ok(packet) = ntp::packet::Packet::parse(bytes) {
        assert_eq!(packet.emit()[..], bytes[..48]);
    }
}
