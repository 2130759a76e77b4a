//! The flags that every pinger has, with the same meaning.

use std::time::Duration;

use clap::Args;

use crate::endpoint::FamilyArgs;
use logic::units::{count, duration, positive_duration};

/// How many requests, how far apart, and how to show what becomes of them.
///
/// A program with another default changes that of the flag, as in
/// `#[command(mut_arg("interval", |flag| flag.default_value("1s")))]`.
#[derive(Debug, Clone, Args)]
pub struct PingArgs {
    /// Stop after N requests; 0 goes on until Ctrl-C
    #[arg(short = 'n', long, value_name = "N", default_value = "10", value_parser = count, allow_hyphen_values = true)]
    pub count: u64,
    /// Send a request every TIME; 0 sends each one when the last is answered or timed out
    #[arg(short, long, value_name = "TIME", default_value = "0", value_parser = duration, allow_hyphen_values = true)]
    pub interval: Duration,
    /// Wait this long for a reply
    #[arg(short = 'W', long, value_name = "TIME", default_value = "1s", value_parser = positive_duration, allow_hyphen_values = true)]
    pub timeout: Duration,
    /// Show only the summary
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    pub json: bool,
    /// Draw the distribution of the round-trip times
    #[arg(long)]
    pub histogram: bool,
    #[command(flatten)]
    pub family: FamilyArgs,
}
