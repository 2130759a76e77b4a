//! A file in which every type and every parameter stands, with what it says.
//!
//! It is made of the tables by which a file is understood, and so has
//! everything that one may have.

use crate::check::{Check, TYPES};
use crate::service::Settings;

const HEAD: &str = r#"# What `monitor run FILE` watches. Every type and every parameter is shown once; most
# have a default and may be left out. A duration is "250ms", "30s", "5m", or a number
# of seconds. `monitor run --check-config FILE` reports all errors.

# The words that end the monitor at its prompt.
exit_commands = ["exit", "quit"]

# For every service that does not set these itself.
[defaults]
"#;

/// The file's text.
pub fn sample() -> String {
    let mut text = HEAD.to_string();
    let (name, shared) = Settings::PARAMETERS.split_first().expect("a service has a name");
    for parameter in shared {
        text += &entry(parameter.name, parameter.sample, parameter.help);
    }
    for kind in TYPES {
        let check = Check::draft(kind).expect("each word of the list is a type");
        text += "\n";
        text += &comment(&usage(kind, &check));
        text += "[[service]]\n";
        if kind == "http" {
            // Its parameters are those of https, below.
            text += "# A check can be written in one line, as it is typed, with its interval.\n";
            text += "check = \"http http://example.com 30\"\n";
            continue;
        }
        if kind == "dns" {
            text += &entry(name.name, name.sample, name.help);
        }
        text += &format!("type = \"{kind}\"\n");
        for about in check.parameters() {
            text += &entry(about.name, about.sample, about.help);
        }
    }
    text
}

fn usage(kind: &str, check: &Check) -> String {
    let usage = check.usage();
    match usage.strip_prefix("https") {
        Some(rest) => format!("{kind}{rest}"),
        None => usage.to_string(),
    }
}

fn entry(name: &str, sample: &str, help: &str) -> String {
    format!("{}{name} = {sample}\n", comment(help))
}

/// Text behind `# `, in lines that fit on a screen.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split_whitespace() {
        let last = lines.len() - 1;
        if lines[last].len() + 1 + word.len() > 90 {
            lines.push(format!("#     {word}"));
        } else {
            lines[last] += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;

    #[test]
    fn the_sample_is_understood_and_has_every_type() {
        let config = file::parse(&sample()).unwrap_or_else(|why| panic!("{why:#?}\n{}", sample()));
        let kinds: Vec<&str> = config.services.iter().map(|service| service.check.kind()).collect();
        assert_eq!(kinds, TYPES);
    }

    #[test]
    fn every_parameter_stands_in_it_once_for_each_type_that_has_it() {
        let sample = sample();
        let parts: Vec<&str> = sample.split("[[service]]").collect();
        let count = |part: &str, name: &str| {
            let begins = format!("{name} = ");
            part.lines().filter(|line| line.starts_with(&begins)).count()
        };
        for parameter in Settings::PARAMETERS {
            assert_eq!(count(&sample, parameter.name), 1, "{}", parameter.name);
        }
        for (part, kind) in parts[1..].iter().zip(TYPES).skip(1) {
            for about in Check::draft(kind).unwrap().parameters() {
                assert_eq!(count(part, about.name), 1, "{kind} {}", about.name);
            }
        }
    }

    #[test]
    fn every_sample_value_differs_from_what_is_there_without_it_or_says_the_default() {
        for kind in TYPES {
            for about in Check::draft(kind).unwrap().parameters() {
                let is_default = about.help.contains("default");
                let required = ["url", "host", "server", "query", "port"].contains(&about.name);
                let list = ["headers", "expect", "expect_any", "ca_file", "expect_body"];
                assert!(
                    is_default || required || list.contains(&about.name),
                    "{kind} {}: its help says no default",
                    about.name
                );
            }
        }
    }
}
