//! The monitor: watching services, and saying of each no more than was seen.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`lab`] | services to watch, on loopback, each of which can be broken |
//! | [`verdict`] | what a check can say of a service |
//! | [`outcome`] | what one check found, and the time that it may take |
//! | [`check`] | the checks, one file a type of service |
//! | [`service`] | a service to be watched: its name, its check, how often |
//! | [`config`] | what to check, from a line typed or from a TOML file |

pub mod check;
pub mod config;
pub mod lab;
pub mod outcome;
pub mod service;
pub mod verdict;
