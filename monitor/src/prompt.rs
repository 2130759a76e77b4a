//! A prompt on a terminal: lines with history and completion, and a way past it for everybody else's lines.

use std::io::ErrorKind;

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{
    Cmd, CompletionType, ConditionalEventHandler, Config, Context, Editor, Event, EventContext,
    EventHandler, ExternalPrinter, Helper, KeyEvent, Movement, RepeatCount,
};

use crate::input::Input;
use crate::printer::AtPrompt;

/// Given what is typed up to the cursor: from which byte on, and the words
/// that could stand there.
pub type Complete = Box<dyn Fn(&str) -> (usize, Vec<String>) + Send>;

struct Completion(Complete);

impl Completer for Completion {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        at: usize,
        _: &Context,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.0(&line[..at]))
    }
}

impl Hinter for Completion {
    type Hint = String;
}
impl Highlighter for Completion {}
impl Validator for Completion {}
impl Helper for Completion {}

/// Ctrl-C: takes back what was typed, or if that is nothing, ends.
struct TakeBack;

impl ConditionalEventHandler for TakeBack {
    fn handle(&self, _: &Event, _: RepeatCount, _: bool, line: &EventContext) -> Option<Cmd> {
        (!line.line().is_empty()).then_some(Cmd::Kill(Movement::WholeBuffer))
    }
}

/// A prompt that is not shown yet.
pub struct Prompt {
    editor: Editor<Completion, DefaultHistory>,
    text: &'static str,
}

impl Prompt {
    /// A prompt, and the way past it.
    ///
    /// # Errors
    /// One line: this terminal cannot show one.
    pub fn new(text: &'static str, complete: Complete) -> Result<(Prompt, AtPrompt), String> {
        let failed = |why: ReadlineError| format!("no prompt here: {why}");
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .bracketed_paste(false)
            .auto_add_history(true)
            .build();
        let mut editor = Editor::with_config(config).map_err(failed)?;
        editor.set_helper(Some(Completion(complete)));
        editor.bind_sequence(KeyEvent::ctrl('C'), EventHandler::Conditional(Box::new(TakeBack)));
        let mut past = editor.create_external_printer().map_err(failed)?;
        let print = move |text| {
            // The terminal is gone: then so is the prompt, whose thread says so.
            let _ = past.print(text);
        };
        Ok((Prompt { editor, text }, Box::new(print)))
    }

    /// Waits for the next line. The end is Ctrl-C, Ctrl-D, and when the terminal is gone.
    pub fn read(&mut self) -> Input {
        loop {
            return match self.editor.readline(self.text) {
                Ok(line) => Input::Line(line),
                Err(ReadlineError::Io(why)) if why.kind() == ErrorKind::InvalidData => {
                    Input::Bad("a byte that is not UTF-8: the line is ignored".to_string())
                }
                // The window has a new size, say.
                Err(ReadlineError::Signal(_)) => continue,
                Err(_) => Input::End,
            };
        }
    }

    /// How wide the terminal is now.
    pub fn columns(&mut self) -> Option<usize> {
        self.editor.dimensions().map(|(columns, _)| columns.into())
    }
}
