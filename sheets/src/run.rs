//! Executes a sheet: types its commands, and compares what is printed with what it quotes.

use crate::bless::Edit;
use crate::parse::Sheet;
use crate::report;
use crate::running::Running;
use crate::step::{Step, one_line};
use crate::{Mode, Place};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a program may take to end by itself after its last quoted line.
const GRACE: Duration = Duration::from_secs(2);
/// How long a program may take to print more than the sheet quotes at its end.
const LAST_LOOK: Duration = Duration::from_millis(500);

/// Executes the sheet; the edits are those that it needs to be true.
pub fn run(place: &Place, sheet: &Sheet, mode: Mode) -> Result<Vec<Edit>, String> {
    let mut run = Run {
        place,
        sheet,
        mode,
        terminals: BTreeMap::new(),
        done: Vec::new(),
        edits: BTreeMap::new(),
    };
    for fence in &sheet.fences {
        for number in 0..fence.parts.len() {
            run.play(Step::new(fence, number))?;
        }
    }
    for name in sheet.terminals() {
        let running = run.terminal(name).running.take();
        if let Some(mut running) = running
            && running.ends_within(LAST_LOOK)
        {
            run.conclude(&mut running)?;
        }
    }
    Ok(run.edits.into_values().collect())
}

struct Run<'a> {
    place: &'a Place,
    sheet: &'a Sheet,
    mode: Mode,
    terminals: BTreeMap<&'a str, Terminal<'a>>,
    /// The steps so far, for the report of a failure.
    done: Vec<String>,
    /// By the line of their part, since a part may be looked at twice.
    edits: BTreeMap<usize, Edit>,
}

#[derive(Default)]
struct Terminal<'a> {
    running: Option<Running<'a>>,
    /// The exit status of the latest command: `$?`.
    status: i32,
    /// Everything on the screen but what the running program has printed.
    history: Vec<String>,
}

impl<'a> Run<'a> {
    fn play(&mut self, mut step: Step<'a>) -> Result<(), String> {
        let mut running = match &step.part.command {
            Some(command) => self.start(step, command)?,
            None => {
                let running = self.terminal(&step.fence.terminal).running.take();
                running.ok_or_else(|| {
                    let what = "no program is running in this terminal; start one with $ ";
                    self.failure(step, None, step.part.line, what)
                })?
            }
        };
        // Only now, since the program before may have taken its time to end.
        step.deadline = Instant::now() + step.fence.deadline;
        running.begin(step);
        if running.compare(self.mode)?.is_err() {
            self.wrong(&mut running)?;
        }
        if step.to_the_end {
            self.end(&mut running)?;
        } else {
            self.terminal(&step.fence.terminal).running = Some(running);
        }
        self.done.push(format!("ok    {}", self.describe(step)));
        Ok(())
    }

    fn start(&mut self, step: Step<'a>, command: &str) -> Result<Running<'a>, String> {
        let name = step.fence.terminal.as_str();
        if let Some(mut earlier) = self.terminal(name).running.take() {
            if !earlier.ends_within(step.fence.deadline.min(GRACE)) {
                let what = format!(
                    "terminal {name} is busy with \"{}\"; interrupt it with ^C first",
                    earlier.command
                );
                return Err(self.failure(step, Some(&earlier), step.part.line, &what));
            }
            self.conclude(&mut earlier)?;
        }
        let status = self.terminal(name).status;
        Running::start(self.place, step, command, status)
    }

    fn terminal(&mut self, name: &'a str) -> &mut Terminal<'a> {
        self.terminals.entry(name).or_default()
    }

    /// What the sheet quotes is not so: a failure, or when blessing an edit.
    fn wrong(&mut self, running: &mut Running<'a>) -> Result<(), String> {
        let step = running.step;
        let settled = match self.mode {
            Mode::Check => false,
            Mode::Bless => running.settle_to_bless()?,
        };
        let unknown = running.is_unknown_command()?;
        if !settled || unknown {
            running.settle();
            let (line, what) = running.explain()?;
            return Err(self.failure(step, Some(running), line, &what));
        }
        let (edit, ends_with_gap) = running
            .edit()
            .map_err(|what| self.failure(step, Some(running), step.part.line, &what))?;
        running.quoted = running.program.view().lines.len();
        running.gap = ends_with_gap;
        self.edits.insert(step.part.line, edit);
        Ok(())
    }

    /// A program has ended by itself: nothing of its output may be left over.
    fn conclude(&mut self, running: &mut Running<'a>) -> Result<(), String> {
        running.step.deadline = Instant::now() + GRACE;
        if !running.gap && running.program.view().lines.len() > running.quoted {
            running.step.to_the_end = true;
            self.wrong(running)?;
        }
        self.end(running)
    }

    /// Keeps what a program has left behind: its status, and its screen.
    fn end(&mut self, running: &mut Running<'a>) -> Result<(), String> {
        let step = running.step;
        if running.is_unknown_command()? {
            let (line, what) = running.explain()?;
            return Err(self.failure(step, Some(running), line, &what));
        }
        let Some(status) = running.status()? else {
            let what = "the command has let go of its terminal, but does not end";
            return Err(self.failure(step, Some(running), step.part.line, what));
        };
        let screen = running.screen();
        let terminal = self.terminal(&step.fence.terminal);
        terminal.status = status;
        terminal.history.extend(screen);
        Ok(())
    }

    /// Where a step stands in the sheet, and what it does.
    fn describe(&self, step: Step) -> String {
        let (path, line) = (&self.sheet.path, step.part.line);
        let command = step.part.command.as_ref();
        let typed = step.part.typed.as_ref();
        let goes_on = typed.map_or("(goes on)".to_owned(), |typed| format!("types {}", typed.text));
        let action = command.map_or(goes_on, |text| format!("$ {}", one_line(text)));
        format!("{path}:{line}  terminal {}  {action}", step.fence.terminal)
    }

    /// The whole story: what was wrong where, every step so far, what should
    /// have been printed and what was, and what all the terminals show.
    fn failure(&self, step: Step, running: Option<&Running>, line: usize, what: &str) -> String {
        let mut text = format!("{}:{line}: terminal {}", self.sheet.path, step.fence.terminal);
        if let Some(running) = running {
            text += &format!(": $ {}", running.command);
        }
        text += &format!("\n  {what}\n\n  Steps so far:\n");
        for line in &self.done {
            text += &format!("    {line}\n");
        }
        text += &format!("    WRONG {}\n", self.describe(step));
        if let Some(running) = running {
            let printed = running.printed_to_show();
            text += "\n  In the sheet (-) and in the terminal (+), from this step on:\n";
            text += &report::difference(&running.quotation(), &printed);
        }
        for (name, terminal) in &self.terminals {
            let mut screen = terminal.history.clone();
            let own = running.filter(|_| *name == step.fence.terminal);
            screen.extend(own.map(Running::screen).unwrap_or_default());
            screen.extend(terminal.running.iter().flat_map(Running::screen));
            text += &report::screen(name, &screen);
        }
        text
    }
}
