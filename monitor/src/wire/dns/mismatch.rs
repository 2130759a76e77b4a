//! Whether a message is the reply to a query.
//!
//! A datagram that comes to the right port may be anybody's. Believed is what
//! carries our identifier and repeats our question (RFC 5452, section 9.1);
//! anything else is waited past.

use std::fmt;

use super::codes::{Class, Opcode, Rcode, RecordType};
use super::message::Message;
use super::name::Name;

/// Why a message is no reply to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    Id {
        sent: u16,
        got: u16,
    },
    /// QR is 0: it is a query itself.
    NotAReply,
    Opcode {
        sent: Opcode,
        got: Opcode,
    },
    /// Not one question, but so many.
    QuestionCount(usize),
    Name {
        sent: Name,
        got: Name,
    },
    Type {
        sent: RecordType,
        got: RecordType,
    },
    Class {
        sent: Class,
        got: Class,
    },
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Mismatch::Id { sent, got } => {
                write!(f, "its identifier is 0x{got:04x}, and the query's was 0x{sent:04x}")
            }
            Mismatch::NotAReply => f.write_str("it is a query and no reply (QR is 0)"),
            Mismatch::Opcode { sent, got } => {
                write!(f, "its opcode is {got}, and the query's was {sent}")
            }
            Mismatch::QuestionCount(count) => {
                write!(f, "it repeats {count} questions, and there was one")
            }
            Mismatch::Name { sent, got } => {
                write!(f, "it answers for {got}, and the question was for {sent}")
            }
            Mismatch::Type { sent, got } => {
                write!(f, "it answers for type {got}, and the question was for type {sent}")
            }
            Mismatch::Class { sent, got } => {
                write!(f, "it answers for class {got}, and the question was for class {sent}")
            }
        }
    }
}

impl Message {
    /// Compares this message with the query that it is to be a reply to.
    ///
    /// # Errors
    /// The first thing in which it is not.
    pub fn answers(&self, query: &Message) -> Result<(), Mismatch> {
        let (sent, got) = (&query.header, &self.header);
        if got.id != sent.id {
            return Err(Mismatch::Id { sent: sent.id, got: got.id });
        }
        if !got.response {
            return Err(Mismatch::NotAReply);
        }
        if got.opcode != sent.opcode {
            return Err(Mismatch::Opcode { sent: sent.opcode, got: got.opcode });
        }
        // Who did not understand the query cannot repeat its question.
        let not_understood = matches!(self.rcode, Rcode::FORM_ERR | Rcode::NOT_IMP);
        let (sent, got) = match (&query.questions[..], &self.questions[..]) {
            (_, []) if not_understood => return Ok(()),
            ([sent], [got]) => (sent, got),
            (_, questions) => return Err(Mismatch::QuestionCount(questions.len())),
        };
        if got.name != sent.name {
            return Err(Mismatch::Name { sent: sent.name.clone(), got: got.name.clone() });
        }
        if got.kind != sent.kind {
            return Err(Mismatch::Type { sent: sent.kind, got: got.kind });
        }
        if got.class != sent.class {
            return Err(Mismatch::Class { sent: sent.class, got: got.class });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        text.parse().unwrap()
    }

    #[test]
    fn each_way_of_not_being_the_reply_is_told() {
        let query = Message::query(7, &name("www.lab.test"), RecordType::A);
        let good = Message::reply_to(&query);
        assert_eq!(good.answers(&query), Ok(()));
        type Spoil = fn(&mut Message);
        let cases: [(Spoil, &str); 8] = [
            (|reply| reply.header.id = 8, "its identifier is 0x0008, and the query's was 0x0007"),
            (|reply| reply.header.response = false, "it is a query and no reply (QR is 0)"),
            (|reply| reply.header.opcode = Opcode(5), "its opcode is UPDATE"),
            (|reply| reply.questions.clear(), "it repeats 0 questions"),
            (|reply| reply.questions.push(reply.questions[0].clone()), "it repeats 2 questions"),
            (|reply| reply.questions[0].name = name("evil.test"), "it answers for evil.test."),
            (|reply| reply.questions[0].kind = RecordType::MX, "it answers for type MX"),
            (|reply| reply.questions[0].class = Class::CH, "it answers for class CH"),
        ];
        for (spoil, words) in cases {
            let mut reply = good.clone();
            spoil(&mut reply);
            let why = reply.answers(&query).unwrap_err().to_string();
            assert!(why.contains(words), "{why}");
        }
        // The case of letters is no difference, and who understood nothing
        // need not repeat it.
        let mut reply = good.clone();
        reply.questions[0].name = name("WWW.LAB.TEST");
        assert_eq!(reply.answers(&query), Ok(()));
        reply.questions.clear();
        reply.rcode = Rcode::FORM_ERR;
        assert_eq!(reply.answers(&query), Ok(()));
    }
}
