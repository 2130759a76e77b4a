//! --explain: the first request and the first reply, or all of them, each on a page of its own.

use std::net::IpAddr;

use clap::ValueEnum;
use serde_json::{Value, json};
use socklab::explain::Page;
use socklab::explain::flip::Flip;
use socklab::icmp_socket::Received;
use socklab::output::Painter;
use socklab::report::Reporter;

use crate::outgoing::Outgoing;

/// Which packets are explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Explain {
    First,
    All,
}

/// Explains packets, as far as it is asked to.
pub struct Dissector<'a> {
    pub reporter: &'a Reporter,
    pub wanted: Option<Explain>,
    requests: u64,
    replies: u64,
}

impl<'a> Dissector<'a> {
    pub fn new(reporter: &'a Reporter, wanted: Option<Explain>) -> Dissector<'a> {
        Dissector { reporter, wanted, requests: 0, replies: 0 }
    }

    /// A request that was sent.
    pub fn sent(&mut self, seq: u64, outgoing: &Outgoing) {
        self.requests += 1;
        // Whoever spoils a bit wants to hear of it, once.
        if let Some(flip) = outgoing.flip()
            && (self.requests == 1 || self.wanted == Some(Explain::All))
        {
            self.spoilt(seq, flip);
        }
        if self.wants(self.requests) {
            let packet = outgoing.packet();
            let page = if outgoing.with_ip_header {
                Page::ip_packet(packet)
            } else {
                Page::icmp_message(outgoing.own, outgoing.target, packet)
            };
            self.show(&format!("Request {seq}, as it leaves"), "sent", Some(seq), &page);
        }
    }

    /// A message that came in for us, whatever it is.
    pub fn received(&mut self, received: &Received, from: IpAddr, own: IpAddr) {
        self.replies += 1;
        if self.wants(self.replies) {
            let title = format!("What came in from {from}");
            match received.ip_header {
                Some(header) => {
                    let packet = [header, received.message].concat();
                    self.show(&title, "received", None, &Page::ip_packet(&packet));
                }
                None => {
                    let page = Page::icmp_message(from, own, received.message);
                    self.show(&title, "received", None, &page);
                }
            }
        }
    }

    fn spoilt(&self, seq: u64, flip: &Flip) {
        let lines = flip.lines(Painter::for_stdout()).join("\n");
        self.tell(&format!("\n{lines}"), json!({"event": "flip", "seq": seq}), flip.json());
    }

    fn wants(&self, so_many: u64) -> bool {
        match self.wanted {
            None => false,
            Some(Explain::First) => so_many == 1,
            Some(Explain::All) => true,
        }
    }

    fn show(&self, title: &str, way: &str, seq: Option<u64>, page: &Page) {
        let lines = page.lines(Painter::for_stdout()).join("\n");
        let event = json!({"event": "explain", "way": way, "seq": seq});
        // Behind what came in, the run goes on.
        let end = if way == "received" { "\n" } else { "" };
        self.tell(&format!("\n{title}:\n\n{lines}{end}"), event, page.json());
    }

    fn tell(&self, text: &str, mut event: Value, more: Value) {
        if let (Some(event), Value::Object(more)) = (event.as_object_mut(), more) {
            event.extend(more);
        }
        self.reporter.tell_always(None, text, &event);
    }
}
