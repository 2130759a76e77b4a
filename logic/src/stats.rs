//! RTT and loss statistics: pure, one pass, each formula with its source.
//!
//! No figure is invented: where there are no samples there is `None`, never 0.

use std::collections::VecDeque;
use std::time::Duration;

/// What became of the probes, one count a fate. Each probe sent is counted
/// once among `received`, `late`, `lost`, `corrupt` and `errors`, or is still
/// [waiting](Counts::waiting); the other counts are of packets beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that the operating system refused to send are among them, as
    /// errors; those that were only planned are not.
    pub sent: u64,
    /// Answered in time, with the right bytes.
    pub received: u64,
    /// Answered, but after the timeout.
    pub late: u64,
    /// Not answered by anybody.
    pub lost: u64,
    /// Answered with the wrong bytes.
    pub corrupt: u64,
    /// Answered by an ICMP error in place of the server, or never sent
    /// because the operating system refused.
    pub errors: u64,
    /// Further replies to a probe that was answered before.
    pub duplicates: u64,
    /// Packets that answer nothing of ours.
    pub foreign: u64,
}

impl Counts {
    /// Probes of which nothing is known yet.
    pub fn waiting(&self) -> u64 {
        self.sent - self.decided()
    }

    /// Whether anything at all came in from the server's address.
    pub fn any_sign_of_life(&self) -> bool {
        self.received + self.late + self.corrupt + self.foreign > 0
    }

    fn decided(&self) -> u64 {
        self.received + self.late + self.lost + self.corrupt + self.errors
    }

    /// Probes that brought nothing back from the server, be it silence or an
    /// error from someone on the way, as `ping` counts its packet loss.
    fn unanswered(&self) -> u64 {
        self.lost + self.errors
    }

    /// The share of unanswered probes among those whose fate is known, from 0 to 1.
    pub fn loss(&self) -> Option<f64> {
        let decided = self.decided();
        (decided > 0).then(|| self.unanswered() as f64 / decided as f64)
    }

    /// The 95% confidence interval of [`loss`](Counts::loss).
    pub fn loss_interval(&self) -> Option<(f64, f64)> {
        wilson(self.unanswered(), self.decided())
    }

    /// `3 of 10`, the two numbers behind [`loss`](Counts::loss).
    pub fn loss_fraction(&self) -> (u64, u64) {
        (self.unanswered(), self.decided())
    }
}

/// The 95% Wilson score interval for the probability of an event that was
/// seen `hits` times in `trials` independent trials: from and to, from 0 to 1.
///
/// It is the set of all probabilities p under which the observation lies
/// within 1.96 standard deviations, sqrt(p(1-p)/n), of what p would have one
/// expect; so, unlike the textbook's p ± 1.96 sqrt(p(1-p)/n), it says
/// something sensible for 0 of 10. (E. B. Wilson, Journal of the American
/// Statistical Association 22, 1927, pages 209 to 212.)
///
/// ```
/// let (low, high) = logic::stats::wilson(3, 10).unwrap();
/// assert_eq!(format!("{:.1}% to {:.1}%", 100.0 * low, 100.0 * high), "10.8% to 60.3%");
/// ```
pub fn wilson(hits: u64, trials: u64) -> Option<(f64, f64)> {
    if trials == 0 {
        return None;
    }
    // 97.5% of a normal distribution lie below this many standard deviations.
    let z = 1.959_963_984_540_054;
    let (hits, n) = (hits as f64, trials as f64);
    let p = hits / n;
    let centre = p + z * z / (2.0 * n);
    let spread = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    // Where nothing, or everything, was hit, one end is 0 or 1 exactly, which
    // rounding would miss by a hair.
    let low = if hits == 0.0 { 0.0 } else { (centre - spread) / scale };
    let high = if hits == n { 1.0 } else { (centre + spread) / scale };
    Some((low, high))
}

/// Percentiles are those of so many last samples, 8 MB of memory; all other
/// figures are of all samples, in constant memory.
const KEPT: usize = 1_000_000;

/// Round-trip times, in milliseconds, in the order in which the replies came.
#[derive(Debug, Clone, Default)]
pub struct Rtts {
    count: u64,
    min: f64,
    max: f64,
    mean: f64,
    /// Sum of the squared distances from the mean.
    squares: f64,
    last: f64,
    jitter: f64,
    recent: VecDeque<f64>,
}

impl Rtts {
    pub fn add(&mut self, rtt: Duration) {
        self.add_ms(rtt.as_secs_f64() * 1e3);
    }

    fn add_ms(&mut self, ms: f64) {
        self.count += 1;
        if self.count == 1 {
            (self.min, self.max) = (ms, ms);
        } else {
            self.min = self.min.min(ms);
            self.max = self.max.max(ms);
            self.jitter += ((ms - self.last).abs() - self.jitter) / 16.0;
        }
        self.last = ms;
        // B. P. Welford, Technometrics 4, 1962, pages 419 to 420: one pass,
        // and no difference of two large sums that are nearly equal.
        let distance = ms - self.mean;
        self.mean += distance / self.count as f64;
        self.squares += distance * (ms - self.mean);

        if self.recent.len() == KEPT {
            self.recent.pop_front();
        }
        self.recent.push_back(ms);
    }

    pub fn count(&self) -> u64 {
        self.count
    }

    pub fn min(&self) -> Option<f64> {
        (self.count > 0).then_some(self.min)
    }

    pub fn avg(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    pub fn max(&self) -> Option<f64> {
        (self.count > 0).then_some(self.max)
    }

    /// The population standard deviation, which `ping` calls mdev.
    pub fn mdev(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.squares / self.count as f64).sqrt())
    }

    /// RFC 3550, section 6.4.1, with the difference of two successive RTTs
    /// for the difference of two transit times: a mean of their absolute
    /// values in which each new one counts for a sixteenth. It takes two
    /// replies to have one.
    pub fn jitter(&self) -> Option<f64> {
        (self.count > 1).then_some(self.jitter)
    }

    /// The smallest sample that is not exceeded by `percent` per cent of
    /// them (the nearest-rank definition): always a time that was measured.
    pub fn percentile(&self, percent: f64) -> Option<f64> {
        let sorted = self.sorted();
        let rank = (percent / 100.0 * sorted.len() as f64).ceil() as usize;
        sorted.get(rank.saturating_sub(1)).copied()
    }

    /// The samples that are kept, from the shortest to the longest.
    pub fn sorted(&self) -> Vec<f64> {
        let mut sorted: Vec<f64> = self.recent.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rtts(samples: &[f64]) -> Rtts {
        let mut rtts = Rtts::default();
        samples.iter().for_each(|&ms| rtts.add_ms(ms));
        rtts
    }

    /// An interval in per cent, rounded as the text rounds it.
    fn interval(hits: u64, trials: u64) -> (f64, f64) {
        let (low, high) = wilson(hits, trials).unwrap();
        ((low * 1000.0).round() / 10.0, (high * 1000.0).round() / 10.0)
    }

    #[test]
    fn a_duration_is_added_in_milliseconds() {
        let mut rtts = Rtts::default();
        rtts.add(Duration::from_micros(1500));
        rtts.add(Duration::from_millis(2));
        assert_eq!((rtts.min(), rtts.max()), (Some(1.5), Some(2.0)));
    }

    #[test]
    fn counts_tell_what_is_lost_of_what_is_decided() {
        let counts = Counts {
            sent: 20,
            received: 5,
            late: 1,
            lost: 3,
            corrupt: 1,
            errors: 2,
            ..Counts::default()
        };
        assert_eq!(counts.waiting(), 8);
        // 3 lost and 2 errors of 5 + 1 + 3 + 1 + 2.
        assert_eq!(counts.loss_fraction(), (5, 12));
        assert_eq!(counts.loss(), Some(5.0 / 12.0));
        assert_eq!(counts.loss_interval(), wilson(5, 12));
        let nothing_yet = Counts { sent: 2, ..Counts::default() };
        assert_eq!((nothing_yet.loss(), nothing_yet.loss_interval()), (None, None));
    }

    #[test]
    fn any_datagram_of_the_server_is_a_sign_of_life() {
        let counts = |received, late, corrupt, foreign| Counts {
            sent: 9,
            lost: 2,
            errors: 1,
            duplicates: 1,
            received,
            late,
            corrupt,
            foreign,
        };
        assert!(!counts(0, 0, 0, 0).any_sign_of_life());
        for signs in
            [counts(1, 0, 0, 0), counts(0, 1, 0, 0), counts(0, 0, 1, 0), counts(0, 0, 0, 1)]
        {
            assert!(signs.any_sign_of_life());
        }
        assert!(counts(1, 1, 0, 0).any_sign_of_life() && counts(1, 0, 1, 1).any_sign_of_life());
    }

    #[test]
    fn wilsons_interval_agrees_with_published_values() {
        assert_eq!(interval(3, 10), (10.8, 60.3));
        assert_eq!(interval(30, 100), (21.9, 39.6));
        assert_eq!(interval(0, 10), (0.0, 27.8));
        assert_eq!(interval(10, 10), (72.2, 100.0));
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn at_both_ends_of_the_interval_the_observation_is_just_believable() {
        // Worked the other way round: under p the observed share is exactly
        // 1.96 standard deviations away.
        for (hits, trials) in [(3, 10), (30, 100), (1, 7), (6000, 20000)] {
            let (low, high) = wilson(hits, trials).unwrap();
            for p in [low, high] {
                let n = trials as f64;
                let away = (hits as f64 / n - p).abs() / (p * (1.0 - p) / n).sqrt();
                assert!((away - 1.959_963_984_540_054).abs() < 1e-9, "{away}");
            }
        }
    }

    #[test]
    fn the_deviation_is_the_populations() {
        let two = rtts(&[10.0, 101.0]);
        assert_eq!(two.mdev(), Some(45.5));
        assert_eq!(two.avg(), Some(55.5));
        // Mean 5, squared distances 9 1 1 1 0 0 4 16, their mean 4.
        let eight = rtts(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]);
        assert_eq!(eight.mdev(), Some(2.0));
    }

    #[test]
    fn jitter_is_rfc_3550s() {
        // |D| = 16, then 32: J = 16/16 = 1, then 1 + (32 - 1)/16 = 2.9375.
        assert_eq!(rtts(&[10.0, 26.0]).jitter(), Some(1.0));
        assert_eq!(rtts(&[10.0, 26.0, 58.0]).jitter(), Some(2.9375));
    }

    #[test]
    fn percentiles_are_samples_that_were_measured() {
        let hundred: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        let hundred = rtts(&hundred);
        assert_eq!(hundred.percentile(50.0), Some(50.0));
        assert_eq!(hundred.percentile(95.0), Some(95.0));
        assert_eq!(hundred.percentile(99.0), Some(99.0));
        let three = rtts(&[3.0, 1.0, 2.0]);
        assert_eq!(three.percentile(50.0), Some(2.0));
        assert_eq!(three.percentile(99.0), Some(3.0));
    }

    #[test]
    fn without_samples_there_are_no_figures() {
        let none = Rtts::default();
        let figures = [none.min(), none.avg(), none.max(), none.mdev(), none.jitter()];
        assert_eq!(figures, [None; 5]);
        assert_eq!(none.percentile(50.0), None);
        assert_eq!(rtts(&[1.0]).jitter(), None);
        assert_eq!(Counts::default().loss(), None);
        assert_eq!(Counts::default().loss_interval(), None);
    }

    #[test]
    fn what_is_still_under_way_is_not_lost() {
        let counts = Counts { sent: 5, received: 3, lost: 1, ..Counts::default() };
        assert_eq!(counts.waiting(), 1);
        assert_eq!(counts.loss(), Some(0.25));
    }

    #[test]
    fn percentiles_forget_the_oldest_samples() {
        let mut rtts = Rtts::default();
        (0..KEPT).for_each(|_| rtts.add_ms(1.0));
        (0..KEPT / 2 + 1).for_each(|_| rtts.add_ms(3.0));
        assert_eq!(rtts.sorted().len(), KEPT);
        assert_eq!(rtts.percentile(50.0), Some(3.0));
        assert_eq!(rtts.min(), Some(1.0));
    }

    proptest! {
        #[test]
        fn one_pass_agrees_with_two(samples in prop::collection::vec(0.001f64..10_000.0, 1..200)) {
            let n = samples.len() as f64;
            let mean = samples.iter().sum::<f64>() / n;
            let variance = samples.iter().map(|ms| (ms - mean).powi(2)).sum::<f64>() / n;
            let mut sorted = samples.clone();
            sorted.sort_by(f64::total_cmp);

            let rtts = rtts(&samples);
            let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
            prop_assert!(near(rtts.avg().unwrap(), mean));
            prop_assert!(near(rtts.mdev().unwrap().powi(2), variance));
            prop_assert_eq!(rtts.min().unwrap(), sorted[0]);
            prop_assert_eq!(rtts.max().unwrap(), sorted[sorted.len() - 1]);
            for percent in [50.0, 95.0, 99.0] {
                // The definition, by counting.
                let found = rtts.percentile(percent).unwrap();
                let at_most = sorted.iter().filter(|&&ms| ms <= found).count() as f64;
                let below = sorted.iter().filter(|&&ms| ms < found).count() as f64;
                prop_assert!(at_most / n >= percent / 100.0 && below / n < percent / 100.0);
            }
        }

        #[test]
        fn the_interval_holds_the_observation(trials in 1u64..100_000, share in 0.0f64..=1.0) {
            let hits = (share * trials as f64) as u64;
            let (low, high) = wilson(hits, trials).unwrap();
            let p = hits as f64 / trials as f64;
            prop_assert!(0.0 <= low && low <= p && p <= high && high <= 1.0);
        }
    }
}
