//! What the server tells, and counts: one ledger for all its threads.
//!
//! Whoever holds the lock may count and write a line, so that lines and totals
//! agree; and when the totals are out, nobody gets it any more.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use packets::icmp_error::Problem;
use serde_json::json;
use socklab::cli::{Rate, show_duration};
use socklab::endpoint::cause;
use socklab::impair::{Fate, Impairment};
use socklab::output::{self, Colour, Painter, printable};
use socklab::stats::wilson;
use socklab::tally::{Tally, verdict};

use crate::NAME;

/// How a connection ended.
pub enum End {
    /// The client closed it, after so many messages.
    ByClient {
        messages: u64,
    },
    /// A message was to be lost.
    Lost,
    Idle(Duration),
    /// The client reset it.
    Reset,
    /// The client took no reply within the idle timeout.
    NotReading,
    /// So many others were connected.
    TurnedAway(NonZeroUsize),
    /// The operating system gave no thread.
    NoThread(String),
    Failed(String),
}

impl End {
    /// From the error of a read or a write.
    pub fn of(why: &io::Error) -> End {
        match why.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => End::Reset,
            // The write timeout was over.
            ErrorKind::TimedOut | ErrorKind::WouldBlock => End::NotReading,
            _ => End::Failed(cause(why)),
        }
    }

    /// For the event `end`.
    fn name(&self) -> &'static str {
        match self {
            End::ByClient { .. } => "closed",
            End::Lost => "lost",
            End::Idle(_) => "idle",
            End::Reset => "reset",
            End::NotReading => "not_reading",
            End::TurnedAway(_) => "turned_away",
            End::NoThread(_) => "no_thread",
            End::Failed(_) => "failed",
        }
    }

    /// For a person; nothing where a line above has said it.
    fn text(&self) -> Option<String> {
        match self {
            End::ByClient { messages: 0 } => Some("closed by the client, without a message".into()),
            End::ByClient { .. } | End::Lost => None,
            End::Idle(time) => Some(format!("silent for {}: closed", show_duration(*time))),
            End::Reset => Some("reset by the client".into()),
            End::NotReading => Some("does not read its replies: closed".into()),
            End::TurnedAway(most) => {
                Some(format!("turned away: --max-clients {most} are connected"))
            }
            End::NoThread(why) => Some(format!("closed: the system gives no thread: {why}")),
            End::Failed(why) => Some(format!("failed: {why}")),
        }
    }
}

#[derive(Default)]
struct Books {
    accepted: u64,
    open: usize,
    most_at_once: usize,
    turned_away: u64,
    messages: Tally,
}

impl Books {
    /// Messages that came in and are held back by the delay.
    fn waiting(&self) -> u64 {
        let Tally { received, replied, dropped, rejected, failed } = self.messages;
        received - replied - dropped - rejected - failed
    }
}

/// Whose message it was, and which: the number of its connection, and its own
/// in that, both from 1.
pub struct Message {
    pub client: SocketAddr,
    pub connection: u64,
    pub number: u64,
}

pub struct Ledger {
    books: Mutex<Books>,
    address: SocketAddr,
    plan: String,
    seed: u64,
    loss: Option<Rate>,
    json: bool,
    quiet: bool,
    painter: Painter,
}

impl Ledger {
    pub fn new(address: SocketAddr, plan: &Impairment, json: bool, quiet: bool) -> Ledger {
        Ledger {
            books: Mutex::default(),
            address,
            plan: plan.describe(),
            seed: plan.seed,
            loss: plan.independent_loss(),
            json,
            quiet,
            painter: Painter::for_stdout(),
        }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        // A thread that panicked with the lock left at worst one count wrong.
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first line; `more` follows the plan.
    pub fn listening(&self, more: &str) {
        let impairment = format!("{}{more}", self.plan);
        if self.json {
            let start = json!({
                "event": "start",
                "program": NAME,
                "listening": self.address.to_string(),
                "impairment": impairment,
                "seed": self.seed,
            });
            output::line(&start.to_string());
        } else {
            output::line(&format!("{NAME}: listening on {}, {impairment}", self.address));
        }
    }

    /// Enters a connection, and returns its number.
    pub fn accepted(&self) -> u64 {
        let mut books = self.books();
        books.accepted += 1;
        books.accepted
    }

    /// A connection that was accepted has a place, and is served.
    pub fn opened(&self) {
        let mut books = self.books();
        books.open += 1;
        books.most_at_once = books.most_at_once.max(books.open);
    }

    pub fn received(&self) {
        self.books().messages.received += 1;
    }

    /// A message is answered now, with this fate; `error` is that with which it
    /// is rejected.
    pub fn answered(&self, message: &Message, request: &[u8], fate: &Fate, error: Option<Problem>) {
        let Message { client, connection, number } = message;
        let mut books = self.books();
        let (count, colour, word) = match fate {
            Fate::Dropped => (&mut books.messages.dropped, Colour::Yellow, "LOST"),
            Fate::Rejected { .. } => (&mut books.messages.rejected, Colour::Red, "rejected"),
            Fate::Replied(_) => (&mut books.messages.replied, Colour::Green, "replied"),
        };
        *count += 1;
        if self.quiet {
            return;
        }
        let bytes = request.len();
        output::line(&if self.json {
            let mut event = json!({
                "event": "request",
                "client": client.to_string(),
                "connection": connection,
                "message": number,
                "bytes": bytes,
                "text": printable(request, 200),
                "fate": word.to_ascii_lowercase(),
            });
            if let Some(error) = error {
                event["error"] = json!(error.to_string());
            }
            event.to_string()
        } else {
            let number = format!("#{connection}.{number}");
            let word = self.painter.paint(colour, &format!("{word:<7}"));
            let text = printable(request, 40);
            let error = error.map_or(String::new(), |error| format!("  {error}"));
            format!("{client}  {number:<6} {word}  {bytes} bytes  {text}{error}")
        });
    }

    /// The answer with this fate, which was told, could not be sent after all.
    pub fn failed(&self, message: &Message, fate: &Fate, why: &str) {
        let mut books = self.books();
        books.messages.failed += 1;
        match fate {
            Fate::Dropped => books.messages.dropped -= 1,
            Fate::Rejected { .. } => books.messages.rejected -= 1,
            Fate::Replied(_) => books.messages.replied -= 1,
        }
        if self.quiet {
            return;
        }
        let Message { client, connection, number } = message;
        output::line(&if self.json {
            let event = json!({
                "event": "failed",
                "client": client.to_string(),
                "connection": connection,
                "message": number,
                "why": why,
            });
            event.to_string()
        } else {
            let number = format!("#{connection}.{number}");
            let word = self.painter.paint(Colour::Red, &format!("{:<7}", "failed"));
            format!("{client}  {number:<6} {word}  the answer was not sent: {why}")
        });
    }

    pub fn ended(&self, client: &SocketAddr, connection: u64, end: &End) {
        let mut books = self.books();
        match end {
            End::TurnedAway(_) => books.turned_away += 1,
            _ => books.open -= 1,
        }
        if self.quiet {
            return;
        }
        if self.json {
            let event = json!({
                "event": "end",
                "client": client.to_string(),
                "connection": connection,
                "reason": end.name(),
            });
            output::line(&event.to_string());
        } else if let Some(text) = end.text() {
            let number = format!("#{connection}");
            let text = self.painter.paint(Colour::Dim, &text);
            output::line(&format!("{client}  {number:<6} {text}"));
        }
    }

    /// Prints the totals, and keeps the lock for good: a thread that would count
    /// or tell anything after them waits for the end of the process.
    pub fn close(&self) {
        let books = self.books();
        if self.json {
            self.print_json(&books)
        } else {
            self.print_text(&books)
        }
        std::mem::forget(books);
    }

    fn print_text(&self, books: &Books) {
        let Books { accepted, open, most_at_once, turned_away, messages, .. } = books;
        let connections = if *accepted == 1 { "connection" } else { "connections" };
        output::line(&format!("\n--- {} served {accepted} {connections} ---", self.address));
        let mut words = vec![
            format!("{} messages received", messages.received),
            format!("{} replied", messages.replied),
            format!("{} answered LOST", messages.dropped),
        ];
        for (count, name) in [
            (messages.rejected, "rejected"),
            (messages.failed, "failed"),
            (books.waiting(), "not yet answered"),
        ] {
            if count > 0 {
                words.push(format!("{count} {name}"));
            }
        }
        output::line(&words.join(", "));
        let mut words = vec![format!("at most {most_at_once} at once")];
        for (count, name) in [(*open as u64, "still open"), (*turned_away, "turned away")] {
            if count > 0 {
                words.push(format!("{count} {name}"));
            }
        }
        output::line(&format!("connections: {}", words.join(", ")));
        if messages.received > 0 {
            output::line(&verdict(messages, self.loss, &self.plan));
        }
    }

    fn print_json(&self, books: &Books) {
        let messages = &books.messages;
        let interval = wilson(messages.dropped, messages.received);
        let summary = json!({
            "event": "summary",
            "received": messages.received,
            "replied": messages.replied,
            "dropped": messages.dropped,
            "rejected": messages.rejected,
            "failed": messages.failed,
            "waiting": books.waiting(),
            "loss_pct": messages.loss().map(|loss| 100.0 * loss),
            "loss_ci95_low_pct": interval.map(|(low, _)| 100.0 * low),
            "loss_ci95_high_pct": interval.map(|(_, high)| 100.0 * high),
            "loss_configured_pct": self.loss.map(|rate| 100.0 * rate.get()),
            "connections": books.accepted,
            "connections_open": books.open,
            "connections_most_at_once": books.most_at_once,
            "turned_away": books.turned_away,
        });
        output::line(&summary.to_string());
    }
}
