//! The monitor: watching services, and saying of each no more than was seen.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`lab`] | services to watch, on loopback, each of which can be broken |
//! | [`verdict`] | what a check can say of a service |

pub mod lab;
pub mod verdict;
