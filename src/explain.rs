//! --explain as every program has it: which packets get a page, and the page as text or as JSON.

use clap::ValueEnum;
use packets::explain::Page;
use packets::explain::flip::Flip;
use serde_json::{Value, json};

use crate::output::Painter;
use crate::report::Reporter;

/// Which packets are explained: the first sent and the first received, or all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Explain {
    First,
    All,
}

/// Tells of packets, as far as that is wanted.
#[derive(Debug)]
pub struct Teller<'a> {
    reporter: &'a Reporter,
    wanted: Option<Explain>,
    sent: u64,
    received: u64,
}

impl<'a> Teller<'a> {
    pub fn new(reporter: &'a Reporter, wanted: Option<Explain>) -> Teller<'a> {
        Teller { reporter, wanted, sent: 0, received: 0 }
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
            let lines = flip.lines(Painter::for_stdout()).join("\n");
            self.tell(&format!("\n{lines}\n"), json!({"event": "flip", "seq": seq}), flip.json());
        }
    }

    /// The page of a packet, under a title; `way` is `sent` or `received`.
    pub fn page(&self, title: &str, way: &str, seq: Option<u64>, page: &Page) {
        let lines = page.lines(Painter::for_stdout()).join("\n");
        let event = json!({"event": "explain", "way": way, "seq": seq});
        self.tell(&format!("\n{title}\n\n{lines}\n"), event, page.json());
    }

    fn tell(&self, text: &str, mut event: Value, more: Value) {
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.reporter.tell_always(None, text, &event);
    }
}

fn wants(wanted: Option<Explain>, so_many: u64) -> bool {
    match wanted {
        None => false,
        Some(Explain::First) => so_many == 1,
        Some(Explain::All) => true,
    }
}
