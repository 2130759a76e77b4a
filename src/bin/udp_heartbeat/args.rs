//! The flags of client and server.

use std::time::Duration;

use logic::units;
use socklab::endpoint::Endpoint;
use socklab::impair_args::ImpairArgs;
use socklab::ping_args::PingArgs;
use socklab::ports;

#[derive(clap::Args)]
#[command(
    mut_arg("count", |flag| flag.default_value("1000")),
    mut_arg("quiet", |flag| flag.help("Show only the verdicts and the summary"))
)]
pub struct ClientArgs {
    /// The server: `HOST`, `HOST:PORT` or `[V6]:PORT`; a port alone is one on 127.0.0.1
    #[arg(default_value_t = Endpoint::on_loopback(ports::HEARTBEAT))]
    pub server: Endpoint,
    /// Take the server for dead after N unanswered beats in a row
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..), allow_hyphen_values = true)]
    pub misses: u64,
    /// Then go on watching, and tell when it comes back
    #[arg(long)]
    pub retry: bool,
    #[command(flatten)]
    pub ping: PingArgs,
}

#[derive(clap::Args)]
pub struct ServerArgs {
    /// Listen on this address; port 0 picks a free one
    #[arg(long, value_name = "ADDRESS", default_value_t = Endpoint::on_loopback(ports::HEARTBEAT))]
    pub bind: Endpoint,
    /// Say that a client has stopped when it sent no beat for this long
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::positive_duration, allow_hyphen_values = true)]
    pub silence: Duration,
    /// Let this server's clock be wrong by this much: 2.5s is fast, -2.5s slow
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = offset, allow_hyphen_values = true)]
    pub clock_offset: f64,
    /// Show no beats, only who stops and returns, and the totals at the end
    #[arg(short, long)]
    pub quiet: bool,
    /// Print JSON lines (see EVENTS.md)
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub impair: ImpairArgs,
}

/// A duration that may be negative, in seconds.
fn offset(text: &str) -> Result<f64, String> {
    match text.strip_prefix('-') {
        Some(text) => units::duration(text).map(|duration| -duration.as_secs_f64()),
        None => units::duration(text).map(|duration| duration.as_secs_f64()),
    }
}
