//! The flags of `monitor run`.

use std::path::PathBuf;

use monitor::engine::pool;
use socklab::endpoint::Endpoint;

// Its words for --help stand in main.rs: here they would be those of the whole program.
#[derive(clap::Args)]
#[group(skip)]
pub struct Args {
    /// What to watch; see `monitor sample-config`. Without a file, the monitor
    /// watches services that it starts itself
    #[arg(value_name = "CONFIG.toml")]
    pub config: Option<PathBuf>,
    /// Check the file for errors, and exit
    #[arg(long)]
    pub check_config: bool,
    /// Print changes of state, but not every result
    #[arg(long)]
    pub changes_only: bool,
    /// Print neither results nor changes
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    pub json: bool,
    /// Store the results in this folder, one file per day (UTC); the next start continues from them
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Serve the latest results to Prometheus at this address, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS")]
    pub metrics: Option<Endpoint>,
    /// Run at most N checks at once, each on its own thread
    #[arg(long, value_name = "N", default_value_t = pool::THREADS, value_parser = threads, allow_negative_numbers = true)]
    pub threads: usize,
}

fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| "a number of threads is 1 to 10000".to_string())
}
