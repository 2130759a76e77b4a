//! The clock that all processes share and nobody sets.

use std::time::Duration;

use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};

/// The name of the clock of [`monotonic_ns`], as it stands in every `start` event.
pub const CLOCK: &str = "QueryPerformanceCounter";

/// Nanoseconds since the machine was started.
pub fn monotonic_ns() -> u64 {
    as_nanoseconds(ticks())
}

/// The time since the counter stood at `ticks`.
pub fn since(ticks_then: u64) -> Option<Duration> {
    Some(Duration::from_nanos(as_nanoseconds(ticks().checked_sub(ticks_then)?)))
}

fn ticks() -> u64 {
    let mut ticks = 0;
    // SAFETY: it fills in the number that it is given, and cannot fail.
    unsafe { QueryPerformanceCounter(&raw mut ticks) };
    ticks as u64
}

fn as_nanoseconds(ticks: u64) -> u64 {
    let mut a_second = 0;
    // SAFETY: as above. It never changes while the machine runs.
    unsafe { QueryPerformanceFrequency(&raw mut a_second) };
    (u128::from(ticks) * 1_000_000_000 / (a_second as u128).max(1)) as u64
}
