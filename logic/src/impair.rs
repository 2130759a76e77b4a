//! Seeded damage: loss, bursts, delay, jitter, duplicates, reordering, corruption.
//!
//! The fate of the k-th request of the n-th client is a function of the seed,
//! n and k alone, for ever: no clock and no other client has a say in it. So
//! a sheet can quote which pings are lost. It rests on ChaCha8, whose output
//! is laid down by its specification (RFC 8439 describes the cipher, with 20
//! rounds where we take 8), and on nothing of a library's own invention: key
//! is the seed in little-endian order followed by zeros, nonce is n - 1.

use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use rand::{Rng, SeedableRng};

use crate::units::{Rate, show_duration};

/// Which requests are dropped.
#[derive(Debug, Clone, PartialEq)]
pub enum Loss {
    /// Each with the probability `first`, or `next` right after a loss: the two
    /// are equal unless losses come in bursts, of the mean length `burst`.
    Random { rate: Rate, first: f64, next: f64, burst: Option<f64> },
    /// These, counted from 1, and no others.
    Listed(Vec<u64>),
}

impl Loss {
    /// Random losses at this rate, each by itself or in bursts of this mean length.
    ///
    /// The Gilbert-Elliott model in its plainest form: a good state in which
    /// nothing is lost, a bad one in which everything is. A burst of mean length
    /// `mean` goes on with probability 1 - 1/mean; for the overall rate p to
    /// hold, one begins after a success with probability p / (mean (1 - p)).
    /// (E. N. Gilbert, Bell System Technical Journal 39, 1960, pages 1253 to 1265.)
    ///
    /// # Errors
    /// One line for a person: there are no such bursts at this rate.
    pub fn random(rate: Rate, burst: Option<f64>) -> Result<Loss, String> {
        let p = rate.get();
        let (first, next) = match burst {
            None => (p, p),
            Some(mean) if !mean.is_finite() || mean < 1.0 => {
                return Err(format!("--burst {mean}: a burst's mean length is a number from 1 up"));
            }
            Some(mean) if p < 1.0 && p / (mean * (1.0 - p)) <= 1.0 => {
                (p / (mean * (1.0 - p)), 1.0 - 1.0 / mean)
            }
            Some(mean) => {
                let shortest = if p < 1.0 {
                    format!("at least {:.1}", p / (1.0 - p))
                } else {
                    "without end".to_string()
                };
                return Err(format!(
                    "--burst {mean} cannot be had with --loss {rate}: \
                     when so much is lost, bursts are {shortest} long; lower --loss or raise --burst"
                ));
            }
        };
        Ok(Loss::Random { rate, first, next, burst })
    }

    /// These requests of each client, counted from 1.
    ///
    /// # Errors
    /// One line for a person: there is no request 0.
    pub fn listed(requests: Vec<u64>) -> Result<Loss, String> {
        if requests.contains(&0) {
            return Err("--drop counts requests from 1: there is no request 0".to_string());
        }
        Ok(Loss::Listed(requests))
    }
}

/// A plan of damage, from which each client gets its own [`Fates`].
#[derive(Debug, Clone, PartialEq)]
pub struct Impairment {
    pub seed: u64,
    pub loss: Loss,
    /// Every reply is held back for this long, and for a random time of up to
    /// `jitter` beyond that.
    pub delay: Duration,
    pub jitter: Duration,
    /// The shares of the replies that are sent twice, overtaken by the next
    /// one, and spoilt by one bit.
    pub duplicate: Rate,
    pub reorder: Rate,
    pub corrupt: Rate,
    /// The share of the replies that give way to an ICMP error, and to which,
    /// in words.
    pub reject: Option<(Rate, String)>,
}

impl Impairment {
    /// A plan that loses requests, and does no other damage.
    pub fn losing(loss: Loss, seed: u64) -> Impairment {
        Impairment {
            seed,
            loss,
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            duplicate: Rate::ZERO,
            reorder: Rate::ZERO,
            corrupt: Rate::ZERO,
            reject: None,
        }
    }

    /// The same, but this share of the replies gives way to an ICMP error, if
    /// a rate is given; `with` says which.
    pub fn rejecting(self, rate: Option<Rate>, with: String) -> Impairment {
        Impairment { reject: rate.map(|rate| (rate, with)), ..self }
    }

    /// For a server's first line: `loss 30%, delay 1.5s, seed 42`.
    pub fn describe(&self) -> String {
        let mut words = vec![match &self.loss {
            Loss::Random { rate, burst: None, .. } => format!("loss {rate}"),
            Loss::Random { rate, burst: Some(mean), .. } => {
                format!("loss {rate} in bursts of {mean} on average")
            }
            Loss::Listed(list) => {
                let list: Vec<String> = list.iter().map(u64::to_string).collect();
                format!("dropping requests {} of each client", list.join(","))
            }
        }];
        if !self.delay.is_zero() {
            words.push(format!("delay {}", show_duration(self.delay)));
        }
        if !self.jitter.is_zero() {
            words.push(format!("jitter {}", show_duration(self.jitter)));
        }
        for (name, rate) in
            [("duplicate", self.duplicate), ("reorder", self.reorder), ("corrupt", self.corrupt)]
        {
            if rate > Rate::ZERO {
                words.push(format!("{name} {rate}"));
            }
        }
        if let Some((rate, with)) = &self.reject {
            words.push(format!("reject {rate} with {with}"));
        }
        words.push(format!("seed {}", self.seed));
        words.join(", ")
    }

    /// The configured loss, where independent draws make it the probability
    /// of each loss: only then does a binomial interval apply to it.
    pub fn independent_loss(&self) -> Option<Rate> {
        match self.loss {
            Loss::Random { rate, burst: None, .. } => Some(rate),
            _ => None,
        }
    }

    /// Whether some reply may have to leave later than at once.
    pub fn delays(&self) -> bool {
        !self.delay.is_zero() || !self.jitter.is_zero() || self.reorder > Rate::ZERO
    }

    /// The fates of a client's requests; `client` counts clients from 1, in
    /// the order in which they were first seen.
    pub fn fates(&self, client: u64) -> Fates {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(client.wrapping_sub(1));
        Fates { random, requests: 0, lost_before: false }
    }

    /// The fate of this client's next request.
    pub fn next_fate(&self, client: &mut Fates) -> Fate {
        client.requests += 1;
        // Each request takes eight draws, needed or not, so that no flag
        // changes what another one does: --jitter loses no other pings.
        let mut draws = [0u64; 8];
        draws.fill_with(|| client.random.next_u64());
        let [loss, jitter, twice, held, corrupt, bit, reject, error] = draws;

        let lost = match &self.loss {
            Loss::Listed(list) => list.contains(&client.requests),
            // The very first request finds the line in either state, each as
            // often as it is in it on the whole.
            Loss::Random { rate, .. } if client.requests == 1 => hit(loss, rate.get()),
            Loss::Random { next, .. } if client.lost_before => hit(loss, *next),
            Loss::Random { first, .. } => hit(loss, *first),
        };
        client.lost_before = lost;
        if lost {
            return Fate::Dropped;
        }
        if self.reject.as_ref().is_some_and(|(rate, _)| hit(reject, rate.get())) {
            return Fate::Rejected { draw: error };
        }
        Fate::Replied(Treatment {
            delay: self.delay + self.jitter.mul_f64(uniform(jitter)),
            twice: hit(twice, self.duplicate.get()),
            held: hit(held, self.reorder.get()),
            corrupt: hit(corrupt, self.corrupt.get()).then_some(bit),
        })
    }
}

/// What happens to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Dropped,
    /// An ICMP error takes the reply's place; `draw` is a random number that
    /// chooses it, where there is a choice.
    Rejected {
        draw: u64,
    },
    Replied(Treatment),
}

/// What happens to a reply on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Treatment {
    pub delay: Duration,
    pub twice: bool,
    /// To be overtaken by the client's next reply.
    pub held: bool,
    /// A random number whose remainder by the reply's length in bits is the
    /// bit to flip, counted from the highest bit of the first byte.
    pub corrupt: Option<u64>,
}

impl Treatment {
    /// How often the reply is sent.
    pub fn copies(&self) -> u64 {
        1 + u64::from(self.twice)
    }

    /// Flips the bit; an empty reply has none.
    pub fn spoil(&self, reply: &mut [u8]) {
        if let (Some(random), false) = (self.corrupt, reply.is_empty()) {
            let bit = (random % (8 * reply.len() as u64)) as usize;
            reply[bit / 8] ^= 0x80 >> (bit % 8);
        }
    }
}

/// One client's fates, a request after the other.
#[derive(Debug)]
pub struct Fates {
    random: ChaCha8Rng,
    requests: u64,
    lost_before: bool,
}

impl Fates {
    /// The number of requests so far.
    pub fn requests(&self) -> u64 {
        self.requests
    }
}

/// A random number from 0 to just below 1, from a draw's upper 53 bits: as
/// many as a double's fraction holds.
fn uniform(draw: u64) -> f64 {
    (draw >> 11) as f64 / (1u64 << 53) as f64
}

/// True with this probability.
fn hit(draw: u64, probability: f64) -> bool {
    uniform(draw) < probability
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::wilson;
    use proptest::prelude::*;

    fn percent(loss: u8) -> Loss {
        Loss::random(Rate::percent(loss), None).unwrap()
    }

    /// A plan with the default loss.
    fn plan() -> Impairment {
        Impairment::losing(percent(30), 42)
    }

    /// The numbers of the requests that a client loses.
    fn lost(plan: &Impairment, client: u64, requests: u64) -> Vec<u64> {
        let mut fates = plan.fates(client);
        (1..=requests).filter(|_| plan.next_fate(&mut fates) == Fate::Dropped).collect()
    }

    /// The expected numbers come from another implementation of ChaCha8, in
    /// Python, which passes the RFC's test vector with 20 rounds.
    #[test]
    fn the_fates_of_a_seed_are_the_same_for_ever() {
        let plan = plan();
        assert_eq!(lost(&plan, 1, 30), [4, 5, 8, 9, 10, 13, 15, 17, 18, 21, 23, 27, 30]);
        assert_eq!(lost(&plan, 2, 30), [2, 7, 9, 11, 12, 16, 23, 24, 26, 30]);
        assert_eq!(lost(&plan, 3, 30), [1, 5, 11, 13, 22, 23, 24, 27]);
        let seed_3 = Impairment { seed: 3, ..plan };
        assert_eq!(lost(&seed_3, 1, 10), [2, 3, 9]);
    }

    #[test]
    fn bursts_that_cannot_be_are_refused_with_what_can() {
        let burst = |percent, mean| Loss::random(Rate::percent(percent), Some(mean));
        for mean in [0.5, 0.0, -1.0, f64::NAN, f64::INFINITY] {
            let why = burst(50, mean).unwrap_err();
            assert!(why.contains("is a number from 1 up"), "{mean}: {why}");
        }
        for (percent, mean, shortest) in [(90, 2.0, "at least 9.0 long"), (100, 5.0, "without end")]
        {
            let why = burst(percent, mean).unwrap_err();
            assert!(why.contains(shortest), "{why}");
        }
        // The shortest ones that there are: each loss is followed by one success.
        let rate = Rate::percent(50);
        let just = Loss::Random { rate, first: 1.0, next: 0.0, burst: Some(1.0) };
        assert_eq!(burst(50, 1.0), Ok(just));
    }

    #[test]
    fn a_plan_is_described_with_all_that_it_does() {
        let ms = Duration::from_millis;
        let all = Impairment {
            delay: ms(5),
            jitter: ms(2),
            duplicate: Rate::percent(1),
            reorder: Rate::percent(2),
            corrupt: Rate::percent(3),
            ..Impairment::losing(Loss::random(Rate::percent(30), Some(4.0)).unwrap(), 7)
        };
        let expected = "loss 30% in bursts of 4 on average, delay 5ms, jitter 2ms, \
                        duplicate 1%, reorder 2%, corrupt 3%, seed 7";
        assert_eq!(all.describe(), expected);
        let listed = Impairment::losing(Loss::listed(vec![2, 4]).unwrap(), 7);
        assert_eq!(listed.describe(), "dropping requests 2,4 of each client, seed 7");
        let loss = [&plan(), &all, &listed].map(Impairment::independent_loss);
        assert_eq!(loss, [Some(Rate::percent(30)), None, None]);
        assert!(Loss::listed(vec![1, 0]).is_err());
    }

    #[test]
    fn delay_jitter_and_reordering_hold_replies_back_and_nothing_else_does() {
        let (some, rate) = (Duration::from_millis(1), Rate::percent(1));
        for holding in [
            Impairment { delay: some, ..plan() },
            Impairment { jitter: some, ..plan() },
            Impairment { reorder: rate, ..plan() },
        ] {
            assert!(holding.delays(), "{holding:?}");
        }
        let other = Impairment { duplicate: rate, corrupt: rate, ..plan() };
        assert!(!other.rejecting(Some(rate), "port".to_string()).delays());
    }

    #[test]
    fn requests_are_counted_whatever_becomes_of_them_and_copies_are_one_or_two() {
        let twice = Impairment { duplicate: Rate::percent(50), ..plan() };
        let mut fates = twice.fates(1);
        let mut copies = Vec::new();
        for requests in 1..=99 {
            if let Fate::Replied(treatment) = twice.next_fate(&mut fates) {
                copies.push(treatment.copies());
                assert_eq!(treatment.copies() == 2, treatment.twice);
            }
            assert_eq!(fates.requests(), requests);
        }
        copies.sort_unstable();
        copies.dedup();
        assert_eq!(copies, [1, 2]);
    }

    #[test]
    fn no_other_flag_changes_what_is_lost() {
        let plain = lost(&plan(), 1, 1000);
        let much = Impairment {
            delay: Duration::from_millis(5),
            jitter: Duration::from_millis(5),
            duplicate: Rate::percent(50),
            reorder: Rate::percent(50),
            corrupt: Rate::percent(50),
            ..plan()
        };
        assert_eq!(lost(&much, 1, 1000), plain);
    }

    #[test]
    fn what_is_rejected_was_not_lost_and_changes_nothing_else() {
        let plain = plan();
        let some = plain.clone().rejecting(Some(Rate::percent(25)), "random".to_string());
        assert_eq!(some.describe(), "loss 30%, reject 25% with random, seed 42");
        let (mut before, mut after) = (plain.fates(1), some.fates(1));
        let (mut rejected, mut kept) = (0, 0);
        for _ in 0..100_000 {
            match (plain.next_fate(&mut before), some.next_fate(&mut after)) {
                (Fate::Replied(_), Fate::Rejected { .. }) => rejected += 1,
                (same, other) => {
                    assert_eq!(same, other);
                    kept += u32::from(same != Fate::Dropped);
                }
            }
        }
        let (low, high) = wilson(rejected, rejected + u64::from(kept)).unwrap();
        assert!(low < 0.25 && 0.25 < high, "{low} to {high}");
    }

    /// As the lost ones: from another implementation of ChaCha8, in Python.
    #[test]
    fn the_rejections_of_a_seed_are_the_same_for_ever() {
        let plan = plan().rejecting(Some(Rate::percent(50)), String::new());
        let mut fates = plan.fates(1);
        let drawn: Vec<(u64, u64)> = (1..=20)
            .filter_map(|number| match plan.next_fate(&mut fates) {
                Fate::Rejected { draw } => Some((number, draw % 5)),
                _ => None,
            })
            .collect();
        assert_eq!(drawn, [(1, 3), (7, 3), (11, 0), (12, 4), (19, 4)]);
    }

    #[test]
    fn listed_requests_are_dropped_and_no_others() {
        let listed = Impairment::losing(Loss::listed(vec![2, 5, 9]).unwrap(), 42);
        assert_eq!(lost(&listed, 1, 100), [2, 5, 9]);
        assert_eq!(lost(&listed, 2, 100), [2, 5, 9]);
    }

    #[test]
    fn bursts_have_their_length_and_keep_the_overall_rate() {
        let loss = Loss::random(Rate::percent(30), Some(4.0)).unwrap();
        let bursts = Impairment::losing(loss, 42);
        let requests = 400_000;
        let lost = lost(&bursts, 1, requests);
        let bursts = 1 + lost.windows(2).filter(|pair| pair[1] != pair[0] + 1).count();
        let rate = lost.len() as f64 / requests as f64;
        let length = lost.len() as f64 / bursts as f64;
        // Over five standard deviations of either; the seed is fixed anyway.
        assert!((rate - 0.3).abs() < 0.01, "{rate}");
        assert!((length - 4.0).abs() < 0.15, "{length}");
    }

    #[test]
    fn independent_losses_have_their_rate_and_come_in_bursts_of_their_own_length() {
        let requests = 200_000;
        let lost = lost(&plan(), 1, requests);
        let (low, high) = wilson(lost.len() as u64, requests).unwrap();
        assert!(low < 0.3 && 0.3 < high, "{low} to {high}");
    }

    #[test]
    fn each_kind_of_damage_has_its_rate() {
        let all = Impairment {
            jitter: Duration::from_millis(10),
            duplicate: Rate::percent(10),
            reorder: Rate::percent(20),
            corrupt: Rate::percent(40),
            ..Impairment::losing(percent(0), 42)
        };
        let mut fates = all.fates(1);
        let (mut twice, mut held, mut corrupt, mut waited) = (0, 0, 0, Duration::ZERO);
        for _ in 0..100_000 {
            let Fate::Replied(treatment) = all.next_fate(&mut fates) else {
                panic!("lost at a loss of 0");
            };
            twice += u32::from(treatment.twice);
            held += u32::from(treatment.held);
            corrupt += u32::from(treatment.corrupt.is_some());
            assert!(treatment.delay < Duration::from_millis(10));
            waited += treatment.delay;
        }
        for (count, expected) in [(twice, 10_000u32), (held, 20_000), (corrupt, 40_000)] {
            assert!(count.abs_diff(expected) < 800, "{count} instead of {expected}");
        }
        let mean = waited.as_secs_f64() * 1e3 / 1e5;
        assert!((mean - 5.0).abs() < 0.05, "{mean}");
    }

    #[test]
    fn extremes_are_certain() {
        let none = Impairment::losing(percent(0), 42);
        assert!(lost(&none, 1, 10_000).is_empty());
        let all = Impairment::losing(percent(100), 42);
        assert_eq!(lost(&all, 1, 10_000).len(), 10_000);
    }

    #[test]
    fn impossible_plans_are_refused() {
        for (loss, burst) in [(90, 2.0), (100, 5.0), (30, 0.5), (30, f64::NAN), (30, -1.0)] {
            let bursts = Loss::random(Rate::percent(loss), Some(burst));
            assert!(bursts.is_err(), "{loss}% {burst}");
        }
        assert!(Loss::listed(vec![0]).is_err());
    }

    #[test]
    fn one_bit_is_flipped() {
        let treatment = Treatment { corrupt: Some(9), ..Treatment::default() };
        let mut reply = [0, 0];
        treatment.spoil(&mut reply);
        assert_eq!(reply, [0, 0x40]);
        treatment.spoil(&mut []);
    }

    proptest! {
        #[test]
        fn a_uniform_number_lies_below_one(draw: u64) {
            prop_assert!((0.0..1.0).contains(&uniform(draw)));
        }
    }
}
