//! What the samples say of the server.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::wire::ntp::{Judgement, Timestamp};
use jiff::Timestamp as Stamp;
use logic::units::show_duration;

use super::{Findings, Ntp, Sample, kiss};
use crate::outcome::{Deadline, Outcome};

/// A delay may come out below 0 by what the two clocks cannot tell apart, and
/// by what they drift; by more only if a server lies.
const CLOCKS: f64 = -0.001;

impl Ntp {
    pub(super) fn judge(
        &self,
        findings: &Findings,
        server: SocketAddr,
        deadline: &Deadline,
    ) -> Outcome {
        let asked_for = match &findings.refused {
            Some((Judgement::Kiss(_), reply)) => kiss::remember(server, reply, Instant::now()),
            _ => None,
        };
        let by_delay = |a: &&Sample, b: &&Sample| a.delay.total_cmp(&b.delay);
        let Some(best) = findings.samples.iter().min_by(by_delay) else {
            return no_sample(findings, asked_for, deadline);
        };
        if best.delay < CLOCKS {
            return Outcome::down(
                "its stamps cannot be: it says that it took longer than the reply did to come back",
            )
            .after(best.rtt);
        }
        let outcome = self.judge_sample(best);
        let mut outcome = details(outcome, best, deadline)
            .after(best.rtt)
            .with("samples", findings.samples.len());
        if let Some((wait, words)) = asked_for {
            outcome.reason += &format!("; it asks to be asked less often, {words}");
            outcome = outcome.with("retry_after_seconds", wait.as_secs());
        }
        outcome
    }

    fn judge_sample(&self, best: &Sample) -> Outcome {
        let Sample { offset, bound, .. } = *best;
        let stratum = best.reply.stratum;
        let most = self.max_offset.as_secs_f64();
        let shown = format!("offset {} ± {}", signed(offset), short(bound));
        let limit = show_duration(self.max_offset);
        if offset.abs() - bound > most {
            Outcome::down(format!(
                "{shown}, more than {limit}: its clock is wrong, or this machine's"
            ))
        } else if offset.abs() + bound > most {
            Outcome::degraded(format!("{shown}, perhaps more than {limit}"))
        } else if stratum > self.max_stratum {
            Outcome::degraded(format!("{shown}, stratum {stratum}, above {}", self.max_stratum))
        } else {
            Outcome::up(format!("{shown}, stratum {stratum}"))
        }
    }
}

/// The verdict where nobody told the time.
fn no_sample(
    findings: &Findings,
    asked_for: Option<(Duration, String)>,
    deadline: &Deadline,
) -> Outcome {
    let within = show_duration(deadline.timeout);
    match (&findings.refused, asked_for, &findings.wrong) {
        (Some((judgement, reply)), asked_for, _) => {
            let mut outcome = match (judgement, &asked_for) {
                // It is there, and would tell the time if it were not asked so often.
                (Judgement::Kiss([b'R', b'A', b'T', b'E']), Some((_, words))) => {
                    Outcome::unverified(format!("{judgement}; {words}"))
                }
                (_, Some((_, words))) => Outcome::down(format!("{judgement}; {words}")),
                _ => Outcome::down(judgement.to_string()),
            };
            if let Some((wait, _)) = asked_for {
                outcome = outcome.with("retry_after_seconds", wait.as_secs());
            }
            outcome.after(deadline.began.elapsed()).with("stratum", reply.stratum)
        }
        (None, _, Some(wrong)) => {
            Outcome::down(format!("within {within} only a packet that is no answer: {wrong}"))
        }
        (None, _, None) => Outcome::down(format!("no reply within {within}")),
    }
}

fn details(outcome: Outcome, best: &Sample, deadline: &Deadline) -> Outcome {
    let reply = &best.reply;
    let shown = |stamp: Timestamp, digits: usize| {
        let time = stamp.to_system(deadline.wall);
        time.and_then(|time| Stamp::try_from(time).ok()).map(|time| format!("{time:.digits$}"))
    };
    let time = shown(reply.transmit, 6);
    let root = reply.root_delay.as_secs_f64() / 2.0 + reply.root_dispersion.as_secs_f64();
    outcome
        .with("server_time", time)
        .with("offset_seconds", best.offset)
        .with("offset_bound_seconds", best.bound)
        .with("delay_seconds", best.delay)
        .with("stratum", reply.stratum)
        .with("reference", reply.reference())
        .with("leap", reply.leap.to_string())
        .with("root_distance_seconds", root)
        // From which whoever likes can work out offset and delay again.
        .with("t1", shown(best.stamps[0], 9))
        .with("t2", shown(best.stamps[1], 9))
        .with("t3", shown(best.stamps[2], 9))
        .with("t4", shown(best.stamps[3], 9))
}

/// Seconds, in the unit in which they are easily read.
fn short(seconds: f64) -> String {
    match seconds.abs() {
        small if small < 0.001 => format!("{:.0} us", seconds * 1e6),
        small if small < 1.0 => format!("{:.3} ms", seconds * 1e3),
        _ => format!("{seconds:.3} s"),
    }
}

fn signed(seconds: f64) -> String {
    let sign = if seconds < 0.0 { '-' } else { '+' };
    format!("{sign}{}", short(seconds.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_shown_in_a_unit_that_suits_them() {
        assert_eq!(signed(0.000_012), "+12 us");
        assert_eq!(signed(-0.0123), "-12.300 ms");
        assert_eq!(signed(3600.0), "+3600.000 s");
    }
}
