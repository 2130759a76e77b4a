//! The commands of the monitor's prompt: how they are typed, completed, and listed.

use std::sync::{Arc, Mutex};

/// What a person may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Status,
    Check(String),
    /// A check as it is typed elsewhere.
    Add(String),
    Remove(String),
    /// One service, or all of them.
    Pause(Option<String>),
    Resume(Option<String>),
    Reload,
    History(String),
    Help,
    Exit,
}

/// Every command: its word, what follows it, and what it does.
const COMMANDS: [(&str, &str, &str); 9] = [
    ("status", "", "show each service: its state, for how long, its uptime"),
    ("check", "NAME", "check a service now"),
    ("history", "NAME", "show its latest results"),
    (
        "add",
        "TYPE ADDRESS ...",
        "watch one more, typed as for `monitor check`; an interval may follow",
    ),
    ("remove", "NAME", "stop watching a service"),
    ("pause", "[NAME]", "stop checking a service, or all of them, until resume"),
    ("resume", "[NAME]", "start checking again"),
    ("reload", "", "read the file again; if it has errors, nothing changes"),
    ("help", "", "show this list"),
];

/// What a line asks for; nothing if it is empty.
///
/// # Errors
/// One line with the mend.
pub fn parse(line: &str, exit_words: &[String]) -> Result<Option<Command>, String> {
    let line = line.trim();
    let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim();
    // Names have spaces in them, and need no quotes; whoever types them may.
    let name = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(rest);
    let one = || match name {
        "" => Err(format!("{word} which service? Give its name; `status` lists them")),
        name => Ok(name.to_string()),
    };
    let all_or_one = || (!name.is_empty()).then(|| name.to_string());
    if word.is_empty() {
        return Ok(None);
    }
    if exit_words.iter().any(|exit| exit == line) {
        return Ok(Some(Command::Exit));
    }
    Ok(Some(match word {
        "status" => Command::Status,
        "check" => Command::Check(one()?),
        "add" if rest.is_empty() => {
            return Err("add what? For example: add tcp 127.0.0.1 80 10s".to_string());
        }
        "add" => Command::Add(rest.to_string()),
        "remove" => Command::Remove(one()?),
        "pause" => Command::Pause(all_or_one()),
        "resume" => Command::Resume(all_or_one()),
        "reload" => Command::Reload,
        "history" => Command::History(one()?),
        "help" | "?" => Command::Help,
        _ => return Err(format!("there is no command {word:?}; `help` lists them")),
    }))
}

/// The list of commands.
pub fn help(exit_words: &[String]) -> String {
    let mut lines: Vec<String> = COMMANDS
        .iter()
        .map(|(word, what, does)| format!("{:24} {does}", format!("{word} {what}").trim_end()))
        .collect();
    lines.push(format!("{:24} end the monitor, as Ctrl-C and Ctrl-D do", exit_words.join(", ")));
    lines.join("\n")
}

/// What may stand at the end of a line that begins with `line`: from which
/// byte on, and the words.
pub fn completions(line: &str, names: &[String], exit_words: &[String]) -> (usize, Vec<String>) {
    let Some((word, rest)) = line.split_once(' ') else {
        // A space behind it where something must follow.
        let space = |what: &str| if what.is_empty() || what.starts_with('[') { "" } else { " " };
        let words = COMMANDS.iter().map(|(word, what, _)| format!("{word}{}", space(what)));
        let words = words.chain(exit_words.iter().cloned()).filter(|word| word.starts_with(line));
        return (0, words.collect());
    };
    if !matches!(word, "check" | "remove" | "pause" | "resume" | "history") {
        return (line.len(), Vec::new());
    }
    let begun = rest.trim_start();
    let fitting = names.iter().filter(|name| name.starts_with(begun)).cloned().collect();
    (line.len() - begun.len(), fitting)
}

/// The names of the services as they are now, for completion.
pub type Names = Arc<Mutex<Vec<String>>>;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn words() -> Vec<String> {
        vec!["exit".to_string(), "over and out".to_string()]
    }

    #[test]
    fn commands_are_read_with_names_that_have_spaces() {
        let name = || "google MX".to_string();
        for (line, command) in [
            ("status", Command::Status),
            ("  check google MX ", Command::Check(name())),
            ("history \"google MX\"", Command::History(name())),
            ("remove google MX", Command::Remove(name())),
            ("pause", Command::Pause(None)),
            ("resume google MX", Command::Resume(Some(name()))),
            ("add tcp 127.0.0.1 80  5s", Command::Add("tcp 127.0.0.1 80  5s".to_string())),
            ("over and out", Command::Exit),
            ("?", Command::Help),
        ] {
            assert_eq!(parse(line, &words()), Ok(Some(command)), "{line}");
        }
        assert_eq!(parse("  ", &words()), Ok(None));
    }

    #[test]
    fn what_cannot_be_meant_is_told_with_the_mend() {
        for (line, mend) in [
            ("check", "`status` lists them"),
            ("add", "for example: add tcp"),
            ("quit", "`help` lists them"),
        ] {
            let why = parse(line, &words()).unwrap_err();
            assert!(why.to_lowercase().contains(mend), "{why}");
        }
    }

    #[test]
    fn commands_and_names_are_completed() {
        let names = ["google MX".to_string(), "google A".to_string(), "web".to_string()];
        let complete = |line| completions(line, &names, &words());
        assert_eq!(complete("re"), (0, vec!["remove ".into(), "resume".into(), "reload".into()]));
        assert_eq!(complete("e"), (0, vec!["exit".into()]));
        assert_eq!(complete("check goo"), (6, vec!["google MX".into(), "google A".into()]));
        assert_eq!(complete("check google M"), (6, vec!["google MX".into()]));
        assert_eq!(complete("pause  "), (7, names.to_vec()));
        assert_eq!(complete("add goo"), (7, vec![]));
    }

    #[test]
    fn the_help_has_every_command_and_the_words_that_end_it() {
        let help = help(&words());
        for word in COMMANDS.iter().map(|(word, ..)| *word).chain(["exit", "over and out"]) {
            assert!(help.contains(word), "{word}");
        }
    }

    proptest! {
        #[test]
        fn nothing_typed_makes_it_panic(line: String, name: String) {
            let _ = parse(&line, &words());
            let (from, _) = completions(&line, &[name], &words());
            prop_assert!(line.is_char_boundary(from));
        }
    }
}
