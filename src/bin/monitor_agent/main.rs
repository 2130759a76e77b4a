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

mod event;
mod log;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use event::{Start, Summary};
use log::Log;
use logic::pace::LOOK_UP;
use monitor::agent::accept::judge;
use monitor::agent::allow::Allowed;
use monitor::agent::link::{Change, Link, PORT};
use monitor::agent::storage::Storage;
use monitor::agent::work::{Order, Spooler, Work};
use monitor::engine::pool;
use monitor::guard::lock;
use monitor::printer::Printer;
use monitor::protocol::{Config, ConfigAck};
use monitor::random;
use monitor::token::Token;
use monitor::{atomic, bounds, tls};
use socklab::cli::{self, Exit};
use socklab::clock::At;
use socklab::endpoint::Endpoint;
use socklab::output::{self, Painter};
use socklab::threads;

const NAME: &str = "monitor_agent";

/// What the disk did not take is tried again so often.
const MEND_EVERY: Duration = Duration::from_secs(1);

/// Run checks for a manager, and report every result to it
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Address of the manager: `HOST`, `HOST:PORT` or `[V6]:PORT`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:54321")]
    manager: Endpoint,
    /// Store identifier, configuration and unsent results in this file, and in FILE.spool; without
    /// it they are in memory only, and lost when the agent ends
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Keep at most N results that the manager has not confirmed; beyond that, drop the oldest
    #[arg(long, value_name = "N", default_value = "10000", value_parser = spool, allow_negative_numbers = true)]
    spool: usize,
    /// Contact only this network (10.0.0.0/8), address, name or *.lab.test; may be given more than once
    #[arg(long, value_name = "CIDR_OR_NAME")]
    allow: Vec<Allowed>,
    /// A name for people, shown by the manager
    #[arg(long, value_name = "NAME", value_parser = name)]
    name: Option<String>,
    /// Require both sides to prove that they know the token in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Use TLS, to a manager whose certificate was issued by the authority in this file
    #[arg(long, value_name = "CA.pem")]
    tls_ca: Option<PathBuf>,
    /// Run at most N checks at once, each on its own thread
    #[arg(long, value_name = "N", default_value_t = pool::THREADS, allow_negative_numbers = true)]
    threads: usize,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
}

fn spool(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=1_000_000).contains(number));
    number.ok_or_else(|| "a number of results is 1 to 1000000".to_string())
}

fn name(text: &str) -> Result<String, String> {
    match text.len() {
        ..=bounds::NAME => Ok(text.to_string()),
        length => Err(format!("it has {length} bytes, and may have {}", bounds::NAME)),
    }
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let token = args.token_file.as_deref().map(Token::read).transpose()?;
    let authority = args.tls_ca.as_deref();
    let tls = authority.map(|file| tls::client(file, &args.manager.host)).transpose()?;
    let _lock = args.state.as_deref().map(atomic::lock).transpose()?;
    let (storage, notes) = Storage::open(args.state.as_deref(), args.spool)?;
    let boot_id = random::hex(16)?;
    cli::stop_on_ctrl_c()?;
    output::for_ever(NAME, Some("what the manager says is watched"));

    let printer = Printer::start(NAME, None)?;
    let log = Log { json: args.json, painter: Painter::for_stdout(), printer };
    log.tell(&Start::new(args, storage.state.agent_id, storage.spool().results()));
    notes.into_iter().for_each(|note| log.printer.complain(NAME, note));
    let known = storage.state.config.clone();
    let storage = Arc::new(Mutex::new(storage));

    // The tasks run in a thread of their own, and so does the connection: one
    // goes on when the other cannot.
    let spooler = Spooler::new(Arc::clone(&storage), boot_id.clone());
    let work = Work::new(args.threads.max(1), spooler);
    let orders = work.outbox();
    threads::start("work", move || work.run())?;

    let configure = configurer(args.allow.clone(), orders, log.clone());
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
        storage: Arc::clone(&storage),
    };
    let (hopeless, end) = mpsc::channel();
    let admitted = Arc::new(AtomicBool::new(false));
    let (teller, once_admitted) = (log.clone(), Arc::clone(&admitted));
    let tell = move |change: Change| {
        teller.changed(&change);
        if matches!(change, Change::Connected { .. }) {
            once_admitted.store(true, Ordering::Relaxed);
        }
        if let Change::Hopeless { reason } = change {
            let _ = hopeless.send(reason);
        }
    };
    threads::start("link", move || link.run(cli::stopping, configure, tell))?;
    let hopeless = wait_for_the_end(&end, &storage, &log);

    // Held from here on: what is counted and written now is what is kept.
    let mut storage = lock(&storage);
    storage.mend();
    log.tell(&summary(&storage, args, admitted.load(Ordering::Relaxed)));
    log.printer.flush();
    hopeless.map_or(Ok(Exit::Ok), Err)
}

/// What becomes of a configuration: its tasks are judged, and those accepted go to work.
fn configurer(
    allow: Vec<Allowed>,
    work: Sender<Order>,
    log: Log,
) -> impl Fn(&Config) -> ConfigAck + Send + 'static {
    move |config| {
        let (accepted, ack) = judge(config, &allow);
        // The work is over only when the agent is ending.
        let _ = work.send(Order::Tasks(accepted));
        log.configured(config, &ack);
        ack
    }
}

fn summary(storage: &Storage, args: &Args, admitted: bool) -> Summary {
    Summary {
        at_ns: At::now(),
        unconfirmed: storage.spool().results(),
        kept: storage.spool_is_on_disk(),
        state: args.state.is_some(),
        admitted,
        interrupted: cli::stopping(),
    }
}

/// Until Ctrl-C, or until it is hopeless to go on: gives the reason for that.
/// Looked for here, for the connection's thread may be held up by the lookup
/// of a name, or by a host that does not answer.
fn wait_for_the_end(end: &Receiver<String>, storage: &Mutex<Storage>, log: &Log) -> Option<String> {
    let mut mended = Instant::now();
    while !cli::stopping() {
        match end.recv_timeout(LOOK_UP) {
            Ok(reason) => return Some(reason),
            Err(RecvTimeoutError::Timeout) => {}
            // The connection's thread has ended: it saw the signal first.
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_UP),
        }
        let mut storage = lock(storage);
        if mended.elapsed() > MEND_EVERY {
            storage.mend();
            mended = Instant::now();
        }
        if let Some(trouble) = storage.take_trouble() {
            log.trouble(&trouble);
        }
    }
    None
}
