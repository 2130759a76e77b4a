//! Chance that can be had again: all of it comes from a seed.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant, SystemTime};

/// How long each test goes on, unless GENERATED_SECONDS says otherwise.
const SECONDS: u64 = 10;

/// SplitMix64 (Steele, Lea and Flood, 2014): nothing here needs a better one.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// 0 to `most`, both included.
    pub fn up_to(&mut self, most: u64) -> u64 {
        self.next() % (most + 1)
    }

    pub fn one_in(&mut self, times: u64) -> bool {
        self.next().is_multiple_of(times)
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.up_to(from.len() as u64 - 1) as usize]
    }

    /// Up to so many random bytes.
    pub fn bytes(&mut self, most: u64) -> Vec<u8> {
        let count = self.up_to(most);
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}: {text:?} is no number")))
}

/// Plays rounds until the time is over, each with dice of another seed. A round
/// that fails says how to have it again.
pub fn rounds(test: &str, round: impl Fn(&mut Dice)) {
    if let Some(seed) = number("GENERATED_SEED") {
        return round(&mut Dice::new(seed));
    }
    let seconds = number("GENERATED_SECONDS");
    // The suite plays the same rounds each time; who gives it longer wants others.
    let first = match seconds {
        None => 1,
        Some(_) => SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_secs()) << 20,
    };
    let (began, limit) = (Instant::now(), Duration::from_secs(seconds.unwrap_or(SECONDS)));
    let mut seed = first;
    while began.elapsed() < limit {
        let played = catch_unwind(AssertUnwindSafe(|| round(&mut Dice::new(seed))));
        if let Err(panic) = played {
            say(&format!("{test}: to have this again: GENERATED_SEED={seed}\n"));
            resume_unwind(panic);
        }
        seed += 1;
    }
    println!("{test}: {} rounds, seeds {first} to {}", seed - first, seed - 1);
}

/// To standard error itself: the test runner holds back what eprintln! prints.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
