//! Runs the checks: the one thread that decides, and waits for what comes first,
//! the next check that is due, a result, or a wish.
//!
//! It never does what may take long. Checks run on the threads of the
//! [`Engine`], lines are written by the [`Printer`], results are kept by the
//! [`Writer`]: however long one of them stands still, the others go on.

mod commands;
mod told;

use std::path::Path;
use std::sync::PoisonError;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};

use socklab::output;

use crate::command::{Command, Names};
use crate::daylog::{DayLog, Writer};
use crate::engine::{Ended, Engine};
use crate::metrics::{Figures, Snapshot};
use crate::printer::Printer;
use crate::service::Service;
use crate::state::Entry;
use crate::store::{self, Record};
use crate::tell::Teller;
use crate::uptime::Moment;
use crate::watch::{Occurrence, Watch, What};
use told::Summary;

/// At most this many requests are taken at once before the schedule has its turn again.
const AT_ONCE: usize = 64;

/// What the runner is told by other threads.
pub enum Request {
    /// A check ended.
    Ended(Box<Ended>),
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
    engine: Engine,
    teller: Teller,
    printer: Printer,
    results: Option<Writer>,
    sources: Sources,
    names: Names,
    program: &'static str,
    inbox: Receiver<Request>,
    outbox: Sender<Request>,
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
        let ends: Sender<Request> = outbox.clone();
        Runner {
            watch: Watch::default(),
            engine: Engine::new(threads, move |ended| {
                // The runner may have ended; then nobody wants to know.
                let _ = ends.send(Request::Ended(Box::new(ended)));
            }),
            teller,
            printer,
            results: None,
            sources,
            names,
            program,
            inbox,
            outbox,
        }
    }

    /// Where to send requests.
    pub fn outbox(&self) -> Sender<Request> {
        self.outbox.clone()
    }

    /// Adds the services to begin with.
    pub fn add_all(&mut self, services: Vec<Service>) {
        self.watch.add_all(services, self.engine.clock.now().mono);
        self.renamed();
    }

    /// Reads the results of earlier runs, and keeps those to come.
    ///
    /// # Errors
    /// One line: the folder cannot be used.
    pub fn keep_results(&mut self, folder: &Path) -> Result<(), String> {
        let (now, mut notes) = (self.engine.clock.now(), Vec::new());
        let watch = &mut self.watch;
        let log = DayLog::open(folder)?;
        store::restore(&log, now.wall, store::READ_AT_MOST, &mut notes, |record| {
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
        let tell = move |note| drop(outbox.send(Request::Note(note)));
        self.results = Some(Writer::start(log, tell)?);
        Ok(())
    }

    /// Runs until it is told to stop. Checks under way are left behind: no
    /// result is invented for them.
    pub fn run(&mut self) {
        loop {
            self.begin_what_is_due();
            let wait = self.engine.wait(&self.watch.plan);
            let mut request = match self.inbox.recv_timeout(wait) {
                Ok(request) => request,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for _ in 0..AT_ONCE {
                if matches!(request, Request::Stop) {
                    return;
                }
                self.take(request);
                request = match self.inbox.try_recv() {
                    Ok(next) => next,
                    Err(_) => break,
                };
            }
        }
    }

    /// Writes what is still to be written, and says what was done.
    pub fn finish(&mut self) {
        if let Some(results) = &self.results {
            results.flush();
        }
        let (now, threads) = (self.engine.clock.now(), self.engine.pool.threads().0);
        let services = self.watch.services().len();
        let summary = Summary::new(self.program, now, services, &self.watch.totals(), threads);
        self.printer.line(self.teller.always(&summary));
        self.printer.flush();
    }

    fn begin_what_is_due(&mut self) {
        let skipped = self.engine.begin(&mut self.watch.plan);
        let mut events = Vec::new();
        self.watch.not_run(skipped, self.engine.clock.now(), &mut events);
        self.tell(&events);
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Ended(ended) => {
                let mut events = Vec::new();
                self.watch.ended(*ended, &mut events);
                self.tell(&events);
            }
            Request::Do(command, columns, reply) => {
                let text = self.obey(command, columns);
                // Here and not by the prompt's thread, or the result of a check that
                // was asked for could stand before the words that it has begun.
                self.printer.line(text.unwrap_or_else(|why| output::harmless(&why)));
                // Whoever asked may be gone.
                let _ = reply.send(());
            }
            Request::Figures(reply) => drop(reply.send(self.figures())),
            Request::Note(note) => self.note(note),
            Request::Reload => {
                if let Some(results) = &self.results {
                    results.reopen();
                }
                match self.reload() {
                    Ok(text) => self.say(text),
                    Err(why) => self.note(why),
                }
            }
            Request::Stop => {}
        }
    }

    fn tell(&mut self, events: &[Occurrence]) {
        for event in events {
            if let (What::Result { outcome, .. }, Some(results)) = (&event.what, &mut self.results)
            {
                let line = Record::new(event.wall, &event.service, outcome).line();
                if let Some(lost) = results.keep(event.wall, line) {
                    self.note(format!("the disk was too slow: {lost} results were not kept"));
                }
            }
            if let Some(line) = self.teller.line(event) {
                self.printer.line(line);
            }
        }
    }

    fn figures(&self) -> Snapshot {
        let now = Moment::after_start(self.engine.clock.now().mono);
        let (threads, threads_busy) = self.engine.pool.threads();
        let services = self.watch.services().map(|watched| Figures::of(watched, now)).collect();
        Snapshot { services, threads, threads_busy, threads_most: self.engine.pool.most() }
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

#[cfg(test)]
mod tests;
