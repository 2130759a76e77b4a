//! From the Markdown of a sheet to what is to be typed and what should be seen.

use std::collections::BTreeSet;
use std::time::Duration;

const DEFAULT_DEADLINE: Duration = Duration::from_secs(20);

/// A sheet, as far as it executes.
#[derive(Debug)]
pub struct Sheet {
    /// The path from the repository's root, for messages.
    pub path: String,
    pub fences: Vec<Fence>,
    /// What other systems print, or want typed, in place of what stands there.
    pub replacements: Vec<Replacement>,
}

/// `<!-- windows: THIS => THAT -->`
#[derive(Debug)]
pub struct Replacement {
    on: System,
    this: String,
    that: String,
}

impl Replacement {
    /// None if the comment is none.
    fn parse(comment: &str) -> Option<Replacement> {
        let (system, change) = comment.split_once(": ")?;
        let (this, that) = change.split_once(" => ")?;
        let on = System::parse(system).ok()?;
        Some(Replacement { on, this: this.to_owned(), that: that.to_owned() })
    }
}

/// A `console` fence: one look at one terminal.
#[derive(Debug)]
pub struct Fence {
    pub terminal: String,
    /// What must be seen in the last command's output before going on.
    pub until: Option<String>,
    pub deadline: Duration,
    /// The systems on which it holds; none where it holds on all of them.
    pub on: Vec<System>,
    /// Wine does not do it as Windows does.
    pub not_wine: bool,
    /// The blanks before the fence, which a list item's fence has.
    pub indent: String,
    pub parts: Vec<Part>,
}

/// An operating system on which a reader may follow a sheet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    Linux,
    MacOs,
    Windows,
}

impl System {
    fn parse(name: &str) -> Result<System, String> {
        match name {
            "linux" => Ok(System::Linux),
            "macos" => Ok(System::MacOs),
            "windows" => Ok(System::Windows),
            _ => Err(format!("there is no system \"{name}\"; there are linux, macos and windows")),
        }
    }
}

/// A command with what it prints, or more of what an earlier command prints.
#[derive(Debug)]
pub struct Part {
    /// The line in the file, counted from 1, where the part begins.
    pub line: usize,
    /// None where the part goes on with a program that is running already.
    pub command: Option<String>,
    /// What is typed into the running program, at its prompt.
    pub typed: Option<Typed>,
    /// The line in the file of the first quoted line, or where it would be.
    pub first_quoted: usize,
    pub quoted: Vec<String>,
    /// Which of the quoted lines is `^C`, where Ctrl-C is typed.
    pub interrupt: Option<usize>,
}

/// A line typed into a program.
#[derive(Debug)]
pub struct Typed {
    /// What the program shows when it is ready for it, without blanks at the end.
    pub prompt: String,
    pub text: String,
}

impl Sheet {
    pub fn commands(&self) -> usize {
        let parts = self.fences.iter().flat_map(|fence| &fence.parts);
        parts.filter(|part| part.command.is_some()).count()
    }

    /// Leaves out what holds on other systems only, and replaces what is
    /// different there. Windows' programs run under Wine here.
    pub fn keep_for(&mut self, system: System) {
        let under_wine = system == System::Windows;
        self.fences.retain(|fence| {
            (fence.on.is_empty() || fence.on.contains(&system)) && !(fence.not_wine && under_wine)
        });
        for Replacement { this, that, .. } in self.replacements.iter().filter(|r| r.on == system) {
            for part in self.fences.iter_mut().flat_map(|fence| &mut fence.parts) {
                let lines = part.quoted.iter_mut().chain(&mut part.command);
                lines.for_each(|line| *line = line.replace(this, that));
            }
        }
    }

    pub fn terminals(&self) -> BTreeSet<&str> {
        let names = self.fences.iter().map(|fence| fence.terminal.as_str());
        names.collect()
    }

    /// Errors begin with the file and the line.
    pub fn parse(path: &str, text: &str) -> Result<Sheet, String> {
        let mut fences = Vec::new();
        let mut options: Option<Options> = None;
        let mut replacements = Vec::new();
        let at = |line: usize, what: String| format!("{path}:{line}: {what}");
        for block in blocks(text).map_err(|(line, what)| at(line, what))? {
            match block {
                Block::Prose("") => {}
                Block::Comment { line, text } if text.starts_with("terminal:") => {
                    if let Some(unused) = &options {
                        return Err(at(unused.line, NO_FENCE_BELOW.into()));
                    }
                    options = Some(Options::parse(line, &text).map_err(|what| at(line, what))?);
                }
                Block::Fence(raw) if raw.language == "console" => {
                    let Some(options) = options.take() else {
                        return Err(at(raw.line, NO_TERMINAL.into()));
                    };
                    let (line, fence) = (raw.line, options.fence(raw));
                    let fence = fence.map_err(|(line, what)| at(line, what))?;
                    if fence.parts.is_empty() {
                        return Err(at(line, "this console fence is empty".into()));
                    }
                    fences.push(fence);
                }
                Block::Comment { text, .. } if Replacement::parse(&text).is_some() => {
                    replacements.extend(Replacement::parse(&text));
                }
                _ => {
                    if let Some(unused) = &options {
                        return Err(at(unused.line, NO_FENCE_BELOW.into()));
                    }
                }
            }
        }
        if let Some(unused) = &options {
            return Err(at(unused.line, NO_FENCE_BELOW.into()));
        }
        let path = path.to_owned();
        Ok(Sheet { path, fences, replacements })
    }
}

const NO_TERMINAL: &str =
    "this console fence has no terminal; put above it: <!-- terminal: NAME -->";
const NO_FENCE_BELOW: &str = "this terminal comment has no console fence directly below it";

/// What the comment above a fence says.
struct Options {
    line: usize,
    terminal: String,
    until: Option<String>,
    prompt: Option<String>,
    deadline: Duration,
    on: Vec<System>,
    not_wine: bool,
}

impl Options {
    fn parse(line: usize, comment: &str) -> Result<Options, String> {
        let mut options = Options {
            line,
            terminal: String::new(),
            until: None,
            prompt: None,
            deadline: DEFAULT_DEADLINE,
            on: Vec::new(),
            not_wine: false,
        };
        for option in comment.split(';').filter(|text| !text.trim().is_empty()) {
            let (key, value) = option.split_once(':').unwrap_or((option, ""));
            let (key, value) = (key.trim(), value.trim());
            if value.is_empty() {
                return Err(format!("\"{key}\" in the terminal comment has no value"));
            }
            match key {
                "terminal" => options.terminal = value.to_owned(),
                "until" => options.until = Some(value.to_owned()),
                "prompt" => options.prompt = Some(value.to_owned()),
                "deadline" => options.deadline = parse_seconds(value)?,
                "on" => {
                    let names = value.split(',').map(str::trim);
                    options.on = names.map(System::parse).collect::<Result<_, _>>()?;
                }
                "not" if value == "wine" => options.not_wine = true,
                _ => {
                    return Err(format!(
                        "unknown key \"{key}\" in the terminal comment; \
                         there are terminal, until, prompt, deadline, on, and not: wine"
                    ));
                }
            }
        }
        Ok(options)
    }

    fn fence(self, raw: RawFence) -> Result<Fence, (usize, String)> {
        let parts = parts(&raw, self.prompt.as_deref())?;
        if let (Some(_), Some(Part { interrupt, .. })) = (&self.until, parts.last())
            && interrupt.is_some()
        {
            let what = "until and ^C exclude each other: after ^C the program's end is awaited";
            return Err((self.line, what.into()));
        }
        Ok(Fence {
            terminal: self.terminal,
            until: self.until,
            deadline: self.deadline,
            on: self.on,
            not_wine: self.not_wine,
            indent: raw.indent,
            parts,
        })
    }
}

fn parse_seconds(value: &str) -> Result<Duration, String> {
    let seconds = value.strip_suffix('s').and_then(|n| n.parse().ok());
    let positive = seconds.filter(|&seconds: &u64| seconds > 0);
    let what = format!("deadline \"{value}\" should be whole seconds, such as 60s");
    positive.map(Duration::from_secs).ok_or(what)
}

fn parts(fence: &RawFence, prompt: Option<&str>) -> Result<Vec<Part>, (usize, String)> {
    let mut parts: Vec<Part> = Vec::new();
    let mut lines = (fence.line + 1..).zip(&fence.lines);
    while let Some((line, text)) = lines.next() {
        if let Some(command) = text.strip_prefix("$ ") {
            let (mut command, mut end) = (command.to_owned(), line);
            while command.ends_with('\\') {
                let what = "the command goes on after its backslash, but the fence ends";
                let (next, more) = lines.next().ok_or((end, what.to_owned()))?;
                command = command + "\n" + more;
                end = next;
            }
            if command.trim().is_empty() {
                return Err((line, "there is no command after the $".into()));
            }
            parts.push(Part::new(line, Some(command), end + 1));
            continue;
        }
        let typed = prompt.and_then(|prompt| {
            let text = text.strip_prefix(prompt)?.strip_prefix(' ')?;
            Some(Typed { prompt: prompt.to_owned(), text: text.to_owned() })
        });
        if parts.is_empty() || typed.is_some() {
            parts.push(Part { typed, ..Part::new(line, None, line) });
        }
        let part = parts.last_mut().expect("one was just put there");
        if text.trim_end() == "^C" {
            if part.interrupt.is_some() {
                return Err((line, "a program can be interrupted only once".into()));
            }
            part.interrupt = Some(part.quoted.len());
        }
        part.quoted.push(text.clone());
    }
    Ok(parts)
}

impl Part {
    fn new(line: usize, command: Option<String>, first_quoted: usize) -> Part {
        Part { line, command, typed: None, first_quoted, quoted: Vec::new(), interrupt: None }
    }
}

/// A piece of Markdown; lines are counted from 1.
pub enum Block<'a> {
    /// A line of text, a heading, or a blank line; without the blanks at its end.
    Prose(&'a str),
    Comment {
        line: usize,
        text: String,
    },
    Fence(RawFence),
}

pub struct RawFence {
    pub line: usize,
    indent: String,
    language: String,
    /// The lines between the fence's two, without its indentation.
    lines: Vec<String>,
}

/// Takes Markdown apart, as far as sheets need it; an error has its line.
pub fn blocks(text: &str) -> Result<Vec<Block<'_>>, (usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((line, text)) = lines.next() {
        let content = text.trim();
        if let Some((marker, language)) = fence_marker(content) {
            let indent = &text[..text.len() - text.trim_start().len()];
            let mut fence = RawFence {
                line,
                indent: indent.to_owned(),
                language: language.to_owned(),
                lines: Vec::new(),
            };
            loop {
                let unclosed = || (line, "this fence is never closed".to_owned());
                let (_, inner) = lines.next().ok_or_else(unclosed)?;
                let closing = inner.trim();
                if closing.len() >= marker.len() && closing.chars().all(|c| marker.starts_with(c)) {
                    break;
                }
                let inner = inner.strip_prefix(indent).unwrap_or(inner.trim_start());
                fence.lines.push(inner.to_owned());
            }
            blocks.push(Block::Fence(fence));
        } else if let Some(opened) = content.strip_prefix("<!--") {
            let mut comment = opened.to_owned();
            while !comment.contains("-->") {
                let unclosed = || (line, "this comment is never closed".to_owned());
                let (_, more) = lines.next().ok_or_else(unclosed)?;
                comment = comment + "\n" + more;
            }
            let end = comment.find("-->").expect("the loop ended with it");
            let text = comment[..end].trim().to_owned();
            blocks.push(Block::Comment { line, text });
        } else {
            blocks.push(Block::Prose(text.trim_end()));
        }
    }
    Ok(blocks)
}

/// The backticks or tildes that open a fence, and its language.
fn fence_marker(content: &str) -> Option<(&str, &str)> {
    let rest = content.trim_start_matches(content.chars().next()?);
    let (marker, info) = content.split_at(content.len() - rest.len());
    let opens = marker.len() >= 3 && (marker.starts_with('`') || marker.starts_with('~'));
    // Text such as ```this``` on one line is code within a paragraph.
    let inline = info.contains('`');
    let language = info.split_whitespace().next().unwrap_or("");
    (opens && !inline).then_some((marker, language))
}
