//! What the agent tells, as lines for people or as JSON.

use monitor::agent::allow::Allowed;
use monitor::agent::link::Change;
use monitor::agent::storage::Storage;
use monitor::manager::tell::said;
use monitor::printer::Printer;
use monitor::protocol::{Config, ConfigAck, MOST_TASKS};
use serde_json::json;
use socklab::cli;
use socklab::output::{Colour, Painter, harmless_json, plural};

use crate::{Args, NAME};

/// What the agent tells.
#[derive(Clone)]
pub struct Log {
    pub json: bool,
    pub painter: Painter,
    pub printer: Printer,
}

impl Log {
    fn say(&self, colour: Option<Colour>, text: &str, event: &serde_json::Value) {
        self.printer.line(match (self.json, colour) {
            (true, _) => harmless_json(&event.to_string()),
            (false, Some(colour)) => self.painter.paint(colour, text),
            (false, None) => text.to_string(),
        });
    }

    pub fn start(&self, args: &Args, storage: &Storage) {
        let manager = args.manager.to_string();
        let id = storage.state.agent_id;
        let who = id.map_or("a new agent".to_string(), |id| format!("agent {id}"));
        let allow: Vec<String> = args.allow.iter().map(Allowed::to_string).collect();
        let may = match allow.as_slice() {
            [] => "may contact any host".to_string(),
            list => format!("may contact {}", list.join(", ")),
        };
        let text = format!("{NAME}: {who}, manager {manager}, {may}, at most {} tasks", MOST_TASKS);
        let event = json!({
            "event": "start",
            "program": NAME,
            "manager": manager,
            "agent_id": id,
            "allow": allow,
            "kept": storage.spool().results(),
        });
        self.say(None, &text, &event);
    }

    pub fn changed(&self, change: &Change) {
        match change {
            Change::Connected { agent, address } => {
                let text = format!("connected to {address} as agent {agent}");
                let event = json!({"event": "connected", "agent_id": agent, "address": address});
                self.say(Some(Colour::Green), &text, &event);
            }
            Change::Away { reason } => {
                let text = format!("no manager: {}; retrying while the checks go on", said(reason));
                let event = json!({"event": "away", "reason": reason});
                self.say(Some(Colour::Yellow), &text, &event);
            }
            // The error that ends the program says it.
            Change::Hopeless { .. } => {}
        }
    }

    pub fn configured(&self, config: &Config, ack: &ConfigAck) {
        let accepted = ack.tasks.iter().filter(|task| task.accepted).count();
        let text = format!("revision {}: {accepted} of {} tasks", config.rev, config.tasks.len());
        let event = json!({
            "event": "configured",
            "rev": config.rev,
            "tasks": config.tasks.len(),
            "accepted": accepted,
        });
        self.say(None, &text, &event);
        for task in ack.tasks.iter().filter(|task| !task.accepted) {
            let reason = task.reason.as_deref().unwrap_or("");
            let text = format!("task {} refused: {}", said(&task.task), said(reason));
            let event = json!({"event": "refused", "task": task.task, "reason": reason});
            self.say(Some(Colour::Yellow), &text, &event);
        }
    }

    pub fn trouble(&self, trouble: &str) {
        self.printer.complain(NAME, format!("{trouble}; going on in memory, and trying again"));
    }

    /// How many results are unconfirmed, and whether they are on disk; `state`
    /// if they were to be; `admitted` if a manager ever let the agent in.
    pub fn end(&self, kept: usize, on_disk: bool, state: bool, admitted: bool) {
        let text = match (kept, on_disk) {
            (0, _) if !admitted => "no manager let it in, and there are no results".to_string(),
            (0, _) => "all results are confirmed".to_string(),
            (kept, true) => format!("{}, kept for the next start", unconfirmed(kept)),
            (kept, false) if state => {
                format!("{}, and lost: the disk does not take them", unconfirmed(kept))
            }
            (kept, false) => format!("{}, and lost: there is no --state", unconfirmed(kept)),
        };
        // The terminal has written ^C on this line.
        let text = if cli::stopping() { format!("\n{text}") } else { text };
        let event = json!({"event": "summary", "unconfirmed": kept, "kept": on_disk});
        self.say(None, &text, &event);
    }
}

fn unconfirmed(results: usize) -> String {
    format!("{} unconfirmed", plural(results as u64, "result"))
}
