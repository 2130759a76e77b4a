//! `--explain`: each packet of a check, byte by byte, with what it says.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::time::SystemTime;

use monitor::check::{Direction, Packet};
use monitor::wire::field::Field;
use monitor::wire::{dns, ntp};
use packets::explain::{Page, hex};
use packets::icmp::set_checksum;
use serde::Serialize;
use serde_json::Value;
use socklab::clock::At;
use socklab::event::json_line;
use socklab::output::{self, Colour, Painter};

/// So many bytes of a field stand on a line; of a longer one the first are shown.
const BYTES: usize = 8;

/// Whether there is something to explain of this type of check.
pub fn knows(kind: &str) -> bool {
    ["dns", "ntp", "icmp"].contains(&kind)
}

/// Prints a packet, the `number`th of its check.
pub fn packet(kind: &str, number: u32, packet: &Packet, as_json: bool) {
    let bytes = packet.bytes;
    let way = match packet.direction {
        Direction::Sent => "sent",
        Direction::Received => "received",
    };
    let painter = Painter::for_stdout();
    let (lines, explained) = match kind {
        "dns" => {
            let (fields, fault) = dns::fields::fields(bytes);
            let fault = fault.map(|fault| fault.to_string());
            (lines(bytes, &fields, fault.as_deref(), painter), Explained::fields(fields, fault))
        }
        "ntp" => {
            let (fields, fault) = match ntp::fields::fields(bytes, SystemTime::now()) {
                Ok(fields) => (fields, None),
                Err(why) => (Vec::new(), Some(why.to_string())),
            };
            (lines(bytes, &fields, fault.as_deref(), painter), Explained::fields(fields, fault))
        }
        _ => {
            let peer = packet.peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
            let own = own_address(peer).unwrap_or(peer);
            let (from, to) = match packet.direction {
                Direction::Sent => (own, peer),
                Direction::Received => (peer, own),
            };
            // Over IPv6 the kernel works the checksum out, behind our back.
            let mut filled = bytes.to_vec();
            if packet.direction == Direction::Sent && peer.is_ipv6() {
                set_checksum(from, to, &mut filled);
            }
            let page = Page::icmp_message(from, to, &filled);
            (page.lines(painter), Explained::Page { page: page.json() })
        }
    };
    if as_json {
        let told = Told {
            at_ns: At::now(),
            kind,
            direction: way,
            bytes: hex(bytes).replace(' ', ""),
            explained,
        };
        return output::line(&json_line(&told));
    }
    let kind = kind.to_uppercase();
    output::line(&format!("packet {number}, {way}: {kind}, {} bytes", bytes.len()));
    lines.iter().for_each(|line| output::line(line));
    output::line("");
}

/// A field a line: `  0002  81 80            flags            response`
fn lines(bytes: &[u8], fields: &[Field], fault: Option<&str>, painter: Painter) -> Vec<String> {
    let line = |field: &Field| {
        let offset = painter.paint(Colour::Dim, &format!("{:04x}", field.bytes.start));
        let shown = bytes.get(field.bytes.clone()).unwrap_or_default();
        let shown = match shown.len() > BYTES {
            true => format!("{} ..", hex(&shown[..BYTES - 1])),
            false => hex(shown),
        };
        format!("  {offset}  {shown:23}  {:24}  {}", field.name, field.meaning)
            .trim_end()
            .to_string()
    };
    let fault = fault.map(|fault| painter.paint(Colour::Red, &format!("  {fault}")));
    fields.iter().map(line).chain(fault).collect()
}

/// A packet as JSON has it.
#[derive(Serialize)]
#[serde(tag = "event", rename = "packet")]
struct Told<'a> {
    at_ns: At,
    #[serde(rename = "type")]
    kind: &'a str,
    direction: &'static str,
    /// In hexadecimal.
    bytes: String,
    #[serde(flatten)]
    explained: Explained,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Explained {
    Fields { fields: Vec<ToldField>, fault: Option<String> },
    Page { page: Value },
}

#[derive(Serialize)]
struct ToldField {
    offset: usize,
    length: usize,
    name: String,
    meaning: String,
}

impl Explained {
    fn fields(fields: Vec<Field>, fault: Option<String>) -> Explained {
        let told = |field: Field| ToldField {
            offset: field.bytes.start,
            length: field.bytes.len(),
            name: field.name.to_string(),
            meaning: field.meaning.to_string(),
        };
        Explained::Fields { fields: fields.into_iter().map(told).collect(), fault }
    }
}

/// The address from which this machine sends to another: connecting a UDP
/// socket sends nothing, but asks the kernel for a route.
fn own_address(peer: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match peer {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // Any port will do.
    socket.connect((peer, 9))?;
    Ok(socket.local_addr()?.ip())
}
