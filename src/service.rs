//! The books of a lossy server: what becomes of each client's requests, and how many of them there were.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};

use packets::icmp_error::Problem;
use serde::Serialize;

use crate::clock::At;
use crate::delay::{DelayLine, Departure, Whose};
use crate::event::{Event, Reporter};
use crate::output::Colour;
use crate::tally::{OfClient, ServerSummary, Tally};
use logic::clients::Clients;
use logic::impair::{Fate, Fates, Impairment, Treatment};

/// What a server keeps of its clients; `T` is what it keeps beside the counts.
pub struct Service<T> {
    plan: Impairment,
    clients: Clients<Record<T>>,
    /// Of the clients that have made room for others.
    forgotten: Tally,
    line: Option<DelayLine>,
}

struct Record<T> {
    number: u64,
    fates: Fates,
    tally: Tally,
    own: T,
}

/// A request whose turn it is.
#[derive(Debug)]
pub struct Turn<T> {
    pub whose: Whose,
    pub fate: Fate,
    /// What was kept of a client that had to make room for this one.
    pub gone: Option<T>,
}

/// What was done with a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    Dropped,
    /// An ICMP error took the reply's place.
    Rejected(Problem),
    Replied,
    /// The reply waits for its time.
    Delayed,
    /// The reply could not be sent.
    Failed,
}

impl Handled {
    /// One word, for the event, and its colour.
    pub fn word(&self) -> (&'static str, Colour) {
        match self {
            Handled::Dropped => ("dropped", Colour::Yellow),
            Handled::Rejected(_) => ("rejected", Colour::Red),
            Handled::Replied => ("replied", Colour::Green),
            Handled::Delayed => ("delayed", Colour::Green),
            Handled::Failed => ("failed", Colour::Red),
        }
    }
}

impl<T: Default> Service<T> {
    /// A service without clients. If `plan` delays replies, they will be sent
    /// from `socket`.
    ///
    /// # Errors
    /// One line for a person: no delay line can be had.
    pub fn new(plan: Impairment, socket: &UdpSocket) -> Result<Service<T>, String> {
        let line = DelayLine::if_needed(&plan, socket)?;
        Ok(Service { plan, clients: Clients::new(), forgotten: Tally::default(), line })
    }

    /// A request came in from `client`: which it is, and what is to become of it.
    pub fn turn(&mut self, client: SocketAddr) -> Turn<T> {
        let plan = &self.plan;
        let (record, gone) = self.clients.heard(client, |number| Record {
            number,
            fates: plan.fates(number),
            tally: Tally::default(),
            own: T::default(),
        });
        let fate = plan.next_fate(&mut record.fates);
        record.tally.received += 1;
        let whose = Whose { client, number: record.number, request: record.fates.requests() };
        let gone = gone.map(|gone| {
            self.forgotten += gone.tally;
            gone.own
        });
        Turn { whose, fate, gone }
    }

    /// Holds a reply back, to be sent as `treatment` says. `None` if this
    /// service sends its replies at once.
    pub fn delay(&self, reply: &[u8], whose: Whose, treatment: &Treatment) -> Option<Handled> {
        let line = self.line.as_ref()?;
        let taken = line.put(reply.to_vec(), whose.client, whose, treatment).is_ok();
        Some(if taken { Handled::Delayed } else { Handled::Failed })
    }

    /// Enters what was done with a request.
    pub fn enter(&mut self, whose: Whose, handled: &Handled) {
        let tally = self.tally(whose);
        match handled {
            Handled::Dropped => tally.dropped += 1,
            Handled::Rejected(_) => tally.rejected += 1,
            Handled::Replied => tally.replied += 1,
            Handled::Delayed => tally.waiting += 1,
            Handled::Failed => tally.failed += 1,
        }
    }

    /// Enters and tells the delayed replies that have left meanwhile.
    pub fn settle(&mut self, reporter: &Reporter) {
        let departures: Vec<Departure> = self.line.iter().flat_map(DelayLine::departures).collect();
        departures.iter().for_each(|departure| self.departed(departure, reporter));
    }

    fn departed(&mut self, departure: &Departure, reporter: &Reporter) {
        let Departure { whose, at, bytes, copies, .. } = *departure;
        let at_ns = At::from(at);
        self.tally(whose).waiting -= 1;
        let handled = Sent::tell(whose, at_ns, bytes, copies, reporter);
        self.enter(whose, &handled);
        if let Some(why) = departure.trouble.clone() {
            let Whose { client, request, .. } = whose;
            reporter.tell(&NotSent { at_ns, client, request, why });
        }
    }

    /// The tally of a client, or of the forgotten ones if it is one of them.
    fn tally(&mut self, whose: Whose) -> &mut Tally {
        match self.clients.get_mut(whose.client) {
            Some(record) if record.number == whose.number => &mut record.tally,
            _ => &mut self.forgotten,
        }
    }

    /// What is kept of a client, if it is remembered.
    pub fn of(&mut self, client: SocketAddr) -> Option<&mut T> {
        self.clients.get_mut(client).map(|record| &mut record.own)
    }

    /// What is kept of each client, in the order in which they appeared.
    pub fn each(&self) -> impl Iterator<Item = (SocketAddr, &T)> {
        self.clients.in_order().into_iter().map(|(client, record)| (client, &record.own))
    }

    /// The same, to be changed, in no order.
    pub fn each_mut(&mut self) -> impl Iterator<Item = (SocketAddr, &mut T)> {
        self.clients.each_mut().map(|(client, record)| (client, &mut record.own))
    }

    /// Ends the service of `server`: what still waits is lost. Tells the summary.
    pub fn close(&mut self, server: SocketAddr, reporter: &Reporter) {
        let last = self.line.take().map_or(Vec::new(), |line| line.close().0);
        last.iter().for_each(|departure| self.departed(departure, reporter));
        let clients = self.clients.in_order();
        let clients = clients
            .iter()
            .map(|(client, record)| OfClient { client: *client, tally: record.tally });
        reporter.tell_always(&ServerSummary {
            configured: self.plan.independent_loss(),
            clients_seen: self.clients.seen(),
            plan: self.plan.describe(),
            ..ServerSummary::new(server, clients.collect(), self.forgotten)
        });
    }
}

/// A reply was sent, in so many copies; `at_ns` is just before the first.
/// Told as JSON alone.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "sent")]
pub struct Sent {
    pub at_ns: At,
    pub client: SocketAddr,
    /// The number of the request among the client's.
    pub request: u64,
    pub bytes: usize,
    pub copies: u64,
}

impl Sent {
    /// A reply of so many bytes, of which `copies` were sent from `at` on; none
    /// of them if the operating system refused.
    pub fn tell(whose: Whose, at: At, bytes: usize, copies: u64, reporter: &Reporter) -> Handled {
        if copies == 0 {
            return Handled::Failed;
        }
        let Whose { client, request, .. } = whose;
        reporter.tell_json(&Sent { at_ns: at, client, request, bytes, copies });
        Handled::Replied
    }
}

impl fmt::Display for Sent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}  #{:<3} the reply leaves", self.client, self.request)
    }
}

impl Event for Sent {}

/// A reply, or the second copy of it, could not be sent.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename = "not_sent")]
pub struct NotSent {
    pub at_ns: At,
    pub client: SocketAddr,
    pub request: u64,
    pub why: String,
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let NotSent { client, request, why, .. } = self;
        write!(f, "{client}  #{request:<3} a reply could not be sent: {why}")
    }
}

impl Event for NotSent {
    fn colour(&self) -> Option<Colour> {
        Some(Colour::Red)
    }
}
