//! The services under watch, and what their results mean. Nothing here waits,
//! prints or looks at a clock: the time is passed in, so that a test can set it.

mod event;

pub use event::{Counts, Occurrence, What};

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::check::trace::path_change;
use crate::engine::plan::{Plan, Skipped};
use crate::engine::schedule::Id;
use crate::engine::{Ended, Now};
use crate::outcome::Outcome;
use crate::service::Service;
use crate::state::{Change, Entry, State};
use crate::uptime::Moment;
use crate::verdict::Verdict;

/// A service under watch.
#[derive(Debug)]
pub struct Watched {
    pub service: Arc<Service>,
    pub state: State,
    pub counts: Counts,
    pub paused: bool,
    /// What the latest check found, and when.
    pub latest: Option<(Timestamp, Arc<Outcome>)>,
    /// The latest check was not run.
    starved: bool,
    /// It was added at the console, not by the file.
    by_hand: bool,
    /// The result of the check under way is to be shown whatever else is not.
    asked: bool,
    path: Option<Value>,
}

/// What a changed file changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Reload {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub unchanged: usize,
}

/// All services under watch.
#[derive(Debug, Default)]
pub struct Watch {
    pub plan: Plan,
    /// In the order in which they were added.
    services: BTreeMap<Id, Watched>,
    names: HashMap<String, Id>,
    /// Of services that are not watched any more.
    gone: Counts,
}

impl Watch {
    /// Adds services, whose first checks are spread out.
    pub fn add_all(&mut self, services: Vec<Service>, now: Duration) {
        let among = services.len();
        for service in services {
            self.insert(service, now, among, false);
        }
    }

    /// Adds one service at run time.
    ///
    /// # Errors
    /// One line: the name is taken.
    pub fn add(&mut self, service: Service, now: Duration) -> Result<(), String> {
        if self.names.contains_key(&service.name) {
            return Err(format!("there is a service {:?} already", service.name));
        }
        self.insert(service, now, 1, true);
        Ok(())
    }

    /// Removes a service; what its check under way finds is not told any more.
    pub fn remove(&mut self, name: &str) -> Result<(), String> {
        let id = self.id(name)?;
        self.remove_id(id);
        Ok(())
    }

    /// Takes a changed file. What is as it was keeps its ticks and its state;
    /// what is now checked differently begins anew. Services added by hand stay.
    pub fn reload(&mut self, services: Vec<Service>, now: Duration) -> Reload {
        let wanted: HashMap<&str, &Service> =
            services.iter().map(|service| (service.name.as_str(), service)).collect();
        let mut reload = Reload::default();
        let mut gone = Vec::new();
        for (id, watched) in &self.services {
            match wanted.get(watched.service.name.as_str()) {
                Some(service) if service.check == watched.service.check => continue,
                Some(_) => reload.changed += 1,
                None if watched.by_hand => continue,
                None => reload.removed += 1,
            }
            gone.push(*id);
        }
        let begun_anew = reload.changed;
        gone.into_iter().for_each(|id| self.remove_id(id));

        let (known, new): (Vec<Service>, Vec<Service>) =
            services.into_iter().partition(|service| self.names.contains_key(&service.name));
        for service in known {
            let Ok(id) = self.id(&service.name) else { continue };
            let Some(watched) = self.services.get_mut(&id) else { continue };
            watched.by_hand = false;
            if *watched.service == service {
                reload.unchanged += 1;
            } else {
                reload.changed += 1;
                watched.service = Arc::new(service);
                self.plan.replace(id, Arc::clone(&watched.service), now);
            }
        }
        reload.added = new.len() - begun_anew;
        self.add_all(new, now);
        reload
    }

    /// Pauses one service, or all of them.
    pub fn pause(&mut self, name: Option<&str>) -> Result<usize, String> {
        let ids = self.ids(name)?;
        for id in &ids {
            self.plan.pause(*id);
            if let Some(watched) = self.services.get_mut(id) {
                watched.paused = true;
            }
        }
        Ok(ids.len())
    }

    /// Goes on with one service, or with all of them.
    pub fn resume(&mut self, name: Option<&str>, now: Duration) -> Result<usize, String> {
        let ids = self.ids(name)?;
        for id in &ids {
            self.plan.resume(*id, now);
            if let Some(watched) = self.services.get_mut(id) {
                watched.paused = false;
            }
        }
        Ok(ids.len())
    }

    /// Asks for a check beside the schedule. False if one is under way, whose
    /// result will do.
    pub fn check_now(&mut self, name: &str, now: Duration) -> Result<bool, String> {
        let id = self.id(name)?;
        let Some(watched) = self.services.get_mut(&id) else { return Ok(false) };
        watched.asked = true;
        Ok(self.plan.check_now(id, now))
    }

    /// Checks that were due are not run; what that means is added to `events`.
    pub fn not_run(&mut self, skipped: Vec<Skipped>, now: Now, events: &mut Vec<Occurrence>) {
        for Skipped { id, why } in skipped {
            let Some(watched) = self.services.get_mut(&id) else { continue };
            watched.counts.not_run += why.checks();
            let first = !std::mem::replace(&mut watched.starved, true);
            events.push(watched.event(now, What::NotRun { why, first }));
        }
    }

    /// A check ended; what that means is added to `events`.
    pub fn ended(&mut self, check: Ended, events: &mut Vec<Occurrence>) {
        let Ended { start, began, ended, outcome } = check;
        let skipped = self.plan.ended(&start, ended.mono);
        // Of a service that is not watched any more nothing is told.
        let Some(watched) = self.services.get_mut(&start.id) else { return };
        watched.starved = false;
        let outcome = Arc::new(outcome);
        let number = Verdict::ALL.iter().position(|verdict| *verdict == outcome.verdict);
        watched.counts.checks[number.unwrap_or(0)] += 1;
        watched.latest = Some((ended.wall, Arc::clone(&outcome)));

        let late = began.mono.saturating_sub(start.due);
        let asked = std::mem::take(&mut watched.asked);
        let result = What::Result { outcome: Arc::clone(&outcome), late, asked };
        events.push(watched.event(ended, result));
        if let Some(path) = outcome.detail.get("path").filter(|path| !path.is_null()) {
            let before = watched.path.replace(path.clone());
            if let Some(before) = before.filter(|before| path_change(before, path).is_some()) {
                events.push(watched.event(ended, What::Path { before, now: path.clone() }));
            }
        }
        if let Some(change) = watched.record(Moment::after_start(ended.mono), ended.wall, &outcome)
        {
            watched.counts.changes += 1;
            let reason = watched.state.last().map_or("".into(), |last| Arc::clone(&last.reason));
            events.push(watched.event(ended, What::Change { change, reason }));
        }
        self.not_run(skipped.into_iter().collect(), ended, events);
    }

    /// A result of an earlier run of the monitor, `at` a time before this one
    /// began. They come in their order.
    pub fn restore(&mut self, name: &str, kind: &str, at: Moment, entry: Entry) -> bool {
        let Some(watched) = self.names.get(name).and_then(|id| self.services.get_mut(id)) else {
            return false;
        };
        if watched.service.check.kind() != kind {
            return false;
        }
        let service = Arc::clone(&watched.service);
        watched.state.record(at, entry, &service);
        true
    }

    /// All services, in the order in which they were added.
    pub fn services(&self) -> impl ExactSizeIterator<Item = &Watched> {
        self.services.values()
    }

    /// The service of this name.
    pub fn get(&self, name: &str) -> Result<&Watched, String> {
        let id = self.id(name)?;
        self.services.get(&id).ok_or_else(|| format!("there is no service {name:?}"))
    }

    /// What was counted of all services, also of those that are gone.
    pub fn totals(&self) -> Counts {
        let mut totals = self.gone;
        self.services.values().for_each(|watched| totals.add(&watched.counts));
        totals
    }

    fn insert(&mut self, service: Service, now: Duration, among: usize, by_hand: bool) {
        let service = Arc::new(service);
        let id = self.plan.add(Arc::clone(&service), now, among);
        self.names.insert(service.name.clone(), id);
        let watched = Watched {
            service,
            state: State::default(),
            counts: Counts::default(),
            paused: false,
            latest: None,
            starved: false,
            by_hand,
            asked: false,
            path: None,
        };
        self.services.insert(id, watched);
    }

    fn remove_id(&mut self, id: Id) {
        self.plan.remove(id);
        if let Some(watched) = self.services.remove(&id) {
            self.names.remove(&watched.service.name);
            self.gone.add(&watched.counts);
        }
    }

    fn id(&self, name: &str) -> Result<Id, String> {
        let unknown = || format!("there is no service {name:?}; `status` lists them");
        self.names.get(name).copied().ok_or_else(unknown)
    }

    fn ids(&self, name: Option<&str>) -> Result<Vec<Id>, String> {
        match name {
            Some(name) => Ok(vec![self.id(name)?]),
            None => Ok(self.services.keys().copied().collect()),
        }
    }
}

impl Watched {
    fn event(&self, now: Now, what: What) -> Occurrence {
        Occurrence { at: now.at, wall: now.wall, service: Arc::clone(&self.service), what }
    }

    fn record(&mut self, at: Moment, wall: Timestamp, outcome: &Outcome) -> Option<Change> {
        let reason = outcome.reason.as_str().into();
        let entry = Entry { wall, verdict: outcome.verdict, took: outcome.took, reason };
        let service = Arc::clone(&self.service);
        self.state.record(at, entry, &service)
    }
}

#[cfg(test)]
mod tests;
