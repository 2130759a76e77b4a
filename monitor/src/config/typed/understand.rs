//! Which word is what: by its place, by its name, or as the interval.

use std::iter::Peekable;
use std::slice::Iter;

use logic::units;

use super::super::hint::hint;
use super::Typed;
use crate::check::Check;
use crate::check::parameter;
use crate::check::value::Value;
use crate::check::words::Word;
use crate::service::Settings;

/// Understands the words behind the type, whose `draft` of a check they complete.
pub(super) fn understand(kind: &str, draft: Check, words: &[Word]) -> Result<Typed, String> {
    let mut typed = Typed { check: draft, settings: Settings::default() };
    let mut words = words.iter().peekable();
    placed(&mut typed, kind, &mut words)?;
    named(&mut typed, words)?;
    if let Some(missing) = typed.check.missing() {
        return Err(format!("no {missing}"));
    }
    typed.check.complete()?;
    Ok(typed)
}

/// Enters what is known by its place: the address, a port, a query and its type.
fn placed(typed: &mut Typed, kind: &str, words: &mut Peekable<Iter<Word>>) -> Result<(), String> {
    // The address; `local` has it already, and only a port.
    let (address, positions) = typed.check.positions().split_first().ok_or("it has no address")?;
    if kind != "local" {
        let word = words.next().ok_or_else(|| format!("no {address}"))?;
        enter(typed, address, &Value::of(&word.text))?;
    }
    if kind == "icmp"
        && let Some(word) = words.next_if(|word| ["1", "2"].contains(&word.text.as_str()))
        && let (Check::Icmp(icmp), "2") = (&typed.check, word.text.as_str())
    {
        let mut trace = crate::check::trace::Trace::draft();
        trace.host.clone_from(&icmp.host);
        typed.check = Check::Trace(trace);
    }
    for name in positions {
        let fits = |word: &Word| -> bool {
            let number =
                !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
            match *name {
                "port" => number && !has_port(&typed.check),
                "record" => !is_named(word) && !is_interval(word),
                _ => !is_named(word),
            }
        };
        if let Some(word) = words.next_if(|word| fits(word)) {
            enter(typed, name, &Value::of(&word.text))?;
        }
    }
    Ok(())
}

/// Enters what is given as `NAME=VALUE`, and the interval.
fn named<'a>(typed: &mut Typed, words: impl Iterator<Item = &'a Word>) -> Result<(), String> {
    let mut parameters: Vec<(String, Vec<Value>)> = Vec::new();
    let mut interval = None;
    for word in words {
        if let Some((name, value)) = word.text.split_once('=').filter(|_| is_named(word)) {
            let value = Value::of(value);
            match parameters.iter_mut().find(|(known, _)| known == name) {
                Some((_, values)) => values.push(value),
                None => parameters.push((name.to_string(), vec![value])),
            }
        } else if interval.is_some() {
            return Err(format!(
                "{:?} comes after the interval, where nothing else may follow",
                word.text
            ));
        } else {
            let time = units::positive_duration(&word.text);
            interval = Some(time.map_err(|_| {
                format!("{:?} is neither NAME=VALUE nor an interval, such as 30 or 5m", word.text)
            })?);
        }
    }
    for (name, values) in parameters {
        let value = match <[Value; 1]>::try_from(values) {
            Ok([value]) => value,
            Err(values) => Value::List(values),
        };
        enter(typed, &name, &value)?;
    }
    if let Some(interval) = interval {
        if typed.settings.interval.is_some() {
            return Err("the interval is given twice".to_string());
        }
        typed.settings.interval = Some(interval);
    }
    Ok(())
}

/// Enters a parameter of the check, or of the service.
fn enter(typed: &mut Typed, name: &str, value: &Value) -> Result<(), String> {
    let done = typed
        .check
        .set(name, value)
        .or_else(|| parameter::set(Settings::PARAMETERS, &mut typed.settings, name, value));
    match done {
        Some(done) => done.map_err(|why| format!("{name} {why}")),
        None => {
            let check = typed.check.parameters();
            let known = check.iter().map(|about| about.name);
            let known = known.chain(Settings::PARAMETERS.iter().map(|parameter| parameter.name));
            Err(format!("{} has no parameter {name}{}", typed.check.kind(), hint(name, known)))
        }
    }
}

fn has_port(check: &Check) -> bool {
    match check {
        Check::Tcp(tcp) => tcp.port.is_some(),
        Check::Udp(udp) => udp.port.is_some(),
        Check::Echo(echo) => echo.port.is_some(),
        _ => false,
    }
}

/// `name=value`; not if it begins with a quote.
fn is_named(word: &Word) -> bool {
    let name = word.text.split_once('=').map_or("", |(name, _)| name);
    let letter = |c: char| c.is_ascii_lowercase() || c == '_';
    !word.begins_quoted && !name.is_empty() && name.chars().all(letter)
}

fn is_interval(word: &Word) -> bool {
    word.text.starts_with(|c: char| c.is_ascii_digit())
}
