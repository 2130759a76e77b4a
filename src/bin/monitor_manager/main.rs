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

mod commands;
mod teller;

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;

use clap::Parser;
use commands::{prompt, read_commands};
use logic::pace::LOOK_UP;
use monitor::manager::data::Data;
use monitor::manager::results::Results;
use monitor::manager::service::Manager;
use monitor::manager::{listener, metrics, notices};
use monitor::printer::Printer;
use monitor::token::Token;
use monitor::{atomic, scrape, tls};
use socklab::cli::{self, Exit};
use socklab::endpoint::{Endpoint, Family};
use socklab::errors::cannot_listen;
use socklab::output;
use socklab::threads;
use sys::TerminalMode;
use teller::{Start, Teller};

const NAME: &str = "monitor_manager";

/// Give monitoring tasks to agents, and collect their results
#[derive(Parser)]
#[command(version, name = NAME)]
struct Args {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:54321")]
    bind: Endpoint,
    /// Store the configuration in this file
    #[arg(long, value_name = "FILE", default_value = "data.json")]
    data: PathBuf,
    /// Store the results in this folder, one file per day (UTC); `none` keeps them only in memory
    /// [default: `results` beside the file of --data]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// Store at most SIZE of results in all, such as 500M; those beyond stay with their agents
    #[arg(long, value_name = "SIZE", default_value = "10G", value_parser = size, allow_negative_numbers = true)]
    max_disk: u64,
    /// Serve the latest results to Prometheus at this address, such as 127.0.0.1:9465
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<Endpoint>,
    /// Admit only agents that know the token in this file
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// Write a new random token to this file, and exit
    #[arg(long, value_name = "FILE", exclusive = true)]
    new_token: Option<PathBuf>,
    /// Use TLS, with this certificate
    #[arg(long, value_name = "CERTIFICATE.pem", requires = "tls_key")]
    tls: Option<PathBuf>,
    /// The private key of the certificate
    #[arg(long, value_name = "KEY.pem", requires = "tls")]
    tls_key: Option<PathBuf>,
    /// Print what needs attention, but not every result
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    json: bool,
}

/// A number of bytes, or of KiB, MiB or GiB.
fn size(text: &str) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30)];
    let unit = units.iter().find_map(|&(letter, bits)| Some((text.strip_suffix(letter)?, bits)));
    let (number, bits) = unit.unwrap_or((text, 0));
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << bits));
    size.ok_or_else(|| "a size is a number of bytes, or as 100K, 500M or 10G".to_string())
}

fn main() -> ExitCode {
    cli::finish(NAME, run(&cli::parse(NAME)))
}

impl Args {
    /// Where results are kept, if they are.
    fn results(&self) -> Option<PathBuf> {
        match &self.results {
            Some(none) if none.as_os_str() == "none" => None,
            Some(folder) => Some(folder.clone()),
            None => Some(self.data.with_file_name("results")),
        }
    }
}

fn run(args: &Args) -> Result<Exit, String> {
    if let Some(path) = &args.new_token {
        return new_token(path);
    }
    let address = args.bind.resolve(54321, Family::Any)?;
    let token = token(args, address)?;
    let token_warning = token.as_ref().and_then(Token::warning);
    let tls = match (&args.tls, &args.tls_key) {
        (Some(certificate), Some(key)) => Some(tls::server(certificate, key)?),
        _ => None,
    };
    // Lock first, bind second, mend files last: whoever cannot run must not
    // touch what belongs to one that does.
    let _lock = atomic::lock(&args.data)?;
    let folder = args.results();
    let _folder = folder.as_deref().map(atomic::lock_folder).transpose()?;
    let data = Data::load(&args.data)?;
    let listener = listen(address)?;
    let address =
        listener.local_addr().map_err(|why| format!("the socket has no address: {why}"))?;
    let scraped = args.metrics.as_ref().map(|page| scrape::listen(page, 9465)).transpose()?;
    let (results, notes) = Results::open(folder.as_deref())?;
    let results = results.bounded(args.max_disk)?;
    cli::stop_on_ctrl_c()?;

    let (notices, inbox) = notices::queue();
    let manager = Arc::new(Manager::new(data, args.data.clone(), results, token, notices));
    output::for_ever(NAME, Some("agents are served"));
    let terminal = TerminalMode::keep();
    let (prompt, at_prompt) = prompt(args, &manager).unzip();
    let printer = Printer::start(NAME, at_prompt)?;
    let teller = Teller::new(args.json, args.quiet, printer.clone());
    let metrics = scraped.as_ref().and_then(|scraped| scraped.local_addr().ok());
    teller.tell(&Start::new(args, address, metrics));
    notes.into_iter().for_each(|note| printer.complain(NAME, note));
    let warning = token_warning.map(str::to_string);
    let warnings = warning.into_iter().chain(scraped.as_ref().and_then(scrape::warning));
    warnings.into_iter().for_each(|warning| printer.complain(NAME, warning));

    if let Some(scraped) = scraped {
        let manager = Arc::clone(&manager);
        let page = move || Some(metrics::page(&manager));
        scrape::serve(scraped, page)?;
    }
    let telling = (Arc::clone(&manager), teller.clone());
    threads::start("notices", move || telling.1.tell_all(&telling.0, &inbox))?;
    let (ended, end) = mpsc::channel();
    let commands = Arc::clone(&manager);
    threads::start("console", move || read_commands(prompt, &commands, &teller, &ended))?;
    let doors = Arc::clone(&manager);
    threads::start("accept", move || listener::accept(NAME, &listener, &doors, tls.as_ref()))?;

    wait_for_the_end(&end);
    if let Some(terminal) = terminal {
        terminal.put_back();
    }
    printer.flush();
    Ok(Exit::Ok)
}

/// The token, without which nobody else's machine may reach the manager.
fn token(args: &Args, address: SocketAddr) -> Result<Option<Token>, String> {
    let token = args.token_file.as_deref().map(Token::read).transpose()?;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(format!(
            "cannot listen on {address} without a token: anybody could pass for an agent there; \
             make one (monitor_manager --new-token token) and give --token-file token, here and \
             to every agent"
        ));
    }
    Ok(token)
}

fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    // Each connection is an open file.
    sys::allow_many_files();
    let listener = TcpListener::bind(address).map_err(|why| cannot_listen(address, 't', &why))?;
    // accept must not block: the end is to be seen while nobody comes.
    listener.set_nonblocking(true).map_err(|why| format!("cannot stop it blocking: {why}"))?;
    Ok(listener)
}

/// Until Ctrl-C, or `exit`. The end of a pipe of commands ends nothing.
fn wait_for_the_end(end: &Receiver<()>) {
    while !cli::stopping() {
        match end.recv_timeout(LOOK_UP) {
            Ok(()) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => thread::sleep(LOOK_UP),
        }
    }
}

fn new_token(path: &Path) -> Result<Exit, String> {
    Token::make(path)?;
    let shown = path.display();
    output::line(&format!(
        "{NAME}: a new token is in {shown}; give --token-file {shown} here and to every agent"
    ));
    Ok(Exit::Ok)
}
