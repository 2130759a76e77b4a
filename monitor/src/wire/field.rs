//! A packet taken apart: which bytes are which field, and what they say.

use std::ops::Range;

/// One field of a packet, for an annotated dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Its bytes in the packet. Fields that share a byte share the range.
    pub bytes: Range<usize>,
    /// `answer 1 type`
    pub name: String,
    /// `15 MX`; harmless to a terminal, whatever the bytes are.
    pub meaning: String,
}

impl Field {
    pub fn new(bytes: Range<usize>, name: impl Into<String>, meaning: impl ToString) -> Field {
        Field { bytes, name: name.into(), meaning: meaning.to_string() }
    }
}
