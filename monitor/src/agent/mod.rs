//! What a monitoring agent is made of.

pub mod accept;
pub mod allow;
pub mod backoff;
pub mod journal;
pub mod link;
pub mod spool;
pub mod state;
pub mod storage;
pub mod work;
