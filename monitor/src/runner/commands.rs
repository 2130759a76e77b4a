//! What a person at the prompt asks of the runner, and reading the file again.

use socklab::output::harmless;

use super::Runner;
use super::told::Reloaded;
use crate::command::{self, Command};
use crate::stamp::span;
use crate::status;

impl Runner {
    pub(super) fn obey(
        &mut self,
        command: Command,
        columns: Option<usize>,
    ) -> Result<String, String> {
        let now = self.engine.clock.now();
        match command {
            Command::Status => {
                let (threads, busy) = self.engine.pool.threads();
                let totals = self.watch.totals();
                let foot = format!(
                    "{} services for {}; {threads} threads of at most {}, {busy} busy; {} checks, {} not run",
                    self.watch.services().len(),
                    span(now.mono),
                    self.engine.pool.most(),
                    totals.all_checks(),
                    totals.not_run
                );
                Ok(format!("{}\n{foot}", status::table(&self.watch, now, &self.teller, columns)))
            }
            Command::History(name) => {
                Ok(status::history(self.watch.get(&name)?, now, &self.teller))
            }
            Command::Check(name) => Ok(match self.watch.check_now(&name, now.mono)? {
                true => format!("checking {}", harmless(&name)),
                false => format!("a check of {} is under way", harmless(&name)),
            }),
            Command::Add(typed) => {
                let service = (self.sources.typed)(&typed)?;
                let told = format!("watching {}", harmless(&service.name));
                self.watch.add(service, now.mono)?;
                self.renamed();
                Ok(told)
            }
            Command::Remove(name) => {
                self.watch.remove(&name)?;
                self.renamed();
                Ok(format!("no longer watching {}", harmless(&name)))
            }
            Command::Pause(name) => {
                let count = self.watch.pause(name.as_deref())?;
                Ok(format!("{count} paused"))
            }
            Command::Resume(name) => {
                let count = self.watch.resume(name.as_deref(), now.mono)?;
                Ok(format!("{count} resumed"))
            }
            Command::Reload => self.reload(),
            Command::Help => Ok(command::help(&self.sources.exit_words)),
            Command::Exit => Ok(String::new()),
        }
    }

    /// Takes the file as it is now, all of it or nothing.
    pub(super) fn reload(&mut self) -> Result<String, String> {
        let name = &self.sources.file_name;
        let services = (self.sources.file)().map_err(|errors| {
            let kept = format!("{name} has errors; nothing was changed");
            [errors, vec![kept]].concat().join("\n")
        })?;
        let now = self.engine.clock.now();
        let reload = self.watch.reload(services, now.mono);
        let told = Reloaded::new(now, reload, name, self.teller.zone.clone());
        let line = self.teller.always(&told);
        self.renamed();
        Ok(line)
    }
}
