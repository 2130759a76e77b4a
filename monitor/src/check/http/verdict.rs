//! What the answer, and the way to it, say of the server.

use std::time::SystemTime;

use socklab::output::printable;

use super::certificate::{Certificate, INTERMEDIATE, day};
use super::connect::Hop;
use super::run::Answer;
use super::{Http, shown};
use crate::outcome::{Deadline, Outcome};

const DAY: i64 = 24 * 3600;

impl Http {
    pub(super) fn judge(
        &self,
        answer: Result<Answer, Outcome>,
        hops: &[Hop],
        deadline: &Deadline,
    ) -> Outcome {
        let took = deadline.began.elapsed();
        let answered = answer.is_ok();
        let mut outcome = match answer {
            Ok(answer) => self
                .judge_answer(&answer)
                .after(took)
                .with("status", answer.status)
                .with("body_bytes", answer.body.len())
                .with("transfer_seconds", answer.transfer.as_secs_f64()),
            Err(outcome) => outcome,
        };
        outcome = outcome.with("redirects", hops.len().saturating_sub(1));
        let Some(last) = hops.last() else { return outcome };
        let seconds = |step: Option<std::time::Duration>| step.map(|time| time.as_secs_f64());
        outcome = outcome
            .with("url", last.url.clone())
            .with("address", last.address.clone())
            .with("name_seconds", seconds(last.name))
            .with("connect_seconds", seconds(last.connect))
            .with("tls_seconds", seconds(last.tls))
            .with("first_byte_seconds", seconds(last.first_byte));
        let plain = hops.iter().find(|hop| hop.url.starts_with("http:"));
        if let (true, Some(plain), "https") = (answered, plain, self.scheme()) {
            outcome = worse(outcome, format!("a redirect leads away from TLS, to {}", plain.url));
        }
        // Of several, the one with a fault, or else the one that ends first.
        let all = hops.iter().filter_map(|hop| Some((hop, hop.certificate.as_ref()?)));
        let worst =
            all.min_by_key(|(_, certificate)| (certificate.fault.is_none(), certificate.expires));
        match worst {
            Some((hop, certificate)) => {
                self.judge_certificate(outcome, certificate, hop, deadline.wall)
            }
            None => outcome,
        }
    }

    fn judge_answer(&self, answer: &Answer) -> Outcome {
        let Answer { status, body, broke_off, .. } = answer;
        if !self.expect_status.contains(*status) {
            let to = match answer.leads_to() {
                Some(Ok(target)) => {
                    format!(", a redirect to {}", printable(target.shown().as_bytes(), 80))
                }
                Some(Err(_)) => ", a redirect that leads nowhere".to_string(),
                None => String::new(),
            };
            let expected = &self.expect_status;
            return Outcome::down(format!("status {status}{to}, where {expected} was expected"));
        }
        let expected = self.expect_body.as_ref();
        if expected.is_some_and(|pattern| pattern.is_in(body)) {
            return Outcome::up(format!("status {status}, and the body is as expected"));
        }
        match (broke_off, expected) {
            (Some(why), _) => Outcome::down(format!(
                "status {status}, but the body broke off after {} bytes: {why}",
                body.len()
            )),
            (None, Some(pattern)) => Outcome::down(format!(
                "status {status}, but {:?} is not in the body: {}",
                pattern.to_string(),
                printable(body, 40)
            )),
            (None, None) => Outcome::up(format!("status {status}")),
        }
    }

    fn judge_certificate(
        &self,
        outcome: Outcome,
        certificate: &Certificate,
        hop: &Hop,
        now: SystemTime,
    ) -> Outcome {
        let now =
            now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        let days = (certificate.expires - now).div_euclid(DAY);
        let end = day(certificate.expires);
        let expiry = match days {
            ..0 => format!("it expired on {end}"),
            0 => format!("it expires on {end}, within a day"),
            1 => format!("it expires on {end}, in 1 day"),
            _ => format!("it expires on {end}, in {days} days"),
        };
        // Where another certificate of the chain ends before.
        let chain = Some(certificate.earliest_expiry).filter(|end| *end < certificate.expires);
        let mut outcome = outcome
            .with("tls_version", hop.tls_version)
            .with("certificate_expires", certificate.expires)
            .with("chain_expires", chain)
            .with("certificate_days", days)
            .with("certificate_subject", certificate.subject.clone())
            .with("certificate_issuer", certificate.issuer.clone())
            .with("certificate_fault", certificate.fault.clone());
        match &certificate.fault {
            // The text then has a date already, and not this certificate's.
            Some(fault) if self.verify && fault.starts_with(INTERMEDIATE) => {}
            Some(_) if self.verify => outcome.reason += &format!("; {expiry}"),
            Some(fault) => {
                outcome.reason += &format!("; certificate not verified: {fault}; {expiry}")
            }
            None if days < self.warn_cert_days as i64 => {
                outcome = worse(outcome, format!("certificate: {expiry}"));
            }
            None => {}
        }
        outcome
    }
}

/// Degraded at best, with one reason more.
fn worse(mut outcome: Outcome, why: String) -> Outcome {
    if outcome.verdict == crate::verdict::Verdict::Up {
        outcome.verdict = crate::verdict::Verdict::Degraded;
    }
    outcome.reason += &format!("; {why}");
    outcome
}

/// Where the time went, for a person: `name 0.2 ms, connect 0.1 ms, ...`; None
/// if it was no HTTP.
pub fn where_the_time_went(outcome: &Outcome) -> Option<String> {
    let steps = [
        ("name", "name_seconds"),
        ("connect", "connect_seconds"),
        ("TLS", "tls_seconds"),
        ("first byte", "first_byte_seconds"),
        ("transfer", "transfer_seconds"),
    ];
    let step = |(word, key): &(&str, &str)| {
        let seconds = outcome.detail.get(*key)?.as_f64()?;
        Some(format!("{word} {}", shown(std::time::Duration::from_secs_f64(seconds))))
    };
    let steps: Vec<String> = steps.iter().filter_map(step).collect();
    (!steps.is_empty()).then(|| steps.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::Verdict;
    use std::time::Duration;

    /// The verdict on a certificate that is right and ends in so many seconds.
    fn verdict(http: &Http, seconds: i64) -> Verdict {
        let now = 1_700_000_000;
        let expires = now + seconds;
        let certificate = Certificate {
            begins: 0,
            expires,
            earliest_expiry: expires,
            subject: String::new(),
            issuer: String::new(),
            fault: None,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now as u64);
        http.judge_certificate(Outcome::up(""), &certificate, &Hop::default(), now).verdict
    }

    #[test]
    fn without_a_word_of_it_a_certificate_is_degraded_in_its_last_14_days() {
        let mut http = Http::draft("https");
        assert_eq!(verdict(&http, 14 * DAY), Verdict::Up);
        assert_eq!(verdict(&http, 14 * DAY - 1), Verdict::Degraded);
        http.warn_cert_days = 0;
        assert_eq!(verdict(&http, 0), Verdict::Up);
    }

    #[test]
    fn the_time_is_told_step_by_step_as_far_as_it_went() {
        assert_eq!(where_the_time_went(&Outcome::down("")), None);
        let began = Outcome::down("").with("connect_seconds", 0.25).with("name_seconds", 0.002);
        let expected = format!(
            "name {}, connect {}",
            shown(Duration::from_millis(2)),
            shown(Duration::from_millis(250))
        );
        assert_eq!(where_the_time_went(&began), Some(expected));
    }
}
