//! The monitor's prompt, and the thread that reads commands from it.

use std::sync::PoisonError;
use std::sync::mpsc::{self, Sender};

use socklab::output::harmless;
use socklab::threads;

use crate::command::{Command, Names, completions, parse};
use crate::input::Input;
use crate::printer::{AtPrompt, Printer};
use crate::prompt::Prompt;
use crate::runner::Request;

const PROMPT: &str = "monitor> ";

/// A prompt that is not shown yet.
pub struct Console {
    prompt: Prompt,
    exit_words: Vec<String>,
}

impl Console {
    /// A prompt, and the way past it for everybody else's lines.
    ///
    /// # Errors
    /// One line: this terminal cannot show one.
    pub fn new(names: Names, exit_words: Vec<String>) -> Result<(Console, AtPrompt), String> {
        let words = exit_words.clone();
        let complete = move |line: &str| {
            completions(line, &names.lock().unwrap_or_else(PoisonError::into_inner), &words)
        };
        let (prompt, at_prompt) = Prompt::new(PROMPT, Box::new(complete))?;
        Ok((Console { prompt, exit_words }, at_prompt))
    }

    /// Starts the thread that reads commands and hands them on, until one of
    /// them is to end, or nothing can be read any more.
    pub fn start(mut self, to: Sender<Request>, printer: Printer) -> Result<(), String> {
        let read_commands = move || {
            loop {
                let parsed = match self.prompt.read() {
                    Input::Line(line) => parse(&line, &self.exit_words),
                    Input::Bad(why) => Err(why),
                    Input::End => break,
                };
                match parsed {
                    Ok(None) => {}
                    Ok(Some(Command::Exit)) => break,
                    Ok(Some(command)) => {
                        let (reply, replied) = mpsc::channel();
                        let columns = self.prompt.columns();
                        if to.send(Request::Do(command, columns, reply)).is_err() {
                            break;
                        }
                        if replied.recv().is_err() {
                            break;
                        }
                    }
                    Err(why) => printer.line(harmless(&why)),
                }
                // The reply stands before the next prompt.
                printer.flush();
            }
            let _ = to.send(Request::Stop);
        };
        threads::start("console", read_commands).map(drop)
    }
}
