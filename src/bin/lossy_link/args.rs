//! The flags: one list of what can befall a way, taken twice, for the way up and the way down.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};
use logic::impair::Impairment;
use logic::units::Rate;
use socklab::endpoint::{Endpoint, FamilyArgs};
use socklab::impair_args::ImpairArgs;
use socklab::ports;

use crate::NAME;

/// A wire that misbehaves, between any two programs, in any language, without root
///
/// Have the client ask this program in place of its server. It passes on what
/// the client sends (the way up), and what the server answers (the way down).
/// Both come from this program's own ports, and no ICMP error passes. A flag
/// for damage means the way up, as does --up-FLAG; --down-FLAG means the way
/// down: --loss 30% --down-delay 100ms.
///
/// Over TCP it sits above the connections, of which there are two: no segment
/// is lost, for the kernel has repaired that already. Bytes may come late, in
/// other pieces, or not at all.
#[derive(clap::Parser)]
#[command(version, name = NAME)]
pub struct Args {
    /// The server for whom it is
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Endpoint,
    /// Listen on this address; port 0 picks a free one
    #[arg(long, visible_alias = "bind", value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::LOSSY_LINK))]
    pub listen: Endpoint,
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Pass datagrams on; this is the default
    #[arg(long)]
    pub udp: bool,
    /// Show no datagrams, only the totals at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub ways: Ways,
}

/// What can befall one way.
#[derive(Debug, Clone, clap::Args)]
pub struct Way {
    #[command(flatten)]
    pub impair: ImpairArgs,
    /// Pass on at most this many bits a second: 64kbit, 1.5mbit; the rest waits in a queue
    #[arg(long, value_name = "RATE", value_parser = bits)]
    pub rate: Option<f64>,
    /// Drop datagrams while N wait in that queue
    #[arg(long, value_name = "N", default_value = "50", requires = "rate", value_parser = clap::value_parser!(u32).range(..=100_000))]
    pub queue: u32,
}

/// Both ways.
#[derive(Debug, Clone)]
pub struct Ways {
    pub up: Way,
    pub down: Way,
}

impl Ways {
    /// The plans, up and down. Both have one seed, and draw from it independently.
    ///
    /// # Errors
    /// One line for a person: flags that contradict each other.
    pub fn plans(&self) -> Result<(Impairment, Impairment), String> {
        let up = self.up.impair.plan(Rate::ZERO)?;
        let down = ImpairArgs { seed: Some(up.seed), ..self.down.impair.clone() };
        let down = down.plan(Rate::ZERO).map_err(|why| as_down(&why))?;
        Ok((up, down))
    }
}

const HEADING: &str =
    "Damage on the way to the server; with --down- before its name, on the way back";

/// The flags of one way, as clap has them.
fn flags() -> Command {
    <Way as clap::Args>::augment_args(Command::new(NAME)).no_binary_name(true)
}

impl clap::Args for Ways {
    fn augment_args(command: Command) -> Command {
        let flags = flags();
        let twice = flags.get_arguments().filter_map(|flag| Some((flag, flag.get_long()?)));
        twice.fold(command, |command, (flag, name)| {
            // The servers' word for it: a link has neither requests nor replies.
            let help = flag.get_help().map_or(String::new(), |help| help.to_string());
            let help = ["requests of each client", "requests", "replies"]
                .iter()
                .fold(help, |help, word| help.replace(word, "datagrams"))
                .replace("reply", "datagram")
                .replace(" [default: 30%]", "");
            let up = flag.clone().help(help).help_heading(HEADING);
            if name == "seed" {
                return command.arg(up);
            }
            // Taken as text, and read by the same list in `down_from`.
            let down = Arg::new(format!("down-{name}")).long(format!("down-{name}")).hide(true);
            let down = down.allow_hyphen_values(true);
            command.arg(up.alias(format!("up-{name}"))).arg(down)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Ways::augment_args(command)
    }
}

impl FromArgMatches for Ways {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Ways, Error> {
        Ok(Ways { up: Way::from_arg_matches(matches)?, down: down_from(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Ways::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The flags of the way down, each read as the one without `down-`.
fn down_from(matches: &ArgMatches) -> Result<Way, Error> {
    let flags = flags();
    let given = flags.get_arguments().filter_map(|flag| {
        let name = flag.get_long().filter(|name| *name != "seed")?;
        let value = matches.get_one::<String>(&format!("down-{name}"))?;
        Some(format!("--{name}={value}"))
    });
    let given: Vec<String> = given.collect();
    let read = flags.try_get_matches_from(given).and_then(|read| Way::from_arg_matches(&read));
    read.map_err(|why| {
        let text = why.render().to_string();
        let text = text.strip_prefix("error: ").unwrap_or(&text);
        Error::raw(ErrorKind::ValueValidation, as_down(text))
    })
}

/// Words about a flag, for the flag of the way down.
fn as_down(text: &str) -> String {
    text.replace("--", "--down-").replace("--down-help", "--help")
}

/// Parses a rate of bits: `64kbit`, `1.5mbit`, `800bit`.
fn bits(text: &str) -> Result<f64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "bit" => Some(1.0),
        "kbit" => Some(1e3),
        "mbit" => Some(1e6),
        "gbit" => Some(1e9),
        _ => None,
    };
    let rate = unit.zip(number.parse::<f64>().ok()).map(|(unit, number)| unit * number);
    rate.filter(|rate| (1.0..=1e12).contains(rate)).ok_or_else(|| {
        "a rate is written 800bit, 64kbit, 1.5mbit or 1gbit, of a second".to_string()
    })
}
