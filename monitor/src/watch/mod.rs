//! Which checks are to begin, and what their results mean. Nothing here waits,
//! prints or looks at a clock: the time is passed in, so that a test can set it.

mod event;

pub use event::{Counts, Event, NotRun, Now, Start, What};

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::check::trace::path_change;
use crate::outcome::Outcome;
use crate::schedule::{Id, Schedule};
use crate::service::Service;
use crate::state::{Change, Entry, State};
use crate::uptime::Moment;
use crate::verdict::Verdict;

/// A check that takes exactly as long as its interval, because its timeout is
/// as long, ends a moment after the next one is due. That one begins late by
/// this at most, and by a tenth of the interval; after that it is not run.
const GRACE: Duration = Duration::from_millis(100);

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
    running: bool,
    /// The result of the check under way is to be shown whatever else is not.
    asked: bool,
    /// A check that came due while the one before was still under way.
    owed: Option<Duration>,
    path: Option<Value>,
}

/// What a changed file changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reload {
    pub added: usize,
    pub changed: usize,
    pub removed: usize,
    pub unchanged: usize,
}

/// All services under watch.
#[derive(Debug, Default)]
pub struct Watch {
    schedule: Schedule,
    /// In the order in which they were added.
    services: BTreeMap<Id, Watched>,
    names: HashMap<String, Id>,
    given: u64,
    /// Checks to begin beside the schedule.
    extra: VecDeque<(Id, Duration)>,
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
            self.schedule.set_interval(id, service.interval, now);
            let Some(watched) = self.services.get_mut(&id) else { continue };
            watched.by_hand = false;
            if *watched.service == service {
                reload.unchanged += 1;
            } else {
                reload.changed += 1;
                watched.service = Arc::new(service);
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
            self.schedule.pause(*id);
            if let Some(watched) = self.services.get_mut(id) {
                (watched.paused, watched.owed) = (true, None);
            }
        }
        Ok(ids.len())
    }

    /// Goes on with one service, or with all of them.
    pub fn resume(&mut self, name: Option<&str>, now: Duration) -> Result<usize, String> {
        let ids = self.ids(name)?;
        for id in &ids {
            self.schedule.resume(*id, now);
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
        if !watched.running {
            self.extra.push_back((id, now));
        }
        Ok(!watched.running)
    }

    /// When something is to begin next.
    pub fn next_due(&self) -> Option<Duration> {
        match self.extra.front() {
            Some((_, due)) => Some(*due),
            None => self.schedule.next_due(),
        }
    }

    /// The next check that is to begin by now. What was due and is not run is
    /// added to `events`.
    pub fn next_start(&mut self, now: Now, events: &mut Vec<Event>) -> Option<Start> {
        loop {
            let (id, due, missed) = match self.extra.pop_front() {
                Some((id, due)) => (id, due, 0),
                None => {
                    let tick = self.schedule.take_due(now.mono)?;
                    (tick.id, tick.due, tick.missed)
                }
            };
            let Some(watched) = self.services.get_mut(&id) else { continue };
            if missed > 0 {
                events.push(watched.not_run(now, NotRun::Missed(missed)));
            }
            if watched.running {
                // This one may still begin; the one that waited for it may not.
                if watched.owed.replace(due).is_some() {
                    events.push(watched.not_run(now, NotRun::Running));
                }
                continue;
            }
            watched.running = true;
            return Some(Start { id, service: Arc::clone(&watched.service), due });
        }
    }

    /// A check that was to begin could not.
    pub fn refused(&mut self, id: Id, now: Now, why: NotRun, events: &mut Vec<Event>) {
        if let Some(watched) = self.services.get_mut(&id) {
            watched.running = false;
            events.push(watched.not_run(now, why));
        }
    }

    /// A check ended at `ended`, having begun at `began`; what that means is
    /// added to `events`.
    pub fn ended(
        &mut self,
        start: &Start,
        began: Duration,
        ended: Now,
        outcome: Outcome,
        events: &mut Vec<Event>,
    ) {
        // Of a service that is not watched any more nothing is told.
        let Some(watched) = self.services.get_mut(&start.id) else { return };
        watched.running = false;
        watched.starved = false;
        let outcome = Arc::new(outcome);
        let number = Verdict::ALL.iter().position(|verdict| *verdict == outcome.verdict);
        watched.counts.checks[number.unwrap_or(0)] += 1;
        watched.latest = Some((ended.wall, Arc::clone(&outcome)));

        let late = began.saturating_sub(start.due);
        let asked = std::mem::take(&mut watched.asked);
        let result = What::Result { outcome: Arc::clone(&outcome), late, asked };
        events.push(watched.event(ended.wall, result));
        if let Some(path) = outcome.detail.get("path").filter(|path| !path.is_null()) {
            let before = watched.path.replace(path.clone());
            if let Some(before) = before.filter(|before| path_change(before, path).is_some()) {
                events.push(watched.event(ended.wall, What::Path { before, now: path.clone() }));
            }
        }
        if let Some(change) = watched.record(Moment::after_start(ended.mono), ended.wall, &outcome)
        {
            watched.counts.changes += 1;
            let reason = watched.state.last().map_or("".into(), |last| Arc::clone(&last.reason));
            events.push(watched.event(ended.wall, What::Change { change, reason }));
        }

        if let Some(due) = watched.owed.take() {
            let grace = GRACE.min(watched.service.interval / 10);
            if ended.mono.saturating_sub(due) <= grace {
                self.extra.push_back((start.id, due));
            } else {
                events.push(watched.not_run(ended, NotRun::Running));
            }
        }
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
        let id = Id(self.given);
        self.given += 1;
        self.schedule.add(id, service.interval, now, among);
        self.names.insert(service.name.clone(), id);
        let watched = Watched {
            service: Arc::new(service),
            state: State::default(),
            counts: Counts::default(),
            paused: false,
            latest: None,
            starved: false,
            by_hand,
            running: false,
            asked: false,
            owed: None,
            path: None,
        };
        self.services.insert(id, watched);
    }

    fn remove_id(&mut self, id: Id) {
        self.schedule.remove(id);
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
    fn event(&self, wall: Timestamp, what: What) -> Event {
        Event { wall, service: Arc::clone(&self.service), what }
    }

    fn not_run(&mut self, now: Now, why: NotRun) -> Event {
        self.counts.not_run += match why {
            NotRun::Missed(ticks) => ticks,
            _ => 1,
        };
        let first = !std::mem::replace(&mut self.starved, true);
        self.event(now.wall, What::NotRun { why, first })
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
