//! What the toolkit's programs share.
pub mod cli;
pub mod clients;
pub mod clock;
pub mod delay;
pub mod endpoint;
pub mod histogram;
pub mod impair;
pub mod output;
pub mod probes;
pub mod report;
pub mod stats;
pub mod sys;
pub mod tally;
pub mod wire;
