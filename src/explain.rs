//! --explain as every program has it: which packets get a page, and the page as text or as JSON.

use std::fmt;

use clap::ValueEnum;
use packets::explain::Page;
use packets::explain::flip::Flip;
use serde::Serialize;
use serde_json::Value;

use crate::clock::At;
use crate::event::{Event, Reporter};
use crate::output::Painter;

/// Which packets are explained: the first sent and the first received, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Explain {
    First,
    All,
}

/// Tells of packets, as far as that is wanted.
#[derive(Debug)]
pub struct Teller {
    reporter: Reporter,
    wanted: Option<Explain>,
    sent: u64,
    received: u64,
}

impl Teller {
    pub fn new(json: bool, wanted: Option<Explain>) -> Teller {
        // Whoever asks for a page gets it, also with --quiet.
        Teller { reporter: Reporter::new(json, false), wanted, sent: 0, received: 0 }
    }

    /// Whether a packet is still to be told of.
    pub fn listens(&self) -> bool {
        let both = self.sent > 0 && self.received > 0;
        self.wanted.is_some() && !(both && self.wanted == Some(Explain::First))
    }

    /// A packet was sent: whether it is to have a page.
    pub fn wants_sent(&mut self) -> bool {
        self.sent += 1;
        wants(self.wanted, self.sent)
    }

    /// A packet came in: whether it is to have a page.
    pub fn wants_received(&mut self) -> bool {
        self.received += 1;
        wants(self.wanted, self.received)
    }

    /// Tells of a spoilt bit, once, or each time where everything is explained.
    pub fn flip(&self, seq: u64, flip: &Flip) {
        if self.sent <= 1 || self.wanted == Some(Explain::All) {
            let text = format!("\n{}\n", flip.lines(Painter::for_stdout()).join("\n"));
            let flip = flip.json();
            self.reporter.tell(&PageEvent::Flip { at_ns: At::now(), seq, flip, text });
        }
    }

    /// The page of a packet, under a title; `way` is `sent` or `received`.
    pub fn page(&self, title: &str, way: &'static str, seq: Option<u64>, page: &Page) {
        let lines = page.lines(Painter::for_stdout()).join("\n");
        let (text, page) = (format!("\n{title}\n\n{lines}\n"), page.json());
        self.reporter.tell(&PageEvent::Explain { at_ns: At::now(), way, seq, page, text });
    }
}

/// A page about a packet. `at_ns` is when it was written.
#[derive(Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum PageEvent {
    /// A bit was spoilt before the request left.
    Flip {
        at_ns: At,
        seq: u64,
        #[serde(flatten)]
        flip: Value,
        #[serde(skip)]
        text: String,
    },
    /// A packet taken apart.
    Explain {
        at_ns: At,
        way: &'static str,
        seq: Option<u64>,
        #[serde(flatten)]
        page: Value,
        #[serde(skip)]
        text: String,
    },
}

impl fmt::Display for PageEvent {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (PageEvent::Flip { text, .. } | PageEvent::Explain { text, .. }) = self;
        f.write_str(text)
    }
}

impl Event for PageEvent {}

fn wants(wanted: Option<Explain>, so_many: u64) -> bool {
    match wanted {
        None => false,
        Some(Explain::First) => so_many == 1,
        Some(Explain::All) => true,
    }
}
