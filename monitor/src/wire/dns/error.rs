//! What is wrong with a message, and where.

use std::fmt;

use super::codes::RecordType;

/// Something in a message that cannot be, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Error {
    /// The offset in the message, in bytes from 0.
    pub offset: usize,
    pub fault: Fault,
}

/// What can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The message, or the record's data, ends before the field does.
    End { field: &'static str, needs: usize, has: usize },
    /// The first two bits of a label are 01 or 10, which nobody uses (RFC 6891, section 5).
    LabelType(u8),
    /// A compression pointer that leads forward, to itself, or round in a circle.
    PointerNotBackward { to: usize },
    /// A compression pointer into the header, where no name stands.
    PointerIntoHeader { to: usize },
    /// A name in so many pieces that it can only be meant to cost time.
    TooManyPointers,
    /// A name of more than 255 bytes.
    NameTooLong,
    /// The record's data is shorter than its RDLENGTH.
    DataLeftOver { kind: RecordType, left: usize },
    /// A TXT record without a string.
    NoText,
    /// A CAA record without a tag.
    NoTag,
    /// More than one OPT record (RFC 6891, section 6.1.1).
    SecondOpt,
    /// An OPT record with a name of its own (RFC 6891, section 6.1.2).
    OptWithName,
    /// An OPT record in another section than the additional one.
    OptElsewhere,
    /// Bytes after the last record.
    Trailing { bytes: usize },
    /// When emitting: more than its length field can say.
    TooLong { what: &'static str, most: usize },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "at byte {}: ", self.offset)?;
        match self.fault {
            Fault::End { field, needs, has } => {
                write!(f, "{field} needs {needs} bytes, and only {has} are left")
            }
            Fault::LabelType(byte) => write!(f, "0x{byte:02x} begins no label"),
            Fault::PointerNotBackward { to } => {
                write!(f, "a name's compression pointer leads to byte {to}, which is not backward")
            }
            Fault::PointerIntoHeader { to } => {
                write!(f, "a name's compression pointer leads to byte {to}, into the header")
            }
            Fault::TooManyPointers => f.write_str("a name has more pointers than labels"),
            Fault::NameTooLong => f.write_str("a name has more than 255 bytes"),
            Fault::DataLeftOver { kind, left } => {
                write!(f, "RDLENGTH counts {left} bytes more than a {kind} record has")
            }
            Fault::NoText => f.write_str("a TXT record has no string"),
            Fault::NoTag => f.write_str("a CAA record has no tag"),
            Fault::SecondOpt => f.write_str("there is more than one OPT record"),
            Fault::OptWithName => f.write_str("the OPT record's name is not the root"),
            Fault::OptElsewhere => f.write_str("an OPT record outside the additional section"),
            Fault::Trailing { bytes } => write!(f, "{bytes} bytes follow the last record"),
            Fault::TooLong { what, most } => write!(f, "{what} is longer than {most}"),
        }
    }
}

impl std::error::Error for Error {}
