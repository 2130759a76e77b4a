//! Reading: from the lines of a file to the ledgers of the programs that wrote them.
//!
//! A file should hold one program's lines. It may hold several programs' as well,
//! behind one another or mixed; lines that are none, and the end of a line that
//! was cut off, are left out, and said.

use serde_json::Value;

use crate::model::{Role, Time};

/// What one program has told in one run.
#[derive(Debug, Clone)]
pub struct Ledger {
    /// The file it was in.
    pub source: String,
    pub program: String,
    pub role: Role,
    /// Its `start`.
    pub start: Value,
    pub events: Vec<Event>,
    /// Whether its `summary` is there: then nothing is missing at its end.
    pub whole: bool,
}

#[derive(Debug, Clone)]
pub struct Event {
    pub at: Time,
    pub name: String,
    pub value: Value,
}

impl Event {
    pub fn text(&self, field: &str) -> Option<&str> {
        self.value[field].as_str()
    }

    pub fn number(&self, field: &str) -> Option<u64> {
        self.value[field].as_u64()
    }

    /// A duration in milliseconds, in nanoseconds. One that is no duration, or
    /// longer than a day, is none.
    pub fn ms(&self, field: &str) -> Option<Time> {
        let ms = self.value[field].as_f64().filter(|ms| (0.0..86_400_000.0).contains(ms))?;
        Some((ms * 1e6) as Time)
    }

    /// A moment of its own, beside that of the event.
    pub fn time(&self, field: &str) -> Option<Time> {
        moment(&self.value[field])
    }
}

impl Ledger {
    /// An address or word of the `start`.
    pub fn started(&self, field: &str) -> Option<&str> {
        self.start[field].as_str()
    }

    /// What its program is called, and which of its sides it was.
    pub fn name(&self) -> String {
        match (self.program.as_str(), self.role) {
            ("tcp_ping" | "udp_heartbeat", Role::Client) => format!("{} client", self.program),
            ("tcp_ping" | "udp_heartbeat", _) => format!("{} server", self.program),
            _ => self.program.clone(),
        }
    }

    /// The address at which its program was for the whole run. Of ICMP, the
    /// identifier takes the port's place.
    pub fn end(&self) -> Option<String> {
        let identifier = self.start["identifier"].as_u64();
        let identifier = identifier.map_or(String::new(), |identifier| format!("#{identifier}"));
        Some(self.started("local")?.to_string() + &identifier)
    }

    /// From when to when it tells what happened: to the end of time, if its
    /// program is not known to have stopped listening before.
    pub fn tells(&self, at: Time) -> bool {
        let first = self.events.first().map_or(Time::MAX, |event| event.at);
        let last = self.events.iter().map(|event| event.at).max().unwrap_or(Time::MIN);
        first <= at && at <= last
    }
}

/// Times are kept so small that sums and differences of a few of them cannot overflow.
fn moment(value: &Value) -> Option<Time> {
    value.as_i64().filter(|at| (0..=Time::MAX / 8).contains(at))
}

/// Reads a file: adds its ledgers, and a line for each thing that is wrong with it.
pub fn read(source: &str, bytes: &[u8], ledgers: &mut Vec<Ledger>, wrong: &mut Vec<String>) {
    let first = ledgers.len();
    let mut bad = Bad::default();
    let lines = bytes.split(|byte| *byte == b'\n');
    let count = lines.clone().count();
    for (number, line) in (1..).zip(lines) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match event(line) {
            Ok(event) if event.name == "start" => {
                ledgers.extend(begin(source, event, &mut bad, number))
            }
            Ok(event) => match owner(&mut ledgers[first..], &event) {
                Some(ledger) => {
                    ledger.whole |= event.name == "summary";
                    ledger.events.push(event);
                }
                None => bad.add(number, "an event of a program whose `start` is missing"),
            },
            // Without a newline behind it, it is the last one.
            Err(_) if number == count => {
                wrong.push(format!("{source}:{number}: cut off in the middle of a line"))
            }
            Err(why) => bad.add(number, why),
        }
    }
    wrong.extend(bad.told(source));
    if ledgers.len() == first {
        wrong.push(format!("{source}: no `start` of a program in it; write it with --json"));
    }
    for ledger in ledgers[first..].iter().filter(|ledger| !ledger.whole) {
        let program = &ledger.program;
        wrong
            .push(format!("{source}: {program} has no `summary`: cut off, or it is still running"));
    }
}

/// The lines that are left out: how many, and the first of them.
#[derive(Default)]
struct Bad {
    count: usize,
    first: Option<(usize, &'static str)>,
}

impl Bad {
    fn add(&mut self, number: usize, why: &'static str) {
        self.count += 1;
        self.first.get_or_insert((number, why));
    }

    fn told(&self, source: &str) -> Option<String> {
        let (number, why) = self.first?;
        let left_out = match self.count {
            1 => "left out".to_string(),
            2 => "left out, and 1 more line".to_string(),
            more => format!("left out, and {} more lines", more - 1),
        };
        Some(format!("{source}:{number}: {why}; {left_out}"))
    }
}

fn event(line: &[u8]) -> Result<Event, &'static str> {
    let value: Value = serde_json::from_slice(line).map_err(|_| "no JSON")?;
    let name = value["event"].as_str().ok_or("no `event` in it")?.to_string();
    let at = moment(&value["at_ns"]).ok_or("no time `at_ns` in it")?;
    Ok(Event { at, name, value })
}

fn begin(source: &str, event: Event, bad: &mut Bad, number: usize) -> Option<Ledger> {
    let Some(program) = event.text("program").map(str::to_string) else {
        bad.add(number, "a `start` without `program`");
        return None;
    };
    let role = match program.as_str() {
        "lossy_link" => Role::Link,
        _ if event.text("listening").is_some() => Role::Server,
        _ => Role::Client,
    };
    let start = event.value.clone();
    let source = source.to_string();
    Some(Ledger { source, program, role, start, events: vec![event], whole: false })
}

/// Whose event it is: that of the last program to start, among those that could
/// have told it and have not come to their end.
fn owner<'a>(ledgers: &'a mut [Ledger], event: &Event) -> Option<&'a mut Ledger> {
    let has = |field: &str| event.value.get(field).is_some();
    let role = if has("way") && event.name != "explain" {
        Role::Link
    } else if has("client") || has("clients") || has("replied") || has("connections_open") {
        Role::Server
    } else {
        Role::Client
    };
    let fits = |ledger: &&mut Ledger| ledger.role == role || ledger.role == Role::Link;
    let open = ledgers
        .iter()
        .rposition(|ledger| !ledger.whole && (ledger.role == role || ledger.role == Role::Link));
    match open {
        Some(index) => ledgers.get_mut(index),
        None => ledgers.iter_mut().rev().find(fits),
    }
}
