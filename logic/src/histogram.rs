//! A small histogram of round-trip times, in lines of text.

/// The longest bar, in characters.
const WIDEST: usize = 40;

/// Draws `sorted`, milliseconds from the shortest to the longest, as at most
/// a dozen bars. The bars share a width of 1, 2 or 5 times a power of ten,
/// such that ten of them reach from the shortest to the 95th percentile; what
/// lies beyond is gathered in the last one, or a single straggler would
/// squeeze all others into one bar.
pub fn draw(sorted: &[f64]) -> Vec<String> {
    let (Some(&shortest), Some(&longest)) = (sorted.first(), sorted.last()) else {
        return Vec::new();
    };
    let typical = sorted[(sorted.len() - 1) * 95 / 100];
    let width = round_up((typical - shortest) / 10.0);
    let start = (shortest / width).floor() as u64;
    let bars = (typical / width).floor() as u64 - start + 1;
    let decimals = (-width.log10().floor()).max(0.0) as usize;

    let mut counts = vec![0usize; bars as usize];
    let mut beyond = 0;
    for ms in sorted {
        match counts.get_mut(((ms / width).floor() as u64 - start) as usize) {
            Some(count) => *count += 1,
            None => beyond += 1,
        }
    }
    let most = counts.iter().copied().chain([beyond]).max().unwrap_or(1).max(1);
    let edge = |bar: u64| format!("{:.decimals$}", (start + bar) as f64 * width);
    let space = edge(bars).len();
    let mut rows: Vec<(String, usize)> = counts
        .iter()
        .zip(0..)
        .map(|(&count, bar)| (format!("{:>space$} to {:>space$}", edge(bar), edge(bar + 1)), count))
        .collect();
    if beyond > 0 {
        rows.push((format!("{} to {longest:.decimals$}", edge(bars)), beyond));
    }
    let label_space = rows.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(label, count)| {
            // A bar that stands for anything at all is seen.
            let bar = "#".repeat((count * WIDEST).div_ceil(most));
            let gap = if bar.is_empty() { "" } else { " " };
            format!("  {label:>label_space$} ms |{bar}{gap}{count}")
        })
        .collect()
}

/// The next of 1, 2, 5, 10, 20, 50 and so on, from a microsecond up.
fn round_up(width: f64) -> f64 {
    let width = width.max(0.001);
    let power = 10f64.powf(width.log10().floor());
    // A hair of room, so that 5.000000001 from rounding is still 5.
    let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| width <= factor * power * 1.000_001);
    factor.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn widths_are_round() {
        for (width, round) in [(0.0, 0.001), (0.0013, 0.002), (0.7, 1.0), (2.0, 2.0), (34.0, 50.0)]
        {
            assert!((round_up(width) - round).abs() < 1e-12, "{width}");
        }
    }

    #[test]
    fn every_sample_stands_in_its_bar() {
        let samples = [1.0, 1.5, 2.5, 2.6, 2.7, 4.2];
        let expected = [
            "  1.0 to 1.2 ms |#################### 1",
            "  1.2 to 1.4 ms |0",
            "  1.4 to 1.6 ms |#################### 1",
            "  1.6 to 1.8 ms |0",
            "  1.8 to 2.0 ms |0",
            "  2.0 to 2.2 ms |0",
            "  2.2 to 2.4 ms |0",
            "  2.4 to 2.6 ms |#################### 1",
            "  2.6 to 2.8 ms |######################################## 2",
            "  2.8 to 4.2 ms |#################### 1",
        ];
        assert_eq!(draw(&samples), expected);
    }

    #[test]
    fn few_samples_are_drawn_as_well() {
        assert!(draw(&[]).is_empty());
        assert_eq!(draw(&[0.0425]).len(), 1);
        assert_eq!(draw(&[0.0, 0.0]).len(), 1);
    }

    proptest! {
        #[test]
        fn no_sample_is_lost_and_the_picture_stays_small(
            mut samples in prop::collection::vec(0.0f64..1e7, 1..300)
        ) {
            samples.sort_by(f64::total_cmp);
            let lines = draw(&samples);
            prop_assert!(lines.len() <= 13);
            let total: usize = lines
                .iter()
                .filter_map(|line| line.split('|').nth(1))
                .map(|bar| bar.trim_start_matches('#').trim())
                .map(|count| count.parse::<usize>().unwrap())
                .sum();
            prop_assert_eq!(total, samples.len());
        }
    }
}
