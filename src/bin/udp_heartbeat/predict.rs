//! How often a healthy server is declared down: by formula, and by simulation.

use logic::stats::wilson;
use logic::units::Rate;
use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};
use socklab::cli::Exit;
use socklab::output;

use crate::runs::{expected_beats, within};

#[derive(clap::Args)]
pub struct Args {
    /// The share of beats that go unanswered, each by itself
    #[arg(long, value_name = "RATE", default_value = "30%", allow_hyphen_values = true)]
    loss: Rate,
    /// The server is declared down after N misses in a row
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=100))]
    misses: u64,
    /// Within N beats [default: a table]
    #[arg(long, value_name = "N")]
    beats: Option<u64>,
    /// Simulate N runs beside it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
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
        // A run ends when the server is declared down, or with the last row;
        // and the shortest one takes its time as well.
        let beats = runs as f64 * longest.min(expected).max(1.0);
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
    let alarms = args.simulate.map(|runs| (simulate(args, runs, &rows), runs));
    let heading = if alarms.is_some() { "   simulated (95% interval)" } else { "" };
    output::line(&format!("{:>12}  {:>12}{heading}", "within beats", "probability"));
    for (row, &beats) in rows.iter().enumerate() {
        let (alarm, none) = within(beats, loss, misses);
        let beside =
            alarms.as_ref().map_or(String::new(), |(alarms, runs)| beside(alarms[row], *runs));
        output::line(&format!("{beats:>12}  {:>12}{beside}", probability(alarm, none)));
    }
    output::line(&match expected {
        _ if loss == 0.0 => "it is never declared down".to_string(),
        endless if endless.is_infinite() => {
            "expected: more than 1e308 beats until it is".to_string()
        }
        large if large >= 1e6 => format!("expected: {large:.4e} beats until it is"),
        small => format!("expected: {small:.2} beats until it is"),
    });
    Ok(Exit::Ok)
}

/// Of so many runs, those that declared the server down within the beats of each row.
fn simulate(args: &Args, runs: u64, rows: &[u64]) -> Vec<u64> {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&args.seed.to_le_bytes());
    let mut random = ChaCha8Rng::from_seed(key);
    let most = rows.iter().copied().max().unwrap_or(0);
    let mut alarms = vec![0; rows.len()];
    for _ in 0..runs {
        let mut in_a_row = 0;
        for beat in 1..=most {
            let uniform = (random.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
            in_a_row = if uniform < args.loss.get() { in_a_row + 1 } else { 0 };
            if in_a_row == args.misses {
                let later = |row: &(&mut u64, &u64)| beat <= *row.1;
                alarms.iter_mut().zip(rows).filter(later).for_each(|(count, _)| *count += 1);
                break;
            }
        }
    }
    alarms
}

/// The share of runs that ended in an alarm.
fn beside(alarms: u64, runs: u64) -> String {
    let share = 100.0 * alarms as f64 / runs as f64;
    let (low, high) = wilson(alarms, runs).unwrap_or((0.0, 1.0));
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
        let rows = [3, 10, 50, 100];
        for (alarms, beats) in simulate(&args, 20_000, &rows).into_iter().zip(rows) {
            let (low, high) = wilson(alarms, 20_000).unwrap();
            let exact = within(beats, 0.3, 3).0;
            assert!(low < exact && exact < high, "{beats}: {low} {exact} {high}");
        }
    }
}
