//! How the agent tells what happens: as lines for people or as JSON.

use monitor::agent::link::Change;
use monitor::printer::Printer;
use monitor::protocol::{Config, ConfigAck};
use socklab::clock::At;
use socklab::event::Event;
use socklab::output::Painter;

use crate::NAME;
use crate::event::LinkEvent;

#[derive(Clone)]
pub struct Log {
    pub json: bool,
    pub painter: Painter,
    pub printer: Printer,
}

impl Log {
    pub fn tell(&self, event: &impl Event) {
        self.printer.line(event.shown(self.json, self.painter));
    }

    pub fn changed(&self, change: &Change) {
        let at_ns = At::now();
        match change {
            &Change::Connected { agent, address, local } => {
                self.tell(&LinkEvent::Connected { at_ns, agent_id: agent, address, local });
            }
            Change::Away { reason } => self.tell(&LinkEvent::Away { at_ns, reason }),
            // The error that ends the program says it.
            Change::Hopeless { .. } => {}
        }
    }

    pub fn configured(&self, config: &Config, ack: &ConfigAck) {
        let at_ns = At::now();
        let refused: Vec<_> = ack.tasks.iter().filter(|task| !task.accepted).collect();
        self.tell(&LinkEvent::Configured {
            at_ns,
            rev: config.rev,
            tasks: config.tasks.len(),
            accepted: ack.tasks.len() - refused.len(),
        });
        for task in refused {
            let reason = task.reason.as_deref().unwrap_or("");
            self.tell(&LinkEvent::Refused { at_ns, task: &task.task, reason });
        }
    }

    pub fn trouble(&self, trouble: &str) {
        self.printer.complain(NAME, format!("{trouble}; going on in memory, and trying again"));
    }
}
