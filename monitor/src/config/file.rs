//! The TOML file. All that is wrong with one is told at once, each with its line.
//!
//! ```toml
//! [defaults]
//! interval = "30s"
//!
//! [[service]]
//! name = "google MX"
//! type = "dns"
//! server = "8.8.8.8"
//! query = "google.com"
//! record = "MX"
//!
//! [[service]]
//! check = "tcp www.example.com 80 5"
//! ```

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;

use socklab::errors::cause;
use socklab::output::harmless;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::check::value::Value;
use crate::check::{Check, TYPES, parameter};
use crate::service::{Service, Settings};

use super::hint::hint;
use super::typed;
use super::understood::understood;

/// What a file says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub services: Vec<Service>,
    /// What holds for services added later, too.
    pub defaults: Settings,
    /// The words that end the console.
    pub exit_commands: Vec<String>,
}

impl Default for Config {
    fn default() -> Config {
        let exit_commands = ["exit", "quit"].map(str::to_string).to_vec();
        Config { services: Vec::new(), defaults: Settings::default(), exit_commands }
    }
}

/// Something that is wrong with a file, and the mend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// From 1.
    pub line: usize,
    pub what: String,
}

/// `12: google MX: interval 1s is shorter than ...`, to stand behind `FILE:`.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}: {}", self.line, self.what)
    }
}

/// Reads a file.
///
/// # Errors
/// Lines for a person, each with the file's name: it cannot be read, or all
/// that is wrong with it.
pub fn read(path: &Path) -> Result<Config, Vec<String>> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|why| {
        vec![format!("cannot read {shown}: {}; `monitor sample-config` prints a file", cause(&why))]
    })?;
    parse(&text)
        .map_err(|problems| problems.iter().map(|problem| format!("{shown}:{problem}")).collect())
}

/// Understands a file's text.
///
/// # Errors
/// All that is wrong with it, in the order of its lines.
pub fn parse(text: &str) -> Result<Config, Vec<Problem>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, problems: Vec::new() };
    let config = reader.config(table.get_ref());

    // What was lost to an error of syntax is no error of its own: of such a
    // part of the file only the syntax is told.
    let mut syntax: Vec<Problem> = errors
        .iter()
        .map(|error| Problem {
            line: error.span().map_or(1, |span| reader.line(&span)),
            what: harmless(&error.message().lines().collect::<Vec<_>>().join(", ")),
        })
        .collect();
    // In one line the second is mostly a consequence of the first.
    syntax.dedup_by_key(|problem| problem.line);
    let part = |line: usize| text.lines().take(line).filter(|line| line.starts_with('[')).count();
    let mut problems = reader.problems;
    problems.retain(|problem| syntax.iter().all(|error| part(error.line) != part(problem.line)));
    problems.extend(syntax);
    problems.sort_by_key(|problem| problem.line);
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

type Span = Range<usize>;
type Entries<'a> = DeTable<'a>;

/// Walks the table, and notes what is wrong.
struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn line(&self, span: &Span) -> usize {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        before.iter().filter(|byte| **byte == b'\n').count() + 1
    }

    fn note(&mut self, span: &Span, what: impl Into<String>) {
        let line = self.line(span);
        // Names and values stand in it as the file has them.
        self.problems.push(Problem { line, what: harmless(&what.into()) });
    }

    fn config(&mut self, table: &Entries) -> Config {
        let mut config = Config::default();
        let mut services: &[Spanned<DeValue>] = &[];
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("service", DeValue::Array(list)) => services = list,
                ("service", _) => {
                    self.note(
                        &key.span(),
                        "services are written under [[service]], with two brackets",
                    );
                }
                ("defaults", DeValue::Table(table)) => config.defaults = self.defaults(table),
                ("defaults", _) => self.note(&key.span(), "defaults are written under [defaults]"),
                ("exit_commands", _) => match words_of(&understood(value.get_ref())) {
                    Ok(words) => config.exit_commands = words,
                    Err(why) => self.note(&value.span(), format!("exit_commands {why}")),
                },
                (other, _) => {
                    let known = ["service", "defaults", "exit_commands"];
                    let hint = hint(other, known);
                    self.note(
                        &key.span(),
                        format!("unknown key {other}{hint}; the top level has [[service]], [defaults] and exit_commands"),
                    );
                }
            }
        }
        let mut names: HashMap<String, usize> = HashMap::new();
        for service in services {
            let Some((service, span)) = self.service(service, &config.defaults) else { continue };
            let line = self.line(&span);
            if let Some(first) = names.get(&service.name) {
                let name = &service.name;
                self.note(
                    &span,
                    format!(
                        "{name}: the service in line {first} has this name already; choose another"
                    ),
                );
            } else {
                names.insert(service.name.clone(), line);
            }
            config.services.push(service);
        }
        config
    }

    fn defaults(&mut self, table: &Entries) -> Settings {
        let mut settings = Settings::default();
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if name == "name" {
                self.note(&key.span(), "defaults: a name belongs to one service; leave it out");
                continue;
            }
            let value = Spanned::new(value.span(), understood(value.get_ref()));
            match parameter::set(Settings::PARAMETERS, &mut settings, name, value.get_ref()) {
                Some(Ok(())) => {}
                Some(Err(why)) => self.note(&value.span(), format!("defaults: {name} {why}")),
                None => {
                    let known = Settings::PARAMETERS.iter().map(|parameter| parameter.name).skip(1);
                    let hint = hint(name, known.clone());
                    let known: Vec<&str> = known.collect();
                    self.note(
                        &key.span(),
                        format!(
                            "defaults: unknown key {name}{hint}; the keys are {}",
                            known.join(", ")
                        ),
                    );
                }
            }
        }
        settings
    }

    /// A service, and where its name, or else its table, stands. None if not
    /// even its type is known.
    fn service(
        &mut self,
        service: &Spanned<DeValue>,
        defaults: &Settings,
    ) -> Option<(Service, Span)> {
        let whole = service.span();
        let DeValue::Table(table) = service.get_ref() else {
            self.note(&whole, "a service is a table, under [[service]]");
            return None;
        };
        let problems = self.problems.len();
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let prefix = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let (mut check, mut settings) = self.check(table, &whole, &prefix)?;
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            if ["type", "check"].contains(&name) {
                continue;
            }
            let span = value.span();
            let value = understood(value.get_ref());
            let done = check
                .set(name, &value)
                .or_else(|| parameter::set(Settings::PARAMETERS, &mut settings, name, &value));
            match done {
                Some(Ok(())) => {}
                Some(Err(why)) => self.note(&span, format!("{prefix}{name} {why}")),
                None => self.unknown(&key.span(), &prefix, name, &check),
            }
        }
        let at = |key: &str| {
            let entry = table.get_key_value(key);
            entry.map_or(whole.clone(), |(key, _)| key.span())
        };
        // What could not be entered is not missing as well.
        if let (Some(missing), true) = (check.missing(), self.problems.len() == problems) {
            let kind = check.kind();
            self.note(
                &whole,
                format!("{prefix}no {missing}, which {kind} needs; add {missing} = ..."),
            );
        }
        if let Err(why) = check.complete() {
            self.note(&whole, format!("{prefix}{why}"));
        }
        let service = Service::new(check, &settings, defaults);
        for fault in service.faults() {
            let places = [fault.key, "timeout", "interval", "check"];
            let place = places.into_iter().find(|key| table.contains_key(*key));
            self.note(&place.map_or(whole.clone(), at), format!("{prefix}{}", fault.what));
        }
        Some((service, at("name")))
    }

    /// The check as far as `type` or `check` tell it.
    fn check(&mut self, table: &Entries, whole: &Span, prefix: &str) -> Option<(Check, Settings)> {
        let text = |key: &str| {
            table.get(key).map(|value| (value.span(), value.get_ref().as_str().map(str::to_string)))
        };
        match (text("type"), text("check")) {
            (Some(_), Some((span, _))) => {
                self.note(
                    &span,
                    format!("{prefix}type and check both say what it is; leave out one"),
                );
                None
            }
            (Some((span, kind)), None) => {
                let draft = kind.as_deref().and_then(Check::draft);
                if draft.is_none() {
                    let kind = kind.unwrap_or_else(|| "this".to_string());
                    let (hint, types) = (hint(&kind, TYPES), TYPES.join(", "));
                    self.note(
                        &span,
                        format!("{prefix}{kind} is not a type{hint}; the types are {types}"),
                    );
                }
                draft.map(|check| (check, Settings::default()))
            }
            (None, Some((span, Some(line)))) => match typed::parse(&line) {
                Ok(typed) => Some((typed.check, typed.settings)),
                Err(why) => {
                    self.note(&span, format!("{prefix}check: {why}"));
                    None
                }
            },
            (None, Some((span, None))) => {
                self.note(&span, format!("{prefix}check must be text in quotes"));
                None
            }
            (None, None) => {
                let types = TYPES.join(", ");
                self.note(
                    whole,
                    format!(
                        "{prefix}no type; add type = \"...\", one of {types}, or check = \"...\""
                    ),
                );
                None
            }
        }
    }

    fn unknown(&mut self, span: &Span, prefix: &str, name: &str, check: &Check) {
        let own: Vec<&str> = check.parameters().iter().map(|about| about.name).collect();
        let all = Settings::PARAMETERS.iter().map(|parameter| parameter.name);
        let hint = hint(name, own.iter().copied().chain(all));
        self.note(
            span,
            format!("{prefix}unknown key {name}{hint}; {} has {}", check.kind(), own.join(", ")),
        );
    }
}

fn words_of(value: &Value) -> Result<Vec<String>, String> {
    let word = |value: &Value| match value.text()?.trim() {
        "" => Err("has an empty word in it".to_string()),
        word => Ok(word.to_string()),
    };
    match value.list() {
        [] => Err("must have at least one word, or the prompt could not be ended".to_string()),
        list => list.iter().map(word).collect(),
    }
}

#[cfg(test)]
mod tests;
