//! What manager and agent say to each other: the messages, as types.
//!
//! The page for people, complete, with every field, unit and bound, the bytes
//! that are proven and a worked example, is `labs/protocol.md`. The tests
//! compare it with this file and with [`bounds`](crate::bounds).
//!
//! In short: each side sends lines, a JSON object each. The agent says `hello`
//! and, after a `challenge`, `auth`; the manager lets it in with `welcome` and
//! gives it a `config`. The agent sends each `result` until an `ack` covers its
//! number; the manager stores a number only if it is higher than all before.
//! So a result is delivered at least once and stored exactly once. Each
//! configuration is sent whole, with a revision that rises with each change.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::verdict::Verdict;

/// The version that stands in `hello`. It changes when an old peer could not
/// skip what is new.
pub const VERSION: u32 = 1;

/// The longest line, in bytes, its end included.
pub const LONGEST: usize = 64 * 1024;

/// Each side sends a `ping` when it has sent nothing for so long.
pub const PING_EVERY: std::time::Duration = std::time::Duration::from_secs(10);

/// Who has heard nothing for so long takes the connection for dead.
pub const SILENCE: std::time::Duration = std::time::Duration::from_secs(25);

/// The most tasks in one configuration: a manager gives no agent more, and an
/// agent takes no more on.
pub const MOST_TASKS: usize = 500;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    Hello(Hello),
    Challenge(Challenge),
    Auth(Auth),
    Welcome(Welcome),
    Config(Config),
    ConfigAck(ConfigAck),
    Result(Report),
    Dropped(Dropped),
    Ack(Ack),
    /// To be answered with a pong.
    Ping {
        /// The sender's wall clock, RFC 3339: so that a wrong one is noticed.
        #[serde(default)]
        time: String,
    },
    Pong,
    /// The connection ends; the reason in words.
    Error {
        reason: String,
    },
    /// Of a type that this version does not know.
    #[serde(other)]
    Unknown,
}

/// The agent's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    pub version: u32,
    /// The identifier that the manager gave it once; none at the first time.
    pub agent_id: Option<u64>,
    /// 16 random bytes in hexadecimal, drawn by an agent that has no identifier
    /// yet, and kept until it has one: who asks twice gets the same one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    /// A name for people.
    #[serde(default)]
    pub name: Option<String>,
    /// 16 random bytes in hexadecimal, drawn at each start of the agent.
    pub boot_id: String,
    /// The revision of the configuration that it works by; 0 for none.
    pub config_rev: u64,
    /// 32 random bytes in hexadecimal, drawn for each connection.
    pub nonce: String,
    /// The agent's wall clock, RFC 3339: so that a wrong one is noticed.
    #[serde(default)]
    pub time: String,
}

/// The manager has a token, proves it, and wants a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Challenge {
    /// 32 random bytes in hexadecimal, drawn for each connection.
    pub nonce: String,
    /// See [`proof`](crate::proof).
    pub proof: String,
}

/// The agent's proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Auth {
    pub proof: String,
}

/// The agent is let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    pub agent_id: u64,
    /// The highest number stored of the boot that `hello` named; 0 for none.
    pub stored_seq: u64,
}

/// All that the agent is to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Config {
    pub rev: u64,
    pub tasks: Vec<Task>,
}

/// One thing to watch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// The task's name, which stands in its results.
    pub task: String,
    /// `dns 8.8.8.8 google.com MX`: as it is typed, without an interval.
    pub check: String,
    /// In milliseconds, from the beginning of one check to that of the next.
    pub interval_ms: u64,
}

/// What the agent makes of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigAck {
    pub rev: u64,
    pub tasks: Vec<TaskAck>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskAck {
    pub task: String,
    pub accepted: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What a check found; on the wire a `result`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which start of the agent it was: results may be older than the latest.
    pub boot_id: String,
    pub seq: u64,
    pub task: String,
    /// The configuration's revision by which the task was run.
    pub rev: u64,
    /// By the agent's wall clock, RFC 3339 in UTC.
    pub started_at: String,
    /// By its monotonic clock: from the check's beginning to its end.
    pub duration_us: u64,
    /// `up`, `degraded`, `down` or `unverified`.
    pub verdict: Verdict,
    /// The verdict's reason in words.
    pub reason: String,
    /// The figures of [`Outcome`](crate::outcome::Outcome).
    #[serde(default)]
    pub detail: Map<String, Value>,
}

/// Results that the agent had no room to keep, first and last number included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub boot_id: String,
    pub first: u64,
    pub last: u64,
}

/// What an agent delivers, and both sides keep: a result, or what there was no
/// room for, where it would have stood.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Delivery {
    Result(Report),
    Dropped(Dropped),
}

impl Delivery {
    pub fn boot_id(&self) -> &str {
        match self {
            Delivery::Result(report) => &report.boot_id,
            Delivery::Dropped(dropped) => &dropped.boot_id,
        }
    }

    /// The first and the last number; an acknowledgement of the last covers it.
    pub fn numbers(&self) -> (u64, u64) {
        match self {
            Delivery::Result(report) => (report.seq, report.seq),
            Delivery::Dropped(dropped) => (dropped.first, dropped.last),
        }
    }
}

impl From<Delivery> for Message {
    fn from(delivery: Delivery) -> Message {
        match delivery {
            Delivery::Result(report) => Message::Result(report),
            Delivery::Dropped(dropped) => Message::Dropped(dropped),
        }
    }
}

/// All results of this boot up to `seq` are stored, or known as dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ack {
    pub boot_id: String,
    pub seq: u64,
}

impl Message {
    /// The line, with its `\n`.
    ///
    /// # Errors
    /// It would be longer than [`LONGEST`].
    pub fn line(&self) -> Result<String, String> {
        let mut line = serde_json::to_string(self).map_err(|why| why.to_string())?;
        line.push('\n');
        if line.len() > LONGEST {
            let length = line.len();
            return Err(format!("a line of {length} bytes is longer than {LONGEST}"));
        }
        Ok(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const BOOT: &str = "00112233445566778899aabbccddeeff";

    #[test]
    fn messages_read_on_the_wire_as_the_documentation_says() {
        let hello = Message::Hello(Hello {
            version: VERSION,
            agent_id: None,
            claim: None,
            name: None,
            boot_id: BOOT.into(),
            config_rev: 0,
            nonce: [BOOT, BOOT].concat(),
            time: "T".into(),
        });
        let line = hello.line().unwrap();
        assert_eq!(
            line,
            format!(
                "{{\"type\":\"hello\",\"version\":1,\"agent_id\":null,\"name\":null,\
                 \"boot_id\":\"{BOOT}\",\"config_rev\":0,\"nonce\":\"{BOOT}{BOOT}\",\"time\":\"T\"}}\n"
            )
        );
        assert_eq!(Message::parse(line.as_bytes()), Ok(hello));
        assert_eq!(Message::Pong.line().unwrap(), "{\"type\":\"pong\"}\n");
        let ack = Message::Ack(Ack { boot_id: BOOT.into(), seq: 7 });
        let line = format!("{{\"type\":\"ack\",\"boot_id\":\"{BOOT}\",\"seq\":7}}\n");
        assert_eq!(ack.line().unwrap(), line);
    }

    #[test]
    fn what_a_later_version_adds_is_skipped() {
        let read = |text: &str| Message::parse(text.as_bytes());
        assert_eq!(read(r#"{"type":"weather","rain":true}"#), Ok(Message::Unknown));
        assert_eq!(
            read(r#"{"type":"ping","mood":"good"}"#),
            Ok(Message::Ping { time: String::new() })
        );
        assert_eq!(
            read(&format!(r#"{{"type":"ack","boot_id":"{BOOT}","seq":1,"colour":"red"}}"#)),
            Ok(Message::Ack(Ack { boot_id: BOOT.into(), seq: 1 }))
        );
    }

    #[test]
    fn a_result_has_one_of_the_four_verdicts() {
        let of = |verdict: &str| {
            let line = format!(
                r#"{{"type":"result","boot_id":"{}","seq":1,"task":"1","rev":1,"started_at":"",
                "duration_us":1,"verdict":"{verdict}","reason":""}}"#,
                "a".repeat(32)
            );
            Message::parse(line.as_bytes())
        };
        for verdict in Verdict::ALL {
            assert!(matches!(of(verdict.word()), Ok(Message::Result(r)) if r.verdict == verdict));
        }
        let why = of("splendid").unwrap_err();
        assert!(why.contains("`up`, `degraded`, `down`, `unverified`"), "{why}");
    }

    #[test]
    fn what_is_no_message_is_refused_in_words() {
        for text in ["", "[]", "{}", "null", "{\"type\":\"ack\"}", "{\"type\":7}", "\u{0}\u{0}"] {
            let why = Message::parse(text.as_bytes()).unwrap_err();
            assert!(why.starts_with("this line is no message: "), "{why}");
        }
        let deep = "[".repeat(60_000);
        assert!(Message::parse(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_line_too_long_is_not_made() {
        let task = Task { task: "x".repeat(LONGEST), check: String::new(), interval_ms: 1 };
        let config = Message::Config(Config { rev: 1, tasks: vec![task] });
        assert!(config.line().unwrap_err().contains("longer than 65536"));
    }

    #[test]
    fn a_result_keeps_its_figures() {
        let detail = json!({"offset_seconds": -0.25, "answers": ["a", "b"]});
        let report = Report {
            boot_id: BOOT.into(),
            seq: 1,
            task: "ntp".into(),
            rev: 3,
            started_at: "2026-11-21T08:18:28.123456Z".into(),
            duration_us: 1500,
            verdict: Verdict::Up,
            reason: "stratum 2".into(),
            detail: detail.as_object().unwrap().clone(),
        };
        let line = Message::Result(report.clone()).line().unwrap();
        assert_eq!(Message::parse(line.as_bytes()), Ok(Message::Result(report)));
    }
}
