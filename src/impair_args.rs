//! The flags with which a server spoils its service on purpose, and the plan that they make.

use std::time::Duration;

use clap::Args;
use logic::impair::{Impairment, Loss};
use logic::units::{Rate, duration};
use rand::TryRng;
use rand::rngs::SysRng;

/// The flags with which a server spoils its service on purpose.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Damage done on purpose")]
pub struct ImpairArgs {
    /// Drop this share of the requests [default: 30%]
    #[arg(long, value_name = "RATE", allow_hyphen_values = true)]
    pub loss: Option<Rate>,
    /// Draw the same fates again; without it a seed is drawn, and shown
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub seed: Option<u64>,
    /// Drop exactly these requests of each client, counted from 1: 2,5,9
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_hyphen_values = true, conflicts_with_all = ["loss", "burst"])]
    pub drop: Vec<u64>,
    /// Let losses come in bursts of this mean length, at the same overall rate
    #[arg(long, value_name = "LEN", allow_hyphen_values = true)]
    pub burst: Option<f64>,
    /// Hold every reply back for this long
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0", allow_hyphen_values = true)]
    pub delay: Duration,
    /// Hold each reply back for a further random time, between 0 and this
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "0", allow_hyphen_values = true)]
    pub jitter: Duration,
    /// Send this share of the replies twice
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true)]
    pub duplicate: Rate,
    /// Let this share of the replies be overtaken by the client's next one
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true)]
    pub reorder: Rate,
    /// Flip one random bit in this share of the replies
    #[arg(long, value_name = "RATE", default_value = "0", allow_hyphen_values = true)]
    pub corrupt: Rate,
}

impl ImpairArgs {
    /// The plan that these flags ask for.
    ///
    /// # Errors
    /// One line for a person: flags that contradict each other.
    pub fn plan(&self, default_loss: Rate) -> Result<Impairment, String> {
        let loss = if self.drop.is_empty() {
            Loss::random(self.loss.unwrap_or(default_loss), self.burst)?
        } else {
            Loss::listed(self.drop.clone())?
        };
        Ok(Impairment {
            delay: self.delay,
            jitter: self.jitter,
            duplicate: self.duplicate,
            reorder: self.reorder,
            corrupt: self.corrupt,
            ..Impairment::losing(loss, given_or_drawn(self.seed)?)
        })
    }
}

/// The seed that was given, or a random one.
///
/// # Errors
/// One line for a person: the system has no random numbers to give.
pub fn given_or_drawn(seed: Option<u64>) -> Result<u64, String> {
    let draw = || {
        // Four digits are easily typed again, and as good as any.
        let random = SysRng.try_next_u64().map(|random| random % 10_000);
        random.map_err(|why| format!("cannot draw a seed: {why}; give one with --seed 1"))
    };
    seed.map_or_else(draw, Ok)
}
