//! What is typed: at a prompt, or as lines of stdin.

use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use monitor::input::{Input, Pipe};
use monitor::manager::console::{self, Reply};
use monitor::manager::service::Manager;
use monitor::prompt::Prompt;

use crate::teller::{Replied, Teller};
use crate::{Args, NAME};

const PROMPT: &str = "manager> ";

/// A prompt, where a person sits at a terminal that can show one.
pub fn prompt(args: &Args, manager: &Arc<Manager>) -> Option<(Prompt, monitor::printer::AtPrompt)> {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    if args.json || !person {
        return None;
    }
    let manager = Arc::clone(manager);
    let complete = move |line: &str| console::complete(&manager, line);
    Prompt::new(PROMPT, Box::new(complete)).ok()
}

/// Executes commands, from the prompt or, where there is none, from the lines
/// of stdin, until one of them is to end.
pub fn read_commands(
    prompt: Option<Prompt>,
    manager: &Manager,
    teller: &Teller,
    ended: &Sender<()>,
) {
    let at_prompt = prompt.is_some();
    let mut read: Box<dyn FnMut() -> Input> = match prompt {
        Some(mut prompt) => Box::new(move || prompt.read()),
        None => {
            let mut pipe = Pipe::new(io::stdin().lock());
            Box::new(move || pipe.read())
        }
    };
    loop {
        let reply = match read() {
            Input::Line(line) => console::execute(manager, &line),
            Input::Bad(why) => Reply::Wrong(why),
            Input::End => break,
        };
        match reply {
            Reply::Lines(lines) if lines.is_empty() => {}
            Reply::Lines(lines) => teller.tell(&Replied::new(lines)),
            Reply::Wrong(why) => teller.printer.complain(NAME, why),
            Reply::Exit => {
                let _ = ended.send(());
                return;
            }
        }
        // The reply stands before the next prompt.
        teller.printer.flush();
    }
    // Ctrl-C or Ctrl-D at the prompt; the end of a pipe means nothing.
    if at_prompt {
        let _ = ended.send(());
    }
}
