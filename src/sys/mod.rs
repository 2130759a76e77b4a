//! The little that std does not reach, one file an operating system.
//!
//! Each file offers the same functions; where a system lacks something, its
//! file says so in its result, and the programs go on without.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
pub use linux::{receive, stamp_arrivals};

#[cfg(not(target_os = "linux"))]
mod portable;
#[cfg(not(target_os = "linux"))]
pub use portable::{receive, stamp_arrivals};
