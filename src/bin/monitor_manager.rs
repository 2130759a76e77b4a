//! The management service: says what is to be watched and by whom, and keeps what the agents report.
//!
//! ```text
//! cargo run -q --bin monitor_manager
//! cargo run -q --bin monitor_manager -- --results results --token-file token
//! ```
//!
//! You get a prompt, and above it the results as they come, and a marked line
//! when an agent comes, goes, or is out of order. What is entered is kept in
//! data.json, and reaches a connected agent at once. Sheet:
//! labs/09-manager-and-agents.md.
//!
//! New here: state that survives. A change is on disk before it is confirmed,
//! and a file is replaced whole or not at all.

use std::io::{self, BufRead, IsTerminal};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use clap::Parser;
use monitor::atomic;
use monitor::config::typed;
use monitor::manager::console::{self, Reply};
use monitor::manager::data::Data;
use monitor::manager::notices::Inbox;
use monitor::manager::results::Results;
use monitor::manager::service::Manager;
use monitor::manager::tell::Notice;
use monitor::manager::{listener, metrics, notices};
use monitor::printer::Printer;
use monitor::prompt::Prompt;
use monitor::proof::Token;
use monitor::{scrape, tls};
use serde_json::json;
use socklab::cli::{self, Exit, LOOK_UP};
use socklab::endpoint::{Endpoint, Family, cannot_listen, cause};
use socklab::output::{self, Painter, harmless_json};
use socklab::sys::{self, TerminalMode};

const NAME: &str = "monitor_manager";
const PROMPT: &str = "manager> ";

/// Hand monitoring tasks to agents, and keep their results
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:54321")]
    bind: Endpoint,
    /// Keep the configuration in this file
    #[arg(long, value_name = "FILE", default_value = "data.json")]
    data: PathBuf,
    /// Keep the results in this folder, a file a day (of UTC)
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Show the latest results to Prometheus, for example at 127.0.0.1:9465
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<Endpoint>,
    /// Let in only agents that know what is in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Speak TLS, with this certificate
    #[arg(long, value_name = "CERTIFICATE.pem", requires = "tls_key")]
    tls: Option<PathBuf>,
    /// The certificate's private key
    #[arg(long, value_name = "KEY.pem", requires = "tls")]
    tls_key: Option<PathBuf>,
    /// Show anomalies, and not every result
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

fn run(args: &Args) -> Result<Exit, String> {
    let address = args.bind.resolve(54321, Family::Any)?;
    let token = args.token_file.as_deref().map(Token::read).transpose()?;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(format!(
            "cannot listen on {address} without a token: anybody could pass for an agent there; \
             make one (head -c 32 /dev/urandom | base64 >token) and give --token-file token, here \
             and to every agent"
        ));
    }
    let tls = match (&args.tls, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::server(certificate, key)?),
        _ => None,
    };
    // Lock first, bind second, mend files last: whoever cannot run must not
    // touch what belongs to one that does.
    let _lock = atomic::lock(&args.data)?;
    let _folder = args.results.as_deref().map(atomic::lock_folder).transpose()?;
    let data = Data::load(&args.data)?;
    // Each connection is an open file.
    sys::allow_many_files();
    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    // accept must not block: the end is to be seen while nobody comes.
    listener.set_nonblocking(true).map_err(|why| format!("cannot stop it blocking: {why}"))?;
    let address =
        listener.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    let scraped = args.metrics.as_ref().map(|page| scrape::listen(page, 9465)).transpose()?;
    let (results, notes) = Results::open(args.results.as_deref())?;
    cli::stop_on_ctrl_c()?;

    let (notices, inbox) = notices::queue();
    let manager = Manager::new(data, args.data.clone(), results, token, notices);
    let manager = Arc::new(manager);
    output::for_ever(NAME, Some("agents are served"));
    let terminal = TerminalMode::keep();
    let (prompt, at_prompt) = match prompt(args, &manager) {
        Some((prompt, at_prompt)) => (Some(prompt), Some(at_prompt)),
        None => (None, None),
    };
    let printer = Printer::start(NAME, at_prompt).map_err(|why| no_thread(&why))?;
    printer.line(start(args, address, scraped.as_ref()));
    notes.into_iter().for_each(|note| printer.complain(NAME, note));
    let warning = scraped.as_ref().and_then(scrape::warning);
    warning.into_iter().for_each(|warning| printer.complain(NAME, warning));

    if let Some(scraped) = scraped {
        let manager = Arc::clone(&manager);
        let page = move || Some(metrics::page(&manager));
        scrape::serve(scraped, page).map_err(|why| no_thread(&why))?;
    }
    let teller = Teller { json: args.json, quiet: args.quiet, painter: Painter::for_stdout() };
    let telling = (Arc::clone(&manager), printer.clone());
    spawn("notices", move || teller.tell_all(&telling.0, &inbox, &telling.1))?;
    let (ended, end) = mpsc::channel();
    let commands = (Arc::clone(&manager), printer.clone());
    spawn("console", move || read_commands(prompt, &commands.0, &commands.1, &ended))?;
    let doors = Arc::clone(&manager);
    spawn("accept", move || listener::accept(NAME, &listener, &doors, tls.as_ref()))?;

    // Until Ctrl-C, or `exit`. The end of a pipe of commands ends nothing.
    while !cli::stopping() {
        match end.recv_timeout(LOOK_UP) {
            Ok(()) => break,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_UP),
        }
    }
    if let Some(terminal) = terminal {
        terminal.put_back();
    }
    printer.flush();
    Ok(Exit::Ok)
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let thread = thread::Builder::new().name(name.to_string());
    thread.spawn(work).map(drop).map_err(|why| no_thread(&why))
}

fn no_thread(why: &io::Error) -> String {
    format!("cannot start a thread: {}", cause(why))
}

/// A prompt, where a person sits at a terminal that can show one.
fn prompt(args: &Args, manager: &Arc<Manager>) -> Option<(Prompt, monitor::printer::AtPrompt)> {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    if args.json || !person {
        return None;
    }
    let manager = Arc::clone(manager);
    let complete = move |line: &str| {
        let begun = line.rfind(char::is_whitespace).map_or(0, |at| at + 1);
        (begun, console::complete(&manager, line))
    };
    Prompt::new(PROMPT, Box::new(complete)).ok()
}

/// Executes commands, from the prompt or, where there is none, from the lines
/// of stdin, until one of them is to end.
fn read_commands(prompt: Option<Prompt>, manager: &Manager, printer: &Printer, ended: &Sender<()>) {
    let at_prompt = prompt.is_some();
    let lines: Box<dyn Iterator<Item = String>> = match prompt {
        Some(mut prompt) => Box::new(std::iter::from_fn(move || prompt.read())),
        None => Box::new(io::stdin().lock().lines().map_while(Result::ok)),
    };
    for line in lines {
        match console::execute(manager, understand, &line) {
            Reply::Lines(lines) if lines.is_empty() => {}
            Reply::Lines(lines) => printer.line(lines.join("\n")),
            Reply::Wrong(why) => printer.complain(NAME, why),
            Reply::Exit => {
                let _ = ended.send(());
                return;
            }
        }
        // The reply stands before the next prompt.
        printer.flush();
    }
    // Ctrl-C or Ctrl-D at the prompt; the end of a pipe means nothing.
    if at_prompt {
        let _ = ended.send(());
    }
}

/// A check as it is typed for the monitor, and its interval.
fn understand(typed: &str) -> Result<(String, Option<Duration>), String> {
    let typed = typed::parse(typed)?;
    let interval = typed.interval();
    let service = typed.service(&Default::default())?;
    Ok((service.check.to_string(), interval))
}

fn start(args: &Args, address: SocketAddr, scraped: Option<&TcpListener>) -> String {
    let metrics = scraped.and_then(|scraped| scraped.local_addr().ok());
    let results = args.results.as_ref().map(|folder| folder.display().to_string());
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
    text += if token { ", token asked for" } else { ", no token" };
    text += &format!(", configuration in {}", args.data.display());
    match results {
        Some(folder) => text += &format!(", results in {folder}"),
        None => text += ", results in memory alone",
    }
    if let Some(address) = metrics {
        text += &format!(", metrics at http://{address}/metrics");
    }
    text
}

/// How notices are told.
struct Teller {
    json: bool,
    quiet: bool,
    painter: Painter,
}

impl Teller {
    /// Tells them as they come, and looks for agents that stay away.
    fn tell_all(&self, manager: &Manager, inbox: &Inbox, printer: &Printer) {
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
