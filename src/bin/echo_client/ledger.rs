//! What the client counts and tells.

use std::io::{self, IsTerminal};
use std::net::SocketAddr;

use socklab::cli::Exit;
use socklab::clock::At;
use socklab::event::{Event, ProbeEvent, Reporter};
use socklab::output;

use crate::compare::{Difference, Flow};
use crate::event::{Counts, Ended, Fate, Start, StreamSummary, Summary};
use crate::screen::Screen;
use crate::{Args, NAME};

/// Counts and tells. With `typed` messages stdout has the answers and nothing
/// else, so that it can be a pipe; all else goes to stderr.
#[derive(Debug)]
pub struct Ledger {
    /// `UDP` or `TCP`.
    protocol: &'static str,
    server: SocketAddr,
    typed: bool,
    counts: Counts,
    reporter: Reporter,
    screen: Screen,
}

impl Ledger {
    pub fn new(
        protocol: &'static str,
        server: SocketAddr,
        typed: bool,
        json: bool,
        quiet: bool,
    ) -> Ledger {
        Ledger {
            protocol,
            server,
            typed: typed && !json,
            counts: Counts::default(),
            reporter: Reporter::new(json, quiet),
            screen: Screen::for_stdout(),
        }
    }

    /// The first line; `local` is the near end of the connection, if there is one.
    pub fn start(&self, args: &Args, local: Option<SocketAddr>) {
        let bytes = args.message.as_ref().map(String::len);
        let start = Start::new(self.protocol, self.server, local, bytes, args.timeout);
        if !self.typed {
            self.reporter.tell_always(&start);
        } else if !self.reporter.quiet && io::stdin().is_terminal() {
            output::complain(NAME, &start.to_string());
        }
    }

    /// How many messages went out.
    pub fn sent(&self) -> u64 {
        self.counts.sent
    }

    /// Whether anything ever came back that was no ICMP error.
    pub fn any_sign_of_life(&self) -> bool {
        let Counts { received, late, corrupt, .. } = self.counts;
        received + late + corrupt > 0
    }

    /// A message of this length goes out from `local`.
    pub fn sending(&mut self, bytes: usize, local: Option<SocketAddr>) {
        self.counts.sent += 1;
        let (at_ns, seq) = (At::now(), self.counts.sent);
        self.reporter.tell_json(&ProbeEvent::Sent { at_ns, seq, bytes, local });
    }

    /// A message has met its fate; `answer` is what came back.
    pub fn ended(&mut self, ended: &Ended, answer: &[u8]) {
        let counts = &mut self.counts;
        match ended.fate {
            Fate::Reply { .. } => counts.received += 1,
            Fate::Late { .. } => counts.late += 1,
            Fate::Corrupt { .. } => counts.corrupt += 1,
            Fate::Timeout { .. } => counts.lost += 1,
            Fate::IcmpError(_) | Fate::Closed { .. } | Fate::NotSent { .. } => counts.errors += 1,
            Fate::Stopped => {}
        }
        if self.typed {
            self.screen.show(answer);
            if !matches!(ended.fate, Fate::Reply { .. }) {
                output::complain(NAME, &ended.to_string());
            }
        } else {
            self.reporter.tell(ended);
        }
    }

    /// Part of a stream, as it came back.
    pub fn piece(&mut self, piece: &[u8]) {
        if self.typed {
            self.screen.show(piece);
        }
    }

    /// Tells the sum of all messages, and returns the exit status that follows from it.
    pub fn summary(&self) -> Exit {
        let title = format!("{} {} echo statistics", self.server, self.protocol);
        let title = (!self.typed).then_some(title.as_str());
        let (at_ns, counts) = (At::now(), self.counts);
        self.tell_sum(&Summary { at_ns, counts, waiting: waiting(&counts), title });
        exit(&counts)
    }

    /// Tells the sum of a stream, and returns the exit status. `trouble` is why
    /// it ended early, if it did.
    pub fn stream(&self, flow: Flow, first: Option<Difference>, trouble: Option<String>) -> Exit {
        if let (Some(trouble), true) = (&trouble, self.typed) {
            output::complain(NAME, trouble);
        }
        let Flow { sent, returned, .. } = flow;
        let whole = trouble.is_none() || flow.finished;
        self.tell_sum(&StreamSummary {
            at_ns: At::now(),
            bytes_sent: sent,
            bytes_equal: returned,
            first_difference: first,
            trouble,
        });
        if first.is_none() && sent == returned && whole { Exit::Ok } else { Exit::NoReply }
    }

    fn tell_sum(&self, sum: &impl Event) {
        if !self.typed {
            self.reporter.tell_always(sum);
        } else if !self.reporter.quiet {
            output::complain(NAME, &sum.to_string());
        }
    }
}

/// Sent, and nothing is known of them: Ctrl-C came first.
fn waiting(counts: &Counts) -> u64 {
    let Counts { sent, received, late, corrupt, lost, errors } = counts;
    sent - received - late - corrupt - lost - errors
}

/// Only a run in which all was equal is a success. Ctrl-C may leave one under
/// way, which is neither.
fn exit(counts: &Counts) -> Exit {
    let wrong = counts.late + counts.corrupt + counts.lost + counts.errors;
    if wrong == 0 && (counts.received > 0 || counts.sent == 0) { Exit::Ok } else { Exit::NoReply }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_run_in_which_all_was_equal_is_a_success() {
        let of = |sent, received, corrupt, lost, errors| Counts {
            sent,
            received,
            corrupt,
            lost,
            errors,
            ..Counts::default()
        };
        for (counts, expected) in [
            (of(0, 0, 0, 0, 0), Exit::Ok),
            (of(2, 2, 0, 0, 0), Exit::Ok),
            // One was under way at Ctrl-C.
            (of(2, 1, 0, 0, 0), Exit::Ok),
            (of(1, 0, 0, 0, 0), Exit::NoReply),
            (of(2, 1, 1, 0, 0), Exit::NoReply),
            (of(2, 1, 0, 1, 0), Exit::NoReply),
            (of(2, 1, 0, 0, 1), Exit::NoReply),
            (Counts { sent: 2, received: 1, late: 1, ..Counts::default() }, Exit::NoReply),
        ] {
            assert_eq!(exit(&counts), expected, "{counts:?}");
        }
    }
}
