//! A thread that writes lines, so that a terminal that stands still (Ctrl-S, a
//! pipe that nobody reads) does not make the watching stand still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::time::Duration;

use socklab::output;
use socklab::threads;

/// At most this many lines wait, and this many bytes in them; further ones are
/// counted, and told as not shown. A single one may be as long as it likes.
const ROOM: usize = 10_000;
const BYTES: usize = 4 * 1024 * 1024;

/// So much is written at once.
const PIECE: usize = 64 * 1024;

/// How long the end waits for the lines before it.
const PATIENCE: Duration = Duration::from_millis(400);

enum Line {
    Out(String),
    /// For stderr: who, what.
    Complaint(&'static str, String),
    End(Sender<()>),
}

impl Line {
    fn length(&self) -> usize {
        match self {
            Line::Out(text) | Line::Complaint(_, text) => text.len(),
            Line::End(_) => 0,
        }
    }
}

/// Writes text that ends with a newline where the console's prompt stands.
pub type AtPrompt = Box<dyn FnMut(String) + Send>;

/// The thread's entrance.
#[derive(Clone)]
pub struct Printer {
    queue: SyncSender<Line>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Bytes in the lines that wait.
    waiting: AtomicUsize,
    /// Lines not shown, and not told yet.
    dropped: AtomicU64,
}

impl Printer {
    /// Starts the thread. It writes to stdout and stderr, or all of it past
    /// the prompt, if there is one.
    ///
    /// # Errors
    /// One line: the operating system gave no thread.
    pub fn start(program: &'static str, at_prompt: Option<AtPrompt>) -> Result<Printer, String> {
        let (queue, lines) = mpsc::sync_channel(ROOM);
        let state = Arc::new(State::default());
        let printer = Printer { queue, state: Arc::clone(&state) };
        threads::start("printer", move || print_lines(program, &lines, &state, at_prompt))?;
        Ok(printer)
    }

    /// A line for stdout, or several.
    pub fn line(&self, text: String) {
        self.put(Line::Out(text));
    }

    /// A line for stderr, whatever a peer or a file put into it.
    pub fn complain(&self, who: &'static str, what: String) {
        self.put(Line::Complaint(who, output::harmless(&what)));
    }

    /// Waits until all lines so far are written, but not for long.
    pub fn flush(&self) {
        let (done, written) = mpsc::channel();
        if self.queue.try_send(Line::End(done)).is_ok() {
            let _ = written.recv_timeout(PATIENCE);
        }
    }

    fn put(&self, line: Line) {
        let length = line.length();
        let before = self.state.waiting.fetch_add(length, Ordering::Relaxed);
        let room = before == 0 || before.saturating_add(length) <= BYTES;
        if !room || self.queue.try_send(line).is_err() {
            self.state.waiting.fetch_sub(length, Ordering::Relaxed);
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn print_lines(
    program: &str,
    lines: &Receiver<Line>,
    state: &State,
    mut at_prompt: Option<AtPrompt>,
) {
    let mut text = String::new();
    let mut next = lines.recv().ok();
    while let Some(line) = next {
        // One call for all lines that wait is much cheaper than one for each.
        let mut other = None;
        state.waiting.fetch_sub(line.length(), Ordering::Relaxed);
        match line {
            Line::Out(line) => text = text + &line + "\n",
            Line::Complaint(who, what) if at_prompt.is_some() => {
                text += &format!("{who}: {what}\n")
            }
            line => other = Some(line),
        }
        next = lines.try_recv().ok();
        if !text.is_empty() && (next.is_none() || other.is_some() || text.len() > PIECE) {
            match &mut at_prompt {
                Some(print) => print(std::mem::take(&mut text)),
                None => output::bytes(std::mem::take(&mut text).as_bytes()),
            }
        }
        match other {
            Some(Line::Complaint(who, what)) => output::complain(who, &what),
            Some(Line::End(done)) => drop(done.send(())),
            _ => {}
        }
        let lost = state.dropped.swap(0, Ordering::Relaxed);
        if lost > 0 {
            output::complain(
                program,
                &format!("{lost} lines not shown: they were not read in time"),
            );
        }
        if next.is_none() {
            next = lines.recv().ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_nobody_reads_have_a_bound_in_bytes() {
        let (printed, shown) = mpsc::sync_channel(0);
        let print: AtPrompt = Box::new(move |text| drop(printed.send(text)));
        let printer = Printer::start("test", Some(print)).unwrap();
        // One alone may be longer than all of them together.
        printer.line("x".repeat(2 * BYTES));
        assert_eq!(shown.recv_timeout(Duration::from_secs(60)).unwrap().len(), 2 * BYTES + 1);
        (0..200).for_each(|_| printer.line("y".repeat(64 * 1024)));
        assert!(printer.state.waiting.load(Ordering::Relaxed) <= BYTES);
        assert!(printer.state.dropped.load(Ordering::Relaxed) > 100);
        let mut bytes = 0;
        while bytes < BYTES / 2 {
            bytes += shown.recv_timeout(Duration::from_secs(60)).unwrap().len();
        }
    }
}
