//! Reading a message, and what it must keep to, whoever sent it: labs/protocol.md has the same bounds for people.

use std::fmt;

use crate::protocol::{Hello, Message, Report};
use crate::random;

/// The highest number of a result, an agent or a revision: all readers of JSON
/// agree on integers up to 2^53 - 1 (RFC 8259, section 6).
pub const HIGHEST: u64 = (1 << 53) - 1;

/// The longest name of an agent, in bytes.
pub const NAME: usize = 100;
/// The longest name of a task, in bytes.
const TASK: usize = 40;
/// The longest time, in bytes: RFC 3339 with nine digits behind the point and
/// a difference to UTC has 35.
const TIME: usize = 40;
/// The longest reason of a result, in bytes.
const REASON: usize = 4096;

impl Message {
    /// Reads a line, with or without its `\n`.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(line: &[u8]) -> Result<Message, String> {
        let refused = |why: &dyn fmt::Display| format!("this line is no message: {why}");
        let message = serde_json::from_slice(line).map_err(|why| refused(&why))?;
        check(&message).map_err(|why| refused(&why))?;
        Ok(message)
    }
}

/// Checks a message that has the right shape.
///
/// # Errors
/// Which field is out of its bounds, and what these are.
pub fn check(message: &Message) -> Result<(), String> {
    match message {
        Message::Hello(hello) => check_hello(hello),
        Message::Welcome(welcome) => {
            number("agent_id", welcome.agent_id, 1)?;
            number("stored_seq", welcome.stored_seq, 0)
        }
        Message::Config(config) => {
            number("rev", config.rev, 0)?;
            config.tasks.iter().try_for_each(|task| text("task", &task.task, TASK))
        }
        Message::ConfigAck(ack) => {
            number("rev", ack.rev, 0)?;
            ack.tasks.iter().try_for_each(|task| text("task", &task.task, TASK))
        }
        Message::Result(report) => check_result(report),
        Message::Dropped(dropped) => {
            boot(&dropped.boot_id)?;
            number("first", dropped.first, 1)?;
            number("last", dropped.last, dropped.first)
        }
        Message::Ack(ack) => {
            boot(&ack.boot_id)?;
            number("seq", ack.seq, 0)
        }
        Message::Ping { time } => text("time", time, TIME),
        Message::Challenge(_)
        | Message::Auth(_)
        | Message::Pong
        | Message::Error { .. }
        | Message::Unknown => Ok(()),
    }
}

/// What a result must keep to; a spool's file is held to it too.
///
/// # Errors
/// As [`check`].
pub fn check_result(report: &Report) -> Result<(), String> {
    boot(&report.boot_id)?;
    number("seq", report.seq, 1)?;
    number("rev", report.rev, 0)?;
    text("task", &report.task, TASK)?;
    text("started_at", &report.started_at, TIME)?;
    text("reason", &report.reason, REASON)?;
    number("duration_us", report.duration_us, 0)
}

fn check_hello(hello: &Hello) -> Result<(), String> {
    if !random::is_nonce(&hello.nonce) {
        return Err("nonce must be 64 hexadecimal digits".to_string());
    }
    boot(&hello.boot_id)?;
    if !hello.claim.as_deref().is_none_or(is_boot_id) {
        return Err("claim must be 32 hexadecimal digits".to_string());
    }
    if let Some(id) = hello.agent_id {
        number("agent_id", id, 1)?;
    }
    number("config_rev", hello.config_rev, 0)?;
    text("name", hello.name.as_deref().unwrap_or(""), NAME)?;
    text("time", &hello.time, TIME)
}

fn boot(id: &str) -> Result<(), String> {
    if is_boot_id(id) { Ok(()) } else { Err("boot_id must be 32 hexadecimal digits".to_string()) }
}

fn is_boot_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn number(field: &str, number: u64, lowest: u64) -> Result<(), String> {
    match number {
        number if number < lowest => Err(format!("{field} must be at least {lowest}")),
        number if number > HIGHEST => Err(format!("{field} must be at most {HIGHEST}")),
        _ => Ok(()),
    }
}

fn text(field: &str, text: &str, longest: usize) -> Result<(), String> {
    match text.len() {
        length if length > longest => {
            Err(format!("{field} has {length} bytes, and may have {longest}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "00112233445566778899aabbccddeeff";

    /// Why a line is refused; empty if it is not.
    fn refused(line: &str) -> String {
        let line = line.replace("BOOT", BOOT).replace("NONCE", &format!("{BOOT}{BOOT}"));
        Message::parse(line.as_bytes()).err().unwrap_or_default()
    }

    fn result(fields: &str) -> String {
        let mut result: serde_json::Value = serde_json::from_str(
            r#"{"type":"result","boot_id":"BOOT","seq":1,"task":"1","rev":0,"started_at":"",
                "duration_us":7,"verdict":"up","reason":""}"#,
        )
        .unwrap();
        let fields: serde_json::Value = serde_json::from_str(fields).unwrap();
        result.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        refused(&result.to_string())
    }

    #[test]
    fn what_is_within_the_bounds_is_taken() {
        for line in [
            r#"{"type":"hello","version":1,"boot_id":"BOOT","config_rev":0,"nonce":"NONCE"}"#,
            r#"{"type":"dropped","boot_id":"BOOT","first":1,"last":9007199254740991}"#,
            r#"{"type":"ack","boot_id":"BOOT","seq":0}"#,
            r#"{"type":"welcome","agent_id":1,"stored_seq":0}"#,
        ] {
            assert_eq!(refused(line), "", "{line}");
        }
        assert_eq!(result("{}"), "");
        assert_eq!(result(r#"{"seq":9007199254740991}"#), "");
    }

    #[test]
    fn every_number_and_every_text_has_its_bounds() {
        for line in [
            r#"{"type":"dropped","boot_id":"BOOT","first":0,"last":5}"#,
            r#"{"type":"dropped","boot_id":"BOOT","first":5,"last":4}"#,
            r#"{"type":"dropped","boot_id":"BOOT","first":1,"last":18446744073709551615}"#,
            r#"{"type":"dropped","boot_id":"b","first":1,"last":1}"#,
            r#"{"type":"ack","boot_id":"BOOT","seq":9007199254740992}"#,
            r#"{"type":"welcome","agent_id":0,"stored_seq":0}"#,
            r#"{"type":"hello","version":1,"boot_id":"BOOT","config_rev":0,"nonce":"BOOT"}"#,
            r#"{"type":"hello","version":1,"boot_id":"B","config_rev":0,"nonce":"NONCE"}"#,
            r#"{"type":"hello","version":1,"boot_id":"BOOT","config_rev":0,"nonce":"NONCE","agent_id":0}"#,
            r#"{"type":"hello","version":1,"boot_id":"BOOT","config_rev":0,"nonce":"NONCE","claim":"x"}"#,
        ] {
            assert_ne!(refused(line), "", "{line}");
        }
        let long = |length: usize| "x".repeat(length);
        for fields in [
            r#"{"seq":0}"#.to_string(),
            r#"{"boot_id":"zz"}"#.to_string(),
            format!(r#"{{"task":"{}"}}"#, long(TASK + 1)),
            format!(r#"{{"started_at":"{}"}}"#, long(TIME + 1)),
            format!(r#"{{"reason":"{}"}}"#, long(REASON + 1)),
        ] {
            assert_ne!(result(&fields), "", "{fields}");
        }
    }
}
