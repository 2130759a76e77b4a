//! A block of a terminal: its name, what is typed, and what is printed.

use std::sync::LazyLock;

use pulldown_cmark::CowStr;
use regex::Regex;

/// What the comment above a block says of it, as far as a reader wants it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Terminal {
    pub name: String,
    /// The systems on which it holds, if not on all: `windows`.
    on: Option<String>,
    /// What a program shows when it waits for a line: `lab>`.
    prompt: Option<String>,
}

impl Terminal {
    /// From `<!-- terminal: B; prompt: lab> -->`; none if it is another comment.
    pub fn of(comment: &str) -> Option<Terminal> {
        let inner = comment.trim().strip_prefix("<!--")?.strip_suffix("-->")?;
        let mut terminal = Terminal::default();
        for (key, value) in inner.split(';').filter_map(|option| option.split_once(':')) {
            match key.trim() {
                "terminal" => terminal.name = value.trim().to_owned(),
                "on" => terminal.on = Some(value.trim().to_owned()),
                "prompt" => terminal.prompt = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        (!terminal.name.is_empty()).then_some(terminal)
    }
}

/// A block of commands and what they print.
pub fn html(terminal: &Terminal, text: &str) -> String {
    let name = escape(&terminal.name);
    let goes_on = !text.starts_with("$ ");
    let note = if goes_on { "<span class=\"on\">goes on</span>" } else { "" };
    let on = terminal.on.as_deref().map_or(String::new(), |on| format!("<em>{}</em>", system(on)));
    let mut lines = String::new();
    let mut continued = false;
    for line in text.lines() {
        let command = line.strip_prefix("$ ").filter(|_| !continued);
        let typed = terminal
            .prompt
            .as_deref()
            .and_then(|prompt| Some((prompt, line.strip_prefix(prompt)?.strip_prefix(' ')?)));
        let (class, inner) = match (command, typed) {
            (Some(command), _) => ("typed", prompted(&format!("{name}$"), command)),
            _ if continued => ("typed", escape(line)),
            (None, Some((prompt, typed))) => ("typed", prompted(&escape(prompt), typed)),
            _ if line.trim_end() == "^C" => ("typed", "<kbd>Ctrl-C</kbd>".to_owned()),
            _ if line.trim() == "..." => ("left-out", "...".to_owned()),
            _ => ("", output(line)),
        };
        continued = (command.is_some() || continued) && line.ends_with('\\');
        lines += &match class {
            "" => inner + "\n",
            class => format!("<span class=\"{class}\">{inner}</span>\n"),
        };
    }
    format!(
        "<figure class=\"console\" data-terminal=\"{name}\">\
         <figcaption><b>Terminal {name}</b>{on}{note}</figcaption>\
         <pre><code>{lines}</code></pre></figure>\n"
    )
}

/// `linux, macos` as a reader writes it.
fn system(names: &str) -> String {
    let names = names.split(',').map(|name| match name.trim() {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    });
    format!("on {}", escape(&names.collect::<Vec<_>>().join(" and ")))
}

/// A prompt, which is not copied along with what is typed after it.
fn prompted(prompt: &str, typed: &str) -> String {
    format!("<i>{prompt} </i>{}", escape(typed))
}

/// A printed line, in which what differs from run to run is marked.
fn output(line: &str) -> String {
    static WILD: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"\[(MS|TIME|PORT|\.\.)\]").ok());
    let escaped = escape(line);
    let Some(wild) = WILD.as_ref() else { return escaped };
    let mark = |found: &regex::Captures| {
        let meaning = match &found[1] {
            "MS" => "milliseconds, different in each run",
            "TIME" => "a time, different in each run",
            "PORT" => "a port, picked by the operating system",
            _ => "anything",
        };
        format!("<var title=\"{meaning}\">{}</var>", &found[0])
    };
    wild.replace_all(&escaped, mark).into_owned()
}

/// Text as it stands in HTML, in an attribute too.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            other => escaped.push(other),
        }
    }
    escaped
}

/// A block that is no terminal's.
pub fn plain(language: &CowStr, text: &str) -> String {
    let what = match &**language {
        "sh" => "any shell",
        "powershell" => "PowerShell",
        _ => "",
    };
    let caption = match what {
        "" => String::new(),
        what => format!("<figcaption><b>{what}</b></figcaption>"),
    };
    format!("<figure>{caption}<pre><code>{}</code></pre></figure>\n", escape(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_names_the_terminal() {
        let terminal = Terminal::of("<!-- terminal: B; until: x; prompt: lab> -->\n").unwrap();
        assert_eq!(terminal.name, "B");
        assert_eq!(terminal.prompt.as_deref(), Some("lab>"));
        assert_eq!(Terminal::of("<!-- needs: nc -->"), None);
    }

    #[test]
    fn a_block_of_one_system_says_so() {
        let terminal = Terminal::of("<!-- terminal: A; on: linux, macos -->").unwrap();
        assert!(html(&terminal, "$ a\n").contains("<b>Terminal A</b><em>on Linux and macOS</em>"));
    }

    #[test]
    fn each_typed_line_shows_its_terminal_and_each_printed_one_what_differs() {
        let terminal = Terminal::of("<!-- terminal: B; prompt: lab> -->").unwrap();
        let html = html(&terminal, "$ a \\\n  b\n<[MS]> [..]\n...\nlab> fail\n^C\n");
        for part in [
            "<b>Terminal B</b>",
            "<span class=\"typed\"><i>B$ </i>a \\</span>\n<span class=\"typed\">  b</span>",
            ">[MS]</var>&gt; <var title=\"anything\">[..]</var>",
            "<span class=\"left-out\">...</span>",
            "<span class=\"typed\"><i>lab&gt; </i>fail</span>",
            "<kbd>Ctrl-C</kbd>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }
}
