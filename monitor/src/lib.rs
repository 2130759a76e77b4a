//! The monitor: watching services, and saying of each no more than was seen.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`verdict`] | what a check can say of a service |

pub mod verdict;
