//! Runs of losses: how likely is it that some number of them come in a row?
//!
//! A watcher that takes a server for dead after `misses` beats without an
//! answer will, sooner or later, do so to a server that is well, because
//! losses come in a row by chance. When, can be worked out exactly.

/// The probability that among `beats` beats, each unanswered with the
/// probability `loss` by itself, some `misses` in a row are.
///
/// D(n), the probability for n beats, obeys a recurrence: the first such run
/// ends with beat n if the last `misses` beats are lost, the one before them
/// is not, and no run came earlier:
///
/// ```text
/// D(n) = 0                                            for n < misses
/// D(n) = loss^misses                                  for n = misses
/// D(n) = D(n-1) + (1-loss) loss^misses (1 - D(n-misses-1))    beyond
/// ```
///
/// That takes n steps; a billion are too many. Here the same is written as a
/// Markov chain: its state is the number of losses in a row so far, and
/// `misses` is the state that is never left. A beat is a multiplication by the
/// matrix of its transitions, and a billion beats are the billionth power of
/// it, had by squaring it thirty times. All its entries are positive, so
/// nothing is ever subtracted, and a probability of 1e-51 keeps its digits.
///
/// The second figure is the probability that no such run occurs, which near 1
/// the first one could not tell.
///
/// The time it takes grows with the cube of `misses`, and with the logarithm
/// of `beats`.
pub fn within(beats: u64, loss: f64, misses: usize) -> (f64, f64) {
    // Row: the state before a beat; column: the state after it.
    let mut power = vec![vec![0.0; misses + 1]; misses + 1];
    for state in 0..misses {
        power[state][0] = 1.0 - loss;
        power[state][state + 1] = loss;
    }
    power[misses][misses] = 1.0;

    let mut state = vec![0.0; misses + 1];
    state[0] = 1.0;
    let mut left = beats;
    while left > 0 {
        if left % 2 == 1 {
            state = times(&state, &power);
        }
        left /= 2;
        if left > 0 {
            power = power.iter().map(|row| times(row, &power)).collect();
        }
    }
    (state[misses], state[..misses].iter().sum())
}

/// A row of probabilities times a matrix of them. The product adds up to 1
/// again, but for the rounding, which is taken out: a billion beats would
/// make a ten-millionth of it.
fn times(row: &[f64], matrix: &[Vec<f64>]) -> Vec<f64> {
    let mut product = vec![0.0; row.len()];
    for (factor, other) in row.iter().zip(matrix) {
        // Many entries are zero, in the first powers most of them.
        if *factor != 0.0 {
            for (sum, entry) in product.iter_mut().zip(other) {
                *sum += factor * entry;
            }
        }
    }
    let total: f64 = product.iter().sum();
    product.iter().map(|entry| entry / total).collect()
}

/// How many beats it takes on average until `misses` in a row are lost:
/// (1 - loss^misses) / ((1 - loss) loss^misses). Infinite for a loss of 0, and
/// where it is too large for a number, from 1.8e308 on.
///
/// (W. Feller, An Introduction to Probability Theory and Its Applications,
/// volume 1, chapter XIII.7.)
pub fn expected_beats(loss: f64, misses: usize) -> f64 {
    if loss == 1.0 {
        return misses as f64;
    }
    // As a sum, 1/loss + 1/loss^2 + ..., which subtracts nothing.
    (1..=misses).map(|k| loss.powi(-(k as i32))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The recurrence of the doc comment, step by step.
    fn by_recurrence(beats: usize, loss: f64, misses: usize) -> f64 {
        let run = loss.powi(misses as i32);
        let mut d = vec![0.0; beats + 1];
        for n in misses..=beats {
            d[n] = match n - misses {
                0 => run,
                before => d[n - 1] + (1.0 - loss) * run * (1.0 - d[before - 1]),
            };
        }
        d[beats]
    }

    /// All 2^beats outcomes, one by one.
    fn by_counting(beats: u32, loss: f64, misses: usize) -> f64 {
        (0u32..1 << beats)
            .filter(|outcome| {
                (0..beats)
                    .scan(0, |run, beat| {
                        *run = if outcome >> beat & 1 == 1 { *run + 1 } else { 0 };
                        Some(*run)
                    })
                    .any(|run| run == misses)
            })
            .map(|outcome| {
                let lost = outcome.count_ones() as i32;
                loss.powi(lost) * (1.0 - loss).powi(beats as i32 - lost)
            })
            .sum()
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-9 * b.abs()
    }

    #[test]
    fn the_known_values_are_met() {
        for (beats, percent) in [(3, 2.7), (10, 15.51), (50, 62.48), (100, 86.39)] {
            let alarm = 100.0 * within(beats, 0.3, 3).0;
            assert!((alarm - percent).abs() < 0.005, "{beats} beats: {alarm}%");
        }
        let (_, none) = within(1000, 0.3, 3);
        assert_eq!(format!("{:.7}", 100.0 * (1.0 - none)), "99.9999998");
        assert_eq!(format!("{:.2}", expected_beats(0.3, 3)), "51.48");
    }

    #[test]
    fn it_agrees_with_counting_all_outcomes() {
        for (loss, misses) in [(0.3, 3), (0.5, 2), (0.9, 5), (0.1, 1)] {
            assert!(near(within(14, loss, misses).0, by_counting(14, loss, misses)));
        }
    }

    #[test]
    fn it_is_sound_where_the_numbers_are_small_and_where_they_are_large() {
        // A run can end with nearly each of the billion beats, with the
        // probability (1 - p) p^10.
        let (alarm, none) = within(1_000_000_000, 1e-6, 10);
        assert!((alarm / 1e-51 - (1.0 - 1e-6)).abs() < 1e-7, "{alarm:e}");
        assert!((none - 1.0).abs() < 1e-9);
        let (alarm, none) = within(1_000_000_000, 0.3, 3);
        assert_eq!(alarm, 1.0);
        assert_eq!(none, 0.0);
        assert!(near(expected_beats(1e-6, 10), 1.000_001e60));
    }

    #[test]
    fn extremes_are_certain() {
        assert_eq!(within(1_000_000, 0.0, 3), (0.0, 1.0));
        assert_eq!(within(2, 1.0, 3), (0.0, 1.0));
        assert_eq!(within(3, 1.0, 3), (1.0, 0.0));
        assert_eq!(expected_beats(0.0, 3), f64::INFINITY);
        assert_eq!(expected_beats(1.0, 3), 3.0);
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_recurrence(beats in 0usize..400, loss in 0.0f64..1.0, misses in 1usize..12) {
            let (alarm, none) = within(beats as u64, loss, misses);
            prop_assert!((alarm - by_recurrence(beats, loss, misses)).abs() < 1e-9);
            prop_assert!((alarm + none - 1.0).abs() < 1e-9);
        }
    }
}
