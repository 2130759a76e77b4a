//! What can be wrong with a service, on demand.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use logic::units::{duration, show_duration};

use super::services::Service;

/// One way of answering wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Takes what comes, and says nothing.
    NoReply,
    /// Says something that is not the protocol.
    Garbage,
    /// HTTP: this status.
    Status(u16),
    /// HTTP, and echo: the right form, another content.
    WrongBody,
    /// The certificate's day is over, or almost.
    Expired,
    Expiring,
    /// The certificate is for another name.
    WrongName,
    /// The certificate is another authority's.
    UnknownIssuer,
    WrongId,
    WrongQuestion,
    /// DNS: the query itself comes back.
    Qr0,
    /// DNS: nothing over UDP but the word that there is more over TCP.
    Truncated,
    NoData,
    NxDomain,
    ServFail,
    Refused,
    Referral,
    /// DNS: as a server from before 1999, which takes EDNS for an error.
    NoEdns,
    Stratum(u8),
    Kiss([u8; 4]),
    Ahead(Duration),
    Behind(Duration),
    Unsynchronised,
    WrongOrigin,
}

const WEB: &[Service] = &[Service::Http, Service::Https];
const TLS: &[Service] = &[Service::Https];
const DNS: &[Service] = &[Service::Dns];
const NTP: &[Service] = &[Service::Ntp];
const TALKING: &[Service] =
    &[Service::Http, Service::Https, Service::Dns, Service::Ntp, Service::Tcp, Service::Echo];

/// Each fault: which services can have it, how it is typed, what it does.
pub const FAULTS: [(&[Service], &str, &str); 25] = [
    (TALKING, "no-reply", "takes what comes, and says nothing"),
    (
        &[Service::Http, Service::Https, Service::Dns, Service::Tcp],
        "garbage",
        "says what is not the protocol",
    ),
    (WEB, "STATUS", "answers with this status, as in: http 500"),
    (WEB, "wrong-body", "answers 200 with another page"),
    (TLS, "expired", "shows a certificate that ended yesterday"),
    (TLS, "expiring", "shows a certificate that ends in three days"),
    (TLS, "wrong-name", "shows a certificate for another host"),
    (TLS, "unknown-issuer", "shows a certificate of another authority"),
    (DNS, "wrong-id", "replies under another identifier"),
    (DNS, "wrong-question", "replies to another question"),
    (DNS, "qr0", "sends the query back as a query"),
    (DNS, "truncated", "says over UDP only that there is more over TCP"),
    (DNS, "nodata", "says that the name has no such record"),
    (DNS, "nxdomain", "says that the name does not exist"),
    (DNS, "servfail", "says that it failed"),
    (DNS, "refused", "refuses to answer"),
    (DNS, "referral", "names other servers to ask"),
    (DNS, "no-edns", "takes EDNS for an error"),
    (NTP, "stratum N", "claims this stratum; 0 is a kiss-o'-death"),
    (NTP, "kiss CODE", "sends a kiss-o'-death, as in: ntp kiss RATE"),
    (NTP, "wrong-time TIME", "is ahead, or with -TIME behind: ntp wrong-time 1h"),
    (NTP, "unsynchronised", "says that its clock is not set"),
    (NTP, "wrong-origin", "sends back another stamp than it was sent"),
    (&[Service::Echo], "corrupt", "sends back one byte changed"),
    (&[Service::Tcp], "wrong-banner", "greets with another banner"),
];

impl Fault {
    /// Reads what is typed behind the service's name: `stratum 0`.
    ///
    /// # Errors
    /// One line: there is no such fault, or this service cannot have it.
    pub fn parse(service: Service, words: &[&str]) -> Result<Fault, String> {
        let fault = match words {
            ["no-reply"] => Fault::NoReply,
            ["garbage"] => Fault::Garbage,
            ["wrong-body" | "corrupt" | "wrong-banner"] => Fault::WrongBody,
            ["expired"] => Fault::Expired,
            ["expiring"] => Fault::Expiring,
            ["wrong-name"] => Fault::WrongName,
            ["unknown-issuer"] => Fault::UnknownIssuer,
            ["wrong-id"] => Fault::WrongId,
            ["wrong-question"] => Fault::WrongQuestion,
            ["qr0"] => Fault::Qr0,
            ["truncated"] => Fault::Truncated,
            ["nodata"] => Fault::NoData,
            ["nxdomain"] => Fault::NxDomain,
            ["servfail"] => Fault::ServFail,
            ["refused"] => Fault::Refused,
            ["referral"] => Fault::Referral,
            ["no-edns"] => Fault::NoEdns,
            ["stratum", number] => {
                Fault::Stratum(number.parse().map_err(|_| "a stratum is a number from 0 to 255")?)
            }
            ["kiss", code] => {
                let letters = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
                let code = code.as_bytes().try_into().ok().filter(|_| letters);
                Fault::Kiss(code.ok_or("a kiss code has four letters, such as RATE or DENY")?)
            }
            ["wrong-time", time] => match time.strip_prefix('-') {
                Some(time) => Fault::Behind(duration(time)?),
                None => Fault::Ahead(duration(time)?),
            },
            ["unsynchronised"] => Fault::Unsynchronised,
            ["wrong-origin"] => Fault::WrongOrigin,
            [number] if number.bytes().all(|byte| byte.is_ascii_digit()) => {
                let status = number.parse().ok().filter(|status| (200..600).contains(status));
                Fault::Status(status.ok_or("a status is a number from 200 to 599")?)
            }
            _ => return Err(unknown(service, words)),
        };
        // Which of them this service can have, and under which word, is said
        // by the table alone.
        let word = if matches!(fault, Fault::Status(_)) { "STATUS" } else { words[0] };
        let can = FAULTS.iter().any(|(services, typed, _)| {
            services.contains(&service) && typed.split(' ').next() == Some(word)
        });
        if can { Ok(fault) } else { Err(unknown(service, words)) }
    }

    /// As it is typed.
    pub fn show(self, service: Service) -> String {
        let word = match self {
            Fault::NoReply => "no-reply",
            Fault::Garbage => "garbage",
            Fault::Status(status) => return status.to_string(),
            Fault::WrongBody => match service {
                Service::Echo => "corrupt",
                Service::Tcp => "wrong-banner",
                _ => "wrong-body",
            },
            Fault::Expired => "expired",
            Fault::Expiring => "expiring",
            Fault::WrongName => "wrong-name",
            Fault::UnknownIssuer => "unknown-issuer",
            Fault::WrongId => "wrong-id",
            Fault::WrongQuestion => "wrong-question",
            Fault::Qr0 => "qr0",
            Fault::Truncated => "truncated",
            Fault::NoData => "nodata",
            Fault::NxDomain => "nxdomain",
            Fault::ServFail => "servfail",
            Fault::Refused => "refused",
            Fault::Referral => "referral",
            Fault::NoEdns => "no-edns",
            Fault::Stratum(stratum) => return format!("stratum {stratum}"),
            Fault::Kiss(code) => return format!("kiss {}", code.escape_ascii()),
            Fault::Ahead(time) => return format!("wrong-time {}", show_duration(time)),
            Fault::Behind(time) => return format!("wrong-time -{}", show_duration(time)),
            Fault::Unsynchronised => "unsynchronised",
            Fault::WrongOrigin => "wrong-origin",
        };
        word.to_string()
    }
}

fn unknown(service: Service, words: &[&str]) -> String {
    let known: Vec<&str> = FAULTS
        .iter()
        .filter(|(services, ..)| services.contains(&service))
        .map(|(_, typed, _)| *typed)
        .collect();
    let known = if known.is_empty() { "be stopped and started".into() } else { known.join(", ") };
    format!("{service} cannot do {:?}; it can: {known}", words.join(" "))
}

/// How a service is to behave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// It waits so long before each answer.
    pub slow: Duration,
    pub fault: Option<Fault>,
}

impl Behaviour {
    /// `slow 3s, wrong-question`, or nothing if all is well.
    pub fn show(self, service: Service) -> String {
        let slow = (!self.slow.is_zero()).then(|| format!("slow {}", show_duration(self.slow)));
        let fault = self.fault.map(|fault| fault.show(service));
        slow.into_iter().chain(fault).collect::<Vec<_>>().join(", ")
    }
}

/// A service's behaviour, which the prompt sets and the service's threads read.
#[derive(Debug, Default)]
pub struct Switch(Mutex<Behaviour>);

impl Switch {
    pub fn get(&self) -> Behaviour {
        *self.lock()
    }

    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.lock());
    }

    fn lock(&self) -> MutexGuard<'_, Behaviour> {
        // A behaviour is never left half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
