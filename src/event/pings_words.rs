//! The same events in the words of iputils' `ping`, for whoever has read those a thousand times.

use std::fmt;

use packets::icmp_error::Problem;
use serde::Serialize;

use super::{Event, ProbeEvent, Summary};
use crate::output::Colour;

/// An event whose line for a person is `ping`'s; its JSON is the same.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(transparent)]
pub struct InPingsWords<T>(pub T);

impl fmt::Display for InPingsWords<&ProbeEvent<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self.0 {
            ProbeEvent::IcmpError { seq, error, target, .. } => {
                let from = error.from.map_or(target.to_string(), |from| from.to_string());
                let problem @ Problem { kind, code, .. } = error.problem;
                write!(f, "From {from} icmp_seq={seq} {problem} (type {kind}, code {code})")
            }
            event => event.write(f, "icmp_seq"),
        }
    }
}

impl Event for InPingsWords<&ProbeEvent<'_>> {
    fn colour(&self) -> Option<Colour> {
        self.0.colour()
    }
}

impl fmt::Display for InPingsWords<&Summary<'_>> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Summary { target, protocol, took, .. } = self.0;
        write!(f, "\n--- {target} {protocol} statistics ---\n{}", counts(self.0))?;
        // Whole milliseconds, the rest cut off.
        write!(f, ", time {}ms", took.as_millis())?;
        self.0.write_figures(f)?;
        self.0.write_histogram(f)
    }
}

impl Event for InPingsWords<&Summary<'_>> {}

/// `10 packets transmitted, 7 received, +1 duplicates, 30% packet loss`, in
/// ping's words and order; what ping does not tell apart stands behind its own.
fn counts(summary: &Summary) -> String {
    let counts = summary.counts;
    let mut words = vec![
        format!("{} packets transmitted", counts.sent),
        format!("{} received", counts.received),
    ];
    for (count, name) in [
        (counts.duplicates, "duplicates"),
        (counts.corrupt, "corrupted"),
        (counts.errors, "errors"),
        (counts.late, "late"),
        (counts.foreign, "foreign"),
        (counts.waiting(), "still under way"),
    ] {
        if count > 0 {
            words.push(format!("+{count} {name}"));
        }
    }
    if let Some(loss) = counts.loss() {
        words.push(format!("{}% packet loss", six_digits(100.0 * loss)));
    }
    words.join(", ")
}

/// As C's `%g` has it: six digits, no zeros behind them. `33.3333`, `100`, `0`.
fn six_digits(percent: f64) -> String {
    let before = if percent < 1.0 { 0 } else { percent.log10() as usize + 1 };
    let text = format!("{percent:.*}", 6usize.saturating_sub(before));
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::At;
    use crate::event::ErrorSeen;
    use logic::probes::Answer;
    use logic::stats::{Counts, Rtts};
    use packets::icmp::Version;
    use std::time::Duration;

    #[test]
    fn it_reads_as_ping_prints_it() {
        let (at_ns, target, rtt) = (At::now(), "127.0.0.1", Duration::from_micros(34));
        let answer =
            |answer, seq, packet| ProbeEvent::of_answer(answer, at_ns, seq, packet, target);
        let problem = Problem { code: 1, ..Problem::port_unreachable(Version::V4) };
        let error = ErrorSeen { problem, from: Some([10, 0, 0, 1].into()) };
        for (event, text) in [
            (
                answer(Answer::Reply(rtt), 1, &[0; 64]).with_ttl(Some(64)),
                "64 bytes from 127.0.0.1: icmp_seq=1 ttl=64 time=0.034 ms",
            ),
            (
                answer(Answer::Corrupt(rtt), 2, &[0; 8]).with_what("bad checksum"),
                "8 bytes from 127.0.0.1: icmp_seq=2 time=0.034 ms (corrupt: bad checksum)",
            ),
            (
                ProbeEvent::IcmpError { at_ns, seq: 3, error, target },
                "From 10.0.0.1 icmp_seq=3 Destination Host Unreachable (type 3, code 1)",
            ),
        ] {
            assert_eq!(InPingsWords(&event).to_string(), text);
        }
        let counts = Counts { sent: 3, received: 2, errors: 1, duplicates: 4, ..Counts::default() };
        let rtts = Rtts::default();
        let took = Duration::from_micros(2999);
        let summary = Summary::new("localhost", "ping", &counts, &rtts, took);
        assert_eq!(
            InPingsWords(&summary).to_string(),
            "\n--- localhost ping statistics ---\n3 packets transmitted, 2 received, \
             +4 duplicates, +1 errors, 33.3333% packet loss, time 2ms"
        );
    }

    #[test]
    fn per_cent_have_the_six_digits_that_ping_gives_them() {
        for (percent, text) in [
            (0.0, "0"),
            (100.0, "100"),
            (30.0, "30"),
            (100.0 / 3.0, "33.3333"),
            (200.0 / 3.0, "66.6667"),
            (1.0 / 3.0, "0.333333"),
            (0.002, "0.002"),
        ] {
            assert_eq!(six_digits(percent), text);
        }
    }
}
