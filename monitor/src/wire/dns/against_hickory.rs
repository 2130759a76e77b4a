//! Our messages read by hickory-proto, and hickory's by us: any message has to
//! come through both ways unchanged.

use hickory_proto::op::{self, MessageType};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{self, RData};
use proptest::collection::vec;
use proptest::prelude::*;

use super::codes::{Class, Opcode, Rcode, RecordType};
use super::data::{Data, Soa};
use super::edns::Edns;
use super::golden;
use super::header::Header;
use super::message::{Message, Question};
use super::name::Name;
use super::record::Record;

fn name() -> impl Strategy<Value = Name> {
    // Few labels, so that names share their ends; all bytes, also in the text.
    let label = prop_oneof![
        4 => Just(b"lab".to_vec()),
        4 => Just(b"LAB".to_vec()),
        2 => vec(any::<u8>(), 1..=63),
    ];
    vec(label, 0..=3).prop_map(|labels| {
        let label = |label: &Vec<u8>| -> String {
            label.iter().map(|byte| format!("\\{byte:03}")).chain([".".to_string()]).collect()
        };
        let text: String = labels.iter().map(label).collect();
        if text.is_empty() { Name::root() } else { text.parse().unwrap() }
    })
}

fn data() -> impl Strategy<Value = Data> {
    let bytes = |most: usize| vec(any::<u8>(), 0..=most);
    prop_oneof![
        any::<[u8; 4]>().prop_map(|bytes| Data::A(bytes.into())),
        any::<[u8; 16]>().prop_map(|bytes| Data::Aaaa(bytes.into())),
        name().prop_map(Data::Ns),
        name().prop_map(Data::Cname),
        name().prop_map(Data::Ptr),
        (any::<u16>(), name()).prop_map(|(preference, exchange)| Data::Mx { preference, exchange }),
        (name(), name(), any::<[u32; 5]>()).prop_map(|(mname, rname, numbers)| {
            let [serial, refresh, retry, expire, minimum] = numbers;
            Data::Soa(Soa { mname, rname, serial, refresh, retry, expire, minimum })
        }),
        vec(bytes(255), 1..4).prop_map(Data::Txt),
        (any::<[u16; 3]>(), name()).prop_map(|([priority, weight, port], target)| {
            Data::Srv { priority, weight, port, target }
        }),
        (any::<u8>(), "[a-z0-9]{1,15}", bytes(40)).prop_map(|(flags, tag, value)| Data::Caa {
            flags,
            tag: tag.into(),
            value
        }),
        // Hickory takes no empty data, which RFC 3597 allows, and has a
        // meaning of its own for 65305.
        (65_400u16..=65_534, vec(any::<u8>(), 1..=40))
            .prop_map(|(kind, bytes)| Data::Other { kind: RecordType(kind), bytes }),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    (name(), 0u32..1 << 31, data()).prop_map(|(name, ttl, data)| Record::new(&name, ttl, data))
}

fn message() -> impl Strategy<Value = Message> {
    let edns = (512u16.., any::<bool>(), vec((65_001u16..65_500, vec(any::<u8>(), 0..20)), 0..3));
    let edns = edns.prop_map(|(udp_size, dnssec_ok, options)| Edns {
        udp_size,
        version: 0,
        dnssec_ok,
        options,
    });
    let question = (name(), 1u16..=255, prop_oneof![Just(Class::IN), Just(Class::CH)])
        .prop_filter("OPT is no question", |(_, kind, _)| *kind != 41)
        .prop_map(|(name, kind, class)| Question { name, kind: RecordType(kind), class });
    let sections = (
        vec(question, 0..3),
        vec(record(), 0..4),
        vec(record(), 0..3),
        vec(record(), 0..3),
        proptest::option::of(edns),
    );
    (any::<u16>(), any::<[bool; 7]>(), 0u16..=10, sections).prop_map(
        |(id, flags, rcode, sections)| {
            let (questions, answers, authorities, additionals, edns) = sections;
            let header = Header {
                id,
                response: flags[0],
                opcode: Opcode::QUERY,
                authoritative: flags[1],
                truncated: flags[2],
                recursion_desired: flags[3],
                recursion_available: flags[4],
                authentic_data: flags[5],
                checking_disabled: flags[6],
            };
            // More than four bits only where there is EDNS to hold them.
            let rcode = Rcode(if edns.is_some() && rcode > 5 { 16 } else { rcode });
            Message { header, rcode, questions, answers, authorities, additionals, edns }
        },
    )
}

fn our_name(name: &rr::Name) -> Name {
    let text: String = name
        .iter()
        .flat_map(|label| {
            label
                .iter()
                .map(|byte| format!("\\{byte:03}"))
                .chain([".".to_string()])
                .collect::<Vec<_>>()
        })
        .collect();
    if text.is_empty() { Name::root() } else { text.parse().unwrap() }
}

fn our_data(data: &RData) -> Data {
    match data {
        RData::A(a) => Data::A(a.0),
        RData::AAAA(aaaa) => Data::Aaaa(aaaa.0),
        RData::NS(ns) => Data::Ns(our_name(&ns.0)),
        RData::CNAME(cname) => Data::Cname(our_name(&cname.0)),
        RData::PTR(ptr) => Data::Ptr(our_name(&ptr.0)),
        RData::MX(mx) => Data::Mx { preference: mx.preference, exchange: our_name(&mx.exchange) },
        RData::SOA(soa) => Data::Soa(Soa {
            mname: our_name(&soa.mname),
            rname: our_name(&soa.rname),
            serial: soa.serial,
            refresh: soa.refresh as u32,
            retry: soa.retry as u32,
            expire: soa.expire as u32,
            minimum: soa.minimum,
        }),
        RData::TXT(txt) => Data::Txt(txt.txt_data.iter().map(|string| string.to_vec()).collect()),
        RData::SRV(srv) => Data::Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: our_name(&srv.target),
        },
        RData::CAA(caa) => Data::Caa {
            flags: caa.flags(),
            tag: caa.tag.clone().into_bytes(),
            value: caa.value.clone(),
        },
        RData::Unknown { code, rdata } => {
            Data::Other { kind: RecordType(u16::from(*code)), bytes: rdata.anything.clone() }
        }
        other => panic!("no such record was sent: {other:?}"),
    }
}

/// What hickory read, as one of our messages.
fn ours(theirs: &op::Message) -> Message {
    let records = |records: &[rr::Record]| -> Vec<Record> {
        records
            .iter()
            .map(|record| Record {
                name: our_name(&record.name),
                class: Class(u16::from(record.dns_class)),
                ttl: record.ttl,
                data: our_data(&record.data),
            })
            .collect()
    };
    let option = |option: &EdnsOption| match option {
        EdnsOption::Unknown(code, bytes) => (*code, bytes.clone()),
        other => panic!("no such option was sent: {other:?}"),
    };
    let meta = &theirs.metadata;
    Message {
        header: Header {
            id: meta.id,
            response: meta.message_type == MessageType::Response,
            opcode: Opcode(u8::from(meta.op_code)),
            authoritative: meta.authoritative,
            truncated: meta.truncation,
            recursion_desired: meta.recursion_desired,
            recursion_available: meta.recursion_available,
            authentic_data: meta.authentic_data,
            checking_disabled: meta.checking_disabled,
        },
        rcode: Rcode(u16::from(meta.response_code)),
        questions: theirs
            .queries
            .iter()
            .map(|query| Question {
                name: our_name(&query.name),
                kind: RecordType(u16::from(query.query_type)),
                class: Class(u16::from(query.query_class)),
            })
            .collect(),
        answers: records(&theirs.answers),
        authorities: records(&theirs.authorities),
        additionals: records(&theirs.additionals),
        edns: theirs.edns.as_ref().map(|edns| Edns {
            udp_size: edns.max_payload(),
            version: edns.version(),
            dnssec_ok: edns.flags().dnssec_ok,
            options: edns.options().options.iter().map(|(_, content)| option(content)).collect(),
        }),
    }
}

/// Names are equal whatever the case of their letters; here the letters
/// themselves are compared.
fn exactly(message: &Message) -> String {
    format!("{message:?}")
}

proptest! {
    #[test]
    fn hickory_reads_what_we_emit_and_we_read_what_hickory_emits(message in message()) {
        let bytes = message.emit().unwrap();
        let theirs = op::Message::from_vec(&bytes).unwrap();
        prop_assert_eq!(exactly(&ours(&theirs)), exactly(&message));

        let back = theirs.to_vec().unwrap();
        let mut read = Message::parse(&back).unwrap();
        // Hickory sets TC itself, where it has cut something off.
        read.header.truncated = message.header.truncated;
        prop_assert_eq!(exactly(&read), exactly(&message));
    }

    #[test]
    fn every_message_comes_back_and_is_explained_to_its_last_byte(message in message()) {
        let bytes = message.emit().unwrap();
        prop_assert_eq!(exactly(&Message::parse(&bytes).unwrap()), exactly(&message));
        let (fields, error) = super::fields::fields(&bytes);
        prop_assert_eq!(error, None);
        let mut next = 0;
        for field in &fields {
            prop_assert!(field.bytes.start <= next && field.bytes.end >= next, "{field:?}");
            prop_assert!(!field.meaning.chars().any(char::is_control), "{field:?}");
            next = field.bytes.end;
        }
        prop_assert_eq!(next, bytes.len());
    }

    #[test]
    fn within_a_limit_records_are_whole_and_tc_tells(message in message(), limit in 12usize..600) {
        let mut message = message;
        message.header.truncated = false;
        let bytes = message.emit_within(limit).unwrap();
        let read = Message::parse(&bytes).unwrap();
        prop_assert_eq!(&read.questions, &message.questions);
        prop_assert_eq!(&read.edns, &message.edns);
        prop_assert!(message.answers.starts_with(&read.answers));
        let all = read.answers == message.answers && read.authorities == message.authorities;
        prop_assert!(all != read.header.truncated);
        prop_assert!(bytes.len() <= limit || read.answers.is_empty());
    }

    #[test]
    fn a_name_comes_back_from_its_text(name in name()) {
        let text = name.to_string();
        let back: Name = text.parse().unwrap();
        prop_assert_eq!(back.as_bytes(), name.as_bytes());
        prop_assert!(text.bytes().all(|byte| (b'!'..=b'~').contains(&byte)));
    }

    #[test]
    fn nothing_typed_makes_the_parsers_of_text_panic(text in "\\PC*") {
        let _ = text.parse::<Name>();
        let _ = text.parse::<RecordType>();
        let _ = text.parse::<Rcode>();
    }
}

#[test]
fn hickory_reads_the_captured_messages_as_we_do() {
    for hex in golden::ALL {
        let bytes = golden::bytes(hex);
        let theirs = op::Message::from_vec(&bytes).unwrap();
        assert_eq!(exactly(&ours(&theirs)), exactly(&Message::parse(&bytes).unwrap()));
    }
}
