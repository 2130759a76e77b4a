//! A message taken apart byte by byte, as far as it can be, for an annotated dump.

use super::codes::{Class, Opcode, Rcode, RecordType};
use super::data::Data;
use super::edns::Edns;
use super::error::{Error, Fault};
use super::header;
use super::message::Question;
use super::name::Name;
use super::reader::Reader;
use super::record::RawRecord;
use crate::wire::field::Field;

/// The fields of a message in order, and what is wrong where they end early.
pub fn fields(message: &[u8]) -> (Vec<Field>, Option<Error>) {
    let mut fields = Vec::new();
    let error = walk(&mut Reader::new(message), &mut fields).err();
    (fields, error)
}

fn walk(reader: &mut Reader, fields: &mut Vec<Field>) -> Result<(), Error> {
    let parts = header::Parts::read(reader)?;
    header_fields(reader.message, &parts, fields);
    let [questions, answers, authorities, additionals] = parts.counts;
    for number in 1..=questions {
        let begin = reader.at;
        let question = Question::read(reader)?;
        let end = reader.at;
        let who = format!("question {number}");
        let [name, kind] = [begin..end - 4, end - 4..end - 2];
        fields.push(Field::new(name, format!("{who} name"), question.name));
        fields.push(Field::new(kind, format!("{who} type"), show_type(question.kind)));
        fields.push(Field::new(end - 2..end, format!("{who} class"), show_class(question.class)));
    }
    for (section, count) in
        [("answer", answers), ("authority", authorities), ("additional", additionals)]
    {
        for number in 1..=count {
            record_fields(reader, &format!("{section} {number}"), fields)?;
        }
    }
    match reader.left() {
        0 => Ok(()),
        bytes => Err(reader.error(Fault::Trailing { bytes })),
    }
}

fn header_fields(message: &[u8], parts: &header::Parts, fields: &mut Vec<Field>) {
    let header = &parts.header;
    let flag = |set: bool, meaning: &str| match set {
        true => format!("1: {meaning}"),
        false => "0".to_string(),
    };
    fields.push(Field::new(0..2, "identifier", format!("0x{:04x}", header.id)));
    let qr = if header.response { "1: a reply" } else { "0: a query" };
    fields.push(Field::new(2..3, "QR", qr));
    let Opcode(opcode) = header.opcode;
    fields.push(Field::new(2..3, "opcode", format!("{opcode} {}", header.opcode)));
    for (at, name, set, meaning) in [
        (2, "AA", header.authoritative, "the server answers for this zone itself"),
        (2, "TC", header.truncated, "truncated, ask again over TCP"),
        (2, "RD", header.recursion_desired, "recursion desired"),
        (3, "RA", header.recursion_available, "recursion available"),
        // Read from the byte: a bit that has to be 0, and that no struct keeps.
        (3, "Z", message[3] & 0x40 != 0, "reserved, and not 0 as it has to be"),
        (3, "AD", header.authentic_data, "the server has checked the signatures"),
        (3, "CD", header.checking_disabled, "signatures need not be checked"),
    ] {
        fields.push(Field::new(at..at + 1, name, flag(set, meaning)));
    }
    let rcode = Rcode(u16::from(parts.rcode));
    let meaning = format!("{} {rcode}: {}", parts.rcode, rcode.meaning());
    fields.push(Field::new(3..4, "RCODE", meaning));
    let names = ["questions", "answers", "authority records", "additional records"];
    for (place, (name, count)) in names.into_iter().zip(parts.counts).enumerate() {
        let at = 4 + 2 * place;
        fields.push(Field::new(at..at + 2, name, count));
    }
}

fn record_fields(reader: &mut Reader, who: &str, fields: &mut Vec<Field>) -> Result<(), Error> {
    let begin = reader.at;
    // The name first, so that it is shown also where the rest is missing.
    let name = Name::read(&mut reader.clone())?;
    let mut raw = RawRecord::read(reader)?;
    let data = raw.data.at..raw.data.end;
    let fixed = data.start - 10;
    let at = |from: usize, to: usize| fixed + from..fixed + to;
    let mut push = |bytes, name: &str, meaning: String| {
        fields.push(Field::new(bytes, format!("{who} {name}"), meaning));
    };
    push(begin..fixed, "name", name.to_string());
    push(at(0, 2), "type", show_type(raw.kind));
    if raw.kind == RecordType::OPT && who.starts_with("additional") {
        let (edns, upper) = Edns::read(raw.class.0, raw.ttl, &mut raw.data)?;
        push(at(2, 4), "UDP size", format!("{} bytes can be received", edns.udp_size));
        push(at(4, 5), "RCODE, upper bits", upper.to_string());
        push(at(5, 6), "EDNS version", edns.version.to_string());
        let meaning = if edns.dnssec_ok { "DO: send signatures as well" } else { "none" };
        push(at(6, 8), "EDNS flags", meaning.to_string());
        push(at(8, 10), "RDLENGTH", data.len().to_string());
        let mut option = data.start;
        for (code, content) in &edns.options {
            let end = option + 4 + content.len();
            let hex: String = content.iter().map(|byte| format!("{byte:02x}")).collect();
            push(option..end, "EDNS option", format!("{code}{} {hex}", option_name(*code)));
            option = end;
        }
        return Ok(());
    }
    push(at(2, 4), "class", show_class(raw.class));
    push(at(4, 8), "TTL", format!("{} s", raw.ttl));
    push(at(8, 10), "RDLENGTH", data.len().to_string());
    let said = Data::read(&mut raw.data, raw.kind, raw.class)?;
    push(data, "data", said.to_string());
    Ok(())
}

fn show_type(kind: RecordType) -> String {
    format!("{} {kind}", kind.0)
}

fn show_class(class: Class) -> String {
    format!("{} {class}", class.0)
}

fn option_name(code: u16) -> &'static str {
    match code {
        3 => " NSID",
        8 => " client subnet",
        10 => " cookie",
        12 => " padding",
        15 => " extended error",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden;
    use super::*;

    #[test]
    fn options_have_their_names_and_the_bit_that_is_0_is_told_if_it_is_not() {
        let named = [3, 8, 10, 12, 15, 99].map(option_name);
        let names = [" NSID", " client subnet", " cookie", " padding", " extended error", ""];
        assert_eq!(named, names);
        let mut message = golden::bytes(golden::MX);
        let z = |message: &[u8]| {
            fields(message).0.iter().filter(|f| f.meaning.contains("not 0 as it has to be")).count()
        };
        assert_eq!(z(&message), 0);
        message[3] |= 0x40;
        assert_eq!(z(&message), 1);
    }

    #[test]
    fn a_captured_reply_is_taken_apart_with_its_offsets() {
        let (fields, error) = fields(&golden::bytes(golden::MX));
        assert_eq!(error, None);
        let told: Vec<(usize, usize, &str, &str)> = fields
            .iter()
            .map(|field| (field.bytes.start, field.bytes.end, &field.name[..], &field.meaning[..]))
            .collect();
        for expected in [
            (0, 2, "identifier", "0x079f"),
            (2, 3, "QR", "1: a reply"),
            (2, 3, "AA", "1: the server answers for this zone itself"),
            (3, 4, "RCODE", "0 NOERROR: no error"),
            (6, 8, "answers", "1"),
            (12, 22, "question 1 name", "lab.test."),
            (22, 24, "question 1 type", "15 MX"),
            (24, 26, "question 1 class", "1 IN"),
            (26, 28, "answer 1 name", "lab.test."),
            (28, 30, "answer 1 type", "15 MX"),
            (32, 36, "answer 1 TTL", "600 s"),
            (36, 38, "answer 1 RDLENGTH", "17"),
            (38, 55, "answer 1 data", "10 mail.lab.test."),
            (91, 93, "additional 1 UDP size", "1232 bytes can be received"),
        ] {
            assert!(told.contains(&expected), "{expected:?} is not among {told:#?}");
        }
    }

    #[test]
    fn a_spoilt_message_is_taken_apart_up_to_where_it_is_spoilt() {
        let mut bytes = golden::bytes(golden::MX);
        bytes[38 + 1 + 1] = 0x80;
        let (fields, error) = fields(&bytes);
        assert_eq!(error.map(|error| error.offset), Some(40));
        assert_eq!(fields.last().unwrap().name, "answer 1 RDLENGTH");
    }

    #[test]
    fn a_dns_query_is_set_field_by_field() {
        let query = [0xe6, 0x57, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 3, b'w', b'e', b'b', 0, 0, 1, 0, 1];
        let (fields, error) = fields(&query);
        assert_eq!(error, None);
        let on_a_page =
            |field: Field| packets::explain::Field::new(field.bytes, field.name, field.meaning, "");
        let fields: Vec<_> = fields.into_iter().map(on_a_page).collect();
        let text =
            packets::explain::dump(&query, &fields, packets::paint::Painter::plain()).join("\n");
        let name = "
  000c  03 77 65 62  question 1 name    web.
  0010  00
  0011  00 01        question 1 type    1 A";
        assert!(text.contains(name), "{text}");
        let flags = "
  0002  01           QR                 0: a query
                     opcode             0 QUERY";
        assert!(text.contains(flags), "{text}");
    }
}
