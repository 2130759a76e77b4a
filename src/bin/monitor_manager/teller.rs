//! What the manager tells, as lines for people or as JSON.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use monitor::manager::notices::Inbox;
use monitor::manager::service::Manager;
use monitor::manager::tell::Notice;
use monitor::printer::Printer;
use serde_json::json;
use socklab::output::{Painter, harmless_json};

use crate::{Args, NAME};

/// The first line: where it listens, what it asks for, and where it keeps what.
pub fn start(args: &Args, address: SocketAddr, scraped: Option<&TcpListener>) -> String {
    let metrics = scraped.and_then(|scraped| scraped.local_addr().ok());
    let results = args.results().map(|folder| folder.display().to_string());
    let (token, tls) = (args.token_file.is_some(), args.tls.is_some());
    if args.json {
        let event = json!({
            "event": "start",
            "program": NAME,
            "listening": address,
            "data": args.data.display().to_string(),
            "results": results,
            "metrics": metrics,
            "token": token,
            "tls": tls,
        });
        return harmless_json(&event.to_string());
    }
    let mut text = format!("{NAME}: listening on {address}");
    text += if tls { " with TLS" } else { "" };
    text += if token { ", token required" } else { ", no token" };
    text += &format!(", configuration in {}", args.data.display());
    match results {
        Some(folder) => text += &format!(", results in {folder}"),
        None => text += ", results only in memory",
    }
    if let Some(address) = metrics {
        text += &format!(", metrics at http://{address}/metrics");
    }
    text
}

/// How notices are told.
pub struct Teller {
    pub json: bool,
    pub quiet: bool,
    pub painter: Painter,
}

impl Teller {
    /// Tells them as they come, and looks for agents that stay away.
    pub fn tell_all(&self, manager: &Manager, inbox: &Inbox, printer: &Printer) {
        loop {
            match inbox.next(Duration::from_secs(1)) {
                Ok(notice) => self.tell(&notice, printer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            manager.look_for_silent();
        }
    }

    fn tell(&self, notice: &Notice, printer: &Printer) {
        let result = matches!(notice, Notice::Result { .. });
        if result && self.quiet {
            return;
        }
        if self.json {
            return printer.line(harmless_json(&notice.json().to_string()));
        }
        let (colour, text) = notice.text();
        // What is out of order stands out, also without colour.
        let text = if result { text } else { format!("*** {text}") };
        printer.line(colour.map_or(text.clone(), |colour| self.painter.paint(colour, &text)));
    }
}
