//! A service to be watched: its name, its check, and how often.

use std::time::Duration;

use logic::units::show_duration;

use crate::check::Check;
use crate::check::parameter::{Parameter, shown_duration};
use crate::check::value::Value;

/// A service to be watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// By it the service is known in every list; no two have the same.
    pub name: String,
    pub check: Check,
    pub interval: Duration,
    pub timeout: Duration,
    /// After so many failures in a row it is told as down.
    pub down_after: u32,
    /// After so many successes in a row it is told as up again.
    pub up_after: u32,
}

/// What may be said of a service besides its check; what is not said has a default.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settings {
    pub name: Option<String>,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub down_after: Option<u32>,
    pub up_after: Option<u32>,
}

/// Something that cannot be, and the key that has to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub key: &'static str,
    pub what: String,
}

impl Service {
    pub const INTERVAL: Duration = Duration::from_secs(60);
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    pub const DOWN_AFTER: u32 = 2;
    pub const UP_AFTER: u32 = 1;

    /// A service from its check, what was said of it, and what was said of all.
    /// Without a name it is known as what is typed for it. Where no timeout was
    /// asked for, it is never longer than the interval.
    pub fn new(check: Check, own: &Settings, all: &Settings) -> Service {
        let interval = own.interval.or(all.interval).unwrap_or(Service::INTERVAL);
        let timeout = own.timeout.or(all.timeout);
        Service {
            name: own.name.clone().unwrap_or_else(|| check.to_string()),
            interval,
            timeout: timeout.unwrap_or(Service::TIMEOUT.min(interval)),
            down_after: own.down_after.or(all.down_after).unwrap_or(Service::DOWN_AFTER),
            up_after: own.up_after.or(all.up_after).unwrap_or(Service::UP_AFTER),
            check,
        }
    }

    /// What of it cannot be, each with the mend; empty if all is well.
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let (interval, timeout) = (show_duration(self.interval), show_duration(self.timeout));
        if self.interval < self.timeout {
            faults.push(Fault {
                key: "interval",
                what: format!(
                    "interval {interval} is shorter than timeout {timeout}: a check could still \
                     be running when the next is due; give an interval of {timeout} or more, or a timeout \
                     of {interval} or less"
                ),
            });
        }
        let least = self.check.least();
        if least > self.timeout {
            let least = show_duration(least);
            faults.push(Fault {
                key: "count",
                what: format!(
                    "the pings take {least} or more, but the timeout is {timeout}; give a smaller \
                     count, or a timeout of {least} or more"
                ),
            });
        }
        faults
    }
}

impl Settings {
    pub const PARAMETERS: &'static [Parameter<Settings>] = &[
        Parameter {
            name: "name",
            help: "its name in every list, unlike all others; default: the check as typed",
            sample: "\"google MX\"",
            set: |settings, value| {
                let name = value.text()?.trim();
                if name.is_empty() || name.chars().count() > 80 || name.contains(char::is_control) {
                    return Err("must have 1 to 80 characters, on one line".to_string());
                }
                settings.name = Some(name.to_string());
                Ok(())
            },
            show: |settings| settings.name.as_ref().map(Value::of),
        },
        Parameter {
            name: "interval",
            help: "from the start of one check to the start of the next; default 60s; a bare number is seconds",
            sample: "\"60s\"",
            set: |settings, value| value.duration().map(|time| settings.interval = Some(time)),
            show: |settings| settings.interval.and_then(shown_duration),
        },
        Parameter {
            name: "timeout",
            help: "for the whole check, including the lookup of the name; default 5s, or the interval if that is shorter",
            sample: "\"5s\"",
            set: |settings, value| value.duration().map(|time| settings.timeout = Some(time)),
            show: |settings| settings.timeout.and_then(shown_duration),
        },
        Parameter {
            name: "down_after",
            help: "failures in a row before it is reported as down; default 2",
            sample: "2",
            set: |settings, value| {
                value.whole(1, 1000).map(|number| settings.down_after = Some(number as u32))
            },
            show: |settings| settings.down_after.map(|number| Value::Integer(number.into())),
        },
        Parameter {
            name: "up_after",
            help: "successes in a row before it is reported as up again; default 1",
            sample: "1",
            set: |settings, value| {
                value.whole(1, 1000).map(|number| settings.up_after = Some(number as u32))
            },
            show: |settings| settings.up_after.map(|number| Value::Integer(number.into())),
        },
    ];
}
