//! `monitor run`: checks every service at its own interval, until told to stop.
//!
//! New here: threads that wait for each other by messages alone. One decides
//! (`monitor/src/runner/`); checks, prompt, signals and scrapes come to it.

use std::io::{self, IsTerminal};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use monitor::command::Names;
use monitor::config::{Config, file, typed};
use monitor::console::Console;
use monitor::printer::Printer;
use monitor::runner::{Request, Runner, Sources};
use monitor::tell::Teller;
use monitor::{atomic, metrics, scrape};
use socklab::cli::Exit;
use socklab::output::{self, Painter};
use socklab::signals::{self, Signal};
use sys::TerminalMode;

use crate::NAME;
use crate::args::Args;
use crate::sample::Sample;
use crate::told::{FileIsRight, Start};

pub fn run(args: &Args) -> Result<Exit, String> {
    if args.check_config {
        return check_config(args);
    }
    let (config, sample) = match &args.config {
        Some(path) => (file::read(path).map_err(complain_of_all)?, None),
        None => (Config::default(), Some(Sample::start()?)),
    };
    let services = sample.as_ref().map_or(&config.services, |sample| &sample.services).clone();
    if services.is_empty() {
        return Err(
            "the file names no service to watch; `monitor sample-config` prints an example"
                .to_string(),
        );
    }

    // Two monitors in one folder would cut off each other's lines.
    let _folder = args.data.as_deref().map(atomic::lock_folder).transpose()?;
    // Bound before anything is said, so that a port in use is the first word.
    let listener = args.metrics.as_ref().map(|page| scrape::listen(page, 9464)).transpose()?;
    output::for_ever(NAME, duty(args));
    let terminal = TerminalMode::keep();
    let names = Names::default();
    let (console, at_prompt) = prompt(args, &names, &config).unzip();
    let printer = Printer::start(NAME, at_prompt)?;
    let sources = sources(args, &config, &sample);
    let mut runner = Runner::new(NAME, args.threads, teller(args), printer.clone(), names, sources);
    let count = services.len();
    runner.add_all(services);
    if let Some(folder) = &args.data {
        runner.keep_results(folder)?;
    }
    let metrics = listener.as_ref().and_then(|listener| listener.local_addr().ok());
    runner.say(teller(args).always(&Start::new(args, count, metrics)));
    let warning = listener.as_ref().and_then(scrape::warning);
    warning.into_iter().for_each(|warning| runner.note(warning));

    hear_signals(runner.outbox())?;
    if let Some(listener) = listener {
        let outbox = runner.outbox();
        scrape::serve(listener, move || page(&outbox))?;
    }
    if let Some(console) = console {
        console.start(runner.outbox(), printer)?;
    }
    runner.run();

    // Checks may still block in the kernel, and the prompt in its read. They
    // end with the process, which waits for none of them.
    if let Some(terminal) = terminal {
        terminal.put_back();
    }
    runner.finish();
    Ok(Exit::Ok)
}

/// `--check-config`: nothing is watched.
fn check_config(args: &Args) -> Result<Exit, String> {
    let Some(path) = &args.config else {
        return Err("--check-config needs a file: monitor run --check-config CONFIG.toml".into());
    };
    let config = file::read(path).map_err(complain_of_all)?;
    let told = FileIsRight::new(path.display().to_string(), config.services.len());
    output::line(&teller(args).always(&told));
    Ok(Exit::Ok)
}

/// What the monitor still does when nobody reads what it prints.
fn duty(args: &Args) -> Option<&'static str> {
    match (args.data.is_some(), args.metrics.is_some()) {
        (true, true) => Some("results are kept, and metrics shown"),
        (true, false) => Some("results are kept"),
        (false, true) => Some("metrics are shown"),
        (false, false) => None,
    }
}

/// SIGINT and SIGTERM end the monitor; SIGHUP has it read its file again, and
/// open that of the results anew.
fn hear_signals(runner: Sender<Request>) -> Result<(), String> {
    signals::hear(move |signal| {
        let request = match signal {
            Signal::HangUp => Request::Reload,
            Signal::End => Request::Stop,
        };
        // The runner has ended: then so does the process.
        let _ = runner.send(request);
    })
}

/// A scrape waits so long for the figures.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the thread that knows, and writes the page on this one.
fn page(runner: &Sender<Request>) -> Option<String> {
    let (reply, figures) = mpsc::channel();
    runner.send(Request::Figures(reply)).ok()?;
    Some(metrics::page(figures.recv_timeout(PATIENCE).ok()?))
}

/// A prompt, where a person sits at a terminal that can show one.
fn prompt(
    args: &Args,
    names: &Names,
    config: &Config,
) -> Option<(Console, monitor::printer::AtPrompt)> {
    let person = io::stdin().is_terminal() && io::stdout().is_terminal();
    if args.json || !person {
        return None;
    }
    // Without a prompt it is watched all the same, and Ctrl-C ends it.
    Console::new(Names::clone(names), config.exit_commands.clone()).ok()
}

/// Where services come from later on.
fn sources(args: &Args, config: &Config, sample: &Option<Sample>) -> Sources {
    let defaults = config.defaults.clone();
    let (path, built_in) =
        (args.config.clone(), sample.as_ref().map(|sample| sample.services.clone()));
    Sources {
        file_name: path
            .as_ref()
            .map_or("the sample".to_string(), |path| path.display().to_string()),
        file: Box::new(move || match &path {
            Some(path) => file::read(path).map(|config| config.services),
            None => Ok(built_in.clone().unwrap_or_default()),
        }),
        typed: Box::new(move |line| typed::parse(line)?.service(&defaults)),
        exit_words: config.exit_commands.clone(),
    }
}

fn teller(args: &Args) -> Teller {
    Teller::new(args.json, args.quiet, args.changes_only, Painter::for_stdout())
}

/// Prints all errors of a file but the last, which is given back to be printed as any error is.
fn complain_of_all(mut errors: Vec<String>) -> String {
    let last = errors.pop().unwrap_or_default();
    errors.iter().for_each(|error| output::complain(NAME, error));
    last
}
