//! The clock that all processes share and nobody sets.

use std::mem::MaybeUninit;

/// The name of the clock of [`monotonic_ns`], as it stands in every `start` event.
pub const CLOCK: &str = "CLOCK_MONOTONIC";

/// Nanoseconds since some moment before the machine's programs began
/// (clock_gettime(2), CLOCK_MONOTONIC).
pub fn monotonic_ns() -> u64 {
    // SAFETY: all zeros is a valid timespec.
    let mut time: libc::timespec = unsafe { MaybeUninit::zeroed().assume_init() };
    // SAFETY: `time` is a timespec that outlives the call. The call cannot
    // fail: every Unix has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
