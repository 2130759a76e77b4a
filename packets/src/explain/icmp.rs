//! The fields of ICMP messages: echoes and errors.

use super::field::Field;
use crate::icmp::{Body, Echo, HEADER, Message, Version};
use crate::icmp_error::IcmpError;

/// The title of a message's header.
pub(super) fn title(version: Version, message: &Message) -> String {
    let name = name(version);
    match message.body {
        Body::EchoRequest(_) => format!("{name} echo request, {HEADER} bytes of header"),
        Body::EchoReply(_) => format!("{name} echo reply, {HEADER} bytes of header"),
        Body::Error(_) => format!("{name} error, {HEADER} bytes of header"),
        Body::Other => format!("{name} message, {HEADER} bytes of header"),
    }
}

/// The fields of a message's header, whose bytes begin at byte `start` of the
/// packet.
pub(super) fn fields(
    version: Version,
    message: &Message,
    bytes: &[u8],
    start: usize,
    summed: bool,
) -> Vec<Field> {
    let at = |from: usize, to: usize| start + from..start + to;
    let mut fields = vec![
        Field::new(at(0, 1), "type", message.kind, type_name(version, message)),
        Field::new(at(1, 2), "code", message.code, code_name(message)),
        Field::new(
            at(2, 4),
            "checksum",
            format!("{:04x}", message.checksum),
            if summed { "worked below" } else { "" },
        ),
    ];
    match message.body {
        Body::EchoRequest(echo) | Body::EchoReply(echo) => fields.extend(echo_fields(&echo, start)),
        Body::Error(error) => fields.extend(error_fields(&error, bytes, start)),
        Body::Other => fields.push(Field::new(at(4, 8), "rest", "", "depends on the type")),
    }
    fields
}

fn echo_fields(echo: &Echo, start: usize) -> [Field; 2] {
    let at = |from: usize, to: usize| start + from..start + to;
    [
        Field::new(at(4, 6), "identifier", echo.identifier, "which program asked"),
        Field::new(at(6, 8), "sequence number", echo.sequence, "which of its requests"),
    ]
}

/// The four bytes behind an error's checksum.
fn error_fields(error: &IcmpError, message: &[u8], start: usize) -> Vec<Field> {
    let at = |from: usize, to: usize| start + from..start + to;
    let problem = error.problem;
    // RFC 4884: a byte that says where the quotation ends, for some types.
    let length = |byte: usize, unit: usize| {
        let value = usize::from(message[byte]);
        let meaning = match value {
            0 => "the quotation goes on to the end".to_string(),
            _ => format!("of the quotation, in units of {unit}"),
        };
        Field::new(at(byte, byte + 1), "length", value, meaning)
    };
    let unused = |from: usize, to: usize| Field::new(at(from, to), "unused", "", "");
    let too_big = "0 from a router older than RFC 1191";
    match (problem.version, problem.kind, problem.code) {
        (Version::V4, 3, 4) => {
            let mtu = problem.rest & 0xffff;
            let meaning = if mtu == 0 { too_big } else { "the largest packet the next link takes" };
            vec![unused(4, 5), length(5, 4), Field::new(at(6, 8), "next-hop MTU", mtu, meaning)]
        }
        (Version::V4, 3 | 11, _) => vec![unused(4, 5), length(5, 4), unused(6, 8)],
        (Version::V4, 12, _) => {
            let pointer = problem.rest >> 24;
            let field = Field::new(at(4, 5), "pointer", pointer, "the byte that is the problem");
            vec![field, length(5, 4), unused(6, 8)]
        }
        (Version::V6, 1 | 3, _) => vec![length(4, 8), unused(5, 8)],
        (Version::V6, 2, _) => {
            vec![Field::new(
                at(4, 8),
                "MTU",
                problem.rest,
                "the largest packet the next link takes",
            )]
        }
        (Version::V6, 4, _) => {
            vec![Field::new(at(4, 8), "pointer", problem.rest, "the byte that is the problem")]
        }
        _ => match problem.gateway() {
            Some(gateway) => vec![Field::new(at(4, 8), "gateway", gateway, "ask this router")],
            None => vec![Field::new(at(4, 8), "rest", "", "depends on the type")],
        },
    }
}

/// The protocol's name.
pub(super) fn name(version: Version) -> &'static str {
    match version {
        Version::V4 => "ICMP",
        Version::V6 => "ICMPv6",
    }
}

fn type_name(version: Version, message: &Message) -> &'static str {
    match message.body {
        Body::EchoRequest(_) => "echo request: send this back",
        Body::EchoReply(_) => "echo reply: what was asked for",
        Body::Other => "none that is explained here",
        Body::Error(_) => match (version, message.kind) {
            (Version::V4, 3) | (Version::V6, 1) => "destination unreachable",
            (Version::V4, 5) => "redirect",
            (Version::V6, 2) => "packet too big",
            (Version::V4, 11) | (Version::V6, 3) => "time exceeded",
            (Version::V4, 12) | (Version::V6, 4) => "parameter problem",
            _ => "an error of another kind",
        },
    }
}

fn code_name(message: &Message) -> &'static str {
    match message.body {
        Body::EchoRequest(_) | Body::EchoReply(_) => "always 0 in an echo",
        Body::Error(error) => error.problem.name(),
        Body::Other => "depends on the type",
    }
}
