//! A step of a sheet: one command, or lines typed, with what must be seen before going on.

use crate::parse::{Fence, Part};
use std::time::Instant;

/// A command as it is shown in messages.
pub fn one_line(command: &str) -> String {
    command.replace("\\\n", "")
}

/// A part of a fence that is being executed.
#[derive(Clone, Copy)]
pub struct Step<'a> {
    pub fence: &'a Fence,
    pub part: &'a Part,
    /// What must be seen before going on.
    pub until: Option<&'a str>,
    /// Whether the program must end, and all its output be quoted.
    pub to_the_end: bool,
    pub deadline: Instant,
}

impl<'a> Step<'a> {
    pub fn new(fence: &'a Fence, number: usize) -> Step<'a> {
        let part = &fence.parts[number];
        let last = number + 1 == fence.parts.len();
        let until = fence.until.as_deref().filter(|_| last);
        let starts = part.command.is_some();
        let goes_on = fence.parts.get(number + 1).is_some_and(|next| next.typed.is_some());
        Step {
            fence,
            part,
            until,
            to_the_end: part.interrupt.is_some() || (starts && until.is_none() && !goes_on),
            deadline: Instant::now() + fence.deadline,
        }
    }
}
