//! `monitor check`: one check, once.

use std::process::ExitCode;
use std::time::Duration;

use logic::units;
use monitor::check::Packet;
use monitor::check::http::where_the_time_went;
use monitor::check::words::Word;
use monitor::config::typed::{self, Typed};
use monitor::outcome::{Deadline, Outcome};
use monitor::service::{Service, Settings};
use monitor::verdict::Verdict;
use serde_json::Value;
use socklab::event::json_line;
use socklab::output::{self, Colour, Painter};

use crate::explain;
use crate::told::Checked;

/// Check one service once
///
/// The service is given as TYPE ADDRESS [PARAMETERS], for example: dns 8.8.8.8
/// google.com MX. Every parameter of a configuration file can be given as
/// NAME=VALUE; see sample-config.
#[derive(clap::Args)]
pub struct Args {
    /// What to check: `tcp HOST PORT`, `dns SERVER NAME MX`, `https URL` ...
    #[arg(required = true, value_name = "TYPE ADDRESS [PARAMETERS]")]
    words: Vec<String>,
    /// Time limit for the whole check, including the lookup of the name; default 5s
    #[arg(short = 'W', long, value_name = "TIME", value_parser = units::positive_duration, allow_negative_numbers = true)]
    timeout: Option<Duration>,
    /// Print each packet byte by byte, with its meaning (dns, ntp and icmp)
    #[arg(long)]
    explain: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
}

/// # Errors
/// One line: what is wrong with the words.
pub fn run(args: &Args) -> Result<ExitCode, String> {
    let words: Vec<Word> = args.words.iter().map(|word| Word::from(word.as_str())).collect();
    // The interval, if one was typed, is for those who come again.
    let Typed { check, settings } = typed::parse_words(&words)?;
    let timeout = args.timeout.or(settings.timeout).unwrap_or(Service::TIMEOUT);
    let once = Settings { timeout: Some(timeout), interval: Some(timeout), ..settings };
    let service = Typed { check, settings: once }.service(&Settings::default())?;
    if args.explain && !explain::knows(service.check.kind()) {
        let kind = service.check.kind();
        return Err(format!("--explain is for dns, ntp and icmp; of {kind} nothing is explained"));
    }

    let kind = service.check.kind();
    let mut packets = 0;
    let mut watch = |packet: &Packet| {
        packets += 1;
        if args.explain {
            explain::packet(kind, packets, packet, args.json);
        }
    };
    let outcome = service.check.run_watched(&Deadline::of(timeout), &mut watch);
    if args.json {
        output::line(&json_line(&Checked::new(&service, &outcome)));
    } else {
        output::line(&first_line(&service, &outcome));
        details(&outcome).iter().for_each(|line| output::line(line));
    }
    Ok(ExitCode::from(outcome.verdict.exit_status()))
}

/// `up  dns  8.8.8.8 google.com MX  10 smtp.google.com.  16.6 ms`
fn first_line(service: &Service, outcome: &Outcome) -> String {
    let colour = match outcome.verdict {
        Verdict::Up => Colour::Green,
        Verdict::Degraded | Verdict::Unverified => Colour::Yellow,
        Verdict::Down => Colour::Red,
    };
    let verdict = Painter::for_stdout().paint(colour, outcome.verdict.word());
    let shown = service.check.to_string();
    let (kind, target) = shown.split_once(' ').unwrap_or((&shown, ""));
    let mut line = format!("{verdict}  {kind}  {target}  {}", outcome.reason);
    if let Some(took) = outcome.took {
        line += &format!("  {}", milliseconds(took.as_secs_f64()));
    }
    line
}

/// With three digits that say something, down to a microsecond.
fn milliseconds(seconds: f64) -> String {
    let ms = seconds * 1e3;
    match ms.abs() {
        ..1.0 => format!("{ms:.3} ms"),
        ..10.0 => format!("{ms:.2} ms"),
        _ => format!("{ms:.1} ms"),
    }
}

/// What else was found out, a line each.
fn details(outcome: &Outcome) -> Vec<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    if let Some(steps) = where_the_time_went(outcome) {
        lines.push(("time".to_string(), steps));
    }
    for (name, value) in &outcome.detail {
        // These stand in the line of the time.
        let step = [
            "name_seconds",
            "connect_seconds",
            "tls_seconds",
            "first_byte_seconds",
            "transfer_seconds",
        ];
        if !step.contains(&name.as_str())
            && let Some(shown) = shown(name, value)
        {
            let name = name.trim_end_matches("_seconds").trim_end_matches("_pct");
            lines.push((name.replace('_', " "), shown));
        }
    }
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("    {name:width$}  {value}")).collect()
}

/// A figure for a person; None for one that does not exist.
fn shown(name: &str, value: &Value) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::Array(list) if list.is_empty() => return None,
        Value::Array(list) => {
            let item = |item: &Value| item.as_str().unwrap_or("*").to_string();
            list.iter().map(item).collect::<Vec<_>>().join(", ")
        }
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_string(),
        Value::Bool(false) => "no".to_string(),
        other => other.to_string(),
    };
    let number = value.as_f64();
    Some(match number {
        Some(seconds) if name == "ttl_seconds" || name == "retry_after_seconds" => {
            format!("{seconds:.0} s")
        }
        Some(seconds) if name.ends_with("_seconds") => milliseconds(seconds),
        Some(share) if name.ends_with("_pct") => format!("{share:.0}%"),
        Some(unix) if name.ends_with("_expires") => {
            jiff::Timestamp::from_second(unix as i64).map_or(text, |time| time.to_string())
        }
        _ => text,
    })
}
