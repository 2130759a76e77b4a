//! The flags: one list of what can befall a way, taken twice, for the way up and the way down.

use std::num::{NonZeroU64, NonZeroUsize};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Command, Error, FromArgMatches};
use logic::impair::Impairment;
use logic::units::{Rate, positive_duration, show_duration};
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
    /// The server to pass everything on to
    #[arg(long, value_name = "HOST:PORT")]
    pub to: Endpoint,
    /// Listen on this address; port 0 picks a free one
    #[arg(long, visible_alias = "bind", value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::LOSSY_LINK))]
    pub listen: Endpoint,
    #[command(flatten)]
    pub family: FamilyArgs,
    /// Pass datagrams on; this is the default
    #[arg(long, conflicts_with = "tcp")]
    udp: bool,
    /// Pass the streams of TCP connections on
    #[arg(long)]
    pub tcp: bool,
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
    /// Over TCP: write the stream in pieces of N bytes, 10 ms apart
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub split: Option<NonZeroUsize>,
    /// Over TCP: gather what comes within TIME, and write it in one piece
    #[arg(long, value_name = "TIME", value_parser = positive_duration, allow_hyphen_values = true)]
    pub merge: Option<Duration>,
    /// Over TCP: let the first byte of a connection pass, then stand still for TIME
    #[arg(long, value_name = "TIME", value_parser = positive_duration, allow_hyphen_values = true)]
    pub stall: Option<Duration>,
    /// Over TCP: reset both connections after BYTES have passed
    #[arg(long, value_name = "BYTES", allow_hyphen_values = true)]
    pub reset_after: Option<NonZeroU64>,
}

impl Way {
    /// The first flag given that datagrams have no use for.
    fn for_streams(&self) -> Option<&'static str> {
        let given = [
            ("--split", self.split.is_some()),
            ("--merge", self.merge.is_some()),
            ("--stall", self.stall.is_some()),
            ("--reset-after", self.reset_after.is_some()),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    /// The first flag given that a stream has no use for.
    fn for_datagrams(&self) -> Option<&'static str> {
        let ImpairArgs { loss, drop, burst, duplicate, reorder, corrupt, .. } = &self.impair;
        let given = [
            ("--loss", loss.is_some()),
            ("--drop", !drop.is_empty()),
            ("--burst", burst.is_some()),
            ("--duplicate", *duplicate > Rate::ZERO),
            ("--reorder", *reorder > Rate::ZERO),
            ("--corrupt", *corrupt > Rate::ZERO),
        ];
        given.iter().find(|(_, given)| *given).map(|(flag, _)| *flag)
    }

    /// What this way does, in words; `plan` is its own.
    pub fn describe(&self, plan: &Impairment, tcp: bool) -> String {
        let queue = |words| if tcp { words } else { format!("{words}, queue of {}", self.queue) };
        let words = [
            self.rate.map(|rate| queue(format!("rate {}kbit", rate / 1e3))),
            self.split.map(|bytes| format!("split into {bytes}")),
            self.merge.map(|time| format!("merge {}", show_duration(time))),
            self.stall.map(|time| format!("stall {}", show_duration(time))),
            self.reset_after.map(|bytes| format!("reset after {bytes} bytes")),
        ];
        let damage = plan.describe();
        let damage = if tcp { damage.trim_start_matches("loss 0%, ") } else { &damage };
        words.into_iter().flatten().chain([damage.to_string()]).collect::<Vec<_>>().join(", ")
    }
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
    pub fn plans(&self, tcp: bool) -> Result<(Impairment, Impairment), String> {
        for way in [&self.up, &self.down] {
            match (tcp, way.for_datagrams(), way.for_streams()) {
                (true, Some(flag), _) => {
                    return Err(format!(
                        "{flag} is for datagrams: this link sits above TCP, where the kernel has \
                     repaired what was lost or spoilt; see --delay, --rate, --split and --stall"
                    ));
                }
                (false, _, Some(flag)) => return Err(format!("{flag} is for streams: add --tcp")),
                _ => {}
            }
        }
        let up = self.up.impair.plan(Rate::ZERO)?;
        let down = ImpairArgs { seed: Some(up.seed), ..self.down.impair.clone() };
        let down = down.plan(Rate::ZERO).map_err(|why| as_down(&why))?;
        Ok((up, down))
    }
}

impl Ways {
    /// What both do, in words.
    pub fn describe(&self, [up, down]: [&Impairment; 2], tcp: bool) -> [String; 2] {
        [self.up.describe(up, tcp), self.down.describe(down, tcp)]
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
