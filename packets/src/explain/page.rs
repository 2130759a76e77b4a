//! What stands on a page, in order, before it becomes lines or JSON.

use std::net::IpAddr;
use std::ops::Range;

use serde_json::{Value, json};

use super::field::{Field, dump};
use super::hex::{WIDTH, hex, plain_dump, wrap};
use super::sum::{Cover, Sum};
use super::table::indented;
use crate::paint::{Colour, Painter};

/// So many lines of a payload are shown, sixteen bytes each.
const PAYLOAD_LINES: usize = 8;

/// How to read the tables of the checksums.
const HOW: &str = "Checksums, step by step: words of 16 bits are added up. What is carried out at \
                   the top (1 ....) is added in again at the bottom (+1).";

/// A packet, and what there is to say about it.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    pub(super) packet: &'a [u8],
    pub parts: Vec<Part>,
    /// They stand behind all parts.
    pub sums: Vec<Sum>,
}

/// A piece of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A header, field by field.
    Header { title: String, fields: Vec<Field> },
    /// Bytes that have no fields: a payload.
    Bytes { title: String, range: Range<usize> },
    /// A sentence.
    Note(String),
}

/// The addresses between which a packet goes, where a checksum covers them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub source: IpAddr,
    pub destination: IpAddr,
}

impl<'a> Page<'a> {
    pub(super) fn empty(packet: &'a [u8]) -> Page<'a> {
        Page { packet, parts: Vec::new(), sums: Vec::new() }
    }

    pub(super) fn header(&mut self, title: impl Into<String>, fields: Vec<Field>) {
        self.parts.push(Part::Header { title: title.into(), fields });
    }

    /// Bytes without fields; nothing if there are none.
    pub(super) fn bytes(&mut self, what: &str, range: Range<usize>) {
        if !range.is_empty() {
            let title = format!("{what}, {}", count(range.len()));
            self.parts.push(Part::Bytes { title, range });
        }
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Note(text.into()));
    }

    /// Works a checksum out, and names each word by the fields that are in it.
    pub(super) fn sum(&mut self, cover: &Cover) {
        let sum = Sum::of(cover, |offset| self.name_at(offset));
        self.sums.push(sum);
    }

    /// What stands in the word at this offset.
    fn name_at(&self, offset: usize) -> String {
        let mut names: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let Part::Header { fields, .. } = part {
                let whole = fields.iter().filter(|field| field.bits.is_none());
                let there = whole
                    .filter(|field| field.range.start < offset + 2 && offset < field.range.end);
                names.extend(there.map(|field| field.name.as_str()));
            }
        }
        if names.is_empty() { "payload".to_string() } else { names.join(", ") }
    }

    /// The page as lines, none longer than [`super::WIDTH`].
    pub fn lines(&self, painter: Painter) -> Vec<String> {
        let mut lines = Vec::new();
        for part in &self.parts {
            if !matches!(part, Part::Note(_)) && !lines.is_empty() {
                lines.push(String::new());
            }
            match part {
                Part::Header { title, fields } => {
                    lines.push(painter.paint(Colour::Bold, title));
                    lines.extend(dump(self.packet, fields, painter));
                }
                Part::Bytes { title, range } => {
                    lines.push(painter.paint(Colour::Bold, title));
                    lines.extend(plain_dump(self.packet, range.clone(), PAYLOAD_LINES, painter));
                }
                Part::Note(text) => lines.extend(indented(text)),
            }
        }
        if !self.sums.is_empty() {
            lines.push(String::new());
            lines.extend(wrap(HOW, WIDTH));
        }
        for sum in &self.sums {
            lines.push(String::new());
            lines.extend(sum.lines(painter));
        }
        lines
    }

    /// The same as data: the packet's bytes, `headers` with their fields, and `checksums`.
    pub fn json(&self) -> Value {
        let mut headers = Vec::new();
        let mut notes = Vec::new();
        for part in &self.parts {
            match part {
                Part::Header { title, fields } => {
                    let start = fields.iter().map(|field| field.range.start).min();
                    let end = fields.iter().map(|field| field.range.end).max();
                    let fields: Vec<Value> = fields.iter().map(field_json).collect();
                    headers.push(json!({"title": title, "bytes": [start, end], "fields": fields}));
                }
                Part::Bytes { title, range } => {
                    let bytes = [range.start, range.end];
                    headers.push(json!({"title": title, "bytes": bytes, "fields": []}));
                }
                Part::Note(text) => notes.push(text.as_str()),
            }
        }
        let checksums: Vec<Value> = self.sums.iter().map(sum_json).collect();
        json!({
            "packet": hex(self.packet),
            "headers": headers,
            "notes": notes,
            "checksums": checksums,
        })
    }
}

fn field_json(field: &Field) -> Value {
    json!({
        "name": field.name,
        "value": field.value,
        "meaning": field.meaning,
        "bytes": [field.range.start, field.range.end],
        "bits": field.bits.as_ref().map(|bits| [bits.start, bits.end]),
    })
}

fn sum_json(sum: &Sum) -> Value {
    json!({
        "of": sum.of,
        "sum": format!("{:04x}", sum.sum),
        "expected": format!("{:04x}", sum.expected),
        "found": format!("{:04x}", sum.found),
        "verdict": sum.verdict.name(),
    })
}

/// `1 byte`, `2 bytes`.
pub(super) fn count(bytes: usize) -> String {
    if bytes == 1 { "1 byte".to_string() } else { format!("{bytes} bytes") }
}
