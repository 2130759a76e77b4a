//! A program that a sheet has started, and how far its output is quoted.

use crate::bless::Edit;
use crate::pattern::{Pattern, Progress, match_beginning, match_everything};
use crate::step::{Step, one_line};
use crate::terminal::{Program, View};
use crate::{Mode, Place};
use std::time::{Duration, Instant};

/// A program that prints nothing for so long has said what it had to say;
/// asked only where the sheet is wrong already, and when blessing. Longer than
/// the second that a ping waits for its reply.
const QUIET: Duration = Duration::from_millis(1500);

/// What is quoted is not what is printed, or is not printed in time.
#[derive(Debug)]
pub struct Wrong;

pub struct Running<'a> {
    pub program: Program,
    pub command: String,
    /// How many of the printed lines are quoted so far.
    pub quoted: usize,
    /// Whether the quotation so far ends with `...`, which may still go on.
    pub gap: bool,
    /// The step that looks at the program, or was the last to do so.
    pub step: Step<'a>,
    /// `quoted` and `gap` when that step began.
    before: (usize, bool),
    interrupted: bool,
}

impl<'a> Running<'a> {
    pub fn start(
        place: &Place,
        step: Step<'a>,
        command: &str,
        status: i32,
    ) -> Result<Running<'a>, String> {
        let program = Program::start(place, command, status)
            .map_err(|error| format!("cannot start \"{command}\" in a terminal: {error}"))?;
        Ok(Running {
            program,
            command: one_line(command),
            quoted: 0,
            gap: false,
            step,
            before: (0, false),
            interrupted: false,
        })
    }

    pub fn begin(&mut self, step: Step<'a>) {
        self.step = step;
        self.before = (self.quoted, self.gap);
    }

    /// Does what the step asks for, and compares; an inner error is a
    /// difference, an outer one a fault of the machine.
    pub fn compare(&mut self, mode: Mode) -> Result<Result<(), Wrong>, String> {
        if let Some(typed) = &self.step.part.typed {
            let ready = |view: &View| (view.unfinished == typed.prompt).then_some(());
            if self.program.wait_for(self.step.deadline, ready).is_none() {
                return Ok(Err(Wrong));
            }
            self.type_line(&typed.text)?;
        }
        if let Some(at) = self.step.part.interrupt {
            let until_then = &self.quotation()[..at + usize::from(self.before.1)];
            let seen = self.wait_for_quoted(until_then, false, mode);
            // Who has ended by itself was not interrupted.
            if seen.is_err() || self.program.view().ended {
                return Ok(Err(Wrong));
            }
            self.interrupt()?;
        }
        let seen = self.wait_for_quoted(&self.quotation(), self.step.to_the_end, mode);
        Ok(seen.map(|lines| {
            self.quoted = self.before.0 + lines;
            let last = self.step.part.quoted.last();
            self.gap = last.map_or(self.before.1, |line| Pattern::new(line).is_gap());
        }))
    }

    /// Waits until the quoted lines are printed; gives how many lines that were.
    fn wait_for_quoted(
        &self,
        quoted: &[String],
        to_the_end: bool,
        mode: Mode,
    ) -> Result<usize, Wrong> {
        let patterns: Vec<Pattern> = quoted.iter().map(|line| Pattern::new(line)).collect();
        let decided = self.program.wait_for(self.step.deadline, |view| {
            let printed = self.printed_in(view);
            let go_on = self.has_seen_until(view) && (view.ended || !to_the_end);
            let progress = match to_the_end {
                true => match_everything(&patterns, printed),
                false => match_beginning(&patterns, printed),
            };
            match progress {
                Progress::Matched(lines) if go_on => Some(Ok(lines)),
                Progress::Differs { .. } => Some(Err(Wrong)),
                _ if view.ended => Some(Err(Wrong)),
                // Blessing takes what there is.
                _ if mode == Mode::Bless && go_on && self.is_quiet(view) => Some(Err(Wrong)),
                _ => None,
            }
        });
        decided.unwrap_or(Err(Wrong))
    }

    fn interrupt(&mut self) -> Result<(), String> {
        self.interrupted = true;
        let typed = self.program.type_ctrl_c();
        typed.map_err(|error| format!("cannot type ^C for \"{}\": {error}", self.command))
    }

    fn type_line(&mut self, text: &str) -> Result<(), String> {
        let typed = self.program.type_line(text);
        typed.map_err(|error| format!("cannot type \"{text}\" for \"{}\": {error}", self.command))
    }

    /// What the step quotes; a `...` of the step before it may still go on.
    pub fn quotation(&self) -> Vec<String> {
        let gap = self.before.1.then(|| "...".to_owned());
        let quoted = self.step.part.quoted.iter().cloned();
        gap.into_iter().chain(quoted).collect()
    }

    fn printed_in<'v>(&self, view: &'v View) -> &'v [String] {
        view.lines.get(self.before.0..).unwrap_or_default()
    }

    /// What was printed since the step before.
    pub fn printed(&self) -> Vec<String> {
        self.printed_in(&self.program.view()).to_vec()
    }

    /// And with the line that a program which should have ended has not.
    pub fn printed_to_show(&self) -> Vec<String> {
        let view = self.program.view();
        let mut printed = self.printed_in(&view).to_vec();
        let unfinished = Some(view.unfinished).filter(|text| !text.is_empty());
        printed.extend(unfinished.filter(|_| self.step.to_the_end));
        printed
    }

    fn has_seen_until(&self, view: &View) -> bool {
        let mut lines = self.printed_in(view).iter().chain([&view.unfinished]);
        let until = self.step.until;
        until.is_none_or(|text| lines.any(|line| line.contains(text)))
    }

    /// Nothing more is to come, it seems. What was typed has an answer only when
    /// the prompt is back: however long that takes, the answer belongs to this step.
    fn is_quiet(&self, view: &View) -> bool {
        let answered = self.step.part.typed.as_ref().is_none_or(|typed| {
            let echo = format!("{} {}", typed.prompt, typed.text);
            view.unfinished.starts_with(&typed.prompt) && self.printed_in(view).contains(&echo)
        });
        view.quiet_for > QUIET && answered
    }

    pub fn ends_within(&self, time: Duration) -> bool {
        let ended = |view: &View| view.ended.then_some(());
        self.program.wait_for(Instant::now() + time, ended).is_some()
    }

    /// Lets the program say the rest, so that a report shows all of it.
    pub fn settle(&self) {
        let settled = |view: &View| (view.ended || view.quiet_for > QUIET).then_some(());
        let deadline = self.step.deadline.min(Instant::now() + 2 * QUIET);
        self.program.wait_for(deadline, settled);
    }

    /// Brings the program to where the step should leave it, whatever it
    /// prints; false if it does not get there.
    pub fn settle_to_bless(&mut self) -> Result<bool, String> {
        if self.step.part.interrupt.is_some() && !self.interrupted {
            self.settle();
            if self.program.view().ended {
                return Ok(false);
            }
            self.interrupt()?;
        }
        let (deadline, to_the_end) = (self.step.deadline, self.step.to_the_end);
        let settled = self.program.wait_for(deadline, |view| {
            let quiet = view.ended || (!to_the_end && self.is_quiet(view));
            (quiet && self.has_seen_until(view)).then_some(())
        });
        Ok(settled.is_some())
    }

    /// What the step should quote, and whether that ends with a `...`.
    pub fn edit(&self) -> Result<(Edit, bool), String> {
        let edit = Edit::of(self.step.fence, self.step.part, &self.printed(), self.before.1)?;
        let gap = edit.lines.last().is_some_and(|line| line.trim() == "...");
        Ok((edit, gap))
    }

    /// The exit status; None while the command runs.
    pub fn status(&mut self) -> Result<Option<i32>, String> {
        let status = self.program.status(self.step.deadline);
        status.map_err(|error| format!("cannot learn how \"{}\" ended: {error}", self.command))
    }

    pub fn is_unknown_command(&mut self) -> Result<bool, String> {
        let ended = self.program.view().ended;
        Ok(ended && matches!(self.status()?, Some(126 | 127)))
    }

    /// What is wrong, in a sentence, and with which line of the sheet.
    pub fn explain(&mut self) -> Result<(usize, String), String> {
        let unknown = self.is_unknown_command()?;
        let view = self.program.view();
        let (part, printed) = (self.step.part, self.printed_to_show());
        let patterns = self.quotation();
        let patterns: Vec<Pattern> = patterns.iter().map(|line| Pattern::new(line)).collect();
        let progress = match self.step.to_the_end {
            true => match_everything(&patterns, &printed),
            false => match_beginning(&patterns, &printed),
        };
        let seconds = self.step.fence.deadline.as_secs_f32();
        // A gap of the step before stands in front of this step's lines.
        let own = |quoted: usize| quoted - usize::from(self.before.1);
        let wanted = |quoted: usize| part.quoted.get(own(quoted));

        if unknown {
            let what = format!("unknown command: {}", printed.join(" / "));
            return Ok((part.line, what));
        }
        if let Some(typed) = &part.typed
            && printed.is_empty()
            && !view.unfinished.starts_with(&typed.prompt)
        {
            let what = format!("waited for the prompt \"{}\", in vain", typed.prompt);
            return Ok((part.line, what));
        }
        if let Progress::Differs { quoted, printed: p } = progress {
            let line = part.first_quoted + own(quoted);
            let is = &printed[p];
            return Ok(match wanted(quoted) {
                Some(should) => {
                    (line, format!("should have printed \"{should}\", but instead it was \"{is}\""))
                }
                None => (line, format!("printed more than the sheet quotes: \"{is}\"")),
            });
        }
        let (line, event) = match (self.step.until, progress) {
            (Some(until), _) if !self.has_seen_until(&view) => (part.line, format!("\"{until}\"")),
            (_, Progress::NeedsMore { quoted }) => (
                part.first_quoted + own(quoted),
                format!("the line \"{}\"", wanted(quoted).map_or("", String::as_str)),
            ),
            _ => (part.line, "the end of the command".to_owned()),
        };
        let what = match view.ended {
            true => format!("ended without {event}"),
            false => format!("waited {seconds} s for {event}, in vain"),
        };
        Ok((line, what))
    }

    /// The command and all that it has printed, as on the screen.
    pub fn screen(&self) -> Vec<String> {
        let view = self.program.view();
        let command = format!("$ {}", self.command);
        let unfinished = Some(view.unfinished).filter(|text| !text.is_empty());
        let lines = view.lines.into_iter().chain(unfinished);
        std::iter::once(command).chain(lines).collect()
    }
}
