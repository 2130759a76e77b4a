//! What the server tells, and counts: one ledger for all its threads.
//!
//! Whoever holds the lock may count and write a line, so that lines and totals
//! agree; and when the totals are out, nobody writes any more.

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
    /// Ctrl-C.
    Stopped,
}

impl End {
    /// From the error of a read or a write.
    pub fn of(why: &io::Error) -> End {
        match why.kind() {
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => End::Reset,
            ErrorKind::TimedOut => End::NotReading,
            ErrorKind::Interrupted => End::Stopped,
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
            End::Stopped => "stopped",
        }
    }

    /// For a person; nothing where a line above has said it.
    fn text(&self) -> Option<String> {
        match self {
            End::ByClient { messages: 0 } => Some("closed by the client, without a message".into()),
            End::ByClient { .. } | End::Lost | End::Stopped => None,
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
    /// The totals are out.
    closed: bool,
}

impl Books {
    /// Messages that came in and are held back by the delay.
    fn waiting(&self) -> u64 {
        let Tally { received, replied, dropped, rejected, failed } = self.messages;
        received - replied - dropped - rejected - failed
    }
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

    /// Enters a connection: its number, and whether there is room for it beside
    /// those that are open.
    pub fn accepted(&self, most: NonZeroUsize) -> (u64, bool) {
        let mut books = self.books();
        books.accepted += 1;
        let room = books.open < most.get();
        if room {
            books.open += 1;
            books.most_at_once = books.most_at_once.max(books.open);
        }
        (books.accepted, room)
    }

    pub fn received(&self) {
        self.books().messages.received += 1;
    }

    /// One message that is to be answered now: whose, the how manieth, its fate,
    /// and what it said. `error` is that with which it is rejected.
    pub fn answered(
        &self,
        client: &SocketAddr,
        connection: u64,
        message: u64,
        request: &[u8],
        fate: &Fate,
        error: Option<Problem>,
    ) {
        let mut books = self.books();
        let (count, colour, word) = match fate {
            Fate::Dropped => (&mut books.messages.dropped, Colour::Yellow, "LOST"),
            Fate::Rejected { .. } => (&mut books.messages.rejected, Colour::Red, "rejected"),
            Fate::Replied(_) => (&mut books.messages.replied, Colour::Green, "replied"),
        };
        *count += 1;
        if self.quiet || books.closed {
            return;
        }
        let bytes = request.len();
        output::line(&if self.json {
            let mut event = json!({
                "event": "request",
                "client": client.to_string(),
                "connection": connection,
                "message": message,
                "bytes": bytes,
                "text": printable(request, 200),
                "fate": word.to_ascii_lowercase(),
            });
            if let Some(error) = error {
                event["error"] = json!(error.to_string());
            }
            event.to_string()
        } else {
            let number = format!("#{connection}.{message}");
            let word = self.painter.paint(colour, &format!("{word:<7}"));
            let text = printable(request, 40);
            let error = error.map_or(String::new(), |error| format!("  {error}"));
            format!("{client}  {number:<6} {word}  {bytes} bytes  {text}{error}")
        });
    }

    /// The answer with this fate could not be sent after all.
    pub fn failed(&self, fate: &Fate) {
        let messages = &mut self.books().messages;
        messages.failed += 1;
        match fate {
            Fate::Dropped => messages.dropped -= 1,
            Fate::Rejected { .. } => messages.rejected -= 1,
            Fate::Replied(_) => messages.replied -= 1,
        }
    }

    pub fn ended(&self, client: &SocketAddr, connection: u64, end: &End) {
        let mut books = self.books();
        match end {
            End::TurnedAway(_) => books.turned_away += 1,
            _ => books.open -= 1,
        }
        if self.quiet || books.closed {
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

    /// Prints the totals. After it, no thread writes anything.
    pub fn close(&self) {
        let mut books = self.books();
        books.closed = true;
        if self.json { self.print_json(&books) } else { self.print_text(&books) }
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
