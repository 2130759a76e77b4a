//! What every command line shares: one-line errors, exit statuses.

use std::process::ExitCode;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::output;
pub use crate::signals::{end_on_ctrl_c, stop_on_ctrl_c, stopping};
use logic::stats::Counts;

/// The exit statuses that every program shares, `ping`'s own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: some reply came, or a server ended as it was asked to.
    Ok,
    /// 1: everything was sent as asked, and no reply came.
    NoReply,
    /// 2: wrong usage, or any other error.
    Error,
    /// 3: a watch ended because its server seems to be down.
    AssumedDown,
}

impl Exit {
    /// A pinger's: whether some reply came.
    pub fn of(counts: &Counts) -> Exit {
        if counts.received + counts.late > 0 { Exit::Ok } else { Exit::NoReply }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Ok => 0,
            Exit::NoReply => 1,
            Exit::Error => 2,
            Exit::AssumedDown => 3,
        })
    }
}

/// Ends `main`: prints the error of `run` as `program: error` on one line of
/// stderr, and turns the result into the exit status.
pub fn finish(program: &str, result: Result<Exit, String>) -> ExitCode {
    match result {
        Ok(exit) => exit.into(),
        Err(why) => {
            output::complain(program, &why);
            Exit::Error.into()
        }
    }
}

/// Parses the command line. On a wrong one it prints a single line and ends
/// the process with status 2; on `--help` and `--version` with status 0.
pub fn parse<Args: Parser>(program: &str) -> Args {
    try_parse::<Args>().unwrap_or_else(|error| end_for(program, &error, one_line::<Args>(&error)))
}

/// As [`parse`], for a client whose `server` has flags of its own, to which a
/// user who gives them to the client is sent.
pub fn parse_client<Args: Parser, ServerFlags: clap::Args>(program: &str, server: &str) -> Args {
    try_parse::<Args>().unwrap_or_else(|error| {
        let line = match servers_flag::<ServerFlags>(&error) {
            Some(flag) => format!("{flag} is a flag of the server: give it to {server}"),
            None => one_line::<Args>(&error),
        };
        end_for(program, &error, line)
    })
}

fn try_parse<Args: Parser>() -> Result<Args, clap::Error> {
    // Help is to be read in a terminal of 80 columns, and not to grow with it.
    let mut command = Args::command().max_term_width(80);
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

fn end_for(program: &str, error: &clap::Error, line: String) -> ! {
    if let ErrorKind::DisplayHelp | ErrorKind::DisplayVersion = error.kind() {
        error.exit()
    }
    output::complain(program, &line);
    std::process::exit(2)
}

/// The flag that a client does not know, if its server does.
fn servers_flag<ServerFlags: clap::Args>(error: &clap::Error) -> Option<String> {
    let ContextValue::String(flag) = error.get(ContextKind::InvalidArg)? else { return None };
    let name = flag.strip_prefix("--").filter(|_| error.kind() == ErrorKind::UnknownArgument)?;
    let flags = ServerFlags::augment_args(clap::Command::new("server"));
    flags.get_arguments().any(|known| known.get_long() == Some(name)).then(|| flag.clone())
}

/// Clap explains an error in several paragraphs; this keeps what is wrong and
/// the tip, in one line, and leaves the usage to `--help`.
fn one_line<Args: Parser>(error: &clap::Error) -> String {
    match error.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            let command = Args::command();
            let names: Vec<&str> = command.get_subcommands().map(|sub| sub.get_name()).collect();
            format!("say which: {}; see --help", names.join(", "))
        }
        _ => in_one_line(&error.render().to_string()),
    }
}

fn in_one_line(explanation: &str) -> String {
    let mut parts: Vec<&str> = explanation
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .map(|line| line.strip_prefix("tip: ").unwrap_or(line))
        .collect();
    if parts.len() < 2 && !explanation.contains("invalid value") {
        parts.push("see --help");
    }
    // What the standard library says about a number, in words that mend it.
    let mut line = parts.join("; ").replace(":; ", ": ");
    for (theirs, ours) in [
        ("invalid digit found in string", "it takes a whole number, such as 42"),
        ("invalid float literal", "it takes a number, such as 2.5"),
        ("cannot parse integer from empty string", "it takes a whole number, such as 42"),
        ("number too large to fit in target type", "so large a number is not taken"),
        ("number would be zero for non-zero type", "it takes 1 or more"),
    ] {
        line = line.replace(theirs, ours);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claps_paragraphs_become_one_line() {
        let paragraphs = "error: unexpected argument '--los' found\n\n  tip: a similar argument \
                          exists: '--loss'\n\nUsage: x\n\nFor more information, try '--help'.\n";
        assert_eq!(
            in_one_line(paragraphs),
            "unexpected argument '--los' found; a similar argument exists: '--loss'"
        );
        let list = "error: the following required arguments were not provided:\n  --to <HOST>\n";
        assert_eq!(
            in_one_line(list),
            "the following required arguments were not provided: --to <HOST>"
        );
    }

    #[test]
    fn what_the_standard_library_says_of_a_number_is_put_in_words_that_mend_it() {
        let zero = "0".parse::<std::num::NonZeroU64>().unwrap_err();
        let line = in_one_line(&format!("error: invalid value '0' for '--split <N>': {zero}"));
        assert_eq!(line, "invalid value '0' for '--split <N>': it takes 1 or more");
    }
}
