//! Runs the checks: the one thread that decides, and waits for what comes first,
//! the next check that is due, a result, or a wish.
//!
//! It never does what may take long. Checks run on the threads of the
//! [`Pool`], lines are written by the [`Printer`], results are kept by the
//! [`Store`]: however long one of them stands still, the others go on.

mod commands;

use std::path::Path;
use std::sync::PoisonError;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use serde_json::json;
use socklab::clock;
use socklab::output;

use crate::console::{Command, Names};
use crate::engine::guarded;
use crate::metrics::{Figures, Snapshot};
use crate::outcome::{Deadline, Outcome};
use crate::pool::{Pool, Refused};
use crate::printer::Printer;
use crate::service::Service;
use crate::state::Entry;
use crate::store::{self, Store};
use crate::tell::{Teller, span};
use crate::uptime::Moment;
use crate::verdict::Verdict;
use crate::watch::{Event, NotRun, Now, Start, Watch, What};

/// So many messages are taken at once before the schedule has its turn again.
const AT_ONCE: usize = 64;

/// What the runner is told by other threads.
pub enum Message {
    /// A check ended.
    Ended {
        start: Start,
        began: Duration,
        ended: Now,
        outcome: Outcome,
    },
    /// A command, how wide the terminal is, and who waits until the reply is
    /// with the printer.
    Do(Command, Option<usize>, Sender<()>),
    /// The figures for the page of metrics are wanted.
    Figures(Sender<Snapshot>),
    /// Something to be told on stderr.
    Note(String),
    /// Take the file of services as it is now, and open the results' file anew.
    Reload,
    Stop,
}

/// The two clocks of the monitor.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    began: Instant,
}

impl Clock {
    /// From now on.
    pub fn start() -> Clock {
        Clock { began: Instant::now() }
    }

    pub fn now(&self) -> Now {
        Now { mono: self.began.elapsed(), wall: clock::now() }
    }
}

/// Reads the file again: all its services, or all its errors.
pub type ReadFile = dyn Fn() -> Result<Vec<Service>, Vec<String>>;

/// Reads what was typed after `add`.
pub type ReadTyped = dyn Fn(&str) -> Result<Service, String>;

/// Where services come from after the start.
pub struct Sources {
    pub file: Box<ReadFile>,
    /// What the file is called.
    pub file_name: String,
    pub typed: Box<ReadTyped>,
    pub exit_words: Vec<String>,
}

pub struct Runner {
    pub watch: Watch,
    pool: Pool,
    teller: Teller,
    printer: Printer,
    store: Option<Store>,
    sources: Sources,
    names: Names,
    clock: Clock,
    program: &'static str,
    inbox: Receiver<Message>,
    outbox: Sender<Message>,
}

impl Runner {
    pub fn new(
        program: &'static str,
        threads: usize,
        teller: Teller,
        printer: Printer,
        names: Names,
        sources: Sources,
    ) -> Runner {
        let (outbox, inbox) = mpsc::channel();
        Runner {
            watch: Watch::default(),
            pool: Pool::new(threads),
            teller,
            printer,
            store: None,
            sources,
            names,
            clock: Clock::start(),
            program,
            inbox,
            outbox,
        }
    }

    /// Where to send messages.
    pub fn outbox(&self) -> Sender<Message> {
        self.outbox.clone()
    }

    /// Adds the services to begin with.
    pub fn add_all(&mut self, services: Vec<Service>) {
        self.watch.add_all(services, self.clock.now().mono);
        self.renamed();
    }

    /// Reads the results of earlier runs, and keeps those to come.
    ///
    /// # Errors
    /// One line: the folder cannot be used.
    pub fn keep_results(&mut self, folder: &Path) -> Result<(), String> {
        let (now, mut notes) = (self.clock.now(), Vec::new());
        let watch = &mut self.watch;
        store::restore(folder, now.wall, store::READ_AT_MOST, &mut notes, |record| {
            let age = now.wall.as_millisecond() - record.time.as_millisecond();
            let at = Moment(Moment::after_start(now.mono).0 - age);
            let reason = record.reason.as_str().into();
            let entry =
                Entry { wall: record.time, verdict: record.verdict, took: record.took, reason };
            // What is no longer watched is no longer of interest.
            watch.restore(&record.service, &record.kind, at, entry);
        })?;
        notes.into_iter().for_each(|note| self.note(note));
        let outbox = self.outbox();
        let tell = move |note| drop(outbox.send(Message::Note(note)));
        let store = Store::start(folder.to_path_buf(), tell);
        self.store = Some(store.map_err(|why| format!("cannot start a thread: {why}"))?);
        Ok(())
    }

    /// Runs until it is told to stop. Checks under way are left behind: no
    /// result is invented for them.
    pub fn run(&mut self) {
        loop {
            self.begin_what_is_due();
            let now = self.clock.now().mono;
            let far = now + Duration::from_secs(3600);
            let wait = self.watch.next_due().unwrap_or(far).min(far).saturating_sub(now);
            let mut message = match self.inbox.recv_timeout(wait) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for _ in 0..AT_ONCE {
                if matches!(message, Message::Stop) {
                    return;
                }
                self.take(message);
                message = match self.inbox.try_recv() {
                    Ok(next) => next,
                    Err(_) => break,
                };
            }
        }
    }

    /// Writes what is still to be written, and says what was done.
    pub fn finish(&mut self) {
        if let Some(store) = &self.store {
            store.flush();
        }
        let totals = self.watch.totals();
        let ran = self.clock.now().mono;
        let by_verdict: Vec<String> = Verdict::ALL
            .iter()
            .zip(totals.checks)
            .map(|(verdict, count)| format!("{count} {verdict}"))
            .collect();
        let text = format!(
            "{}: ran for {}: {} checks ({}), {} changes of state, {} checks not run",
            self.program,
            span(ran),
            totals.all_checks(),
            by_verdict.join(", "),
            totals.changes,
            totals.not_run
        );
        let [up, degraded, down, unverified] = totals.checks;
        let event = json!({
            "event": "summary",
            "ran_s": ran.as_secs_f64(),
            "services": self.watch.services().len(),
            "checks": totals.all_checks(),
            "up": up,
            "degraded": degraded,
            "down": down,
            "unverified": unverified,
            "changes": totals.changes,
            "skipped": totals.not_run,
            "threads": self.pool.threads().0,
        });
        self.printer.line(if self.teller.json { event.to_string() } else { text });
        self.printer.flush();
    }

    fn begin_what_is_due(&mut self) {
        let mut events = Vec::new();
        loop {
            let now = self.clock.now();
            let Some(start) = self.watch.next_start(now, &mut events) else { break };
            let (id, clock, outbox) = (start.id, self.clock, self.outbox());
            let begun = self.pool.begin(move || run_check(start, clock, &outbox));
            if let Err(refused) = begun {
                let why = match refused {
                    Refused::Busy(threads) => NotRun::Busy(threads),
                    Refused::NoThread { running, why } => {
                        NotRun::NoThread(format!("{} ({running} are running)", why.kind()))
                    }
                };
                self.watch.refused(id, now, why, &mut events);
            }
        }
        self.tell(&events);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Ended { start, began, ended, outcome } => {
                let mut events = Vec::new();
                self.watch.ended(&start, began, ended, outcome, &mut events);
                self.tell(&events);
            }
            Message::Do(command, columns, reply) => {
                let text = self.obey(command, columns);
                // Here and not by the prompt's thread, or the result of a check that
                // was asked for could stand before the words that it has begun.
                self.printer.line(text.unwrap_or_else(|why| output::harmless(&why)));
                // Whoever asked may be gone.
                let _ = reply.send(());
            }
            Message::Figures(reply) => drop(reply.send(self.figures())),
            Message::Note(note) => self.note(note),
            Message::Reload => {
                if let Some(store) = &self.store {
                    store.reopen();
                }
                match self.reload() {
                    Ok(text) => self.say(text),
                    Err(why) => self.note(why),
                }
            }
            Message::Stop => {}
        }
    }

    fn tell(&mut self, events: &[Event]) {
        for event in events {
            if let (What::Result { outcome, .. }, Some(store)) = (&event.what, &mut self.store) {
                let line = store::line(event.wall, &event.service, outcome);
                if let Some(lost) = store.keep(event.wall, line) {
                    self.note(format!("the disk was too slow: {lost} results were not kept"));
                }
            }
            if let Some(line) = self.teller.line(event) {
                self.printer.line(line);
            }
        }
    }

    fn figures(&self) -> Snapshot {
        let now = Moment::after_start(self.clock.now().mono);
        let (threads, threads_busy) = self.pool.threads();
        let services = self.watch.services().map(|watched| Figures::of(watched, now)).collect();
        Snapshot { services, threads, threads_busy, threads_most: self.pool.most() }
    }

    fn renamed(&mut self) {
        let services = || self.watch.services().map(|watched| watched.service.name.as_str());
        self.teller.make_room(services());
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) =
            services().map(str::to_string).collect();
    }

    /// Says something on stdout that is to be said always.
    pub fn say(&self, text: String) {
        self.printer.line(text);
    }

    /// Says something on stderr, a line each.
    pub fn note(&self, text: String) {
        text.lines().for_each(|line| self.printer.complain(self.program, line.to_string()));
    }
}

/// One check, on a thread of the pool.
fn run_check(start: Start, clock: Clock, to: &Sender<Message>) {
    let began = clock.now().mono;
    let deadline = Deadline::of(start.service.timeout);
    let outcome = guarded(&start.service.name, || start.service.check.run(&deadline));
    let ended = clock.now();
    // The runner may have ended; then nobody wants to know.
    let _ = to.send(Message::Ended { start, began, ended, outcome });
}

#[cfg(test)]
mod tests;
