//! How often a healthy server is declared down: by formula, and by simulation.

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use socklab::cli::{Exit, Rate};
use socklab::output;
use socklab::runs::{expected_beats, within};
use socklab::stats::wilson;

#[derive(clap::Args)]
pub struct Args {
    /// The share of beats that go unanswered, each by itself
    #[arg(long, value_name = "RATE", default_value = "30%", allow_negative_numbers = true)]
    loss: Rate,
    /// The server is declared down after so many in a row
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=100))]
    misses: u64,
    /// Within so many beats [default: a table]
    #[arg(long, value_name = "N")]
    beats: Option<u64>,
    /// Simulate so many runs beside it
    #[arg(long, value_name = "RUNS", value_parser = clap::value_parser!(u64).range(1..))]
    simulate: Option<u64>,
    /// The simulation's seed
    #[arg(long, value_name = "N", default_value = "1")]
    seed: u64,
}

/// So many beats are simulated at the most, about a minute's work.
const MOST_BEATS: f64 = 1e9;

pub fn run(args: &Args) -> Result<Exit, String> {
    let (loss, misses) = (args.loss.get(), args.misses as usize);
    let rows = match args.beats {
        Some(beats) => vec![beats],
        None => vec![3, 10, 50, 100, 1000],
    };
    let expected = expected_beats(loss, misses);
    if let Some(runs) = args.simulate {
        let longest = rows.iter().copied().max().unwrap_or(0) as f64;
        // A run ends when the server is declared down, or with the last row.
        let beats = runs as f64 * longest.min(expected);
        if beats > MOST_BEATS {
            return Err(format!(
                "--simulate {runs} would take about {beats:.0e} beats, more than {MOST_BEATS:.0e}; \
                 lower --simulate or --beats"
            ));
        }
    }

    output::line(&format!(
        "a healthy server, {} of whose answers are lost, is declared down after {misses} \
         misses in a row",
        args.loss
    ));
    let simulated = args.simulate.map(|runs| simulate(args, runs, rows.last().copied()));
    let heading = if simulated.is_some() { "   simulated (95% interval)" } else { "" };
    output::line(&format!("{:>12}  {:>12}{heading}", "within beats", "probability"));
    for beats in rows {
        let (alarm, none) = within(beats, loss, misses);
        let beside = simulated.as_ref().map_or(String::new(), |ends| beside(ends, beats));
        output::line(&format!("{beats:>12}  {:>12}{beside}", probability(alarm, none)));
    }
    output::line(&match expected {
        never if never.is_infinite() => "it is never declared down".to_string(),
        large if large >= 1e6 => format!("expected: {large:.4e} beats until it is"),
        small => format!("expected: {small:.2} beats until it is"),
    });
    Ok(Exit::Ok)
}

/// The beat at which each run declared the server down, if it did so by beat `most`.
fn simulate(args: &Args, runs: u64, most: Option<u64>) -> Vec<Option<u64>> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&args.seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    let mut one_run = || {
        let mut in_a_row = 0;
        for beat in 1..=most.unwrap_or(0) {
            let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            in_a_row = if uniform < args.loss.get() { in_a_row + 1 } else { 0 };
            if in_a_row == args.misses {
                return Some(beat);
            }
        }
        None
    };
    (0..runs).map(|_| one_run()).collect()
}

/// The share of runs that ended by beat `beats`.
fn beside(ends: &[Option<u64>], beats: u64) -> String {
    let by_then = ends.iter().flatten().filter(|&&end| end <= beats).count() as u64;
    let runs = ends.len() as u64;
    let share = 100.0 * by_then as f64 / runs as f64;
    let (low, high) = wilson(by_then, runs).unwrap_or((0.0, 1.0));
    format!("   {share:.2}% ({:.2}% to {:.2}%)", 100.0 * low, 100.0 * high)
}

/// A probability in per cent: with two decimals, or as many more as it takes
/// to see that it is not yet 100%. Very small ones as a power of ten.
fn probability(alarm: f64, none: f64) -> String {
    if alarm == 0.0 || none == 0.0 {
        return if none == 0.0 { "100%" } else { "0%" }.to_string();
    }
    if alarm < 1e-4 {
        return format!("{alarm:.3e}");
    }
    // Two decimals in per cent, unless less than 0.005% is left to 100%.
    let decimals = (-(100.0 * none).log10()).ceil().max(2.0) as usize;
    if decimals > 12 {
        return format!("1 - {none:.3e}");
    }
    let text = format!("{:.decimals$}", 100.0 - 100.0 * none);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_are_shown_as_far_as_they_say_something() {
        let shown = |beats| {
            let (alarm, none) = within(beats, 0.3, 3);
            probability(alarm, none)
        };
        let expected = ["0%", "2.7%", "15.51%", "62.48%", "86.39%", "99.9999998%"];
        assert_eq!([2, 3, 10, 50, 100, 1000].map(shown), expected);
        assert_eq!(probability(1.0, 0.0), "100%");
        assert_eq!(probability(1.0, 1e-30), "1 - 1.000e-30");
        assert_eq!(probability(1e-51, 1.0), "1.000e-51");
    }

    #[test]
    fn the_simulation_agrees_with_the_formula() {
        let args =
            Args { loss: Rate::percent(30), misses: 3, beats: None, simulate: None, seed: 1 };
        let ends = simulate(&args, 20_000, Some(100));
        for beats in [3, 10, 50, 100] {
            let by_then = ends.iter().flatten().filter(|&&end| end <= beats).count() as u64;
            let (low, high) = wilson(by_then, 20_000).unwrap();
            let exact = within(beats, 0.3, 3).0;
            assert!(low < exact && exact < high, "{beats}: {low} {exact} {high}");
        }
    }
}
