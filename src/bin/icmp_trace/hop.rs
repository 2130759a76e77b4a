//! A hop as a line like traceroute's.

use std::fmt;
use std::net::IpAddr;

use logic::trace::{Probe, ProbeState};
use serde::Serialize;
use socklab::event::Ms;
use socklab::output::Colour;

use crate::mark::mark;
use crate::names::Names;

/// A probe as it stands in its hop: nothing but `seq` if no response came in time.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    seq: u16,
    from: Option<IpAddr>,
    /// What `from` is called, if anything.
    name: Option<String>,
    rtt_ms: Option<Ms>,
    /// As traceroute marks it; see [`mark`].
    mark: Option<String>,
}

impl Entry {
    pub fn of(probe: &Probe, names: &mut Names) -> Entry {
        let (from, rtt) = match probe.state {
            ProbeState::Answered { from, rtt, .. } => (Some(from), Some(rtt)),
            ProbeState::Waiting | ProbeState::Lost | ProbeState::Late => (None, None),
        };
        Entry {
            seq: probe.seq,
            from,
            name: from.and_then(|from| names.name(from)),
            rtt_ms: rtt.map(Ms),
            mark: mark(probe),
        }
    }
}

/// ` 2  10.0.2.2 (10.0.2.2)  0.051 ms * 10.0.2.3 (10.0.2.3)  0.049 ms !H`: an
/// address stands before the first time that it gave, a star for silence.
pub fn write(f: &mut fmt::Formatter, ttl: u8, probes: &[Entry], numeric: bool) -> fmt::Result {
    write!(f, "{ttl:2} ")?;
    let mut last = None;
    for probe in probes {
        let (Some(from), Some(rtt)) = (probe.from, probe.rtt_ms) else {
            write!(f, " *")?;
            continue;
        };
        if last != Some(from) {
            last = Some(from);
            match &probe.name {
                _ if numeric => write!(f, " {from}")?,
                Some(name) => write!(f, " {name} ({from})")?,
                None => write!(f, " {from} ({from})")?,
            }
        }
        write!(f, "  {:.3} ms", rtt.get())?;
        if let Some(mark) = &probe.mark {
            write!(f, " {mark}")?;
        }
    }
    Ok(())
}

/// Silence is yellow, an error other than that of a used-up TTL red.
pub fn colour(probes: &[Entry]) -> Option<Colour> {
    if probes.iter().any(|probe| probe.mark.is_some()) {
        return Some(Colour::Red);
    }
    probes.iter().all(|probe| probe.from.is_none()).then_some(Colour::Yellow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    struct Line(Vec<Entry>);

    impl fmt::Display for Line {
        fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
            write(f, 1, &self.0, false)
        }
    }

    const SILENT: Entry = Entry { seq: 1, from: None, name: None, rtt_ms: None, mark: None };

    fn answered(host: u8, name: Option<&str>, mark: Option<&str>) -> Entry {
        Entry {
            from: Some([10, 0, 1, host].into()),
            name: name.map(str::to_string),
            rtt_ms: Some(Ms(Duration::from_micros(51))),
            mark: mark.map(str::to_string),
            ..SILENT
        }
    }

    #[test]
    fn an_address_stands_where_it_first_answered_and_where_it_is_another() {
        let [one, two] = [1, 2].map(|host| answered(host, None, None));
        let hop = Line(vec![one.clone(), one.clone(), SILENT, one, two]);
        let expected = " 1  10.0.1.1 (10.0.1.1)  0.051 ms  0.051 ms *  0.051 ms \
                        10.0.1.2 (10.0.1.2)  0.051 ms";
        assert_eq!(hop.to_string(), expected);
        assert_eq!(colour(&hop.0), None);
        assert_eq!(colour(&[SILENT, SILENT]), Some(Colour::Yellow));
    }

    #[test]
    fn a_mark_stands_behind_the_time_and_silence_in_front() {
        let [host, forbidden] = ["!H", "!X"].map(|mark| answered(9, Some("bob"), Some(mark)));
        let hop = Line(vec![SILENT, host, SILENT, SILENT, forbidden]);
        assert_eq!(hop.to_string(), " 1  * bob (10.0.1.9)  0.051 ms !H * *  0.051 ms !X");
        assert_eq!(colour(&hop.0), Some(Colour::Red));
    }

    #[test]
    fn json_has_null_for_what_does_not_exist() {
        let silent = json!({"seq": 1, "from": null, "name": null, "rtt_ms": null, "mark": null});
        assert_eq!(serde_json::to_value(SILENT).unwrap(), silent);
        let bob = serde_json::to_value(answered(9, Some("bob"), Some("!H"))).unwrap();
        let expected =
            json!({"seq": 1, "from": "10.0.1.9", "name": "bob", "rtt_ms": 0.051, "mark": "!H"});
        assert_eq!(bob, expected);
    }
}
