//! What is typed at the prompt of the lab, and behind `--break`.

use std::time::Duration;

use logic::units::duration;

use super::faults::{FAULTS, Fault};
use super::services::Service;

/// Something to do to the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Close the service's ports.
    Stop(Service),
    /// Open them again.
    Start(Service),
    /// Wait so long before each answer.
    Slow(Service, Duration),
    Break(Service, Fault),
    /// All is well again with this service, or with all of them.
    Heal(Option<Service>),
}

impl Command {
    /// The service that it changes; None if it changes all of them.
    pub fn service(&self) -> Option<Service> {
        match *self {
            Command::Stop(service) | Command::Start(service) => Some(service),
            Command::Slow(service, _) | Command::Break(service, _) => Some(service),
            Command::Heal(service) => service,
        }
    }
}

impl std::str::FromStr for Command {
    type Err = String;

    /// `stop http`, `slow dns 3s`, `dns wrong-question`, `heal`.
    fn from_str(line: &str) -> Result<Command, String> {
        let lower = line.to_lowercase();
        // A kiss code keeps its letters.
        let typed: Vec<&str> = line.split_whitespace().collect();
        let words: Vec<&str> = lower.split_whitespace().collect();
        match words[..] {
            ["stop", service] => Ok(Command::Stop(service.parse()?)),
            ["start", service] => Ok(Command::Start(service.parse()?)),
            ["slow", service, time] => match service.parse()? {
                Service::Silent => Err("silent does not answer, however slowly".to_string()),
                service => Ok(Command::Slow(service, duration(time)?)),
            },
            ["heal"] | ["heal", "all"] => Ok(Command::Heal(None)),
            ["heal", service] => Ok(Command::Heal(Some(service.parse()?))),
            ["stop" | "start"] => Err(format!("{} which? As in: {} http", words[0], words[0])),
            ["slow", ..] => Err("slow which, and by how much? As in: slow dns 3s".to_string()),
            [service, "kiss", _] => Ok(Command::Break(
                service.parse()?,
                Fault::parse(service.parse()?, &["kiss", typed[2]])?,
            )),
            [service, ref fault @ ..] if !fault.is_empty() => {
                let service = service.parse().map_err(|why| format!("{why}; see help"))?;
                Ok(Command::Break(service, Fault::parse(service, fault)?))
            }
            [word] if word.parse::<Service>().is_ok() => {
                let service = word.parse()?;
                Fault::parse(service, &[]).map(|fault| Command::Break(service, fault))
            }
            _ => Err(format!("there is no command {line:?}; see help")),
        }
    }
}

/// The help for the prompt, a line each.
pub fn help() -> Vec<String> {
    let general = [
        ("stop SERVICE", "closes its ports"),
        ("start SERVICE", "opens them again"),
        ("slow SERVICE TIME", "waits so long before each answer, as in: slow dns 3s"),
        ("heal [SERVICE]", "all is well again with it, or with all of them"),
        ("status", "what is open, and what is wrong with it"),
        ("exit", "ends the lab, as Ctrl-C does"),
    ];
    let mut lines: Vec<String> =
        general.iter().map(|(typed, does)| format!("{typed:26}{does}")).collect();
    for service in Service::ALL {
        for (services, typed, does) in FAULTS {
            if services.contains(&service) {
                lines.push(format!("{:26}{does}", format!("{service} {typed}")));
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_table_can_be_typed_and_is_shown_as_typed() {
        for (services, typed, _) in FAULTS {
            let typed = typed
                .replace("STATUS", "503")
                .replace('N', "7")
                .replace("CODE", "RATE")
                .replace("TIME", "-90s");
            for service in services {
                let line = format!("{service} {typed}");
                let Command::Break(same, fault) = line.parse().unwrap() else { panic!("{line}") };
                assert_eq!((same, fault.show(same)), (*service, typed.clone()));
            }
            let others = Service::ALL.into_iter().filter(|service| !services.contains(service));
            for service in others {
                let line = format!("{service} {typed}");
                let why = line.parse::<Command>().unwrap_err();
                assert!(why.starts_with(&format!("{service} cannot do")), "{line}: {why}");
            }
        }
    }

    #[test]
    fn what_is_mistyped_gets_the_mend() {
        for (line, mend) in [
            ("", "see help"),
            ("brake http", "there are http, https, dns"),
            ("stop", "As in: stop http"),
            ("stop ftp", "there are http, https, dns"),
            ("slow dns", "As in: slow dns 3s"),
            ("slow dns soon", "250ms, 1s, 1.5s or 2m"),
            ("slow silent 1s", "does not answer"),
            ("http 99", "from 200 to 599"),
            ("ntp stratum 256", "from 0 to 255"),
            ("ntp kiss me", "four letters"),
            ("ntp kiss m\u{e9}e", "four letters"),
            ("dns expired", "it can: no-reply, garbage, wrong-id"),
            ("dns", "it can: no-reply"),
            ("silent no-reply", "be stopped and started"),
        ] {
            let why = line.parse::<Command>().unwrap_err();
            assert!(why.contains(mend), "{line}: {why}");
        }
    }

    #[test]
    fn commands_are_read_in_any_case_and_with_any_spaces() {
        let slow = Command::Slow(Service::Dns, Duration::from_secs(3));
        assert_eq!("  SLOW  Dns 3s ".parse(), Ok(slow));
        assert_eq!("heal".parse(), Ok(Command::Heal(None)));
        assert_eq!("Heal NTP".parse(), Ok(Command::Heal(Some(Service::Ntp))));
        let kiss = Command::Break(Service::Ntp, Fault::Kiss(*b"RATE"));
        assert_eq!("ntp KISS RATE".parse(), Ok(kiss));
    }
}
