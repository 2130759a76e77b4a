//! Messages made to do harm, and a million that are only spoilt.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use super::error::{Error, Fault};
use super::fields::fields;
use super::golden;
use super::message::Message;

/// A reply with one answer whose name and data are given: `lab.` stands at
/// byte 12, the answer's name at 21.
fn answer(name: &[u8], kind: u16, length: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 1, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0];
    bytes.extend(b"\x03lab\0\0\x01\0\x01");
    bytes.extend(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0, 1, 0, 0, 0, 9]);
    bytes.extend(length.to_be_bytes());
    bytes.extend(data);
    bytes
}

fn fault(bytes: &[u8]) -> (usize, Fault) {
    let error = Message::parse(bytes).unwrap_err();
    // What explains a message says the same of it.
    assert_eq!(fields(bytes).1, Some(error));
    let Error { offset, fault } = error;
    (offset, fault)
}

#[test]
fn pointers_lead_only_backward_and_never_into_the_header() {
    assert!(Message::parse(&answer(b"\xc0\x0c", 1, 4, b"\x7f\0\0\x01")).is_ok());
    for (name, expected) in [
        (b"\xc0\x15" as &[u8], Fault::PointerNotBackward { to: 21 }),
        (b"\xc0\x17", Fault::PointerNotBackward { to: 23 }),
        (b"\xff\xff", Fault::PointerNotBackward { to: 16_383 }),
        (b"\xc0\x04", Fault::PointerIntoHeader { to: 4 }),
        (b"\x40", Fault::LabelType(0x40)),
        (b"\x80", Fault::LabelType(0x80)),
    ] {
        assert_eq!(fault(&answer(name, 1, 4, b"\x7f\0\0\x01")), (21, expected));
    }
    // To the beginning of the very name that the pointer ends.
    let expected = (22 + 3, Fault::PointerNotBackward { to: 21 });
    assert_eq!(fault(&answer(b"\x03abc\xc0\x15", 1, 4, b"\x7f\0\0\x01")), expected);
}

#[test]
fn pointers_to_pointers_have_an_end() {
    // In the data of an unknown type stand two-byte pointers, each to the one
    // before it; the second answer's name begins with the last of them.
    let chain = |pointers: u16| {
        let data: Vec<u8> = (0..pointers)
            .flat_map(|number| {
                let to = if number == 0 { 12 } else { 33 + 2 * (number - 1) };
                (0xc000 | to).to_be_bytes()
            })
            .collect();
        let mut bytes = answer(b"\xc0\x0c", 65_280, 2 * pointers, &data);
        bytes[7] = 2;
        bytes.extend((0xc000 | (33 + 2 * (pointers - 1))).to_be_bytes());
        bytes.extend([0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 127, 0, 0, 1]);
        bytes
    };
    assert_eq!(Message::parse(&chain(126)).unwrap().answers[1].name.to_string(), "lab.");
    assert_eq!(fault(&chain(127)).1, Fault::TooManyPointers);
}

#[test]
fn a_name_has_at_most_255_bytes() {
    let label = [&[63][..], &[b'x'; 63]].concat();
    let name =
        |last: usize| [&label.repeat(3)[..], &[last as u8], &vec![b'x'; last], &[0]].concat();
    assert!(Message::parse(&answer(&name(61), 1, 4, b"\x7f\0\0\x01")).is_ok());
    assert_eq!(fault(&answer(&name(62), 1, 4, b"\x7f\0\0\x01")).1, Fault::NameTooLong);
    let long = [&label.repeat(3)[..], &[58], &[b'x'; 58], b"\xc0\x0c"].concat();
    assert_eq!(fault(&answer(&long, 1, 4, b"\x7f\0\0\x01")).1, Fault::NameTooLong);
}

#[test]
fn rdlength_says_exactly_what_the_data_has() {
    let kind = |kind| super::RecordType(kind);
    let end = |field, needs, has| Fault::End { field, needs, has };
    for (number, length, data, expected) in [
        (1, 3, b"\x7f\0\0\x01" as &[u8], end("an A record", 4, 3)),
        (1, 5, b"\x7f\0\0\x01\x01", Fault::DataLeftOver { kind: kind(1), left: 1 }),
        (1, 5, b"\x7f\0\0\x01", end("a record's data", 5, 4)),
        (28, 4, b"\x7f\0\0\x01", end("an AAAA record", 16, 4)),
        (15, 2, b"\0\x0a\xc0\x0c", end("a label", 1, 0)),
        (15, 3, b"\0\x0a\xc0\x0c", end("a compression pointer", 1, 0)),
        (15, 6, b"\0\x0a\xc0\x0c\0\0", Fault::DataLeftOver { kind: kind(15), left: 2 }),
        (2, 3, b"\x03abc\0", end("a label", 3, 2)),
        (16, 0, b"", Fault::NoText),
        (16, 3, b"\x03ab", end("a TXT record's string", 3, 2)),
        (257, 2, b"\0\0", Fault::NoTag),
        (257, 4, b"\0\x05ab", end("a CAA record's tag", 5, 2)),
    ] {
        assert_eq!(fault(&answer(b"\xc0\x0c", number, length, data)).1, expected);
    }
    let mut trailing = answer(b"\xc0\x0c", 1, 4, b"\x7f\0\0\x01");
    trailing.push(0);
    assert_eq!(fault(&trailing), (37, Fault::Trailing { bytes: 1 }));
}

#[test]
fn opt_is_one_has_no_name_and_stands_in_the_additional_section() {
    let opt: &[u8] = b"\0\0\x29\x04\xd0\0\0\0\0\0\0";
    let mut query = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
    query.extend([opt, opt].concat());
    assert_eq!(fields(&query).1, None, "an explainer shows both");
    let error = Message::parse(&query).unwrap_err();
    assert_eq!(error, Error { offset: 23, fault: Fault::SecondOpt });
    let mut query = vec![0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    query.extend([b"\x01x", opt].concat());
    assert_eq!(Message::parse(&query).unwrap_err().fault, Fault::OptWithName);
    let mut query = vec![0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0];
    query.extend(opt);
    let error = Message::parse(&query).unwrap_err();
    assert_eq!(error, Error { offset: 12, fault: Fault::OptElsewhere });
}

#[test]
fn a_reply_cut_off_is_still_known_as_truncated() {
    let whole = golden::bytes(golden::TXT);
    for length in 0..whole.len() {
        assert!(Message::parse(&whole[..length]).is_err(), "{length}");
    }
    let mut cut = whole.clone();
    cut[2] |= 0x02;
    // From the end of the question on.
    for length in 26..whole.len() {
        let message = Message::parse(&cut[..length]).unwrap();
        assert!(message.header.truncated && message.answers.len() <= 1);
    }
    assert!(Message::parse(&cut[..25]).is_err());
}

#[test]
fn an_error_says_where_and_what_in_words() {
    for (bytes, words) in [
        (
            answer(b"\xc0\x15", 1, 0, b""),
            "at byte 21: a name's compression pointer leads to byte 21",
        ),
        (answer(b"\xc0\x0c", 1, 3, b"abc"), "at byte 33: an A record needs 4 bytes, and only 3"),
        (vec![0; 5], "at byte 4: a count needs 2 bytes, and only 1 are left"),
    ] {
        let said = Message::parse(&bytes).unwrap_err().to_string();
        assert!(said.starts_with(words), "{said}");
    }
}

/// A captured message, some of its bytes changed, or a piece of one laid over
/// another; or nothing but chance behind a header.
fn spoil(random: &mut ChaCha8Rng, golden: &[Vec<u8>], packet: &mut Vec<u8>) {
    let mut below = |most: usize| random.next_u32() as usize % most;
    packet.clear();
    packet.extend_from_slice(&golden[below(golden.len())]);
    for _ in 0..below(4) {
        let at = below(packet.len());
        packet[at] = match below(3) {
            0 => below(256) as u8,
            1 => packet[at] ^ 1 << below(8),
            // What a pointer begins with.
            _ => 0xc0,
        };
    }
    match below(8) {
        0 => packet.truncate(below(packet.len())),
        1 => {
            let other = &golden[below(golden.len())];
            let from = below(other.len().min(packet.len()));
            packet.truncate(from);
            packet.extend_from_slice(&other[from..]);
        }
        2 => {
            let length = 12 + below(60);
            packet.resize(length, 0);
            random.fill_bytes(&mut packet[12..]);
        }
        _ => {}
    }
}

#[test]
fn a_million_spoilt_packets_cause_no_panic() {
    let golden = golden::ALL.map(golden::bytes);
    let query = Message::parse(&golden[0]).unwrap();
    let spoilt = &|seed: u64, rounds: u32| {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut packet = Vec::new();
        let (mut good, mut bad) = (0, 0);
        for round in 0..rounds {
            spoil(&mut random, &golden, &mut packet);
            match Message::parse(&packet) {
                Ok(message) => {
                    good += 1;
                    let _ = message.answers(&query);
                    let _ = message.says(&query.questions[0]);
                    // What was read can be emitted, and says the same again.
                    // That takes its time, and so it is done for some.
                    if round % 16 == 0 {
                        let bytes = message.emit().unwrap();
                        assert_eq!(Message::parse(&bytes).as_ref(), Ok(&message));
                    }
                }
                Err(error) => {
                    bad += 1;
                    assert!(error.offset <= packet.len());
                }
            }
            if round % 16 == 0 {
                let _ = fields(&packet);
            }
        }
        (good, bad)
    };
    let counts = std::thread::scope(|scope| {
        let halves = [5, 6].map(|seed| scope.spawn(move || spoilt(seed, 500_000)));
        halves.map(|half| half.join().unwrap())
    });
    for (good, bad) in counts {
        assert!(good > 100_000 && bad > 100_000, "{good} good, {bad} bad");
    }
}
