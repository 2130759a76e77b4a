//! What the echo server tells while it runs, and its totals at the end.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::stop_word::StopWord;
use socklab::cli::show_duration;
use socklab::output::{self, Colour, Painter, printable};

/// What became of a datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Echoed,
    /// Not answered, since its sender would answer the answer.
    Ignored,
    /// The operating system would not send the answer.
    Failed,
}

/// What ended a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The client has shut its side down, and all was echoed.
    EndOfStream,
    StopWord,
    /// Nothing moved for so long.
    Idle(Duration),
    /// A call failed, and why.
    Failed(String),
    /// No thread could be started for it, and why.
    NoThread(String),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            End::EndOfStream => write!(f, "end of stream"),
            End::StopWord => write!(f, "stop word"),
            End::Idle(time) => write!(f, "nothing moved for {}", show_duration(*time)),
            End::Failed(why) | End::NoThread(why) => write!(f, "{why}"),
        }
    }
}

/// What all threads of the server tell and count.
#[derive(Debug)]
pub struct ServerLog {
    json: bool,
    quiet: bool,
    painter: Painter,
    totals: Mutex<Totals>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    datagrams: u64,
    echoed: u64,
    ignored: u64,
    failed: u64,
    datagram_bytes: u64,
    connections: u64,
    open: usize,
    turned_away: u64,
    stream_bytes: u64,
}

impl ServerLog {
    pub fn new(json: bool, quiet: bool) -> ServerLog {
        let (painter, totals) = (Painter::for_stdout(), Mutex::default());
        ServerLog { json, quiet, painter, totals }
    }

    /// The first line; `protocols` says whether UDP and TCP are served.
    pub fn listening(
        &self,
        program: &str,
        address: SocketAddr,
        protocols: (bool, bool),
        stop_word: Option<&StopWord>,
    ) {
        if self.json {
            let event = json!({
                "event": "start",
                "program": program,
                "listening": address.to_string(),
                "udp": protocols.0,
                "tcp": protocols.1,
                "stop_word": stop_word.map(StopWord::as_str),
            });
            return output::line(&event.to_string());
        }
        let protocols = match protocols {
            (true, false) => "UDP",
            (false, true) => "TCP",
            _ => "UDP and TCP",
        };
        let stop_word = stop_word.map_or(String::new(), |word| format!(", stop word {word}"));
        output::line(&format!("{program}: listening on {address}, {protocols}{stop_word}"));
    }

    pub fn datagram(&self, client: SocketAddr, message: &[u8], fate: Fate) {
        let bytes = message.len();
        let mut totals = self.lock();
        totals.datagrams += 1;
        let (colour, word) = match fate {
            Fate::Echoed => (Colour::Green, "echoed"),
            Fate::Ignored => (Colour::Yellow, "ignored"),
            Fate::Failed => (Colour::Red, "failed"),
        };
        match fate {
            Fate::Echoed => {
                totals.echoed += 1;
                totals.datagram_bytes += bytes as u64;
            }
            Fate::Ignored => totals.ignored += 1,
            Fate::Failed => totals.failed += 1,
        }
        let text = || {
            let (word, message) = (self.painter.paint(colour, word), printable(message, 40));
            format!("{client}  UDP  {word}  {bytes} bytes  {message}")
        };
        let event = || {
            json!({
                "event": "request",
                "client": client.to_string(),
                "bytes": bytes,
                "text": printable(message, 200),
                "fate": word,
            })
        };
        self.tell(&totals, text, event);
    }

    pub fn connected(&self, client: SocketAddr) {
        let mut totals = self.lock();
        totals.connections += 1;
        totals.open += 1;
        let text = || format!("{client}  TCP  connected");
        self.tell(&totals, text, || json!({"event": "connected", "client": client.to_string()}));
    }

    /// A connection that is one too many.
    pub fn turned_away(&self, client: SocketAddr) {
        let mut totals = self.lock();
        totals.turned_away += 1;
        let open = totals.open;
        let word = self.painter.paint(Colour::Yellow, "turned away");
        let text = || format!("{client}  TCP  {word}: {open} connections are open");
        let event = || json!({"event": "turned_away", "client": client.to_string(), "open": open});
        self.tell(&totals, text, event);
    }

    /// The end of a connection: what was echoed, and why it ended.
    pub fn closed(&self, client: SocketAddr, bytes: u64, end: &End) {
        let mut totals = self.lock();
        totals.open -= 1;
        totals.stream_bytes += bytes;
        let text = || format!("{client}  TCP  closed: {end}, {bytes} bytes echoed");
        let why = end.to_string();
        let event =
            || json!({"event": "closed", "client": client.to_string(), "bytes": bytes, "why": why});
        self.tell(&totals, text, event);
    }

    /// A client has said the stop word.
    pub fn stopped_by(&self, client: SocketAddr) {
        let text = || format!("{client} said the stop word");
        let event = || json!({"event": "stop_word", "client": client.to_string()});
        self.tell(&self.lock(), text, event);
    }

    /// The last lines. The lock is kept for good: a thread that would count or
    /// tell anything after them waits for the end of the process.
    pub fn summary(&self, server: SocketAddr) {
        let totals = self.lock();
        self.print(server, &totals);
        std::mem::forget(totals);
    }

    fn print(&self, server: SocketAddr, totals: &Totals) {
        let Totals { datagrams, echoed, ignored, failed, datagram_bytes, .. } = *totals;
        let Totals { connections, open, turned_away, stream_bytes, .. } = *totals;
        if self.json {
            let event = json!({
                "event": "summary",
                "received": datagrams,
                "replied": echoed,
                "ignored": ignored,
                "failed": failed,
                "datagram_bytes": datagram_bytes,
                "connections": connections,
                "open": open,
                "turned_away": turned_away,
                "stream_bytes": stream_bytes,
            });
            return output::line(&event.to_string());
        }
        output::line(&format!("\n--- {server} echoed ---"));
        output::line(&format!(
            "UDP: {}, {echoed} echoed, {ignored} ignored, {failed} failed, \
             {datagram_bytes} bytes echoed",
            several(datagrams, "datagram")
        ));
        output::line(&format!(
            "TCP: {}, {open} still open, {turned_away} turned away, \
             {stream_bytes} bytes echoed on those closed",
            several(connections, "connection")
        ));
    }

    /// One line. Whoever counted still holds the lock, so that the lines stand in
    /// the order in which things were counted.
    fn tell(
        &self,
        _held: &MutexGuard<Totals>,
        text: impl FnOnce() -> String,
        event: impl FnOnce() -> Value,
    ) {
        if !self.quiet {
            output::line(&if self.json { event().to_string() } else { text() });
        }
    }

    fn lock(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `1 datagram`, `2 datagrams`.
fn several(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
