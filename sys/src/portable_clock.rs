//! Any other system: a clock of the program's own, which no other program shares.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime};

/// The name of the clock of [`monotonic_ns`], as it stands in every `start` event.
pub const CLOCK: &str = "since the program's start";

/// Nanoseconds since this was first asked.
pub fn monotonic_ns() -> u64 {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    BEGAN.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// The moment at which the kernel received the last datagram: not known here.
pub fn stamp_of_last<Socket>(_socket: &Socket) -> Option<SystemTime> {
    None
}
