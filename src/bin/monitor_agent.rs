//! A monitoring agent: watches what its manager says, and reports each result at once.
//!
//! ```text
//! cargo run -q --bin monitor_agent
//! cargo run -q --bin monitor_agent -- --state agent.json --allow 127.0.0.0/8 --name attic
//! ```
//!
//! You see a line when it finds its manager, when it loses it, and for each
//! configuration that it is given. While the manager is away it goes on, and
//! keeps its results; with --state also over its own crash. Sheet:
//! labs/09-manager-and-agents.md.
//!
//! New here: delivered at least once, stored exactly once. Results are
//! numbered, and kept until the other side has said that it has them.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread;

use clap::Parser;
use monitor::agent::accept::judge;
use monitor::agent::allow::Allowed;
use monitor::agent::keep::Keep;
use monitor::agent::link::{Change, Link, PORT};
use monitor::agent::work::{Order, Results, Work};
use monitor::guard::lock;
use monitor::manager::tell::said;
use monitor::proof::{self, Token};
use monitor::protocol::{Config, ConfigAck, MOST_TASKS};
use monitor::{atomic, pool, tls};
use serde_json::json;
use socklab::cli::{self, Exit};
use socklab::endpoint::{Endpoint, cause};
use socklab::output::{self, Colour, Painter, harmless_json};

const NAME: &str = "monitor_agent";

/// Watch what a manager says, and report to it
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// The manager: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:54321")]
    manager: Endpoint,
    /// Keep identifier, configuration and unsent results in this file, and FILE.spool
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Keep so many results that the manager has not confirmed; the oldest give way
    #[arg(long, value_name = "N", default_value = "10000", value_parser = spool, allow_negative_numbers = true)]
    spool: usize,
    /// Contact these alone: a network (10.0.0.0/8), an address, a name, or *.lab.test; may be repeated
    #[arg(long, value_name = "CIDR_OR_NAME")]
    allow: Vec<Allowed>,
    /// A name for people, which the manager shows
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Prove to each other, agent and manager, that both know what is in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Speak TLS, to a manager whose certificate is of the authority in this file
    #[arg(long, value_name = "CA.pem")]
    tls_ca: Option<PathBuf>,
    /// Run so many checks at once at most, each on a thread
    #[arg(long, value_name = "N", default_value_t = pool::THREADS, allow_negative_numbers = true)]
    threads: usize,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

fn spool(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "a number of results is 1 to 1000000".to_string())
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let token = args.token_file.as_deref().map(Token::read).transpose()?;
    let tls = match &args.tls_ca {
        Some(authority) => Some(tls::client(authority, &args.manager.host)?),
        None => None,
    };
    let _lock = args.state.as_deref().map(atomic::lock).transpose()?;
    let (keep, notes) = Keep::open(args.state.as_deref(), args.spool)?;
    let boot_id = proof::random_hex(16)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("what the manager says is watched"));

    let log = Log { json: args.json, painter: Painter::for_stdout() };
    log.start(args, &keep);
    notes.iter().for_each(|note| output::complain(NAME, note));
    let known = keep.state.config.clone();
    let keep = Arc::new(Mutex::new(keep));

    // The tasks run in a thread of their own, and so does the connection: one
    // goes on when the other cannot.
    let results = Results::new(Arc::clone(&keep), boot_id.clone());
    let work = Work::new(args.threads.max(1), results);
    let orders = work.outbox();
    let worker = thread::Builder::new().name("work".to_string());
    let worker = worker.spawn(move || work.run()).map_err(|why| no_thread(&why))?;

    let allow = args.allow.clone();
    let start = orders.clone();
    let configure = move |config: &Config| -> ConfigAck {
        let (accepted, ack) = judge(config, &allow);
        // It is gone only when the agent is ending.
        let _ = start.send(Order::Tasks(accepted));
        log.configured(config, &ack);
        ack
    };
    // What it did before its restart it goes on doing, manager or no manager.
    if let Some(config) = known {
        configure(&config);
    }

    let link = Link {
        manager: Endpoint { port: Some(args.manager.port.unwrap_or(PORT)), ..args.manager.clone() },
        name: args.name.clone(),
        boot_id,
        token,
        tls,
        keep: Arc::clone(&keep),
    };
    let (hopeless, reasons) = mpsc::channel();
    let tell = |change: Change| {
        log.changed(&change);
        if let Change::Hopeless { reason } = change {
            let _ = hopeless.send(reason);
        }
    };
    let stopping = || {
        let trouble = lock(&keep).take_trouble();
        log.trouble(trouble);
        cli::stopping()
    };
    link.run(stopping, configure, tell);

    let _ = orders.send(Order::Stop);
    let _ = worker.join();
    let kept = lock(&keep).spool().results();
    log.end(kept, args.state.is_some());
    match reasons.try_recv() {
        Ok(reason) => Err(reason),
        Err(_) => Ok(Exit::Ok),
    }
}

fn no_thread(why: &std::io::Error) -> String {
    format!("cannot start a thread: {}", cause(why))
}

/// What the agent tells.
#[derive(Clone, Copy)]
struct Log {
    json: bool,
    painter: Painter,
}

impl Log {
    fn say(self, colour: Option<Colour>, text: &str, event: &serde_json::Value) {
        output::line(&match (self.json, colour) {
            (true, _) => harmless_json(&event.to_string()),
            (false, Some(colour)) => self.painter.paint(colour, text),
            (false, None) => text.to_string(),
        });
    }

    fn start(self, args: &Args, keep: &Keep) {
        let manager = args.manager.to_string();
        let id = keep.state.agent_id;
        let who = id.map_or("a new agent".to_string(), |id| format!("agent {id}"));
        let allow: Vec<String> = args.allow.iter().map(Allowed::to_string).collect();
        let may = match allow.as_slice() {
            [] => "may contact anybody".to_string(),
            list => format!("may contact {}", list.join(", ")),
        };
        let text = format!("{NAME}: {who}, manager {manager}, {may}, at most {} tasks", MOST_TASKS);
        let event = json!({
            "event": "start",
            "program": NAME,
            "manager": manager,
            "agent_id": id,
            "allow": allow,
            "kept": keep.spool().results(),
        });
        self.say(None, &text, &event);
    }

    fn changed(self, change: &Change) {
        match change {
            Change::Connected { agent, address } => {
                let text = format!("connected to {address} as agent {agent}");
                let event = json!({"event": "connected", "agent_id": agent, "address": address});
                self.say(Some(Colour::Green), &text, &event);
            }
            Change::Away { reason } => {
                let text = format!("no manager: {}; going on, and trying again", said(reason));
                let event = json!({"event": "away", "reason": reason});
                self.say(Some(Colour::Yellow), &text, &event);
            }
            // The error that ends the program says it.
            Change::Hopeless { .. } => {}
        }
    }

    fn configured(self, config: &Config, ack: &ConfigAck) {
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

    fn trouble(self, trouble: Option<String>) {
        if let Some(trouble) = trouble {
            output::complain(NAME, &format!("{trouble}; results stay in memory"));
        }
    }

    fn end(self, kept: usize, on_disk: bool) {
        let text = match (kept, on_disk) {
            (0, _) => "all results are confirmed".to_string(),
            (kept, true) => format!("{kept} results unconfirmed, kept for the next start"),
            (kept, false) => format!("{kept} results unconfirmed, and lost: there is no --state"),
        };
        // The terminal has written ^C on this line.
        let text = if cli::stopping() { format!("\n{text}") } else { text };
        let event = json!({"event": "summary", "unconfirmed": kept, "kept": on_disk});
        self.say(None, &text, &event);
    }
}
